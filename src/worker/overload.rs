//! When a worker has more to do than its core can: what it takes for a sign of it, and how much of
//! the pictures it then lets go.
//!
//! The sign is how long datagrams lay in the socket before they were looked at: long, and longer and longer.
//! A pause of the host is none: after it they lay long too, but less and less. Then the pictures are cut to
//! what makes a load the core has room for, by how fast the waits grew, in one step; the next waits until its
//! effect can be seen. When nothing waits, that is tried again after seconds: a little more, or as much as
//! fits by how busy the core is. What proves too much is waited for twice as long. Sound is never shed.

use super::load::{Busy, Forwarded, Load};
use super::waits::{PROMPT, Waits};
use crate::base::Time;
use crate::control::message::ALL_PICTURES as ALL;
use std::time::Duration;

/// How often the share is thought over.
pub(super) const INTERVAL: Duration = Duration::from_millis(25);

/// Intervals in a row that must be late before anything is shed: a host that stops the core for a
/// moment is not overload, and longer trains (`gathering`) get a tenth of a second to make up for it.
const LATE_INTERVALS: u32 = 6;

/// Seconds a second by which waits grow under a load that is far too much. It is shed at once.
const FAR_TOO_MUCH: f64 = 0.15;

/// Intervals in a row that must be late where it may be a little too much, and the least growth, in seconds a second,
/// of waits that do not sink.
const LATE_AND_NO_LESS: u32 = 12;
const NO_LESS: f64 = -0.02;

/// Intervals that are late at all before something is shed though waits may sink, or people join: more than a
/// second.
const LATE_FOR_LONG: u32 = 48;

/// Transports whose handshakes wait in a storm of joins. It takes half of the core, and is over within a second:
/// no reason to take pictures from those who are there.
const STORM: usize = 8;

/// A worker that itself worked for less than this share of the time, and slept some of it, has no more to do than
/// its core can: something else has the core when it wakes, and packets would wait as long with fewer of them. One
/// that never sleeps has too much to do for the little that it is given.
const STARVED: f64 = 0.2;

/// Intervals before it can be told what shedding has brought: the socket drains.
const SETTLED: u32 = 10;

/// The same where more is forwarded: key frames are a load of their own for a while.
const SETTLED_WITH_MORE: u32 = 28;

/// The load that is aimed at, of what the core can.
const FITS: f64 = 0.9;

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

/// Prompt intervals after which what proved too much is tried again: two seconds, and a minute at most.
const HOLD: u32 = 80;
const MOST_HOLD: u32 = 2_400;

