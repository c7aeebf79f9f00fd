//! What a transport tells its publisher for congestion control: when each packet arrived
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use crate::base::Time;
use crate::base::seq::Unwrapper;
use std::time::Duration;

/// How often feedback leaves: what libwebrtc sends by default, between its 50 and 250 ms. Each costs a
/// datagram, which in a small room are a good part of all.
pub const INTERVAL: Duration = Duration::from_millis(100);

/// Packets one feedback speaks of at most: beyond 25 Mbit/s it leaves before its time.
pub const WINDOW: usize = 256;

/// Arrivals since the last feedback.
#[derive(Clone, Debug)]
pub struct Arrivals {
    unwrapper: Unwrapper,
    base: Option<u64>,
    /// Absent until the first packet came: most transports only receive.
    arrived: Option<Box<[Option<Time>; WINDOW]>>,
    count: u8,
    interval: Duration,
    due: Time,
}

impl Default for Arrivals {
    fn default() -> Arrivals {
        Arrivals::every(INTERVAL)
    }
}

/// One feedback message's content: arrivals of `base`, `base + 1`, ….
#[derive(Debug, PartialEq, Eq)]
pub struct Feedback<'a> {
    /// The first packet's sequence number.
    pub base: u16,
    /// Counts the feedback messages, modulo 256.
    pub count: u8,
    /// Arrival of each packet from `base` on, or `None` if it did not come; the last is never
    /// `None`. The first may be: what was lost behind the last feedback must be told, too.
    pub arrived: &'a [Option<Time>],
}

impl Arrivals {
    /// Of which is told so often while packets come.
    pub fn every(interval: Duration) -> Arrivals {
        let unwrapper = Unwrapper::default();
        Arrivals { unwrapper, base: None, arrived: None, count: 0, interval, due: Time::NEVER }
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        self.arrived.as_ref().map_or(0, |_| size_of::<[Option<Time>; WINDOW]>())
    }

    /// A packet with this transport-wide sequence number arrived.
    ///
    /// Returns false when the window is full: feedback must be taken now, and the packet offered
    /// again.
    pub fn on_packet(&mut self, now: Time, sequence: u16) -> bool {
        let index = self.unwrapper.peek(sequence);
        let base = *self.base.get_or_insert(index);
        // Older than what was already spoken of: the publisher has counted it as lost.
        if index < base {
            return true;
        }
        let place = index - base;
        if place >= WINDOW as u64 {
            if self.is_empty() {
                self.base = Some(index);
                return self.on_packet(now, sequence);
            }
            return false;
        }
        self.unwrapper.commit(index);
        self.arrived.get_or_insert_with(|| Box::new([None; WINDOW]))[place as usize].get_or_insert(now);
        if self.due == Time::NEVER {
            self.due = now + self.interval;
        }
        true
    }

    /// When feedback is due; `Time::NEVER` while nothing arrived.
    pub fn deadline(&self) -> Time {
        self.due
    }

    /// Hands the arrivals so far to `send` and begins anew behind them.
    pub fn take(&mut self, send: impl FnOnce(Feedback<'_>)) {
        self.due = Time::NEVER;
        let count = self.count;
        let (Some(base), Some(arrived)) = (self.base, &mut self.arrived) else { return };
        let Some(last) = arrived.iter().rposition(Option::is_some) else { return };
        send(Feedback { base: base as u16, count, arrived: &arrived[..=last] });
        arrived.fill(None);
        self.count = count.wrapping_add(1);
        self.base = Some(base + last as u64 + 1);
    }

    /// The number of one more message, for a feedback that does not fit into one.
    pub fn next_count(&mut self) -> u8 {
        let count = self.count;
        self.count = count.wrapping_add(1);
        count
    }

    fn is_empty(&self) -> bool {
        self.arrived.as_ref().is_none_or(|arrived| arrived.iter().all(Option::is_none))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(arrivals: &mut Arrivals) -> Option<(u16, Vec<bool>)> {
        let mut got = None;
        arrivals.take(|feedback| {
            got = Some((feedback.base, feedback.arrived.iter().map(Option::is_some).collect()));
        });
        got
    }

    #[test]
    fn feedback_tells_of_holes_and_goes_on_behind_them() {
        let mut arrivals = Arrivals::default();
        for sequence in [65_534, 65_535, 1] {
            assert!(arrivals.on_packet(Time::from_millis(1), sequence));
        }
        assert_eq!(arrivals.deadline(), Time::from_millis(1) + INTERVAL);
        assert_eq!(taken(&mut arrivals), Some((65_534, vec![true, true, false, true])));
        assert_eq!(arrivals.deadline(), Time::NEVER);
        arrivals.on_packet(Time::from_millis(60), 0);
        assert_eq!(taken(&mut arrivals), None, "already spoken of as lost");
        arrivals.on_packet(Time::from_millis(61), 2);
        assert_eq!(taken(&mut arrivals), Some((2, vec![true])));
    }

    #[test]
    fn what_was_lost_behind_the_last_feedback_is_told() {
        let mut arrivals = Arrivals::default();
        arrivals.on_packet(Time::from_millis(1), 7);
        assert!(taken(&mut arrivals).is_some());
        arrivals.on_packet(Time::from_millis(60), 10);
        assert_eq!(taken(&mut arrivals), Some((8, vec![false, false, true])));
    }

    #[test]
    fn a_full_window_asks_to_be_sent() {
        let mut arrivals = Arrivals::default();
        assert!(arrivals.on_packet(Time::ZERO, 0));
        assert!(!arrivals.on_packet(Time::ZERO, WINDOW as u16));
        assert!(taken(&mut arrivals).is_some());
        assert!(arrivals.on_packet(Time::ZERO, WINDOW as u16));
        let (base, arrived) = taken(&mut arrivals).expect("the packet that was offered again");
        assert_eq!((base, arrived.len()), (1, WINDOW), "all in between is lost");
        assert_eq!(arrived.iter().rposition(|&arrived| arrived), Some(WINDOW - 1));
    }
}
