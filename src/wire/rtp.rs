//! RTP headers (RFC 3550 §5.1): a view that is checked once, and a writer.
//!
//! Knows nothing of payload formats, of what header extensions mean, nor of encryption, except
//! that padding cannot be seen through it.

use super::bytes::{Writer, be16, be32};
use super::extension::{Element, Elements, Form};
use crate::base::id::{PayloadType, Ssrc};

/// Bytes of an RTP header without CSRCs and extensions.
pub const FIXED_HEADER_LEN: usize = 12;

/// Why bytes are no RTP packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum RtpError {
    /// Shorter than its header says.
    #[error("shorter than its header says")]
    Short,
    /// Not version 2.
    #[error("not RTP version 2")]
    Version,
    /// A header extension element reaches beyond its block.
    #[error("a header extension reaches beyond its block")]
    Extension,
    /// The padding count is zero or reaches into the header.
    #[error("a padding count that cannot be")]
    Padding,
}

/// An RTP packet whose lengths have been checked.
#[derive(Clone, Copy, Debug)]
pub struct RtpView<'a> {
    packet: &'a [u8],
    header_len: usize,
    padding_len: usize,
}

impl<'a> RtpView<'a> {
    /// A view of a packet in plain text: header, extensions and padding are checked.
    pub fn parse(packet: &'a [u8]) -> Result<RtpView<'a>, RtpError> {
        let mut view = RtpView::parse_header(packet)?;
        if view.has_padding() {
            view.padding_len = usize::from(packet[packet.len() - 1]);
            // RFC 3550 §5.1: the count includes itself.
            if view.padding_len == 0 || view.padding_len > packet.len() - view.header_len {
                return Err(RtpError::Padding);
            }
        }
        Ok(view)
    }

    /// A view of a packet that is still encrypted: padding is not looked at, and
    /// [`payload`](Self::payload) is all that follows the header.
    pub fn parse_header(packet: &'a [u8]) -> Result<RtpView<'a>, RtpError> {
        let &[first, ..] = packet else { return Err(RtpError::Short) };
        if first >> 6 != 2 {
            return Err(RtpError::Version);
        }
        let csrcs_end = FIXED_HEADER_LEN + 4 * usize::from(first & 0x0f);
        let mut view = RtpView { packet, header_len: csrcs_end, padding_len: 0 };
        if view.has_extension() {
            view.header_len = csrcs_end + 4;
            if packet.len() < view.header_len {
                return Err(RtpError::Short);
            }
            view.header_len += 4 * usize::from(be16(packet, csrcs_end + 2));
        }
        if packet.len() < view.header_len {
            return Err(RtpError::Short);
        }
        if let Some(form) = view.extension_profile().and_then(Form::of_profile) {
            Elements::check(form, view.extension_block()).map_err(|_| RtpError::Extension)?;
        }
        Ok(view)
    }

    /// The whole packet.
    pub fn packet(&self) -> &'a [u8] {
        self.packet
    }

    /// The marker bit.
    pub fn marker(&self) -> bool {
        self.packet[1] & 0x80 != 0
    }

    /// The payload type.
    pub fn payload_type(&self) -> PayloadType {
        PayloadType(self.packet[1] & 0x7f)
    }

    /// The sequence number.
    pub fn sequence(&self) -> u16 {
        be16(self.packet, 2)
    }

    /// The media time stamp.
    pub fn timestamp(&self) -> u32 {
        be32(self.packet, 4)
    }

    /// The synchronisation source.
    pub fn ssrc(&self) -> Ssrc {
        Ssrc(be32(self.packet, 8))
    }

    /// The contributing sources.
    pub fn csrcs(&self) -> impl ExactSizeIterator<Item = Ssrc> + use<'a> {
        self.packet[FIXED_HEADER_LEN..self.csrcs_end()].chunks_exact(4).map(|csrc| Ssrc(be32(csrc, 0)))
    }

    /// Bytes before the payload, extensions included.
    pub fn header_len(&self) -> usize {
        self.header_len
    }

    /// The padding bit.
    pub fn has_padding(&self) -> bool {
        self.packet[0] & 0x20 != 0
    }

    /// Bytes of padding behind the payload, the count included; 0 for an encrypted packet.
    pub fn padding_len(&self) -> usize {
        self.padding_len
    }

