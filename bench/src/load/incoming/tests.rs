//! Packets as a server sends them, and what is counted and asked for.

use super::*;
use crate::load::Figures;
use crate::load::stamp::STAMP_LEN;
use crate::load::vp8;
use crate::signal::Layer;
use std::time::Duration;
use volley::base::id::PayloadType;
use volley::wire::rtp::RtpHeader;

const OWN: Person = Person { room: 1, number: 0 };
const OTHER: Person = Person { room: 1, number: 5 };
const RECEIVING: Receiving = Receiving { opus: 111, vp8: 96, rtx: Some(97), transport_cc: None };

struct Rig {
    incoming: Incoming,
    meter: Meter,
}

impl Rig {
    fn new() -> Rig {
        Rig { incoming: Incoming::new(OWN, RECEIVING, Time::ZERO), meter: Meter::new(Time::ZERO) }
    }

    fn take(&mut self, at_ms: u64, packet: &[u8]) {
        let view = RtpView::parse(packet).expect("it was just written");
        self.incoming.on_packet(Time::from_millis(at_ms), &view, packet.len(), &mut self.meter);
    }

    /// What is asked for at a time.
    fn asked(&mut self, at_ms: u64) -> Vec<(u32, Option<Vec<u16>>)> {
        let mut asked = Vec::new();
        self.incoming.requests(Time::from_millis(at_ms), |request| {
            asked.push(match request {
                Request::Nack(ssrc, lost) => (ssrc.0, Some(lost.to_vec())),
                Request::KeyFrame(ssrc) => (ssrc.0, None),
            });
        });
        asked
    }
}

fn packet(payload_type: u8, ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let header = RtpHeader {
        marker: true,
        payload_type: PayloadType(payload_type),
        sequence,
        timestamp: 0,
        ssrc: Ssrc(ssrc),
    };
    let mut bytes = vec![0; 12];
    header.write(&[], &mut bytes).expect("there is room");
    bytes.extend(payload);
    bytes
}

fn picture(person: Person, sequence: u32, key_frame: bool) -> Vec<u8> {
    layer(None, person, sequence, key_frame)
}

/// A packet of OTHER's picture in layers.
fn of_layer(place: usize, sequence: u32, key_frame: bool) -> Vec<u8> {
    layer(Layer::at(place), OTHER, sequence, key_frame)
}

fn layer(layer: Option<Layer>, person: Person, sequence: u32, key_frame: bool) -> Vec<u8> {
    of_life(1, layer, person, sequence, key_frame)
}

fn of_life(life: u16, layer: Option<Layer>, person: Person, sequence: u32, key_frame: bool) -> Vec<u8> {
    let stamp = Stamp {
        person,
        kind: Kind::Video,
        life,
        layer,
        key_frame,
        silence_follows: false,
        sequence,
        frame: sequence,
        packets_in_frame: 1,
        sent: Time::from_millis(1),
    };
    let mut payload = vec![0; vp8::LONGEST_HEADER + STAMP_LEN];
    let at = vp8::write(true, key_frame, sequence, (1280, 720), &mut payload);
    stamp.write(&mut payload[at..at + STAMP_LEN]);
    payload
}

#[test]
fn a_packet_of_another_room_is_a_failure_and_counts_for_nothing_else() {
    let mut rig = Rig::new();
    rig.take(5, &packet(96, 7, 1, &picture(Person { room: 2, number: 5 }, 0, true)));
    assert_eq!((rig.meter.now.foreign_room, rig.meter.now.packets()), (1, 0));
}

#[test]
fn ones_own_packet_is_an_echo() {
    let mut rig = Rig::new();
    rig.take(5, &packet(96, 7, 1, &picture(OWN, 0, true)));
    assert_eq!((rig.meter.now.echoes, rig.meter.now.foreign_room), (1, 0));
}

#[test]
fn what_bears_no_stamp_or_no_known_payload_type_is_counted_apart() {
    let mut rig = Rig::new();
    rig.take(5, &packet(96, 7, 1, &[0x90, 0x80, 0x80, 1, 0x11, 0, 0, 1, 2, 3]));
    rig.take(5, &packet(50, 8, 1, &picture(OTHER, 0, true)));
    rig.take(5, &packet(97, 9, 1, &[]));
    assert_eq!((rig.meter.now.unstamped, rig.meter.now.malformed), (2, 1));
    assert_eq!(rig.meter.now.packets(), 0);
}

