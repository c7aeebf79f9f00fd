//! Which sizes the packets of one turn have.

use clap::ValueEnum;
use serde::Serialize;
use std::fmt;

/// Most payload bytes libwebrtc puts into a packet of video.
const LARGEST: u16 = 1150;
/// Packets of a second that one receiver is sent in a meeting of this many others are in turns.
const PUBLISHERS: u32 = 19;
/// Windows prepared per measurement: enough that no cache learns them by heart.
const WINDOWS: usize = 64;
/// RTP padding's count is one byte (RFC 3550 §5.1).
const MOST_PADDING: u16 = 255;

/// A mix of packet sizes.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mix {
    /// 1,150 bytes each, the largest that browsers publish
    Equal,
    /// Video of 1.2 Mbit/s and Opus of 19 people as they arrive: sizes break trains
    Meeting,
    /// The same, gathered by size and made equal by RTP padding of up to 255 bytes
    MeetingEqualised,
    /// Opus alone, made equal
    Audio,
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mix::Equal => "equal",
            Mix::Meeting => "meeting",
            Mix::MeetingEqualised => "meeting-equalised",
            Mix::Audio => "audio",
        })
    }
}

/// One packet: bytes of payload, and of padding behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Size {
    pub(super) payload: u16,
    pub(super) padding: u8,
}

impl Size {
    fn of(payload: u16) -> Size {
        Size { payload, padding: 0 }
    }
}

/// What one destination gets in one turn: `train` packets, in several variants.
pub(super) fn windows(mix: Mix, train: u16) -> Vec<Vec<Size>> {
    let train = usize::from(train.max(1));
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    match mix {
        Mix::Equal => vec![vec![Size::of(LARGEST); train]],
        Mix::Audio => {
            (0..WINDOWS).map(|_| equalise((0..train).map(|_| opus(&mut random)).collect())).collect()
        }
        Mix::Meeting => meeting(&mut random, train),
        Mix::MeetingEqualised => meeting(&mut random, train).into_iter().map(equalise).collect(),
    }
}

/// Packets of 19 publishers in the order they arrive, cut into windows.
fn meeting(random: &mut Random, train: usize) -> Vec<Vec<Size>> {
    let mut packets = Vec::new();
    while packets.len() < train * WINDOWS {
        // Of every publisher, 30 frames and 50 packets of sound a second: in 100 ms, 3 and 5.
        let mut bursts: Vec<Vec<Size>> = Vec::new();
        for _ in 0..PUBLISHERS {
            bursts.extend((0..3).map(|_| frame(random)));
            bursts.extend((0..5).map(|_| vec![opus(random)]));
        }
        while !bursts.is_empty() {
            let next = random.below(bursts.len() as u32) as usize;
            packets.extend(bursts.swap_remove(next));
        }
    }
    packets.chunks_exact(train).take(WINDOWS).map(<[Size]>::to_vec).collect()
}

/// A frame of 5,000 bytes on average, split into packets of equal size as libwebrtc does.
fn frame(random: &mut Random) -> Vec<Size> {
    let bytes = 2500 + random.below(5001);
    let packets = bytes.div_ceil(u32::from(LARGEST));
    (0..packets).map(|index| Size::of(((bytes + index) / packets) as u16)).collect()
}

fn opus(random: &mut Random) -> Size {
    Size::of(60 + random.below(61) as u16)
}

/// Largest first, each padded to the largest before it where padding reaches that far.
fn equalise(mut sizes: Vec<Size>) -> Vec<Size> {
    sizes.sort_by_key(|size| std::cmp::Reverse(size.payload));
    let mut largest = 0;
    for size in &mut sizes {
        if largest - size.payload.min(largest) > MOST_PADDING || size.payload > largest {
            largest = size.payload;
        }
        size.padding = (largest - size.payload) as u8;
    }
    sizes
}

/// xorshift64*: the same sizes in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let word = (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32;
        ((u64::from(word) * u64::from(end)) >> 32) as u32
    }
}

#[cfg(test)]
impl Size {
    fn total(self) -> u16 {
        self.payload + u16::from(self.padding)
    }
}

/// Sends that a window takes: a train ends before a longer packet and behind a shorter one.
#[cfg(test)]
fn sends(window: &[Size]) -> usize {
    let mut count = 0;
    let mut open: Option<(u16, bool)> = None;
    for size in window {
        open = match open {
            Some((segment, false)) if size.total() <= segment => Some((segment, size.total() < segment)),
            _ => {
                count += 1;
                Some((size.total(), false))
            }
        };
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_has_the_packets_it_was_asked_for() {
        for mix in [Mix::Equal, Mix::Meeting, Mix::MeetingEqualised, Mix::Audio] {
            for train in [1, 16, 64] {
                assert!(windows(mix, train).iter().all(|window| window.len() == usize::from(train)), "{mix}");
            }
        }
    }

    #[test]
    fn equalising_makes_trains_longer() {
        let all = |mix| windows(mix, 32).iter().map(|window| sends(window)).sum::<usize>();
        assert!(all(Mix::MeetingEqualised) * 3 < all(Mix::Meeting));
        assert_eq!(all(Mix::Equal), 1);
    }

    #[test]
    fn padding_changes_no_payload_and_reaches_no_further_than_a_byte_can_tell() {
        let sizes = [100, 1100, 900, 846, 844, 90].map(Size::of).to_vec();
        let equal = equalise(sizes);
        let told: Vec<_> = equal.iter().map(|size| (size.payload, size.total())).collect();
        assert_eq!(told, [(1100, 1100), (900, 1100), (846, 1100), (844, 844), (100, 100), (90, 100)]);
    }

    #[test]
    fn a_meeting_has_the_bit_rate_it_claims() {
        let sizes: Vec<u32> =
            windows(Mix::Meeting, 64).iter().flatten().map(|size| size.payload.into()).collect();
        let video: Vec<u32> = sizes.iter().copied().filter(|&size| size > 200).collect();
        let mean = video.iter().sum::<u32>() as f64 / video.len() as f64;
        assert!((900.0..1100.0).contains(&mean), "{mean}");
        let sound = (sizes.len() - video.len()) as f64 / sizes.len() as f64;
        assert!((0.2..0.3).contains(&sound), "{sound}");
    }
}
