//! What a packet says of the frame it belongs to, as far as it stands before the media: picture
//! numbers, and the place among temporal and spatial layers.

use crate::control::types::Codec;
use crate::wire::dependency::Described;
use crate::wire::{vp8, vp9};

/// The payload descriptor of a codec whose pictures are numbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Descriptor {
    /// There is none, or it has no numbers.
    #[default]
    None,
    /// RFC 7741.
    Vp8(vp8::Descriptor),
    /// RFC 9628.
    Vp9(vp9::Descriptor),
}

/// A packet's frame: one picture in one spatial layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Frame {
    /// The payload descriptor.
    pub descriptor: Descriptor,
    /// Its spatial layer.
    pub spatial: u8,
    /// Its temporal layer.
    pub temporal: u8,
    /// The frame begins with this packet.
    pub begins: bool,
    /// The frame ends with this packet.
    pub ends: bool,
    /// How many temporal layers more may be shown from this frame on.
    pub rise: Rise,
    /// What the dependency descriptor says, where there is one that can be read: it goes before all
    /// that payload descriptors say.
    pub described: Option<Described>,
}

/// Where more temporal layers may begin to be shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rise {
    /// Not here.
    #[default]
    None,
    /// The layer of this frame, when the one below it is shown (RFC 7741 §4.2, the Y bit).
    ThisLayer,
    /// All above this frame's (RFC 9628 §4.2, the U bit).
    AllAbove,
}

impl Frame {
    /// What the front of `payload` says; nothing where it is too short or a codec says nothing.
    pub fn read(codec: Codec, payload: &[u8], marker: bool) -> Frame {
        match codec {
            Codec::Vp8 => vp8::Descriptor::read(payload).map(|read| Frame::of_vp8(read, marker)),
            Codec::Vp9 => vp9::Descriptor::read(payload).map(Frame::of_vp9),
            Codec::Opus | Codec::H264 | Codec::Av1 => None,
        }
        .unwrap_or_default()
    }

    fn of_vp8(read: vp8::Descriptor, marker: bool) -> Frame {
        Frame {
            descriptor: Descriptor::Vp8(read),
            spatial: 0,
            temporal: read.temporal(),
            begins: read.begins_picture(),
            ends: marker,
            rise: if read.is_sync() { Rise::ThisLayer } else { Rise::None },
            described: None,
        }
    }

    fn of_vp9(read: vp9::Descriptor) -> Frame {
        Frame {
            descriptor: Descriptor::Vp9(read),
            spatial: read.spatial(),
            temporal: read.temporal(),
            begins: read.begins_frame(),
            ends: read.ends_frame(),
            rise: if read.is_switching_point() { Rise::AllAbove } else { Rise::None },
            described: None,
        }
    }

    /// The same with what a dependency descriptor says.
    pub fn described_as(self, described: Option<Described>) -> Frame {
        let Some(said) = described else { return self };
        let Described { begins, ends, spatial, temporal, .. } = said;
        Frame { begins, ends, spatial, temporal, described, ..self }
    }

    /// The published number of its picture and how many bits that has.
    pub fn picture(&self) -> Option<(u16, u8)> {
        match self.descriptor {
            Descriptor::None => None,
            Descriptor::Vp8(read) => read.picture.zip(Some(read.picture_bits)),
            Descriptor::Vp9(read) => read.picture.zip(Some(read.picture_bits)),
        }
    }

    /// Counts the pictures of the lowest temporal layer.
    pub fn tl0_index(&self) -> Option<u8> {
        match self.descriptor {
            Descriptor::None => None,
            Descriptor::Vp8(read) => read.tl0_index,
            Descriptor::Vp9(read) => read.tl0_index,
        }
    }

    /// Counts the key frames, modulo 32.
    pub fn key_index(&self) -> Option<u8> {
        match self.descriptor {
            Descriptor::Vp8(read) => read.key_index(),
            Descriptor::None | Descriptor::Vp9(_) => None,
        }
    }
}
