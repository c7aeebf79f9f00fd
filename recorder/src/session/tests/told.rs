//! What is told of a recording once, whoever dies before it was heard.

use super::*;
use crate::untold::is_untold;

/// A recorder that comes to a folder: what it tells of what it finds there.
struct Next {
    folder: Folder,
    clerk: Clerk,
    closer: Closer,
}

impl Next {
    fn at(folder: &tempfile::TempDir) -> Next {
        let folder = Folder::new(folder.path());
        let clerk = Clerk::start(folder.clone()).unwrap();
        let parts = (Scribe::start(None).unwrap(), clerk.clone());
        Next { closer: Closer::start(folder.clone(), parts, None).unwrap(), clerk, folder }
    }

    fn tells(&self) -> Vec<FromRecorder> {
        self.closer.give(Job::Recover(name()));
        // What comes behind it is done after it.
        let (name, manifest) = (Name::new("none").unwrap(), crate::fixture::manifest());
        self.closer.give(Job::Close(Box::new(Over { name, manifest, folder: None })));
        let (mut told, began) = (Vec::new(), std::time::Instant::now());
        loop {
            match self.closer.next_done() {
                Some(FromRecorder::Unclosed { recording_id }) if recording_id == "none" => return told,
                Some(one) => told.push(one),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
            assert!(began.elapsed() < Duration::from_secs(120));
        }
    }

    fn recording(&self) -> Recording {
        self.folder.open(&name()).unwrap()
    }
}

fn name() -> Name {
    Name::new("rec-1").unwrap()
}

fn recorded() -> tempfile::TempDir {
    let mut bench = Bench::new().with_people(&BOTH);
    bench.play(0, 3_000);
    bench.finish(3_000).0
}

#[test]
fn what_another_recorder_writes_in_the_same_folder_is_left_to_it_until_that_is_gone() {
    let mut bench = Bench::new().with_people(&BOTH);
    bench.play(0, 10_000);
    bench.session.around.scribe.flush();
    let path = bench.folder.path().join("rec-1/41-camera-1.webm");
    let before = std::fs::read(&path).unwrap();
    assert!(Next::at(&bench.folder).tells().is_empty());
    assert!(std::fs::read(&path).unwrap() == before, "nobody else completes it");
    let folder = bench.killed();
    assert!(!Next::at(&folder).tells().is_empty());
    assert!(std::fs::read(&path).unwrap() != before);
}

#[test]
fn a_recording_that_was_completed_and_not_told_is_told_by_the_next_recorder_until_it_is_noted() {
    let folder = recorded();
    let next = Next::at(&folder);
    for _ in 0..2 {
        let told = next.tells();
        assert!(
            matches!(&told[..], [FromRecorder::Ended { room_id, interrupted: false, .. }] if room_id == "room")
        );
    }
    next.clerk.was_told(name(), Tiding::Ended);
    assert_eq!(next.tells(), []);
    assert_eq!(Next::at(&folder).tells(), []);
}

#[test]
fn a_recording_that_failed_is_told_again_only_where_that_was_not_noted() {
    let mut bench = Bench::new().with_people(&BOTH);
    bench.play(0, 3_000);
    let folder = bench.killed();
    std::fs::write(folder.path().join("rec-1/41-camera-1.webm"), "nonsense").unwrap();
    let next = Next::at(&folder);
    assert_eq!((next.tells().len(), next.tells().len()), (1, 1));
    next.clerk.was_told(name(), Tiding::Ended);
    assert_eq!(next.tells(), []);
}

#[test]
fn of_recordings_that_are_older_than_marks_nothing_is_told_anew() {
    let folder = recorded();
    std::fs::remove_file(folder.path().join("rec-1/ended.untold")).unwrap();
    assert_eq!(Next::at(&folder).tells(), []);
}

#[test]
fn that_all_is_in_the_store_is_told_until_it_is_noted_too() {
    let folder = recorded();
    let next = Next::at(&folder);
    next.clerk.was_told(name(), Tiding::Ended);
    crate::untold::note(&next.recording(), Tiding::Uploaded);
    assert_eq!(next.tells(), [], "its manifest is on the way");
    let mut manifest = Manifest::load(&next.recording()).unwrap();
    manifest.upload = Some(manifest::UploadState::Done);
    manifest.save(&next.recording()).unwrap();
    assert!(matches!(next.tells()[..], [FromRecorder::Uploaded { .. }]));
    next.clerk.was_told(name(), Tiding::Uploaded);
    assert_eq!(next.tells(), []);
    assert!(!is_untold(&next.recording(), Tiding::Uploaded));
}
