//! What leaves: order, train shapes, several receivers.

use std::net::UdpSocket;

use crate::base::{Outbox, Path, Push, SocketIndex, TrainId};
use crate::io::{IoChoice, IoConfig};

use super::on_both_back_ends;
use super::rig::{Rig, assert_silent, datagram, datagrams, payload, peer};

on_both_back_ends!(
    a_train_of_equal_datagrams_and_a_shorter_one_arrives_as_they_were,
    a_longer_datagram_begins_a_new_train_behind_the_first,
    two_receivers_interleaved_get_one_train_each,
    a_changed_path_begins_a_new_train,
    a_train_ends_at_its_longest_and_goes_on_in_another,
    a_train_never_exceeds_what_udp_carries,
    what_is_rolled_back_is_not_sent,
    a_datagram_shorter_than_announced_joins_its_train_by_copy,
    strays_are_never_gathered,
    when_all_trains_are_in_use_they_leave_early,
    more_trains_than_one_submission_holds_leave_in_one_flush,
    a_peer_the_socket_cannot_reach_is_refused,
    an_unknown_socket_is_refused,
    an_ipv6_socket_sends_trains_too,
    a_dual_stack_socket_reaches_an_ipv4_peer,
    every_mix_of_lengths_keeps_its_order,
);

fn a_train_of_equal_datagrams_and_a_shorter_one_arrives_as_they_were(choice: IoChoice) {
    let (mut rig, (socket, to)) = (Rig::new(choice), peer());
    let sent: Vec<_> = (0..20).map(|n| payload(n, 1200)).chain([payload(20, 500)]).collect();
    for round in 1..=2 {
        for bytes in &sent {
            assert_eq!(rig.push(0, to, bytes), Push::Committed);
        }
        rig.flush();
        assert_eq!(datagrams(&socket, 21), sent);
        assert_eq!(rig.io.counters().train_lengths, [0, 0, 0, 0, 0, round, 0, 0]);
    }
    let counters = rig.io.counters();
    assert_eq!((counters.datagrams_out, counters.bytes_out), (42, 2 * (20 * 1200 + 500)));
    assert_eq!(counters.copied, 0);
    assert_silent(&socket);
}

fn a_longer_datagram_begins_a_new_train_behind_the_first(choice: IoChoice) {
    let (mut rig, (socket, to)) = (Rig::new(choice), peer());
    let sent =
        [payload(0, 100), payload(1, 100), payload(2, 300), payload(3, 300), payload(4, 20), payload(5, 20)];
    for _ in 0..2 {
        for bytes in &sent {
            rig.push(0, to, bytes);
        }
        rig.flush();
        assert_eq!(datagrams(&socket, 6), sent);
    }
    assert_eq!(rig.io.counters().train_lengths, [2, 2, 2, 0, 0, 0, 0, 0]);
    assert_eq!(rig.io.counters().copied, 0);
}

fn two_receivers_interleaved_get_one_train_each(choice: IoChoice) {
    let (mut rig, (one, to_one), (two, to_two)) = (Rig::new(choice), peer(), peer());
    for n in 0..10 {
        rig.push(0, to_one, &payload(n, 700));
        rig.push(1, to_two, &payload(100 + n, 900));
    }
    rig.flush();
    assert_eq!(datagrams(&one, 10), (0..10).map(|n| payload(n, 700)).collect::<Vec<_>>());
    assert_eq!(datagrams(&two, 10), (100..110).map(|n| payload(n, 900)).collect::<Vec<_>>());
    assert_eq!(rig.io.counters().train_lengths, [0, 0, 0, 0, 2, 0, 0, 0]);
}

fn a_changed_path_begins_a_new_train(choice: IoChoice) {
    let (mut rig, (one, to_one), (two, to_two)) = (Rig::new(choice), peer(), peer());
    for (n, to) in [(0, to_one), (1, to_one), (2, to_two), (3, to_two), (4, to_one)] {
        rig.push(0, to, &payload(n, 700));
    }
    rig.flush();
    assert_eq!(datagrams(&one, 3), [payload(0, 700), payload(1, 700), payload(4, 700)]);
    assert_eq!(datagrams(&two, 2), [payload(2, 700), payload(3, 700)]);
}

