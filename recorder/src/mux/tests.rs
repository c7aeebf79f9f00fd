//! What is written is read by a parser that is not ours, also when it was cut off.

use super::*;
use matroska_demuxer::{Frame, MatroskaFile, TrackType};
use proptest::prelude::*;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::os::unix::fs::FileExt as _;

const AUDIO: Audio = Audio { channels: 2 };

fn video(codec: Codec) -> Video {
    Video { codec, size: (1280, 720), parameters: Vec::new() }
}

/// Ten seconds: 25 frames and 50 sounds each, a key frame every two.
fn write(file: &mut File, with_video: bool) -> Muxer {
    let picture = video(Codec::Vp8);
    let (mut muxer, header) = Muxer::new(Some(&AUDIO), with_video.then_some(&picture));
    file.write_all(&header).unwrap();
    for ms in (0..10_000).step_by(20) {
        let mut frames = vec![(Role::Audio, true, vec![ms as u8; 80])];
        if with_video && ms % 40 == 0 {
            frames.push((Role::Video, ms % 2_000 == 0, vec![7; 900]));
        }
        for (role, is_key, data) in frames {
            let lasts = if role == Role::Audio { 20 } else { 40 };
            let done = muxer.push(role, ms, lasts, is_key, &data);
            done.iter().for_each(|bytes| file.write_all(bytes).unwrap());
        }
    }
    muxer
}

fn complete(file: &mut File, mut muxer: Muxer) {
    muxer.flush().iter().for_each(|bytes| file.write_all(bytes).unwrap());
    muxer.finish().iter().for_each(|patch| file.write_all_at(&patch.bytes, patch.at).unwrap());
}

struct Read {
    audio: usize,
    video: usize,
    last: u64,
    duration: Option<f64>,
    cues: bool,
}

fn read(file: &File) -> Read {
    use std::io::Seek as _;
    let mut copy = file.try_clone().unwrap();
    copy.rewind().unwrap();
    let mut matroska = MatroskaFile::open(BufReader::new(copy)).unwrap();
    let picture = matroska.tracks().iter().find(|track| track.track_type() == TrackType::Video);
    let picture = picture.map(|track| track.track_number().get());
    let duration = matroska.info().duration();
    let (mut frame, mut read) =
        (Frame::default(), Read { audio: 0, video: 0, last: 0, duration, cues: false });
    while matroska.next_frame(&mut frame).unwrap() {
        *(if Some(frame.track) == picture { &mut read.video } else { &mut read.audio }) += 1;
        read.last = read.last.max(frame.timestamp);
    }
    if duration.is_some() {
        matroska.seek(5_000).unwrap();
        read.cues = matroska.next_frame(&mut frame).unwrap() && (3_500..=5_100).contains(&frame.timestamp);
    }
    read
}

fn bytes(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn a_complete_file_has_all_frames_a_duration_and_an_index() {
    for with_video in [true, false] {
        let mut file = tempfile::tempfile().unwrap();
        let muxer = write(&mut file, with_video);
        complete(&mut file, muxer);
        let read = read(&file);
        assert_eq!((read.audio, read.video), (500, if with_video { 250 } else { 0 }));
        assert!((10_000.0..=10_020.0).contains(&read.duration.unwrap()), "{:?}", read.duration);
        assert!(read.cues, "seeking finds the place");
    }
}

#[test]
fn matroska_holds_what_webm_does_not() {
    let parameters = vec![1, 0x42, 0xc0, 0x1e];
    let video = Video { codec: Codec::H264, size: (640, 480), parameters: parameters.clone() };
    let mut file = tempfile::tempfile().unwrap();
    let (mut muxer, header) = Muxer::new(None, Some(&video));
    file.write_all(&header).unwrap();
    muxer.push(Role::Video, 0, 40, true, &[1; 10]);
    complete(&mut file, muxer);
    use std::io::Seek as _;
    file.rewind().unwrap();
    let matroska = MatroskaFile::open(BufReader::new(file)).unwrap();
    let track = &matroska.tracks()[0];
    assert_eq!((track.codec_id(), track.codec_private()), ("V_MPEG4/ISO/AVC", Some(&parameters[..])));
    assert_eq!(matroska.ebml_header().doc_type(), "matroska");
}

#[test]
fn what_is_on_the_disk_plays_before_the_end() {
    let mut file = tempfile::tempfile().unwrap();
    let _cut_off = write(&mut file, true);
    let read = read(&file);
    assert!(read.last >= 9_000, "up to {} ms", read.last);
}

#[test]
fn mending_a_complete_file_changes_nothing() {
    let mut file = tempfile::tempfile().unwrap();
    let muxer = write(&mut file, true);
    complete(&mut file, muxer);
    let before = bytes(&file);
    let mended = mend(&file).unwrap();
    assert_eq!((mended.bytes, mended.video_frames, mended.audio_frames), (before.len() as u64, 250, 500));
    assert!(bytes(&file) == before);
}

#[test]
fn what_is_no_recording_is_left_alone() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"something else altogether").unwrap();
    assert!(mend(&file).is_err());
    assert_eq!(file.metadata().unwrap().len(), 25);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Wherever a file is cut off, all whole clusters are saved and it can be sought in.
    #[test]
    fn a_file_that_was_cut_off_anywhere_is_mended(cut in 0.06f64..1.0) {
        let mut file = tempfile::tempfile().unwrap();
        let _cut_off = write(&mut file, true);
        let whole = file.metadata().unwrap().len();
        file.set_len((whole as f64 * cut) as u64).unwrap();
        let mended = mend(&file).unwrap();
        let again = read(&file);
        prop_assert_eq!(again.video as u64, mended.video_frames);
        prop_assert_eq!(again.duration, Some(mended.duration_ms as f64));
        let expected = 9_500.0 * cut - 1_100.0;
        prop_assert!(mended.duration_ms as f64 >= expected, "{} of {}", mended.duration_ms, expected);
    }
}
