//! Both ends of a channel, in one thread, two threads and two processes.

use super::*;
use crate::base::id::{ParticipantId, PayloadType, RoomId, SlotId, StreamId, TransportId};
use crate::control::codec::Sampler;
use crate::control::message::OpenSlot;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use std::os::unix::net::UnixStream;
use std::process::{Command as Process, Stdio};

#[test]
fn commands_go_one_way_and_events_the_other() {
    let (mut signaling, mut worker) = ends();
    let command = Command::Join { room: RoomId(1), participant: ParticipantId(2) };
    signaling.send_command(&command).unwrap();
    assert_eq!(worker.next_command(), Ok(Some(command)));
    assert_eq!(worker.next_command(), Ok(None));
    assert!(worker.send_event(&Event::Ready { worker: 3 }));
    assert_eq!(signaling.next_event(), Ok(Some(Event::Ready { worker: 3 })));
    assert_eq!(signaling.next_event(), Ok(None));
}

#[test]
fn only_a_sleeper_is_woken() {
    let (mut signaling, mut worker) = ends();
    signaling.awake();
    worker.send_event(&answered(1));
    assert!(!readable(signaling.wake_fd()));
    signaling.next_event().unwrap();
    assert!(signaling.prepare_sleep());
    worker.send_event(&answered(2));
    assert!(readable(signaling.wake_fd()));
    signaling.awake();
    assert!(!readable(signaling.wake_fd()));
}

#[test]
fn a_signaling_process_that_comes_back_wakes_the_worker_for_what_the_last_one_left() {
    let fds = ChannelFds::create().unwrap();
    let worker = WorkerChannel::attach(fds.try_clone().unwrap()).unwrap();
    assert!(worker.prepare_sleep());
    assert!(!readable(worker.wake_fd()));
    let _signaling = SignalingChannel::attach(fds).unwrap();
    assert!(readable(worker.wake_fd()));
}

#[test]
fn a_restarted_signaling_process_goes_on_in_both_directions() {
    let fds = ChannelFds::create().unwrap();
    let mut worker = WorkerChannel::attach(fds.try_clone().unwrap()).unwrap();
    let mut before = SignalingChannel::attach(fds.try_clone().unwrap()).unwrap();
    before.send_command(&Command::Resync { request: 1 }).unwrap();
    worker.send_event(&answered(1));
    worker.send_event(&answered(2));
    assert_eq!(before.next_event(), Ok(Some(answered(1))));
    drop(before);
    let mut after = SignalingChannel::attach(fds).unwrap();
    after.send_command(&Command::Resync { request: 2 }).unwrap();
    assert_eq!(after.next_event(), Ok(Some(answered(2))));
    assert_eq!(worker.next_command(), Ok(Some(Command::Resync { request: 1 })));
    assert_eq!(worker.next_command(), Ok(Some(Command::Resync { request: 2 })));
}

#[test]
fn events_that_found_no_room_are_counted_and_reported_before_the_next_one() {
    let (mut signaling, mut worker) = ends();
    for number in 0..EVENT_SLOTS {
        assert!(worker.send_event(&answered(number)));
    }
    assert_eq!(worker.event_room(), 0);
    assert!(!worker.send_event(&answered(9)));
    assert!(!worker.send_event(&answered(9)));
    assert_eq!(worker.events_lost(), 2);
    for number in 0..EVENT_SLOTS {
        assert_eq!(signaling.next_event(), Ok(Some(answered(number))));
    }
    assert!(worker.send_event(&answered(10)));
    assert_eq!(signaling.next_event(), Ok(Some(Event::Lost { events: 2 })));
    assert_eq!(signaling.next_event(), Ok(Some(answered(10))));
    assert_eq!(worker.events_lost(), 0);
}

