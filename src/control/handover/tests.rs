//! Handovers through a real socket.

use super::*;
use crate::control::types::FingerprintHash;
use crate::control::{Command, SignalingChannel, WorkerChannel};
use rustix::io::{FdFlags, fcntl_getfd};
use std::os::fd::AsFd as _;

#[test]
fn a_media_process_gets_what_was_sent() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (sent, mut signaling) = media(2);
    sent.send(&ours).unwrap();
    let got = MediaHandover::receive(&theirs).unwrap();
    assert_eq!((got.io, got.unix_nanos_at_zero), (IoChoice::Epoll, 42));
    assert_eq!((got.identity, got.gathering), (sent.identity.clone(), sent.gathering));
    assert_eq!(got.playout, sent.playout);
    for (got, sent) in got.workers.iter().zip(&sent.workers) {
        let port = |worker: &WorkerFds| worker.sockets[1].local_addr().unwrap();
        assert_eq!(port(got), port(sent));
        assert!(fcntl_getfd(&got.channel.memfd).unwrap().contains(FdFlags::CLOEXEC));
    }
    assert!(got.sources.is_some() && got.workers.iter().all(|worker| worker.tap.is_some()));
    let last = got.workers.into_iter().next_back().unwrap();
    signaling[1].send_command(&Command::Resync { request: 5 }).unwrap();
    let mut worker = WorkerChannel::attach(last.channel).unwrap();
    assert_eq!(worker.next_command(), Ok(Some(Command::Resync { request: 5 })));
}

#[test]
fn a_signaling_process_gets_what_was_sent() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let sent = signaling(3);
    sent.send(&ours).unwrap();
    let got = SignalingHandover::receive(&theirs).unwrap();
    assert_eq!(got.http.local_addr().unwrap(), sent.http.local_addr().unwrap());
    assert_eq!((got.media_start, &got.fingerprint), (7, &sent.fingerprint));
    assert_eq!(got.settings, sent.settings);
    let ports = |handover: &SignalingHandover| {
        [&handover.https, &handover.metrics, &handover.media]
            .map(|one| one.as_ref().unwrap().local_addr().unwrap())
    };
    assert_eq!(ports(&got), ports(&sent));
    let candidates = |handover: &SignalingHandover| {
        handover.workers.iter().map(|worker| worker.candidates.clone()).collect::<Vec<_>>()
    };
    assert_eq!(candidates(&got), candidates(&sent));
    assert_eq!(got.tcp_candidates, sent.tcp_candidates);
    assert!(crate::control::records::Records::attach(got.records).unwrap().load().is_empty());
}

#[test]
fn a_recorder_gets_what_was_sent() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (desk, other) = crate::control::desk::pair().unwrap();
    let taps = (0..2).map(|_| TapFd::create().unwrap()).collect();
    let settings = Zeroizing::new(b"settings".to_vec());
    let sent = RecorderHandover { taps, desk, unix_nanos_at_zero: 42, settings };
    sent.send(&ours).unwrap();
    let got = RecorderHandover::receive(&theirs).unwrap();
    assert_eq!((got.taps.len(), got.unix_nanos_at_zero, &got.settings), (2, 42, &sent.settings));
    got.taps.iter().for_each(|tap| drop(crate::control::tap::TapReader::attach(tap).unwrap()));
    assert!(crate::control::desk::send(&got.desk, b"hello").unwrap());
    assert_eq!(crate::control::desk::receive(other).unwrap().unwrap(), b"hello");
}

#[test]
fn a_machine_with_many_cores_sends_its_files_in_several_batches() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let sent = signaling(50);
    sent.send(&ours).unwrap();
    let got = SignalingHandover::receive(&theirs).unwrap();
    assert_eq!(got.workers.len(), 50);
    for worker in got.workers {
        SignalingChannel::attach(worker.channel).unwrap();
    }
}

#[test]
fn a_child_does_not_take_what_is_for_another() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    signaling(1).send(&ours).unwrap();
    assert!(matches!(MediaHandover::receive(&theirs), Err(HandoverError::Foreign)));
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(matches!(MediaHandover::receive(&theirs), Err(HandoverError::Foreign)));
}

#[test]
fn a_supervisor_that_dies_midway_is_an_error_wherever_it_does() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    signaling(1).send(&ours).unwrap();
    drop(ours);
    let mut bytes = Vec::new();
    (&theirs).read_to_end(&mut bytes).unwrap();
    for length in 0..bytes.len() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(&bytes[..length]).unwrap();
        drop(ours);
        assert!(SignalingHandover::receive(&theirs).is_err(), "cut off after {length}");
    }
}

