//! What records: hears of workers and of signaling by its [`Source`], and gives each value to the session
//! that it is for. It does not know whether they are on this machine.

use crate::answers::Answerer;
use crate::closing::{Closer, Job};
use crate::desk::{FromRecorder, Tiding, ToRecorder, to_bytes};
use crate::folder::{Folder, Name};
use crate::manifest::Room;
use crate::output::Syncer;
use crate::route::Sessions;
use crate::scribe::Scribe;
use crate::session::{Begin, Session, Surroundings};
use crate::settings::{Segments, Settings};
use crate::source::{Heard, Source};
use crate::store::Store;
use crate::tidings::Tidings;
use crate::untold::Clerk;
use anyhow::Context as _;
use std::collections::HashSet;
use std::io;
use std::time::Duration;
use volley::base::Time;
use volley::control::tap::{TapWish, Tapped};

/// While something is recorded: a tap holds ten times what comes meanwhile.
pub(crate) const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// While nothing is: a recording begins as much later.
const IDLE_PAUSE: Duration = Duration::from_millis(100);

/// How often signaling is told how recordings go.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Signaling is asked again what is recorded when it has not answered for so long: it may just have begun.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// When to look again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    /// More waits.
    AtOnce,
    /// Something is recorded.
    Busy,
    /// Nothing is.
    Idle,
}

impl Pace {
    /// Waits as long.
    pub(crate) fn rest(self) {
        match self {
            Pace::AtOnce => {}
            Pace::Busy => std::thread::sleep(BUSY_PAUSE),
            Pace::Idle => std::thread::sleep(IDLE_PAUSE),
        }
    }
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

/// See the module.
pub(crate) struct Recorder {
    source: Source,
    desk: Desk,
    /// On the clock of who tells.
    now: Time,
}

/// All but whom it hears.
struct Desk {
    around: Surroundings,
    closer: Closer,
    answerer: Answerer,
    sessions: Sessions,
    tidings: Tidings,
    clerk: Clerk,
    told: Told,
    /// Packets that were lost before anybody knew of which recordings.
    lost_early: u64,
    next_tell: Time,
}

impl Recorder {
    /// Hears nobody yet.
    pub(crate) fn new(settings: Settings) -> anyhow::Result<Recorder> {
        let folder = Folder::new(settings.path);
        // What was deleted here is to be deleted there too, also where the store cannot be begun today.
        let has_store = settings.store.is_some();
        let store = settings.store.and_then(|settings| {
            let store = Store::start(folder.clone(), settings);
            store.inspect_err(|error| tracing::error!(%error, "recordings stay on this machine")).ok()
        });
        let scribe = Scribe::start(store.clone()).context("no thread to write manifests")?;
        let clerk = Clerk::start(folder.clone()).context("no thread to note what was told")?;
        let closer = Closer::start(folder.clone(), (scribe.clone(), clerk.clone()), store.clone());
        let closer = closer.context("no thread to complete recordings")?;
        if !has_store {
            closer.give(Job::Sweep);
        }
        let answerer = Answerer::start(folder.clone(), has_store).context("no thread to answer")?;
        let around = Surroundings {
            folder,
            syncer: Syncer::start().context("no thread to bring files to the disk")?,
            scribe,
            store,
            patience: settings.patience,
            unix_nanos_at_zero: 0,
        };
        Ok(Recorder {
            source: Source::Nobody,
            desk: Desk::new(around, (closer, clerk), answerer),
            now: Time::ZERO,
        })
    }

    /// From now on it hears this one, whose clocks these are.
    pub(crate) fn listen_to(&mut self, source: Source, unix_nanos_at_zero: u64) {
        self.source = source;
        self.now = Time::ZERO;
        self.desk.begin_anew(unix_nanos_at_zero);
    }

    /// Whether there is somebody whom it hears.
    pub(crate) fn hears_somebody(&self) -> bool {
        !matches!(self.source, Source::Nobody)
    }