fn a_train_ends_at_its_longest_and_goes_on_in_another(choice: IoChoice) {
    let (mut rig, (socket, to)) = (Rig::new(choice), peer());
    let longest = rig.io.trains().longest() as usize;
    assert!(longest >= 64, "this kernel has UDP GSO");
    let sent: Vec<_> = (0..longest as u32 + 2).map(|n| payload(n, 60)).collect();
    for bytes in &sent {
        rig.push(0, to, bytes);
    }
    rig.flush();
    assert_eq!(datagrams(&socket, longest + 2), sent);
    assert_eq!(rig.io.counters().refused_trains, 0);
    assert_eq!(rig.io.counters().train_lengths.iter().sum::<u64>(), 2);
}

fn a_train_never_exceeds_what_udp_carries(choice: IoChoice) {
    let (mut rig, (socket, to)) = (Rig::new(choice), peer());
    let sent: Vec<_> = (0..100).map(|n| payload(n, 1500)).collect();
    for bytes in &sent {
        rig.push(0, to, bytes);
    }
    rig.flush();
    assert_eq!(datagrams(&socket, 100), sent);
    assert_eq!(rig.io.counters().refused_trains, 0);
    assert_eq!(rig.io.counters().train_lengths.iter().sum::<u64>(), 3);
}

fn what_is_rolled_back_is_not_sent(choice: IoChoice) {
    let (mut rig, (socket, to)) = (Rig::new(choice), peer());
    let path = Path { socket: SocketIndex(0), remote: to };
    let roll_back = |rig: &mut Rig, capacity| rig.io.trains().push(TrainId(0), &path, capacity, |_| None);
    assert_eq!(roll_back(&mut rig, 500), Push::RolledBack);
    rig.push(0, to, &payload(0, 300));
    assert_eq!(roll_back(&mut rig, 300), Push::RolledBack);
    assert_eq!(roll_back(&mut rig, 800), Push::RolledBack);
    assert_eq!(rig.io.trains().push(TrainId(0), &path, 300, |_| Some(0)), Push::RolledBack);
    rig.push(0, to, &payload(1, 300));
    rig.flush();
    assert_eq!(datagrams(&socket, 2), [payload(0, 300), payload(1, 300)]);
    assert_eq!(rig.io.counters().train_lengths, [0, 1, 0, 0, 0, 0, 0, 0]);
    assert_silent(&socket);
}