#[test]
fn a_hole_is_asked_for_until_its_retransmission_comes() {
    let mut rig = Rig::new();
    rig.take(5, &packet(96, 7, 100, &picture(OTHER, 0, true)));
    rig.take(6, &packet(96, 7, 103, &picture(OTHER, 3, false)));
    assert!(rig.asked(6).is_empty(), "reordering heals by itself");
    assert_eq!(rig.asked(20), [(7, Some(vec![101, 102]))]);
    rig.take(25, &packet(97, 8, 4, &[&101u16.to_be_bytes()[..], &picture(OTHER, 1, false)].concat()));
    assert_eq!(rig.asked(200), [(7, Some(vec![102]))]);
    rig.take(210, &packet(96, 7, 102, &picture(OTHER, 2, false)));
    assert!(rig.asked(400).is_empty());
    assert_eq!(rig.incoming.feedback_due(), Time::NEVER);
    let video = rig.meter.now.video;
    assert_eq!((video.lost(), video.retransmissions, video.reordered), (0, 1, 1));
}

#[test]
fn a_key_frame_is_asked_for_each_second_until_one_comes() {
    let mut rig = Rig::new();
    rig.take(5, &packet(96, 7, 1, &picture(OTHER, 0, false)));
    assert_eq!(rig.incoming.feedback_due(), Time::from_millis(5));
    assert_eq!(rig.asked(5), [(7, None)]);
    rig.take(100, &packet(96, 7, 2, &picture(OTHER, 1, false)));
    assert!(rig.asked(500).is_empty());
    assert_eq!(rig.asked(1_005), [(7, None)]);
    rig.take(1_100, &packet(96, 7, 3, &picture(OTHER, 2, true)));
    assert!(rig.asked(9_000).is_empty());
    assert_eq!(rig.meter.now.first_frame.max(), rig.meter.now.first_frame.highest_equivalent(1_100_000));
}

#[test]
fn a_hole_that_is_given_up_needs_a_key_frame() {
    let mut rig = Rig::new();
    rig.take(5, &packet(96, 7, 100, &picture(OTHER, 0, true)));
    rig.take(6, &packet(96, 7, 102, &picture(OTHER, 2, false)));
    let mut nacks = 0;
    let key_frame_asked = (10..3_000).step_by(10).find(|&at_ms| {
        let asked = rig.asked(at_ms);
        nacks += asked.iter().filter(|(_, lost)| lost.is_some()).count();
        asked.iter().any(|(_, lost)| lost.is_none())
    });
    assert!((5..=10).contains(&nacks), "{nacks}");
    assert!(key_frame_asked.is_some_and(|at_ms| at_ms <= 1_100), "{key_frame_asked:?}");
}

#[test]
fn a_seat_that_shows_somebody_else_loses_nothing() {
    let mut rig = Rig::new();
    rig.take(5, &packet(96, 7, 1, &picture(OTHER, 0, true)));
    rig.take(6, &packet(96, 7, 2, &picture(Person { room: 1, number: 6 }, 50, true)));
    rig.take(9, &packet(96, 7, 3, &picture(OTHER, 90, true)));
    let video = rig.meter.now.video;
    assert_eq!((video.lost(), video.skipped, video.packets), (0, 89, 3));
    assert_eq!(rig.incoming.live(Time::from_millis(10)).pictures, 2);
}

#[test]
fn who_leaves_and_comes_again_is_received_at_once() {
    let mut rig = Rig::new();
    for sequence in 0..400 {
        rig.take(5, &packet(96, 7, sequence as u16, &picture(OTHER, sequence, true)));
    }
    rig.take(9, &packet(96, 8, 1, &of_life(2, None, OTHER, 0, true)));
    rig.take(10, &packet(96, 8, 2, &of_life(2, None, OTHER, 1, false)));
    let video = rig.meter.now.video;
    assert_eq!((video.packets, video.too_old, video.lost()), (402, 0, 0));
    assert_eq!(rig.incoming.live(Time::from_millis(10)).pictures, 1, "it is one camera");
}

#[test]
fn a_stream_that_stops_is_not_live_and_its_gap_is_open() {
    let mut rig = Rig::new();
    rig.take(1_000, &packet(96, 7, 1, &picture(OTHER, 0, true)));
    rig.take(1_033, &packet(96, 7, 2, &picture(OTHER, 1, false)));
    let live = |rig: &Rig, at_ms| rig.incoming.live(Time::from_millis(at_ms));
    assert_eq!((live(&rig, 1_500).pictures, live(&rig, 1_500).open_gap.as_millis()), (1, 467));
    assert_eq!((live(&rig, 3_100).pictures, live(&rig, 3_100).open_gap.as_millis()), (0, 2_067));
}

#[test]
fn what_the_server_kept_back_is_lost_and_told_from_what_the_wire_lost() {
    let mut rig = Rig::new();
    rig.take(5, &packet(96, 7, 1, &picture(OTHER, 0, true)));
    rig.take(6, &packet(96, 7, 2, &picture(OTHER, 9, true)));
    rig.take(7, &packet(96, 7, 4, &picture(OTHER, 11, false)));
    let video = rig.meter.now.video;
    assert_eq!((video.lost(), video.withheld), (9, 8));
    // Three withheld, and the first of what followed lost.
    rig.take(8, &packet(96, 7, 6, &picture(OTHER, 16, false)));
    let video = rig.meter.now.video;
    assert_eq!((video.lost(), video.withheld, video.lost_on_the_way()), (13, 11, 2));
}

