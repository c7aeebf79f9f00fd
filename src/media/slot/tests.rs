//! What a seat makes of the packets of one track, of another, and of several layers.

use super::*;
use crate::base::TransportId;
use crate::control::types::{Codec, ExtensionIds, Mid};
use crate::media::frame::Frame;
use crate::media::packet::{Extension, Packet};
use crate::wire::rtp::RtpView;
use arrayvec::ArrayVec;
use std::time::Duration;

fn vp8(payload_type: u8) -> CodecParameters {
    CodecParameters {
        codec: Codec::Vp8,
        format: 0,
        payload_type: PayloadType(payload_type),
        rtx: Some(PayloadType(payload_type + 1)),
        red: None,
        clock_rate: 90_000,
        nack: true,
        pli: true,
        fir: false,
        transport_cc: true,
    }
}

fn slot() -> Slot {
    let open = OpenSlot {
        transport: TransportId(1),
        slot: SlotId(1),
        stream: StreamId(1),
        kind: Kind::Video,
        mid: Mid::from("3").expect("short"),
        ssrc: Ssrc(1111),
        rtx_ssrc: Some(Ssrc(2222)),
        codecs: [vp8(96)].into_iter().collect(),
        extensions: ExtensionIds { mid: Some(4), ..ExtensionIds::default() },
    };
    Slot::new(open, 0, &mut Random::new(5))
}

fn show(slot: &mut Slot, track: u32, codec: CodecParameters) {
    slot.show(Some((track, &[codec])));
    slot.aim(Some(Choice::whole(0)));
}

fn packet(index: u64, timestamp: u32, starts_key_frame: bool) -> Packet<'static> {
    Packet {
        layer: 0,
        index,
        timestamp,
        marker: false,
        codec: 0,
        starts_key_frame,
        frame: Frame::default(),
        structure: None,
        carried: ArrayVec::new(),
        payload: b"payload",
        payload_start: 12,
    }
}

#[test]
fn a_picture_begins_with_a_key_frame_and_goes_on_without_holes() {
    let mut slot = slot();
    show(&mut slot, 7, vp8(100));
    let at = Time::from_millis(1);
    assert_eq!(slot.admit(at, &packet(99_999, 0, false), || None).err(), Some(Withheld::WaitingForKeyFrame));
    let first = slot.admit(at, &packet(100_000, 90, true), || None).expect("a key frame").index;
    assert_eq!(slot.admit(at, &packet(100_002, 90, false), || None).expect("running").index, first + 2);
    assert_eq!(slot.admit(at, &packet(100_001, 90, false), || None).expect("late").index, first + 1);
    assert_eq!(slot.admit(at, &packet(99_998, 80, false), || None).err(), Some(Withheld::BeforeTheStart));
}

#[test]
fn another_track_continues_the_sequence_and_the_clock() {
    let mut slot = slot();
    show(&mut slot, 7, vp8(100));
    let before = slot.admit(Time::from_millis(0), &packet(70_000, 5_000, true), || None).expect("key");
    let (index, timestamp) = (before.index, before.timestamp);
    show(&mut slot, 8, vp8(102));
    let after = slot.admit(Time::from_millis(100), &packet(90_123, 4_000_000, true), || None).expect("key");
    assert_eq!(after.index, index + 1);
    assert_eq!(after.timestamp, timestamp.wrapping_add(9_000));
    assert_eq!(after.payload_type, PayloadType(96));
}

#[test]
fn a_leap_of_the_publisher_is_none_of_the_receivers() {
    let mut slot = slot();
    show(&mut slot, 7, vp8(100));
    let first = slot.admit(Time::ZERO, &packet(70_000, 0, true), || None).expect("key").index;
    let leap = slot.admit(Time::ZERO, &packet(100_000, 90, false), || None);
    assert_eq!(leap.err(), Some(Withheld::WaitingForKeyFrame));
    assert_eq!(slot.admit(Time::ZERO, &packet(130_000, 180, true), || None).expect("key").index, first + 1);
}

#[test]
fn what_carries_nothing_leaves_no_hole_and_late_ones_go_out_empty() {
    let mut slot = slot();
    show(&mut slot, 7, vp8(100));
    let empty = |index| Packet { payload: b"", ..packet(index, 0, false) };
    let first = slot.admit(Time::ZERO, &packet(70_000, 0, true), || None).expect("key").index;
    assert_eq!(slot.admit(Time::ZERO, &empty(70_001), || None).err(), Some(Withheld::Empty));
    assert_eq!(slot.admit(Time::ZERO, &packet(70_002, 0, false), || None).expect("it runs").index, first + 1);
    assert_eq!(slot.admit(Time::ZERO, &packet(70_004, 0, false), || None).expect("it runs").index, first + 3);
    let late = slot.admit(Time::ZERO, &empty(70_003), || None).expect("its number was kept for it");
    assert_eq!((late.index, late.is_empty), (first + 2, true));
}

