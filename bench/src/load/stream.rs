//! One published stream as one participant receives it: what of it came, and when.
//!
//! Judges by the stamp alone. Through which SSRC it came matters only where a seat changed over.

use super::meter::Meter;
use super::stamp::Stamp;
use super::window::{Seen, Window};
use crate::signal::{Kind, Layer};
use std::time::Duration;
use volley::base::Time;

/// A stream of which nothing has come for so long has stopped.
const STOPPED: Duration = Duration::from_secs(2);

/// What a packet is, beside its stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Arrival {
    pub(super) now: Time,
    /// It came on a retransmission stream.
    pub(super) again: bool,
    /// What the SSRC that it came through shows.
    pub(super) seat: Seat,
}

/// What an SSRC of the server shows, as seen by a stream of which a packet came through it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seat {
    /// This stream, and of the server's own numbers before the packet so many have not come: what else is
    /// missing was withheld.
    Shows { hole: u64 },
    /// Something else until now: what lies between was never meant to come.
    Changes,
    /// Something else by now: what was missing then has been counted.
    Left,
}

/// A stream of another participant.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    publisher: u32,
    kind: Kind,
    life: u16,
    layer: Option<Layer>,
    window: Window,
    last_arrival: Time,
    silent: bool,
    /// What was sent before is a history's, played to late comers: it tells nothing of delay.
    live_since: Time,
    /// The key frame that is coming in, and how much of it came.
    key_frame: u32,
    key_packets: u16,
}

impl Stream {
    /// The stream that `stamp`, the first of it, belongs to. It may have overtaken as many packets as
    /// the `hole` in the server's own numbers before it.
    pub(super) fn new(stamp: &Stamp, hole: u64, now: Time) -> Stream {
        Stream {
            publisher: stamp.person.number,
            kind: stamp.kind,
            life: stamp.life,
            layer: stamp.layer,
            window: Window::after_hole(hole as u32),
            last_arrival: now,
            silent: true,
            live_since: now,
            key_frame: u32::MAX,
            key_packets: 0,
        }
    }

    /// Whether `stamp` is one of this stream.
    pub(super) fn is_of(&self, stamp: &Stamp) -> bool {
        self.life == stamp.life && self.layer == stamp.layer && self.is_same_source(stamp)
    }

    /// Whether `stamp` is of what the publisher sends since they came again, in this stream's place.
    pub(super) fn is_followed_by(&self, stamp: &Stamp) -> bool {
        self.life != stamp.life && self.layer == stamp.layer && self.is_same_source(stamp)
    }

    /// Whether `stamp` is one of another layer of the same picture.
    pub(super) fn is_beside(&self, stamp: &Stamp) -> bool {
        self.life == stamp.life && self.layer != stamp.layer && self.is_same_source(stamp)
    }

    fn is_same_source(&self, stamp: &Stamp) -> bool {
        (self.publisher, self.kind) == (stamp.person.number, stamp.kind)
    }

    /// The microphone or camera that it is of, all layers and joins being one.
    pub(super) fn source(&self) -> (u32, Kind) {
        (self.publisher, self.kind)
    }

    /// Whether it comes: also who is silent sends something twice a second.
    pub(super) fn is_live(&self, now: Time) -> bool {
        self.silent_for(now) < STOPPED
    }

    /// How long nothing of it has come that should have.
    pub(super) fn open_gap(&self, now: Time) -> Duration {
        if self.silent { Duration::ZERO } else { self.silent_for(now) }
    }

    /// How long ago its newest packet came.
    pub(super) fn silent_for(&self, now: Time) -> Duration {
        now.since(self.last_arrival)
    }

    /// Counts a packet; true when it completes a key frame.
    pub(super) fn note(&mut self, stamp: &Stamp, arrival: Arrival, bytes: usize, meter: &mut Meter) -> bool {
        let Arrival { now, again, seat } = arrival;
        let seen = self.window.note(stamp.sequence);
        let received = meter.now.received(self.kind);
        received.retransmissions += u64::from(again);
        match seen {
            Seen::Duplicate => received.duplicates += 1,
            Seen::TooOld => received.too_old += 1,
            Seen::Newest { missing } if seat == Seat::Changes => received.skipped += u64::from(missing),
            Seen::Newest { missing } if seat != Seat::Left => {
                let hole = if let Seat::Shows { hole } = seat { hole } else { u64::MAX };
                received.missing += u64::from(missing);
                received.withheld += u64::from(missing).saturating_sub(hole);
            }
            Seen::Newest { .. } | Seen::Late => {
                received.late += 1;
                received.reordered += u64::from(!again);
            }
        }
        if matches!(seen, Seen::Duplicate | Seen::TooOld) {
            return false;
        }
        received.packets += 1;
        received.bytes += bytes as u64;
        if let Some(layer) = self.layer {
            meter.now.layers.of(layer).received += 1;
        }
        if seat == Seat::Changes {
            (self.live_since, self.silent) = (now, true);
        }
        if !again && stamp.sent >= self.live_since {
            meter.now.delay.saturating_record(micros(stamp.sent, now));
        }
        if matches!(seen, Seen::Newest { .. }) && seat != Seat::Left {
            if !self.silent {
                meter.now.gaps.saturating_record(micros(self.last_arrival, now));
            }
            (self.last_arrival, self.silent) = (now, stamp.silence_follows);
        }
        stamp.key_frame && self.completes_key_frame(stamp, meter)
    }

