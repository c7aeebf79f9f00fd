//! A receiver's own estimate of its link, for peers that tell no arrival times: about what libwebrtc did
//! before it had those (draft-ietf-rmcat-gcc-02, with the controller at the receiver).

use crate::base::Time;
use crate::base::id::Ssrc;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Between two reports, when nothing is wrong.
const INTERVAL: Duration = Duration::from_millis(250);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Over this what comes is measured.
const WINDOW: Duration = Duration::from_millis(500);
/// For so long the least delay is remembered: clocks drift.
const REMEMBERED: Duration = Duration::from_secs(10);
/// Every packet of a look waited longer than this: the link is full.
const FULL: Duration = Duration::from_millis(40);
/// A link that is full gets so much of what comes.
const LESS: f64 = 0.85;
/// Otherwise so much more each second …
const MORE: f64 = 1.08;
/// … and no more than this much of what comes.
const BEYOND: f64 = 1.5;
/// After it was lowered it waits for this.
const HOLD: Duration = Duration::from_millis(500);

/// An estimator at a receiver.
#[derive(Debug)]
pub struct Remb {
    bits_per_second: f64,
    came: VecDeque<(Time, usize)>,
    streams: BTreeMap<Ssrc, Stream>,
    turned: Time,
    /// The least any packet waited since the last look.
    wait: Option<i64>,
    looked: Time,
    lowered: Time,
    told: Time,
}

#[derive(Debug)]
struct Stream {
    first: u32,
    /// The least that arrival was behind the time stamp, of the last seconds and of those before.
    least: [i64; 2],
}

impl Default for Remb {
    fn default() -> Remb {
        Remb {
            bits_per_second: 300_000.0,
            came: VecDeque::new(),
            streams: BTreeMap::new(),
            turned: Time::ZERO,
            wait: None,
            looked: Time::ZERO,
            lowered: Time::ZERO,
            told: Time::ZERO,
        }
    }
}

impl Remb {
    /// A packet of a stream came, of which so many ticks are a second.
    pub fn on_packet(&mut self, now: Time, (ssrc, clock_rate): (Ssrc, u32), timestamp: u32, bytes: usize) {
        self.came.push_back((now, bytes));
        if now.since(self.turned) > REMEMBERED / 2 {
            self.turned = now;
            self.streams.values_mut().for_each(|stream| stream.least = [i64::MAX, stream.least[0]]);
        }
        let stream = self.streams.entry(ssrc).or_insert(Stream { first: timestamp, least: [i64::MAX; 2] });
        let ticks = i64::from(timestamp.wrapping_sub(stream.first) as i32);
        let behind = (now.as_nanos() / 1_000) as i64 - ticks * 1_000_000 / i64::from(clock_rate);
        let least = &mut stream.least;
        least[0] = least[0].min(behind);
        let wait = behind - least[0].min(least[1]);
        self.wait = Some(self.wait.map_or(wait, |other| other.min(wait)));
    }

    /// What to tell the server now, if anything.
    pub fn take(&mut self, now: Time) -> Option<u64> {
        let was = self.bits_per_second;
        let passed = now.since(self.looked);
        if passed >= LOOK {
            self.looked = now;
            self.look(now, passed.min(Duration::from_secs(1)));
        }
        let tells = self.bits_per_second < was || now.since(self.told) >= INTERVAL;
        tells.then(|| {
            self.told = now;
            self.bits_per_second as u64
        })
    }

    fn look(&mut self, now: Time, passed: Duration) {
        while self.came.front().is_some_and(|(at, _)| now.since(*at) > WINDOW) {
            self.came.pop_front();
        }
        let bytes: usize = self.came.iter().map(|(_, bytes)| bytes).sum();
        let comes = bytes as f64 * 8.0 / WINDOW.as_secs_f64();
        let Some(wait) = self.wait.take() else { return };
        if wait > FULL.as_micros() as i64 {
            if now.since(self.lowered) >= HOLD {
                self.lowered = now;
                self.bits_per_second = self.bits_per_second.min(comes * LESS);
            }
        } else if now.since(self.lowered) >= HOLD {
            let more = self.bits_per_second * MORE.powf(passed.as_secs_f64());
            self.bits_per_second = more.min(comes * BEYOND + 10_000.0).max(self.bits_per_second);
        }
    }
}
