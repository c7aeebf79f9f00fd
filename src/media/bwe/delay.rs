//! Packets that left together, and how long they took: the series the delay-based part looks at.
//!
//! A receiver's packets leave in trains, so one train is one group. Of a group the packet that was
//! under way for the shortest time counts. A train's later packets wait behind its first ones, so
//! the shortest way is what the link's queue was like before the train came: it rises when the
//! queue stands from train to train, and not because one picture is bigger than the one before.
//! libwebrtc takes the last packet of a group, which sees its own group's size.

use crate::base::Bitrate;
use std::time::Duration;

/// Packets that left within this of the group's first are of the group (libwebrtc
/// `kSendTimeGroupLength`).
const GROUP_US: i64 = 5_000;

/// A train says how fast the link is by how it comes apart: by so many packets at least, over so
/// long, without a pause of more than this part of it. A radio link that stalls makes one long pause,
/// a slow one makes many short ones.
const CRAWL_PACKETS: u32 = 5;
const CRAWL_US: i64 = 50_000;
const CRAWL_PAUSE: i64 = 3;

/// A queue is measured from the shortest way within this long, in two halves: longer than a queue of
/// ours stands, since it is drained, and short enough that another network is soon taken for what it is.
const BASE_HALF_US: i64 = 4_000_000;

/// The same while so little is sent that no queue can be ours: a path that has become longer, by another
/// route or another network, is soon taken for what it is.
const IDLE_HALF_US: i64 = 1_000_000;

/// Clocks do not leap; a way that seems this much longer or shorter at once is a new clock.
const LEAP_US: i64 = 3_000_000;

/// One group.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Sample {
    /// When its packet left, on our clock.
    pub(super) sent_us: i64,
    /// When it came, on the receiver's.
    pub(super) arrived_us: i64,
    /// How long it took, from clock to clock: only differences mean something.
    pub(super) delay_us: i64,
}

/// How one train comes out of the link.
#[derive(Clone, Copy, Debug)]
struct Apart {
    first_us: i64,
    last_us: i64,
    longest_pause_us: i64,
    packets: u32,
    /// Without those of the first packet.
    bytes: u64,
}

impl Apart {
    fn new(arrived_us: i64) -> Apart {
        Apart { first_us: arrived_us, last_us: arrived_us, longest_pause_us: 0, packets: 1, bytes: 0 }
    }

    fn add(&mut self, arrived_us: i64, bytes: u16) {
        self.longest_pause_us = self.longest_pause_us.max(arrived_us - self.last_us);
        self.last_us = self.last_us.max(arrived_us);
        self.packets += 1;
        self.bytes += u64::from(bytes);
    }

    fn crawl(&self) -> Option<Bitrate> {
        let took = self.last_us - self.first_us;
        let slow = took >= CRAWL_US && self.packets >= CRAWL_PACKETS;
        let even = self.longest_pause_us * CRAWL_PAUSE <= took;
        (slow && even).then(|| Bitrate::of(self.bytes, Duration::from_micros(took as u64)))
    }
}

/// Makes groups of packets.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    current: Option<(i64, Sample)>,
    apart: Option<Apart>,
}

impl Groups {
    /// The rate at which the last train crawls out of the link, if it does.
    pub(super) fn take_crawl(&mut self) -> Option<Bitrate> {
        let crawl = self.apart?.crawl()?;
        self.apart = None;
        Some(crawl)
    }

    /// A packet came; the group before it, when it is the first of another.
    pub(super) fn on_packet(&mut self, sent_us: i64, arrived_us: i64, bytes: u16) -> Option<Sample> {
        let sample = Sample { sent_us, arrived_us, delay_us: arrived_us - sent_us };
        let Some((began, least)) = &mut self.current else {
            self.current = Some((sent_us, sample));
            self.apart = Some(Apart::new(arrived_us));
            return None;
        };
        let leapt = (sample.delay_us - least.delay_us).abs() > LEAP_US;
        // What is late and of a group before says nothing about the queue now.
        if sent_us < *began && !leapt {
            return None;
        }
        if sent_us - *began <= GROUP_US && !leapt {
            if sample.delay_us < least.delay_us {
                *least = sample;
            }
            if let Some(apart) = &mut self.apart {
                apart.add(arrived_us, bytes);
            }
            return None;
        }
        self.apart = Some(Apart::new(arrived_us));
        self.current.replace((sent_us, sample)).map(|(_, least)| least)
    }
}

