//! RTCP against the `rtcp` crate, and against bytes of all sorts.

mod oracle;

use super::*;
use crate::base::random::Random;
use crate::base::time::{NtpTime, Time};
use oracle::{Oracle, assert_same, oracle, padding_bits};
use proptest::prelude::*;
use rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate as remb;

#[test]
fn what_we_write_the_oracle_reads_the_same() {
    let mut random = Random::new(5);
    for _ in 0..3_000 {
        let datagram = random_compound(&mut random);
        let oracle = oracle(&datagram).expect("what we write is well-formed");
        let ours: Vec<_> = Compound::parse(&datagram).expect("what we write is well-formed").collect();
        assert_eq!(ours.len(), oracle.len());
        ours.iter().zip(&oracle).for_each(|(ours, oracle)| assert_same(ours, oracle));
    }
}

#[test]
fn what_was_spoilt_is_refused_or_read_as_the_oracle_reads_it() {
    let mut random = Random::new(6);
    let mut compared = 0;
    for _ in 0..20_000 {
        let mut datagram = random_compound(&mut random);
        for _ in 0..=random.below(3) {
            let at = random.below(datagram.len() as u64) as usize;
            datagram[at] = random.next_u32() as u8;
        }
        let Ok(ours) = Compound::parse(&datagram) else { continue };
        // The oracle takes padding for content.
        let padded = padding_bits(&datagram);
        let Some(oracle) = oracle(&datagram).filter(|_| !padded) else { continue };
        assert_eq!(ours.clone().count(), oracle.len());
        ours.zip(&oracle).for_each(|(ours, oracle)| assert_same(&ours, oracle));
        compared += 1;
    }
    assert!(compared > 1_000, "only {compared} spoilt compounds could be compared");
}

#[test]
fn a_remb_of_the_oracle_is_read() {
    for (bitrate, ssrcs) in [(30_000.0, vec![]), (1_000_000.0, vec![1, 2]), (262_143.0 * 4_096.0, vec![9])] {
        let remb = remb::ReceiverEstimatedMaximumBitrate { sender_ssrc: 3, bitrate, ssrcs };
        let datagram = rtcp::packet::marshal(&[Box::new(remb) as Oracle]).expect("it can be written");
        let ours = Compound::parse(&datagram).expect("it is well-formed").next().expect("there is one");
        assert_same(&ours, &oracle(&datagram).expect("it is its own")[0]);
    }
    // The oracle reads a mantissa of zero as 2^23.
    for (exponent_and_mantissa, expected) in
        [([0xfc, 0, 0], 0), ([0, 0, 1], 1), ([0xff, 0xff, 0xff], u64::MAX)]
    {
        let mut remb = *b"\x8f\xce\0\x04\0\0\0\x01\0\0\0\0REMB\0\0\0\0";
        remb[17..].copy_from_slice(&exponent_and_mantissa);
        let Some(RtcpPacket::Remb(remb)) = Compound::parse(&remb).expect("it is well-formed").next() else {
            panic!("it is a REMB")
        };
        assert_eq!(remb.bitrate_bps, expected);
    }
}

#[test]
fn feedback_as_chromium_sends_it_is_read_with_its_odd_padding() {
    // Captured from Chromium 156: 28 packets, a delta of one byte each, and two bytes of padding.
    let captured = [
        0xaf, 0xcd, 0x00, 0x0c, 0x5b, 0x6c, 0x55, 0x81, 0xe4, 0x3d, 0x81, 0x4b, 0x00, 0x00, 0x00, 0x1c, 0x08,
        0xe6, 0x1d, 0x00, 0x20, 0x1c, 0x60, 0x00, 0x00, 0x00, 0x00, 0x0f, 0x00, 0x00, 0x00, 0x00, 0x35, 0x00,
        0x00, 0x00, 0x4b, 0x42, 0x2b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x2c, 0x4a, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x02,
    ];
    let Some(RtcpPacket::TransportFeedback(feedback)) = Compound::parse(&captured).expect("RTCP").next()
    else {
        panic!("it is feedback")
    };
    let arrivals: Vec<i64> = feedback.packets().filter_map(|packet| packet.arrival_ticks).collect();
    assert_eq!(arrivals.len(), 28);
    assert_eq!(arrivals[27] - arrivals[0], 0x0f + 0x35 + 0x4b + 0x42 + 0x2b + 0x2c + 0x4a);
}

