//! Several cameras of one person: at once, and one after another.

use super::*;

const SECOND: TrackId = TrackId(3);

/// Pictures of both, ten a second, and sound with them.
fn play(bench: &mut Bench, tracks: &[TrackId], (from, to): (u64, u64)) {
    for ms in (from..to).step_by(20) {
        bench.sound(ms);
        for &track in tracks.iter().filter(|_| ms.is_multiple_of(100)) {
            bench.picture_of(track, ms, ms == from);
        }
        bench.session.advance(at(ms + 40));
    }
}

fn pictures(folder: &tempfile::TempDir, file: &str) -> usize {
    frames(folder.path(), file).iter().filter(|frame| frame.0).count()
}

#[test]
fn two_cameras_at_once_are_two_files_and_both_are_whole() {
    for source in [Source::Camera, Source::Screen] {
        let sources = [(SOUND, Source::Microphone), (PICTURE, source), (SECOND, source)];
        let mut bench = Bench::new().with_people(&sources);
        [SOUND, PICTURE, SECOND].iter().for_each(|&track| bench.report(track, 0));
        play(&mut bench, &[PICTURE, SECOND], (0, 5_000));
        let (folder, manifest) = bench.finish(5_000);
        let mut known: Vec<_> = manifest.files.iter().map(|file| (file.name.as_str(), file.number)).collect();
        known.retain(|(name, _)| source == Source::Camera || name.contains("screen"));
        known.sort_unstable();
        let what = if source == Source::Camera { "camera" } else { "screen" };
        let names = [format!("41-{what}-1.webm"), format!("41-{what}2-1.webm")];
        assert_eq!(known, [(names[0].as_str(), 1), (names[1].as_str(), 2)]);
        assert_eq!(names.map(|name| pictures(&folder, &name)), [50, 50]);
        assert!(manifest.files.iter().all(|file| file.gaps.is_empty()), "{:?}", manifest.files);
    }
}

#[test]
fn a_camera_that_follows_another_goes_on_in_its_file() {
    let mut bench = Bench::new().with_people(&BOTH);
    [SOUND, PICTURE, SECOND].iter().for_each(|&track| bench.report(track, 0));
    play(&mut bench, &[PICTURE], (0, 3_000));
    bench.person(3_000, &[(SOUND, Source::Microphone), (SECOND, Source::Camera)]);
    bench.report(SECOND, 3_000);
    play(&mut bench, &[SECOND], (3_000, 6_000));
    let (folder, manifest) = bench.finish(6_000);
    let [file] = &manifest.files[..] else { panic!("{:?}", manifest.files) };
    assert_eq!((file.name.as_str(), file.number), ("41-camera-1.webm", 1));
    assert_eq!(pictures(&folder, &file.name), 60);
}

#[test]
fn the_place_of_a_camera_that_has_ended_is_taken_before_another_begins() {
    let sources = [(PICTURE, Source::Camera), (SECOND, Source::Camera)];
    let mut bench = Bench::new().with_people(&sources);
    bench.person(1_000, &sources[1..]);
    bench.person(2_000, &[sources[1], (TrackId(4), Source::Camera)]);
    let mut numbers: Vec<u32> = bench.session.reels.values().map(Reel::number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
}
