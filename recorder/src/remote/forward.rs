//! In the recorder's place on the media host: passes on what workers and signaling tell to a recorder
//! elsewhere, and back what that one says. It waits for nobody: what finds no room is left out and counted.

use super::frame::{Frame, Hello};
use super::line::{Line, Offload};
use super::link::{Link, Over};
use super::outbox::Grade;
use crate::answers::Answer;
use crate::desk::{FromRecorder, Progress, ToRecorder, to_bytes};
use crate::source::{self, Local};
use anyhow::Context as _;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use volley::base::Time;
use volley::control::tap::{Tapped, travel};

/// While something is recorded.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// While nothing is.
const IDLE_PAUSE: Duration = Duration::from_millis(100);

/// How often signaling is told that nothing is recorded, and asked what should be.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What the recorder said and signaling has not taken; then the recorder is not listened to.
const MOST_HELD: usize = 256;

/// What is on its way when Volley stops is given so long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs until `ending` says so.
pub(crate) fn run(
    local: Local,
    offload: Offload,
    unix_nanos_at_zero: u64,
    ending: &AtomicBool,
) -> anyhow::Result<()> {
    let workers = u16::try_from(local.taps.len()).context("too many workers")?;
    let hello = Hello { unix_nanos_at_zero, workers, is_probe: false };
    tracing::info!(recorder = offload.address, "recordings are to be made on another machine");
    let line = Line::begin(offload, hello).context("no thread for the connection to the recorder")?;
    let mut forwarder = Forwarder::new(local, line);
    while !ending.load(Ordering::Relaxed) {
        let is_busy = forwarder.turn(source::now());
        std::thread::sleep(if is_busy { BUSY_PAUSE } else { IDLE_PAUSE });
    }
    forwarder.end(source::now());
    Ok(())
}

/// See the module.
pub(super) struct Forwarder {
    local: Local,
    line: Line,
    link: Option<Link>,
    /// Packets that found no room, or nobody to take them, and were not reported yet.
    lost: u64,
    /// What is recorded, and how it went when that was last told.
    known: BTreeMap<String, Progress>,
    /// The same before signaling began to say it again.
    before: BTreeMap<String, Progress>,
    /// Whether signaling has said what is recorded, ever.
    is_told: bool,
    /// What the recorder said over this connection and signaling has not taken …
    held: VecDeque<Vec<u8>>,
    /// … and how much it has.
    heard: u64,
    next_tell: Time,
    message: Vec<u8>,
}

impl Forwarder {
    pub(super) fn new(local: Local, line: Line) -> Forwarder {
        Forwarder {
            local,
            line,
            link: None,
            lost: 0,
            known: BTreeMap::new(),
            before: BTreeMap::new(),
            is_told: false,
            held: VecDeque::new(),
            heard: 0,
            next_tell: Time::ZERO,
            message: Vec::new(),
        }
    }

    /// Does all that is due. True: something is recorded.
    pub(super) fn turn(&mut self, now: Time) -> bool {
        if let Some(link) = self.line.next_link() {
            // What signaling did not take is said again.
            self.held.clear();
            (self.link, self.heard) = (Some(link), 0);
        }
        self.pass_desk();
        self.pass_taps();
        if let Some(link) = &self.link {
            // One that comes too late is followed by another.
            link.push(&Frame::Turn { now, heard: self.heard }, Grade::Droppable);
        }
        self.bring_back();
        self.tell(now);
        !self.known.is_empty()
    }

