//! What ends a wait: datagrams, wakes, timeouts.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::io::IoChoice;

use super::on_both_back_ends;
use super::rig::{PATIENCE, Rig, datagrams, payload, peer};

on_both_back_ends!(
    a_timeout_ends_the_wait,
    a_timeout_of_zero_does_not_wait,
    a_datagram_ends_the_wait,
    a_wake_ends_the_wait_and_each_signal_counts_once,
    a_wake_from_before_the_wait_is_not_lost,
    sends_alone_do_not_end_the_wait,
    a_dropped_back_end_lets_go_of_its_port,
);

fn signal(wake: &OwnedFd) {
    rustix::io::write(wake, &1u64.to_ne_bytes()).expect("an eventfd takes a signal");
}

/// What a fresh back end has to tell before anything happened.
fn settle(rig: &mut Rig) {
    rig.flush();
    rig.io.receive(|_, _| panic!("nothing was sent"));
}

fn a_timeout_ends_the_wait(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    settle(&mut rig);
    let start = Instant::now();
    assert!(!rig.wait(Duration::from_millis(30)).wake);
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(30) && waited < PATIENCE, "it waited {waited:?}");
}

fn a_timeout_of_zero_does_not_wait(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    settle(&mut rig);
    let start = Instant::now();
    for _ in 0..10 {
        assert!(!rig.wait(Duration::ZERO).wake);
    }
    assert!(start.elapsed() < PATIENCE / 10);
}

fn a_datagram_ends_the_wait(choice: IoChoice) {
    let (mut rig, (socket, _)) = (Rig::new(choice), peer());
    settle(&mut rig);
    let to = rig.address;
    let sender = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        socket.send_to(b"now", to).expect("loopback takes it");
    });
    let start = Instant::now();
    let mut seen = 0;
    while seen == 0 && start.elapsed() < PATIENCE {
        assert!(!rig.wait(PATIENCE).wake);
        rig.io.receive(|_, _| seen += 1);
    }
    assert!(start.elapsed() < PATIENCE / 2);
    sender.join().expect("the sender sent");
}

fn a_wake_ends_the_wait_and_each_signal_counts_once(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    settle(&mut rig);
    let wake = rig.wake.try_clone().expect("a descriptor");
    let start = Instant::now();
    let waker = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        signal(&wake);
    });
    let woken = rig.io.flush_and_wait(None).expect("the back end goes on");
    assert!(woken.wake, "it returned for something else");
    assert!(start.elapsed() >= Duration::from_millis(20), "it did not wait");
    waker.join().expect("the waker woke");
    for _ in 0..3 {
        assert!(!rig.wait(Duration::from_millis(10)).wake);
        signal(&rig.wake);
        assert!(rig.wait(PATIENCE).wake);
    }
}

fn a_wake_from_before_the_wait_is_not_lost(choice: IoChoice) {
    let mut rig = Rig::new(choice);
    signal(&rig.wake);
    assert!(rig.wait(PATIENCE).wake);
    assert!(!rig.wait(Duration::from_millis(10)).wake);
}

fn sends_alone_do_not_end_the_wait(choice: IoChoice) {
    let (mut rig, (socket, to)) = (Rig::new(choice), peer());
    settle(&mut rig);
    for round in 0..3 {
        for n in 0..4 {
            rig.push(n % 2, to, &payload(n, 200));
        }
        let start = Instant::now();
        rig.wait(Duration::from_millis(30));
        assert!(
            start.elapsed() >= Duration::from_millis(30),
            "round {round} ended after {:?}",
            start.elapsed()
        );
        assert_eq!(datagrams(&socket, 4).len(), 4);
    }
}

fn a_dropped_back_end_lets_go_of_its_port(choice: IoChoice) {
    let rig = Rig::new(choice);
    let address = rig.address;
    drop(rig);
    let start = Instant::now();
    // A ring's files are released by a kernel worker, a moment after the close.
    while let Err(error) = crate::io::bind_media_socket(address) {
        assert!(start.elapsed() < PATIENCE, "the port is still taken: {error}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
