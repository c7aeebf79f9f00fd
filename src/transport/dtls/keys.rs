//! The SRTP master keys that come out of a handshake.

use crate::control::types::SrtpProfile;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Two keys and two salts; the longest are those of AEAD_AES_256_GCM.
const MAX_MATERIAL: usize = 2 * 32 + 2 * 12;

/// SRTP master keys and salts of both directions. Zeroed on drop, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SrtpKeys {
    #[zeroize(skip)]
    profile: SrtpProfile,
    /// The peer's key, our key, the peer's salt, our salt.
    material: [u8; MAX_MATERIAL],
}

impl SrtpKeys {
    /// Keys as the DTLS exporter lays them out for a server (RFC 5764 §4.2: the client's key, the server's,
    /// the client's salt, the server's); `None` when their length is wrong.
    pub fn new(profile: SrtpProfile, exported: &[u8]) -> Option<SrtpKeys> {
        let (key, salt) = lengths(profile);
        if exported.len() != 2 * (key + salt) {
            return None;
        }
        let mut keys = SrtpKeys { profile, material: [0; MAX_MATERIAL] };
        keys.material[..exported.len()].copy_from_slice(exported);
        Some(keys)
    }

    /// `is_client`: we were.
    pub(super) fn from_dtls(
        profile: dimpl::SrtpProfile,
        exported: &[u8],
        is_client: bool,
    ) -> Option<SrtpKeys> {
        let profile = match profile {
            dimpl::SrtpProfile::AEAD_AES_128_GCM => SrtpProfile::AeadAes128Gcm,
            dimpl::SrtpProfile::AEAD_AES_256_GCM => SrtpProfile::AeadAes256Gcm,
            dimpl::SrtpProfile::AES128_CM_SHA1_80 => SrtpProfile::Aes128CmSha1_80,
            _ => return None,
        };
        let mut keys = SrtpKeys::new(profile, exported)?;
        if is_client {
            keys.swap_sides();
        }
        Some(keys)
    }

    fn swap_sides(&mut self) {
        let (key, salt) = lengths(self.profile);
        let (keys, salts) = self.material[..2 * (key + salt)].split_at_mut(2 * key);
        keys.rotate_left(key);
        salts.rotate_left(salt);
    }

    /// What they are for.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// Master key and salt of what the peer sends.
    pub fn inbound(&self) -> (&[u8], &[u8]) {
        self.side(0)
    }

    /// Master key and salt of what we send.
    pub fn outbound(&self) -> (&[u8], &[u8]) {
        self.side(1)
    }

    /// All of it, as the exporter lays it out for a server.
    pub fn exported(&self) -> &[u8] {
        let (key, salt) = lengths(self.profile);
        &self.material[..2 * (key + salt)]
    }

    fn side(&self, index: usize) -> (&[u8], &[u8]) {
        let (key, salt) = lengths(self.profile);
        let salts = 2 * key;
        (&self.material[index * key..][..key], &self.material[salts + index * salt..][..salt])
    }
}

impl std::fmt::Debug for SrtpKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SrtpKeys({:?})", self.profile)
    }
}

/// Lengths of master key and master salt (RFC 5764 §4.1.2, RFC 7714 §12).
const fn lengths(profile: SrtpProfile) -> (usize, usize) {
    match profile {
        SrtpProfile::AeadAes128Gcm => (16, 12),
        SrtpProfile::AeadAes256Gcm => (32, 12),
        SrtpProfile::Aes128CmSha1_80 => (16, 14),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_gets_its_key_and_its_salt() {
        let exported: Vec<u8> = (0..60).collect();
        let keys = SrtpKeys::new(SrtpProfile::Aes128CmSha1_80, &exported).expect("60 bytes");
        assert_eq!(keys.inbound(), (&exported[0..16], &exported[32..46]));
        assert_eq!(keys.outbound(), (&exported[16..32], &exported[46..60]));
        assert_eq!(keys.exported(), exported);
        assert!(SrtpKeys::new(SrtpProfile::AeadAes128Gcm, &exported).is_none());
        let of_client = SrtpKeys::from_dtls(dimpl::SrtpProfile::AES128_CM_SHA1_80, &exported, true);
        let of_client = of_client.expect("60 bytes");
        assert_eq!(of_client.inbound(), keys.outbound(), "the server's is what the peer sends");
        assert_eq!(of_client.outbound(), keys.inbound());
    }
}
