//! Packets of one encoding, in order, made whole frames again.
//!
//! Knows payload formats, and of what is in a frame only what a file must say of it: whether it is a key
//! frame, how large a picture is, and a decoder's parameters. Bad input makes no frame and no panic.

mod av1;
mod bits;
mod h264;
mod vp8;
mod vp9;

#[cfg(test)]
mod tests;

pub(crate) use av1::{leb128, put_leb128};
use volley::base::Time;
use volley::control::types::Codec;
use volley::media::key_frame::starts_key_frame;
pub(crate) use vp9::append_index;

/// Bytes of a frame at most: a key frame of a large screen is a tenth of it.
const MAX_FRAME: usize = 16 << 20;

/// A whole frame.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frame {
    /// On the media's clock.
    pub timestamp: u32,
    /// Whether a decoder can begin with it.
    pub is_key: bool,
    /// As a file holds it.
    pub data: Vec<u8>,
    /// When its first packet came.
    pub received: Time,
    /// What it says of the picture, if it does.
    pub picture: Picture,
}

/// What a key frame says of the picture.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Picture {
    /// Columns and lines.
    pub size: Option<(u16, u16)>,
    /// What a decoder must know before the first frame: `avcC`, `av1C`, or nothing.
    pub parameters: Vec<u8>,
}

/// A packet's part of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Behind the RTP header.
    pub payload: &'a [u8],
    /// On the media's clock.
    pub timestamp: u32,
    /// The end of a picture.
    pub marker: bool,
    /// When it came.
    pub received: Time,
}

/// The formats that build a picture from several packets.
#[derive(Debug)]
enum Format {
    Vp8(vp8::Builder),
    Vp9(vp9::Builder),
    H264(h264::Builder),
    Av1(av1::Builder),
    /// One packet, one frame (RFC 7587 §4.2).
    Opus,
}

/// The packet does not fit what came before: the frame is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Broken;

/// What a format makes of the packets of one picture.
trait Build {
    /// Adds a packet; `is_first` of its picture.
    fn add(&mut self, payload: &[u8], is_first: bool) -> Result<(), Broken>;

    /// How many bytes there are so far.
    fn len(&self) -> usize;

    /// The picture; nothing is left of it. `None`: there is none in it.
    fn take(&mut self) -> Option<Built>;
}

struct Built {
    data: Vec<u8>,
    is_key: bool,
    picture: Picture,
}

/// Makes the frames of one encoding.
#[derive(Debug)]
pub struct Assembler {
    codec: Codec,
    format: Format,
    /// Time stamp and arrival of the frame that is being put together.
    current: Option<(u32, Time)>,
    /// Nothing of the current frame is of use.
    is_broken: bool,
    /// Packets are missing before the next one.
    after_loss: bool,
}

impl Assembler {
    /// Of this codec.
    pub fn new(codec: Codec) -> Assembler {
        let format = match codec {
            Codec::Vp8 => Format::Vp8(Default::default()),
            Codec::Vp9 => Format::Vp9(Default::default()),
            Codec::H264 => Format::H264(Default::default()),
            Codec::Av1 => Format::Av1(Default::default()),
            Codec::Opus => Format::Opus,
        };
        Assembler { codec, format, current: None, is_broken: false, after_loss: false }
    }

    /// Packets are missing before the next one: what they belong to cannot be whole.
    pub fn on_loss(&mut self) {
        self.abandon();
        self.after_loss = true;
    }

    /// The next packet. A frame is given out with its last one.
    pub fn push(&mut self, part: &Part<'_>) -> Result<Option<Frame>, Incomplete> {
        if part.payload.is_empty() {
            // Padding alone, which keeps a link open.
            return Ok(None);
        }
        let Some(builder) = self.builder() else {
            let data = part.payload.to_vec();
            let (timestamp, received) = (part.timestamp, part.received);
            return Ok(Some(Frame { timestamp, is_key: true, data, received, picture: Picture::default() }));
        };
        let mut length = builder.len();
        let is_first = self.current.is_none_or(|(timestamp, _)| timestamp != part.timestamp);
        let cut_off = is_first && self.current.is_some();
        if cut_off {
            // Its last packet is missing, although no number is: a publisher without markers is not known.
            self.abandon();
            length = 0;
        }
        if is_first {
            self.current = Some((part.timestamp, part.received));
            // Where a picture begins stands in packets of VP8 and VP9; of the others only key frames say it.
            self.is_broken = std::mem::take(&mut self.after_loss) && !self.begins(part.payload);
        }
        let added = match self.builder() {
            Some(builder) if length + part.payload.len() <= MAX_FRAME => builder.add(part.payload, is_first),
            _ => Err(Broken),
        };
        self.is_broken |= added.is_err();
        if !part.marker {
            return if cut_off { Err(Incomplete) } else { Ok(None) };
        }
        self.finish()
    }

    fn begins(&self, payload: &[u8]) -> bool {
        matches!(self.codec, Codec::Vp8 | Codec::Vp9) || starts_key_frame(self.codec, payload)
    }

    fn finish(&mut self) -> Result<Option<Frame>, Incomplete> {
        let (Some((timestamp, received)), false) = (self.current.take(), self.is_broken) else {
            self.abandon();
            return Err(Incomplete);
        };
        let built = self.builder().and_then(|builder| builder.take());
        Ok(built.map(|Built { data, is_key, picture }| Frame { timestamp, is_key, data, received, picture }))
    }

    fn abandon(&mut self) {
        self.current = None;
        self.is_broken = false;
        if let Some(builder) = self.builder() {
            let _ = builder.take();
        }
    }

    fn builder(&mut self) -> Option<&mut dyn Build> {
        match &mut self.format {
            Format::Vp8(builder) => Some(builder),
            Format::Vp9(builder) => Some(builder),
            Format::H264(builder) => Some(builder),
            Format::Av1(builder) => Some(builder),
            Format::Opus => None,
        }
    }
}

/// A frame could not be put together: those that need it cannot be shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Incomplete;
