//! What an independent packetiser takes apart is put together again, and nonsense does no harm.

use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use rtp::codecs::{av1::Av1Payloader, h264::H264Payloader, vp8::Vp8Payloader, vp9::Vp9Payloader};
use rtp::packetizer::Payloader;

fn through(codec: Codec, payloads: &[Bytes]) -> Vec<Frame> {
    let mut assembler = Assembler::new(codec);
    let last = payloads.len() - 1;
    let parts = payloads.iter().enumerate().map(|(place, payload)| Part {
        payload,
        timestamp: 9,
        marker: place == last,
        received: Time::ZERO,
    });
    parts.filter_map(|part| assembler.push(&part).expect("all packets are there")).collect()
}

fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 131 + n / 7) as u8).collect()
}

fn vp8_key(length: usize) -> Vec<u8> {
    let mut frame = vec![0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01];
    frame.extend(noise(length));
    frame
}

#[test]
fn vp8_comes_back_whole_with_its_size() {
    let frame = vp8_key(5_000);
    let mut payloader = Vp8Payloader::default();
    payloader.enable_picture_id = true;
    let payloads = payloader.payload(1_200, &Bytes::from(frame.clone())).unwrap();
    let frames = through(Codec::Vp8, &payloads);
    assert_eq!((frames.len(), &frames[0].data, frames[0].is_key), (1, &frame, true));
    assert_eq!(frames[0].picture.size, Some((640, 480)));
}

#[test]
fn vp9_comes_back_whole() {
    let frame = noise(5_000);
    let payloads = Vp9Payloader::default().payload(1_200, &Bytes::from(frame.clone())).unwrap();
    let frames = through(Codec::Vp9, &payloads);
    assert_eq!((frames.len(), &frames[0].data), (1, &frame));
}

/// Two spatial layers: an index at the end tells them apart.
#[test]
fn spatial_layers_of_vp9_stand_in_one_frame_with_an_index() {
    let packets: [&[u8]; 2] = [&[0x80 | 0x20 | 0x08 | 0x04, 5, 0, 0, 1, 1, 1], &[0xac, 5, 2, 0, 2, 2]];
    let payloads = packets.map(Bytes::copy_from_slice);
    let frames = through(Codec::Vp9, &payloads);
    let index = [0b1101_1001, 3, 0, 0, 0, 2, 0, 0, 0, 0b1101_1001];
    assert_eq!(frames[0].data, [&[1, 1, 1, 2, 2][..], &index].concat());
    assert!(frames[0].is_key);
}

/// From a browser's baseline encoder, 640×480.
const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xf6, 0x80, 0x6d, 0x0a, 0x13, 0x50];
const PPS: &[u8] = &[0x68, 0xce, 0x06, 0xe2];

#[test]
fn h264_comes_back_with_lengths_and_parameters() {
    let idr = [&[0x65][..], &noise(4_000)].concat();
    let unit = |unit: &[u8]| [&[0, 0, 0, 1], unit].concat();
    let stream = [unit(SPS), unit(PPS), unit(&idr)].concat();
    let payloads = H264Payloader::default().payload(1_200, &Bytes::from(stream)).unwrap();
    let frames = through(Codec::H264, &payloads);
    let held = |unit: &[u8]| [&(unit.len() as u32).to_be_bytes()[..], unit].concat();
    assert_eq!(frames[0].data, [held(SPS), held(PPS), held(&idr)].concat());
    assert!(frames[0].is_key);
    assert_eq!(frames[0].picture.size, Some((640, 480)));
    assert_eq!(frames[0].picture.parameters[..4], [1, 0x42, 0xc0, 0x1e]);
}

#[test]
fn a_fragment_whose_beginning_is_missing_is_no_frame() {
    let mut assembler = Assembler::new(Codec::H264);
    let part = |payload, marker| Part { payload, timestamp: 1, marker, received: Time::ZERO };
    assert_eq!(assembler.push(&part(&[0x7c, 0x05, 1, 2], false)), Ok(None));
    assert_eq!(assembler.push(&part(&[0x7c, 0x45, 3], true)), Err(Incomplete));
}

fn obu(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut unit = vec![kind << 3 | 2];
    let mut length = body.len();
    while length >= 0x80 {
        unit.push(length as u8 | 0x80);
        length >>= 7;
    }
    unit.push(length as u8);
    unit.extend_from_slice(body);
    unit
}

#[test]
fn av1_comes_back_whole_without_its_temporal_delimiter() {
    // Profile 0, no timing, one operating point of level 4, 10 bits each: 640×360.
    let header = obu(1, &[0x00, 0x00, 0x00, 0x02, 0x26, 0x53, 0xfa, 0xce, 0x00]);
    // The packetiser writes lengths above 127 wrongly, so only last elements are longer.
    let unit = [header.clone(), obu(6, &noise(100)), obu(6, &noise(3_000))].concat();
    let with_delimiter = [obu(2, &[]), unit.clone()].concat();
    let payloads = Av1Payloader::default().payload(1_200, &Bytes::from(with_delimiter)).unwrap();
    let frames = through(Codec::Av1, &payloads);
    assert_eq!((frames.len(), &frames[0].data), (1, &unit));
    assert!(frames[0].is_key, "the packetiser marks the new sequence");
    assert_eq!(frames[0].picture.parameters[4..], header);
}

