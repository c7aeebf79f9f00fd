//! When a worker has more to do than its core can: what it takes for a sign of it, and how much of
//! the pictures it then lets go.
//!
//! The sign is how long datagrams lay in the socket before they were looked at: long, and longer and longer.
//! A pause of the host is none: after it they lay long too, but less and less. Then the pictures are cut to
//! what makes a load the core has room for, by how fast the waits grew, in one step; the next waits until its
//! effect can be seen. When nothing waits, that is tried again after seconds: a little more, or as much as
//! fits by how busy the core is. What proves too much is waited for twice as long. Sound is never shed.

use super::load::{Forwarded, Load};
use super::waits::{LAST, LOOKED_BACK, PROMPT, Waits};
use crate::base::Time;
use crate::control::message::ALL_PICTURES as ALL;
use std::time::Duration;

/// How often the share is thought over.
pub(super) const INTERVAL: Duration = Duration::from_millis(25);

/// Intervals in a row that must be late before anything is shed: a host that stops the core for a
/// moment is not overload, and longer trains (`gathering`) get a tenth of a second to make up for it.
const LATE_INTERVALS: u32 = 6;

/// Seconds a second by which waits grow under a load that is far too much, a fifth and more. It is shed at once.
const FAR_TOO_MUCH: f64 = 0.15;

/// Intervals in a row that must be late where it may be a little too much, and the least growth of waits that do
/// not sink.
const LATE_AND_NO_LESS: u32 = 12;
const NO_LESS: f64 = -0.02;

/// Intervals that are late at all before something is shed though waits may sink, or people join: more than a
/// second.
const LATE_FOR_LONG: u32 = 48;

/// Transports whose handshakes wait in a storm of joins. It takes half of the core, and is over within a second:
/// no reason to take pictures from those who are there.
const STORM: usize = 8;

/// Intervals before it can be told what shedding has brought: all that is looked back over was after it.
const SETTLED: u32 = LOOKED_BACK as u32;

/// The same where more is forwarded: key frames are a load of their own for a while.
const SETTLED_WITH_MORE: u32 = 28;

/// The load that is aimed at, of what the core can.
const FITS: f64 = 0.9;

/// The most by which one step believes the growth of waits: nothing grows faster than time.
const MOST_GROWTH: f64 = 0.8;

/// Less busy, the core has time to spare beyond doubt. That its interrupts also come while it sleeps makes it
/// seem less busy than it is.
const SPARE: f64 = 0.6;

/// Less busy, it probably has.
const LIKELY_SPARE: f64 = 0.8;

/// Intervals in a row in which it has, before that is believed: who leaves does not leave all at once.
const SPARE_INTERVALS: u32 = 8;

/// Sixteenths that come back at a time.
const STEP: u8 = 2;

/// Prompt intervals between two steps back: all is back within a second.
const PROMPT_INTERVALS: u32 = 3;

/// Intervals after which what proved too much is tried again: two seconds, and a minute at most.
const HOLD: u32 = 80;
const MOST_HOLD: u32 = 2_400;

/// A core that has time to spare waits for an eighth of that, and a second at most.
const SPARE_HOLD: u32 = 8;
const MOST_SPARE_HOLD: u32 = 40;

/// Intervals after which what came back did no harm: five seconds. It takes key frames to begin, and a load
/// that is little too much takes seconds to fill the socket.
const HARMLESS_INTERVALS: u32 = 200;

/// How many sixteenths of the pictures are forwarded.
#[derive(Debug)]
pub(super) struct Overload {
    share: u8,
    /// No more comes back for now.
    ceiling: u8,
    /// What was forwarded before the ceiling was raised last.
    floor: u8,
    /// Intervals before it is raised, and those since it changed in which nothing waited.
    hold: u32,
    held: u32,
    /// Intervals since the share changed, and before it is seen what that has brought.
    changed: u32,
    settled: u32,
    /// Intervals since something came back that has not been shed since; `u32::MAX`: nothing has.
    grown: u32,
    /// Something was shed, and it has not been calm since.
    sheds: bool,
    /// The fastest that waits grew since the share changed, or nothing waited: in a full socket they do no more.
    growth: f64,
    worst: Duration,
    waits: Waits,
    since: Time,
    /// How long the worker slept since then.
    slept: Duration,
    /// The most handshakes that waited since then, and intervals since there was a storm of them.
    handshakes: usize,
    calm: u32,
    load: Load,
    /// Intervals in a row in which the core had time to spare.
    spare: u32,
    /// Intervals since that was asked last, and those of them in which something was not prompt.
    intervals: (u32, u32),
}

impl Overload {
    pub(super) fn new() -> Overload {
        Overload {
            share: ALL,
            ceiling: ALL,
            floor: ALL,
            hold: HOLD,
            held: 0,
            changed: u32::MAX,
            settled: 0,
            grown: u32::MAX,
            sheds: false,
            growth: 0.0,
            worst: Duration::ZERO,
            waits: Waits::default(),
            since: Time::ZERO,
            slept: Duration::ZERO,
            handshakes: 0,
            calm: u32::MAX,
            load: Load::default(),
            spare: 0,
            intervals: (0, 0),
        }
    }

    /// A datagram had waited for `waited` when it was looked at.
    pub(super) fn note(&mut self, waited: Duration) {
        self.worst = self.worst.max(waited);
    }

