//! Writing a STUN message into a given buffer.

use super::{
    BINDING, Class, HEADER_LEN, INTEGRITY_LEN, MAGIC_COOKIE, TransactionId, attribute as attr, fingerprint,
    integrity,
};
use std::net::{IpAddr, SocketAddr};

/// A message as it grows. A buffer too small shows at the end: [`StunWriter::finish`] says `None`.
#[derive(Debug)]
pub struct StunWriter<'a> {
    buffer: &'a mut [u8],
    len: usize,
    overflow: bool,
}

impl<'a> StunWriter<'a> {
    /// Begins a Binding message.
    pub fn new(buffer: &'a mut [u8], class: Class, transaction: &TransactionId) -> StunWriter<'a> {
        StunWriter::of_method(buffer, class, BINDING, transaction)
    }

    /// Begins a message of another method, one of the first sixteen.
    pub fn of_method(
        buffer: &'a mut [u8],
        class: Class,
        method: u16,
        transaction: &TransactionId,
    ) -> StunWriter<'a> {
        debug_assert!(method < 16, "further ones lie around the bits of the class (RFC 8489 §5)");
        let mut writer = StunWriter { buffer, len: 0, overflow: false };
        let class = match class {
            Class::Request => 0x0000,
            Class::Indication => 0x0010,
            Class::Success => 0x0100,
            Class::Error => 0x0110,
        };
        writer.put(&(class | method).to_be_bytes());
        writer.put(&[0, 0]);
        writer.put(&MAGIC_COOKIE.to_be_bytes());
        writer.put(transaction);
        writer
    }

    /// Adds one attribute, padded with zeros (RFC 8489 §14).
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        self.put(&kind.to_be_bytes());
        self.put(&(value.len() as u16).to_be_bytes());
        self.put(value);
        self.put(&[0; 3][..value.len().next_multiple_of(4) - value.len()]);
        self
    }

    /// Adds XOR-MAPPED-ADDRESS (RFC 8489 §14.2).
    pub fn xor_mapped_address(self, address: SocketAddr) -> Self {
        let mut value = [0; 20];
        value[2..4].copy_from_slice(&(address.port() ^ (MAGIC_COOKIE >> 16) as u16).to_be_bytes());
        let len = match address.ip() {
            IpAddr::V4(ip) => {
                value[1] = 1;
                value[4..8].copy_from_slice(&ip.octets());
                8
            }
            IpAddr::V6(ip) => {
                value[1] = 2;
                value[4..20].copy_from_slice(&ip.octets());
                20
            }
        };
        if !self.overflow {
            for (byte, mask) in value[4..len].iter_mut().zip(&self.buffer[4..HEADER_LEN]) {
                *byte ^= mask;
            }
        }
        self.attribute(attr::XOR_MAPPED_ADDRESS, &value[..len])
    }

    /// Adds ERROR-CODE without a phrase (RFC 8489 §14.8), so that the answer stays short.
    pub fn error_code(self, code: u16) -> Self {
        self.attribute(attr::ERROR_CODE, &[0, 0, (code / 100) as u8, (code % 100) as u8])
    }

    /// Adds UNKNOWN-ATTRIBUTES (RFC 8489 §14.9).
    pub fn unknown_attributes(self, kinds: &[u16]) -> Self {
        let mut value = [0; 2 * super::MAX_UNKNOWN];
        let kinds = &kinds[..kinds.len().min(super::MAX_UNKNOWN)];
        for (place, kind) in value.chunks_exact_mut(2).zip(kinds) {
            place.copy_from_slice(&kind.to_be_bytes());
        }
        self.attribute(attr::UNKNOWN_ATTRIBUTES, &value[..2 * kinds.len()])
    }

    /// Adds MESSAGE-INTEGRITY made with `key` (RFC 8489 §14.5).
    pub fn integrity(self, key: &[u8]) -> Self {
        if self.overflow {
            return self;
        }
        let tag = integrity(&self.buffer[..self.len], key);
        debug_assert_eq!(tag.as_ref().len(), INTEGRITY_LEN);
        self.attribute(attr::MESSAGE_INTEGRITY, tag.as_ref())
    }

    /// Adds FINGERPRINT, which must be the last (RFC 8489 §14.7), and ends the message.
    pub fn fingerprint(mut self) -> Option<usize> {
        if self.overflow {
            return None;
        }
        self.set_length(self.len + 8);
        let value = fingerprint(&self.buffer[..self.len]);
        self.attribute(attr::FINGERPRINT, &value.to_be_bytes()).finish()
    }

    /// Ends the message: its length, or `None` when the buffer was too small for it.
    pub fn finish(mut self) -> Option<usize> {
        if self.overflow {
            return None;
        }
        self.set_length(self.len);
        Some(self.len)
    }

    /// Overwrites one byte: the RFC's examples pad with spaces, this writer with zeros.
    #[cfg(test)]
    pub(super) fn patch(&mut self, at: usize, byte: u8) {
        self.buffer[at] = byte;
    }

    fn set_length(&mut self, total: usize) {
        let body = (total - HEADER_LEN) as u16;
        self.buffer[2..4].copy_from_slice(&body.to_be_bytes());
    }

    fn put(&mut self, bytes: &[u8]) {
        match self.buffer.get_mut(self.len..self.len + bytes.len()) {
            Some(place) if !self.overflow => {
                place.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            _ => self.overflow = true,
        }
    }
}
