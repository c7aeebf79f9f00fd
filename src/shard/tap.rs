//! What the recorder is handed of tracks that are recorded: noted where packets are forwarded, read from
//! the history at the end of the turn.
//!
//! A track is tapped where it is published, whatever workers it is shown on. Nothing here waits for the
//! recorder, nor knows whether there is one.

use super::Shard;
use super::counters::Drop;
use crate::base::{Time, TrackId};
use crate::control::tap::{TapWish, Tapped, TappedPacket};
use crate::control::types::{Kind, Reason};
use crate::media::ladder::expected_rate;
use crate::media::sender_clock::ClockOffset;
use crate::media::taping::{Offered, Supply, Taping};
use crate::media::track::{Layer, Track};
use crate::wire::rtp::RtpView;

/// Values noted in one turn at most: a turn takes some thousand datagrams. More are not recorded.
const MOST_NOTED: usize = 8192;

/// What is said of tracks finds room beyond that: the recorder would go wrong without it.
const MOST_SAID: usize = 2 * MOST_NOTED;

/// Nanoseconds from the NTP epoch (1900) to the Unix epoch (1970).
const NTP_TO_UNIX_NANOS: i128 = 2_208_988_800 * 1_000_000_000;

/// Something for the recorder.
#[derive(Clone, Copy, Debug)]
enum Noted {
    Packet { key: u32, id: TrackId, layer: u8, index: u64, is_aim: bool },
    Said(Tapped),
}

/// What waits for the end of the turn.
#[derive(Debug, Default)]
pub(super) struct Tap {
    noted: Vec<Noted>,
}

impl Shard {
    /// Hands a track to the recorder from now on, or no longer.
    pub(super) fn record(&mut self, track: TrackId, most_bps: Option<u32>) -> Result<(), (u64, Reason)> {
        let key = self.own_track(track).ok_or((track.0, Reason::Unknown))?;
        let Some(most_bps) = most_bps.map(u64::from) else {
            self.stop_taping(key);
            return Ok(());
        };
        let entry = &mut self.tracks[key];
        if let Some(taping) = &mut entry.taping {
            taping.limit(most_bps);
            return Ok(());
        }
        entry.taping = Some(Box::new(Taping::new(most_bps, &supply_of(entry))));
        if entry.muted {
            self.note(Noted::Said(Tapped::Muted { track, muted: true }));
        }
        self.settle_taping(key);
        Ok(())
    }

    /// Nothing of a track is recorded any more.
    pub(super) fn stop_taping(&mut self, key: u32) {
        let track = &mut self.tracks[key];
        if track.taping.take().is_none() {
            return;
        }
        track.layers.iter_mut().for_each(|layer| layer.is_taped = false);
        let track = track.id;
        self.note(Noted::Said(Tapped::Ended { track }));
    }

    /// The recorder cannot go on without something.
    pub fn on_tap_wish(&mut self, wish: TapWish) {
        let TapWish::KeyFrame { track, layer } = wish;
        let key = self.own_track(track).filter(|&key| self.tracks[key].taping.is_some());
        if let Some(key) = key.filter(|&key| usize::from(layer) < self.tracks[key].layers.len()) {
            self.want_key_frame(key, usize::from(layer));
        }
    }

    /// Tells what has been noted, in its order; what `take` refuses is dropped.
    pub fn drain_tap(&mut self, mut take: impl FnMut(&Tapped, &[u8]) -> bool) {
        let mut noted = std::mem::take(&mut self.tap.noted);
        for one in noted.drain(..) {
            let told = match one {
                Noted::Said(value) => take(&value, &[]),
                Noted::Packet { key, id, layer, index, is_aim } => {
                    let track = self.tracks.get(key).filter(|track| track.id == id);
                    let packet = track.and_then(|track| view_tapped(track, layer, index, is_aim));
                    packet.is_some_and(|(packet, bytes)| take(&Tapped::Packet(packet), bytes))
                }
            };
            if told {
                self.counters.tapped += 1;
            } else {
                self.counters.drop(Drop::TapFull);
            }
        }
        self.tap.noted = noted;
    }

    /// Whether something waits for the recorder.
    pub fn has_tapped(&self) -> bool {
        !self.tap.noted.is_empty()
    }

