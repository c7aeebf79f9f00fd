//! Master keys out of the DTLS exporter (RFC 5764 §4.2), session keys out of master keys
//! (RFC 3711 §4.3).

use super::cipher::{counter_key, counter_mode};
use crate::control::types::SrtpProfile;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const MAX_KEY_LEN: usize = 32;
const MAX_SALT_LEN: usize = 14;
/// HMAC-SHA1's session key (RFC 3711 §5.2).
pub(super) const MAC_KEY_LEN: usize = 20;

/// Bytes of a master key and of a session encryption key.
pub(super) const fn key_len(profile: SrtpProfile) -> usize {
    match profile {
        SrtpProfile::AeadAes128Gcm | SrtpProfile::Aes128CmSha1_80 => 16,
        SrtpProfile::AeadAes256Gcm => 32,
    }
}

/// Bytes of a master salt and of a session salt.
pub(super) const fn salt_len(profile: SrtpProfile) -> usize {
    match profile {
        SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => 12,
        SrtpProfile::Aes128CmSha1_80 => 14,
    }
}

/// How many bytes the DTLS exporter must give (label `EXTRACTOR-dtls_srtp`, RFC 5764 §4.2).
pub const fn exporter_len(profile: SrtpProfile) -> usize {
    2 * (key_len(profile) + salt_len(profile))
}

/// Which side of the DTLS handshake we are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// We sent the ClientHello.
    Client,
    /// We answered it.
    Server,
}

/// The master key and salt of one direction; not printed, zeroed on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey {
    #[zeroize(skip)]
    profile: SrtpProfile,
    key: [u8; MAX_KEY_LEN],
    salt: [u8; MAX_SALT_LEN],
}

impl MasterKey {
    /// A key and a salt of the lengths the profile has; `None` for other lengths.
    pub fn new(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Option<MasterKey> {
        if key.len() != key_len(profile) || salt.len() != salt_len(profile) {
            return None;
        }
        let mut master = MasterKey { profile, key: [0; MAX_KEY_LEN], salt: [0; MAX_SALT_LEN] };
        master.key[..key.len()].copy_from_slice(key);
        master.salt[..salt.len()].copy_from_slice(salt);
        Some(master)
    }

    /// The profile it is for.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// The key's bytes.
    pub fn key(&self) -> &[u8] {
        &self.key[..key_len(self.profile)]
    }

    /// The salt's bytes.
    pub fn salt(&self) -> &[u8] {
        &self.salt[..salt_len(self.profile)]
    }

    /// Fills `out` with the session key of `label`, for a key derivation rate of zero
    /// (RFC 3711 §4.3.1, §4.3.3).
    fn derive(&self, label: u8, out: &mut [u8]) {
        let mut iv = [0; 16];
        // A 12-byte salt stands in the high bytes too (RFC 7714 §11).
        iv[..MAX_SALT_LEN].copy_from_slice(&self.salt);
        iv[7] ^= label;
        out.fill(0);
        counter_mode(&counter_key(self.key()), iv, out);
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({:?}, …)", self.profile)
    }
}

/// The master keys of both directions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MasterKeys {
    /// What we seal with.
    pub local: MasterKey,
    /// What the peer seals with.
    pub remote: MasterKey,
}

impl MasterKeys {
    /// From the bytes of the DTLS exporter; `None` unless there are [`exporter_len`] of them.
    pub fn from_exporter(profile: SrtpProfile, exported: &[u8], role: Role) -> Option<MasterKeys> {
        if exported.len() != exporter_len(profile) {
            return None;
        }
        // RFC 5764 §4.2: client key, server key, client salt, server salt.
        let (keys, salts) = exported.split_at(2 * key_len(profile));
        let (client_key, server_key) = keys.split_at(key_len(profile));
        let (client_salt, server_salt) = salts.split_at(salt_len(profile));
        let client = MasterKey::new(profile, client_key, client_salt)?;
        let server = MasterKey::new(profile, server_key, server_salt)?;
        Some(match role {
            Role::Client => MasterKeys { local: client, remote: server },
            Role::Server => MasterKeys { local: server, remote: client },
        })
    }

    /// The profile they are for.
    pub fn profile(&self) -> SrtpProfile {
        self.local.profile
    }
}

/// What a session key is for: its label is this, or this plus [`RTCP_LABELS`].
#[derive(Clone, Copy)]
enum Purpose {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
}

/// RFC 3711 §4.3.2: labels 0–2 are RTP's, 3–5 are RTCP's.
const RTCP_LABELS: u8 = 3;

/// Which of the two protocols session keys are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Rtp,
    Rtcp,
}

/// The session keys of one direction of one protocol; zeroed on drop.
pub(super) struct SessionKeys {
    pub(super) key: Zeroizing<[u8; MAX_KEY_LEN]>,
    pub(super) key_len: usize,
    pub(super) mac_key: Zeroizing<[u8; MAC_KEY_LEN]>,
    pub(super) salt: Zeroizing<[u8; MAX_SALT_LEN]>,
}

impl SessionKeys {
    pub(super) fn derive(master: &MasterKey, protocol: Protocol) -> SessionKeys {
        let label = |purpose: Purpose| match protocol {
            Protocol::Rtp => purpose as u8,
            Protocol::Rtcp => purpose as u8 + RTCP_LABELS,
        };
        let key_len = key_len(master.profile);
        let mut keys = SessionKeys {
            key: Zeroizing::default(),
            key_len,
            mac_key: Zeroizing::default(),
            salt: Zeroizing::default(),
        };
        master.derive(label(Purpose::Encryption), &mut keys.key[..key_len]);
        master.derive(label(Purpose::Authentication), &mut keys.mac_key[..]);
        master.derive(label(Purpose::Salt), &mut keys.salt[..salt_len(master.profile)]);
        keys
    }
}
