//! Datagrams over TCP connections, beside those of the sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::base::{Outbox, Path, Push, TrainId};
use crate::io::framing::deframe;
use crate::io::{IoChoice, IoConfig};

use super::on_both_back_ends;
use super::rig::{PATIENCE, Rig, datagram, payload, peer};

on_both_back_ends!(
    a_connection_is_a_path_like_another,
    what_was_read_before_is_shown_first_and_goes_on_where_it_ended,
    two_connections_of_one_address_are_two_paths,
    who_is_not_answered_is_closed_after_seconds_and_who_is_stays,
    a_path_that_is_closed_gets_what_waits_and_ends,
    what_is_no_frame_ends_the_connection,
    a_connection_that_the_peer_closed_takes_nothing_more,
    strangers_are_limited_and_make_room_when_they_go,
    a_peer_that_reads_nothing_loses_datagrams_and_holds_up_nobody,
    a_turn_takes_so_many_datagrams_of_connections_and_the_next_goes_on,
);

/// A connection that `rig` serves from now on.
fn connect(rig: &mut Rig, first: &[u8]) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has TCP");
    let peer = TcpStream::connect(listener.local_addr().expect("it listens")).expect("it is taken");
    peer.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    rig.io.adopt(listener.accept().expect("it came").0, first);
    peer
}

fn frame(datagram: &[u8]) -> Vec<u8> {
    [&(datagram.len() as u16).to_be_bytes()[..], datagram].concat()
}

fn send(rig: &mut Rig, path: &Path, bytes: &[u8]) -> Push {
    rig.io.trains().push(TrainId(3), path, bytes.len(), |room| {
        room.copy_from_slice(bytes);
        Some(bytes.len())
    })
}

fn next(peer: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    peer.read_exact(&mut length).expect("a frame comes in time");
    let mut datagram = vec![0; usize::from(u16::from_be_bytes(length))];
    peer.read_exact(&mut datagram).expect("it is whole");
    datagram
}