    /// The worker slept, or sent and slept, for `slept` at the end of a turn.
    pub(super) fn note_sleep(&mut self, slept: Duration) {
        self.slept += slept;
    }

    /// So many transports' handshakes wait at the end of a turn.
    pub(super) fn note_handshakes(&mut self, waiting: usize) {
        self.handshakes = self.handshakes.max(waiting);
    }

    /// Whether packets wait longer than they would if there were time to spare, or only do not because
    /// pictures are shed.
    pub(super) fn is_pressed(&self) -> bool {
        self.share < ALL || self.worst > PROMPT || self.waits.is_short_of_time()
    }

    /// Whether the core has been short of time since this was asked last: packets waited in half of all
    /// intervals, or pictures are shed.
    pub(super) fn was_short(&mut self) -> bool {
        let (all, late) = std::mem::take(&mut self.intervals);
        self.share < ALL || late > 0 && late * 2 >= all
    }

    /// The share in sixteenths, when it has just changed.
    pub(super) fn adapt(&mut self, now: Time, done: Forwarded) -> Option<u8> {
        let passed = now.since(self.since);
        if passed < INTERVAL {
            return None;
        }
        self.since = now;
        self.look(done, passed);
        let before = self.share;
        if let Some(growth) = self.too_much() {
            self.shed(growth);
        } else if self.waits.prompt() > 0 {
            self.rise();
        }
        (self.share != before).then_some(self.share)
    }

    /// Takes in an interval.
    fn look(&mut self, done: Forwarded, passed: Duration) {
        let busy = 1.0 - std::mem::take(&mut self.slept).as_secs_f64() / passed.as_secs_f64();
        self.waits.note(std::mem::take(&mut self.worst));
        self.load.note(done, passed, busy);
        let is_storm = std::mem::take(&mut self.handshakes) >= STORM;
        self.calm = if is_storm { 0 } else { self.calm.saturating_add(1) };
        let prompt = self.waits.prompt() > 0;
        // What grew before the share changed says nothing of now.
        let is_of_now = !prompt && self.changed.min(self.calm) >= LAST as u32;
        self.growth = if is_of_now { self.growth.max(self.waits.growth()) } else { 0.0 };
        self.spare = if prompt && self.load.busy() < SPARE { self.spare.saturating_add(1) } else { 0 };
        self.intervals.0 += 1;
        self.intervals.1 += u32::from(!prompt);
        // A worker with nothing to do turns less often.
        let intervals = (passed.as_millis() / INTERVAL.as_millis()) as u32;
        self.held = if prompt { self.held.saturating_add(intervals) } else { self.held };
        self.changed = self.changed.saturating_add(1);
        if self.grown != u32::MAX {
            self.grown += 1;
            if self.grown == HARMLESS_INTERVALS {
                (self.grown, self.hold) = (u32::MAX, (self.hold / 2).max(HOLD));
            }
        }
    }

    /// By which part of what comes waits grow, where the core has too much to do.
    fn too_much(&self) -> Option<f64> {
        if self.changed < self.settled {
            return None;
        }
        let (all, trend) = (self.waits.late(), self.waits.trend());
        let late = all.min(self.calm);
        if late >= LATE_INTERVALS && self.growth > FAR_TOO_MUCH {
            return Some(self.growth.min(MOST_GROWTH));
        }
        let a_little = late >= LATE_AND_NO_LESS && trend > NO_LESS;
        let for_long = all.min(self.changed) >= LATE_FOR_LONG;
        (a_little || for_long).then_some(trend.clamp(0.0, MOST_GROWTH))
    }

    fn shed(&mut self, growth: f64) {
        // Of what comes the core carries so much as waits do not grow by.
        let carried = 1.0 - growth;
        let goes_on = std::mem::replace(&mut self.sheds, true);
        let mut share = self.load.share_for(if goes_on { FITS * FITS } else { FITS } * carried);
        if !goes_on && self.grown != u32::MAX {
            self.hold = (self.hold * 2).min(MOST_HOLD);
            share = share.max(self.floor);
        }
        self.share = share.min(self.share.saturating_sub(1));
        (self.ceiling, self.held) = (self.share, 0);
        (self.changed, self.settled) = (0, SETTLED);
        (self.grown, self.growth) = (u32::MAX, 0.0);
    }

    /// Datagrams are prompt: a step back to the ceiling, or the ceiling itself is raised.
    fn rise(&mut self) {
        let is_calm = self.waits.prompt() >= PROMPT_INTERVALS;
        self.sheds &= !is_calm;
        if self.share < self.ceiling {
            if is_calm && self.changed >= PROMPT_INTERVALS {
                self.share = (self.share + STEP).min(self.ceiling);
                (self.changed, self.settled, self.grown) = (0, SETTLED_WITH_MORE, 0);
            }
            return;
        }
        let spares =
            self.spare >= SPARE_INTERVALS && self.held >= (self.hold / SPARE_HOLD).min(MOST_SPARE_HOLD);
        if self.ceiling < ALL && (spares || self.held >= self.hold) {
            self.raise();
        }
    }

    fn raise(&mut self) {
        let busy = self.load.busy().max(f64::MIN_POSITIVE);
        let fits = if busy < LIKELY_SPARE { self.load.share_for(FITS / busy) } else { 0 };
        self.floor = self.share;
        self.ceiling = fits.max(self.share + STEP).min(ALL);
        self.held = 0;
    }
}

#[cfg(test)]
mod tests;