    /// What found no room and was not reported yet.
    #[cfg(test)]
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    #[cfg(test)]
    pub(super) fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    fn end(&mut self, now: Time) {
        self.turn(now);
        let Some(outbox) = self.link.as_ref().map(Link::outbox) else { return };
        outbox.close();
        let began = Instant::now();
        while !outbox.is_written() && began.elapsed() < LAST_WORDS {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What must arrive and cannot: the recorder asks for all of it anew when it is called again.
    fn begin_anew(&mut self) {
        if let Some(link) = self.link.take() {
            link.outbox().give_up();
            tracing::error!(
                "the recorder takes too little: it is called again, and recordings go on in new files"
            );
        }
    }

    fn pass_desk(&mut self) {
        while let Some(message) = source::hear_at(&self.local.desk) {
            match serde_json::from_slice::<ToRecorder>(&message) {
                Ok(told) => self.note(told),
                Err(error) => {
                    tracing::error!(%error, "signaling said something that makes no sense");
                    continue;
                }
            }
            if self.link.as_ref().is_some_and(|link| !link.push(&Frame::Desk(&message), Grade::Needed)) {
                self.begin_anew();
            }
        }
    }

    /// Keeps what is needed to tell signaling how it goes while there is nobody who would.
    fn note(&mut self, told: ToRecorder) {
        match told {
            ToRecorder::Begin => {
                self.is_told = true;
                self.before = std::mem::take(&mut self.known);
            }
            ToRecorder::Record { recording_id, .. } => {
                let fresh = || Progress { recording_id: recording_id.clone(), ..Progress::default() };
                let progress = self.before.remove(&recording_id).unwrap_or_else(fresh);
                self.known.insert(recording_id, progress);
            }
            ToRecorder::Stop { recording_id } => {
                self.known.remove(&recording_id);
            }
            ToRecorder::All => self.before.clear(),
            ToRecorder::Ask { number, .. } if self.link.is_none() => {
                let answer = Answer::Away { why: self.why_away() };
                for message in answer.messages(number) {
                    source::say_at(&self.local.desk, &to_bytes(&message));
                }
            }
            ToRecorder::Ask { .. }
            | ToRecorder::Person { .. }
            | ToRecorder::Gone { .. }
            | ToRecorder::Noted { .. } => {}
        }
    }

    fn why_away(&self) -> String {
        self.line.failing().unwrap_or_else(|| String::from("the recorder was not reached yet"))
    }

    fn pass_taps(&mut self) {
        let Forwarder { local, link, lost, message, .. } = self;
        let mut is_stuck = false;
        for (number, tap) in local.taps.iter_mut().enumerate() {
            let worker = number as u16;
            source::read_tap(tap, number, |value, bytes| {
                let Some(link) = link else {
                    // Of tracks it is said anew when there is somebody again.
                    return *lost += missed(value);
                };
                if *lost > 0 && pass(link, worker, (&Tapped::Lost { values: *lost }, &[]), message) {
                    *lost = 0;
                }
                if !pass(link, worker, (value, bytes), message) {
                    *lost += missed(value);
                    is_stuck |= value.must_arrive();
                }
            });
        }
        if is_stuck {
            self.begin_anew();
        }
    }

    fn bring_back(&mut self) {
        self.say_held();
        while self.held.len() < MOST_HELD {
            let Some(link) = &mut self.link else { return };
            match link.next_frame() {
                Ok(Some(Frame::Desk(message))) => {
                    if let Ok(FromRecorder::Status(progress)) = serde_json::from_slice(message)
                        && let Some(known) = self.known.get_mut(&progress.recording_id)
                    {
                        *known = progress;
                    }
                    self.held.push_back(message.to_vec());
                }
                Ok(Some(Frame::Wish { tap, message })) => {
                    let wish = travel::parse_wish(message).ok();
                    if let Some((tap, wish)) = self.local.taps.get_mut(usize::from(tap)).zip(wish) {
                        tap.wish(&wish);
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(Over) => self.link = None,
            }
        }
        self.say_held();
    }

    fn say_held(&mut self) {
        while let Some(first) = self.held.front() {
            if !source::say_at(&self.local.desk, first) {
                return;
            }
            self.held.pop_front();
            self.heard += 1;
        }
    }

    /// While nobody records: says so of each recording, and learns at the beginning which there are.
    fn tell(&mut self, now: Time) {
        if self.link.is_some() || now < self.next_tell {
            return;
        }
        self.next_tell = now + TELL_EVERY;
        if !self.is_told {
            source::say_at(&self.local.desk, &to_bytes(&FromRecorder::Ready));
        }
        let Some(why) = self.line.failing() else { return };
        for progress in self.known.values() {
            let progress = Progress { failure: Some(why.clone()), ..progress.clone() };
            source::say_at(&self.local.desk, &to_bytes(&FromRecorder::Status(progress)));
        }
    }
}

/// How many packets are missing without it.
fn missed(value: &Tapped) -> u64 {
    match value {
        Tapped::Packet(_) => 1,
        Tapped::Lost { values } => *values,
        _ => 0,
    }
}

fn pass(link: &Link, worker: u16, (value, bytes): (&Tapped, &[u8]), message: &mut Vec<u8>) -> bool {
    let grade = if value.must_arrive() { Grade::Needed } else { Grade::Droppable };
    message.clear();
    travel::append_value(value, bytes, message);
    link.push(&Frame::Value { tap: worker, message }, grade)
}