fn a_datagram_shorter_than_announced_joins_its_train_by_copy(choice: IoChoice) {
    let (mut rig, (socket, to)) = (Rig::new(choice), peer());
    let sent = [payload(0, 300), payload(1, 300), payload(2, 200)];
    for bytes in &sent {
        assert_eq!(rig.push_within(0, to, 1400, bytes), Push::Committed);
    }
    rig.flush();
    assert_eq!(datagrams(&socket, 3), sent);
    assert_eq!(rig.io.counters().train_lengths, [0, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(rig.io.counters().copied, 2);
}

fn strays_are_never_gathered(choice: IoChoice) {
    let (mut rig, (socket, to)) = (Rig::new(choice), peer());
    for n in 0..5 {
        rig.push(TrainId::STRAY.0, to, &payload(n, 90));
    }
    rig.flush();
    assert_eq!(datagrams(&socket, 5).len(), 5);
    assert_eq!(rig.io.counters().train_lengths, [5, 0, 0, 0, 0, 0, 0, 0]);
}

fn when_all_trains_are_in_use_they_leave_early(choice: IoChoice) {
    let mut rig = Rig::with(choice, &IoConfig { trains: 4, ..IoConfig::default() });
    let (socket, to) = peer();
    for n in 0..50 {
        assert_eq!(rig.push(n, to, &payload(n, 100)), Push::Committed);
    }
    rig.flush();
    assert_eq!(datagrams(&socket, 50), (0..50).map(|n| payload(n, 100)).collect::<Vec<_>>());
    assert_eq!(rig.io.counters().no_train, 0);
}

fn more_trains_than_one_submission_holds_leave_in_one_flush(choice: IoChoice) {
    let (mut rig, (socket, to)) = (Rig::new(choice), peer());
    for n in 0..400 {
        rig.push(n, to, &payload(n, 100));
    }
    assert_silent(&socket);
    rig.flush();
    assert_eq!(datagrams(&socket, 400), (0..400).map(|n| payload(n, 100)).collect::<Vec<_>>());
    assert_eq!(rig.io.counters().ring_overflows, 0);
}

fn a_peer_the_socket_cannot_reach_is_refused(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    assert_eq!(rig.push(0, "[::1]:9".parse().expect("an address"), b"hello"), Push::Full);
    assert_eq!(rig.io.counters().unroutable, 1);
}

fn an_unknown_socket_is_refused(choice: IoChoice) {
    let (mut rig, (_socket, to)) = (Rig::new(choice), peer());
    let path = Path { socket: SocketIndex(7), remote: to };
    assert_eq!(rig.io.trains().push(TrainId(0), &path, 10, |_| Some(10)), Push::Full);
    assert_eq!(rig.io.counters().unroutable, 1);
}

fn an_ipv6_socket_sends_trains_too(choice: IoChoice) {
    let Ok(socket) = crate::io::bind_media_socket("[::1]:0".parse().expect("an address")) else {
        eprintln!("this host has no IPv6");
        return;
    };
    let mut rig = Rig::over(choice, &IoConfig::default(), vec![socket]);
    let other = UdpSocket::bind("[::1]:0").expect("there is IPv6");
    other.set_read_timeout(Some(super::rig::PATIENCE)).expect("a time limit");
    let to = other.local_addr().expect("it is bound");
    for n in 0..6 {
        rig.push(0, to, &payload(n, 1000));
    }
    rig.flush();
    assert_eq!(datagrams(&other, 6), (0..6).map(|n| payload(n, 1000)).collect::<Vec<_>>());
    assert_eq!(rig.io.counters().train_lengths, [0, 0, 0, 1, 0, 0, 0, 0]);
    other.send_to(b"back", rig.address).expect("loopback takes it");
    let back = rig.receive(1);
    assert_eq!(back, [(Path { socket: SocketIndex(0), remote: to }, b"back".to_vec())]);
}

fn a_dual_stack_socket_reaches_an_ipv4_peer(choice: IoChoice) {
    let Ok(socket) = UdpSocket::bind("[::]:0") else {
        eprintln!("this host has no IPv6");
        return;
    };
    let port = socket.local_addr().expect("it is bound").port();
    let mut rig = Rig::over(choice, &IoConfig::default(), vec![socket]);
    let (other, to) = peer();
    other.send_to(b"there?", ("127.0.0.1", port)).expect("loopback takes it");
    let seen = rig.receive(1);
    assert_eq!(seen[0].0, Path { socket: SocketIndex(0), remote: to });
    rig.push(0, to, b"here");
    rig.push(0, to, b"here");
    rig.flush();
    assert_eq!(datagrams(&other, 2), [b"here", b"here"]);
    assert_eq!(rig.io.counters().train_lengths, [0, 1, 0, 0, 0, 0, 0, 0]);
}

fn every_mix_of_lengths_keeps_its_order(choice: IoChoice) {
    let mut random = crate::base::random::Random::new(11);
    let mut rig = Rig::with(choice, &IoConfig { trains: 8, longest_train: 5, ..IoConfig::default() });
    let peers: Vec<_> = (0..3).map(|_| peer()).collect();
    let mut expected: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 3];
    for n in 0..1500 {
        let receiver = random.below(3) as usize;
        let len = [80, 90, 90, 600, 600, 600][random.below(6) as usize];
        let bytes = payload(n, len);
        let slack = if random.chance(0.1) { 50 } else { 0 };
        assert_eq!(rig.push_within(receiver as u32, peers[receiver].1, len + slack, &bytes), Push::Committed);
        expected[receiver].push(bytes);
        if random.chance(0.02) {
            rig.flush();
            for (receiver, sent) in expected.iter_mut().enumerate() {
                for bytes in sent.drain(..) {
                    assert_eq!(datagram(&peers[receiver].0), bytes);
                }
            }
        }
    }
    assert!(rig.io.counters().copied > 0);
}
