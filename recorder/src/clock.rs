//! From a layer's time stamps to the server's clock.
//!
//! A publisher's reports say which time stamp belongs to which moment; the worker has carried them over
//! to one clock for all. Before the first report the arrival of packets has to do: the earliest of them,
//! since delay only adds. What was said once is never jumped from: a report moves the clock by a slope that
//! nobody hears, so however long a recording runs, sound and picture stay as the publisher's own clock
//! has them.

/// How much media time may be stretched to follow a report: 2 % are half a frame a second, and make good
/// the worst guess before the first report (a tenth of a second) within five.
const MAX_SLEW: f64 = 0.02;

/// Beyond this the publisher's clock was set, and following slowly would take minutes.
const CLOCK_WAS_SET: i64 = 1_000_000_000;

/// No packet is under way for so long, and no clock drifts by as much within days.
const MOST_AWAY: i64 = 60_000_000_000;

/// A time stamp without its wraps, in ticks.
pub type Ticks = i64;

/// The clock of one sequence of packets. All moments are nanoseconds since 1970 on the server's clock.
#[derive(Clone, Debug)]
pub struct MediaClock {
    rate: i64,
    /// The last time stamp without its wraps.
    last: Option<Ticks>,
    /// The moment of time stamp zero by the earliest arrival.
    by_arrival: Option<i64>,
    /// The same by the last report.
    by_report: Option<i64>,
    /// What was given out last: for which time stamp, and the moment of time stamp zero then.
    in_use: Option<(Ticks, i64)>,
}

impl MediaClock {
    /// Of so many ticks a second.
    pub fn new(rate: u32) -> MediaClock {
        MediaClock {
            rate: i64::from(rate.max(1)),
            last: None,
            by_arrival: None,
            by_report: None,
            in_use: None,
        }
    }

    /// A time stamp without its wraps: the one nearest to the last.
    pub fn unwrap(&mut self, timestamp: u32) -> Ticks {
        let ticks = match self.last {
            None => i64::from(timestamp),
            Some(_) => self.near(timestamp),
        };
        self.last = Some(self.last.map_or(ticks, |last| last.max(ticks)));
        ticks
    }

    /// The same of one that is known already.
    pub fn near(&self, timestamp: u32) -> Ticks {
        let last = self.last.unwrap_or_default();
        last + i64::from(timestamp.wrapping_sub(last as u32) as i32)
    }

    /// A packet of this time stamp came.
    pub fn on_arrival(&mut self, ticks: Ticks, at: i64) {
        let zero = at - self.nanos(ticks);
        self.by_arrival = Some(self.by_arrival.map_or(zero, |before| before.min(zero)));
    }

    /// The publisher reported that `timestamp` was taken at this moment.
    pub fn on_report(&mut self, timestamp: u32, at: i64) {
        let ticks = match self.last {
            // Before any packet: the first one will be near it.
            None => self.unwrap(timestamp),
            Some(_) => self.near(timestamp),
        };
        self.by_report = Some(at - self.nanos(ticks));
    }

    /// Whether a report has come.
    pub fn is_sure(&self) -> bool {
        self.by_report.is_some()
    }

    /// The moment of a time stamp; `None` before anything came. To be asked in order.
    pub fn moment(&mut self, ticks: Ticks) -> Option<i64> {
        let target = self.by_report.filter(|&zero| self.is_likely(zero)).or(self.by_arrival)?;
        let zero = match self.in_use {
            None => target,
            Some((_, zero)) if (target - zero).abs() > CLOCK_WAS_SET => target,
            Some((before, zero)) => {
                let most = (self.nanos((ticks - before).max(0)) as f64 * MAX_SLEW) as i64;
                zero + (target - zero).clamp(-most, most)
            }
        };
        self.in_use = Some((ticks, zero));
        Some(zero + self.nanos(ticks))
    }

    /// A report that says a packet was taken long before it came, or after, is wrong: its pictures would
    /// wait for sound of another hour.
    fn is_likely(&self, zero: i64) -> bool {
        self.by_arrival.is_none_or(|by_arrival| (zero - by_arrival).abs() <= MOST_AWAY)
    }

