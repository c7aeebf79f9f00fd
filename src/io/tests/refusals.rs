//! Trains the kernel refuses, and back ends it forbids.

use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::time::Instant;

use crate::base::Push;
use crate::io::socket::set_option;
use crate::io::{Io, IoChoice, IoConfig, IoError, bind_media_socket};

use super::on_both_back_ends;
use super::rig::{PATIENCE, Rig, assert_silent, datagrams, local, payload, peer};

on_both_back_ends!(
    a_refused_train_goes_out_as_singles_and_no_more_trains_are_tried,
    a_route_that_takes_trains_may_stop_to,
    a_datagram_the_kernel_refuses_is_counted_and_harms_no_other,
);

/// Without checksums the kernel refuses to split a train (EINVAL), as it does for a device that
/// cannot checksum.
fn refuse_trains(socket: &UdpSocket, refuse: bool) {
    set_option(socket, libc::SOL_SOCKET, libc::SO_NO_CHECK, i32::from(refuse)).expect("a socket option");
}

fn a_refused_train_goes_out_as_singles_and_no_more_trains_are_tried(choice: IoChoice) {
    let socket = bind_media_socket(local()).expect("loopback has UDP");
    refuse_trains(&socket, true);
    let mut rig = Rig::over(choice, &IoConfig::default(), vec![socket]);
    let (other, to) = peer();
    let sent: Vec<_> = (0..8).map(|n| payload(n, 500)).chain([payload(8, 900), payload(9, 100)]).collect();
    for _ in 0..3 {
        for bytes in &sent {
            assert_eq!(rig.push(0, to, bytes), Push::Committed);
        }
        rig.flush();
        assert_eq!(datagrams(&other, 10), sent);
    }
    assert_silent(&other);
    assert_eq!(rig.io.counters().refused_trains, 2, "both trains of the first flush, and none later");
    assert_eq!(rig.io.counters().train_lengths, [30, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(rig.io.counters().send_errors, 0);
}

fn a_route_that_takes_trains_may_stop_to(choice: IoChoice) {
    let socket = bind_media_socket(local()).expect("loopback has UDP");
    let same_socket = socket.try_clone().expect("a descriptor");
    let mut rig = Rig::over(choice, &IoConfig::default(), vec![socket]);
    let (other, to) = peer();
    let sent: Vec<_> = (0..8).map(|n| payload(n, 500)).collect();
    for round in 0..4 {
        refuse_trains(&same_socket, round >= 2);
        for bytes in &sent {
            rig.push(0, to, bytes);
        }
        rig.flush();
        assert_eq!(datagrams(&other, 8), sent);
    }
    assert_eq!(rig.io.counters().refused_trains, 1);
    assert_eq!(rig.io.counters().train_lengths, [16, 0, 0, 2, 0, 0, 0, 0]);
}

fn a_datagram_the_kernel_refuses_is_counted_and_harms_no_other(choice: IoChoice) {
    let (mut rig, (other, to)) = (Rig::new(choice), peer());
    for n in 0..3 {
        rig.push(0, to, &payload(n, 100));
        // Port 0 is nobody's: EINVAL.
        rig.push(1, ([127, 0, 0, 1], 0).into(), &payload(n, 100));
        rig.push(2, to, &payload(10 + n, 50));
    }
    rig.flush();
    assert_eq!(datagrams(&other, 6).len(), 6);
    assert_eq!(rig.io.counters().send_errors, 3);
    assert_eq!(rig.io.counters().datagrams_out, 6);
}

#[test]
fn io_uring_demanded_where_it_is_forbidden_names_the_cause_and_the_way_out() {
    std::thread::spawn(|| {
        forbid_io_uring();
        let error = open(IoChoice::Uring).err().expect("io_uring is forbidden on this thread");
        assert!(matches!(error, IoError::UringRefused { .. }));
        let message = error.to_string();
        for part in ["io_uring_setup", "kernel.io_uring_disabled", "seccomp", "--io epoll"] {
            assert!(message.contains(part), "{part} is missing in: {message}");
        }
    })
    .join()
    .expect("the refusal was as expected");
}

#[test]
fn auto_takes_epoll_where_io_uring_is_forbidden() {
    std::thread::spawn(|| {
        forbid_io_uring();
        assert_eq!(open(IoChoice::Auto).expect("epoll is always there").name(), "epoll");
    })
    .join()
    .expect("it fell back");
}

#[test]
fn auto_takes_io_uring_where_it_works() {
    assert_eq!(open(IoChoice::Auto).expect("there is a back end").name(), "io_uring");
    assert_eq!(open(IoChoice::Epoll).expect("epoll is always there").name(), "epoll");
}

#[test]
fn a_back_end_without_sockets_is_an_error() {
    let made = Io::new(IoChoice::Auto, Vec::new(), &[] as &[OwnedFd], &IoConfig::default());
    assert!(matches!(made, Err(IoError::SocketCount(0))));
}

#[test]
fn many_rings_come_and_go() {
    let start = Instant::now();
    for _ in 0..20 {
        let mut rig = Rig::new(IoChoice::Uring);
        let (socket, to) = peer();
        rig.push(0, to, b"hello");
        rig.flush();
        assert_eq!(datagrams(&socket, 1), [b"hello"]);
    }
    assert!(start.elapsed() < PATIENCE, "closing a ring does not wait for anything");
}

fn open(choice: IoChoice) -> Result<Io, IoError> {
    let socket = bind_media_socket(local()).expect("loopback has UDP");
    Io::new(choice, vec![socket], &[] as &[OwnedFd], &IoConfig::default())
}

/// What a container's seccomp profile does, for this thread only: `io_uring_setup` is EPERM.
fn forbid_io_uring() {
    const LOAD_SYSCALL_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = [
        step(LOAD_SYSCALL_NUMBER, 0, 0, 0),
        step(JUMP_IF_EQUAL, 0, 1, libc::SYS_io_uring_setup as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program and its four steps are alive during the call, which copies them. It
    // applies to this thread alone, which the test made and ends.
    let installed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program, 0, 0) == 0
    };
    assert!(installed, "a thread may always give up rights");
}
