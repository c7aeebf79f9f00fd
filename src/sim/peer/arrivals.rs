//! What a simulated peer tells about the arrival of packets
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1), written apart from the server's own.

use crate::base::Time;
use crate::base::id::Ssrc;
use std::collections::BTreeMap;
use std::time::Duration;

/// Between two messages, as libwebrtc has it at most rates.
const INTERVAL: Duration = Duration::from_millis(50);
/// The unit of deltas, and that of the reference time.
const TICK_US: u64 = 250;
const TICKS_PER_REFERENCE: i64 = 256;
/// Two-bit symbols in one chunk (§3.1.4).
const PER_CHUNK: usize = 7;

/// Arrivals that have not been told yet.
#[derive(Debug)]
pub struct Arrivals {
    came: BTreeMap<u64, Time>,
    highest: Option<u64>,
    told: Option<u64>,
    count: u8,
    due: Time,
}

impl Default for Arrivals {
    fn default() -> Arrivals {
        Arrivals { came: BTreeMap::new(), highest: None, told: None, count: 0, due: Time::NEVER }
    }
}

impl Arrivals {
    /// A packet with this transport-wide sequence number came.
    pub fn on_packet(&mut self, now: Time, sequence: u16) {
        let near = self.highest.unwrap_or(1 << 16 | u64::from(sequence));
        let index = near.wrapping_add_signed(i64::from(sequence.wrapping_sub(near as u16) as i16));
        self.highest = Some(near.max(index));
        if self.told.is_none_or(|told| index > told) {
            self.came.entry(index).or_insert(now);
            self.due = self.due.min(now + INTERVAL);
        }
    }

    /// When something is to be told.
    pub fn deadline(&self) -> Time {
        self.due
    }

    /// One whole message, if there is something to tell.
    pub fn take(&mut self, sender: Ssrc) -> Option<Vec<u8>> {
        self.due = Time::NEVER;
        let came = std::mem::take(&mut self.came);
        let (&first, &last) = (came.keys().next()?, came.keys().next_back()?);
        let first = self.told.map_or(first, |told| told + 1);
        self.told = Some(last);
        let ticks = |at: Time| (at.as_micros() / TICK_US) as i64;
        let reference = ticks(*came.values().min()?) / TICKS_PER_REFERENCE;
        let (mut symbols, mut deltas) = (Vec::new(), Vec::new());
        let mut clock = reference * TICKS_PER_REFERENCE;
        for index in first..=last {
            // Lost, or come with a delta of two bytes.
            symbols.push(if came.contains_key(&index) { 2u16 } else { 0 });
            if let Some(at) = came.get(&index) {
                deltas.extend(((ticks(*at) - clock) as i16).to_be_bytes());
                clock = ticks(*at);
            }
        }
        Some(self.write(sender, first as u16, reference, &symbols, &deltas))
    }

    fn write(&mut self, sender: Ssrc, base: u16, reference: i64, symbols: &[u16], deltas: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80 | 15, 205, 0, 0];
        packet.extend(sender.0.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(base.to_be_bytes());
        packet.extend((symbols.len() as u16).to_be_bytes());
        packet.extend(((reference as u32) << 8 | u32::from(self.count)).to_be_bytes());
        self.count = self.count.wrapping_add(1);
        for chunk in symbols.chunks(PER_CHUNK) {
            let shifted = chunk.iter().enumerate().map(|(at, symbol)| symbol << (12 - 2 * at));
            packet.extend(shifted.fold(0xc000u16, |bits, symbol| bits | symbol).to_be_bytes());
        }
        packet.extend(deltas);
        packet.resize(packet.len().next_multiple_of(4), 0);
        let words = packet.len() / 4 - 1;
        packet[2..4].copy_from_slice(&(words as u16).to_be_bytes());
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::rtcp::{Compound, RtcpPacket};

    #[test]
    fn what_came_and_what_did_not_is_read_back() {
        let mut arrivals = Arrivals::default();
        for (ms, sequence) in [(100, 65_534), (101, 65_535), (130, 2)] {
            arrivals.on_packet(Time::from_millis(ms), sequence);
        }
        let packet = arrivals.take(Ssrc(1)).expect("something came");
        let Some(RtcpPacket::TransportFeedback(feedback)) = Compound::parse(&packet).expect("RTCP").next()
        else {
            panic!("it is feedback")
        };
        let told: Vec<_> = feedback.packets().map(|packet| (packet.sequence, packet.arrival_ticks)).collect();
        let expected = [(65_534, Some(400)), (65_535, Some(404)), (0, None), (1, None), (2, Some(520))];
        assert_eq!(told, expected);
        assert_eq!(arrivals.take(Ssrc(1)), None);
    }
}
