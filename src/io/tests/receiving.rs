//! What arrives: coalesced trains split, both families, truncation noticed.

use std::time::{Duration, Instant};

use crate::base::{Outbox, Path, SocketIndex};
use crate::io::socket::set_option;
use crate::io::{IoChoice, IoConfig};

use super::on_both_back_ends;
use super::rig::{PATIENCE, Rig, datagram, payload, peer};

on_both_back_ends!(
    coalesced_input_is_taken_apart,
    datagrams_of_many_peers_keep_their_paths,
    an_empty_datagram_is_shown,
    what_exceeds_the_buffer_is_counted_and_whole_datagrams_survive,
    a_lone_datagram_cut_short_is_dropped_and_counted,
    thousands_of_datagrams_pass_through_few_buffers,
    a_turn_ends_at_its_limit_and_the_next_goes_on,
    an_echo_is_pushed_from_within_the_visit,
    two_sockets_are_told_apart,
    one_back_end_feeds_another_with_trains,
    fewer_datagrams_than_are_waited_for_are_shown_all_the_same,
);

fn send_train(socket: &std::net::UdpSocket, segment: usize, bytes: &[u8], to: std::net::SocketAddr) {
    set_option(socket, libc::SOL_UDP, libc::UDP_SEGMENT, segment as i32).expect("this kernel has UDP GSO");
    socket.send_to(bytes, to).expect("loopback takes it");
    set_option(socket, libc::SOL_UDP, libc::UDP_SEGMENT, 0).expect("this kernel has UDP GSO");
}

fn coalesced_input_is_taken_apart(choice: IoChoice) {
    let (mut rig, (socket, from)) = (Rig::new(choice), peer());
    let sent: Vec<_> = (0..50).map(|n| payload(n, 1200)).chain([payload(50, 77)]).collect();
    send_train(&socket, 1200, &sent.concat(), rig.address);
    let seen = rig.receive(51);
    let path = Path { socket: SocketIndex(0), remote: from };
    assert!(seen.iter().all(|(from, _)| *from == path));
    assert_eq!(seen.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), sent);
    let counters = rig.io.counters();
    assert_eq!((counters.datagrams_in, counters.bytes_in), (51, 50 * 1200 + 77));
    assert_eq!(counters.truncated, 0);
}

fn datagrams_of_many_peers_keep_their_paths(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    let peers: Vec<_> = (0..40).map(|_| peer()).collect();
    for (n, (socket, _)) in peers.iter().enumerate() {
        socket.send_to(&payload(n as u32, 100), rig.address).expect("loopback takes it");
    }
    let seen = rig.receive(40);
    for (n, (_, from)) in peers.iter().enumerate() {
        let path = Path { socket: SocketIndex(0), remote: *from };
        assert!(seen.contains(&(path, payload(n as u32, 100))));
    }
}

fn fewer_datagrams_than_are_waited_for_are_shown_all_the_same(choice: IoChoice) {
    let (mut rig, (socket, _)) = (Rig::new(choice), peer());
    for n in 0..3 {
        socket.send_to(&payload(n, 100), rig.address).expect("loopback takes it");
    }
    let (began, mut seen) = (Instant::now(), 0);
    while seen < 3 && began.elapsed() < PATIENCE {
        let together = Duration::from_millis(5);
        rig.io.flush_and_wait_for_more(PATIENCE, together).expect("the back end goes on");
        rig.io.receive(|_, _| seen += 1);
    }
    assert_eq!(seen, 3);
    assert!(began.elapsed() < PATIENCE, "it did not wait for what never comes");
}

fn an_empty_datagram_is_shown(choice: IoChoice) {
    let (mut rig, (socket, _)) = (Rig::new(choice), peer());
    socket.send_to(b"", rig.address).expect("loopback takes it");
    socket.send_to(b"x", rig.address).expect("loopback takes it");
    let seen = rig.receive(2);
    assert_eq!(seen.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), [&b""[..], b"x"]);
}

fn what_exceeds_the_buffer_is_counted_and_whole_datagrams_survive(choice: IoChoice) {
    let mut rig = Rig::with(choice, &IoConfig { receive_buffer_bytes: 2048, ..IoConfig::default() });
    let (socket, _) = peer();
    let sent: Vec<_> = (0..10).map(|n| payload(n, 500)).collect();
    send_train(&socket, 500, &sent.concat(), rig.address);
    let seen: Vec<_> = rig.receive(4).into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(seen, sent[..4]);
    assert_eq!(rig.io.counters().truncated, 1);
}

