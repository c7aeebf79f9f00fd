//! A published track: its layers, what came of them, and who is shown them.

use super::fec::Fec;
use super::history::History;
use super::key_request::KeyRequests;
use super::meter::Meter;
use super::nack::Nacks;
use super::packet::Extension;
use super::presence::Presence;
use super::reception::Reception;
use super::seen::Seen;
use super::sender_clock::{ClockOffset, SenderReference};
use super::taping::Taping;
use super::voice::Voice;
use crate::base::id::{PayloadType, Ssrc};
use crate::base::{ParticipantId, StreamId, Time, TrackId, WorkerId};
use crate::control::message::Publish;
use crate::control::types::{CodecParameters, Encoding, Kind, MAX_CODECS, MAX_ENCODINGS, Mid, Source};
use crate::wire::dependency::{Described, Structure};
use arrayvec::ArrayVec;
use std::time::Duration;

/// Ids up to this are found in a track's table of extensions; one-byte headers have no more, and
/// browsers number from 1.
const MAX_EXTENSION_ID: usize = 15;

/// A layer of which nothing came for so long while others did has been paused by its encoder. Three
/// frames at five a second; a person notices a picture that stands still for much longer.
const SILENT_AFTER: Duration = Duration::from_millis(500);

/// All layers wanted.
pub const EVERYTHING: u8 = u8::MAX;

/// One encoding of a track.
#[derive(Debug)]
pub struct Layer {
    /// Its SSRC, once signalled or seen.
    pub ssrc: Option<Ssrc>,
    /// The SSRC of its retransmissions, once signalled or seen.
    pub rtx_ssrc: Option<Ssrc>,
    /// Its recent packets.
    pub history: History,
    /// What may restore some that are missing of it.
    pub fec: Fec,
    /// Its newest packet of a picture that came among what restores pictures.
    pub corrected: Option<Corrected>,
    /// Statistics for receiver reports.
    pub reception: Reception,
    /// Which of its packets have come.
    pub seen: Seen,
    /// What is missing of it.
    pub nacks: Nacks,
    /// Who wants a key frame of it.
    pub key_requests: KeyRequests,
    /// Index and time stamp of the packet the last key frame started with.
    pub last_key_frame: Option<(u64, u32)>,
    /// Its last sender report.
    pub reference: Option<SenderReference>,
    /// Highest index so far.
    pub highest: Option<u64>,
    /// When something of it came last.
    pub last_came: Option<Time>,
    /// The same in the track's [`Presence`].
    present_at: Option<Duration>,
    /// Whether it comes now, as far as the other layers tell: see [`Track::note_flow`].
    pub flows: bool,
    /// How much of it comes.
    pub meter: Meter,
    /// What its frames are like, by the newest dependency descriptor that told, and the packet that
    /// brought it.
    pub structure: Option<(u64, Box<Structure>)>,
    /// When somebody wanted it last.
    pub last_wanted: Time,
    /// Packets up to this one are from before the end of a mute: nobody is sent them any more, late
    /// as they may come.
    pub hushed: Option<u64>,
    /// The shard's keys of the seats that show it.
    pub slots: Vec<u32>,
    /// Other workers that have seats which show it.
    pub watchers: Vec<Watcher>,
    /// Whether its packets are handed to the recorder.
    pub is_taped: bool,
}

/// A packet of a picture that came among what restores pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrected {
    /// Its own payload type.
    pub payload_type: PayloadType,
    /// The number of its picture.
    pub picture: Option<u16>,
    /// Whether it ends its picture.
    pub ends: bool,
}

/// Another worker, and the key under which its shard has the track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watcher {
    /// Which worker.
    pub worker: WorkerId,
    /// Its key of the track.
    pub key: u32,
}

impl Layer {
    fn new(encoding: &Encoding, clock_rate: u32) -> Layer {
        Layer {
            ssrc: encoding.ssrc,
            rtx_ssrc: encoding.rtx_ssrc,
            history: History::default(),
            fec: Fec::default(),
            corrected: None,
            reception: Reception::new(clock_rate),
            seen: Seen::default(),
            nacks: Nacks::default(),
            key_requests: KeyRequests::default(),
            last_key_frame: None,
            reference: None,
            highest: None,
            last_came: None,
            present_at: None,
            flows: false,
            meter: Meter::default(),
            structure: None,
            last_wanted: Time::ZERO,
            hushed: None,
            slots: Vec::new(),
            watchers: Vec::new(),
            is_taped: false,
        }
    }

