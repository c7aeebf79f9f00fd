//! From an offer and what was agreed before: which tracks and seats begin, stay and end.
//!
//! Pure: what an m-line means to the media process follows from the offer and the ids given to it,
//! so it is worked out from the old and the new offer and compared.

use crate::protocol::{MediaKind, TrackSource, TrackView};
use crate::sdp::{Offer, RtpSection, Toward, extension_ids};
use crate::state::ids::{Ids, Raw};
use crate::state::model::{Line, SeatLine, Track};
use crate::state::secret;
use arrayvec::ArrayVec;
use std::collections::HashMap;
use volley::base::id::Ssrc;
use volley::base::{SlotId, StreamId, TrackId, TransportId};
use volley::control::Command;
use volley::control::message::{OpenSlot, Publish};
use volley::control::types::{CodecParameters, MAX_CODECS};

/// What a page says about its m-lines beside the offer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    /// By mid.
    pub sources: HashMap<String, TrackSource>,
    /// Mids that begin muted.
    pub muted: Vec<String>,
    /// New tracks are a screen unless said otherwise.
    pub is_screen: bool,
}

/// What an offer changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub commands: Vec<Command>,
    pub published: Vec<TrackView>,
    pub unpublished: Vec<TrackId>,
    pub opened: Vec<SlotId>,
    pub closed: Vec<SlotId>,
}

/// Works out the new lines of one transport.
pub(crate) struct Planner<'a> {
    pub transport: TransportId,
    pub call_stream: Raw<StreamId>,
    pub screen_stream: Raw<StreamId>,
    /// What was agreed on before, if anything.
    pub before: Option<&'a Offer>,
    pub wishes: &'a Wishes,
    /// What the page's pass lets it do.
    pub may_publish: bool,
    pub may_subscribe: bool,
    pub ids: &'a mut Ids,
}

impl Planner<'_> {
    /// Changes `lines` to what `offer` asks for.
    pub(crate) fn apply(mut self, offer: &Offer, lines: &mut Vec<Line>) -> Changes {
        let mut changes = Changes::default();
        for line in lines.iter_mut() {
            let section = find(offer, &line.mid).filter(|section| MediaKind::from(section.kind) == line.kind);
            end_track_unless(
                line,
                section.is_some_and(|section| self.keeps_track(section, line)),
                &mut changes,
            );
            end_seat_unless(
                line,
                section.is_some_and(|section| self.keeps_seat(section, line)),
                &mut changes,
            );
        }
        lines.retain(|line| find(offer, &line.mid).is_some());
        for section in offer.sections.iter().filter_map(|section| section.rtp.as_ref()) {
            let index = line_index(lines, section);
            let asked = self.wishes.is_screen || self.wishes.sources.contains_key(section.mid.as_str());
            lines[index].withheld &= section.sends && !asked;
            if self.may_publish && section.sends && lines[index].track.is_none() && !lines[index].withheld {
                self.publish(section, lines, index, &mut changes);
            }
            if self.may_subscribe && section.receives && lines[index].seat.is_none() {
                self.open_seat(section, lines, index, offer, &mut changes);
            }
        }
        changes
    }

    fn keeps_track(&self, section: &RtpSection, line: &Line) -> bool {
        let (Some(track), Some(old)) = (&line.track, self.before.and_then(|offer| find(offer, &line.mid)))
        else {
            return false;
        };
        let wished = self.wishes.sources.get(&line.mid).filter(|source| source.kind() == line.kind);
        section.sends
            && wished.is_none_or(|source| *source == track.source)
            && publish(self.transport, section, track) == publish(self.transport, old, track)
    }

    fn keeps_seat(&self, section: &RtpSection, line: &Line) -> bool {
        let (Some(seat), Some(old)) = (&line.seat, self.before.and_then(|offer| find(offer, &line.mid)))
        else {
            return false;
        };
        section.receives && open_slot(self.transport, section, seat) == open_slot(self.transport, old, seat)
    }

    fn publish(&mut self, section: &RtpSection, lines: &mut [Line], index: usize, changes: &mut Changes) {
        let kind = lines[index].kind;
        let mid = section.mid.as_str();
        let wished = self.wishes.sources.get(mid).copied().filter(|source| source.kind() == kind);
        let source = wished.unwrap_or(TrackSource::default_for(kind, self.wishes.is_screen));
        let muted = self.wishes.muted.iter().any(|muted| muted == mid);
        let stream = self.stream_for(source, lines);
        let id = Raw(TrackId(self.ids.take()));
        let track = Track { id, stream, source, muted, silenced: false, wanted_layers: None };
        changes.published.push(track.view(kind));
        changes.commands.push(publish(self.transport, section, &track));
        lines[index].track = Some(track);
    }

    /// Camera and microphone share a stream, and so do a screen and its sound; a second one of a
    /// kind has nothing to be in step with.
    fn stream_for(&mut self, source: TrackSource, lines: &[Line]) -> Raw<StreamId> {
        let stream = if source.is_screen() { self.screen_stream } else { self.call_stream };
        let mut tracks = lines.iter().filter_map(|line| line.track.as_ref());
        let taken = tracks.any(|track| track.stream == stream && track.source.kind() == source.kind());
        if taken { Raw(StreamId(self.ids.take())) } else { stream }
    }

    fn open_seat(
        &mut self,
        section: &RtpSection,
        lines: &mut [Line],
        index: usize,
        offer: &Offer,
        changes: &mut Changes,
    ) {
        let kind = lines[index].kind;
        let stream = unpaired(lines, kind).unwrap_or_else(|| Raw(StreamId(self.ids.take())));
        let ssrc = free_ssrc(lines, offer, None);
        let has_rtx = section.codecs.iter().any(|codec| codec.parameters.rtx.is_some());
        let rtx_ssrc = has_rtx.then(|| free_ssrc(lines, offer, Some(ssrc)));
        let id = Raw(SlotId(self.ids.take()));
        let seat = SeatLine { id, stream, ssrc, rtx_ssrc, max_height: None, shows: None, layer: None };
        changes.opened.push(seat.id.0);
        changes.commands.push(open_slot(self.transport, section, &seat));
        lines[index].seat = Some(seat);
    }
}