    /// How many recordings go on, and what of all waits for the store.
    pub(crate) fn figures(&self) -> (usize, u64) {
        let store = self.desk.around.store.as_ref();
        (self.desk.sessions.all().count(), store.map_or(0, |store| store.figures().waiting_bytes))
    }

    /// Does all that is due.
    pub(crate) fn turn(&mut self) -> Pace {
        let Recorder { source, desk, now } = self;
        let Some(look) = source.look(|now, heard| desk.hear(now, heard)) else { return Pace::Idle };
        *now = look.now;
        for (tap, wish) in desk.advance(look.now) {
            source.wish(tap, &wish);
        }
        desk.ask(look.now, source);
        desk.tell(look.now, source);
        if look.is_over {
            self.leave("the connection to the media host broke");
        }
        match (look.has_more, self.desk.sessions.is_empty()) {
            (true, _) => Pace::AtOnce,
            (false, false) => Pace::Busy,
            (false, true) => Pace::Idle,
        }
    }

    /// Completes all files.
    pub(crate) fn end(&mut self) {
        while let Some(look) = self.source.look(|now, heard| self.desk.hear(now, heard)) {
            self.now = look.now;
            if !look.has_more {
                break;
            }
        }
        // Their manifests are completed at the next start, whose first deed it is; the files are complete.
        self.desk.finish_all(self.now, None);
        self.desk.around.scribe.flush();
        self.desk.clerk.settle();
        self.desk.around.store.iter().for_each(Store::end);
    }

    /// Completes what no media host has asked for since it left: it goes on in new files when one does.
    pub(crate) fn complete_what_is_left(&self) {
        self.desk.complete_all_but(&HashSet::new());
    }

    /// Nothing more comes: the files are complete, and recordings go on in new ones when the host is back.
    fn leave(&mut self, why: &str) {
        self.source = Source::Nobody;
        self.desk.finish_all(self.now, Some(why));
    }
}

impl Desk {
    fn new(around: Surroundings, (closer, clerk): (Closer, Clerk), answerer: Answerer) -> Desk {
        Desk {
            around,
            closer,
            answerer,
            sessions: Sessions::default(),
            tidings: Tidings::default(),
            clerk,
            told: Told::Nothing(None),
            lost_early: 0,
            next_tell: Time::ZERO,
        }
    }

    fn begin_anew(&mut self, unix_nanos_at_zero: u64) {
        self.around.unix_nanos_at_zero = unix_nanos_at_zero;
        (self.told, self.lost_early, self.next_tell) = (Told::Nothing(None), 0, Time::ZERO);
        self.tidings.begin_anew();
    }

    fn hear(&mut self, now: Time, heard: Heard<'_>) {
        match heard {
            Heard::Message(message) => match serde_json::from_slice(message) {
                Ok(message) => self.on_message(now, message),
                Err(error) => tracing::error!(%error, "signaling said something that makes no sense"),
            },
            Heard::Value { tap, value, bytes } => self.on_value(now, tap, (value, bytes)),
        }
    }

