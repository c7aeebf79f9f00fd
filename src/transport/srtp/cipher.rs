//! The transforms themselves: AES-GCM (RFC 7714) and AES-CM with HMAC-SHA1 (RFC 3711 §4).
//!
//! Knows keys, salts and indices, but no streams and no windows.

use super::gcm::{GcmKey, NONCE_LEN, Nonce, TAG_LEN as GCM_TAG_LEN, gather};
use super::keys::{MasterKey, Protocol, SessionKeys};
use super::{RTCP_HEADER_LEN, RTCP_INDEX_LEN, SrtpError, rtcp_overhead, rtp_overhead};
use crate::control::types::SrtpProfile;
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::{constant_time, hmac};
use zeroize::Zeroizing;

const CM_TAG_LEN: usize = rtp_overhead(SrtpProfile::Aes128CmSha1_80);
/// The flag that says an SRTCP packet is encrypted (RFC 3711 §3.4).
const ENCRYPTED: u32 = 1 << 31;

/// The session keys of one direction of one protocol, ready for use.
pub(super) enum Cipher {
    Gcm(Gcm),
    /// Boxed, so that the many that use GCM do not carry 1.7 kB of key schedules.
    Cm(Box<Cm>),
}

pub(super) struct Gcm {
    key: GcmKey,
    salt: Zeroizing<[u8; NONCE_LEN]>,
}

pub(super) struct Cm {
    key: EncryptingKey,
    mac: hmac::Key,
    salt: Zeroizing<[u8; 14]>,
}

/// AES in counter mode; the key is 16 or 32 bytes.
pub(super) fn counter_key(key: &[u8]) -> EncryptingKey {
    let algorithm = if key.len() == 16 { &AES_128 } else { &AES_256 };
    let key = UnboundCipherKey::new(algorithm, key).expect("the key has the algorithm's length");
    EncryptingKey::ctr(key).expect("AES has a counter mode")
}

/// Encrypts or decrypts in place.
pub(super) fn counter_mode(key: &EncryptingKey, iv: [u8; 16], in_out: &mut [u8]) {
    key.less_safe_encrypt(in_out, EncryptionContext::Iv128(iv.into()))
        .expect("counter mode takes any length");
}

impl Cipher {
    pub(super) fn new(master: &MasterKey, protocol: Protocol) -> Cipher {
        Cipher::with_session_keys(master.profile(), &SessionKeys::derive(master, protocol))
    }