/// Ends the tracks and the seats that somebody may not have any more.
pub(crate) fn withdraw(lines: &mut [Line], may_publish: bool, may_subscribe: bool) -> Changes {
    let mut changes = Changes::default();
    for line in lines {
        end_track_unless(line, may_publish, &mut changes);
        end_seat_unless(line, may_subscribe, &mut changes);
    }
    changes
}

/// Everything the media process must know of the tracks and seats of a transport, told anew.
pub(crate) fn all_commands(transport: TransportId, offer: &Offer, lines: &[Line]) -> Vec<Command> {
    let mut commands = Vec::new();
    for line in lines {
        let Some(section) = find(offer, &line.mid) else { continue };
        commands.extend(line.track.as_ref().map(|track| publish(transport, section, track)));
        commands.extend(line.seat.as_ref().map(|seat| open_slot(transport, section, seat)));
    }
    commands
}

fn find<'a>(offer: &'a Offer, mid: &str) -> Option<&'a RtpSection> {
    offer
        .sections
        .iter()
        .filter_map(|section| section.rtp.as_ref())
        .find(|section| section.mid.as_str() == mid)
}

fn line_index(lines: &mut Vec<Line>, section: &RtpSection) -> usize {
    if let Some(index) = lines.iter().position(|line| line.mid == section.mid.as_str()) {
        lines[index].kind = section.kind.into();
        return index;
    }
    lines.push(Line {
        mid: section.mid.to_string(),
        kind: section.kind.into(),
        track: None,
        seat: None,
        withheld: false,
    });
    lines.len() - 1
}

fn end_track_unless(line: &mut Line, stays: bool, changes: &mut Changes) {
    if let Some(track) = line.track.take_if(|_| !stays) {
        changes.unpublished.push(track.id.0);
        changes.commands.push(Command::Unpublish { track: track.id.0 });
    }
}

fn end_seat_unless(line: &mut Line, stays: bool, changes: &mut Changes) {
    if let Some(seat) = line.seat.take_if(|_| !stays) {
        changes.closed.push(seat.id.0);
        changes.commands.push(Command::CloseSlot { slot: seat.id.0 });
    }
}

/// The first pair that has a seat of the other kind and none of this one: in the order of the
/// m-lines, sound is paired with picture.
fn unpaired(lines: &[Line], kind: MediaKind) -> Option<Raw<StreamId>> {
    let seats = |of_kind: bool| {
        let matching = lines.iter().filter(move |line| (line.kind == kind) == of_kind);
        matching.filter_map(|line| line.seat.as_ref()).map(|seat| seat.stream)
    };
    seats(false).find(|stream| !seats(true).any(|taken| taken == *stream))
}

/// A random source that neither side of this transport uses (RFC 3550 §8.1).
fn free_ssrc(lines: &[Line], offer: &Offer, also_taken: Option<u32>) -> u32 {
    let ours =
        lines.iter().filter_map(|line| line.seat.as_ref()).flat_map(|seat| [Some(seat.ssrc), seat.rtx_ssrc]);
    let theirs = offer.sections.iter().filter_map(|section| section.rtp.as_ref());
    let theirs = theirs.flat_map(|section| &section.encodings);
    let theirs = theirs.flat_map(|encoding| [encoding.ssrc, encoding.rtx_ssrc]).map(|ssrc| Some(ssrc?.0));
    let taken: Vec<u32> = ours.chain(theirs).chain([also_taken, Some(0)]).flatten().collect();
    loop {
        let ssrc = secret::number() as u32;
        if !taken.contains(&ssrc) {
            return ssrc;
        }
    }
}

fn publish(transport: TransportId, section: &RtpSection, track: &Track) -> Command {
    Command::Publish(Box::new(Publish {
        transport,
        track: track.id.0,
        stream: track.stream.0,
        kind: section.kind,
        source: track.source.into(),
        mid: section.mid,
        muted: track.muted,
        encodings: section.encodings.clone(),
        codecs: codecs(section),
        correction: section.correction,
        extensions: extension_ids(&section.extensions, Toward::Server),
    }))
}

fn open_slot(transport: TransportId, section: &RtpSection, seat: &SeatLine) -> Command {
    Command::OpenSlot(Box::new(OpenSlot {
        transport,
        slot: seat.id.0,
        stream: seat.stream.0,
        kind: section.kind,
        mid: section.mid,
        ssrc: Ssrc(seat.ssrc),
        rtx_ssrc: seat.rtx_ssrc.map(Ssrc),
        codecs: codecs(section),
        extensions: extension_ids(&section.extensions, Toward::Peer),
    }))
}

/// In the order of payload types: a browser that changes its preference means the same codecs.
fn codecs(section: &RtpSection) -> ArrayVec<CodecParameters, MAX_CODECS> {
    let known = section.codecs.iter().map(|codec| codec.parameters.clone());
    let mut codecs: ArrayVec<_, MAX_CODECS> = known.take(MAX_CODECS).collect();
    codecs.sort_by_key(|codec| codec.payload_type.0);
    codecs
}
