//! Whole recordings, in simulated time: what a worker would hand over goes in, files come out and are read
//! by a parser that is not ours. Each frame carries the moment at which it was taken.

mod cameras;
mod cuts;
mod deaths;
mod hour;
mod power;
mod removed;
mod told;

use super::*;
use crate::closing::{Closer, Job};
use crate::desk::{FromRecorder, Tiding};
use crate::untold::Clerk;
use matroska_demuxer::{Frame, MatroskaFile, TrackType};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use volley::control::tap::TappedPacket;
use volley::control::types::Codec;

const START_UNIX_MS: u64 = 1_700_000_000_000;
const SOUND: TrackId = TrackId(1);
const PICTURE: TrackId = TrackId(2);

/// A recording, and the publisher whose packets it gets.
struct Bench {
    folder: tempfile::TempDir,
    session: Session,
    /// Of the sound, of each layer of the picture, and of any other track.
    sent: [u64; 5],
    /// Of the picture.
    size: (u16, u16),
    /// How much faster the clock of the sound runs, in millionths.
    drift_ppm: f64,
    wishes: usize,
    /// A key frame was asked for.
    wants_key: bool,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let session = Session::begin(at(0), around(folder.path()), begin());
        Bench { folder, session, sent: [0; 5], size: (640, 480), drift_ppm: 0.0, wishes: 0, wants_key: false }
    }

    fn with_people(mut self, sources: &[(TrackId, Source)]) -> Bench {
        self.person(0, sources);
        self
    }

    fn person(&mut self, ms: u64, sources: &[(TrackId, Source)]) {
        let published =
            |&(id, source): &(TrackId, Source)| Published { track_id: id.0, source, muted: false };
        let person = Person {
            participant_id: "41".to_owned(),
            participant_name: "Ada".to_owned(),
            identity: None,
            tracks: sources.iter().map(published).collect(),
        };
        self.session.on_person(at(ms), &person);
    }

    fn sound(&mut self, ms: u64) {
        let stamp = (ms as f64 * 48.0 * (1.0 + self.drift_ppm * 1e-6)) as u64 as u32;
        let payload = [&[0x78][..], &(ms as u32).to_be_bytes()].concat();
        self.packet(SOUND, Codec::Opus, ms, stamp, &payload, true);
    }

    fn picture(&mut self, ms: u64, is_key: bool) {
        self.picture_of(PICTURE, ms, is_key);
    }

    fn picture_of(&mut self, track: TrackId, ms: u64, is_key: bool) {
        let mut frame = vec![u8::from(!is_key), 0, 0, 0x9d, 0x01, 0x2a];
        frame.extend([self.size.0, self.size.1].map(u16::to_le_bytes).concat());
        frame.extend((ms as u32).to_be_bytes());
        let payload = [&[0x10][..], &frame].concat();
        self.packet(track, Codec::Vp8, ms, (ms * 90) as u32, &payload, is_key);
    }

    fn packet(&mut self, track: TrackId, codec: Codec, ms: u64, stamp: u32, payload: &[u8], key: bool) {
        self.packet_of((track, 0, true), codec, ms, stamp, payload, key);
    }

    /// Of one layer, which is what is to be recorded from its next key frame on, or is not.
    fn packet_of(
        &mut self,
        (track, layer, is_aim): (TrackId, u8, bool),
        codec: Codec,
        ms: u64,
        stamp: u32,
        payload: &[u8],
        key: bool,
    ) {
        let place = match track {
            SOUND => 0,
            PICTURE => 1 + usize::from(layer),
            _ => 4,
        };
        let sent = &mut self.sent[place];
        let index = *sent;
        *sent += 1;
        let mut packet = vec![0x80, 0x80 | 96];
        packet.extend((index as u16).to_be_bytes());
        packet.extend(stamp.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend_from_slice(payload);
        let head =
            TappedPacket { track, layer, codec, starts_key_frame: key, is_aim, index, received: at(ms + 30) };
        self.session.on_value(at(ms + 30), &Tapped::Packet(head), &packet);
    }

    fn report(&mut self, track: TrackId, ms: u64) {
        let rate = if track == SOUND { 48.0 * (1.0 + self.drift_ppm * 1e-6) } else { 90.0 };
        let timestamp = (ms as f64 * rate) as u64 as u32;
        let unix_nanos = (START_UNIX_MS + ms) * 1_000_000;
        self.session.on_value(at(ms), &Tapped::Report { track, layer: 0, timestamp, unix_nanos }, &[]);
    }

    /// Ten pictures a second and fifty sounds, between two times in milliseconds. Every ten seconds, and when
    /// it is asked for, a picture is a key frame.
    fn play(&mut self, from: u64, to: u64) {
        for ms in (from..to).step_by(20) {
            self.sound(ms);
            if ms.is_multiple_of(100) {
                let is_key = std::mem::take(&mut self.wants_key) || ms.is_multiple_of(10_000);
                self.picture(ms, is_key);
            }
            if ms.is_multiple_of(1_000) {
                self.report(PICTURE, ms);
            }
            if ms.is_multiple_of(5_000) {
                self.report(SOUND, ms);
            }
            let wishes = self.session.advance(at(ms + 40)).len();
            self.wishes += wishes;
            self.wants_key |= wishes > 0;
        }
    }

    fn finish(self, ms: u64) -> (tempfile::TempDir, Manifest) {
        let scribe = self.session.around.scribe.clone();
        let over = self.session.finish(at(ms));
        let closer = closer(self.folder.path(), scribe);
        closer.give(Job::Close(Box::new(over)));
        let manifest = completed(&closer, self.folder.path());
        (self.folder, manifest)
    }

    /// What is on the disk after a kill.
    fn killed(self) -> tempfile::TempDir {
        self.session.around.scribe.flush();
        self.folder
    }
}