/// How long packets wait in the link's queue, by the shortest way of late.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    /// The shortest way in this half and in the one before.
    least: Option<(i64, i64)>,
    half_began: i64,
    last_us: i64,
}

impl Queue {
    /// Takes a group; what its packet waited, in microseconds. `idle`: hardly anything is sent.
    pub(super) fn on_sample(&mut self, sample: &Sample, idle: bool) -> i64 {
        let delay = sample.delay_us;
        let (now, before) = match self.least {
            Some((now, before)) if (delay - now).abs() <= LEAP_US => (now.min(delay), before),
            _ => {
                self.half_began = sample.sent_us;
                (delay, delay)
            }
        };
        self.least = Some((now, before));
        let half = if idle { IDLE_HALF_US } else { BASE_HALF_US };
        if sample.sent_us - self.half_began > half {
            self.half_began = sample.sent_us;
            self.least = Some((delay, now));
        }
        self.last_us = delay - now.min(before);
        self.last_us
    }

    /// What seemed a queue is the path itself.
    pub(super) fn rebase(&mut self) {
        *self = Queue::default();
    }

    /// What the last group's packet waited.
    pub(super) fn wait_us(&self) -> i64 {
        self.last_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_train_counts_by_its_first_packet_however_long_it_is() {
        let mut groups = Groups::default();
        let mut samples = Vec::new();
        for train in 0..10i64 {
            let sent = train * 33_000;
            for packet in 0..=train {
                samples.extend(groups.on_packet(sent, 40_000 + sent + packet * 2_000, 1_200));
            }
        }
        assert_eq!(samples.len(), 9);
        assert!(samples.iter().all(|sample| sample.delay_us == 40_000), "{samples:?}");
    }

    #[test]
    fn a_train_that_comes_apart_evenly_tells_the_links_rate_and_one_that_stalls_does_not() {
        let apart = |pauses: &[i64]| {
            let (mut groups, mut arrived) = (Groups::default(), 0);
            groups.on_packet(0, 0, 1_200);
            for pause in pauses {
                arrived += pause;
                groups.on_packet(0, arrived, 1_200);
            }
            groups.take_crawl()
        };
        assert_eq!(apart(&[19_200; 5]), Some(Bitrate::from_kbps(500)));
        assert_eq!(apart(&[1_000, 1_000, 70_000, 1_000, 1_000]), None);
        assert_eq!(apart(&[1_000; 5]), None, "as fast as a queue of a link that is not slow");
    }

    #[test]
    fn a_packet_that_was_overtaken_by_a_later_train_is_no_sample() {
        let mut groups = Groups::default();
        assert_eq!(groups.on_packet(0, 10_000, 1_200), None);
        assert!(groups.on_packet(20_000, 30_000, 1_200).is_some());
        assert_eq!(groups.on_packet(0, 35_000, 1_200), None);
        let next = groups.on_packet(40_000, 50_000, 1_200).expect("the train before is complete");
        assert_eq!(next.delay_us, 10_000);
    }

    #[test]
    fn a_queue_is_what_stands_above_the_shortest_way() {
        let mut queue = Queue::default();
        let sample = |sent_us, delay_us| Sample { sent_us, arrived_us: sent_us + delay_us, delay_us };
        assert_eq!(queue.on_sample(&sample(0, -5_000), false), 0);
        assert_eq!(queue.on_sample(&sample(33_000, 20_000), false), 25_000);
        assert_eq!(queue.on_sample(&sample(66_000, -6_000), false), 0);
    }

    #[test]
    fn a_path_that_has_become_longer_is_taken_for_itself_after_half_a_minute() {
        let mut queue = Queue::default();
        let wait = |queue: &mut Queue, ms: i64, delay_us| {
            queue.on_sample(&Sample { sent_us: ms * 1_000, arrived_us: 0, delay_us }, false)
        };
        wait(&mut queue, 0, 10_000);
        assert_eq!(wait(&mut queue, 1_000, 60_000), 50_000);
        for ms in (2_000..40_000).step_by(100) {
            wait(&mut queue, ms, 60_000);
        }
        assert_eq!(wait(&mut queue, 40_000, 60_000), 0);
    }
}