#[test]
fn padding_is_taken_off_wherever_it_stands() {
    let pli = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    let mut padded = [0xa1, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 8];
    let good = [&pli[..], &padded].concat();
    assert_eq!(Compound::parse(&good).map(Iterator::count), Ok(2));
    assert_eq!(Compound::parse(&[&padded[..], &pli].concat()).map(Iterator::count), Ok(2));
    for count in [0, 20, 255] {
        padded[19] = count;
        assert_eq!(Compound::parse(&padded).err(), Some(RtcpError::Padding), "padding of {count}");
    }
}

#[test]
fn lying_lengths_and_counts_are_refused() {
    let parse = |bytes: &[u8]| Compound::parse(bytes).err();
    assert_eq!(parse(&[]), Some(RtcpError::Short));
    assert_eq!(parse(&[0x80, 201, 0]), Some(RtcpError::Short));
    assert_eq!(parse(&[0x40, 201, 0, 0]), Some(RtcpError::Version));
    assert_eq!(parse(&[0x80, 201, 0, 1]), Some(RtcpError::Short));
    assert_eq!(parse(&[0x80, 201, 0, 0]), Some(RtcpError::Malformed));
    assert_eq!(parse(&[0x81, 201, 0, 1, 0, 0, 0, 1]), Some(RtcpError::Malformed));
    assert_eq!(parse(&[0x81, 202, 0, 2, 0, 0, 0, 1, 1, 9, b'x', 0]), Some(RtcpError::Malformed));
    assert_eq!(parse(&[0x82, 203, 0, 1, 0, 0, 0, 1]), Some(RtcpError::Malformed));
    assert_eq!(parse(&[0x81, 203, 0, 2, 0, 0, 0, 1, 4, b'x', b'y', b'z']), Some(RtcpError::Malformed));
    assert_eq!(parse(&[0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]), Some(RtcpError::Malformed));
    assert_eq!(parse(&[0x81, 206, 0, 1, 0, 0, 0, 1]), Some(RtcpError::Malformed));
    // Extended reports are passed over whatever they hold.
    assert_eq!(parse(&[0x80, 207, 0, 1, 1, 2, 3, 4]), None);
}

#[test]
fn feedback_that_contradicts_itself_is_refused() {
    let feedback = |count: u8, content: &[u8]| {
        let mut message = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 7, 0, count, 0, 0, 1, 0];
        message.extend(content);
        message.resize(message.len().next_multiple_of(4), 0);
        message[3] = (message.len() / 4 - 1) as u8;
        Compound::parse(&message).map(Iterator::count)
    };
    assert_eq!(feedback(1, &[0x20, 1, 5]), Ok(1));
    assert_eq!(feedback(0, &[]), Err(RtcpError::Malformed), "nothing is reported on");
    assert_eq!(feedback(1, &[]), Err(RtcpError::Malformed), "no chunk");
    assert_eq!(feedback(4, &[0x20, 4, 5, 5]), Err(RtcpError::Malformed), "two deltas missing");
    assert_eq!(feedback(4, &[0x20, 2, 5, 5]), Err(RtcpError::Malformed), "the deltas are taken for a chunk");
    assert_eq!(feedback(1, &[0x20, 0, 0x20, 1, 5]), Err(RtcpError::Malformed), "a run of nothing");
    assert_eq!(feedback(1, &[0x60, 1, 5, 5]), Err(RtcpError::Malformed), "a reserved symbol");
    assert_eq!(feedback(7, &[0xff, 0xff, 5, 5]), Err(RtcpError::Malformed), "reserved symbols");
}

