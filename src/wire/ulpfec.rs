//! Forward error correction of RFC 5109 (ULPFEC): a checked view over one packet of it, and the sums
//! that it is made of.
//!
//! Knows neither which packets came nor how they are kept. Only the first level is read: libwebrtc
//! sends no other, and protects packets whole by it.

use super::bytes::be16;
use super::rtp::FIXED_HEADER_LEN;

/// §7.3: what stands before the first level.
const HEADER_LEN: usize = 10;
/// §7.4: the protection length.
const LENGTH_LEN: usize = 2;
const SHORT_MASK_LEN: usize = 2;
const LONG_MASK_LEN: usize = 6;
/// The first byte says that the mask is the long one.
const LONG_MASK: u8 = 0x40;
/// "E": must be zero, kept for another form of header.
const EXTENDED: u8 = 0x80;
/// Of an RTP header's first byte all but the version is protected.
const PROTECTED: u8 = 0x3f;

/// Packets that one packet of FEC protects at most.
pub const MOST_PROTECTED: u64 = 8 * LONG_MASK_LEN as u64;

/// A checked packet of FEC, without the RTP header it came with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FecView<'a> {
    bytes: &'a [u8],
    protected: &'a [u8],
    mask: u64,
}

impl<'a> FecView<'a> {
    /// `None` when its lengths lie, or it protects nothing.
    pub fn parse(bytes: &'a [u8]) -> Option<FecView<'a>> {
        let first = *bytes.first()?;
        let mask_len = if first & LONG_MASK != 0 { LONG_MASK_LEN } else { SHORT_MASK_LEN };
        let (header, rest) = bytes.split_at_checked(HEADER_LEN + LENGTH_LEN + mask_len)?;
        let protected = rest.get(..usize::from(be16(header, HEADER_LEN)))?;
        let mask = header[HEADER_LEN + LENGTH_LEN..]
            .iter()
            .zip([56, 48, 40, 32, 24, 16])
            .fold(0, |mask, (&byte, place)| mask | u64::from(byte) << place);
        (first & EXTENDED == 0 && mask != 0).then_some(FecView { bytes, protected, mask })
    }

    /// Sequence number of the first packet that it could protect.
    pub fn base(&self) -> u16 {
        be16(self.bytes, 2)
    }

    /// How far behind the first those are that it protects, in order.
    pub fn offsets(&self) -> impl Iterator<Item = u16> + use<'a> {
        let mask = self.mask;
        (0..MOST_PROTECTED as u16).filter(move |place| mask << place >> 63 == 1)
    }
}

/// The sum of a packet of FEC and of all but one of the packets it protects: the one that is missing.
#[derive(Debug)]
pub struct Missing<'a> {
    /// The header's first, second and time stamp's bytes (RFC 5109 §8.2).
    head: [u8; 6],
    len: u16,
    out: &'a mut [u8],
}

impl<'a> Missing<'a> {
    /// Begins with the packet of FEC; what is missing comes to lie at the front of `out`. `None` when
    /// that has no room for it.
    pub fn begin(view: &FecView<'_>, out: &'a mut [u8]) -> Option<Missing<'a>> {
        let end = FIXED_HEADER_LEN + view.protected.len();
        let room = out.get_mut(FIXED_HEADER_LEN..end)?;
        room.copy_from_slice(view.protected);
        let bytes = view.bytes;
        let head = [bytes[0], bytes[1], bytes[4], bytes[5], bytes[6], bytes[7]];
        Some(Missing { head, len: be16(bytes, 8), out: &mut out[..end] })
    }

    /// Takes away a packet that is not missing; a whole RTP packet as its sender wrote it.
    pub fn take_away(&mut self, packet: &[u8]) {
        let Some((header, rest)) = packet.split_first_chunk::<FIXED_HEADER_LEN>() else { return };
        let [first, second, _, _, a, b, c, d, ..] = *header;
        for (sum, byte) in self.head.iter_mut().zip([first, second, a, b, c, d]) {
            *sum ^= byte;
        }
        self.len ^= rest.len() as u16;
        for (sum, byte) in self.out[FIXED_HEADER_LEN..].iter_mut().zip(rest) {
            *sum ^= byte;
        }
    }

    /// The length of the missing packet, of which now all is there but sequence number and SSRC, which
    /// are `sequence` and `ssrc`. `None` when it was longer than what is protected.
    pub fn finish(self, sequence: u16, ssrc: u32) -> Option<usize> {
        let len = FIXED_HEADER_LEN + usize::from(self.len);
        let out = self.out.get_mut(..len)?;
        let [first, second, timestamp @ ..] = self.head;
        out[0] = 0x80 | first & PROTECTED;
        out[1] = second;
        out[2..4].copy_from_slice(&sequence.to_be_bytes());
        out[4..8].copy_from_slice(&timestamp);
        out[8..12].copy_from_slice(&ssrc.to_be_bytes());
        Some(len)
    }
}