#[test]
fn a_loss_is_reported_even_when_no_event_follows() {
    let (mut signaling, mut worker) = ends();
    while worker.send_event(&answered(1)) {}
    while signaling.next_event().unwrap().is_some() {}
    worker.next_command().unwrap();
    assert_eq!(signaling.next_event(), Ok(Some(Event::Lost { events: 1 })));
}

#[test]
fn a_full_command_queue_says_so_and_keeps_what_it_has() {
    let (mut signaling, mut worker) = ends();
    for request in 0..COMMAND_SLOTS {
        signaling.send_command(&Command::Resync { request }).unwrap();
    }
    assert_eq!(signaling.command_room(), 0);
    assert_eq!(signaling.send_command(&Command::Resync { request: 9 }), Err(SendError::Full));
    for request in 0..COMMAND_SLOTS {
        assert_eq!(worker.next_command(), Ok(Some(Command::Resync { request })));
    }
}

#[test]
fn a_command_that_the_worker_would_not_understand_is_refused_by_the_sender() {
    let (mut signaling, mut worker) = ends();
    let mut open = OpenSlot {
        transport: TransportId(1),
        slot: SlotId(2),
        stream: StreamId(3),
        ..OpenSlot::sample(&mut sampler(true))
    };
    open.codecs[0].payload_type = PayloadType(128);
    let sent = signaling.send_command(&Command::OpenSlot(Box::new(open)));
    assert_eq!(sent, Err(SendError::Corrupt(Corrupt::Range)));
    assert_eq!(worker.next_command(), Ok(None));
}

#[test]
fn counters_are_seen_by_the_other_side() {
    let (signaling, worker) = ends();
    worker.set_counters(&[5, 6]);
    worker.set_counter(COUNTERS - 1, 7);
    let seen = signaling.counters();
    assert_eq!((seen[0], seen[1], seen[2], seen[COUNTERS - 1]), (5, 6, 0, 7));
}

#[test]
fn memory_of_another_version_is_refused() {
    let fds = ChannelFds::create().unwrap();
    let memory = SharedMemory::attach(&fds.memfd).unwrap();
    memory.words()[1].store(u64::from(LAYOUT_VERSION) + 1, Relaxed);
    assert!(matches!(WorkerChannel::attach(fds), Err(ChannelError::Foreign)));
}

#[test]
fn a_file_that_is_no_channel_is_refused() {
    let mut fds = ChannelFds::create().unwrap();
    fds.memfd = memfd_create("volley-test", MemfdFlags::CLOEXEC).unwrap();
    assert!(matches!(SignalingChannel::attach(fds), Err(ChannelError::Io(_))));
}

/// Every word of the memory gets every kind of nonsense, and both ends read on: they may fail, but
/// must neither panic nor hang.
#[test]
fn a_peer_that_scribbles_over_everything_causes_errors_only() {
    let fds = ChannelFds::create().unwrap();
    let memory = SharedMemory::attach(&fds.memfd).unwrap();
    let mut worker = WorkerChannel::attach(fds.try_clone().unwrap()).unwrap();
    let mut signaling = SignalingChannel::attach(fds).unwrap();
    let mut random = sampler(false).random;
    for round in 0..3_000 {
        let _ = signaling.send_command(&Command::sample(&mut sampler_of(round)));
        worker.send_event(&Event::sample(&mut sampler_of(round)));
        for _ in 0..40 {
            // The rings' heads and first slots, where the next reads will be.
            let base = [COMMANDS_BASE, EVENTS_BASE][random.below(2) as usize];
            let word = base + random.below(600) as usize;
            memory.words()[word].store(random.next_u64() >> random.below(64), Relaxed);
        }
        let _ = (worker.next_command(), signaling.next_event());
        let _ = (worker.prepare_sleep(), signaling.prepare_sleep(), worker.event_room());
    }
}

#[test]
fn two_threads_exchange_a_hundred_thousand_messages_in_order_and_nobody_oversleeps() {
    let fds = ChannelFds::create().unwrap();
    let mut worker = WorkerChannel::attach(fds.try_clone().unwrap()).unwrap();
    let mut signaling = SignalingChannel::attach(fds).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| echo(&mut worker, 100_000));
        send_and_compare(&mut signaling, 100_000);
    });
}

