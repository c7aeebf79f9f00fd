//! What the kernel does with a port that several sockets share, tried on loopback.

use super::*;
use crate::io::bind_media_group;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Two workers' sockets on one port, a family of which is steered.
struct Port {
    sockets: Vec<UdpSocket>,
    address: SocketAddr,
    sources: Sources,
}

impl Port {
    /// `None`, with the reason printed, where the kernel does not let us.
    fn new(workers: u16, is_ipv4: bool) -> Option<Port> {
        let sources = match Sources::create(workers) {
            Ok(sources) => sources,
            Err(refused) => {
                eprintln!("skipped: {refused}");
                return None;
            }
        };
        let families = bind_media_group(0, workers).expect("loopback has UDP");
        let of_family = |socket: &UdpSocket| socket.local_addr().is_ok_and(|own| own.is_ipv4() == is_ipv4);
        let sockets: Vec<UdpSocket> = families.into_iter().flatten().filter(of_family).collect();
        if sockets.is_empty() {
            eprintln!("skipped: this host has no such family");
            return None;
        }
        steer(&sockets.iter().collect::<Vec<_>>(), &sources).expect("who makes a map may steer");
        let port = sockets[0].local_addr().expect("it is bound").port();
        let ip = if is_ipv4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        Some(Port { sockets, address: SocketAddr::new(ip, port), sources })
    }

    /// A peer on loopback.
    fn peer(&self) -> UdpSocket {
        UdpSocket::bind((self.address.ip(), 0)).expect("loopback has UDP")
    }

    /// Whose socket `bytes` from `peer` come to.
    fn whose(&self, peer: &UdpSocket, bytes: &[u8]) -> WorkerId {
        peer.send_to(bytes, self.address).expect("loopback takes it");
        let mut buffer = [0; 2048];
        // Loopback delivers before the send returns.
        let got = self.sockets.iter().position(|socket| socket.recv_from(&mut buffer).is_ok());
        WorkerId(got.expect("somebody has it") as u16)
    }
}

fn source(peer: &UdpSocket) -> SocketAddr {
    peer.local_addr().expect("it is bound")
}

/// A Binding request with a USERNAME first, as far as the kernel's program looks.
fn check(fragment: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x00, 0x01, 0, 12, 0x21, 0x12, 0xa4, 0x42];
    bytes.extend([7; 12]);
    bytes.extend([0x00, 0x06, 0, 8]);
    bytes.extend(fragment);
    bytes.resize(32, b'x');
    bytes
}

#[test]
fn datagrams_come_to_the_worker_that_is_noted_for_their_source_in_both_families() {
    for is_ipv4 in [true, false] {
        let Some(port) = Port::new(3, is_ipv4) else { continue };
        let peers: Vec<UdpSocket> = (0..24).map(|_| port.peer()).collect();
        for turn in 0..3 {
            for (number, peer) in peers.iter().enumerate() {
                let worker = WorkerId((number + turn) as u16 % 3);
                port.sources.note(source(peer), worker).unwrap();
                assert_eq!(port.whose(peer, b"\x80 media"), worker);
                assert_eq!(port.sources.noted(source(peer)).unwrap(), Some(worker));
            }
        }
    }
}

#[test]
fn a_strangers_check_comes_to_the_worker_that_it_names() {
    for is_ipv4 in [true, false] {
        let Some(port) = Port::new(2, is_ipv4) else { continue };
        for _ in 0..12 {
            let peer = port.peer();
            for worker in [WorkerId(1), WorkerId(0)] {
                assert_eq!(port.whose(&peer, &check(&[&worker.name()[..], b"abcde"].concat())), worker);
            }
        }
    }
}

#[test]
fn who_has_a_note_comes_where_it_says_whatever_their_checks_name() {
    let Some(port) = Port::new(2, true) else { return };
    let peer = port.peer();
    port.sources.note(source(&peer), WorkerId(1)).unwrap();
    assert_eq!(port.whose(&peer, &check(b"AAAabcde")), WorkerId(1));
}

