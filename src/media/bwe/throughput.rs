//! How much arrives: the rate at which bytes come out of the link, by the receiver's clock.

use crate::base::Bitrate;
use std::time::Duration;

/// One bin: short beside the shortest window, long beside a train's own length.
const BIN_US: i64 = 25_000;
/// A second and a bit of them.
const BINS: usize = 44;
/// What arrives from a link that is full comes without pause, and is measured over this (libwebrtc
/// `kRateWindow`, 150 ms), or over the next longer one that holds enough to be measured by: a packet
/// more or less makes a tenth of it.
const FULL_BINS: [i64; 2] = [6, 10];
const ENOUGH: u64 = 10 * 1_200;
/// Otherwise frames come with pauses in between: half a second holds seven of 15 a second.
const OPEN_BINS: i64 = 20;

/// Bytes by the time of their arrival.
#[derive(Clone, Debug)]
pub(super) struct Throughput {
    bins: [u32; BINS],
    /// The first bin that has anything, and the newest.
    first: Option<i64>,
    newest: i64,
}

impl Default for Throughput {
    fn default() -> Throughput {
        Throughput { bins: [0; BINS], first: None, newest: 0 }
    }
}

impl Throughput {
    /// `bytes` came.
    pub(super) fn on_packet(&mut self, arrived_us: i64, bytes: u16) {
        let bin = arrived_us.div_euclid(BIN_US);
        if self.first.is_none() || (bin - self.newest).abs() > 10 * BINS as i64 {
            *self = Throughput { bins: [0; BINS], first: Some(bin), newest: bin };
        }
        if bin + (BINS as i64) <= self.newest {
            return;
        }
        while self.newest < bin {
            self.newest += 1;
            self.bins[self.newest.rem_euclid(BINS as i64) as usize] = 0;
        }
        self.bins[bin.rem_euclid(BINS as i64) as usize] += u32::from(bytes);
    }

    /// What arrived of late; `None` until there is a window's worth. `full`: the link's queue stands.
    pub(super) fn rate(&self, full: bool) -> Option<Bitrate> {
        let shorter = FULL_BINS.iter().filter(|_| full).copied();
        let enough = |&bins: &i64| self.bytes_in(bins).is_some_and(|bytes| bytes >= ENOUGH);
        let bins = shorter.into_iter().find(enough).unwrap_or(OPEN_BINS);
        self.bytes_in(bins).map(|bytes| Bitrate::of(bytes, Duration::from_micros((bins * BIN_US) as u64)))
    }

    /// What came in the last so many bins but the newest, which is not over yet.
    fn bytes_in(&self, bins: i64) -> Option<u64> {
        let end = self.newest;
        let there = end - self.first? >= bins;
        there.then(|| (end - bins..end).map(|bin| u64::from(self.bin(bin))).sum())
    }

    fn bin(&self, bin: i64) -> u32 {
        self.bins[bin.rem_euclid(BINS as i64) as usize]
    }
}

const _: () = assert!(OPEN_BINS < BINS as i64 && FULL_BINS[1] < OPEN_BINS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate_and_frames_have_theirs() {
        let (mut stream, mut frames) = (Throughput::default(), Throughput::default());
        for ms in 0..2_000 {
            stream.on_packet(ms * 1_000, 125);
            if ms % 50 == 0 {
                frames.on_packet(ms * 1_000, 6_250);
            }
        }
        assert_eq!(stream.rate(true), Some(Bitrate::from_kbps(1_000)));
        assert_eq!(frames.rate(false), Some(Bitrate::from_kbps(1_000)));
    }

    #[test]
    fn a_pause_is_no_rate_of_before() {
        let mut throughput = Throughput::default();
        for ms in 0..1_000 {
            throughput.on_packet(ms * 1_000, 125);
        }
        throughput.on_packet(20_000_000, 125);
        assert_eq!(throughput.rate(false), None);
    }
}