    pub(super) fn with_session_keys(profile: SrtpProfile, session: &SessionKeys) -> Cipher {
        let key = &session.key[..session.key_len];
        match profile {
            SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => {
                let mut salt = Zeroizing::new([0; NONCE_LEN]);
                salt.copy_from_slice(&session.salt[..NONCE_LEN]);
                Cipher::Gcm(Gcm { key: GcmKey::new(key), salt })
            }
            SrtpProfile::Aes128CmSha1_80 => Cipher::Cm(Box::new(Cm {
                key: counter_key(key),
                mac: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &session.mac_key[..]),
                salt: session.salt.clone(),
            })),
        }
    }

    /// Opens `packet` into `out`, whose first bytes become header and payload. `out` has room.
    pub(super) fn open_rtp(
        &self,
        ssrc: u32,
        index: u64,
        packet: &[u8],
        header_len: usize,
        out: &mut [u8],
    ) -> Result<usize, SrtpError> {
        match self {
            Cipher::Gcm(gcm) => {
                let body_end = packet.len() - GCM_TAG_LEN;
                let (header, sealed) = packet.split_at(header_len);
                gcm.key.open(gcm.rtp_nonce(ssrc, index), header, sealed, &mut out[header_len..body_end])?;
                out[..header_len].copy_from_slice(&packet[..header_len]);
                Ok(body_end)
            }
            Cipher::Cm(cm) => {
                let (sealed, tag) = packet.split_at(packet.len() - CM_TAG_LEN);
                cm.verify(sealed, &roc(index), tag)?;
                out[..sealed.len()].copy_from_slice(sealed);
                counter_mode(&cm.key, cm.iv(ssrc, index), &mut out[header_len..sealed.len()]);
                Ok(sealed.len())
            }
        }
    }

    /// Seals `out`, which holds the header, with `head`, `body` and `tail` as its payload. `out`
    /// has exactly the room.
    pub(super) fn seal_rtp(
        &self,
        ssrc: u32,
        index: u64,
        header_len: usize,
        payload: [&[u8]; 3],
        out: &mut [u8],
    ) -> Result<(), SrtpError> {
        match self {
            Cipher::Gcm(gcm) => {
                let (header, rest) = out.split_at_mut(header_len);
                gcm.key.seal(gcm.rtp_nonce(ssrc, index), header, payload, rest)
            }
            Cipher::Cm(cm) => {
                let sealed_len = out.len() - CM_TAG_LEN;
                let (sealed, tag) = out.split_at_mut(sealed_len);
                gather(payload, &mut sealed[header_len..]);
                counter_mode(&cm.key, cm.iv(ssrc, index), &mut sealed[header_len..]);
                tag.copy_from_slice(&cm.sign(sealed, &roc(index)).as_ref()[..CM_TAG_LEN]);
                Ok(())
            }
        }
    }

    /// Opens an SRTCP packet into `out`. Both have been found long enough.
    pub(super) fn open_rtcp(&self, ssrc: u32, packet: &[u8], out: &mut [u8]) -> Result<usize, SrtpError> {
        let len = packet.len() - self.rtcp_overhead();
        let trailer = self.rtcp_trailer(packet);
        match self {
            Cipher::Gcm(gcm) => gcm.open_rtcp(ssrc, trailer, packet, &mut out[..len + RTCP_INDEX_LEN])?,
            Cipher::Cm(cm) => {
                let (sealed, tag) = packet.split_at(packet.len() - CM_TAG_LEN);
                cm.verify(sealed, &[], tag)?;
                out[..len].copy_from_slice(&sealed[..len]);
                if is_encrypted(trailer) {
                    let iv = cm.iv(ssrc, u64::from(index_of(trailer)));
                    counter_mode(&cm.key, iv, &mut out[RTCP_HEADER_LEN..len]);
                }
            }
        }
        Ok(len)
    }

    /// Seals an RTCP packet into `out`, which has exactly the room.
    pub(super) fn seal_rtcp(
        &self,
        ssrc: u32,
        index: u32,
        plain: &[u8],
        out: &mut [u8],
    ) -> Result<(), SrtpError> {
        let trailer = (index | ENCRYPTED).to_be_bytes();
        out[..plain.len()].copy_from_slice(plain);
        match self {
            Cipher::Gcm(gcm) => {
                let aad = rtcp_aad(plain, trailer);
                let (sealed, rest) = out.split_at_mut(plain.len());
                let (tag, trailer_out) = rest.split_at_mut(GCM_TAG_LEN);
                trailer_out.copy_from_slice(&trailer);
                gcm.key.seal_in_place(gcm.rtcp_nonce(ssrc, index), &aad, &mut sealed[RTCP_HEADER_LEN..], tag)
            }
            Cipher::Cm(cm) => {
                counter_mode(&cm.key, cm.iv(ssrc, u64::from(index)), &mut out[RTCP_HEADER_LEN..plain.len()]);
                let (sealed, tag) = out.split_at_mut(plain.len() + RTCP_INDEX_LEN);
                sealed[plain.len()..].copy_from_slice(&trailer);
                tag.copy_from_slice(&cm.sign(sealed, &[]).as_ref()[..CM_TAG_LEN]);
                Ok(())
            }
        }
    }

    /// The index an SRTCP packet claims to have.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> u32 {
        index_of(self.rtcp_trailer(packet))
    }

    fn rtcp_overhead(&self) -> usize {
        match self {
            Cipher::Gcm(_) => rtcp_overhead(SrtpProfile::AeadAes128Gcm),
            Cipher::Cm(_) => rtcp_overhead(SrtpProfile::Aes128CmSha1_80),
        }
    }

    /// RFC 3711 §3.4 puts the index before the tag, RFC 7714 §9.1 behind it.
    fn rtcp_trailer(&self, packet: &[u8]) -> [u8; RTCP_INDEX_LEN] {
        let end = match self {
            Cipher::Gcm(_) => packet.len(),
            Cipher::Cm(_) => packet.len() - CM_TAG_LEN,
        };
        let mut trailer = [0; RTCP_INDEX_LEN];
        trailer.copy_from_slice(&packet[end - RTCP_INDEX_LEN..end]);
        trailer
    }
}

