//! The recorder is killed, or the machine loses its power: what plays, and what the manifest says then.

use super::*;

#[test]
fn what_was_written_before_a_kill_is_completed_at_the_next_start() {
    let mut bench = Bench::new().with_people(&BOTH);
    bench.play(0, 10_000);
    let folder = bench.killed();
    let manifest = recovered(&folder);
    let file = &manifest.files[0];
    assert!(manifest.interrupted && file.is_finished && manifest.state == State::Complete);
    assert!(file.duration_ms >= 8_000, "of 10 s {} ms play", file.duration_ms);
    let last = frames(folder.path(), &file.name).iter().map(|frame| frame.1).max();
    assert!(last.is_some_and(|last| last >= 8_000));
}

#[test]
fn a_recorder_that_comes_back_goes_on_in_new_files() {
    let mut bench = Bench::new().with_people(&BOTH);
    bench.play(0, 5_000);
    bench.session.around.scribe.flush();
    bench.session = Session::begin(at(5_000), around(bench.folder.path()), begin());
    bench.person(5_000, &BOTH);
    bench.play(5_000, 20_000);
    assert!(bench.wishes > 0, "a key frame is asked for");
    let (folder, manifest) = bench.finish(20_000);
    let names: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["41-camera-1.webm", "41-camera-2.webm"]);
    assert!(manifest.interrupted && manifest.files.iter().all(|file| file.is_finished));
    let all = frames(folder.path(), names[1]);
    assert!(all.iter().any(|frame| frame.0) && all.iter().any(|frame| !frame.0));
    assert_eq!(manifest.participants.len(), 1);
}

#[test]
fn a_file_that_cannot_be_completed_makes_the_recording_failed_and_is_tried_again() {
    let mut bench = Bench::new().with_people(&BOTH);
    bench.play(0, 5_000);
    let folder = bench.killed();
    let file = folder.path().join("rec-1/41-camera-1.webm");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, "nonsense").unwrap();
    let manifest = recovered(&folder);
    assert_eq!(manifest.state, State::Failed);
    assert!(manifest.files[0].failure.is_some() && !manifest.files[0].is_finished);
    assert!(manifest.failures.iter().any(|failure| failure.reason.contains("41-camera-1.webm")));
    std::fs::write(&file, whole).unwrap();
    let manifest = recovered(&folder);
    assert_eq!((manifest.state, manifest.files[0].failure.as_ref()), (State::Complete, None));
}

/// A recording whose recorder, with everything else, lost power after ten seconds.
fn without_power() -> (tempfile::TempDir, File) {
    let mut bench = Bench::new().with_people(&BOTH);
    bench.play(0, 10_000);
    bench.session.on_gone(at(10_100), "41");
    bench.session.advance(at(12_000));
    bench.session.around.scribe.flush();
    assert!(bench.session.manifest.files[0].is_finished);
    let path = bench.folder.path().join("rec-1/41-camera-1.webm");
    (bench.folder, File::options().write(true).open(path).unwrap())
}

/// What becomes of it at the next start.
fn recovered(folder: &tempfile::TempDir) -> Manifest {
    let closer = closer(folder.path(), Scribe::start(None).unwrap());
    closer.give(Job::Recover(Name::new("rec-1").unwrap()));
    completed(&closer, folder.path())
}

#[test]
fn a_finished_file_whose_end_had_not_reached_the_disk_is_told_of_as_it_is() {
    let (folder, lost) = without_power();
    let told = lost.metadata().unwrap().len();
    lost.set_len(told / 2).unwrap();
    let manifest = recovered(&folder);
    let [file] = &manifest.files[..] else { panic!("{:?}", manifest.files) };
    assert_eq!((manifest.state, file.bytes), (State::Complete, lost.metadata().unwrap().len()));
    assert!(file.bytes < told && (3_500..=5_500).contains(&file.duration_ms), "{file:?}");
    let all = frames(folder.path(), &file.name);
    let count = |video| all.iter().filter(|frame| frame.0 == video).count() as u64;
    assert_eq!(file.video.as_ref().map(|video| video.frames), Some(count(true)));
    assert_eq!(file.audio.as_ref().map(|audio| audio.frames), Some(count(false)));
    assert!(count(true) > 30);
}

#[test]
fn a_finished_file_that_is_whole_stays_as_it_is_when_its_recorder_died() {
    let (folder, _whole) = without_power();
    let path = folder.path().join("rec-1/41-camera-1.webm");
    let before = std::fs::read(&path).unwrap();
    let manifest = recovered(&folder);
    assert!(std::fs::read(&path).unwrap() == before);
    assert_eq!(manifest.files[0].bytes, before.len() as u64);
}

#[test]
fn a_file_of_which_nothing_had_reached_the_disk_does_not_keep_the_recording_from_being_complete() {
    let (folder, lost) = without_power();
    lost.set_len(0).unwrap();
    let manifest = recovered(&folder);
    assert_eq!((manifest.state, manifest.files.len()), (State::Complete, 0));
    assert!(manifest.failures.iter().any(|failure| failure.reason.contains("41-camera-1.webm")));
    assert!(!folder.path().join("rec-1/41-camera-1.webm").exists());
}
