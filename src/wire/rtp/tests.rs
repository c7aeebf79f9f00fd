//! RTP headers against the `rtp` crate, and against bytes of all sorts.

use super::*;
use crate::wire::extension::{ONE_BYTE_PROFILE, TWO_BYTE_PROFILE};
use bytes::Bytes;
use proptest::prelude::*;
use webrtc_util::marshal::Unmarshal;

/// What a packet is made of.
#[derive(Clone, Debug)]
struct Recipe {
    header: RtpHeader,
    csrcs: Vec<u32>,
    elements: Vec<(u8, Vec<u8>)>,
    payload: Vec<u8>,
    padding: Option<u8>,
}

impl Recipe {
    fn bytes(&self) -> Vec<u8> {
        let elements: Vec<_> = self.elements.iter().map(|(id, data)| Element { id: *id, data }).collect();
        let mut packet = vec![0; 2_000];
        let len = self.header.write(&elements, &mut packet).expect("there is room");
        packet.truncate(len);
        // The writer writes no CSRCs: they are put in by hand.
        packet[0] |= self.csrcs.len() as u8;
        let csrcs = self.csrcs.iter().flat_map(|csrc| csrc.to_be_bytes());
        packet.splice(FIXED_HEADER_LEN..FIXED_HEADER_LEN, csrcs);
        packet.extend(&self.payload);
        if let Some(padding) = self.padding {
            packet[0] |= 0x20;
            packet.extend(std::iter::repeat_n(0, usize::from(padding) - 1).chain([padding]));
        }
        packet
    }
}

fn recipes() -> impl Strategy<Value = Recipe> {
    let header = (any::<bool>(), 0..128u8, any::<u16>(), any::<u32>(), any::<u32>()).prop_map(
        |(marker, payload_type, sequence, timestamp, ssrc)| RtpHeader {
            marker,
            payload_type: PayloadType(payload_type),
            sequence,
            timestamp,
            ssrc: Ssrc(ssrc),
        },
    );
    let one_byte = prop::collection::vec((1..15u8, prop::collection::vec(any::<u8>(), 1..17)), 0..6);
    let two_byte = prop::collection::vec((1..=255u8, prop::collection::vec(any::<u8>(), 0..40)), 0..6);
    (
        header,
        prop::collection::vec(any::<u32>(), 0..16),
        prop_oneof![one_byte, two_byte],
        prop::collection::vec(any::<u8>(), 0..60),
        prop::option::of(1..=255u8),
    )
        .prop_map(|(header, csrcs, elements, payload, padding)| Recipe {
            header,
            csrcs,
            elements,
            payload,
            padding,
        })
}

fn assert_same_as_the_oracle(view: &RtpView<'_>, oracle: &rtp::packet::Packet) {
    let header = &oracle.header;
    assert_eq!(view.marker(), header.marker);
    assert_eq!(view.payload_type(), PayloadType(header.payload_type));
    assert_eq!(view.sequence(), header.sequence_number);
    assert_eq!(view.timestamp(), header.timestamp);
    assert_eq!(view.ssrc(), Ssrc(header.ssrc));
    assert_eq!(view.has_padding(), header.padding);
    assert!(view.csrcs().eq(header.csrc.iter().map(|&csrc| Ssrc(csrc))));
    assert_eq!(view.extension_profile().unwrap_or(0), header.extension_profile);
    assert_eq!(view.payload(), &oracle.payload[..]);
    if matches!(header.extension_profile, ONE_BYTE_PROFILE | TWO_BYTE_PROFILE) {
        let oracle = header.extensions.iter().map(|extension| (extension.id, &extension.payload[..]));
        assert!(view.extensions().map(|element| (element.id, element.data)).eq(oracle));
    }
}

/// The oracle does not know that ids 0 and 15 end a one-byte block, and reads on behind it.
fn oracle_is_lost(view: &RtpView<'_>) -> bool {
    let walked: usize = view.extensions().map(|element| element.data.len() + 1).sum();
    let zeros = view.extension_block().iter().filter(|&&byte| byte == 0).count();
    view.extension_profile() == Some(ONE_BYTE_PROFILE) && walked + zeros < view.extension_block().len()
}