    fn completes_key_frame(&mut self, stamp: &Stamp, meter: &mut Meter) -> bool {
        if self.key_frame != stamp.frame {
            (self.key_frame, self.key_packets) = (stamp.frame, 0);
        }
        self.key_packets += 1;
        let complete = self.key_packets == stamp.packets_in_frame;
        meter.now.received(self.kind).key_frames += u64::from(complete);
        complete
    }
}

pub(super) fn micros(from: Time, to: Time) -> u64 {
    to.as_nanos().saturating_sub(from.as_nanos()) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Person;

    fn stamp(sequence: u32, sent_ms: u64) -> Stamp {
        Stamp {
            person: Person { room: 0, number: 1 },
            kind: Kind::Video,
            life: 1,
            layer: None,
            key_frame: false,
            silence_follows: false,
            sequence,
            frame: sequence,
            packets_in_frame: 1,
            sent: Time::from_millis(sent_ms),
        }
    }

    struct Rig {
        stream: Stream,
        meter: Meter,
    }

    impl Rig {
        fn new() -> Rig {
            let now = Time::from_millis(1_000);
            Rig { stream: Stream::new(&stamp(0, 990), 0, now), meter: Meter::new(now) }
        }

        fn take(&mut self, stamp: &Stamp, at_ms: u64, again: bool, switched: bool) -> bool {
            let seat = if switched { Seat::Changes } else { Seat::Shows { hole: u64::MAX } };
            let arrival = Arrival { now: Time::from_millis(at_ms), again, seat };
            self.stream.note(stamp, arrival, 1000, &mut self.meter)
        }
    }

    #[test]
    fn a_retransmission_makes_good_for_a_loss_and_tells_nothing_of_delay() {
        let mut rig = Rig::new();
        rig.take(&stamp(0, 1_000), 1_001, false, false);
        rig.take(&stamp(2, 1_010), 1_012, false, false);
        assert_eq!(rig.meter.now.video.lost(), 1);
        rig.take(&stamp(1, 1_005), 1_090, true, false);
        let video = rig.meter.now.video;
        assert_eq!((video.lost(), video.packets, video.retransmissions, video.reordered), (0, 3, 1, 0));
        assert_eq!((rig.meter.now.delay.len(), rig.meter.now.delay.max()), (2, 2_000));
    }

    #[test]
    fn what_was_overtaken_is_reordered_and_not_lost() {
        let mut rig = Rig::new();
        for sequence in [0, 2, 1, 1] {
            rig.take(&stamp(sequence, 1_000), 1_001, false, false);
        }
        let video = rig.meter.now.video;
        assert_eq!((video.lost(), video.reordered, video.duplicates, video.packets), (0, 1, 1, 3));
    }

    #[test]
    fn a_history_played_to_a_late_comer_is_not_delay() {
        let mut rig = Rig::new();
        rig.take(&stamp(0, 400), 1_000, false, false);
        rig.take(&stamp(1, 420), 1_000, false, false);
        rig.take(&stamp(2, 1_003), 1_004, false, false);
        assert_eq!((rig.meter.now.delay.len(), rig.meter.now.delay.max()), (1, 1_000));
    }

    #[test]
    fn a_pause_that_was_announced_is_no_gap() {
        let mut rig = Rig::new();
        rig.take(&stamp(0, 1_000), 1_000, false, false);
        rig.take(&Stamp { silence_follows: true, ..stamp(1, 1_033) }, 1_033, false, false);
        rig.take(&stamp(2, 1_433), 1_433, false, false);
        rig.take(&stamp(3, 1_533), 1_533, false, false);
        assert_eq!(rig.meter.now.gaps.len(), 2);
        assert_eq!(rig.meter.now.longest_gap().as_millis(), 100);
    }

    #[test]
    fn what_a_seat_did_not_show_is_skipped_and_not_lost() {
        let mut rig = Rig::new();
        rig.take(&stamp(0, 1_000), 1_000, false, false);
        rig.take(&stamp(500, 9_000), 9_000, false, true);
        let video = rig.meter.now.video;
        assert_eq!((video.lost(), video.skipped), (0, 499));
        assert_eq!(rig.meter.now.gaps.len(), 0);
    }

    #[test]
    fn a_key_frame_is_whole_once_all_its_packets_came() {
        let mut rig = Rig::new();
        let key =
            |sequence| Stamp { key_frame: true, frame: 7, packets_in_frame: 3, ..stamp(sequence, 1_000) };
        assert!(!rig.take(&key(0), 1_000, false, false));
        assert!(!rig.take(&key(2), 1_000, false, false));
        assert!(!rig.take(&key(2), 1_000, false, false), "a duplicate completes nothing");
        assert!(rig.take(&key(1), 1_080, true, false));
        assert_eq!(rig.meter.now.video.key_frames, 1);
    }
}
