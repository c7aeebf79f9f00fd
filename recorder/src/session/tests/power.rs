//! How much of what was said a loss of power takes, at most.

use super::*;
use crate::recorder::BUSY_PAUSE;
use crate::reel::HOLD;
use crate::reel::part::{SYNC_EVERY, WRITE_AFTER};
use crate::settings::MOST_PATIENCE;

/// What the documents say.
const PROMISED: Duration = Duration::from_secs(2);

/// From a packet's arrival until it is in the file, at most.
const WRITTEN_WITHIN: Duration =
    MOST_PATIENCE.saturating_add(HOLD).saturating_add(WRITE_AFTER).saturating_add(BUSY_PAUSE);

#[test]
fn what_is_on_its_way_to_the_disk_is_less_than_what_is_promised() {
    // It is asked to be on the disk in the turn after at the latest.
    assert!(WRITTEN_WITHIN + SYNC_EVERY + BUSY_PAUSE < PROMISED);
    // A file that no manifest tells of is not completed.
    assert!(MOST_PATIENCE + HOLD + BUSY_PAUSE + SAVE_EVERY < PROMISED);
}

/// Sounds get lost all the time, so something is waited for at every moment.
#[test]
fn what_waits_for_lost_packets_is_written_as_soon_as_what_does_not() {
    let mut bench = Bench::new().with_people(&BOTH);
    for from in (0..30_000).step_by(300) {
        bench.play(from, from + 300);
        bench.sent[0] += 1;
        let [file] = &bench.session.manifest.files[..] else { continue };
        let written = (file.offset_ms + file.duration_ms) as u64;
        // The last that came did so at most one sound before the end.
        let late = Duration::from_millis(from + 300 - written);
        assert!(late <= WRITTEN_WITHIN, "at {from} ms the file is {late:?} behind");
    }
    assert_eq!(bench.session.manifest.files.len(), 1);
}
