//! No allocation per packet, from the datagram to the train, once a call is warm.
//!
//! Counted is what Rust code allocates inside calls into the shard; peers make their packets
//! outside of them. What a C library takes from the system by itself is not seen.

#[path = "forward_alloc/call.rs"]
mod call;
#[path = "forward_alloc/source.rs"]
mod source;
#[path = "forward_alloc/train.rs"]
mod train;

use call::Call;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // After a thread's locals are gone it runs no test any more.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting touches only a
// constant-initialised thread-local, which does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What this thread has allocated so far.
fn allocations() -> u64 {
    ALLOCATIONS.get()
}

const SUBSCRIBERS: usize = 3;

/// The history holds a second; bookkeeping of losses and reports has gone round by then too.
const WARM_UP: Duration = Duration::from_secs(4);

#[test]
fn a_warm_call_is_forwarded_without_allocating() {
    let mut call = Call::connected(SUBSCRIBERS);
    call.run(WARM_UP);
    let (before, warming) = (call.tally, call.allocated);
    call.run(Duration::from_secs(28));
    let (tally, allocated) = (call.tally - before, call.allocated - warming);

    let subscribers = SUBSCRIBERS as u64;
    assert!(warming.rtp > 0, "the history grows while it warms up");
    assert!(tally.video_in >= 10_000 && tally.audio_in >= 1_000, "{tally:?}");
    assert_eq!(tally.video_out, subscribers * tally.video_in, "{tally:?}");
    assert_eq!(tally.audio_out, subscribers * tally.audio_in, "{tally:?}");
    assert!(tally.recovered > 100, "the publisher was asked for what was lost: {tally:?}");
    assert!(tally.asked_again > 1_000 && tally.resent == tally.asked_again, "{tally:?}");
    assert!(tally.key_frames_asked > 0 && tally.reports_out > 0 && tally.wide_feedback > 0, "{tally:?}");
    assert!(tally.ticks > 100 && tally.checks > 10, "{tally:?}");

    assert_eq!(allocated.rtp, 0, "packets");
    assert_eq!(allocated.rtcp, 0, "feedback, with the retransmissions that answer it");
    assert_eq!(allocated.stun, 0, "consent checks");
    assert_eq!(allocated.ticks, 0, "timers");
}

#[test]
fn a_planted_allocation_per_datagram_is_counted() {
    let mut call = Call::connected(SUBSCRIBERS);
    call.run(WARM_UP);
    let (before, warming) = (call.tally, call.allocated);
    call.out.allocates_once_a_datagram = true;
    call.run(Duration::from_secs(1));
    let (tally, allocated) = (call.tally - before, call.allocated - warming);
    let forwarded = tally.video_out + tally.audio_out;
    assert!(forwarded > 1_000);
    assert!(allocated.rtp >= forwarded, "{} of {forwarded}", allocated.rtp);
    assert!(allocated.rtcp >= tally.resent && tally.resent > 0);
    assert!(allocated.stun > 0 && allocated.ticks > 0);
}
