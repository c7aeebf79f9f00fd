//! VP8 (RFC 7741): the payload without its descriptor is the frame.

use super::{Broken, Build, Built, Picture};
use volley::wire::vp8::Descriptor;

#[derive(Debug, Default)]
pub(super) struct Builder {
    data: Vec<u8>,
}

impl Build for Builder {
    fn add(&mut self, payload: &[u8], is_first: bool) -> Result<(), Broken> {
        let descriptor = Descriptor::read(payload).ok_or(Broken)?;
        if is_first && !descriptor.begins_picture() {
            return Err(Broken);
        }
        self.data.extend_from_slice(&payload[usize::from(descriptor.len)..]);
        Ok(())
    }

    fn len(&self) -> usize {
        self.data.len()
    }

    fn take(&mut self) -> Option<Built> {
        let data = std::mem::take(&mut self.data);
        let is_key = data.first()? & 1 == 0;
        let size = if is_key { size(&data) } else { None };
        Some(Built { data, is_key, picture: Picture { size, parameters: Vec::new() } })
    }
}

/// RFC 6386 §9.1: behind the start code of a key frame, 14 bits each.
fn size(data: &[u8]) -> Option<(u16, u16)> {
    let [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = *data else { return None };
    Some((u16::from_le_bytes([w0, w1]) & 0x3fff, u16::from_le_bytes([h0, h1]) & 0x3fff))
}