fn a_lone_datagram_cut_short_is_dropped_and_counted(choice: IoChoice) {
    let mut rig = Rig::with(choice, &IoConfig { receive_buffer_bytes: 2048, ..IoConfig::default() });
    let (socket, _) = peer();
    socket.send_to(&payload(0, 4000), rig.address).expect("loopback takes it");
    socket.send_to(&payload(1, 200), rig.address).expect("loopback takes it");
    let seen: Vec<_> = rig.receive(1).into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(seen, [payload(1, 200)]);
    assert_eq!(rig.io.counters().truncated, 1);
}

fn thousands_of_datagrams_pass_through_few_buffers(choice: IoChoice) {
    let mut rig = Rig::with(choice, &IoConfig { receive_buffers: 4, ..IoConfig::default() });
    let (socket, _) = peer();
    let mut next = 0;
    for _ in 0..20 {
        for n in 0..250 {
            socket.send_to(&payload(next + n, 300), rig.address).expect("loopback takes it");
        }
        for (_, bytes) in rig.receive(250) {
            assert_eq!(bytes, payload(next, 300));
            next += 1;
        }
    }
    assert_eq!(next, 5000);
    let ran_dry = rig.io.counters().no_buffer > 0;
    assert_eq!(ran_dry, choice == IoChoice::Uring, "four buffers are too few for a ring, and it says so");
}

fn a_turn_ends_at_its_limit_and_the_next_goes_on(choice: IoChoice) {
    let mut rig = Rig::with(choice, &IoConfig { datagrams_per_turn: 10, ..IoConfig::default() });
    let (socket, _) = peer();
    for n in 0..100 {
        socket.send_to(&payload(n, 50), rig.address).expect("loopback takes it");
    }
    let mut turns = Vec::new();
    let start = Instant::now();
    while turns.iter().sum::<u32>() < 100 {
        rig.io.flush_and_wait(None).expect("it does not sleep while datagrams wait");
        let mut seen = 0;
        rig.io.receive(|_, _| seen += 1);
        turns.push(seen);
        assert!(start.elapsed() < PATIENCE, "got {turns:?}");
    }
    // A system call's worth may be in hand when the limit is reached.
    assert!(turns.iter().all(|&seen| seen <= 10 + 32), "got {turns:?}");
}

fn an_echo_is_pushed_from_within_the_visit(choice: IoChoice) {
    let (mut rig, (socket, _)) = (Rig::new(choice), peer());
    for n in 0..5 {
        socket.send_to(&payload(n, 400), rig.address).expect("loopback takes it");
    }
    let mut seen = 0;
    let start = Instant::now();
    while seen < 5 && start.elapsed() < PATIENCE {
        rig.wait(Duration::from_millis(50));
        rig.io.receive(|received, trains| {
            seen += 1;
            trains.push(crate::base::TrainId(0), &received.path, received.bytes.len(), |room| {
                room.copy_from_slice(received.bytes);
                Some(room.len())
            });
        });
    }
    rig.flush();
    for n in 0..5 {
        assert_eq!(datagram(&socket), payload(n, 400));
    }
}

fn two_sockets_are_told_apart(choice: IoChoice) {
    let sockets: Vec<_> = (0..2)
        .map(|_| crate::io::bind_media_socket(super::rig::local()).expect("loopback has UDP"))
        .collect();
    let addresses: Vec<_> = sockets.iter().map(|socket| socket.local_addr().expect("it is bound")).collect();
    let mut rig = Rig::over(choice, &IoConfig::default(), sockets);
    let (socket, from) = peer();
    for index in [1, 0] {
        socket.send_to(b"which?", addresses[index]).expect("loopback takes it");
        let path = Path { socket: SocketIndex(index as u16), remote: from };
        assert_eq!(rig.receive(1), [(path, b"which?".to_vec())]);
        rig.io.trains().push(crate::base::TrainId(0), &path, 4, |room| {
            room.copy_from_slice(b"this");
            Some(4)
        });
        rig.flush();
        let (_, sender) = socket.recv_from(&mut [0; 16]).expect("an answer");
        assert_eq!(sender, addresses[index]);
    }
}

fn one_back_end_feeds_another_with_trains(choice: IoChoice) {
    let (mut sender, mut receiver) = (Rig::new(choice), Rig::new(choice));
    for round in 0..50 {
        for n in 0..100 {
            sender.push(0, receiver.address, &payload(round * 100 + n, 600));
        }
        sender.flush();
        let seen = receiver.receive(100);
        for (n, (path, bytes)) in seen.into_iter().enumerate() {
            assert_eq!(path.remote, sender.address);
            assert_eq!(bytes, payload(round * 100 + n as u32, 600));
        }
    }
    assert_eq!(receiver.io.counters().datagrams_in, 5000);
    assert_eq!(sender.io.counters().datagrams_out, 5000);
    assert_eq!(sender.io.counters().train_lengths[7], 50);
}
