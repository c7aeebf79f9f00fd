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
use std::time::Duration;

const SUBSCRIBERS: usize = 3;

/// What somebody who watches may take in the media process, with one pair of seats and with the nine that
/// a page has in a large room. By the memory table of `src/ARCHITECTURE.md`.
const MOST_HELD: [(usize, i64); 2] = [(1, 22 << 10), (9, 40 << 10)];

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
    assert!(tally.arrivals_told > 1_000, "links are estimated: {tally:?}");
    assert!(call.tally.probes_out > 5, "and probed: {:?}", call.tally);
    assert!(tally.ticks > 100 && tally.checks > 10, "{tally:?}");

    assert_eq!(allocated.rtp, 0, "packets");
    assert_eq!(allocated.rtcp, 0, "feedback, with the retransmissions that answer it");
    assert_eq!(allocated.stun, 0, "consent checks");
    assert_eq!(allocated.ticks, 0, "timers");
}

#[test]
fn a_warm_call_on_two_shards_is_forwarded_without_allocating() {
    let mut call = Call::connected_across(SUBSCRIBERS);
    call.run(WARM_UP);
    let (before, warming) = (call.tally, call.allocated);
    call.run(Duration::from_secs(28));
    let (tally, allocated) = (call.tally - before, call.allocated - warming);

    let subscribers = SUBSCRIBERS as u64;
    assert!(tally.video_in >= 10_000 && tally.audio_in >= 1_000, "{tally:?}");
    assert_eq!(tally.video_out, subscribers * tally.video_in, "{tally:?}");
    assert_eq!(tally.audio_out, subscribers * tally.audio_in, "{tally:?}");
    assert!(tally.recovered > 100 && tally.key_frames_asked > 0, "{tally:?}");
    assert!(tally.resent > 1_000 && tally.resent == tally.asked_again, "{tally:?}");

    assert_eq!(allocated.rtp, 0, "packets");
    assert_eq!((allocated.stun, allocated.ticks), (0, 0));
    let reports = tally.reports_out / subscribers;
    assert!((1..=reports).contains(&allocated.rtcp), "one for each report that crosses: {allocated:?}");
}

#[test]
fn a_recorded_call_is_handed_over_without_allocating() {
    let mut call = Call::connected(SUBSCRIBERS);
    call.record();
    call.run(WARM_UP);
    let (before, warming) = (call.tally, call.allocated);
    call.run(Duration::from_secs(10));
    let (tally, allocated) = (call.tally - before, call.allocated - warming);
    assert_eq!(tally.recorded, tally.video_in + tally.audio_in, "each packet once: {tally:?}");
    assert_eq!(tally.video_out, SUBSCRIBERS as u64 * tally.video_in, "and the call goes on: {tally:?}");
    assert_eq!((allocated.rtp, allocated.rtcp, allocated.ticks), (0, 0, 0));
}

#[test]
fn who_pins_somebody_on_a_core_that_sheds_has_nobody_elses_pictures_ranked_anew() {
    let allocated = |subscribers: usize| {
        let mut call = Call::connected(subscribers);
        call.shed(8);
        // Timers have their room then.
        call.pin();
        call.pin()
    };
    let (few, many) = (allocated(2), allocated(20));
    assert!(few > 0 && many < few + 9, "{few} allocations where two watch, {many} where twenty do");
}

/// Bytes that a shard holds for a call with so many who watch, who lose packets, ask for them, and are
/// gathered for.
fn held_by_call(subscribers: usize, pairs: usize) -> i64 {
    let mut call = Call::with_seats(subscribers, pairs);
    call.gather(Duration::from_millis(10));
    call.run(Duration::from_secs(5));
    assert!(call.tally.video_out > 500 * subscribers as u64 && call.tally.resent > 0, "{:?}", call.tally);
    call.held
}

#[test]
fn somebody_who_watches_takes_little_memory() {
    // Tables double: both numbers just fill theirs.
    let (few, many) = (7, 28);
    for (pairs, most) in MOST_HELD {
        let each = (held_by_call(many, pairs) - held_by_call(few, pairs)) / (many - few) as i64;
        assert!((1 << 10..most).contains(&each), "{each} bytes for each with {pairs} pairs of seats");
    }
}

#[test]
fn what_a_room_is_said_to_take_is_about_what_is_allocated_for_it() {
    // One more publishes: eight, so that tables are as full as they get.
    let mut call = Call::connected(7);
    call.run(WARM_UP);
    let (held, told) = (call.held as f64, call.told_memory() as f64);
    assert!((0.85..1.15).contains(&(told / held)), "{told} bytes are told of {held}");
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