fn around(folder: &Path) -> Surroundings {
    Surroundings {
        folder: Folder::new(folder),
        syncer: Syncer::start().unwrap(),
        scribe: Scribe::start(None).unwrap(),
        store: None,
        patience: Duration::from_secs(1),
        unix_nanos_at_zero: START_UNIX_MS * 1_000_000,
    }
}

fn begin() -> Begin {
    Begin {
        recording_id: Name::new("rec-1").unwrap(),
        room: manifest::Room { id: "room".to_owned(), name: "Room".to_owned(), e2ee: false },
        started_at: START_UNIX_MS,
        segments: Segments::default(),
    }
}

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn closer(path: &Path, scribe: Scribe) -> Closer {
    let folder = Folder::new(path);
    let clerk = Clerk::start(folder.clone()).unwrap();
    Closer::start(folder, (scribe, clerk), None).unwrap()
}

fn completed(closer: &Closer, folder: &Path) -> Manifest {
    let began = std::time::Instant::now();
    while !matches!(closer.next_done(), Some(FromRecorder::Ended { .. })) {
        assert!(began.elapsed() < Duration::from_secs(120), "it is not completed");
        std::thread::sleep(Duration::from_millis(10));
    }
    Manifest::load(&Folder::new(folder).open(&Name::new("rec-1").unwrap()).unwrap()).unwrap()
}

/// What a file holds: of each frame whether it is a picture, its time, and when it was taken.
fn frames(folder: &Path, name: &str) -> Vec<(bool, i64, i64)> {
    let file = File::open(folder.join("rec-1").join(name)).unwrap();
    let mut matroska = MatroskaFile::open(BufReader::new(file)).unwrap();
    let video = matroska.tracks().iter().find(|track| track.track_type() == TrackType::Video);
    let video = video.map(|track| track.track_number().get());
    let (mut frame, mut frames) = (Frame::default(), Vec::new());
    while matroska.next_frame(&mut frame).unwrap() {
        let taken = frame.data.last_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        frames.push((Some(frame.track) == video, frame.timestamp as i64, i64::from(taken)));
    }
    frames
}