/// A packet of FEC over `packets`, whole RTP packets with at most [`MOST_PROTECTED`] sequence numbers
/// from first to last, in order; for tests and simulated publishers.
pub fn protect(packets: &[&[u8]]) -> Vec<u8> {
    let longest = packets.iter().map(|packet| packet.len()).max().unwrap_or(FIXED_HEADER_LEN);
    let mut sum = vec![0; longest];
    let mut missing = Missing { head: [0; 6], len: 0, out: &mut sum };
    packets.iter().for_each(|packet| missing.take_away(packet));
    let (head, len) = (missing.head, missing.len);
    let sequence = |packet: &[u8]| be16(packet, 2);
    let base = packets.first().map_or(0, |packet| sequence(packet));
    let offsets = || packets.iter().map(|packet| sequence(packet).wrapping_sub(base));
    let mask = offsets().fold(0u64, |mask, place| mask | 1 << (63 - place));
    let is_long = offsets().any(|place| place >= 8 * SHORT_MASK_LEN as u16);
    let mask_len = if is_long { LONG_MASK_LEN } else { SHORT_MASK_LEN };
    let mut bytes = vec![head[0] & PROTECTED | if is_long { LONG_MASK } else { 0 }, head[1]];
    bytes.extend(base.to_be_bytes());
    bytes.extend(&head[2..]);
    bytes.extend(len.to_be_bytes());
    bytes.extend(((longest - FIXED_HEADER_LEN) as u16).to_be_bytes());
    bytes.extend(&mask.to_be_bytes()[..mask_len]);
    bytes.extend(&sum[FIXED_HEADER_LEN..]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::bytes::be32;
    use proptest::prelude::*;

    fn packet(sequence: u16, marker: bool, timestamp: u32, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x90, 96 | u8::from(marker) << 7];
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(7u32.to_be_bytes());
        packet.extend(rest);
        packet
    }

    #[test]
    fn the_example_of_the_rfc_is_read() {
        // RFC 5109 §10.1: four packets from sequence number 8 on, of 200, 140, 100 and 340 bytes at 3, 5, 7
        // and 9, all protected whole.
        let mut bytes = vec![0x00, 0x00, 0x00, 0x08, 0, 0, 0, 8, 0x01, 0x74, 0x01, 0x54, 0xf0, 0x00];
        bytes.resize(bytes.len() + 340, 0);
        let view = FecView::parse(&bytes).expect("it is whole");
        assert_eq!((view.base(), view.offsets().collect::<Vec<_>>()), (8, vec![0, 1, 2, 3]));
        assert_eq!(view.protected.len(), 340);
    }

    #[test]
    fn lengths_that_lie_and_empty_masks_are_refused() {
        let whole = protect(&[&packet(9, false, 3, &[1, 2, 3])]);
        assert!(FecView::parse(&whole).is_some());
        assert!(FecView::parse(&whole[..whole.len() - 1]).is_none());
        let changed = |at: usize, to: u8| {
            let mut bytes = whole.clone();
            bytes[at] = to;
            FecView::parse(&bytes).is_none()
        };
        assert!(changed(12, 0), "it protects nothing");
        assert!(changed(0, 0x80), "another form of header");
        assert!(changed(0, 0x40), "a long mask is longer than what is there");
    }

    #[test]
    fn a_packet_longer_than_what_is_protected_is_not_made_up() {
        let mut bytes = protect(&[&packet(9, false, 3, &[1, 2, 3])]);
        bytes[9] = 200;
        let view = FecView::parse(&bytes).expect("its own lengths hold");
        let mut out = [0; 64];
        assert_eq!(Missing::begin(&view, &mut out).expect("there is room").finish(9, 7), None);
    }

    proptest! {
        #[test]
        fn any_one_of_those_protected_comes_back_byte_for_byte(
            first: u16,
            steps in prop::collection::vec(1u16..4, 1..16),
            bodies in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), any::<bool>(), any::<u32>()), 16),
            lost in any::<prop::sample::Index>(),
        ) {
            let sequences = steps.iter().scan(first, |at, step| { *at = at.wrapping_add(*step); Some(*at) });
            let packets: Vec<Vec<u8>> = sequences.zip(&bodies)
                .map(|(sequence, (rest, marker, timestamp))| packet(sequence, *marker, *timestamp, rest))
                .collect();
            let all: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
            let fec = protect(&all);
            let view = FecView::parse(&fec).expect("it was just written");
            let lost = lost.index(all.len());
            let mut out = [0; 400];
            let mut missing = Missing::begin(&view, &mut out).expect("there is room");
            let base = be16(all[0], 2);
            let places: Vec<u16> = view.offsets().map(|offset| base.wrapping_add(offset)).collect();
            prop_assert_eq!(&places, &all.iter().map(|packet| be16(packet, 2)).collect::<Vec<_>>());
            all.iter().enumerate().filter(|(place, _)| *place != lost).for_each(|(_, packet)| missing.take_away(packet));
            let len = missing.finish(places[lost], be32(all[lost], 8)).expect("it is protected whole");
            prop_assert_eq!(&out[..len], all[lost]);
        }

        #[test]
        fn any_bytes_are_refused_or_lie_within(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(view) = FecView::parse(&bytes) {
                let mut out = [0; 128];
                prop_assert!(view.protected.len() <= bytes.len() && view.offsets().count() > 0);
                if let Some(mut missing) = Missing::begin(&view, &mut out) {
                    missing.take_away(&bytes);
                    prop_assert!(missing.finish(1, 2).is_none_or(|len| len <= 128));
                }
            }
        }
    }
}
