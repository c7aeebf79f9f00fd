//! What a seat shows of which track, and how the codecs of both sides belong together.

use super::super::choice::Choice;
use crate::base::id::PayloadType;
use crate::control::types::CodecParameters;

/// The unbroken run of one track through the seat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) layer: u8,
    pub(super) timestamp_offset: u32,
    /// The codec it began with, which is nearly always that of every packet, and its place.
    pub(super) codec: (usize, OutCodec),
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OutCodec {
    pub(super) payload_type: PayloadType,
    pub(super) rtx: Option<PayloadType>,
    pub(super) red: Option<PayloadType>,
    pub(super) clock_rate: u32,
}

/// What the seat shows.
#[derive(Clone, Debug)]
pub(super) struct Showing {
    /// The track, by the shard's key.
    pub(super) track: u32,
    pub(super) run: Option<Run>,
    /// What it is to show of the track; nothing for now.
    pub(super) aim: Option<Choice>,
    /// The layer of the last run: what comes of it after a break is newer than what was sent.
    pub(super) last_layer: Option<u8>,
    /// By the place of the published codec.
    codecs: Box<[Option<OutCodec>]>,
}

impl Showing {
    /// The track with the shard's key `track`, whose codecs are `published`, for somebody who takes `own`.
    pub(super) fn new(track: u32, published: &[CodecParameters], own: &[CodecParameters]) -> Showing {
        let taken = |published| own.iter().find(|own| same_format(own, published));
        let codecs = published.iter().map(|published| taken(published).map(OutCodec::from)).collect();
        Showing { track, codecs, run: None, aim: None, last_layer: None }
    }

    /// How the receiver knows the codec at this place of the published ones.
    pub(super) fn codec(&self, place: usize) -> Option<OutCodec> {
        match &self.run {
            Some(Run { codec: (same, codec), .. }) if *same == place => Some(*codec),
            _ => self.codecs.get(place).copied().flatten(),
        }
    }
}

impl From<&CodecParameters> for OutCodec {
    fn from(own: &CodecParameters) -> OutCodec {
        OutCodec { payload_type: own.payload_type, rtx: own.rtx, red: own.red, clock_rate: own.clock_rate }
    }
}

fn same_format(own: &CodecParameters, published: &CodecParameters) -> bool {
    own.codec == published.codec && own.format == published.format && own.clock_rate == published.clock_rate
}