const BOTH: [(TrackId, Source); 2] = [(SOUND, Source::Microphone), (PICTURE, Source::Camera)];

#[test]
fn camera_and_microphone_are_one_file_in_step() {
    let mut bench = Bench::new().with_people(&BOTH);
    bench.play(0, 10_000);
    let (folder, manifest) = bench.finish(10_000);
    let [file] = &manifest.files[..] else { panic!("{:?}", manifest.files) };
    assert_eq!(file.name, "41-camera-1.webm");
    let all = frames(folder.path(), &file.name);
    let count = |video| all.iter().filter(|frame| frame.0 == video).count() as u64;
    assert_eq!((count(true), count(false)), (100, 500));
    assert_eq!(file.video.as_ref().map(|video| (video.frames, video.width)), Some((100, 640)));
    assert!(all.iter().all(|(_, ms, taken)| (ms - taken).abs() <= 40), "{all:?}");
    assert!((9_900..=10_100).contains(&file.duration_ms), "{}", file.duration_ms);
    assert_eq!((manifest.state, manifest.interrupted, &file.gaps[..]), (State::Complete, false, &[][..]));
    assert_eq!(file.sha256.as_ref().map(String::len), Some(64));
}

#[test]
fn a_screen_is_a_file_of_its_own_and_who_leaves_completes_theirs() {
    let mut bench = Bench::new().with_people(&[(SOUND, Source::Microphone), (PICTURE, Source::Screen)]);
    bench.play(0, 5_000);
    bench.session.on_gone(at(5_100), "41");
    assert!(bench.session.manifest.files.iter().all(|file| file.is_finished));
    let (folder, manifest) = bench.finish(9_000);
    let mut shown: Vec<_> = manifest.files.iter().map(|file| (file.shows, file.name.as_str())).collect();
    shown.sort_by_key(|(_, name)| *name);
    assert_eq!(shown, [(Shows::Camera, "41-camera-1.webm"), (Shows::Screen, "41-screen-1.webm")]);
    assert!(frames(folder.path(), "41-screen-1.webm").iter().all(|frame| frame.0));
    assert_eq!(manifest.participants[0].to_ms, Some(5_100));
}

#[test]
fn a_microphone_that_comes_later_begins_another_file_with_both() {
    let mut bench = Bench::new().with_people(&[(PICTURE, Source::Camera)]);
    bench.play(0, 6_000);
    bench.person(6_000, &BOTH);
    bench.play(6_000, 20_000);
    let (folder, manifest) = bench.finish(20_000);
    assert_eq!(manifest.files.len(), 2);
    assert!(manifest.files[0].audio.is_none() && manifest.files[1].audio.is_some());
    assert!(frames(folder.path(), "41-camera-2.webm").iter().any(|frame| frame.0));
}

/// The better one's clock is behind by so much that its key frame seems to have been taken before what came last of
/// the other one.
#[test]
fn where_another_encoding_takes_over_nothing_of_the_one_before_stands_behind_its_key_frame() {
    let mut bench = Bench::new().with_people(&[(PICTURE, Source::Camera)]);
    let report = |layer, unix_ms: u64| {
        let unix_nanos = (START_UNIX_MS + unix_ms) * 1_000_000;
        Tapped::Report { track: PICTURE, layer, timestamp: 900_000, unix_nanos }
    };
    bench.session.on_value(at(0), &report(0, 10_000), &[]);
    bench.session.on_value(at(0), &report(2, 9_940), &[]);
    for number in 0..60_u64 {
        let ms = number * 100;
        // From the thirtieth on the better one is wanted; both are there then.
        for layer in [0_u8, 2] {
            let is_aim = (layer == 2) == (number >= 30);
            let is_key = number == 0 || number == 30;
            let mut payload = vec![0x10, u8::from(!is_key), 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01];
            payload.extend(u32::from(layer).to_be_bytes());
            let stamp = (ms * 90) as u32;
            bench.packet_of((PICTURE, layer, is_aim), Codec::Vp8, ms, stamp, &payload, is_key);
        }
        bench.session.advance(at(ms + 40));
    }
    let (folder, manifest) = bench.finish(6_000);
    let layers: Vec<i64> =
        frames(folder.path(), &manifest.files[0].name).iter().map(|frame| frame.2).collect();
    let taken_over = layers.iter().position(|layer| *layer == 2).unwrap();
    assert!(layers[..taken_over].iter().all(|layer| *layer == 0) && taken_over >= 30, "{layers:?}");
    assert!(layers[taken_over..].iter().all(|layer| *layer == 2), "{layers:?}");
}

