//! STUN as ICE uses it: a view over a message (RFC 8489, RFC 8445 §16.1) and a writer of answers.
//!
//! A [`StunView`] is checked once, when it is made; after that no accessor can fail. It knows
//! nothing of transports or of which credentials are right.

mod write;

pub use write::StunWriter;

use self::attribute as attr;
use arrayvec::ArrayVec;
use aws_lc_rs::{constant_time, hmac};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// RFC 8489 §5.
pub const MAGIC_COOKIE: u32 = 0x2112_a442;
/// RFC 8489 §5: every message begins with 20 bytes.
pub const HEADER_LEN: usize = 20;
/// The only method ICE uses (RFC 8489 §18.2).
pub const BINDING: u16 = 0x001;
/// Most unknown attributes reported back: an answer must stay small, and one is enough to fail.
pub const MAX_UNKNOWN: usize = 4;

const INTEGRITY_LEN: usize = 20;
/// RFC 8489 §14.7.
const FINGERPRINT_XOR: u32 = 0x5354_554e;

/// Attribute types (RFC 8489 §18.3, RFC 8445 §21.2, RFC 8656 §18).
pub mod attribute {
    #![allow(missing_docs, reason = "the names are the registry's")]
    pub const MAPPED_ADDRESS: u16 = 0x0001;
    pub const USERNAME: u16 = 0x0006;
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub const ERROR_CODE: u16 = 0x0009;
    pub const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub const REALM: u16 = 0x0014;
    pub const NONCE: u16 = 0x0015;
    pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub const PRIORITY: u16 = 0x0024;
    pub const USE_CANDIDATE: u16 = 0x0025;
    pub const SOFTWARE: u16 = 0x8022;
    pub const FINGERPRINT: u16 = 0x8028;
    pub const ICE_CONTROLLED: u16 = 0x8029;
    pub const ICE_CONTROLLING: u16 = 0x802a;
}

/// What pairs a request with its answer (RFC 8489 §5).
pub type TransactionId = [u8; 12];

/// RFC 8489 §5.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Wants an answer.
    Request,
    /// Wants none.
    Indication,
    /// The answer that went well.
    Success,
    /// The answer that did not.
    Error,
}

/// The role an agent claims in a check, with its tie-breaker (RFC 8445 §7.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// ICE-CONTROLLING.
    Controlling(u64),
    /// ICE-CONTROLLED.
    Controlled(u64),
}

/// Why bytes are not a STUN message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StunError {
    /// Shorter than a header, not a multiple of four, or not as long as it says.
    #[error("length")]
    Length,
    /// The first two bits or the magic cookie are wrong: another protocol.
    #[error("not STUN")]
    NotStun,
    /// An attribute runs past the end, or has the wrong size for its type.
    #[error("attribute")]
    Attribute,
    /// FINGERPRINT is there but is not the message's, or is not the last attribute.
    #[error("fingerprint")]
    Fingerprint,
}

/// A STUN message whose structure, and fingerprint if it has one, were found right.
///
/// Of attributes that occur twice the first counts (RFC 8489 §14). What stands behind
/// MESSAGE-INTEGRITY is ignored, except FINGERPRINT (§14.5).
#[derive(Clone, Debug)]
pub struct StunView<'a> {
    bytes: &'a [u8],
    class: Class,
    method: u16,
    username: Option<&'a [u8]>,
    software: Option<&'a [u8]>,
    mapped: Option<SocketAddr>,
    priority: Option<u32>,
    role: Option<Role>,
    error_code: Option<u16>,
    use_candidate: bool,
    fingerprint: bool,
    integrity_at: Option<usize>,
    unknown: ArrayVec<u16, MAX_UNKNOWN>,
}

