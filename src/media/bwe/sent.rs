//! What has been sent under transport-wide sequence numbers, until feedback speaks of it.

use crate::base::Time;
use crate::wire::rtcp::TICK;

/// Packets a log starts with: half a second of a small picture and sound.
const FIRST_PLACES: usize = 128;

/// Packets a log never passes, 8 bytes each: 4,096 are 400 ms (a long round trip and a feedback
/// interval) of 100 Mbit/s.
const MAX_PLACES: usize = 4_096;

/// A log whose oldest packet is younger than this when it is pushed out, and has not been spoken
/// of, doubles. Feedback comes every 50 to 250 ms, after a round trip.
const KEEP_US: u32 = 1_000_000;

const _: () = assert!(FIRST_PLACES.is_power_of_two() && MAX_PLACES.is_power_of_two());
const _: () = assert!(MAX_PLACES <= 1 << 15, "a sequence number must name one place");

/// What is known of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing has been heard of it.
    Flying,
    /// Feedback said that it did not come.
    Lost,
    /// It came, or nobody will ever say.
    Done,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Microseconds on our clock, modulo 2^32.
    sent_us: u32,
    bytes: u16,
    probe: u8,
    state: State,
}

const NOTHING: Entry = Entry { sent_us: 0, bytes: 0, probe: 0, state: State::Done };

/// A packet of which feedback spoke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spoken {
    /// When it left, in microseconds on our clock.
    pub(super) sent_us: i64,
    /// When it came, in microseconds on the receiver's clock; `None` when it was lost.
    pub(super) arrived_us: Option<i64>,
    /// Its size.
    pub(super) bytes: u16,
    /// The probe it was part of; 0 for none.
    pub(super) probe: u8,
    /// Feedback had called it lost before.
    pub(super) was_lost: bool,
}

/// The last packets of one transport, by their transport-wide sequence numbers.
#[derive(Clone, Debug)]
pub(super) struct SentLog {
    entries: Vec<Entry>,
    /// Index of the next packet: its sequence number, unwrapped.
    next: u64,
    /// Everything before this has been spoken of, or never will be.
    spoken: u64,
    in_flight: u64,
    /// When the newest packet left.
    newest: Time,
    /// The last arrival told, in ticks modulo 2^32 and unwrapped, so that the wrap of the 24-bit
    /// reference time does no harm.
    last_tick: Option<(u32, i64)>,
}

impl SentLog {
    /// A log that begins at `now` with the sequence number `first`.
    pub(super) fn new(now: Time, first: u16) -> SentLog {
        SentLog {
            entries: vec![NOTHING; FIRST_PLACES],
            next: u64::from(first),
            spoken: u64::from(first),
            in_flight: 0,
            newest: now,
            last_tick: None,
        }
    }

