//! A published track: its layers, what came of them, and who is shown them.

use super::history::History;
use super::key_request::KeyRequests;
use super::nack::Nacks;
use super::packet::Extension;
use super::reception::Reception;
use super::seen::Seen;
use super::sender_clock::SenderReference;
use crate::base::id::{PayloadType, Ssrc};
use crate::base::{ParticipantId, StreamId, Time, TrackId};
use crate::control::message::Publish;
use crate::control::types::{CodecParameters, Encoding, Kind, MAX_CODECS, MAX_ENCODINGS, Mid, Source};
use arrayvec::ArrayVec;

/// Ids up to this are found in a track's table of extensions; one-byte headers have no more, and
/// browsers number from 1.
const MAX_EXTENSION_ID: usize = 15;

/// One encoding of a track.
#[derive(Debug)]
pub struct Layer {
    /// Its SSRC, once signalled or seen.
    pub ssrc: Option<Ssrc>,
    /// The SSRC of its retransmissions, once signalled or seen.
    pub rtx_ssrc: Option<Ssrc>,
    /// Its recent packets.
    pub history: History,
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
    /// The shard's keys of the seats that show it.
    pub slots: Vec<u32>,
}

impl Layer {
    fn new(encoding: &Encoding, clock_rate: u32) -> Layer {
        Layer {
            ssrc: encoding.ssrc,
            rtx_ssrc: encoding.rtx_ssrc,
            history: History::default(),
            reception: Reception::new(clock_rate),
            seen: Seen::default(),
            nacks: Nacks::default(),
            key_requests: KeyRequests::default(),
            last_key_frame: None,
            reference: None,
            highest: None,
            slots: Vec::new(),
        }
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
        let slots = std::mem::take(&mut self.slots);
        let wants_key_frame = self.key_requests.clone();
        let encoding = Encoding { ssrc: Some(ssrc), rtx_ssrc: None, rid: None };
        *self = Layer { slots, key_requests: wants_key_frame, ..Layer::new(&encoding, clock_rate) };
    }
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

/// One published medium.
#[derive(Debug)]
pub struct Track {
    /// Its id.
    pub id: TrackId,
    /// Whose.
    pub participant: ParticipantId,
    /// What it plays in step with.
    pub stream: StreamId,
    /// The shard's key of the transport it comes in on.
    pub transport: u32,
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
    /// Counters.
    pub counters: TrackCounters,
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
            kind: publish.kind,
            source: publish.source,
            mid: publish.mid,
            muted: publish.muted,
            codecs: publish.codecs.clone(),
            layers: publish.encodings.iter().map(|encoding| Layer::new(encoding, clock_rate)).collect(),
            published: publish,
            counters: TrackCounters::default(),
            extensions,
        }
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

    /// The codec whose redundant packets have this payload type.
    pub fn codec_of_red(&self, payload_type: PayloadType) -> Option<usize> {
        self.codecs.iter().position(|codec| codec.red == Some(payload_type))
    }

    /// What an extension id means on this track's m-line, if it is carried through.
    pub fn extension(&self, id: u8) -> Option<Extension> {
        self.extensions.get(usize::from(id)).copied().flatten()
    }

    /// When something is to be sent to its publisher because of it.
    pub fn deadline(&self) -> Time {
        let layers =
            self.layers.iter().map(|layer| layer.nacks.deadline().min(layer.key_requests.deadline()));
        layers.min().unwrap_or(Time::NEVER)
    }
}
