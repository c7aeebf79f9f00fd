//! No allocation per datagram, in or out, once a back end is warm.

use allocation_counter::measure;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

use volley::base::{Outbox, Path, Push, SocketIndex, TrainId};
use volley::io::{Io, IoChoice, IoConfig, bind_media_socket};

const RECEIVERS: usize = 20;
const DATAGRAMS_PER_TURN: usize = 30;

#[test]
fn a_warm_ring_forwards_without_allocating() {
    assert_eq!(allocations_when_warm(IoChoice::Uring), 0);
}

#[test]
fn a_warm_epoll_forwards_without_allocating() {
    assert_eq!(allocations_when_warm(IoChoice::Epoll), 0);
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(7)))).count_total, 1);
}

/// Forwards every datagram to 20 receivers, in 60 trains a turn of which the pool holds 32 at once; returns what 100 turns allocated after 10 to warm up.
fn allocations_when_warm(choice: IoChoice) -> u64 {
    let local: SocketAddr = ([127, 0, 0, 1], 0).into();
    let media = bind_media_socket(local).expect("loopback has UDP");
    let to = media.local_addr().expect("it is bound");
    let config = IoConfig { trains: 32, receive_buffers: 16, ..IoConfig::default() };
    let mut io = Io::new(choice, vec![media], &[] as &[OwnedFd], &config).expect("the back end works");
    let source = UdpSocket::bind(local).expect("loopback has UDP");
    let receivers: Vec<_> =
        (0..RECEIVERS).map(|_| UdpSocket::bind(local).expect("loopback has UDP")).collect();
    let paths: Vec<_> = receivers
        .iter()
        .map(|socket| Path { socket: SocketIndex(0), remote: socket.local_addr().expect("it is bound") })
        .collect();

    let mut turns = |count: usize| {
        for _ in 0..count {
            for n in 0..DATAGRAMS_PER_TURN {
                let len = if n % 10 == 9 { 90 } else { 1200 };
                source.send_to(&[0; 1200][..len], to).expect("loopback takes it");
            }
            forward(&mut io, &paths);
        }
    };
    turns(10);
    let allocated = measure(|| turns(100)).count_total;
    assert_eq!(io.counters().datagrams_out, (110 * DATAGRAMS_PER_TURN * RECEIVERS) as u64);
    assert!(io.counters().train_lengths[2..].iter().sum::<u64>() > 0, "trains were gathered");
    allocated
}

fn forward(io: &mut Io, paths: &[Path]) {
    let mut seen = 0;
    while seen < DATAGRAMS_PER_TURN {
        io.flush_and_wait(Some(Duration::from_secs(10))).expect("the back end goes on");
        io.receive(|received, trains| {
            seen += 1;
            for (id, path) in paths.iter().enumerate() {
                let pushed = trains.push(TrainId(id as u32), path, received.bytes.len(), |room| {
                    room.copy_from_slice(received.bytes);
                    Some(room.len())
                });
                assert_eq!(pushed, Push::Committed);
            }
        });
    }
    io.flush_and_wait(Some(Duration::ZERO)).expect("the back end goes on");
}