    /// Bytes it occupies beyond those of the track.
    fn memory(&self) -> usize {
        let structure = self.structure.as_ref().map_or(0, |_| size_of::<Structure>());
        self.history.memory() + self.fec.memory() + structure
    }

    /// Something of it came, while the whole track was there as `presence` tells.
    pub fn came(&mut self, now: Time, presence: &mut Presence) {
        self.last_came = Some(now);
        self.present_at = Some(presence.at(now));
    }

    /// Whether a packet is from before the end of a mute.
    pub fn is_hushed(&self, index: u64) -> bool {
        self.hushed.is_some_and(|last| index <= last)
    }

    /// Whether anybody is shown it, on this worker or another, or it is recorded.
    pub fn is_shown(&self) -> bool {
        !self.slots.is_empty() || !self.watchers.is_empty() || self.is_taped
    }

    /// A packet came in which a key frame starts. The parameter sets of H.264 go before the picture
    /// in packets of their own, all with one time stamp: the first of them is the start.
    pub fn note_key_frame(&mut self, index: u64, timestamp: u32) {
        self.last_key_frame = match self.last_key_frame {
            Some((first, same)) if same == timestamp => Some((first.min(index), timestamp)),
            Some((last, other)) if last > index => Some((last, other)),
            _ => Some((index, timestamp)),
        };
    }

    /// The publisher began a new SSRC: nothing of the old one's sequence holds any more.
    pub fn restart(&mut self, ssrc: Ssrc, clock_rate: u32) {
        let Layer { flows, last_came, present_at, last_wanted, is_taped, .. } = *self;
        let (slots, watchers) = (std::mem::take(&mut self.slots), std::mem::take(&mut self.watchers));
        let (key_requests, meter) = (self.key_requests.clone(), self.meter.clone());
        let encoding = Encoding { ssrc: Some(ssrc), rtx_ssrc: None, rid: None };
        let fresh = Layer::new(&encoding, clock_rate);
        *self = Layer {
            slots,
            watchers,
            key_requests,
            meter,
            flows,
            last_came,
            present_at,
            last_wanted,
            is_taped,
            ..fresh
        };
    }

    /// Nobody is shown it any more and nothing of it comes: what came means nothing to who is shown
    /// it later. How much of it there is at home still does.
    pub fn forget(&mut self, clock_rate: u32) {
        let encoding = Encoding { ssrc: self.ssrc, rtx_ssrc: self.rtx_ssrc, rid: None };
        let (flows, meter) = (self.flows, self.meter.clone());
        *self = Layer { flows, meter, ..Layer::new(&encoding, clock_rate) };
    }
}

/// A packet's dependency descriptor came: what it says of its frame, if that can be told. One that
/// brings a structure replaces the one `known` before, one that says which targets come holds for what
/// follows; allocates for the first of them only.
pub fn describe(
    known: &mut Option<(u64, Box<Structure>)>,
    index: u64,
    descriptor: &[u8],
) -> Option<Described> {
    if let Some(fresh) = Structure::read(descriptor) {
        match known.as_mut() {
            Some((at, known)) if *at < index => (*at, **known) = (index, fresh),
            Some(_) => {}
            None => *known = Some((index, Box::new(fresh))),
        }
    }
    let (_, structure) = known.as_mut()?;
    let described = Described::read(descriptor, structure)?;
    if let Some(active) = described.active {
        structure.activate(active, index);
    }
    Some(described)
}

/// Counters that statistics show.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrackCounters {
    /// Authentic packets, retransmissions included.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets forwarded.
    pub forwarded: u64,
    /// Their bytes.
    pub forwarded_bytes: u64,
    /// Sequence numbers asked for again.
    pub nacks_sent: u64,
    /// Key frames asked for.
    pub key_frame_requests: u64,
}