    /// Gives what a worker told by its tap to the session that it is for.
    fn on_value(&mut self, now: Time, tap: usize, (value, bytes): (&Tapped, &[u8])) {
        let sessions = &mut self.sessions;
        match *value {
            Tapped::Began => sessions.on_worker_gone(now, tap),
            Tapped::Lost { values } => {
                tracing::warn!(worker = tap, values, "the recorder was behind: packets are not recorded");
                if self.told == Told::All {
                    // Whose they were nobody knows.
                    sessions.all_mut().for_each(|session| session.on_dropped(values));
                } else {
                    self.lost_early = self.lost_early.saturating_add(values);
                }
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

    fn on_message(&mut self, now: Time, message: ToRecorder) {
        let message = match message {
            ToRecorder::Ask { number, question } => return self.answerer.ask(number, question),
            // Also of what the recorder before this one said.
            ToRecorder::Noted { recording_id, tiding } => return self.on_noted(&recording_id, tiding),
            other => other,
        };
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
            ToRecorder::Ask { .. } | ToRecorder::Noted { .. } => {}
        }
    }

    fn on_noted(&mut self, recording_id: &str, tiding: Tiding) {
        self.tidings.on_noted(recording_id, tiding);
        if let Some(name) = Name::new(recording_id) {
            self.clerk.was_told(name, tiding);
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
            self.closer.give(Job::Close(Box::new(session.finish(now))));
        } else if self.has_nothing_of(recording_id) {
            // Nobody was here while it went on, and signaling waits for it.
            self.tidings.add(FromRecorder::Unclosed { recording_id: recording_id.to_owned() });
        }
    }

    fn has_nothing_of(&self, recording_id: &str) -> bool {
        let is_missing =
            |name| self.around.folder.open(&name).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        Name::new(recording_id).is_none_or(is_missing)
    }

    /// What was not named is over, whoever recorded it.
    fn all_told(&mut self, now: Time) {
        let Told::Some(named) = std::mem::replace(&mut self.told, Told::All) else { return };
        let is_over = |id: &&str| !named.contains(*id);
        let over: Vec<String> = self.sessions.names().filter(is_over).map(str::to_owned).collect();
        over.iter().for_each(|id| self.stop(now, id));
        self.tidings.on_signaling_began(now);
        self.complete_all_but(&named);
        let lost = std::mem::take(&mut self.lost_early);
        if lost > 0 {
            self.sessions.all_mut().for_each(|session| session.on_dropped(lost));
        }
    }

    fn complete_all_but(&self, named: &HashSet<String>) {
        match self.around.folder.list() {
            Ok(names) => {
                let left = names.into_iter().filter(|name| !named.contains(name.as_str()));
                left.for_each(|name| self.closer.give(Job::Recover(name)));
            }
            Err(error) => tracing::error!(%error, "the recordings' folder cannot be read"),
        }
    }

    fn finish_all(&mut self, now: Time, why: Option<&str>) {
        self.sessions.drain().for_each(|mut session| {
            why.iter().for_each(|why| session.note(now, why));
            drop(session.finish(now));
        });
    }

    /// Writes what is due; the wishes that follow, and of which worker.
    fn advance(&mut self, now: Time) -> Vec<(usize, TapWish)> {
        let wishes: Vec<TapWish> = self.sessions.all_mut().flat_map(|session| session.advance(now)).collect();
        let addressed = wishes.into_iter().filter_map(|wish| {
            let TapWish::KeyFrame { track, .. } = wish;
            Some((self.sessions.tap_of(track)?, wish))
        });
        addressed.collect()
    }

    fn ask(&mut self, now: Time, source: &mut Source) {
        let Told::Nothing(asked) = self.told else { return };
        if asked.is_none_or(|asked| now.since(asked) >= ASK_AGAIN) {
            self.told = Told::Nothing(Some(now));
            source.say(&to_bytes(&FromRecorder::Ready));
        }
    }

    fn tell(&mut self, now: Time, source: &mut Source) {
        while let Some(said) = self.next_to_say() {
            self.tidings.add(said);
        }
        self.tidings.say(now, source);
        if now >= self.next_tell {
            self.next_tell = now + TELL_EVERY;
            if let Some(store) = &self.around.store {
                source.say(&to_bytes(&FromRecorder::Store(store.figures())));
            }
            for session in self.sessions.all() {
                source.say(&to_bytes(&FromRecorder::Status(session.progress(now))));
            }
        }
    }

    fn next_to_say(&self) -> Option<FromRecorder> {
        let done = self.closer.next_done().or_else(|| self.answerer.next_said());
        done.or_else(|| self.around.store.as_ref().and_then(Store::next_said))
    }
}