proptest! {
    #[test]
    fn what_is_written_is_read_by_the_oracle_and_by_us(recipe in recipes()) {
        let packet = recipe.bytes();
        let view = RtpView::parse(&packet).expect("the packet is well-formed");
        prop_assert_eq!(view.payload(), &recipe.payload[..]);
        prop_assert_eq!(view.padding_len(), usize::from(recipe.padding.unwrap_or(0)));
        prop_assert_eq!(view.csrcs().len(), recipe.csrcs.len());
        let elements: Vec<_> = view.extensions().map(|element| (element.id, element.data.to_vec())).collect();
        prop_assert_eq!(elements, recipe.elements);
        let oracle = rtp::packet::Packet::unmarshal(&mut Bytes::from(packet.clone()))?;
        assert_same_as_the_oracle(&view, &oracle);
    }

    #[test]
    fn a_spoilt_packet_is_refused_or_read_as_the_oracle_reads_it(
        recipe in recipes(),
        spoilt in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut packet = recipe.bytes();
        for (at, value) in spoilt {
            let at = at.index(packet.len().min(40));
            packet[at] = value;
        }
        packet.truncate(packet.len() - cut.index(packet.len()) / 4);
        let Ok(view) = RtpView::parse(&packet) else { return Ok(()) };
        if oracle_is_lost(&view) { return Ok(()) }
        if let Ok(oracle) = rtp::packet::Packet::unmarshal(&mut Bytes::from(packet.clone())) {
            assert_same_as_the_oracle(&view, &oracle);
        }
    }

    #[test]
    fn no_bytes_make_a_view_panic(mut packet in prop::collection::vec(any::<u8>(), 0..90), shape in 0..32u8) {
        if let Some(first) = packet.first_mut() { *first = *first & 0x0f | 0x80 | shape << 4 & 0x30; }
        for view in [RtpView::parse(&packet), RtpView::parse_header(&packet)].into_iter().flatten() {
            let parts = view.header_len() + view.payload().len() + view.padding_len();
            prop_assert_eq!(parts, view.packet().len());
            let _ = (view.marker(), view.payload_type(), view.sequence(), view.timestamp(), view.ssrc());
            let _ = (view.csrcs().count(), view.extensions().count(), view.extension(Some(1)));
        }
    }

    #[test]
    fn a_header_that_does_not_fit_is_not_written(recipe in recipes(), room in 0..300usize) {
        let elements: Vec<_> =
            recipe.elements.iter().map(|(id, data)| Element { id: *id, data }).collect();
        let mut whole = vec![0; 2_000];
        let len = recipe.header.write(&elements, &mut whole).expect("there is room");
        let mut out = vec![0; room];
        let written = recipe.header.write(&elements, &mut out);
        prop_assert_eq!(written, (room >= len).then_some(len));
    }
}

#[test]
fn padding_cannot_be_zero_nor_reach_into_the_header() {
    let mut packet = [0; 16];
    packet[0] = 0xa0;
    for (count, expected) in
        [(0, Err(RtpError::Padding)), (5, Err(RtpError::Padding)), (4, Ok(0)), (1, Ok(3))]
    {
        packet[15] = count;
        assert_eq!(RtpView::parse(&packet).map(|view| view.payload().len()), expected);
        // Through encryption the count is not there to be seen.
        assert_eq!(RtpView::parse_header(&packet).map(|view| view.payload().len()), Ok(4));
    }
    assert_eq!(RtpView::parse(&packet[..12]).err(), Some(RtpError::Padding));
}

#[test]
fn lying_counts_and_lengths_are_refused() {
    let parse = |bytes: &[u8]| RtpView::parse_header(bytes).err();
    assert_eq!(parse(&[]), Some(RtpError::Short));
    assert_eq!(parse(&[0x80; 11]), Some(RtpError::Short));
    assert_eq!(parse(&[0x40; 12]), Some(RtpError::Version));
    let with = |first: u8, rest: &[u8]| parse(&[&[first; 1][..], &[0; 11], rest].concat());
    assert_eq!(with(0x8f, &[0; 59]), Some(RtpError::Short));
    assert_eq!(with(0x8f, &[0; 60]), None);
    assert_eq!(with(0x90, &[0xbe, 0xde, 0]), Some(RtpError::Short));
    assert_eq!(with(0x90, &[0xbe, 0xde, 0, 1, 0, 0, 0]), Some(RtpError::Short));
    assert_eq!(with(0x90, &[0xbe, 0xde, 0, 1, 0x13, 0, 0, 0]), Some(RtpError::Extension));
    assert_eq!(with(0x90, &[0x10, 0, 0, 1, 1, 3, 0, 0]), Some(RtpError::Extension));
    assert_eq!(with(0x90, &[0x12, 0x34, 0, 1, 1, 3, 0, 0]), None);
}
