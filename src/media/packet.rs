//! A published packet as everyone who receives it sees it: authentic, decrypted, never changed.

use super::frame::Frame;
use crate::control::types::ExtensionIds;
use crate::wire::dependency::Structure;
use arrayvec::ArrayVec;

/// Header extensions that mean the same to every receiver and are carried through.
///
/// What is absent is hop by hop and made anew or dropped: MID, RID, transport-wide sequence
/// numbers, absolute send time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Extension {
    /// RFC 6464.
    AudioLevel,
    /// 3GPP TS 26.114 §7.4.5.
    VideoOrientation,
    /// Minimum and maximum playout delay.
    PlayoutDelay,
    /// AV1 dependency descriptor.
    DependencyDescriptor,
    /// Capture time on the publisher's clock.
    AbsCaptureTime,
    /// Whether the picture is a screen.
    VideoContentType,
    /// Colour space and HDR metadata.
    ColorSpace,
}

impl Extension {
    /// All of them.
    pub const ALL: [Extension; 7] = [
        Extension::AudioLevel,
        Extension::VideoOrientation,
        Extension::PlayoutDelay,
        Extension::DependencyDescriptor,
        Extension::AbsCaptureTime,
        Extension::VideoContentType,
        Extension::ColorSpace,
    ];

    /// The id this extension has on an m-line, if it was agreed on.
    pub fn id(self, ids: &ExtensionIds) -> Option<u8> {
        match self {
            Extension::AudioLevel => ids.audio_level,
            Extension::VideoOrientation => ids.video_orientation,
            Extension::PlayoutDelay => ids.playout_delay,
            Extension::DependencyDescriptor => ids.dependency_descriptor,
            Extension::AbsCaptureTime => ids.abs_capture_time,
            Extension::VideoContentType => ids.video_content_type,
            Extension::ColorSpace => ids.color_space,
        }
    }
}

/// The carried extensions of one packet.
pub type Carried<'a> = ArrayVec<(Extension, &'a [u8]), { Extension::ALL.len() }>;

/// One packet of a layer.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    /// Which of the track's layers.
    pub layer: u8,
    /// The sequence number, unwrapped.
    pub index: u64,
    /// The publisher's time stamp.
    pub timestamp: u32,
    /// The marker bit.
    pub marker: bool,
    /// Which of the track's codecs, by its place in the list.
    pub codec: usize,
    /// Whether a key frame starts here.
    pub starts_key_frame: bool,
    /// Its place in the picture, and that picture's among others.
    pub frame: Frame,
    /// What the frames of its layer are like, where a dependency descriptor told.
    pub structure: Option<&'a Structure>,
    /// What is carried through of its header.
    pub carried: Carried<'a>,
    /// The payload without padding.
    pub payload: &'a [u8],
    /// Where the payload begins in the packet.
    pub payload_start: u16,
}