#[test]
fn two_processes_exchange_messages_in_order_and_nobody_oversleeps() {
    let fds = ChannelFds::create().unwrap();
    let mut signaling = SignalingChannel::attach(fds.try_clone().unwrap()).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut child = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "control::channel::tests::the_other_process", "--nocapture"])
        .env(OTHER_PROCESS, "1")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    crate::control::handover::tests::send_channel(fds, &ours);
    send_and_compare(&mut signaling, 20_000);
    assert!(child.wait().unwrap().success());
}

const OTHER_PROCESS: &str = "VOLLEY_TEST_OTHER_PROCESS";

/// Not a test of its own: what the second process of the test above runs.
#[test]
fn the_other_process() {
    if std::env::var_os(OTHER_PROCESS).is_some() {
        let stdin = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
        let fds = crate::control::handover::tests::receive_channel(&UnixStream::from(stdin));
        echo(&mut WorkerChannel::attach(fds).unwrap(), 20_000);
    }
}

const COMMANDS_BASE: usize = 2 * PAGE_WORDS;
const EVENTS_BASE: usize = COMMANDS.end().next_multiple_of(PAGE_WORDS);

/// Longer than any pause here: a wake-up that takes so long was forgotten.
const FORGOTTEN: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

/// The worker's side: answers each `Resync` with its number, sleeping whenever it may.
fn echo(worker: &mut WorkerChannel, count: u64) {
    for expected in 0..count {
        let command = loop {
            if let Some(command) = worker.next_command().unwrap() {
                break command;
            }
            if worker.prepare_sleep() {
                sleep_until_readable(worker.wake_fd());
                rustix::io::read(worker.wake_fd(), &mut [0u8; 8]).unwrap();
                worker.awake();
            }
        };
        assert_eq!(command, Command::Resync { request: expected });
        assert!(worker.send_event(&answered(expected)), "the sender never has so many under way");
    }
}

/// Signaling's side: has up to `WINDOW` commands under way, and sleeps for the answers.
fn send_and_compare(signaling: &mut SignalingChannel, count: u64) {
    const WINDOW: u64 = 100;
    let (mut sent, mut heard) = (0, 0);
    while heard < count {
        // Windows of one make both sides sleep all the time, large ones hardly ever.
        let window = if heard / 1_000 % 2 == 0 { 1 } else { WINDOW };
        while sent < count && sent < heard + window {
            signaling.send_command(&Command::Resync { request: sent }).unwrap();
            sent += 1;
        }
        match signaling.next_event().unwrap() {
            Some(event) => {
                assert_eq!(event, answered(heard));
                heard += 1;
            }
            None if signaling.prepare_sleep() => {
                sleep_until_readable(signaling.wake_fd());
                signaling.awake();
            }
            None => {}
        }
    }
}

fn sleep_until_readable(fd: BorrowedFd<'_>) {
    let ready = poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&FORGOTTEN));
    assert_eq!(ready, Ok(1), "a wake-up was forgotten");
}

fn readable(fd: BorrowedFd<'_>) -> bool {
    poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&Timespec::default())) == Ok(1)
}

fn ends() -> (SignalingChannel, WorkerChannel) {
    let fds = ChannelFds::create().unwrap();
    let worker = WorkerChannel::attach(fds.try_clone().unwrap()).unwrap();
    (SignalingChannel::attach(fds).unwrap(), worker)
}

fn answered(request: u64) -> Event {
    Event::Answered { request }
}

fn sampler(full: bool) -> Sampler {
    Sampler { full, ..sampler_of(7) }
}

fn sampler_of(seed: u64) -> Sampler {
    Sampler { random: crate::base::random::Random::new(seed), full: false }
}
