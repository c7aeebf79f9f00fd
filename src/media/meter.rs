//! How many bits a second an encoding has, in all and up to each of its temporal and spatial layers.

use super::choice::Sublayers;
use super::frame::Frame;
use crate::base::{DATAGRAM_HEADERS, Time};
use std::time::Duration;

/// Spatial and temporal layers told apart; browsers send at most three of each.
const SPATIAL: usize = 3;
const TEMPORAL: usize = 3;

/// How long bytes are counted before they are a rate: half a second has whole periods of every
/// temporal pattern in use, and frames enough for their sizes to even out.
const WINDOW: Duration = Duration::from_millis(500);

/// What a link carries beside each packet, the tag of AES-GCM included: a sixth of a packet of sound.
pub(super) const AROUND: usize = 16 + DATAGRAM_HEADERS;

/// Of a falling rate this much is kept each window: a still picture is cheap only until somebody
/// moves, and a ladder that follows it down promises what it cannot keep.
const KEPT_PERCENT: u64 = 75;

/// Key frames are asked for when somebody begins or rises, and cost what seconds of other pictures do:
/// they count a bit each window, or who rises would fall at once because of the picture it rose with.
const KEY_FRAMES_OVER: u64 = 8;

/// The rates of one encoding.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    since: Option<Time>,
    bytes: [[u64; TEMPORAL]; SPATIAL],
    /// Of key frames, not counted yet.
    key_bytes: [[u64; TEMPORAL]; SPATIAL],
    bits_per_second: [[u64; TEMPORAL]; SPATIAL],
}

impl Meter {
    /// A packet of `bytes` came, which is sent with a tag and in a datagram; `of_key_frame` if it
    /// belongs to one.
    pub fn on_packet(&mut self, now: Time, bytes: usize, frame: &Frame, of_key_frame: bool) {
        self.since.get_or_insert(now);
        let (spatial, temporal) = (usize::from(frame.spatial), usize::from(frame.temporal));
        let counts = if of_key_frame { &mut self.key_bytes } else { &mut self.bytes };
        counts[spatial.min(SPATIAL - 1)][temporal.min(TEMPORAL - 1)] += (bytes + AROUND) as u64;
    }

    /// Turns what was counted into rates, when that was long enough; tells whether it did.
    pub fn settle(&mut self, now: Time) -> bool {
        let Some(since) = self.since.filter(|since| now.since(*since) >= WINDOW) else { return false };
        let micros = now.since(since).as_micros() as u64;
        let rates = self.bits_per_second.iter_mut().flatten();
        let bytes = self.bytes.iter_mut().flatten().zip(self.key_bytes.iter_mut().flatten());
        for (rate, (bytes, key_bytes)) in rates.zip(bytes) {
            let of_key_frames = key_bytes.div_ceil(KEY_FRAMES_OVER);
            *key_bytes -= of_key_frames;
            let fresh = (std::mem::take(bytes) + of_key_frames) * 8_000_000 / micros;
            let kept = *rate * KEPT_PERCENT / 100 + fresh * (100 - KEPT_PERCENT) / 100;
            *rate = fresh.max(kept);
        }
        self.since = Some(now);
        true
    }

    /// Forgets what was counted since the last rate: the encoding has paused.
    pub fn pause(&mut self) {
        self.since = None;
        (self.bytes, self.key_bytes) = Default::default();
    }

    /// Bits a second up to these layers; `None` before anything was measured.
    pub fn rate(&self, up_to: Sublayers) -> Option<u64> {
        let spatial = self.bits_per_second.iter().take(usize::from(up_to.spatial) + 1);
        let rates = spatial.flat_map(|rates| rates.iter().take(usize::from(up_to.temporal) + 1));
        Some(rates.sum()).filter(|&sum: &u64| sum > 0)
    }

    /// How many spatial and temporal layers it has; one of each before anything was measured.
    pub fn layers(&self) -> (u8, u8) {
        let has = |rates: &[u64; TEMPORAL]| rates.iter().any(|&rate| rate > 0);
        let spatial = self.bits_per_second.iter().rposition(has).unwrap_or(0);
        let temporal =
            (0..TEMPORAL).rfind(|&at| self.bits_per_second.iter().any(|rates| rates[at] > 0)).unwrap_or(0);
        (spatial as u8 + 1, temporal as u8 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(spatial: u8, temporal: u8) -> Frame {
        Frame { spatial, temporal, ..Frame::default() }
    }

    #[test]
    fn rates_are_told_up_to_each_layer() {
        let mut meter = Meter::default();
        assert_eq!(meter.rate(Sublayers::ALL), None);
        for n in 0..50 {
            let now = Time::from_millis(10 * n);
            meter.on_packet(now, 1_000 - AROUND, &frame(0, (n % 2) as u8), false);
            meter.on_packet(now, 3_000 - AROUND, &frame(1, (n % 2) as u8), false);
            assert!(!meter.settle(now));
        }
        assert!(meter.settle(Time::from_millis(500)));
        assert_eq!(meter.layers(), (2, 2));
        assert_eq!(meter.rate(Sublayers { spatial: 0, temporal: 0 }), Some(400_000));
        assert_eq!(meter.rate(Sublayers { spatial: 0, temporal: 7 }), Some(800_000));
        assert_eq!(meter.rate(Sublayers::ALL), Some(3_200_000));
    }

    #[test]
    fn a_key_frame_that_was_asked_for_makes_nothing_much_dearer() {
        let mut meter = Meter::default();
        let mut rates = Vec::new();
        for n in 0..100u64 {
            let is_key = n == 50;
            meter.on_packet(
                Time::from_millis(100 * n),
                if is_key { 40_000 } else { 5_000 } - AROUND,
                &frame(0, 0),
                is_key,
            );
            if meter.settle(Time::from_millis(100 * n)) {
                rates.extend(meter.rate(Sublayers::ALL));
            }
        }
        assert!(rates[2..].iter().all(|rate| (400_000..520_000).contains(rate)), "{rates:?}");
        assert!(rates.iter().any(|&rate| rate > 440_000), "it is counted all the same");
    }

    #[test]
    fn a_rate_rises_at_once_and_falls_slowly() {
        let mut meter = Meter::default();
        for (n, bytes) in [Some(10_000), Some(100_000), None].into_iter().enumerate() {
            let now = Time::from_millis(500 * n as u64);
            bytes.into_iter().for_each(|bytes| meter.on_packet(now, bytes - AROUND, &frame(0, 0), false));
            meter.settle(Time::from_millis(500 * (n as u64 + 1)));
        }
        assert_eq!(meter.rate(Sublayers::ALL), Some(1_200_000));
    }
}