    fn nanos(&self, ticks: Ticks) -> i64 {
        (i128::from(ticks) * 1_000_000_000 / i128::from(self.rate)) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const START: i64 = 1_700_000_000 * SECOND;

    #[test]
    fn a_report_of_another_hour_is_not_believed() {
        let mut clock = MediaClock::new(90_000);
        let first = clock.unwrap(1_000);
        clock.on_arrival(first, START);
        let usual = clock.moment(first);
        clock.on_report(1_000, START + 3_600 * SECOND);
        assert_eq!(clock.moment(first), usual);
        clock.on_report(1_000, START + SECOND / 10);
        assert!(clock.moment(first + 90_000) > usual, "a likely one is followed");
    }

    #[test]
    fn time_stamps_go_on_over_their_wrap_and_late_ones_lie_before() {
        let mut clock = MediaClock::new(90_000);
        let first = clock.unwrap(u32::MAX - 10);
        assert_eq!(clock.unwrap(20) - first, 31);
        assert_eq!(clock.unwrap(u32::MAX) - first, 10);
        assert_eq!(clock.unwrap(50) - first, 61);
    }

    #[test]
    fn before_a_report_the_earliest_arrival_counts() {
        let mut clock = MediaClock::new(48_000);
        for (n, late) in [(0, 30), (1, 5), (2, 80)] {
            let ticks = clock.unwrap(n * 960);
            clock.on_arrival(ticks, START + i64::from(n) * 20_000_000 + late * 1_000_000);
        }
        assert_eq!(clock.moment(0), Some(START + 5_000_000));
    }

    #[test]
    fn a_report_moves_what_was_guessed_without_a_jump() {
        let mut clock = MediaClock::new(48_000);
        clock.on_arrival(0, START + 90_000_000);
        let (mut before, mut last) = (clock.moment(0).unwrap(), 0);
        clock.unwrap(0);
        clock.on_report(0, START);
        for n in 1..=600i64 {
            let moment = clock.moment(n * 960).unwrap();
            let step = moment - before;
            assert!((19_600_000..=20_000_000).contains(&step), "{step}");
            (before, last) = (moment, n);
        }
        assert_eq!(before, START + last * 20_000_000);
    }

    /// Two quartzes 200 ppm apart, reports with 8 ms of jitter: an hour later both are where the
    /// publisher's one clock has them.
    #[test]
    fn an_hour_with_clocks_that_drift_keeps_sound_and_picture_together() {
        let (mut sound, mut picture) = (MediaClock::new(48_000), MediaClock::new(90_000));
        let stamp = |rate: f64, ppm: f64, seconds: f64| (rate * (1.0 + ppm * 1e-6) * seconds) as u64 as u32;
        let jitter = |n: i64| (n * 7_919 % 17 - 8) * 1_000_000;
        let mut worst = 0;
        for n in 0..3_600 * 25i64 {
            let seconds = n as f64 / 25.0;
            let (a, v) = (stamp(48_000.0, 200.0, seconds), stamp(90_000.0, 0.0, seconds));
            let (a, v) = (sound.unwrap(a), picture.unwrap(v));
            let now = START + n * 40_000_000;
            if n % 125 == 0 {
                sound.on_report(a as u32, now + jitter(n / 125));
            }
            if n % 25 == 0 {
                picture.on_report(v as u32, now + jitter(n / 25 + 3));
            }
            let apart = sound.moment(a).unwrap() - picture.moment(v).unwrap();
            worst = worst.max(apart.abs());
        }
        assert!(worst < 40_000_000, "{} ms", worst / 1_000_000);
    }

    #[test]
    fn a_publishers_clock_that_was_set_is_followed_at_once() {
        let mut clock = MediaClock::new(90_000);
        clock.unwrap(0);
        clock.on_report(0, START);
        assert_eq!(clock.moment(0), Some(START));
        clock.on_report(90_000, START + 10 * SECOND);
        assert_eq!(clock.moment(90_000), Some(START + 10 * SECOND));
    }
}