    /// A packet of a recorded layer came.
    pub(super) fn tap_packet(&mut self, key: u32, layer: usize, index: u64) {
        let track = &mut self.tracks[key];
        let Some(taping) = track.taping.as_mut().filter(|_| !track.muted) else { return };
        let number = layer as u8;
        let is_aim = taping.aim() == number;
        let is_key =
            track.layers[layer].history.get(index).is_some_and(|(_, stored)| stored.starts_key_frame);
        let begins = is_key && taping.on_key_frame(number);
        let id = track.id;
        self.note(Noted::Packet { key, id, layer: number, index, is_aim });
        if begins {
            self.settle_taping(key);
        }
    }

    /// Looks whether another encoding of a recorded track is to be recorded.
    pub(super) fn steer_taping(&mut self, now: Time, key: u32) {
        let track = &mut self.tracks[key];
        if track.taping.is_none() || track.layers.len() == 1 {
            return;
        }
        let supply = supply_of(track);
        if track.taping.as_mut().is_some_and(|taping| taping.steer(now, &supply)) {
            self.settle_taping(key);
        }
    }

    /// Taps the layers that the recorder needs, and no others.
    fn settle_taping(&mut self, key: u32) {
        let Some(taping) = &self.tracks[key].taping else { return };
        let (needed, aim) = (taping.needed(), taping.aim());
        for layer in 0..self.tracks[key].layers.len() {
            let is_needed = needed & 1 << layer != 0;
            let was = std::mem::replace(&mut self.tracks[key].layers[layer].is_taped, is_needed);
            if is_needed && !was {
                self.tap_report(key, layer);
                if self.tracks[key].kind == Kind::Video && layer == usize::from(aim) {
                    self.want_key_frame(key, layer);
                }
            }
        }
    }

    /// Tells the recorder what a publisher has reported last.
    pub(super) fn tap_report(&mut self, key: u32, layer: usize) {
        let track = &self.tracks[key];
        if !track.layers[layer].is_taped {
            return;
        }
        let clock: &ClockOffset = &self.links[track.transport].clock;
        let Some((reference, offset)) = track.layers[layer].reference.zip(clock.nanos()) else { return };
        let unix_nanos = reference.ntp.as_nanos() as i128 + offset - NTP_TO_UNIX_NANOS;
        let report = Tapped::Report {
            track: track.id,
            layer: layer as u8,
            timestamp: reference.timestamp,
            unix_nanos: u64::try_from(unix_nanos).unwrap_or(0),
        };
        self.note(Noted::Said(report));
    }

    /// Tells the recorder that a layer begins a new sequence.
    pub(super) fn tap_restarted(&mut self, key: u32, layer: usize) {
        let track = &self.tracks[key];
        if track.taping.is_some() {
            self.note(Noted::Said(Tapped::Restarted { track: track.id, layer: layer as u8 }));
        }
    }

    /// Tells the recorder that a track is muted, or no longer.
    pub(super) fn tap_muted(&mut self, key: u32, muted: bool) {
        let track = &self.tracks[key];
        if track.taping.is_some() {
            self.note(Noted::Said(Tapped::Muted { track: track.id, muted }));
        }
    }

    fn note(&mut self, noted: Noted) {
        let most = match noted {
            Noted::Packet { .. } | Noted::Said(Tapped::Report { .. }) => MOST_NOTED,
            Noted::Said(_) => MOST_SAID,
        };
        if self.tap.noted.len() < most {
            self.tap.noted.push(noted);
        } else {
            self.counters.drop(Drop::TapFull);
        }
    }
}

fn view_tapped(track: &Track, layer: u8, index: u64, is_aim: bool) -> Option<(TappedPacket, &[u8])> {
    let (bytes, stored) = track.layers.get(usize::from(layer))?.history.get(index)?;
    let payload_type = RtpView::parse_header(bytes).ok()?.payload_type();
    let codec = track.codecs[track.codec_of(payload_type)?].codec;
    let starts_key_frame = stored.starts_key_frame;
    let received = stored.received;
    Some((TappedPacket { track: track.id, layer, codec, starts_key_frame, is_aim, index, received }, bytes))
}

fn supply_of(track: &Track) -> Supply {
    let count = track.layers.len();
    let offered = |(place, layer): (usize, &Layer)| Offered {
        flows: layer.flows,
        bits_per_second: expected_rate(place, count),
    };
    // A layer that is cut off is asked of nobody, so it would never come.
    let allowed = track.uncut().count_ones() as usize;
    track.layers.iter().enumerate().take(allowed).map(offered).collect()
}