/// Where a track comes from that is published on another worker.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    /// Which worker.
    pub worker: WorkerId,
    /// This shard's key of the room.
    pub room: u32,
    /// The clock of its publisher, as estimated there.
    pub clock: ClockOffset,
    /// A bit for each layer that is asked for there.
    pub watched: u8,
}

/// One published medium.
#[derive(Debug)]
pub struct Track {
    /// Its id.
    pub id: TrackId,
    /// Whose.
    pub participant: ParticipantId,
    /// What it plays in step with.
    pub stream: StreamId,
    /// The shard's key of the transport it comes in on; means nothing when its home is elsewhere.
    pub transport: u32,
    /// The worker it is published on, when that is another one.
    pub home: Option<Home>,
    /// Sound or picture.
    pub kind: Kind,
    /// What it shows.
    pub source: Source,
    /// Its m-line.
    pub mid: Mid,
    /// Whether its packets are taken but not forwarded.
    pub muted: bool,
    /// The codecs agreed on.
    pub codecs: ArrayVec<CodecParameters, MAX_CODECS>,
    /// Its encodings.
    pub layers: ArrayVec<Layer, MAX_ENCODINGS>,
    /// The message it was published with, for an export.
    pub published: Publish,
    /// Whether its owner speaks.
    pub voice: Voice,
    /// Counters.
    pub counters: TrackCounters,
    /// For how long something of it has come.
    pub presence: Presence,
    /// When what comes of it is looked at again.
    pub next_look: Time,
    /// The layers that somebody watches, a bit each, as its publisher was told, or its home.
    pub told_wanted: u8,
    /// So many of its highest layers are neither shown nor asked for: its room takes more than it may.
    pub layers_cut: u8,
    /// How it is recorded, if it is.
    pub taping: Option<Box<Taping>>,
    /// The layers that somebody watches on other workers, as those have told.
    pub wanted_there: Vec<(WorkerId, u8)>,
    extensions: [Option<Extension>; MAX_EXTENSION_ID + 1],
}

impl Track {
    /// A track as it was published, by `participant` on the transport with the shard's key
    /// `transport`.
    pub fn new(publish: Publish, participant: ParticipantId, transport: u32) -> Track {
        let clock_rate = publish.codecs.first().map_or(90_000, |codec| codec.clock_rate);
        let mut extensions = [None; MAX_EXTENSION_ID + 1];
        for extension in Extension::ALL {
            if let Some(place) =
                extension.id(&publish.extensions).and_then(|id| extensions.get_mut(usize::from(id)))
            {
                *place = Some(extension);
            }
        }
        Track {
            id: publish.track,
            participant,
            stream: publish.stream,
            transport,
            home: None,
            kind: publish.kind,
            source: publish.source,
            mid: publish.mid,
            muted: publish.muted,
            codecs: publish.codecs.clone(),
            layers: publish.encodings.iter().map(|encoding| Layer::new(encoding, clock_rate)).collect(),
            published: publish,
            voice: Voice::default(),
            counters: TrackCounters::default(),
            presence: Presence::default(),
            next_look: Time::ZERO,
            told_wanted: EVERYTHING,
            layers_cut: 0,
            taping: None,
            wanted_there: Vec::new(),
            extensions,
        }
    }

    /// A track as it was published on another worker.
    pub fn published_there(publish: Publish, participant: ParticipantId, home: Home) -> Track {
        Track { home: Some(home), ..Track::new(publish, participant, u32::MAX) }
    }

    /// Cuts so many of the highest layers off; a screen, which people read, keeps one more. True: it has
    /// that many.
    pub fn cut(&mut self, layers: u8) -> bool {
        let cut = if self.source == Source::Screen { layers.saturating_sub(1) } else { layers };
        std::mem::replace(&mut self.layers_cut, cut) != cut
    }

    /// How many layers can be cut off it before only the lowest is left.
    pub fn most_cut(&self) -> u8 {
        let encodings = self.layers.len().saturating_sub(1) as u8;
        let spatial = self.layers.last().map_or(1, |layer| layer.meter.layers().0);
        match encodings + spatial.saturating_sub(1) {
            0 => 0,
            most => most + u8::from(self.source == Source::Screen),
        }
    }