/// Profile 0 without timing, 10 bits for each side, 640×360: its operating points are all three spatial layers, the
/// lower two, and the lowest, of levels 8, 4 and 0.
fn layered_header() -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut put = |value: u32, count: u32| bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    // Profile, no still picture, no reduced header, no timing, no delay, three points.
    [(0, 3), (0, 1), (0, 1), (0, 1), (0, 1), (2, 5)].into_iter().for_each(|(value, count)| put(value, count));
    for (layers, level) in [(0b111, 8), (0b011, 4), (0b001, 0)] {
        // Layers of space, then of time; a level above 7 says its tier.
        [(layers, 4), (1, 8), (level, 5)].into_iter().for_each(|(value, count)| put(value, count));
        put(0, u32::from(level > 7));
    }
    [(9, 4), (9, 4), (639, 10), (359, 10)].into_iter().for_each(|(value, count)| put(value, count));
    bits.chunks(8)
        .map(|byte| byte.iter().enumerate().fold(0, |sum, (at, &bit)| sum | u8::from(bit) << (7 - at)))
        .collect()
}

/// A picture of three spatial layers as browsers send it, and as a file holds it: each layer begins a packet, the
/// largest goes on in another one, and the last packet alone has the marker.
fn layered_picture(is_key: bool) -> (Vec<Bytes>, Vec<u8>) {
    const SEQUENCE: u8 = 1;
    const FRAME: u8 = 6;
    let header = layered_header();
    let layers = [40, 90, 2_000].map(noise);
    // RTP has no sizes in OBUs; the second byte says which layer it is.
    let element = |level: u8| [&[FRAME << 3 | 4, level << 3], &layers[usize::from(level)][..]].concat();
    let held = |level: u8| {
        let mut unit = vec![FRAME << 3 | 4 | 2, level << 3];
        put_leb128(&mut unit, layers[usize::from(level)].len());
        [unit, layers[usize::from(level)].clone()].concat()
    };
    let lowest = if is_key {
        let sequence = [&[SEQUENCE << 3][..], &header].concat();
        [&[0x28, sequence.len() as u8], &sequence[..], &element(0)].concat()
    } else {
        [vec![0x10], element(0)].concat()
    };
    let (begins, goes_on) = (element(2)[..1_100].to_vec(), element(2)[1_100..].to_vec());
    let packets = [
        lowest,
        [vec![0x10], element(1)].concat(),
        [vec![0x50], begins].concat(),
        [vec![0x90], goes_on].concat(),
    ];
    let first = if is_key { obu(SEQUENCE, &header) } else { Vec::new() };
    (packets.map(Bytes::from).to_vec(), [first, held(0), held(1), held(2)].concat())
}

#[test]
fn spatial_layers_of_av1_stand_in_one_frame_each_told_by_its_header() {
    let (packets, held) = layered_picture(true);
    let frames = through(Codec::Av1, &packets);
    assert_eq!((frames.len(), &frames[0].data, frames[0].is_key), (1, &held, true));
    assert_eq!(frames[0].picture.size, Some((640, 360)), "that of the largest layer");
    assert_eq!(frames[0].picture.parameters[1], 8, "the level of all layers together");
    let (packets, held) = layered_picture(false);
    let frames = through(Codec::Av1, &packets);
    assert_eq!((frames.len(), &frames[0].data, frames[0].is_key), (1, &held, false));
}

#[test]
fn a_picture_of_av1_that_lacks_one_of_its_spatial_layers_is_not_given_out() {
    let (packets, _) = layered_picture(true);
    for missing in 0..packets.len() {
        let mut assembler = Assembler::new(Codec::Av1);
        let mut frames = Vec::new();
        for (place, payload) in packets.iter().enumerate() {
            let marker = place == packets.len() - 1;
            if place == missing {
                assembler.on_loss();
            } else if let Ok(Some(frame)) =
                assembler.push(&Part { payload, timestamp: 9, marker, received: Time::ZERO })
            {
                frames.push(frame);
            }
        }
        assert!(frames.is_empty(), "without its packet {missing}");
    }
}

#[test]
fn a_frame_with_a_hole_is_not_given_out_and_the_next_is() {
    let frame = vp8_key(5_000);
    let payloads = Vp8Payloader::default().payload(1_200, &Bytes::from(frame)).unwrap();
    let mut assembler = Assembler::new(Codec::Vp8);
    let part = |place: usize, timestamp| Part {
        payload: &payloads[place],
        timestamp,
        marker: place == payloads.len() - 1,
        received: Time::ZERO,
    };
    assert_eq!(assembler.push(&part(0, 1)), Ok(None));
    assembler.on_loss();
    let rest: Vec<_> = (2..payloads.len()).map(|place| assembler.push(&part(place, 1))).collect();
    assert_eq!(rest.last(), Some(&Err(Incomplete)));
    let next: Vec<_> = (0..payloads.len()).map(|place| assembler.push(&part(place, 2))).collect();
    assert!(matches!(next.last(), Some(Ok(Some(_)))));
}

#[test]
fn a_packet_of_padding_is_no_frame() {
    let mut assembler = Assembler::new(Codec::Vp8);
    let part = Part { payload: &[], timestamp: 1, marker: true, received: Time::ZERO };
    assert_eq!(assembler.push(&part), Ok(None));
}

proptest! {
    #[test]
    fn nonsense_does_no_harm(
        packets in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..60), 0u32..3, any::<bool>()), 1..40),
        codec in 0usize..5,
    ) {
        let codec = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1, Codec::Opus][codec];
        let mut assembler = Assembler::new(codec);
        for (payload, timestamp, marker) in &packets {
            let part = Part { payload, timestamp: *timestamp, marker: *marker, received: Time::ZERO };
            let _ = assembler.push(&part);
        }
    }

    #[test]
    fn frames_of_any_size_come_back(length in 1usize..20_000, mtu in 100usize..1_400) {
        let frame = vp8_key(length);
        let payloads = Vp8Payloader::default().payload(mtu, &Bytes::from(frame.clone())).unwrap();
        prop_assert_eq!(&through(Codec::Vp8, &payloads)[0].data, &frame);
    }
}