/// A core that has time to spare waits for an eighth of that.
const SPARE_HOLD: u32 = 8;

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
    back: u8,
    /// Prompt intervals before it is raised, and those since it changed.
    hold: u32,
    held: u32,
    /// Intervals since the share changed, since it grew, and before it is seen what that has brought.
    changed: u32,
    grown: u32,
    settled: u32,
    /// Something was shed, and packets were late ever since.
    sheds: bool,
    worst: Duration,
    waits: Waits,
    since: Time,
    /// How long the worker slept since then.
    slept: Duration,
    /// For how long it has worked, ever.
    worked: Duration,
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
            back: ALL,
            hold: HOLD,
            held: 0,
            changed: HARMLESS_INTERVALS,
            grown: HARMLESS_INTERVALS,
            settled: 0,
            sheds: false,
            worst: Duration::ZERO,
            waits: Waits::default(),
            since: Time::ZERO,
            slept: Duration::ZERO,
            worked: Duration::ZERO,
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
        self.share < ALL || self.worst > PROMPT || self.waits.prompt() == 0
    }

    /// Whether the core has been short of time since this was asked last: packets waited in half of all
    /// intervals, or pictures are shed.
    pub(super) fn was_short(&mut self) -> bool {
        let (all, late) = std::mem::take(&mut self.intervals);
        self.share < ALL || late > 0 && late * 2 >= all
    }

    /// The share in sixteenths, when it has just changed. `worked` is asked once an interval: how long the core has
    /// worked for this thread, ever.
    pub(super) fn adapt(
        &mut self,
        now: Time,
        done: Forwarded,
        worked: impl FnOnce() -> Duration,
    ) -> Option<u8> {
        let passed = now.since(self.since);
        if passed < INTERVAL {
            return None;
        }
        self.since = now;
        self.look(done, passed, worked());
        let before = self.share;
        if let Some(growth) = self.too_much() {
            self.shed(growth);
        } else if self.waits.prompt() > 0 {
            self.rise();
        }
        (self.share != before).then_some(self.share)
    }

    /// Takes in an interval.
    fn look(&mut self, done: Forwarded, passed: Duration, worked: Duration) {
        let of_it = |part: Duration| part.as_secs_f64() / passed.as_secs_f64();
        let busy = 1.0 - of_it(std::mem::take(&mut self.slept));
        let own = of_it(worked.saturating_sub(std::mem::replace(&mut self.worked, worked)));
        self.waits.note(std::mem::take(&mut self.worst));
        self.load.note(done, passed, Busy { all: busy, own });
        let is_storm = std::mem::take(&mut self.handshakes) >= STORM;
        self.calm = if is_storm { 0 } else { self.calm.saturating_add(1) };
        let prompt = self.waits.prompt() > 0;
        self.spare = if prompt && self.load.busy() < SPARE { self.spare.saturating_add(1) } else { 0 };
        self.intervals.0 += 1;
        self.intervals.1 += u32::from(!prompt);
        for since in [&mut self.changed, &mut self.grown] {
            *since = since.saturating_add(1);
        }
    }

    /// By how much of what it can the core has too much to do, if it has.
    fn too_much(&self) -> Option<f64> {
        let (growth, trend) = (self.waits.growth(), self.waits.trend());
        let late = self.waits.late().min(self.calm);
        let far = late >= LATE_INTERVALS && growth > FAR_TOO_MUCH;
        let a_little = late >= LATE_AND_NO_LESS && trend > NO_LESS;
        let for_long = self.waits.late().min(self.changed) >= LATE_FOR_LONG;
        let is_too_much = (far || a_little || for_long) && !self.is_starved();
        (is_too_much && self.changed >= self.settled).then(|| growth.max(trend).max(0.0))
    }

    fn is_starved(&self) -> bool {
        self.load.own() < STARVED && self.load.busy() < LIKELY_SPARE
    }

    fn shed(&mut self, growth: f64) {
        let mut share = self.load.share_for(self.share, FITS / (1.0 + growth));
        if !std::mem::replace(&mut self.sheds, true) {
            if self.grown < HARMLESS_INTERVALS {
                self.hold = (self.hold * 2).min(MOST_HOLD);
                share = share.max(self.back);
            } else {
                self.hold = HOLD;
            }
        }
        self.share = share.min(self.share.saturating_sub(1));
        (self.ceiling, self.held) = (self.share, 0);
        (self.changed, self.grown, self.settled) = (0, HARMLESS_INTERVALS, SETTLED);
    }

    /// Datagrams are prompt: a step back to the ceiling, or the ceiling itself is raised.
    fn rise(&mut self) {
        let is_calm = self.waits.prompt() >= PROMPT_INTERVALS;
        self.sheds &= !is_calm;
        if self.share < self.ceiling {
            if is_calm && self.changed >= PROMPT_INTERVALS {
                self.share = (self.share + STEP).min(self.ceiling);
                (self.changed, self.grown, self.settled) = (0, 0, SETTLED_WITH_MORE);
            }
            return;
        }
        self.held = self.held.saturating_add(1);
        let may_spare = self.spare >= SPARE_INTERVALS && self.held >= self.hold / SPARE_HOLD;
        if self.ceiling < ALL && (may_spare || self.held >= self.hold) {
            self.raise();
        }
    }

    fn raise(&mut self) {
        let busy = self.load.busy().max(f64::MIN_POSITIVE);
        let fits = if busy < LIKELY_SPARE { self.load.share_for(self.share, FITS / busy) } else { 0 };
        self.back = self.share;
        self.ceiling = fits.max(self.share + STEP).min(ALL);
        self.held = 0;
    }
}

#[cfg(test)]
mod tests;
