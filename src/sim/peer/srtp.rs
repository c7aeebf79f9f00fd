//! The peer's side of SRTP: which index a packet gets, and buffers around the shared transform.
//!
//! The transform is the server's own: independent libraries check it elsewhere, here it need only
//! be fast and repeatable. The index a packet is sealed under is chosen here.

use super::dtls::Keys;
use super::rtp::{self, Packet};
use crate::base::id::Ssrc;
use crate::control::types::SrtpProfile;
use crate::transport::srtp::{MasterKeys, Role, SrtpReceiver, SrtpSender};
use std::collections::BTreeMap;

/// Room for a packet with everything around it.
const MAX_PACKET: usize = 2048;

/// One peer's keys at work.
pub struct Srtp {
    sender: SrtpSender,
    receiver: SrtpReceiver,
    highest: BTreeMap<Ssrc, u64>,
    profile: SrtpProfile,
}

impl Srtp {
    /// The client's side of what DTLS agreed on.
    pub fn new(keys: &Keys) -> Srtp {
        let profile = profile_of(keys.profile);
        let keys = MasterKeys::from_exporter(profile, &keys.material, Role::Client);
        let keys = keys.expect("the exporter gives as many bytes as the profile asks for");
        Srtp {
            sender: SrtpSender::new(&keys.local),
            receiver: SrtpReceiver::new(&keys.remote),
            highest: BTreeMap::new(),
            profile,
        }
    }

    /// How packets are protected.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// Seals a packet.
    pub fn seal_rtp(&mut self, header: &rtp::Header, payload: &[u8]) -> Vec<u8> {
        self.seal_with(header, 0, payload)
    }

    /// Seals a packet in whose first byte `bits` are set besides.
    pub fn seal_with(&mut self, header: &rtp::Header, bits: u8, payload: &[u8]) -> Vec<u8> {
        let index = self.next_index(header.ssrc, header.sequence);
        let mut packet = header.to_bytes();
        packet[0] |= bits;
        let header_len = packet.len();
        packet.resize(header_len + payload.len() + self.sender.overhead(), 0);
        let len = self.sender.seal_rtp(index, header_len, payload, &mut packet);
        packet.truncate(len.expect("there is room for what was measured"));
        packet
    }

    /// Seals a compound.
    pub fn seal_rtcp(&mut self, compound: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; compound.len() + self.sender.rtcp_overhead()];
        let len = self.sender.seal_rtcp(compound, &mut packet);
        packet.truncate(len.expect("there is room for what was measured"));
        packet
    }

    /// Opens a packet; its index beside it.
    pub fn open_rtp(&mut self, datagram: &[u8]) -> Option<(Packet, u64)> {
        let mut packet = [0; MAX_PACKET];
        let header_len = rtp::header_len(datagram)?;
        let opened = self.receiver.open_rtp(datagram, header_len, &mut packet).ok()?;
        Some((rtp::read(&packet[..opened.len])?, opened.index))
    }

    /// Opens a compound.
    pub fn open_rtcp(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let mut compound = vec![0; datagram.len()];
        let len = self.receiver.open_rtcp(datagram, &mut compound).ok()?;
        compound.truncate(len);
        Some(compound)
    }

    /// RFC 3711 §3.3.1: the roll-over counter starts at 0 and counts the sequence's wraps.
    fn next_index(&mut self, ssrc: Ssrc, sequence: u16) -> u64 {
        let highest = self.highest.entry(ssrc).or_insert(u64::from(sequence));
        let ahead = i64::from(sequence.wrapping_sub(*highest as u16) as i16);
        let index = highest.saturating_add_signed(ahead);
        *highest = index.max(*highest);
        index
    }
}

impl std::fmt::Debug for Srtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Srtp").field("profile", &self.profile).finish_non_exhaustive()
    }
}

fn profile_of(profile: dimpl::SrtpProfile) -> SrtpProfile {
    match profile {
        dimpl::SrtpProfile::AEAD_AES_128_GCM => SrtpProfile::AeadAes128Gcm,
        dimpl::SrtpProfile::AEAD_AES_256_GCM => SrtpProfile::AeadAes256Gcm,
        _ => SrtpProfile::Aes128CmSha1_80,
    }
}

/// The server's side of the same keys, for faults that need to seal as the server does.
pub struct Tap {
    sender: SrtpSender,
    receiver: SrtpReceiver,
}

impl Tap {
    /// The server's side of what DTLS agreed on.
    pub fn new(keys: &Keys) -> Tap {
        let keys = MasterKeys::from_exporter(profile_of(keys.profile), &keys.material, Role::Server);
        let keys = keys.expect("the exporter gives as many bytes as the profile asks for");
        Tap { sender: SrtpSender::new(&keys.local), receiver: SrtpReceiver::new(&keys.local) }
    }

    /// Opens what the server sealed: its index, its header's length and the plain packet.
    pub fn open(&mut self, datagram: &[u8]) -> Option<(u64, usize, Vec<u8>)> {
        let header_len = rtp::header_len(datagram)?;
        let mut plain = vec![0; datagram.len()];
        let opened = self.receiver.open_rtp(datagram, header_len, &mut plain).ok()?;
        plain.truncate(opened.len);
        Some((opened.index, header_len, plain))
    }

    /// Seals as the server does.
    pub fn seal(&self, index: u64, header: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut packet = header.to_vec();
        packet.resize(header.len() + payload.len() + self.sender.overhead(), 0);
        let len = self.sender.seal_rtp(index, header.len(), payload, &mut packet);
        packet.truncate(len.expect("there is room for what was measured"));
        packet
    }
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tap(…)")
    }
}