    /// Bytes it occupies beyond its own.
    pub(super) fn memory(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    /// The sequence number of the next packet.
    pub(super) fn next_sequence(&self) -> u16 {
        self.next as u16
    }

    /// A packet of `bytes` leaves; returns its transport-wide sequence number. Allocates only while
    /// more packets are under way than ever before.
    pub(super) fn push(&mut self, now: Time, bytes: u16, probe: u8) -> u16 {
        let sent_us = now.as_micros() as u32;
        self.make_room(sent_us);
        let index = self.next;
        self.next += 1;
        self.newest = now;
        self.in_flight += u64::from(bytes);
        *self.entry(index) = Entry { sent_us, bytes, probe, state: State::Flying };
        index as u16
    }

    /// Bytes sent of which nothing has been heard.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// When the newest packet left.
    pub(super) fn newest(&self) -> Time {
        self.newest
    }

    /// Nobody will speak of what is under way any more.
    pub(super) fn settle_all(&mut self) {
        while self.spoken < self.next {
            let index = self.spoken;
            self.settle(index, State::Done);
            self.spoken += 1;
        }
        self.in_flight = 0;
    }

    /// Feedback begins with `base`: what lies before it and was never spoken of never will be, since
    /// a lost feedback is not repeated.
    pub(super) fn begin_feedback(&mut self, base: u16) {
        let Some(index) = self.index_of(base) else { return };
        while self.spoken < index {
            let passed = self.spoken;
            self.settle(passed, State::Done);
            self.spoken += 1;
        }
    }

    /// Feedback speaks of the packet `sequence`; `arrival_ticks` says when it came. `None` for what
    /// was never sent, is long forgotten or has been spoken of.
    pub(super) fn speak(&mut self, sequence: u16, arrival_ticks: Option<i64>) -> Option<Spoken> {
        let index = self.index_of(sequence)?;
        let before = *self.entry(index);
        self.spoken = self.spoken.max(index + 1);
        let is_news = match before.state {
            State::Done => false,
            State::Lost => arrival_ticks.is_some(),
            State::Flying => true,
        };
        // The clock is followed whatever the packet is.
        let arrived_us = arrival_ticks.map(|ticks| self.unwrap_ticks(ticks));
        if !is_news {
            return None;
        }
        self.settle(index, if arrived_us.is_some() { State::Done } else { State::Lost });
        Some(Spoken {
            sent_us: self.unwrap_sent(before.sent_us),
            arrived_us,
            bytes: before.bytes,
            probe: before.probe,
            was_lost: before.state == State::Lost,
        })
    }

    fn settle(&mut self, index: u64, state: State) {
        let entry = self.entry(index);
        let (before, bytes) = (entry.state, u64::from(entry.bytes));
        entry.state = state;
        if before == State::Flying {
            self.in_flight -= bytes;
        }
    }

    fn entry(&mut self, index: u64) -> &mut Entry {
        let place = index as usize & (self.entries.len() - 1);
        &mut self.entries[place]
    }

    /// The index that `sequence` stands for, if it is in the log.
    fn index_of(&self, sequence: u16) -> Option<u64> {
        let back = u64::from((self.next as u16).wrapping_sub(sequence));
        (1..=self.entries.len() as u64).contains(&back).then(|| self.next.checked_sub(back)).flatten()
    }

    /// Makes room for one more: by forgetting the oldest, or by growing.
    fn make_room(&mut self, now_us: u32) {
        let len = self.entries.len();
        let oldest = *self.entry(self.next);
        if oldest.state != State::Flying {
            return;
        }
        if now_us.wrapping_sub(oldest.sent_us) >= KEEP_US || len == MAX_PLACES {
            let index = self.next - len as u64;
            self.settle(index, State::Done);
            self.spoken = self.spoken.max(index + 1);
            return;
        }
        let mut grown = vec![NOTHING; 2 * len];
        for index in self.next - len as u64..self.next {
            grown[index as usize & (2 * len - 1)] = *self.entry(index);
        }
        self.entries = grown;
    }

    /// Some 71 minutes are unique, and nothing is in the log for so long while packets go.
    fn unwrap_sent(&self, sent_us: u32) -> i64 {
        let newest = self.newest.as_micros();
        newest as i64 - i64::from((newest as u32).wrapping_sub(sent_us))
    }

    /// The reference time has 24 bits of 256 ticks each: it wraps with 32 bits of ticks.
    fn unwrap_ticks(&mut self, ticks: i64) -> i64 {
        let wrapped = ticks as u32;
        let (last_wrapped, last) = self.last_tick.unwrap_or((wrapped, i64::from(wrapped)));
        let now = last + i64::from(wrapped.wrapping_sub(last_wrapped) as i32);
        self.last_tick = Some((wrapped, now));
        now * TICK.as_micros() as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(packets: u64) -> SentLog {
        let mut log = SentLog::new(Time::ZERO, 0);
        for n in 0..packets {
            assert_eq!(log.push(Time::from_millis(n), 100, 0), n as u16);
        }
        log
    }

    #[test]
    fn a_packet_is_news_when_it_comes_and_when_it_was_called_lost_too_soon() {
        let mut log = log_of(3);
        let lost = log.speak(1, None).expect("it was sent");
        assert_eq!((lost.arrived_us, lost.was_lost), (None, false));
        assert_eq!(log.speak(1, None), None, "told already");
        let late = log.speak(1, Some(40)).expect("it came after all");
        assert_eq!((late.sent_us, late.arrived_us, late.was_lost), (1_000, Some(10_000), true));
        assert_eq!(log.speak(1, Some(40)), None, "told already");
        assert_eq!(log.speak(3, Some(40)), None, "never sent");
        assert_eq!(log.in_flight(), 200);
    }

    #[test]
    fn what_a_lost_feedback_spoke_of_is_not_in_flight() {
        let mut log = log_of(10);
        log.begin_feedback(6);
        assert_eq!(log.in_flight(), 400);
        assert_eq!(log.speak(2, Some(1)), None, "nobody will ever say");
    }

    #[test]
    fn the_log_grows_with_what_is_under_way_and_no_further() {
        let mut log = SentLog::new(Time::ZERO, 0);
        for n in 0..100_000u64 {
            log.push(Time::from_nanos(n * 1_000), 100, 0);
        }
        assert_eq!(log.entries.len(), MAX_PLACES);
        assert_eq!(log.in_flight(), 100 * MAX_PLACES as u64);
        let mut slow = log_of(20_000);
        assert_eq!(slow.entries.len(), 1_024, "a second's worth");
        assert!(slow.speak(19_999u64 as u16, Some(1)).is_some());
    }

    #[test]
    fn the_receivers_clock_may_wrap() {
        let mut log = log_of(3);
        let first = log.speak(0, Some((1 << 32) - 10)).and_then(|spoken| spoken.arrived_us);
        let second = log.speak(1, Some(10)).and_then(|spoken| spoken.arrived_us);
        assert_eq!(second.zip(first).map(|(second, first)| second - first), Some(20 * 250));
    }
}