#[test]
fn mid_is_sent_until_the_receiver_has_reported() {
    let mut slot = slot();
    show(&mut slot, 7, vp8(100));
    let mid_of = |slot: &mut Slot, index| {
        let packet = packet(index, 0, index == 1);
        let outgoing = slot.admit(Time::ZERO, &packet, || None).expect("it runs");
        let mut header = [0; 40];
        let len = slot.write_header(&outgoing, &packet, &mut header).expect("there is room");
        let view = RtpView::parse_header(&header[..len]).expect("a header");
        view.extension(Some(4)).map(<[u8]>::to_vec)
    };
    assert_eq!(mid_of(&mut slot, 1).as_deref(), Some(&b"3"[..]));
    slot.on_receiver_report();
    assert_eq!(mid_of(&mut slot, 2), None);
}

#[test]
fn what_a_seat_shows_next_lies_on_the_line_its_reports_drew() {
    let mut slot = slot();
    show(&mut slot, 7, vp8(100));
    let first = slot.admit(Time::from_millis(1_000), &packet(1, 0, true), || None).expect("key").timestamp;
    slot.on_reported(Time::from_millis(2_000), first.wrapping_add(90_000), 90_000);
    show(&mut slot, 8, vp8(100));
    // It came at 3,000 ms and was taken 150 ms before.
    let now = Time::from_millis(3_000);
    let next = slot.admit(now, &packet(500, 777, true), || Some(777 + 13_500)).expect("key").timestamp;
    assert_eq!(next, first.wrapping_add(180_000 - 13_500));
}

#[test]
fn a_report_that_would_turn_back_time_is_not_followed() {
    let mut slot = slot();
    show(&mut slot, 7, vp8(100));
    let first = slot.admit(Time::from_millis(1_000), &packet(1, 0, true), || None).expect("key").timestamp;
    slot.on_reported(Time::from_millis(1_010), first, 90_000);
    show(&mut slot, 8, vp8(100));
    let now = Time::from_millis(1_020);
    let next = slot.admit(now, &packet(500, 0, true), || Some(90_000)).expect("key").timestamp;
    assert_eq!(next, first.wrapping_add(1_800), "20 ms later by arrival");
}

#[test]
fn a_retransmission_names_the_original_and_has_its_own_sequence() {
    let mut slot = slot();
    show(&mut slot, 7, vp8(100));
    let index = slot.admit(Time::ZERO, &packet(70_000, 5, true), || None).expect("key").index;
    assert_eq!(slot.requested(Time::ZERO, index as u16), Ok(70_000));
    assert_eq!(slot.requested(Time::ZERO, index as u16), Err(NotResent::TooSoon));
    assert_eq!(slot.requested(Time::ZERO, index as u16 + 1), Err(NotResent::Unknown));
    let (again, original) = slot.resend(&packet(70_000, 5, true)).expect("agreed on");
    assert_eq!((again.ssrc, again.payload_type, original), (Ssrc(2222), PayloadType(97), index as u16));
}

#[test]
fn what_another_track_sent_is_not_resent() {
    let mut slot = slot();
    show(&mut slot, 7, vp8(100));
    let before = slot.admit(Time::ZERO, &packet(70_000, 5, true), || None).expect("key").index;
    show(&mut slot, 8, vp8(100));
    slot.admit(Time::ZERO, &packet(10, 5, true), || None).expect("key");
    assert_eq!(slot.requested(Time::ZERO, before as u16), Err(NotResent::Unknown));
}

#[test]
fn a_codec_the_receiver_does_not_take_is_withheld() {
    let mut slot = slot();
    show(&mut slot, 7, CodecParameters { codec: Codec::Av1, ..vp8(100) });
    assert_eq!(slot.admit(Time::ZERO, &packet(1, 0, true), || None).err(), Some(Withheld::UnknownCodec));
}

fn of_layer(layer: u8, index: u64, timestamp: u32, starts_key_frame: bool) -> Packet<'static> {
    Packet { layer, ..packet(index, timestamp, starts_key_frame) }
}

