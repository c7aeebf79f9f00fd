//! How good a picture a page wants to be sent, and which layers of its own it need not send.

use crate::protocol::{LayerView, Quality, ServerMessage};
use crate::sdp::Offer;
use crate::state::State;
use crate::state::join::Refusal;
use crate::state::model::Participant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use volley::base::{ParticipantId, TrackId};
use volley::control::Command;
use volley::control::types::Encoding;

/// The lines a page needs at most: of all pictures, of what an m-line shows, of a track wherever it
/// is shown. The least of them holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct QualityWishes {
    of_all: Option<u16>,
    by_mid: BTreeMap<String, u16>,
    by_track: BTreeMap<u64, u16>,
}

/// What an `update-quality` is about.
#[derive(Clone, Debug)]
pub(super) struct QualityRequest {
    pub quality: Quality,
    pub track_id: Option<String>,
    pub slot: Option<String>,
    pub max_height: Option<u32>,
}

impl QualityRequest {
    fn lines(&self) -> Option<u16> {
        let named = match self.quality {
            Quality::Low => Some(240),
            Quality::Medium => Some(480),
            Quality::High => Some(720),
            Quality::Auto => None,
        };
        let told = self.max_height.map(|height| height.min(u32::from(u16::MAX)) as u16);
        named.into_iter().chain(told).min()
    }
}

impl QualityWishes {
    fn of(&self, mid: &str, track: Option<TrackId>) -> Option<u16> {
        let shown = track.and_then(|track| self.by_track.get(&track.0));
        [self.of_all.as_ref(), self.by_mid.get(mid), shown].into_iter().flatten().min().copied()
    }
}

impl State {
    /// A page wants another quality.
    pub(super) fn update_quality(
        &mut self,
        id: ParticipantId,
        request: QualityRequest,
    ) -> Result<(), Refusal> {
        let lines = request.lines();
        if let Some(mid) = &request.slot {
            let is_seat = self.participant(id).is_some_and(|p| p.seats().any(|(line, _)| line.mid == *mid));
            if !is_seat {
                return Err(("unknown-slot", "slot names none of your receiving m-lines by its mid".into()));
            }
        }
        let track = request.track_id.as_deref().map(|text| self.track_in_room(id, text)).transpose()?;
        let Some(participant) = self.participants.get_mut(&id) else { return Ok(()) };
        let wishes = &mut participant.quality;
        match (&request.slot, track) {
            (None, None) => wishes.of_all = lines,
            (mid, track) => {
                mid.iter().for_each(|mid| put(&mut wishes.by_mid, mid.clone(), lines));
                track.iter().for_each(|track| put(&mut wishes.by_track, track.0, lines));
            }
        }
        let QualityRequest { quality, track_id, slot, max_height } = request;
        self.tell(id, ServerMessage::Quality { quality, track_id, slot, max_height });
        self.dirty.participants.insert(id);
        self.apply_wishes(id);
        Ok(())
    }

    /// A track of somebody in the room of `id`, by what a page calls it.
    pub(super) fn track_in_room(&self, id: ParticipantId, text: &str) -> Result<TrackId, Refusal> {
        let room = self.participant(id).map(|participant| &participant.room);
        let named = text.parse().map(TrackId).ok();
        let owner = named.and_then(|track| self.participant(*self.owners.get(&track.0)?));
        let is_track = |owner: &&Participant| owner.tracks().any(|(_, track)| Some(track.id.0) == named);
        let known = owner.filter(|owner| Some(&owner.room) == room).filter(is_track).and(named);
        known.ok_or_else(|| ("unknown-track", "trackId names no track of this room".to_owned()))
    }

    /// Tells the worker what each seat needs, where that is new: the wishes changed, or what is shown.
    pub(super) fn apply_wishes(&mut self, id: ParticipantId) {
        let worker = self.worker_of(id);
        let owners = &self.owners;
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let wishes = &mut participant.quality;
        wishes.by_track.retain(|track, _| owners.contains_key(track));
        let Some((transport, worker)) = participant.transport.as_mut().zip(worker) else { return };
        for line in &mut transport.lines {
            let Some(seat) = line.seat.as_mut() else { continue };
            let max_height = wishes.of(&line.mid, seat.shows);
            if std::mem::replace(&mut seat.max_height, max_height) != max_height {
                self.out.command(worker, Command::Limit { slot: seat.id.0, max_height });
                self.dirty.participants.insert(id);
            }
        }
    }

    /// A worker told which layers of a track anybody watches.
    pub(super) fn layers_changed(&mut self, track: TrackId, wanted: u8) {
        let Some(id) = self.owners.get(&track.0).copied() else { return };
        let known = self.participants.get_mut(&id).and_then(|participant| participant.track_mut(track));
        if let Some(known) = known {
            known.wanted_layers = Some(wanted);
            self.tell_layers(id, Some(track));
        }
    }

    /// Tells a page which layers of `track`, or of all its tracks, are to be sent: the whole state, so
    /// that no message lost before matters.
    pub(super) fn tell_layers(&mut self, id: ParticipantId, track: Option<TrackId>) {
        let Some(participant) = self.participants.get(&id) else { return };
        let Some(transport) = &participant.transport else { return };
        let Ok(offer) = self.read_offer(&transport.offer.text()) else { return };
        let asked = participant.tracks().filter(|(_, one)| track.is_none_or(|track| one.id.0 == track));
        let messages: Vec<_> = asked
            .filter_map(|(line, track)| {
                let layers = layer_views(encodings(&offer, &line.mid)?, track.wanted_layers?);
                (!layers.is_empty())
                    .then(|| ServerMessage::PublishLayers { track_id: track.id.0.0.to_string(), layers })
            })
            .collect();
        messages.into_iter().for_each(|message| self.tell(id, message));
    }
}

fn put<K: Ord>(wishes: &mut BTreeMap<K, u16>, key: K, lines: Option<u16>) {
    match lines {
        Some(lines) => wishes.insert(key, lines),
        None => wishes.remove(&key),
    };
}

fn encodings<'a>(offer: &'a Offer, mid: &str) -> Option<&'a [Encoding]> {
    let mut sections = offer.sections.iter().filter_map(|section| section.rtp.as_ref());
    Some(&sections.find(|section| section.mid.as_str() == mid)?.encodings)
}

/// Several layers without RIDs cannot be told apart by a page; one alone need not be.
fn layer_views(encodings: &[Encoding], wanted: u8) -> Vec<LayerView> {
    let is_alone = encodings.len() == 1;
    let named = encodings.iter().enumerate().filter_map(|(place, encoding)| {
        let rid = encoding.rid.map(|rid| rid.to_string()).or(is_alone.then(String::new))?;
        Some(LayerView { rid, active: wanted >> place & 1 == 1 })
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_layers_without_names_are_told_to_nobody() {
        assert!(layer_views(&[Encoding::default(), Encoding::default()], 0b01).is_empty());
        let only = [LayerView { rid: String::new(), active: true }];
        assert_eq!(layer_views(&[Encoding::default()], 0b01), only);
    }
}
