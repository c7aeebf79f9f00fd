//! What a modelled publisher and its server give one receiver: pictures and sound.

use super::plan::Content;
use crate::base::random::Random;
use crate::base::{Bitrate, Time};
use std::time::Duration;

/// Between pictures: 30 a second.
const PICTURE_INTERVAL: Duration = Duration::from_micros(33_333);
/// Between packets of sound, and what one has with its headers.
pub(super) const SOUND_INTERVAL: Duration = Duration::from_millis(20);
pub(super) const SOUND_BYTES: u64 = 120;
/// The layers: rate and pictures left out after each one sent.
const LAYERS: [(Bitrate, u32); 3] =
    [(Bitrate::from_kbps(150), 1), (Bitrate::from_kbps(500), 0), (Bitrate::from_kbps(2_500), 0)];
/// A key frame has this many times the bytes of another picture.
const KEY_FRAME: f64 = 4.0;
/// Of the target this much is given to the picture, after sound: what headers and encoders need.
const SHARE: f64 = 0.95;
/// A higher layer must fit this much more than it needs, for this long.
const HEADROOM: f64 = 1.1;
const PATIENCE: Duration = Duration::from_millis(500);

/// A picture to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Picture {
    pub(super) bytes: u64,
    pub(super) key: bool,
}

/// A publisher's picture, as one receiver is given it.
#[derive(Debug)]
pub(super) struct Source {
    content: Content,
    random: Random,
    layer: usize,
    fits_since: Option<Time>,
    left_out: u32,
    wants_key: bool,
    switches: u32,
}

impl Source {
    pub(super) fn new(content: Content, seed: u64) -> Source {
        let random = Random::new(seed);
        Source { content, random, layer: 0, fits_since: None, left_out: 0, wants_key: true, switches: 0 }
    }

    /// What it can use at most, sound included.
    pub(super) fn wanted(&self, publisher: Option<Bitrate>) -> Bitrate {
        wanted(self.content, publisher)
    }

    pub(super) fn want_key(&mut self) {
        self.wants_key = true;
    }

    pub(super) fn switches(&self) -> u32 {
        self.switches
    }

    /// Whether this is the best there is.
    pub(super) fn is_at_top(&self) -> bool {
        self.layer == LAYERS.len() - 1
    }

    /// The next picture, and when the one after it comes.
    pub(super) fn picture(
        &mut self,
        now: Time,
        target: Bitrate,
        publisher: Option<Bitrate>,
    ) -> Option<Picture> {
        let room = target.times(SHARE).less(sound());
        let rate = match self.content {
            Content::Following(most) => room.min(most).min(publisher.unwrap_or(most)),
            Content::Layers => {
                self.choose(now, room, publisher.unwrap_or(LAYERS[2].0));
                if self.left_out < LAYERS[self.layer].1 && !self.wants_key {
                    self.left_out += 1;
                    return None;
                }
                self.left_out = 0;
                LAYERS[self.layer].0.times(f64::from(LAYERS[self.layer].1 + 1))
            }
        };
        let key = std::mem::take(&mut self.wants_key);
        let size = rate.bytes_in(PICTURE_INTERVAL).max(100) as f64;
        let luck = 0.75 + self.random.below(500) as f64 / 1_000.0;
        Some(Picture { bytes: (size * luck * if key { KEY_FRAME } else { 1.0 }) as u64, key })
    }

    fn choose(&mut self, now: Time, room: Bitrate, publisher: Bitrate) {
        let gives = |layer: usize| LAYERS[layer].0 <= publisher;
        let fits = |layer: usize, more: f64| gives(layer) && LAYERS[layer].0.times(more) <= room;
        let sustained = (0..=self.layer).rev().find(|&layer| fits(layer, 1.0)).unwrap_or(0);
        if sustained < self.layer {
            return self.switch(sustained);
        }
        let higher = (self.layer + 1..LAYERS.len()).rev().find(|&layer| fits(layer, HEADROOM));
        let Some(higher) = higher else {
            self.fits_since = None;
            return;
        };
        if now.since(*self.fits_since.get_or_insert(now)) >= PATIENCE {
            self.switch(higher);
        }
    }

    fn switch(&mut self, layer: usize) {
        self.layer = layer;
        self.fits_since = None;
        self.wants_key = true;
        self.switches += 1;
    }
}

/// What one receiver of this can use at most, sound included.
pub(super) fn wanted(content: Content, publisher: Option<Bitrate>) -> Bitrate {
    let most = match content {
        Content::Following(most) => most,
        Content::Layers => LAYERS[2].0.times(HEADROOM / SHARE),
    };
    publisher.map_or(most, |publisher| publisher.min(most)).plus(sound())
}

/// The rate of sound.
pub(super) fn sound() -> Bitrate {
    Bitrate::of(SOUND_BYTES, SOUND_INTERVAL)
}

/// Between pictures.
pub(super) const fn interval() -> Duration {
    PICTURE_INTERVAL
}