    /// What lies between header and padding.
    pub fn payload(&self) -> &'a [u8] {
        &self.packet[self.header_len..self.packet.len() - self.padding_len]
    }

    /// The "defined by profile" value of the header extension, if there is one.
    pub fn extension_profile(&self) -> Option<u16> {
        self.has_extension().then(|| be16(self.packet, self.csrcs_end()))
    }

    /// The header extension elements; none where the block is not one of RFC 8285.
    pub fn extensions(&self) -> Elements<'a> {
        match self.extension_profile().and_then(Form::of_profile) {
            Some(form) => Elements::new(form, self.extension_block()),
            None => Elements::empty(),
        }
    }

    /// The value of the extension with this id; `None` for an id that was not negotiated.
    pub fn extension(&self, id: Option<u8>) -> Option<&'a [u8]> {
        let id = id?;
        self.extensions().find(|element| element.id == id).map(|element| element.data)
    }

    fn has_extension(&self) -> bool {
        self.packet[0] & 0x10 != 0
    }

    fn csrcs_end(&self) -> usize {
        FIXED_HEADER_LEN + 4 * usize::from(self.packet[0] & 0x0f)
    }

    fn extension_block(&self) -> &'a [u8] {
        if self.has_extension() { &self.packet[self.csrcs_end() + 4..self.header_len] } else { &[] }
    }
}

/// The fixed fields of a header to be written; CSRCs are not forwarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RtpHeader {
    /// The marker bit.
    pub marker: bool,
    /// The payload type.
    pub payload_type: PayloadType,
    /// The sequence number.
    pub sequence: u16,
    /// The media time stamp.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: Ssrc,
}

impl RtpHeader {
    /// Writes the header with `extensions`, in the one-byte form where it can carry them all.
    ///
    /// Returns the header's length; `None` when there is no room, or an element has id 0 or more
    /// than 255 bytes. The padding bit is left clear: who pads sets it.
    pub fn write(&self, extensions: &[Element<'_>], out: &mut [u8]) -> Option<usize> {
        let mut writer = HeaderWriter::new(self, Form::fitting(extensions), out)?;
        for element in extensions {
            writer.element(*element)?;
        }
        writer.finish()
    }
}

/// Writes a header straight into a slice, element by element.
pub struct HeaderWriter<'a> {
    writer: Writer<'a>,
    form: Form,
    has_elements: bool,
}

impl<'a> HeaderWriter<'a> {
    /// Writes the fixed fields; `None` when there is no room.
    pub fn new(header: &RtpHeader, form: Form, out: &'a mut [u8]) -> Option<HeaderWriter<'a>> {
        let mut writer = Writer::new(out);
        writer.put_u16(0x8000 | u16::from(header.marker) << 7 | u16::from(header.payload_type.0 & 0x7f))?;
        writer.put_u16(header.sequence)?;
        writer.put_u32(header.timestamp)?;
        writer.put_u32(header.ssrc.0)?;
        Some(HeaderWriter { writer, form, has_elements: false })
    }

    /// Adds an element; `None` when there is no room or the form cannot carry it.
    pub fn element(&mut self, element: Element<'_>) -> Option<()> {
        let len = element.data.len();
        if !self.has_elements {
            self.writer.put_u16(self.form.profile())?;
            self.writer.put_u16(0)?;
            self.has_elements = true;
        }
        match (self.form, element.id, len) {
            (Form::OneByte, 1..=14, 1..=16) => self.writer.put_u8(element.id << 4 | (len - 1) as u8)?,
            (Form::TwoByte, 1..=255, 0..=255) => self.writer.put(&[element.id, len as u8])?,
            _ => return None,
        }
        self.writer.put(element.data)
    }

    /// Closes the extension block; returns the header's length.
    pub fn finish(mut self) -> Option<usize> {
        if self.has_elements {
            self.writer.align()?;
            let words = (self.writer.len() - FIXED_HEADER_LEN - 4) / 4;
            self.writer.patch_u16(FIXED_HEADER_LEN + 2, u16::try_from(words).ok()?);
            self.writer.set_bits(0, 0x10);
        }
        Some(self.writer.len())
    }
}

#[cfg(test)]
mod tests;
