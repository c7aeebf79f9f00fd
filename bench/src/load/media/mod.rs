//! What the load publishes: how large, how often, in what rhythm.
//!
//! Knows no RTP and no network: a source says when its next packet is due and how large it is.

mod audio;
mod layers;
mod video;

pub(super) use audio::AudioSource;
pub(crate) use layers::size;
pub(super) use video::VideoSource;

use crate::signal::{Kind, Layer};
use std::time::Duration;
use volley::base::Time;
use volley::base::random::Random;

/// How every participant publishes, unless it was added with a model of its own.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct MediaModel {
    /// Its sound.
    pub(crate) audio: AudioModel,
    /// Its picture, where it is sent in one encoding; how its layers are is settled.
    pub(crate) video: VideoModel,
}

/// Opus at 20 ms, with discontinuous transmission.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct AudioModel {
    /// Share of the time that somebody speaks: 1.0 without pause, 0.0 never, and between that in
    /// turns of a few seconds.
    pub(crate) speaks: f64,
    /// Speaks when it is its turn instead.
    pub(crate) turns: Option<Turns>,
}

/// Somebody's turns among many who speak one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Turns {
    /// When the first of all speaks for the first time.
    pub(crate) begin: Time,
    /// How long each speaks.
    pub(crate) each: Duration,
    /// How many take turns.
    pub(crate) of: u32,
    /// Which of them this is, from 0.
    pub(crate) number: u32,
}

impl Turns {
    /// Whether it is one's turn at `at`, and when that changes next.
    fn at(&self, at: Time) -> (bool, Time) {
        let round = self.each * self.of;
        let own = self.each * self.number;
        if at < self.begin + own {
            return (false, self.begin + own);
        }
        let into = at.since(self.begin + own).as_nanos() % round.as_nanos().max(1);
        let into = Duration::from_nanos(into as u64);
        if into < self.each { (true, at + (self.each - into)) } else { (false, at + (round - into)) }
    }
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
        AudioModel { speaks: 1.0, turns: None }
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
    /// Whether somebody speaks in it.
    pub(super) speech: bool,
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

/// What a source's chance follows from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seeds {
    /// Its sizes and pauses.
    pub(super) own: u64,
    /// When its camera takes pictures: the same for all layers of one.
    pub(super) camera: u64,
}

impl Source {
    /// A source that begins at a random phase, so that no two publishers are in step.
    pub(super) fn new(
        kind: Kind,
        layer: Option<Layer>,
        model: &MediaModel,
        seeds: Seeds,
        now: Time,
    ) -> Source {
        let mut random = Random::new(seeds.own);
        match kind {
            Kind::Audio => {
                let start = now + random_below(&mut random, audio::FRAME);
                Source::Audio(AudioSource::new(model.audio, random, start))
            }
            Kind::Video => {
                let mut camera = Random::new(seeds.camera);
                let between = video::interval(&layers::camera(layer, &model.video));
                let start = now + random_below(&mut camera, between);
                Source::Video(VideoSource::new(layers::model(layer, &model.video), random, start))
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

    /// A picture stops behind the frame that is under way, or goes on with a key frame. True when that
    /// is new.
    pub(super) fn pause(&mut self, paused: bool, now: Time) -> bool {
        match self {
            Source::Audio(_) => false,
            Source::Video(source) => source.pause(paused, now),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_round_one_after_the_other() {
        let begin = Time::from_millis(1_000);
        let turns = |number| Turns { begin, each: Duration::from_secs(2), of: 3, number };
        let at = Time::from_millis;
        assert_eq!(turns(1).at(at(500)), (false, at(3_000)));
        assert_eq!(turns(1).at(at(3_500)), (true, at(5_000)));
        assert_eq!(turns(1).at(at(5_000)), (false, at(9_000)));
        for at_ms in (1_000..30_000).step_by(137) {
            let speaking = (0..3).filter(|&number| turns(number).at(at(at_ms)).0).count();
            assert_eq!(speaking, 1, "{at_ms}");
        }
    }
}