#[test]
fn a_handover_whose_files_are_missing_is_corrupt() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    signaling(1).send(&ours).unwrap();
    drop(ours);
    let mut bytes = Vec::new();
    (&theirs).read_to_end(&mut bytes).unwrap();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.write_all(&bytes).unwrap();
    let error = SignalingHandover::receive(&theirs).unwrap_err();
    assert!(matches!(error, HandoverError::Corrupt(Corrupt::Count)), "{error}");
}

#[test]
fn the_end_of_the_supervisor_is_noticed() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let watch = std::thread::spawn(move || wait_for_end(&theirs));
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(!watch.is_finished());
    drop(ours);
    watch.join().unwrap();
}

#[test]
fn updates_come_one_by_one_until_the_supervisor_is_gone() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    signaling(1).send(&ours).unwrap();
    send_update(&ours, b"first").unwrap();
    send_update(&ours, b"").unwrap();
    SignalingHandover::receive(&theirs).unwrap();
    let next = || next_update(&theirs).map(|update| update.to_vec());
    assert_eq!((next(), next()), (Some(b"first".to_vec()), Some(vec![])));
    drop(ours);
    assert_eq!(next(), None);
    let (ours, _theirs) = UnixStream::pair().unwrap();
    assert!(send_update(&ours, &vec![0; MAX_UPDATE as usize + 1]).is_err());
}

#[test]
fn secrets_are_not_printed() {
    assert!(!format!("{:?}", media(1).0).contains("115, 115"));
    assert!(!format!("{:?}", signaling(1)).contains(&format!("{:?}", b"settings")));
}

/// Sends one channel, for tests with a second process.
pub(in crate::control) fn send_channel(channel: ChannelFds, to: &UnixStream) {
    let worker = WorkerFds { channel, sockets: Vec::new(), connections: connections(), tap: None };
    MediaHandover { workers: vec![worker], sources: None, ..media(0).0 }.send(to).unwrap();
}

/// See [`send_channel`].
pub(in crate::control) fn receive_channel(from: &UnixStream) -> ChannelFds {
    MediaHandover::receive(from).unwrap().workers.remove(0).channel
}

/// Sends one file, for tests with a second process.
pub(in crate::control) fn send_file(records: OwnedFd, to: &UnixStream) {
    SignalingHandover { records, ..signaling(0) }.send(to).unwrap();
}

/// See [`send_file`].
pub(in crate::control) fn receive_file(from: &UnixStream) -> OwnedFd {
    SignalingHandover::receive(from).unwrap().records
}

fn media(workers: usize) -> (MediaHandover, Vec<SignalingChannel>) {
    let (workers, ends) = (0..workers)
        .map(|_| {
            let channel = ChannelFds::create().unwrap();
            let end = SignalingChannel::attach(channel.try_clone().unwrap()).unwrap();
            let sockets = (0..2).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
            let tap = Some(TapFd::create().unwrap());
            (WorkerFds { channel, sockets, connections: connections(), tap }, end)
        })
        .unzip();
    let identity = IdentityDer { certificate: vec![115; 400], key: Zeroizing::new(vec![115; 138]) };
    let gathering = GatheringRange { least: Duration::from_micros(7), most: Duration::from_millis(5) };
    let playout = PlayoutBounds { least: Duration::from_millis(40), most: Duration::from_secs(1) };
    // Any file will do: it is handed over unread.
    let sources = Some(UdpSocket::bind("127.0.0.1:0").unwrap().into());
    let io = IoChoice::Epoll;
    let handover =
        MediaHandover { workers, sources, io, gathering, playout, identity, unix_nanos_at_zero: 42 };
    (handover, ends)
}

fn connections() -> OwnedFd {
    crate::control::connections::pair().unwrap().0
}

fn signaling(workers: usize) -> SignalingHandover {
    let candidates = ["192.0.2.1:50000", "[2001:db8::1]:50000"].map(|address| address.parse().unwrap());
    let records = crate::control::records::Records::create(1 << 16).unwrap();
    SignalingHandover {
        workers: (0..workers)
            .map(|_| SignalingWorker {
                channel: ChannelFds::create().unwrap(),
                candidates: candidates.to_vec(),
                connections: connections(),
            })
            .collect(),
        media_start: 7,
        records: records.fd().as_fd().try_clone_to_owned().unwrap(),
        http: TcpListener::bind("127.0.0.1:0").unwrap(),
        https: Some(TcpListener::bind("127.0.0.1:0").unwrap()),
        metrics: Some(TcpListener::bind("127.0.0.1:0").unwrap()),
        media: Some(TcpListener::bind("127.0.0.1:0").unwrap()),
        desk: Some(crate::control::desk::pair().unwrap().0),
        tcp_candidates: candidates.to_vec(),
        fingerprint: Fingerprint { hash: FingerprintHash::Sha256, value: [9; 32].into_iter().collect() },
        settings: Zeroizing::new(b"settings".to_vec()),
    }
}