    /// The encodings that are not cut off, a bit each.
    pub fn uncut(&self) -> u8 {
        let left = self.layers.len().saturating_sub(self.layers_cut.into()).max(1);
        (1 << left) - 1
    }

    /// Bytes it occupies.
    pub fn memory(&self) -> usize {
        size_of::<Track>() + self.layers.iter().map(Layer::memory).sum::<usize>()
    }

    /// Gives back what is kept of layers that nobody wants and that have not come for so long: what was
    /// is of no use to who wants them again.
    pub fn give_back(&mut self, now: Time, after: Duration) {
        let wanted = self.told_wanted;
        for (place, layer) in self.layers.iter_mut().enumerate() {
            let is_idle = layer.last_came.is_some_and(|last| now.since(last) >= after);
            if wanted >> place & 1 == 0 && is_idle && !layer.is_shown() && layer.history.give_back() {
                layer.fec = Fec::default();
                layer.last_key_frame = None;
            }
        }
    }

    /// Whether it is published on that other worker.
    pub fn is_from(&self, worker: WorkerId) -> bool {
        self.home.is_some_and(|home| home.worker == worker)
    }

    /// Ticks a second of its time stamps.
    pub fn clock_rate(&self) -> u32 {
        self.codecs.first().map_or(90_000, |codec| codec.clock_rate)
    }

    /// The place of the codec that has this payload type.
    pub fn codec_of(&self, payload_type: PayloadType) -> Option<usize> {
        self.codecs.iter().position(|codec| codec.payload_type == payload_type)
    }

    /// The codec whose retransmissions have this payload type.
    pub fn codec_of_rtx(&self, payload_type: PayloadType) -> Option<usize> {
        self.codecs.iter().position(|codec| codec.rtx == Some(payload_type))
    }

    /// Whether retransmissions have this payload type.
    pub fn is_rtx(&self, payload_type: PayloadType) -> bool {
        let red_rtx = self.published.correction.and_then(|correction| correction.red_rtx);
        self.codec_of_rtx(payload_type).is_some() || red_rtx == Some(payload_type)
    }

    /// Whether this is the payload type of what comes with redundancy: sounds with the one before
    /// (RFC 2198), or pictures with what restores them (RFC 5109).
    pub fn is_red(&self, payload_type: PayloadType) -> bool {
        let of_pictures = self.published.correction.is_some_and(|correction| correction.red == payload_type);
        of_pictures || self.codec_of_red(payload_type).is_some()
    }

    /// The codec whose redundant packets have this payload type.
    pub fn codec_of_red(&self, payload_type: PayloadType) -> Option<usize> {
        self.codecs.iter().position(|codec| codec.red == Some(payload_type))
    }

    /// What an extension id means on this track's m-line, if it is carried through.
    pub fn extension(&self, id: u8) -> Option<Extension> {
        self.extensions.get(usize::from(id)).copied().flatten()
    }

    /// An SSRC its publisher knows.
    pub fn any_ssrc(&self) -> Option<Ssrc> {
        self.layers.iter().find_map(|layer| layer.ssrc)
    }

    /// Tells which layers come now and which have paused: a layer is silent only in comparison, since
    /// a still screen lets all of them be silent. True when that has changed.
    pub fn note_flow(&mut self) -> bool {
        let newest = self.layers.iter().filter_map(|layer| layer.present_at).max();
        let mut changed = false;
        for layer in &mut self.layers {
            let behind = newest.zip(layer.present_at).map(|(newest, last)| newest.saturating_sub(last));
            let flows = behind.is_some_and(|behind| behind < SILENT_AFTER);
            changed |= std::mem::replace(&mut layer.flows, flows) != flows;
            if !flows {
                layer.meter.pause();
            }
        }
        changed
    }

