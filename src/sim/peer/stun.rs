//! The few STUN messages a controlling ICE agent needs (RFC 8489, RFC 8445 §7.1).
//!
//! Written apart from the server's codec on purpose: one mistake shall not be made on both sides.

use aws_lc_rs::hmac;
use std::net::{IpAddr, SocketAddr};

const MAGIC_COOKIE: u32 = 0x2112_a442;
const HEADER_LEN: usize = 20;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLING: u16 = 0x802a;

/// RFC 8445 §5.1.2.2: a peer-reflexive candidate of component 1.
const PEER_REFLEXIVE_PRIORITY: u32 = 110 << 24 | 65_535 << 8 | 255;

/// A Binding request.
pub struct Request<'a> {
    /// Tells its answer from others.
    pub transaction: [u8; 12],
    /// `<theirs>:<ours>` (RFC 8445 §7.2.2).
    pub username: &'a str,
    /// Their password.
    pub password: &'a [u8],
    /// Ours in a conflict of roles.
    pub tie_breaker: u64,
    /// Whether the pair is nominated.
    pub nominate: bool,
}

impl Request<'_> {
    /// The request's bytes, with MESSAGE-INTEGRITY and FINGERPRINT.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut message = Message::new(BINDING_REQUEST, self.transaction);
        message.attribute(USERNAME, self.username.as_bytes());
        message.attribute(PRIORITY, &PEER_REFLEXIVE_PRIORITY.to_be_bytes());
        message.attribute(ICE_CONTROLLING, &self.tie_breaker.to_be_bytes());
        if self.nominate {
            message.attribute(USE_CANDIDATE, &[]);
        }
        message.seal(self.password)
    }
}

/// The answer to a Binding request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Response {
    /// Success, with the address the server saw.
    Success {
        /// Which request it answers.
        transaction: [u8; 12],
        /// XOR-MAPPED-ADDRESS.
        mapped: SocketAddr,
    },
    /// An error; its code is not looked at.
    Error {
        /// Which request it answers.
        transaction: [u8; 12],
    },
}

/// Reads an answer whose integrity and fingerprint are right.
pub fn read_response(datagram: &[u8], password: &[u8]) -> Option<Response> {
    let kind = u16::from_be_bytes([*datagram.first()?, *datagram.get(1)?]);
    let transaction: [u8; 12] = datagram.get(8..HEADER_LEN)?.try_into().ok()?;
    if datagram[4..8] != MAGIC_COOKIE.to_be_bytes() || !is_authentic(datagram, password)? {
        return None;
    }
    match kind {
        BINDING_SUCCESS => {
            let mapped = read_xor_address(find(datagram, XOR_MAPPED_ADDRESS)?.1, &transaction)?;
            Some(Response::Success { transaction, mapped })
        }
        BINDING_ERROR => Some(Response::Error { transaction }),
        _ => None,
    }
}

/// A datagram that looks like STUN to a demultiplexer (RFC 7983).
pub fn looks_like_stun(datagram: &[u8]) -> bool {
    datagram.len() >= HEADER_LEN && datagram[0] < 4
}

struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn new(kind: u16, transaction: [u8; 12]) -> Message {
        let mut bytes = Vec::with_capacity(120);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(MAGIC_COOKIE.to_be_bytes());
        bytes.extend(transaction);
        Message { bytes }
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend((value.len() as u16).to_be_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.set_length(0);
    }

    fn set_length(&mut self, more: usize) {
        let length = (self.bytes.len() - HEADER_LEN + more) as u16;
        self.bytes[2..4].copy_from_slice(&length.to_be_bytes());
    }

    fn seal(mut self, password: &[u8]) -> Vec<u8> {
        // RFC 8489 §14.5: the length counts MESSAGE-INTEGRITY itself, nothing behind it.
        self.set_length(24);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password), &self.bytes);
        self.attribute(MESSAGE_INTEGRITY, tag.as_ref());
        self.set_length(8);
        let fingerprint = crc32(&self.bytes) ^ 0x5354_554e;
        self.attribute(FINGERPRINT, &fingerprint.to_be_bytes());
        self.bytes
    }
}

fn is_authentic(datagram: &[u8], password: &[u8]) -> Option<bool> {
    let (at, tag) = find(datagram, MESSAGE_INTEGRITY)?;
    let mut covered = datagram[..at].to_vec();
    covered[2..4].copy_from_slice(&((at - HEADER_LEN + 24) as u16).to_be_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password);
    let (fingerprint_at, fingerprint) = find(datagram, FINGERPRINT)?;
    let expected = crc32(&datagram[..fingerprint_at]) ^ 0x5354_554e;
    Some(hmac::verify(&key, &covered, tag).is_ok() && fingerprint == expected.to_be_bytes())
}

/// Where the attribute begins, and its value.
fn find(datagram: &[u8], wanted: u16) -> Option<(usize, &[u8])> {
    let mut at = HEADER_LEN;
    loop {
        let head = datagram.get(at..at + 4)?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = datagram.get(at + 4..at + 4 + length)?;
        if u16::from_be_bytes([head[0], head[1]]) == wanted {
            return Some((at, value));
        }
        at += 4 + length.next_multiple_of(4);
    }
}

fn read_xor_address(value: &[u8], transaction: &[u8; 12]) -> Option<SocketAddr> {
    let mut mask = MAGIC_COOKIE.to_be_bytes().to_vec();
    mask.extend(transaction);
    let clear: Vec<u8> = value.get(4..)?.iter().zip(&mask).map(|(byte, mask)| byte ^ mask).collect();
    let port = u16::from_be_bytes([value[2], value[3]]) ^ (MAGIC_COOKIE >> 16) as u16;
    let ip = match value[1] {
        1 => IpAddr::from(<[u8; 4]>::try_from(clear).ok()?),
        2 => IpAddr::from(<[u8; 16]>::try_from(clear).ok()?),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// CRC-32 of ITU V.42 (RFC 8489 §14.7).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 §2.2.
    const RESPONSE: &[u8] =
        b"\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
        \x80\x22\x00\x0b\x74\x65\x73\x74\x20\x76\x65\x63\x74\x6f\x72\x20\
        \x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43\
        \x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7\xd7\
        \x80\x28\x00\x04\xc0\x7d\x4c\x96";
    const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

    #[test]
    fn the_response_of_rfc_5769_is_read() {
        let mapped = ([192, 0, 2, 1], 32_853).into();
        let transaction = RESPONSE[8..20].try_into().expect("twelve bytes");
        assert_eq!(read_response(RESPONSE, PASSWORD), Some(Response::Success { transaction, mapped }));
        assert_eq!(read_response(RESPONSE, b"another"), None);
        assert_eq!(read_response(&RESPONSE[..40], PASSWORD), None);
    }

    #[test]
    fn a_request_carries_integrity_and_fingerprint_that_fit() {
        let request = Request {
            transaction: [7; 12],
            username: "a:b",
            password: PASSWORD,
            tie_breaker: 1,
            nominate: true,
        };
        let bytes = request.to_bytes();
        assert_eq!(is_authentic(&bytes, PASSWORD), Some(true));
        assert_eq!(is_authentic(&bytes, b"another"), Some(false));
        assert_eq!(usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), bytes.len() - HEADER_LEN);
    }
}