#[test]
fn the_layer_before_goes_on_until_the_new_ones_key_frame_is_there() {
    let mut slot = slot();
    show(&mut slot, 7, vp8(100));
    let at = Time::from_millis(10);
    let first = slot.admit(at, &of_layer(0, 500, 90, true), || None).expect("key").index;
    assert!(slot.aim(Some(Choice::whole(2))));
    assert!(slot.listens_to(0) && slot.listens_to(2) && !slot.listens_to(1));
    let delta = of_layer(2, 9_000, 7_000, false);
    assert_eq!(slot.admit(at, &delta, || None).err(), Some(Withheld::WaitingForKeyFrame));
    assert!(slot.misses_key_frame_of(2) && !slot.misses_key_frame_of(0));
    assert_eq!(slot.admit(at, &of_layer(0, 501, 180, false), || None).expect("it runs").index, first + 1);

    let later = Time::from_millis(60);
    let switched = slot.admit(later, &of_layer(2, 9_004, 7_300, true), || None).expect("key");
    assert!(switched.begins && switched.index == first + 2 && switched.timestamp == 180 + 4_500);
    assert_eq!((slot.layer(), slot.listens_to(0)), (Some(2), false));
    let late = of_layer(0, 502, 270, false);
    assert_eq!(slot.admit(later, &late, || None).err(), Some(Withheld::OtherLayer));
    assert_eq!(slot.requested(later, first as u16 + 2), Ok(9_004));
    assert_eq!(slot.requested(later, first as u16), Err(NotResent::Unknown), "that was another layer");
}

#[test]
fn a_seat_that_is_to_show_nothing_begins_anew_when_it_is_to_show_something() {
    let mut slot = slot();
    show(&mut slot, 7, vp8(100));
    slot.admit(Time::ZERO, &of_layer(0, 500, 90, true), || None).expect("key");
    assert!(slot.aim(None) && !slot.waits_for_key_frame());
    let delta = of_layer(0, 501, 180, false);
    assert_eq!(slot.admit(Time::ZERO, &delta, || None).err(), Some(Withheld::OtherLayer));
    assert!(slot.aim(Some(Choice::whole(0))) && slot.waits_for_key_frame());
    assert_eq!(slot.admit(Time::ZERO, &delta, || None).err(), Some(Withheld::WaitingForKeyFrame));
}

/// A packet of VP8 that is one picture of its own.
fn picture(index: u64, number: u8, temporal: u8, payload: &mut Vec<u8>) -> Packet<'_> {
    *payload = vec![0x90, 0xf0, 0x80, number, number, temporal << 6 | 0x20, u8::from(number > 0), 1, 2, 3];
    let frame = Frame::read(Codec::Vp8, payload, true);
    Packet { frame, payload, marker: true, ..packet(index, index as u32 * 3_000, number == 0) }
}

#[test]
fn temporal_layers_are_left_out_without_a_hole_in_any_number() {
    let mut slot = slot();
    slot.show(Some((7, &[vp8(100)])));
    slot.aim(Some(Choice { layer: 0, sublayers: Sublayers { spatial: 7, temporal: 0 } }));
    let (mut sent, mut start) = (Vec::new(), None);
    for (n, temporal) in [0, 2, 1, 2, 0, 2, 1, 2, 0].into_iter().enumerate() {
        let mut payload = Vec::new();
        let packet = picture(100 + n as u64, n as u8, temporal, &mut payload);
        match slot.admit(Time::ZERO, &packet, || None) {
            Ok(outgoing) => {
                let start = *start.get_or_insert(outgoing.index);
                let mut out = outgoing.head.bytes().to_vec();
                out.extend(&packet.payload[usize::from(outgoing.head.replaces)..]);
                let number = Frame::read(Codec::Vp8, &out, true).picture().expect("it has one").0;
                sent.push((outgoing.index - start, number, outgoing.timestamp));
            }
            Err(withheld) => assert_eq!(withheld, Withheld::Sublayer),
        }
    }
    assert_eq!(sent, [(0, 0, 300_000), (1, 1, 312_000), (2, 2, 324_000)]);
    let again = start.expect("it began") + 1;
    assert_eq!(slot.requested(Time::ZERO, again as u16), Ok(104));
    let mut payload = Vec::new();
    let packet = picture(104, 4, 0, &mut payload);
    let (outgoing, original) = slot.resend(&packet).expect("agreed on");
    assert_eq!((original, outgoing.head.bytes()[3]), (again as u16, 1), "with the numbers it had");
}