impl<'a> StunView<'a> {
    /// Checks `bytes`, which must be one whole datagram.
    pub fn parse(bytes: &'a [u8]) -> Result<StunView<'a>, StunError> {
        if bytes.len() < HEADER_LEN {
            return Err(StunError::Length);
        }
        if bytes[0] & 0xc0 != 0 || be32(&bytes[4..8]) != MAGIC_COOKIE {
            return Err(StunError::NotStun);
        }
        let body = usize::from(be16(&bytes[2..4]));
        if !body.is_multiple_of(4) || HEADER_LEN + body != bytes.len() {
            return Err(StunError::Length);
        }
        let (class, method) = class_and_method(be16(&bytes[..2]));
        let mut view = StunView {
            bytes,
            class,
            method,
            username: None,
            software: None,
            mapped: None,
            priority: None,
            role: None,
            error_code: None,
            use_candidate: false,
            fingerprint: false,
            integrity_at: None,
            unknown: ArrayVec::new(),
        };
        view.walk()?;
        Ok(view)
    }

    /// Request, indication or answer.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The method; [`BINDING`] for ICE.
    pub fn method(&self) -> u16 {
        self.method
    }

    /// Length of the whole message.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: a message has at least a header.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The transaction id.
    pub fn transaction_id(&self) -> TransactionId {
        let mut id = [0; 12];
        id.copy_from_slice(&self.bytes[8..HEADER_LEN]);
        id
    }

    /// USERNAME, whole: `<receiver's ufrag>:<sender's ufrag>` in a check (RFC 8445 §7.2.2).
    pub fn username(&self) -> Option<&'a [u8]> {
        self.username
    }

    /// The receiver's user fragment: what stands before the colon of USERNAME.
    pub fn local_ufrag(&self) -> Option<&'a [u8]> {
        let username = self.username?;
        let colon = username.iter().position(|&byte| byte == b':')?;
        Some(&username[..colon])
    }

    /// SOFTWARE.
    pub fn software(&self) -> Option<&'a [u8]> {
        self.software
    }

    /// XOR-MAPPED-ADDRESS.
    pub fn xor_mapped_address(&self) -> Option<SocketAddr> {
        self.mapped
    }

    /// XOR-RELAYED-ADDRESS, where a TURN server takes what is for us (RFC 8656 §14.5).
    pub fn xor_relayed_address(&self) -> Option<SocketAddr> {
        xor_address(self.attribute(attr::XOR_RELAYED_ADDRESS)?, &self.bytes[4..HEADER_LEN])
    }

    /// The first attribute of a kind that ICE itself has no use for.
    pub fn attribute(&self, kind: u16) -> Option<&'a [u8]> {
        let mut at = HEADER_LEN;
        while at < self.integrity_at.unwrap_or(self.bytes.len()) {
            let len = usize::from(be16(&self.bytes[at + 2..at + 4]));
            if be16(&self.bytes[at..at + 2]) == kind {
                return Some(&self.bytes[at + 4..at + 4 + len]);
            }
            at += 4 + len.next_multiple_of(4);
        }
        None
    }

    /// PRIORITY.
    pub fn priority(&self) -> Option<u32> {
        self.priority
    }

    /// ICE-CONTROLLING or ICE-CONTROLLED.
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// Whether USE-CANDIDATE is there.
    pub fn use_candidate(&self) -> bool {
        self.use_candidate
    }

    /// The number in ERROR-CODE.
    pub fn error_code(&self) -> Option<u16> {
        self.error_code
    }

    /// Whether a (right) FINGERPRINT is there.
    pub fn has_fingerprint(&self) -> bool {
        self.fingerprint
    }

    /// Whether MESSAGE-INTEGRITY is there at all.
    pub fn has_integrity(&self) -> bool {
        self.integrity_at.is_some()
    }

    /// Comprehension-required attributes we do not know (RFC 8489 §6.3.1), the first few.
    pub fn unknown_required(&self) -> &[u16] {
        &self.unknown
    }

    /// Whether MESSAGE-INTEGRITY is there and was made with `key` (RFC 8489 §14.5). The comparison
    /// takes the same time wherever the difference is.
    pub fn is_authentic(&self, key: &[u8]) -> bool {
        let Some(at) = self.integrity_at else { return false };
        let tag = integrity(&self.bytes[..at], key);
        let claimed = &self.bytes[at + 4..at + 4 + INTEGRITY_LEN];
        constant_time::verify_slices_are_equal(tag.as_ref(), claimed).is_ok()
    }

    fn walk(&mut self) -> Result<(), StunError> {
        let mut at = HEADER_LEN;
        while at < self.bytes.len() {
            // The body is a multiple of four, so four bytes are there.
            let kind = be16(&self.bytes[at..at + 2]);
            let len = usize::from(be16(&self.bytes[at + 2..at + 4]));
            let value = self.bytes.get(at + 4..at + 4 + len).ok_or(StunError::Attribute)?;
            let end = at + 4 + len.next_multiple_of(4);
            if kind == attr::FINGERPRINT {
                self.check_fingerprint(at, value, end)?;
            } else if self.integrity_at.is_none() {
                self.take(kind, value, at)?;
            }
            at = end;
        }
        Ok(())
    }

    fn check_fingerprint(&mut self, at: usize, value: &[u8], end: usize) -> Result<(), StunError> {
        let value: [u8; 4] = value.try_into().map_err(|_| StunError::Fingerprint)?;
        let right = fingerprint(&self.bytes[..at]) == u32::from_be_bytes(value);
        // RFC 8489 §14.7: it must be the last attribute.
        if !right || end != self.bytes.len() {
            return Err(StunError::Fingerprint);
        }
        self.fingerprint = true;
        Ok(())
    }

    fn take(&mut self, kind: u16, value: &'a [u8], at: usize) -> Result<(), StunError> {
        match kind {
            attr::USERNAME => first(&mut self.username, value),
            attr::SOFTWARE => first(&mut self.software, value),
            attr::PRIORITY => first(&mut self.priority, u32::from_be_bytes(sized(value)?)),
            attr::ICE_CONTROLLING => {
                first(&mut self.role, Role::Controlling(u64::from_be_bytes(sized(value)?)));
            }
            attr::ICE_CONTROLLED => {
                first(&mut self.role, Role::Controlled(u64::from_be_bytes(sized(value)?)));
            }
            attr::USE_CANDIDATE => {
                sized::<0>(value)?;
                self.use_candidate = true;
            }
            attr::MESSAGE_INTEGRITY => {
                sized::<INTEGRITY_LEN>(value)?;
                self.integrity_at = Some(at);
            }
            attr::XOR_MAPPED_ADDRESS => {
                let address = xor_address(value, &self.bytes[4..HEADER_LEN]).ok_or(StunError::Attribute)?;
                first(&mut self.mapped, address);
            }
            attr::ERROR_CODE => first(&mut self.error_code, error_code(value)?),
            attr::MAPPED_ADDRESS | attr::UNKNOWN_ATTRIBUTES | attr::REALM | attr::NONCE => {}
            // RFC 8489 §14: below 0x8000 is comprehension-required.
            0..0x8000 => drop(self.unknown.try_push(kind)),
            _ => {}
        }
        Ok(())
    }
}

