//! What begins another file, and how often it may.

use super::*;

/// What a publisher of H.264 sends: parameter sets, then a key frame, in one packet.
fn h264(sps_profile: u8, level: u8, ms: u64) -> Vec<u8> {
    // A baseline SPS of 64×48 pixels behind profile, constraints and level.
    let sps = [0x67, sps_profile, 0xc0, level, 0xda, 0x11, 0xe4];
    let pps = [0x68, 0xce, 0x3c, 0x80];
    let mut idr = vec![0x65];
    idr.extend((ms as u32).to_be_bytes());
    let mut packet = vec![24];
    for unit in [&sps[..], &pps, &idr] {
        packet.extend((unit.len() as u16).to_be_bytes());
        packet.extend_from_slice(unit);
    }
    packet
}

#[test]
fn a_publisher_that_changes_its_parameters_all_the_time_makes_a_bounded_number_of_files() {
    let mut bench = Bench::new().with_people(&[(PICTURE, Source::Camera)]);
    bench.report(PICTURE, 0);
    for number in 0..400_u64 {
        let ms = number * 100;
        let payload = h264(if number % 2 == 0 { 0x42 } else { 0x4d }, 0x1f, ms);
        bench.packet(PICTURE, Codec::H264, ms, (ms * 90) as u32, &payload, true);
        bench.session.advance(at(ms + 40));
    }
    let (folder, manifest) = bench.finish(40_000);
    assert_eq!(manifest.files.len(), 101);
    assert_eq!(manifest.state, State::Complete);
    let frames: usize = manifest.files.iter().map(|file| frames(folder.path(), &file.name).len()).sum();
    assert_eq!(frames, 400, "they go on in the last file");
}

#[test]
fn parameters_that_differ_in_their_level_alone_begin_no_file() {
    let mut bench = Bench::new().with_people(&[(PICTURE, Source::Camera)]);
    bench.report(PICTURE, 0);
    for number in 0..100_u64 {
        let (ms, level) = (number * 100, 0x1f + (number % 2) as u8);
        bench.packet(PICTURE, Codec::H264, ms, (ms * 90) as u32, &h264(0x42, level, ms), true);
        bench.session.advance(at(ms + 40));
    }
    let (_folder, manifest) = bench.finish(10_000);
    assert_eq!(manifest.files.len(), 1);
}

#[test]
fn a_publisher_that_changes_its_codec_all_the_time_is_left_out_and_the_manifest_says_so() {
    let mut bench = Bench::new().with_people(&[(PICTURE, Source::Camera)]);
    bench.report(PICTURE, 0);
    for number in 0..400_u64 {
        let ms = number * 100;
        if number % 2 == 0 {
            bench.packet(PICTURE, Codec::H264, ms, (ms * 90) as u32, &h264(0x42, 0x1f, ms), true);
        } else {
            bench.picture(ms, true);
        }
        bench.session.advance(at(ms + 40));
    }
    let (_folder, manifest) = bench.finish(40_000);
    assert_eq!(manifest.files.len(), 101);
    assert!(manifest.files_left_out > 0);
}

fn segmented(segments: Segments, sources: &[(TrackId, Source)]) -> Bench {
    let mut bench = Bench::new();
    bench.session.around.scribe.flush();
    let begin = Begin { segments, ..begin() };
    bench.session = Session::begin(at(0), around(bench.folder.path()), begin);
    bench.with_people(sources)
}

#[test]
fn segments_of_a_length_play_each_and_nothing_is_missing_between_them() {
    let lasting = Some(Duration::from_secs(4));
    let mut bench = segmented(Segments { lasting, bytes: None }, &BOTH);
    bench.play(0, 30_000);
    let (folder, manifest) = bench.finish(30_000);
    assert!((6..=8).contains(&manifest.files.len()), "{:?}", manifest.files);
    let mut taken = Vec::new();
    for (number, file) in manifest.files.iter().enumerate() {
        assert_eq!(file.continues, number > 0);
        assert_eq!(file.name, format!("41-camera-{}.webm", number + 1));
        let all = frames(folder.path(), &file.name);
        let first = all.iter().find(|frame| frame.0).unwrap();
        assert!(first.1 <= 40 && file.gaps.is_empty(), "{file:?}");
        assert!(file.duration_ms <= 6_000, "it is cut when a key frame has come: {file:?}");
        taken.extend(all.iter().map(|&(is_video, _, taken)| (is_video, taken)));
    }
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 300 + 1_500);
}

#[test]
fn segments_of_a_size_are_not_much_longer() {
    let bytes = Some(5_000);
    let mut bench = segmented(Segments { lasting: None, bytes }, &[(SOUND, Source::Microphone)]);
    bench.play(0, 20_000);
    let (_folder, manifest) = bench.finish(20_000);
    assert!(manifest.files.len() > 2);
    assert!(manifest.files.iter().all(|file| file.bytes < 7_000), "{:?}", manifest.files);
}