#[test]
fn a_publisher_that_counts_its_pictures_anew_is_shown_on() {
    let mut slot = slot();
    show(&mut slot, 7, vp8(100));
    let mut numbers = Vec::new();
    // With 0 the helper makes a key frame; 20 pictures were lost before it.
    for (index, number) in [(100, 0), (101, 1), (102, 2), (140, 0), (141, 1)] {
        let mut payload = Vec::new();
        let packet = picture(index, number, 0, &mut payload);
        let outgoing = slot.admit(Time::ZERO, &packet, || None).expect("it is sent");
        let mut out = outgoing.head.bytes().to_vec();
        out.extend(&packet.payload[usize::from(outgoing.head.replaces)..]);
        numbers.push(Frame::read(Codec::Vp8, &out, true).picture().expect("it has one").0);
    }
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}

#[test]
fn a_packet_that_is_not_wanted_any_more_leaves_its_number_empty() {
    let mut slot = slot();
    slot.show(Some((7, &[vp8(100)])));
    slot.aim(Some(Choice { layer: 0, sublayers: Sublayers { spatial: 7, temporal: 0 } }));
    let mut admit = |index, number, temporal| {
        let mut payload = Vec::new();
        slot.admit(Time::ZERO, &picture(index, number, temporal, &mut payload), || None).expect("it is sent")
    };
    let first = admit(100, 0, 0).index;
    assert_eq!(admit(102, 2, 0).index, first + 2, "101 may come yet");
    let late = admit(101, 1, 2);
    assert_eq!((late.index, late.is_empty, late.marker), (first + 1, true, false));
}

#[test]
fn frames_are_numbered_on_in_the_dependency_descriptor() {
    let mut open = slot().open().clone();
    open.extensions.dependency_descriptor = Some(9);
    let mut slot = Slot::new(open, 0, &mut Random::new(5));
    slot.on_receiver_report();
    let number_sent = |slot: &mut Slot, layer, index, number: u16, key| {
        let [high, low] = number.to_be_bytes();
        let descriptor = [0x80, high, low, 0xff];
        let packet = of_layer(layer, index, index as u32, key);
        let carried = [(Extension::DependencyDescriptor, &descriptor[..])];
        let packet = Packet { carried: carried.into_iter().collect(), ..packet };
        let outgoing = slot.admit(Time::ZERO, &packet, || None).expect("it is sent");
        let mut header = [0; 40];
        let len = slot.write_header(&outgoing, &packet, &mut header).expect("there is room");
        let view = RtpView::parse_header(&header[..len]).expect("a header");
        let sent = view.extension(Some(9)).expect("it is carried");
        assert_eq!((sent[0], sent[3]), (0x80, 0xff), "nothing else changes");
        u16::from_be_bytes([sent[1], sent[2]])
    };
    show(&mut slot, 7, vp8(100));
    assert_eq!(number_sent(&mut slot, 0, 10, 65_535, true), 65_535);
    assert_eq!(number_sent(&mut slot, 0, 12, 1, false), 1);
    assert_eq!(number_sent(&mut slot, 0, 11, 0, false), 0);
    slot.aim(Some(Choice::whole(1)));
    assert_eq!(number_sent(&mut slot, 1, 900, 40_000, true), 2);
    assert_eq!(number_sent(&mut slot, 1, 901, 40_001, false), 3);
}

#[test]
fn receivers_are_told_how_long_to_hold_pictures_back_with_each_key_frame_and_not_by_publishers() {
    let mut open = slot().open().clone();
    open.extensions.playout_delay = Some(9);
    let mut slot = Slot::new(open, 0, &mut Random::new(5));
    slot.set_playout(PlayoutDelay::between(Duration::from_millis(200), Duration::from_secs(1)));
    slot.on_receiver_report();
    show(&mut slot, 7, vp8(100));
    let mut told = |index, starts_key_frame| {
        let packet = of_layer(0, index, index as u32, starts_key_frame);
        let carried = [(Extension::PlayoutDelay, &[0, 0, 0][..])];
        let packet = Packet { carried: carried.into_iter().collect(), ..packet };
        let outgoing = slot.admit(Time::ZERO, &packet, || None).expect("it is sent");
        let mut header = [0; 40];
        let len = slot.write_header(&outgoing, &packet, &mut header).expect("there is room");
        let view = RtpView::parse_header(&header[..len]).expect("a header");
        view.extension(Some(9)).and_then(PlayoutDelay::read)
    };
    let bounds = PlayoutDelay { min_10ms: 20, max_10ms: 100 };
    assert_eq!(told(10, true), Some(bounds));
    assert_eq!(told(11, false), None);
    assert_eq!(told(12, true), Some(bounds));
}