fn has_ended(rig: &mut Rig, peer: &mut TcpStream) -> bool {
    rig.flush();
    peer.set_read_timeout(Some(Duration::from_millis(50))).expect("a time limit");
    let read = peer.read(&mut [0; 64]);
    peer.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    match read {
        Ok(len) => len == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

fn a_connection_is_a_path_like_another(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    let mut connected = connect(&mut rig, &[]);
    let (udp, to) = peer();
    for number in 0..20 {
        connected.write_all(&frame(&payload(number, 100 + number as usize))).expect("it is taken");
    }
    let seen = rig.receive(20);
    let path = seen[0].0;
    assert_eq!(path.remote, connected.local_addr().expect("it is bound"));
    assert!(path.socket.stream().is_some());
    for (number, (from, bytes)) in (0..).zip(&seen) {
        assert_eq!((from, bytes), (&path, &payload(number, 100 + number as usize)));
    }
    assert_eq!(send(&mut rig, &path, b"over TCP"), Push::Committed);
    assert_eq!(rig.push(0, to, b"over UDP"), Push::Committed);
    rig.flush();
    assert_eq!((next(&mut connected), datagram(&udp)), (b"over TCP".to_vec(), b"over UDP".to_vec()));
    let counters = rig.io.counters();
    assert_eq!((counters.streams, counters.datagrams_in, counters.datagrams_out), (1, 20, 2));
    assert_eq!(counters.bytes_out, 16);
}

fn a_turn_takes_so_many_datagrams_of_connections_and_the_next_goes_on(choice: IoChoice) {
    let mut rig = Rig::with(choice, &IoConfig { datagrams_per_turn: 10, ..IoConfig::default() });
    let mut peers: Vec<TcpStream> = (0..5).map(|_| connect(&mut rig, &[])).collect();
    for peer in &mut peers {
        let frames: Vec<u8> = (0..20).flat_map(|number| frame(&payload(number, 50))).collect();
        peer.write_all(&frames).expect("it is taken");
    }
    let (mut seen, start) = (Vec::new(), Instant::now());
    while seen.iter().sum::<u32>() < 100 {
        rig.wait(Duration::from_millis(50));
        let mut found = 0;
        rig.io.receive(|_, _| found += 1);
        seen.push(found);
        assert!(start.elapsed() < PATIENCE, "got {seen:?}");
    }
    assert!(seen.iter().all(|&found| found < 10 + 20), "one read is in hand at most: {seen:?}");
}

fn what_was_read_before_is_shown_first_and_goes_on_where_it_ended(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    let (first, second) = (frame(b"first"), frame(b"second"));
    let mut connected = connect(&mut rig, &[&first, &second[..4]].concat());
    connected.write_all(&second[4..]).expect("it is taken");
    let seen: Vec<Vec<u8>> = rig.receive(2).into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(seen, [b"first".to_vec(), b"second".to_vec()]);
}

fn two_connections_of_one_address_are_two_paths(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    let mut one = connect(&mut rig, &frame(b"one"));
    let _other = connect(&mut rig, &frame(b"other"));
    let seen = rig.receive(2);
    assert_ne!(seen[0].0.socket, seen[1].0.socket);
    let (path, _) = seen.iter().find(|(_, bytes)| bytes == b"one").expect("it came");
    assert_eq!(send(&mut rig, path, b"to one"), Push::Committed);
    rig.flush();
    assert_eq!(next(&mut one), b"to one");
    let elsewhere = Path { remote: seen[1].0.remote, ..seen[0].0 };
    assert_eq!(send(&mut rig, &elsewhere, b"to nobody"), Push::Full);
    assert_eq!(rig.io.counters().unroutable, 1);
}

fn who_is_not_answered_is_closed_after_seconds_and_who_is_stays(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    let mut stranger = connect(&mut rig, &frame(b"who are you?"));
    let mut known = connect(&mut rig, &frame(b"it is me"));
    let seen = rig.receive(2);
    let (path, _) = seen.iter().find(|(_, bytes)| bytes == b"it is me").expect("it came");
    send(&mut rig, path, b"welcome");
    for _ in 0..6 {
        rig.io.note_second();
    }
    assert!(has_ended(&mut rig, &mut stranger));
    assert_eq!(next(&mut known), b"welcome");
    assert!(!has_ended(&mut rig, &mut known));
    for _ in 0..40 {
        rig.io.note_second();
    }
    assert!(has_ended(&mut rig, &mut known), "nothing was sent to it for long");
}

fn a_path_that_is_closed_gets_what_waits_and_ends(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    let mut connected = connect(&mut rig, &frame(b"hello"));
    let path = rig.receive(1)[0].0;
    send(&mut rig, &path, b"goodbye");
    rig.io.trains().close(&path);
    assert_eq!(send(&mut rig, &path, b"too late"), Push::Full);
    rig.flush();
    assert_eq!(next(&mut connected), b"goodbye");
    assert!(has_ended(&mut rig, &mut connected));
}

fn what_is_no_frame_ends_the_connection(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    let mut connected = connect(&mut rig, &[]);
    connected.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("it is taken");
    let seen = std::iter::repeat_with(|| {
        rig.wait(Duration::from_millis(20));
        rig.io.receive(|_, _| panic!("it is no datagram"));
        rig.io.counters().receive_errors
    });
    assert_eq!(seen.take(500).find(|&errors| errors > 0), Some(1));
    assert!(has_ended(&mut rig, &mut connected));
}

fn a_connection_that_the_peer_closed_takes_nothing_more(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    let connected = connect(&mut rig, &frame(b"hello"));
    let path = rig.receive(1)[0].0;
    drop(connected);
    let pushes = std::iter::repeat_with(|| {
        rig.wait(Duration::from_millis(20));
        rig.io.receive(|_, _| {});
        send(&mut rig, &path, b"are you there?")
    });
    assert!(pushes.take(500).any(|push| push == Push::Full));
}

fn strangers_are_limited_and_make_room_when_they_go(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    let mut strangers: Vec<TcpStream> = (0..257).map(|_| connect(&mut rig, &[])).collect();
    assert_eq!((rig.io.counters().streams, rig.io.counters().streams_refused), (256, 1));
    assert!(has_ended(&mut rig, &mut strangers[256]));
    for _ in 0..6 {
        rig.io.note_second();
    }
    assert!(has_ended(&mut rig, &mut strangers[0]));
    let _one_more = connect(&mut rig, &[]);
    assert_eq!((rig.io.counters().streams, rig.io.counters().streams_refused), (257, 1));
}

fn a_peer_that_reads_nothing_loses_datagrams_and_holds_up_nobody(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    let mut lazy = connect(&mut rig, &frame(b"lazy"));
    let mut eager = connect(&mut rig, &frame(b"eager"));
    let seen = rig.receive(2);
    let path_of = |who: &[u8]| seen.iter().find(|(_, bytes)| bytes == who).expect("it came").0;
    let (to_lazy, to_eager) = (path_of(b"lazy"), path_of(b"eager"));
    // More than any kernel buffers on loopback.
    let mut taken = Vec::new();
    for number in 0..20_000 {
        if send(&mut rig, &to_lazy, &payload(number, 1200)) == Push::Committed {
            taken.push(number);
        }
        send(&mut rig, &to_eager, &payload(number, 100));
        rig.flush();
        assert_eq!(next(&mut eager), payload(number, 100));
    }
    assert_eq!(rig.io.counters().stream_full as usize, 20_000 - taken.len());
    assert!(rig.io.counters().stream_full > 0);
    let mut got = Vec::new();
    serve_until(&mut rig, &mut lazy, |datagram| {
        got.push(datagram.to_vec());
        got.len() == taken.len()
    });
    assert!(got.iter().zip(taken).all(|(got, number)| *got == payload(number, 1200)), "whole and in order");
}

/// Turns, and reads what comes out at the other end until `enough` says so.
fn serve_until(rig: &mut Rig, peer: &mut TcpStream, mut enough: impl FnMut(&[u8]) -> bool) {
    peer.set_read_timeout(Some(Duration::from_millis(20))).expect("a time limit");
    let (start, mut partial, mut done) = (Instant::now(), Vec::new(), false);
    let mut chunk = vec![0; 1 << 16];
    while !done {
        assert!(start.elapsed() < PATIENCE, "not everything came");
        rig.wait(Duration::ZERO);
        rig.io.receive(|_, _| {});
        let len = peer.read(&mut chunk).unwrap_or(0);
        deframe(&mut partial, &chunk[..len], |datagram| done |= enough(datagram)).expect("frames");
    }
}
