//! What the load publishes: how large, how often, in what rhythm.
//!
//! Knows no RTP and no network: a source says when its next packet is due and how large it is.

mod audio;
mod video;

pub(super) use audio::AudioSource;
pub(super) use video::VideoSource;

use crate::signal::Kind;
use std::time::Duration;
use volley::base::Time;
use volley::base::random::Random;

/// How every participant publishes, unless it was added with a model of its own.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct MediaModel {
    /// Its sound.
    pub(crate) audio: AudioModel,
    /// Its picture.
    pub(crate) video: VideoModel,
}

/// Opus at 20 ms, with discontinuous transmission.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct AudioModel {
    /// Share of the time that somebody speaks: 1.0 without pause, 0.0 never, and between that in
    /// turns of a few seconds.
    pub(crate) speaks: f64,
}

/// VP8 with frames as an encoder at a constant rate makes them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct VideoModel {
    /// Payload bits a second.
    pub(crate) bits_per_second: u32,
    /// Frames a second.
    pub(crate) frames_per_second: u32,
}

impl Default for AudioModel {
    fn default() -> AudioModel {
        AudioModel { speaks: 1.0 }
    }
}

impl Default for VideoModel {
    /// What libwebrtc sends at 1280×720 to a receiver with enough bandwidth in a small call.
    fn default() -> VideoModel {
        VideoModel { bits_per_second: 1_200_000, frames_per_second: 30 }
    }
}

/// One packet that is due: all of it but the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Outline {
    /// Payload bytes.
    pub(super) len: u16,
    /// Whether it is the first of its frame.
    pub(super) first: bool,
    /// The marker bit: the last packet of a picture, the first sound after silence.
    pub(super) marker: bool,
    /// Whether its frame is a key frame.
    pub(super) key_frame: bool,
    /// Whether nothing comes behind it for longer than usual.
    pub(super) silence_follows: bool,
    /// Which frame.
    pub(super) frame: u32,
    /// Packets of that frame.
    pub(super) packets_in_frame: u16,
    /// When it was captured.
    pub(super) captured: Time,
}

/// A microphone or a camera.
#[derive(Debug)]
pub(super) enum Source {
    Audio(AudioSource),
    Video(VideoSource),
}

impl Source {
    /// A source that begins at a random phase, so that no two publishers are in step.
    pub(super) fn new(kind: Kind, model: &MediaModel, seed: u64, now: Time) -> Source {
        let mut random = Random::new(seed);
        match kind {
            Kind::Audio => {
                let start = now + random_below(&mut random, audio::FRAME);
                Source::Audio(AudioSource::new(model.audio, random, start))
            }
            Kind::Video => {
                let start = now + random_below(&mut random, video::interval(&model.video));
                Source::Video(VideoSource::new(model.video, random, start))
            }
        }
    }

    /// When [`poll`](Self::poll) has something.
    pub(super) fn next_deadline(&self) -> Time {
        match self {
            Source::Audio(source) => source.next_deadline(),
            Source::Video(source) => source.next_deadline(),
        }
    }

    /// The next packet that is due; call until there is none.
    pub(super) fn poll(&mut self, now: Time) -> Option<Outline> {
        match self {
            Source::Audio(source) => source.poll(now),
            Source::Video(source) => source.poll(now),
        }
    }

    /// The next frame is to be a key frame.
    pub(super) fn want_key_frame(&mut self) {
        if let Source::Video(source) = self {
            source.want_key_frame();
        }
    }
}

/// A load that is later than this with its own media goes on from now instead of catching up: an
/// encoder that cannot follow drops frames, it does not send old ones in a flood.
const LATEST: Duration = Duration::from_millis(500);

fn random_below(random: &mut Random, span: Duration) -> Duration {
    Duration::from_nanos(random.below(span.as_nanos().max(1) as u64))
}

/// About normally distributed, mean 0 and deviation 1: twelve uniform numbers.
fn normal(random: &mut Random) -> f64 {
    let unit = |random: &mut Random| (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    (0..12).map(|_| unit(random)).sum::<f64>() - 6.0
}
