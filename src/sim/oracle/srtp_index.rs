//! No SRTP or SRTCP index is used twice under one key and SSRC for different content (RFC 3711
//! §9.1, RFC 7714 §8.1): with AES-GCM that would give away the authentication key.

use super::Violations;
use crate::base::Time;
use crate::control::types::SrtpProfile;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Watches what is sealed with one key.
#[derive(Debug, Default)]
pub struct SrtpIndexOracle {
    highest: HashMap<u32, u64>,
    rtp: HashMap<(u32, u64), u64>,
    rtcp: HashMap<(u32, u32), u64>,
}

impl SrtpIndexOracle {
    /// A sealed RTP packet leaves. Says whether it is new, and not the very same one again.
    pub fn on_rtp(&mut self, at: Time, packet: &[u8], violations: &mut Violations) -> bool {
        let Some(ssrc) = word(packet, 8) else { return false };
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let highest = self.highest.entry(ssrc).or_insert(1 << 16 | u64::from(sequence));
        let ahead = i64::from(sequence.wrapping_sub(*highest as u16) as i16);
        let index = highest.saturating_add_signed(ahead);
        *highest = index.max(*highest);
        let before = self.rtp.insert((ssrc, index), digest(packet));
        if before.is_some_and(|before| before != digest(packet)) {
            violations.add(at, "srtp-index", || format!("SSRC {ssrc} seals sequence {sequence} twice"));
        }
        before.is_none()
    }

    /// A sealed RTCP packet leaves.
    pub fn on_rtcp(&mut self, at: Time, packet: &[u8], profile: SrtpProfile, violations: &mut Violations) {
        // RFC 3711 §3.4 puts the tag behind the index, RFC 7714 §9.3 before it.
        let behind = if profile == SrtpProfile::Aes128CmSha1_80 { 10 } else { 0 };
        let index = packet.len().checked_sub(behind + 4).and_then(|at| word(packet, at));
        let (Some(ssrc), Some(index)) = (word(packet, 4), index) else { return };
        if index >> 31 == 0 {
            violations.add(at, "srtp-index", || format!("RTCP of SSRC {ssrc} is not encrypted"));
        }
        let before = self.rtcp.insert((ssrc, index & 0x7fff_ffff), digest(packet));
        if before.is_some_and(|before| before != digest(packet)) {
            violations.add(at, "srtp-index", || format!("SSRC {ssrc} seals RTCP index {index} twice"));
        }
    }
}

fn word(packet: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(packet.get(at..at + 4)?.try_into().ok()?))
}

fn digest(packet: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    packet.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, content: u8) -> Vec<u8> {
        let mut packet = vec![0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, content];
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet
    }

    #[test]
    fn the_same_index_is_allowed_for_the_same_packet_and_after_a_wrap_only() {
        let (mut oracle, mut violations) = (SrtpIndexOracle::default(), Violations::default());
        let mut seal =
            |sequence, content| oracle.on_rtp(Time::ZERO, &packet(sequence, content), &mut violations);
        assert!(seal(65_535, 1));
        assert!(!seal(65_535, 1));
        for step in 0..=4u16 {
            assert!(seal(step.wrapping_mul(16_383), 2));
        }
        assert!(seal(65_534, 3), "the second time round is another index");
        assert!(violations.found().is_empty());
        oracle.on_rtp(Time::ZERO, &packet(65_534, 4), &mut violations);
        assert_eq!(violations.found().len(), 1);
    }
}