#[test]
fn a_mute_is_a_gap_that_is_told_and_nothing_is_waited_for() {
    let mut bench = Bench::new().with_people(&BOTH);
    bench.play(0, 5_000);
    bench.session.on_value(at(5_000), &Tapped::Muted { track: PICTURE, muted: true }, &[]);
    for ms in (5_000..10_000).step_by(20) {
        bench.sound(ms);
        bench.session.advance(at(ms + 40));
    }
    // The publisher went on meanwhile.
    bench.sent[1] += 50;
    bench.session.on_value(at(10_000), &Tapped::Muted { track: PICTURE, muted: false }, &[]);
    bench.play(10_000, 15_000);
    let (_folder, manifest) = bench.finish(15_000);
    let [gap] = &manifest.files[0].gaps[..] else { panic!("{:?}", manifest.files[0].gaps) };
    assert_eq!((gap.cause, gap.of.as_str()), (manifest::Cause::Muted, "video"));
    assert!((4_900..=5_300).contains(&gap.length_ms), "{gap:?}");
}

#[test]
fn a_lost_packet_is_a_gap_up_to_the_next_key_frame_which_is_asked_for() {
    let mut bench = Bench::new().with_people(&BOTH);
    bench.play(0, 4_000);
    bench.sent[1] += 2;
    bench.play(4_000, 15_000);
    assert!(bench.wishes > 0);
    let (folder, manifest) = bench.finish(15_000);
    let gaps: Vec<_> = manifest.files[0].gaps.iter().filter(|gap| gap.of == "video").collect();
    assert_eq!((gaps.len(), gaps[0].packets, gaps[0].cause), (1, 2, manifest::Cause::Lost));
    let pictures: Vec<i64> = frames(folder.path(), "41-camera-1.webm")
        .iter()
        .filter(|frame| frame.0)
        .map(|frame| frame.2)
        .collect();
    assert!(pictures.contains(&3_900) && !pictures.contains(&4_000) && pictures.contains(&8_000));
}

/// A file where the folder should be: as good as a disk that cannot be written to.
#[test]
fn what_cannot_be_written_is_told_and_goes_on_when_it_can() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("recordings");
    std::fs::write(&path, "in the way").unwrap();
    let mut bench = Bench::new();
    bench.session = Session::begin(at(0), around(&path), begin());
    bench.person(0, &BOTH);
    bench.play(0, 5_000);
    assert!(bench.session.progress(at(5_000)).failure.is_some());
    std::fs::remove_file(&path).unwrap();
    bench.play(5_000, 25_000);
    let progress = bench.session.progress(at(25_000));
    assert!(progress.failure.is_none() && progress.bytes > 0, "{progress:?}");
    assert!(!bench.session.manifest.failures.is_empty());
}

#[test]
fn nothing_is_kept_of_those_who_have_left() {
    let mut bench = Bench::new().with_people(&BOTH);
    bench.play(0, 3_000);
    bench.person(3_000, &[]);
    assert_eq!(bench.session.reels.len(), 1, "a camera may come back in a moment");
    for second in 3..70 {
        bench.session.advance(at(second * 1_000));
    }
    assert_eq!((bench.session.reels.len(), bench.session.tracks.len()), (0, 0));
    assert!(bench.session.manifest.files[0].is_finished);
    bench.person(70_000, &BOTH);
    bench.session.on_gone(at(70_001), "41");
    assert_eq!((bench.session.reels.len(), bench.session.tracks.len()), (0, 0));
}