    /// When something is to be sent to its publisher because of it.
    pub fn deadline(&self) -> Time {
        let layers =
            self.layers.iter().map(|layer| layer.nacks.deadline().min(layer.key_requests.deadline()));
        layers.min().unwrap_or(Time::NEVER)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::base::TransportId;
    use crate::control::types::{Codec, ExtensionIds};

    /// A track of VP8 with so many encodings of which nothing came yet.
    pub(crate) fn track_of(encodings: usize, source: Source) -> Track {
        let codec = CodecParameters {
            codec: Codec::Vp8,
            format: 0,
            payload_type: PayloadType(96),
            rtx: None,
            red: None,
            clock_rate: 90_000,
            nack: true,
            pli: true,
            fir: false,
            transport_cc: true,
        };
        let publish = Publish {
            transport: TransportId(1),
            track: TrackId(1),
            stream: StreamId(1),
            kind: Kind::Video,
            source,
            mid: Mid::from("1").expect("short"),
            muted: false,
            encodings: std::iter::repeat_n(Encoding::default(), encodings).collect(),
            codecs: [codec].into_iter().collect(),
            correction: None,
            extensions: ExtensionIds::default(),
        };
        Track::new(publish, ParticipantId(1), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::track_of;
    use super::*;
    use crate::media::history::About;

    #[test]
    fn of_a_screen_one_layer_fewer_is_cut_and_the_lowest_is_never() {
        for (source, cut, uncut, most) in [
            (Source::Camera, 0, 0b111, 2),
            (Source::Camera, 1, 0b011, 2),
            (Source::Camera, 7, 0b001, 2),
            (Source::Screen, 1, 0b111, 3),
            (Source::Screen, 3, 0b001, 3),
        ] {
            let mut track = track_of(3, source);
            track.cut(cut);
            assert_eq!((track.uncut(), track.most_cut()), (uncut, most), "{source:?} {cut}");
        }
        assert_eq!(track_of(1, Source::Screen).most_cut(), 0, "of one layer nothing can be cut");
    }

    #[test]
    fn a_layer_that_nobody_wants_gives_its_memory_back_and_one_that_rests_does_not() {
        let mut track = track_of(2, Source::Camera);
        for layer in &mut track.layers {
            for index in 0..400 {
                let now = Time::from_millis(index);
                layer.history.reserve(now);
                let about = About { received: now, starts_key_frame: index == 0, is_as_sent: true };
                layer.history.commit(index, 1_200, about);
            }
            (layer.last_came, layer.last_key_frame) = (Some(Time::from_millis(400)), Some((0, 0)));
        }
        let full = track.memory();
        track.told_wanted = 0b01;
        track.give_back(Time::from_millis(3_000), Duration::from_secs(3));
        assert_eq!(track.memory(), full, "not yet");
        track.give_back(Time::from_millis(3_400), Duration::from_secs(3));
        assert!(track.memory() < full * 6 / 10, "{} of {full}", track.memory());
        assert_eq!(track.layers[1].last_key_frame, None, "nobody is shown what is not kept");
        assert!(track.layers[0].history.get(399).is_some(), "a still picture is wanted all the same");
    }

    #[test]
    fn a_layer_is_silent_only_while_others_are_not() {
        let mut track = track_of(2, Source::Camera);
        comes(&mut track, 0, 1_000);
        assert!(track.note_flow());
        assert_eq!((track.layers[0].flows, track.layers[1].flows), (true, false));
        (1_100..=1_400).step_by(100).for_each(|ms| comes(&mut track, 1, ms));
        assert!(track.note_flow() && track.layers[0].flows && track.layers[1].flows);
        comes(&mut track, 1, 1_500);
        assert!(track.note_flow() && !track.layers[0].flows);
        assert!(!track.note_flow());
    }

    #[test]
    fn when_a_camera_stood_still_the_first_layer_to_go_on_silences_no_other() {
        let mut track = track_of(2, Source::Camera);
        (0..2).for_each(|layer| comes(&mut track, layer, 1_000));
        assert!(track.note_flow());
        comes(&mut track, 0, 9_000);
        assert!(!track.note_flow() && track.layers[1].flows);
        (9_100..=9_300).step_by(100).for_each(|ms| comes(&mut track, 0, ms));
        assert!(track.note_flow() && !track.layers[1].flows, "it stays away though the other goes on");
    }

    fn comes(track: &mut Track, layer: usize, ms: u64) {
        track.layers[layer].came(Time::from_millis(ms), &mut track.presence);
    }
}