#[test]
fn feedback_goes_on_in_the_next_message_until_all_is_told() {
    let mut random = Random::new(8);
    for round in 0..300 {
        let packets = random_arrivals(&mut random, 1 + round * 4);
        let mut told = Vec::new();
        let (mut rest, mut messages) = (&packets[..], 0);
        while rest.iter().any(|(_, arrival)| arrival.is_some()) {
            // A lost start of more than a message's worth cannot be told; arrivals are never that rare here.
            let mut out = vec![0; 200 + random.below(1_200) as usize];
            let written =
                write_transport_feedback(Ssrc(1), Ssrc(2), messages, rest, &mut out).expect("it fits");
            let Some(RtcpPacket::TransportFeedback(feedback)) =
                Compound::parse(&out[..written.len]).expect("it is well-formed").next()
            else {
                panic!("it is feedback")
            };
            assert_eq!((feedback.feedback_count, feedback.base_sequence), (messages, rest[0].0));
            assert_eq!(usize::from(feedback.status_count), written.packets);
            told.extend(feedback.packets().map(|status| (status.sequence, status.arrival_ticks)));
            rest = &rest[written.packets..];
            messages = messages.wrapping_add(1);
        }
        let expected =
            packets[..told.len()].iter().map(|&(sequence, arrival)| (sequence, arrival.map(ticks)));
        assert!(told.iter().copied().eq(expected), "round {round}");
        assert!(packets[told.len()..].iter().all(|(_, arrival)| arrival.is_none()));
    }
}

#[test]
fn numbers_left_out_of_feedback_are_lost() {
    let at = |ms| Some(Time::from_millis(ms));
    let mut out = [0; 100];
    let written = write_transport_feedback(
        Ssrc(1),
        Ssrc(2),
        0,
        &[(65_535, at(64)), (2, at(10_000)), (3, at(10_001))],
        &mut out,
    )
    .expect("it fits");
    assert_eq!(written.packets, 1, "10 s are more than a delta can tell");
    let written = write_transport_feedback(
        Ssrc(1),
        Ssrc(2),
        0,
        &[(65_535, at(70)), (2, at(60)), (3, at(71))],
        &mut out,
    )
    .expect("it fits");
    let mut compound = Compound::parse(&out[..written.len]).expect("it is well-formed");
    let Some(RtcpPacket::TransportFeedback(feedback)) = compound.next() else { panic!("it is feedback") };
    let told: Vec<_> = feedback.packets().map(|status| (status.sequence, status.arrival_ticks)).collect();
    assert_eq!(told, [(65_535, Some(280)), (0, None), (1, None), (2, Some(240)), (3, Some(284))]);
    assert_eq!(write_transport_feedback(Ssrc(1), Ssrc(2), 0, &[(1, None)], &mut out), None);
    assert_eq!(write_transport_feedback(Ssrc(1), Ssrc(2), 0, &[(1, at(1))], &mut out[..20]), None);
}

proptest! {
    #[test]
    fn no_bytes_make_a_compound_panic(
        kind in 198..210u8,
        count in 0..32u8,
        padded in any::<bool>(),
        body in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let mut datagram = vec![0x80 | count | u8::from(padded) << 5, kind, 0, (body.len() / 4) as u8];
        datagram.extend(body);
        let _ = Compound::parse(&datagram).map(|messages| messages.map(|message| walk(&message)).sum::<usize>());
        datagram.truncate(datagram.len() / 4 * 4);
        let _ = Compound::parse(&datagram).map(|messages| messages.map(|message| walk(&message)).sum::<usize>());
        let _ = sender_ssrc(&datagram);
    }

    #[test]
    fn every_lost_number_is_asked_for(first in any::<u16>(), gaps in prop::collection::vec(1..40u16, 0..60)) {
        let mut lost = vec![first];
        for gap in gaps {
            let last = lost[lost.len() - 1];
            lost.push(last.wrapping_add(gap));
        }
        let mut out = [0; 400];
        let len = write_nack(Ssrc(1), Ssrc(2), &lost, &mut out).expect("it fits");
        let Some(RtcpPacket::Nack(nack)) = Compound::parse(&out[..len]).expect("it is well-formed").next() else {
            panic!("it is a NACK")
        };
        prop_assert_eq!(nack.lost().collect::<Vec<_>>(), lost);
    }
}