#[test]
fn strangers_are_left_to_the_hash_and_always_come_to_the_same_worker() {
    let Some(port) = Port::new(2, true) else { return };
    let junk: [&[u8]; 7] =
        [b"", b"x", &[0; 27], &check(b"ZZZabcde"), &check(b"+++abcde"), &check(b"aaaabcde"), &[0x80; 1200]];
    let mut seen = [0; 2];
    for _ in 0..32 {
        let peer = port.peer();
        let first = port.whose(&peer, junk[0]);
        seen[usize::from(first.0)] += 1;
        assert!(junk.iter().all(|bytes| port.whose(&peer, bytes) == first));
    }
    assert!(seen.iter().all(|&count| count > 0), "a hash spreads: {seen:?}");
}

#[test]
fn a_note_is_taken_away_by_whose_it_is_and_all_are_at_once() {
    let Some(port) = Port::new(2, true) else { return };
    let (one, other) = (port.peer(), port.peer());
    port.sources.note(source(&one), WorkerId(0)).unwrap();
    port.sources.forget(source(&one), WorkerId(1)).unwrap();
    assert_eq!(port.sources.noted(source(&one)).unwrap(), Some(WorkerId(0)), "it is another's");
    port.sources.forget(source(&one), WorkerId(0)).unwrap();
    port.sources.forget(source(&one), WorkerId(0)).unwrap();
    assert_eq!(port.sources.noted(source(&one)).unwrap(), None);
    for peer in [&one, &other] {
        port.sources.note(source(peer), WorkerId(1)).unwrap();
    }
    assert_eq!(port.sources.clear().unwrap(), 2);
    assert_eq!(port.sources.noted(source(&other)).unwrap(), None);
}

#[test]
fn sockets_and_notes_outlive_whoever_wrote_them() {
    let Some(port) = Port::new(2, true) else { return };
    let peer = port.peer();
    let clones: Vec<UdpSocket> = port.sockets.iter().map(|socket| socket.try_clone().unwrap()).collect();
    let writer = Sources::adopt(port.sources.fd().try_clone_to_owned().unwrap());
    writer.note(source(&peer), WorkerId(1)).unwrap();
    drop((writer, clones));
    assert_eq!(port.whose(&peer, b"still"), WorkerId(1));
}

#[test]
fn what_a_map_cannot_hold_pushes_out_what_was_not_used_for_longest() {
    let Some(port) = Port::new(1, true) else { return };
    let peer = port.peer();
    let beyond = SOURCES_PER_WORKER * 3 / 2;
    let address = |number: u32| SocketAddr::from((Ipv4Addr::from(0x0a00_0000 + number), 9));
    port.sources.note(source(&peer), WorkerId(0)).unwrap();
    for number in 0..beyond {
        port.sources.note(address(number), WorkerId(0)).unwrap();
    }
    let kept = (0..beyond).filter(|&number| port.sources.noted(address(number)).unwrap().is_some()).count();
    assert!(kept <= SOURCES_PER_WORKER as usize, "{kept}");
    assert!(port.sources.noted(address(beyond - 1)).unwrap().is_some(), "the newest is there");
}

#[test]
fn an_address_has_one_form_whatever_family_it_came_by() {
    let plain = key("192.0.2.1:5000".parse().unwrap());
    assert_eq!(plain, key("[::ffff:192.0.2.1]:5000".parse().unwrap()));
    assert_ne!(plain, key("192.0.2.1:5001".parse().unwrap()));
}

#[test]
fn a_port_that_is_shared_is_taken_for_everybody_else() {
    let group = bind_media_group(0, 2).expect("loopback has UDP");
    let port = group[0][0].local_addr().expect("it is bound").port();
    assert!(group.iter().flatten().all(|socket| socket.local_addr().is_ok_and(|own| own.port() == port)));
    for error in [bind_media_group(port, 2).err(), crate::io::bind_media_port(port).err()] {
        assert_eq!(error.map(|error| error.kind()), Some(io::ErrorKind::AddrInUse));
    }
    drop(group);
    std::thread::sleep(Duration::from_millis(1));
    bind_media_group(port, 2).expect("it is free again");
}