impl Gcm {
    /// RFC 7714 §8.1: two zeros, SSRC, roll-over counter, sequence number.
    fn rtp_nonce(&self, ssrc: u32, index: u64) -> Nonce {
        self.nonce(u128::from(ssrc) << 48 | u128::from(index))
    }

    /// RFC 7714 §9.1: two zeros, SSRC, two zeros, index.
    fn rtcp_nonce(&self, ssrc: u32, index: u32) -> Nonce {
        self.nonce(u128::from(ssrc) << 48 | u128::from(index))
    }

    fn nonce(&self, value: u128) -> Nonce {
        let mut nonce = *self.salt;
        for (byte, mask) in nonce.iter_mut().zip(&value.to_be_bytes()[4..]) {
            *byte ^= mask;
        }
        nonce
    }

    /// `out` ends where the trailer would, behind the plain text.
    fn open_rtcp(
        &self,
        ssrc: u32,
        trailer: [u8; RTCP_INDEX_LEN],
        packet: &[u8],
        out: &mut [u8],
    ) -> Result<(), SrtpError> {
        let nonce = self.rtcp_nonce(ssrc, index_of(trailer));
        let (body, len) = (&packet[..packet.len() - RTCP_INDEX_LEN], out.len() - RTCP_INDEX_LEN);
        if is_encrypted(trailer) {
            let aad = rtcp_aad(packet, trailer);
            out[..RTCP_HEADER_LEN].copy_from_slice(&packet[..RTCP_HEADER_LEN]);
            return self.key.open(nonce, &aad, &body[RTCP_HEADER_LEN..], &mut out[RTCP_HEADER_LEN..len]);
        }
        // RFC 7714 §9.3: all of it is associated data, and so is the trailer.
        out[..len].copy_from_slice(&packet[..len]);
        out[len..].copy_from_slice(&trailer);
        self.key.open(nonce, out, &body[len..], &mut [])
    }
}

impl Cm {
    /// RFC 3711 §4.1.1: salt · 2^16 ⊕ SSRC · 2^64 ⊕ index · 2^16.
    fn iv(&self, ssrc: u32, index: u64) -> [u8; 16] {
        let mut salt = [0; 16];
        salt[..14].copy_from_slice(&self.salt[..]);
        let iv = u128::from_be_bytes(salt) ^ u128::from(ssrc) << 64 ^ u128::from(index) << 16;
        iv.to_be_bytes()
    }

    fn sign(&self, sealed: &[u8], roc: &[u8]) -> hmac::Tag {
        let mut mac = hmac::Context::with_key(&self.mac);
        mac.update(sealed);
        mac.update(roc);
        mac.sign()
    }

    fn verify(&self, sealed: &[u8], roc: &[u8], tag: &[u8]) -> Result<(), SrtpError> {
        let expected = self.sign(sealed, roc);
        constant_time::verify_slices_are_equal(&expected.as_ref()[..CM_TAG_LEN], tag)
            .map_err(|_| SrtpError::NotAuthentic)
    }
}

/// RFC 7714 §9.2: header, SSRC and trailer of an encrypted packet are associated data.
fn rtcp_aad(packet: &[u8], trailer: [u8; RTCP_INDEX_LEN]) -> [u8; RTCP_HEADER_LEN + RTCP_INDEX_LEN] {
    let mut aad = [0; RTCP_HEADER_LEN + RTCP_INDEX_LEN];
    aad[..RTCP_HEADER_LEN].copy_from_slice(&packet[..RTCP_HEADER_LEN]);
    aad[RTCP_HEADER_LEN..].copy_from_slice(&trailer);
    aad
}

fn is_encrypted(trailer: [u8; RTCP_INDEX_LEN]) -> bool {
    u32::from_be_bytes(trailer) & ENCRYPTED != 0
}

fn index_of(trailer: [u8; RTCP_INDEX_LEN]) -> u32 {
    u32::from_be_bytes(trailer) & !ENCRYPTED
}

/// RFC 3711 §4.2: the roll-over counter is authenticated behind the packet, but not sent.
fn roc(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}