#[test]
fn transport_wide_numbers_are_told_in_order_and_once() {
    let mut rig = Rig::new();
    let at = |ms| Some(Time::from_millis(ms));
    rig.incoming.arrivals = vec![(65_535, at(1)), (1, at(2)), (0, at(3)), (0, at(4))];
    let arrivals = rig.incoming.take_arrivals().expect("there are some");
    assert_eq!(arrivals, [(65_535, at(1)), (0, at(3)), (1, at(2))]);
    assert_eq!(rig.incoming.take_arrivals(), None);
}

#[test]
fn a_seat_that_goes_over_to_another_layer_loses_nothing() {
    let mut rig = Rig::new();
    rig.take(5, &packet(96, 7, 1, &of_layer(0, 0, true)));
    rig.take(75, &packet(96, 7, 2, &of_layer(0, 1, false)));
    rig.take(100, &packet(96, 7, 3, &of_layer(2, 50, true)));
    rig.take(130, &packet(96, 7, 4, &of_layer(2, 51, false)));
    rig.take(160, &packet(96, 7, 5, &of_layer(0, 9, true)));
    let Figures { video, layers, .. } = &rig.meter.now;
    assert_eq!((video.lost(), video.skipped, video.packets), (0, 7, 5));
    assert_eq!((layers.switches, layers.broken, layers.longest_switch.as_millis()), (2, 0, 30));
    assert_eq!(layers.each.map(|layer| layer.received), [3, 0, 2]);
    assert_eq!(layers.each.map(|layer| layer.shown.as_millis()), [95, 0, 60]);
    assert_eq!(layers.shown(), Some(Duration::from_millis(155)));
    assert_eq!(rig.incoming.live(Time::from_millis(160)).pictures, 1, "they are one picture");
    assert_eq!(rig.meter.now.longest_gap().as_millis(), 70, "gaps go across layers");
}

#[test]
fn what_is_lost_at_a_switch_is_lost_until_it_comes_late() {
    let mut rig = Rig::new();
    rig.take(5, &packet(96, 7, 1, &of_layer(0, 0, true)));
    // The last of one layer, and the first of the next.
    rig.take(40, &packet(96, 7, 4, &of_layer(1, 51, false)));
    assert_eq!((rig.meter.now.video.lost(), rig.meter.now.video.withheld), (2, 0));
    assert_eq!(rig.asked(60), [(7, Some(vec![2, 3]))]);
    rig.take(65, &packet(97, 8, 9, &[&3u16.to_be_bytes()[..], &of_layer(1, 50, true)].concat()));
    rig.take(70, &packet(96, 7, 2, &of_layer(0, 1, false)));
    rig.take(71, &packet(96, 7, 5, &of_layer(1, 52, false)));
    assert!(rig.asked(900).is_empty());
    let Figures { video, layers, .. } = &rig.meter.now;
    assert_eq!((video.lost(), video.late, video.reordered, video.too_old), (0, 2, 1, 0));
    assert_eq!((layers.switches, layers.broken), (1, 0), "what is late changes nothing");
}

#[test]
fn a_retransmission_of_the_layer_before_fills_its_hole() {
    let mut rig = Rig::new();
    rig.take(5, &packet(96, 7, 1, &of_layer(0, 0, true)));
    rig.take(40, &packet(96, 7, 3, &of_layer(1, 51, true)));
    rig.take(45, &packet(97, 8, 9, &[&2u16.to_be_bytes()[..], &of_layer(0, 1, false)].concat()));
    assert!(rig.asked(900).is_empty());
    let video = rig.meter.now.video;
    assert_eq!((video.lost(), video.late, video.reordered, video.packets), (0, 1, 0, 3));
}

#[test]
fn a_layer_that_begins_without_a_key_frame_is_told() {
    let mut rig = Rig::new();
    rig.take(5, &packet(96, 7, 1, &of_layer(0, 0, true)));
    rig.take(40, &packet(96, 7, 2, &of_layer(1, 51, false)));
    assert_eq!((rig.meter.now.layers.switches, rig.meter.now.layers.broken), (1, 1));
}

#[test]
fn what_is_lost_between_two_people_on_one_seat_is_lost() {
    let mut rig = Rig::new();
    rig.take(5, &packet(96, 7, 1, &picture(OTHER, 0, true)));
    rig.take(6, &packet(96, 7, 4, &picture(Person { room: 1, number: 6 }, 50, true)));
    assert_eq!((rig.meter.now.video.lost(), rig.meter.now.layers.switches), (2, 0));
}
