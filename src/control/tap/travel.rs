//! Values and wishes as they travel to a recorder on another machine: laid out as in shared memory.

use super::super::codec::{self, Corrupt, LAYOUT_VERSION, Layout as _, Reader};
use super::{HEAD_BYTES, MAX_TAPPED, TapWish, Tapped, WISH_BYTES};

/// How values and wishes are laid out: both machines must have the same.
pub const LAYOUT: u16 = LAYOUT_VERSION;

/// Longest value with its bytes.
pub const MAX_VALUE: usize = super::VALUE_BYTES;

/// Appends a value, and the bytes of its packet.
pub fn append_value(value: &Tapped, bytes: &[u8], to: &mut Vec<u8>) {
    let mut head = [0; HEAD_BYTES];
    let length = codec::encode(value, &mut head);
    to.extend_from_slice(&head[..length]);
    to.extend_from_slice(bytes);
}

/// The value that a message holds, and the bytes of its packet.
pub fn parse_value(message: &[u8]) -> Result<(Tapped, &[u8]), Corrupt> {
    let mut from = Reader::new(message);
    let value = Tapped::read(&mut from)?;
    let bytes = from.rest();
    if bytes.len() > MAX_TAPPED { Err(Corrupt::Leftover) } else { Ok((value, bytes)) }
}

/// Appends a wish.
pub fn append_wish(wish: &TapWish, to: &mut Vec<u8>) {
    let mut bytes = [0; WISH_BYTES];
    let length = codec::encode(wish, &mut bytes);
    to.extend_from_slice(&bytes[..length]);
}

/// The wish that a message is.
pub fn parse_wish(message: &[u8]) -> Result<TapWish, Corrupt> {
    codec::decode(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TrackId;

    #[test]
    fn what_travels_is_what_arrives_and_nothing_longer() {
        let value = Tapped::Muted { track: TrackId(7), muted: true };
        let mut message = Vec::new();
        append_value(&value, &[1, 2, 3], &mut message);
        assert_eq!(parse_value(&message), Ok((value, &[1, 2, 3][..])));
        message.resize(message.len() + MAX_TAPPED, 0);
        assert_eq!(parse_value(&message), Err(Corrupt::Leftover));
        assert_eq!(parse_value(&[]), Err(Corrupt::Short));
        let wish = TapWish::KeyFrame { track: TrackId(7), layer: 2 };
        let mut message = Vec::new();
        append_wish(&wish, &mut message);
        assert_eq!(parse_wish(&message), Ok(wish));
        message.push(0);
        assert_eq!(parse_wish(&message), Err(Corrupt::Leftover));
    }
}
