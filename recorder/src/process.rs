//! The recorder as a process: looks at its desk and at every worker's tap fifty times a second while
//! something is recorded, and twice a second while nothing is.
//!
//! It may die and come back at any time: then it asks what is recorded, goes on with that in new files, and
//! completes the rest.

use crate::closing::{Closer, Job};
use crate::desk::{FromRecorder, ToRecorder, to_bytes};
use crate::folder::{Folder, Name};
use crate::manifest::Room;
use crate::output::Syncer;
use crate::route::Sessions;
use crate::scribe::Scribe;
use crate::session::{Begin, Session, Surroundings};
use crate::settings::{Segments, Settings};
use crate::store::Store;
use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};
use std::collections::{HashSet, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use volley::base::Time;
use volley::control::Corrupt;
use volley::control::desk;
use volley::control::handover::RecorderHandover;
use volley::control::tap::{TapReader, TapWish, Tapped};

/// While something is recorded: a tap holds ten times what comes meanwhile.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// While nothing is: a recording begins as much later.
const IDLE_PAUSE: Duration = Duration::from_millis(100);

/// How often signaling is told how recordings go.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Signaling is asked again what is recorded when it has not answered for so long: it may just have begun.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// What signaling has not been told yet, since it does not listen; recordings that ended, mostly.
const MOST_UNSAID: usize = 10_000;

/// Values taken from one tap before the others have their turn.
const VALUES_AT_ONCE: usize = 2_048;

/// Runs until `ending` says so; then every recording is completed.
pub fn run(handover: RecorderHandover, ending: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let mut recorder = Recorder::new(handover)?;
    while !ending.load(Ordering::Relaxed) {
        let is_busy = recorder.turn(now());
        std::thread::sleep(if is_busy { BUSY_PAUSE } else { IDLE_PAUSE });
    }
    recorder.end(now());
    Ok(())
}

/// Gives what a worker told by its tap to the session that it is for.
fn hand_on(sessions: &mut Sessions, now: Time, tap: usize, (value, bytes): (&Tapped, &[u8])) {
    match *value {
        Tapped::Began => sessions.on_worker_gone(now, tap),
        Tapped::Lost { values } => {
            tracing::warn!(worker = tap, values, "the recorder was behind: packets are not recorded");
            // Whose they were nobody knows.
            sessions.all_mut().for_each(|session| session.on_dropped(values));
        }
        Tapped::Packet(packet) => {
            if let Some(session) = sessions.of_packet(packet.track, tap) {
                session.on_value(now, value, bytes);
            }
        }
        Tapped::Report { track, .. }
        | Tapped::Restarted { track, .. }
        | Tapped::Muted { track, .. }
        | Tapped::Ended { track } => {
            if let Some(session) = sessions.of(track) {
                session.on_value(now, value, bytes);
            }
            if matches!(value, Tapped::Ended { .. }) {
                sessions.forget(track);
            }
        }
    }
}

fn now() -> Time {
    let monotonic = clock_gettime(ClockId::Monotonic);
    Time::from_nanos(monotonic.tv_sec as u64 * 1_000_000_000 + monotonic.tv_nsec as u64)
}

/// How far signaling has said what is recorded.
#[derive(PartialEq, Eq, Debug)]
enum Told {
    /// Nothing yet; asked for last at that time.
    Nothing(Option<Time>),
    /// It is saying it: what was named so far.
    Some(HashSet<String>),
    /// All of it.
    All,
}

struct Recorder {
    taps: Vec<TapReader>,
    desk: OwnedFd,
    around: Surroundings,
    closer: Closer,
    sessions: Sessions,
    /// What must be said and was not.
    unsaid: VecDeque<FromRecorder>,
    told: Told,
    next_tell: Time,
}

impl Recorder {
    fn new(handover: RecorderHandover) -> anyhow::Result<Recorder> {
        let settings = Settings::from_bytes(&handover.settings).context("the recorder's settings")?;
        let folder = Folder::new(settings.path);
        // What was deleted here is to be deleted there too, also where the store cannot be begun today.
        let has_store = settings.store.is_some();
        let store = settings.store.and_then(|settings| {
            let store = Store::start(folder.clone(), settings);
            store.inspect_err(|error| tracing::error!(%error, "recordings stay on this machine")).ok()
        });
        let scribe = Scribe::start(store.clone()).context("no thread to write manifests")?;
        let closer = Closer::start(folder.clone(), scribe.clone(), store.clone());
        let closer = closer.context("no thread to complete recordings")?;
        if !has_store {
            closer.give(Job::Sweep);
        }
        let taps = handover.taps.iter().map(TapReader::attach).collect::<Result<_, _>>();
        Ok(Recorder {
            taps: taps.context("a worker's tap")?,
            desk: handover.desk,
            closer,
            around: Surroundings {
                folder,
                syncer: Syncer::start().context("no thread to bring files to the disk")?,
                scribe,
                store,
                patience: settings.patience,
                unix_nanos_at_zero: handover.unix_nanos_at_zero,
            },
            sessions: Sessions::default(),
            unsaid: VecDeque::new(),
            told: Told::Nothing(None),
            next_tell: Time::ZERO,
        })
    }

    /// Does all that is due. True: something is recorded.
    fn turn(&mut self, now: Time) -> bool {
        self.read_desk(now);
        for number in 0..self.taps.len() {
            self.read_tap(now, number);
        }
        let wishes: Vec<TapWish> = self.sessions.all_mut().flat_map(|session| session.advance(now)).collect();
        for wish in wishes {
            let TapWish::KeyFrame { track, .. } = wish;
            if let Some(tap) = self.sessions.tap_of(track) {
                self.taps[tap].wish(&wish);
            }
        }
        self.ask(now);
        self.tell(now);
        !self.sessions.is_empty()
    }

    fn end(&mut self, now: Time) {
        for number in 0..self.taps.len() {
            self.read_tap(now, number);
        }
        // Their manifests are completed at the next start, whose first deed it is; the files are complete.
        self.sessions.drain().for_each(|session| drop(session.finish(now)));
        self.around.scribe.flush();
        self.around.store.iter().for_each(Store::end);
    }

    fn read_desk(&mut self, now: Time) {
        loop {
            match desk::receive(&self.desk) {
                Ok(Some(message)) => match serde_json::from_slice(&message) {
                    Ok(message) => self.on_message(now, message),
                    Err(error) => tracing::error!(%error, "signaling said something that makes no sense"),
                },
                Ok(None) => return,
                Err(error) => return tracing::error!(%error, "signaling cannot be heard"),
            }
        }
    }

    fn on_message(&mut self, now: Time, message: ToRecorder) {
        if let (Told::Nothing(_), false) = (&self.told, message == ToRecorder::Begin) {
            // Meant for the recorder before this one.
            return;
        }
        match message {
            ToRecorder::Begin => self.told = Told::Some(HashSet::new()),
            ToRecorder::Record { recording_id, room_id, room_name, e2ee, started_at, segments } => {
                if let Told::Some(named) = &mut self.told {
                    named.insert(recording_id.clone());
                }
                let room = Room { id: room_id, name: room_name, e2ee };
                self.record(now, &recording_id, (room, started_at, segments));
            }
            ToRecorder::Person { recording_id, person } => {
                self.sessions.change(&recording_id, |session| session.on_person(now, &person));
            }
            ToRecorder::Gone { recording_id, participant_id } => {
                self.sessions.change(&recording_id, |session| session.on_gone(now, &participant_id));
            }
            ToRecorder::Stop { recording_id } => self.stop(now, &recording_id),
            ToRecorder::All => self.all_told(now),
        }
    }

    fn record(&mut self, now: Time, recording_id: &str, (room, started_at, segments): (Room, u64, Segments)) {
        if self.sessions.has(recording_id) {
            return;
        }
        let Some(name) = Name::new(recording_id) else {
            return tracing::error!(recording_id, "a recording has a name that is none");
        };
        tracing::info!(recording = recording_id, room = room.id, "the recording begins");
        let begin = Begin { recording_id: name, room, started_at, segments };
        self.sessions.insert(recording_id, Session::begin(now, self.around.clone(), begin));
    }

    fn stop(&mut self, now: Time, recording_id: &str) {
        if let Some(session) = self.sessions.remove(recording_id) {
            tracing::info!(recording = recording_id, "the recording ends");
            let (name, manifest) = session.finish(now);
            self.closer.give(Job::Close(name, Box::new(manifest)));
        }
    }

    /// What was not named is over, whoever recorded it.
    fn all_told(&mut self, now: Time) {
        let Told::Some(named) = std::mem::replace(&mut self.told, Told::All) else { return };
        let is_over = |id: &&str| !named.contains(*id);
        let over: Vec<String> = self.sessions.names().filter(is_over).map(str::to_owned).collect();
        over.iter().for_each(|id| self.stop(now, id));
        match self.around.folder.list() {
            Ok(names) => {
                let left = names.into_iter().filter(|name| !named.contains(name.as_str()));
                left.for_each(|name| self.closer.give(Job::Recover(name)));
            }
            Err(error) => tracing::error!(%error, "the recordings' folder cannot be read"),
        }
    }

    fn read_tap(&mut self, now: Time, number: usize) {
        for _ in 0..VALUES_AT_ONCE {
            let (value, bytes) = match self.taps[number].next_value() {
                Ok(Some(value)) => value,
                Ok(None) => return,
                Err(Corrupt::Indices) => {
                    return tracing::error!(worker = number, "a worker's tap is corrupt");
                }
                Err(corrupt) => {
                    tracing::error!(worker = number, %corrupt, "a value of a tap is skipped");
                    continue;
                }
            };
            hand_on(&mut self.sessions, now, number, (&value, bytes));
        }
    }

    fn ask(&mut self, now: Time) {
        let Told::Nothing(asked) = self.told else { return };
        if asked.is_none_or(|asked| now.since(asked) >= ASK_AGAIN) {
            self.told = Told::Nothing(Some(now));
            self.say(&FromRecorder::Ready);
        }
    }

    fn tell(&mut self, now: Time) {
        while let Some(done) = self.closer.next_done() {
            self.say_surely(done);
        }
        if let Some(store) = self.around.store.clone() {
            while let Some(said) = store.next_said() {
                self.say_surely(said);
            }
        }
        while let Some(first) = self.unsaid.front() {
            if !self.say(first) {
                break;
            }
            self.unsaid.pop_front();
        }
        if now >= self.next_tell {
            self.next_tell = now + TELL_EVERY;
            if let Some(store) = &self.around.store {
                self.say(&FromRecorder::Store(store.figures()));
            }
            self.sessions.all().for_each(|session| {
                self.say(&FromRecorder::Status(session.progress(now)));
            });
        }
    }

    /// Said later when signaling does not listen now.
    fn say_surely(&mut self, message: FromRecorder) {
        if self.unsaid.len() == MOST_UNSAID {
            self.unsaid.pop_front();
            tracing::error!("signaling does not listen, and too much waits for it: something is never said");
        }
        self.unsaid.push_back(message);
    }

    /// False: signaling does not listen now. What cannot be said at all is logged.
    fn say(&self, message: &FromRecorder) -> bool {
        match desk::send(&self.desk, &to_bytes(message)) {
            Ok(is_said) => is_said,
            Err(error) => {
                tracing::error!(%error, "signaling cannot be told");
                true
            }
        }
    }
}