/// Touches everything a message holds.
fn walk(message: &RtcpPacket<'_>) -> usize {
    match message {
        RtcpPacket::SenderReport(report) => report.blocks().count(),
        RtcpPacket::ReceiverReport(report) => report.blocks().count(),
        RtcpPacket::Sdes(sdes) => sdes.chunks().count(),
        RtcpPacket::Bye(bye) => bye.ssrcs().count(),
        RtcpPacket::Nack(nack) => nack.lost().count(),
        RtcpPacket::Fir(fir) => fir.entries().count(),
        RtcpPacket::Remb(remb) => remb.ssrcs().count(),
        RtcpPacket::TransportFeedback(feedback) => feedback.packets().count(),
        RtcpPacket::Pli(_) | RtcpPacket::Other { .. } => 0,
    }
}

fn ticks(time: Time) -> i64 {
    time.as_micros() as i64 / 250
}

fn random_compound(random: &mut Random) -> Vec<u8> {
    let mut out = vec![0; 3_000];
    let mut len = 0;
    for _ in 0..=random.below(3) {
        len += write_random_message(random, &mut out[len..]).expect("it fits");
    }
    out.truncate(len);
    out
}

fn write_random_message(random: &mut Random, out: &mut [u8]) -> Option<usize> {
    let (a, b) = (Ssrc(random.next_u32()), Ssrc(random.next_u32()));
    match random.below(8) {
        0 => {
            let info = SenderInfo {
                ssrc: a,
                ntp: NtpTime(random.next_u64()),
                rtp_timestamp: random.next_u32(),
                packets: random.next_u32(),
                octets: random.next_u32(),
            };
            write_sender_report(&info, &random_blocks(random), out)
        }
        1 => write_receiver_report(a, &random_blocks(random), out),
        2 => write_sdes(a, &b"a name of any length"[..random.below(20) as usize], out),
        3 => write_bye(&[a, b][..random.below(3) as usize], out),
        4 => {
            let first = random.next_u32() as u16;
            let lost: Vec<_> = (0..=random.below(30) as u16).map(|at| first.wrapping_add(at * 3)).collect();
            write_nack(a, b, &lost, out)
        }
        5 => write_pli(a, b, out),
        6 => write_fir(a, FirEntry { media: b, sequence: random.next_u32() as u8 }, out),
        _ => {
            let count = 1 + random.below(60);
            let packets = random_arrivals(random, count);
            write_transport_feedback(a, b, random.next_u32() as u8, &packets, out).map(|written| written.len)
        }
    }
}

fn random_blocks(random: &mut Random) -> Vec<ReportBlock> {
    let blocks = (0..random.below(4)).map(|_| ReportBlock {
        ssrc: Ssrc(random.next_u32()),
        fraction_lost: random.next_u32() as u8,
        total_lost: random.below(1 << 24) as i32 - (1 << 23),
        highest_sequence: random.next_u32(),
        jitter: random.next_u32(),
        last_sender_report: random.next_u32(),
        delay_since_last: random.next_u32(),
    });
    blocks.collect()
}

/// Consecutive numbers over the wrap, in bursts, with losses, reordering and pauses.
fn random_arrivals(random: &mut Random, count: u64) -> Vec<(u16, Option<Time>)> {
    let (first, loss) = (random.next_u32() as u16, [0.0, 0.05, 0.5][random.below(3) as usize]);
    let mut now = 1_000_000_000 + random.below(1_000_000_000_000);
    let arrivals = (0..count).map(|at| {
        let pause = if random.chance(0.02) { 9_000_000_000 } else { 3_000_000 };
        now += random.below(pause);
        let arrival = now.saturating_sub(if random.chance(0.1) { random.below(90_000_000) } else { 0 });
        let lost = at > 0 && random.chance(loss);
        (first.wrapping_add(at as u16), (!lost).then(|| Time::from_nanos(arrival)))
    });
    arrivals.collect()
}
