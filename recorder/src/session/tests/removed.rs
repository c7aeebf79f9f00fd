//! What is being completed is not deleted, however long that takes, and what was deleted is not written to.

use super::*;
use crate::shelf;
use std::time::SystemTime;

fn name() -> Name {
    Name::new("rec-1").unwrap()
}

/// As if nothing had been written to it for an hour.
fn leave_for_long(folder: &Folder) {
    let manifest = folder.open(&name()).unwrap().change(&Name::new(manifest::FILE).unwrap()).unwrap();
    manifest.set_modified(SystemTime::now() - Duration::from_secs(3_600)).unwrap();
}

#[test]
fn a_recording_that_waits_to_be_completed_is_not_deleted_however_long_it_waits() {
    let mut bench = Bench::new().with_people(&BOTH);
    bench.play(0, 3_000);
    let folder = Folder::new(bench.folder.path());
    let scribe = bench.session.around.scribe.clone();
    let over = bench.session.finish(at(3_000));
    scribe.flush();
    leave_for_long(&folder);
    assert!(!shelf::remove(&folder, &name(), None).unwrap(), "many others may be completed before it");
    let closer = closer(bench.folder.path(), scribe);
    closer.give(Job::Close(Box::new(over)));
    assert_eq!(completed(&closer, bench.folder.path()).state, State::Complete);
    assert!(
        shelf::remove(&folder, &name(), None).unwrap(),
        "whoever hears that it is complete may delete it"
    );
}

#[test]
fn what_a_recorder_that_died_has_left_may_be_deleted_after_a_while_and_is_not_written_to_then() {
    let mut bench = Bench::new().with_people(&BOTH);
    bench.play(0, 3_000);
    let root = bench.killed();
    let folder = Folder::new(root.path());
    assert!(!shelf::remove(&folder, &name(), None).unwrap(), "another recorder may be about to go on");
    leave_for_long(&folder);
    let kept = Name::new("41-camera-1.webm").unwrap();
    assert!(shelf::remove(&folder, &name(), Some(&kept)).unwrap());
    let closer = closer(root.path(), Scribe::start(None).unwrap());
    closer.give(Job::Recover(name()));
    closer.give(Job::Close(Box::new(Over {
        name: name(),
        manifest: crate::fixture::manifest(),
        folder: None,
    })));
    let began = std::time::Instant::now();
    while !matches!(closer.next_done(), Some(FromRecorder::Unclosed { .. })) {
        assert!(began.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(folder.list().unwrap(), []);
    assert_eq!(folder.open_removed(&name()).unwrap().list().unwrap(), [kept]);
}