fn first<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

fn sized<const N: usize>(value: &[u8]) -> Result<[u8; N], StunError> {
    value.try_into().map_err(|_| StunError::Attribute)
}

/// RFC 8489 §14.8: the hundreds in three bits, then tens and units.
fn error_code(value: &[u8]) -> Result<u16, StunError> {
    let [_, _, hundreds, rest, ..] = *value else { return Err(StunError::Attribute) };
    Ok(u16::from(hundreds & 7) * 100 + u16::from(rest))
}

/// RFC 8489 §14.2; `mask` is the cookie and the transaction id.
fn xor_address(value: &[u8], mask: &[u8]) -> Option<SocketAddr> {
    let port = be16(value.get(2..4)?) ^ (MAGIC_COOKIE >> 16) as u16;
    let mut octets = [0; 16];
    for ((octet, byte), mask) in octets.iter_mut().zip(&value[4..]).zip(mask) {
        *octet = byte ^ mask;
    }
    let ip = match (value[1], value.len()) {
        (1, 8) => IpAddr::V4(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3])),
        (2, 20) => IpAddr::V6(Ipv6Addr::from(octets)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// RFC 8489 §5: two class bits lie among the twelve method bits.
fn class_and_method(kind: u16) -> (Class, u16) {
    let class = match kind & 0x0110 {
        0x0000 => Class::Request,
        0x0010 => Class::Indication,
        0x0100 => Class::Success,
        _ => Class::Error,
    };
    (class, kind & 0x000f | (kind & 0x00e0) >> 1 | (kind & 0x3e00) >> 2)
}

/// HMAC-SHA1 over what precedes MESSAGE-INTEGRITY, with the length field saying that the message
/// ends behind it (RFC 8489 §14.5).
fn integrity(before: &[u8], key: &[u8]) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let mut context = hmac::Context::with_key(&key);
    let len = (before.len() + 4 + INTEGRITY_LEN - HEADER_LEN) as u16;
    context.update(&before[..2]);
    context.update(&len.to_be_bytes());
    context.update(&before[4..]);
    context.sign()
}

/// RFC 8489 §14.7. The length field in `before` already counts the FINGERPRINT.
fn fingerprint(before: &[u8]) -> u32 {
    let crc = before.iter().fold(!0, |crc, &byte| CRC32[usize::from(crc as u8 ^ byte)] ^ (crc >> 8));
    !crc ^ FINGERPRINT_XOR
}

const CRC32: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

fn be16(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

fn be32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests;
