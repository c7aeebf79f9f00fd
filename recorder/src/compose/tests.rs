//! A recording of coloured pictures and tones, written by the recorder's own muxer, composed and decoded again.

mod layers;

use super::*;
use crate::fixture;
use crate::manifest::{Audio, Cause, File, Gap, Participant, Shows, Video};
use crate::mux::{self, Muxer, Role};
use matroska_demuxer::{Frame, MatroskaFile, TrackType};
use std::io::BufReader;
use std::process::Command;
use volley::control::types::Codec;

const SIZE: (usize, usize) = (320, 180);
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const GREEN: [u8; 3] = [0, 128, 0];

/// A folder of recordings with one in it, and a place to compose into.
struct Bench {
    root: tempfile::TempDir,
    manifest: Manifest,
}

impl Bench {
    fn new() -> Bench {
        let manifest = Manifest {
            recording_id: "1-2".to_owned(),
            ended_at: Some(6_001),
            state: State::Complete,
            ..fixture::manifest()
        };
        let bench = Bench { root: tempfile::tempdir().unwrap(), manifest };
        std::fs::create_dir_all(bench.root.path().join("recordings/1-2")).unwrap();
        bench
    }

    fn person(&mut self, id: &str, from_ms: u64, to_ms: Option<u64>) {
        self.manifest.participants.push(Participant {
            participant_name: format!("Person {id}: it’s 100 %"),
            from_ms,
            to_ms,
            ..fixture::participant(id)
        });
    }

    /// A file of one colour, with a tone of this pitch where there is one.
    fn file(&mut self, whose: (&str, Shows), colour: &str, pitch: Option<u32>, from: i64, to: i64) {
        let bytes = remuxed(&made(self.root.path(), colour, pitch, to - from), to - from);
        self.write(whose, &bytes, (from, to), pitch.is_some());
    }

    fn write(&mut self, (id, shows): (&str, Shows), bytes: &[u8], (from, to): (i64, i64), has_sound: bool) {
        let name = format!("{id}-{}-1.webm", if shows == Shows::Camera { "camera" } else { "screen" });
        std::fs::write(self.root.path().join("recordings/1-2").join(&name), bytes).unwrap();
        self.manifest.files.push(File {
            participant_id: id.to_owned(),
            shows,
            offset_ms: from,
            duration_ms: to - from,
            bytes: bytes.len() as u64,
            is_finished: true,
            video: Some(Video { codec: "VP8".to_owned(), width: 160, height: 90, frames: 1 }),
            audio: has_sound.then(|| Audio { codec: "opus".to_owned(), frames: 1 }),
            ..fixture::file(&name)
        });
    }

    fn gap(&mut self, file: usize, of: &str, cause: Cause, at_ms: i64, length_ms: i64) {
        let gap = Gap { at_ms, length_ms, of: of.to_owned(), cause, packets: 0 };
        self.manifest.files[file].gaps.push(gap);
    }

    fn wish(&self, view: View, container: Container) -> Wish {
        let output = self.root.path().join(format!("composed.{}", container.extension()));
        Wish { view, container, size: SIZE, output, replaces: false }
    }

    fn compose(&self, wish: &Wish, is_stopped: bool) -> Result<f64, Failure> {
        let is_stopped = AtomicBool::new(is_stopped);
        let mut last = 0.0;
        let mut progress = |done| {
            assert!(done >= last && done <= 1.0, "from {last} to {done}");
            last = done;
        };
        let mut watch = Watch { progress: &mut progress, is_stopped: &is_stopped };
        let folder = Folder::new(self.root.path().join("recordings"));
        compose(&Ffmpeg::find("ffmpeg").unwrap(), &folder, &self.manifest, wish, &mut watch)?;
        Ok(last)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.root.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name.starts_with("composed"));
        names
    }
}

fn made(folder: &Path, colour: &str, pitch: Option<u32>, ms: i64) -> PathBuf {
    let path = folder.join(format!("source-{colour}.webm"));
    let (picture, lasts) = (format!("color=c={colour}:s=160x90:r=10"), sound::seconds(ms));
    let tone = format!("sine=f={}:r=48000", pitch.unwrap_or(440));
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i", &picture]);
    if pitch.is_some() {
        command.args(["-f", "lavfi", "-i", &tone, "-c:a", "libopus"]);
    }
    command.args(["-t", &lasts, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "25"]);
    assert!(command.arg(&path).status().unwrap().success());
    path
}

/// The same frames, as the recorder writes them.
fn remuxed(from: &Path, length: i64) -> Vec<u8> {
    let mut source = MatroskaFile::open(BufReader::new(std::fs::File::open(from).unwrap())).unwrap();
    let of = |kind| source.tracks().iter().find(|track| track.track_type() == kind);
    let sound = of(TrackType::Audio).map(|track| track.track_number().get());
    let audio = sound.map(|_| mux::Audio { channels: 2 });
    let video = mux::Video { codec: Codec::Vp8, size: (160, 90), parameters: Vec::new() };
    let (mut muxer, mut bytes) = Muxer::new(audio.as_ref(), Some(&video));
    let mut frame = Frame::default();
    while source.next_frame(&mut frame).unwrap() {
        let (role, lasts) = if Some(frame.track) == sound { (Role::Audio, 20) } else { (Role::Video, 100) };
        let ms = (frame.timestamp as i64).min(length);
        let is_key = frame.is_keyframe.unwrap_or(true);
        bytes.extend(muxer.push(role, ms, lasts, is_key, &frame.data).into_iter().flatten());
    }
    finished(muxer, bytes)
}

/// A whole file.
fn finished(mut muxer: Muxer, mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(muxer.flush().into_iter().flatten());
    for patch in muxer.finish() {
        let at = patch.at as usize;
        bytes.resize(bytes.len().max(at + patch.bytes.len()), 0);
        bytes[at..at + patch.bytes.len()].copy_from_slice(&patch.bytes);
    }
    bytes
}

fn output(program: &str, words: &[&str]) -> Vec<u8> {
    let told = Command::new(program).args(["-v", "error"]).args(words).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    told.stdout
}

/// The colour of a point at some second.
fn colour(path: &Path, second: &str, (x, y): (usize, usize)) -> [u8; 3] {
    let path = path.to_str().unwrap();
    let words = ["-ss", second, "-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
    let bytes = output("ffmpeg", &words);
    let at = (y * SIZE.0 + x) * 3;
    [bytes[at], bytes[at + 1], bytes[at + 2]]
}

fn is_like(seen: [u8; 3], wanted: [u8; 3]) -> bool {
    seen.iter().zip(wanted).all(|(seen, wanted)| seen.abs_diff(wanted) < 40)
}

#[track_caller]
fn assert_shown(path: &Path, second: &str, points: &[((usize, usize), [u8; 3])]) {
    for (point, wanted) in points {
        let seen = colour(path, second, *point);
        assert!(is_like(seen, *wanted), "at {second} s {point:?} is {seen:?} instead of {wanted:?}");
    }
}

/// How loud it is between two seconds.
fn loudness(path: &Path, from: &str, to: &str) -> f64 {
    let path = path.to_str().unwrap();
    let words = ["-ss", from, "-to", to, "-i", path, "-map", "0:a", "-ac", "1", "-f", "f32le", "-"];
    let bytes = output("ffmpeg", &words);
    let (samples, _) = bytes.as_chunks::<4>();
    let energy: f64 = samples.iter().map(|sample| f64::from(f32::from_le_bytes(*sample)).powi(2)).sum();
    (energy / samples.len().max(1) as f64).sqrt()
}

fn probed(path: &Path) -> (Vec<String>, f64) {
    let words = [
        "-show_entries",
        "stream=codec_name:format=duration",
        "-of",
        "default=nw=1:nk=1",
        path.to_str().unwrap(),
    ];
    let text = String::from_utf8(output("ffprobe", &words)).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let duration = lines.pop().unwrap().parse().unwrap();
    (lines, duration)
}

/// A recording of which nothing is decoded.
fn unread() -> Bench {
    let mut bench = Bench::new();
    bench.person("2", 0, None);
    bench.write(("2", Shows::Camera), b"no pictures", (0, 6_000), true);
    bench
}

/// Ada in red all the time, whose camera is off for half a second; Ben in blue, who comes after two seconds and
/// goes after five; and Ada's screen in green from the fourth second on.
fn meeting() -> Bench {
    let mut bench = Bench::new();
    bench.person("1", 0, None);
    bench.person("2", 2_000, Some(5_000));
    bench.file(("1", Shows::Camera), "red", Some(440), 0, 6_000);
    bench.file(("2", Shows::Camera), "blue", None, 2_000, 5_000);
    bench.file(("1", Shows::Screen), "green", None, 4_000, 6_000);
    bench.gap(0, "video", Cause::Muted, 1_000, 500);
    bench.gap(0, "audio", Cause::Muted, 3_000, 1_500);
    bench
}

#[test]
fn everybody_stands_where_and_when_the_manifest_has_them() {
    let bench = meeting();
    let wish = bench.wish(View::Grid, Container::WebM);
    assert!(bench.compose(&wish, false).unwrap() > 0.9);
    let (codecs, duration) = probed(&wish.output);
    assert_eq!(codecs, ["vp9", "opus"]);
    assert!((5.9..=6.1).contains(&duration), "{duration} s");
    let at = |second, points: &[_]| assert_shown(&wish.output, second, points);
    let nobody = [36, 44, 50];
    at("0.5", &[((160, 90), RED), ((10, 10), RED)]);
    at("1.25", &[((160, 90), nobody)]);
    at("2.5", &[((80, 90), RED), ((240, 90), BLUE), ((160, 4), [7, 7, 7])]);
    at("4.5", &[((120, 90), GREEN), ((290, 70), RED), ((290, 106), BLUE)]);
    at("5.5", &[((120, 90), GREEN), ((290, 88), RED)]);
    assert!(loudness(&wish.output, "0.5", "2.5") > 0.03);
    assert!(loudness(&wish.output, "3.2", "4.3") < 0.005, "a muted microphone is silence");
    assert!(loudness(&wish.output, "4.7", "5.8") > 0.03);
    assert_eq!(bench.names(), ["composed.webm"]);
}

#[test]
fn who_speaks_is_large_and_the_other_one_small() {
    let mut bench = Bench::new();
    bench.person("1", 0, None);
    bench.person("2", 0, None);
    bench.file(("1", Shows::Camera), "red", None, 0, 2_000);
    bench.file(("2", Shows::Camera), "blue", Some(440), 0, 2_000);
    bench.manifest.ended_at = Some(1_002_000);
    let wish = bench.wish(View::Speaker, Container::Mp4);
    bench.compose(&wish, false).unwrap();
    assert_eq!(probed(&wish.output).0, ["h264", "aac"]);
    assert_shown(&wish.output, "1", &[((120, 90), BLUE), ((290, 88), RED)]);
}

#[test]
fn what_is_stopped_leaves_nothing_and_what_is_there_stays() {
    let bench = unread();
    let wish = bench.wish(View::Grid, Container::WebM);
    assert!(matches!(bench.compose(&wish, true), Err(Failure::Stopped)));
    assert!(bench.names().is_empty());
    std::fs::write(&wish.output, "mine").unwrap();
    assert!(matches!(bench.compose(&wish, false), Err(Failure::Exists(_))));
    assert_eq!(std::fs::read(&wish.output).unwrap(), b"mine");
    assert_eq!(bench.names(), ["composed.webm"]);
}

#[test]
fn without_ffmpeg_a_person_is_told_how_to_get_it() {
    let failure = Ffmpeg::find("/nowhere/ffmpeg").unwrap_err().to_string();
    assert!(failure.contains("/nowhere/ffmpeg") && failure.contains("apt-get install ffmpeg"), "{failure}");
}

#[test]
fn a_recording_that_goes_on_is_empty_or_lost_a_file_is_refused() {
    let mut bench = unread();
    let wish = bench.wish(View::Grid, Container::WebM);
    let lost = bench.root.path().join("recordings/1-2/2-camera-1.webm");
    std::fs::remove_file(&lost).unwrap();
    assert!(matches!(bench.compose(&wish, false), Err(Failure::NoFile(path, _)) if path == lost));
    bench.manifest.files[0].name = "../../secret".to_owned();
    assert!(matches!(bench.compose(&wish, false), Err(Failure::NoFile(..))));
    bench.manifest.files.clear();
    assert!(matches!(bench.compose(&wish, false), Err(Failure::Empty)));
    bench.manifest.room.e2ee = true;
    assert!(matches!(bench.compose(&wish, false), Err(Failure::Sealed(_))));
    bench.manifest.state = State::Recording;
    assert!(matches!(bench.compose(&wish, false), Err(Failure::GoesOn)));
    assert!(bench.names().is_empty());
}

#[test]
fn a_file_that_could_not_be_completed_is_left_out_and_the_others_are_composed() {
    let mut bench = Bench::new();
    bench.person("1", 0, None);
    bench.file(("1", Shows::Camera), "red", None, 0, 2_000);
    bench.write(("2", Shows::Camera), b"cut off", (0, 2_000), false);
    bench.manifest.state = State::Failed;
    bench.manifest.files[1].failure = Some("no space left".to_owned());
    bench.manifest.ended_at = Some(2_001);
    let wish = bench.wish(View::Grid, Container::WebM);
    bench.compose(&wish, false).unwrap();
    assert_shown(&wish.output, "1", &[((160, 90), RED), ((10, 10), RED)]);
    bench.manifest.files.remove(0);
    let failure = bench.compose(&Wish { replaces: true, ..wish }, false).unwrap_err().to_string();
    assert!(failure.contains("2-camera-1.webm: no space left"), "{failure}");
}

#[test]
fn who_publishes_two_cameras_is_there_with_both_and_once_while_one_goes_on_in_another_file() {
    let mut bench = Bench::new();
    bench.person("1", 0, None);
    for (number, offset_ms, duration_ms) in [(1, 0, 2_000), (1, 2_000, 4_000), (2, 1_000, 3_000)] {
        bench.manifest.files.push(File {
            participant_id: "1".to_owned(),
            number,
            offset_ms,
            duration_ms,
            video: Some(Video { codec: "VP8".to_owned(), width: 320, height: 180, frames: 1 }),
            ..fixture::file("1-camera-1.webm")
        });
    }
    let scenes = scene::plan(&Timeline::of(&bench.manifest), &[], View::Grid, SIZE);
    let sources = |scene: &scene::Scene| scene.tiles.iter().filter_map(|(tile, _)| tile.source).collect();
    let seen: Vec<(i64, Vec<usize>)> =
        scenes.iter().map(|scene| (scene.from_frame / 30, sources(scene))).collect();
    assert_eq!(seen, [(0, vec![0]), (1, vec![0, 2]), (2, vec![1, 2]), (4, vec![1])]);
}

#[test]
fn tiles_stay_inside_and_apart_however_many_there_are() {
    for (count, size) in
        (1..40).flat_map(|count| [(count, (1280, 720)), (count, (320, 480)), (count, (640, 64))])
    {
        let mut bench = Bench::new();
        for id in 0..count {
            bench.person(&id.to_string(), 0, None);
            bench.manifest.files.push(File {
                participant_id: id.to_string(),
                shows: if id == 30 { Shows::Screen } else { Shows::Camera },
                duration_ms: 6_000,
                is_finished: true,
                video: Some(Video { codec: "VP8".to_owned(), width: 320, height: 180, frames: 1 }),
                ..fixture::file(&format!("{id}-camera-1.webm"))
            });
        }
        let timeline = Timeline::of(&bench.manifest);
        for view in [View::Grid, View::Speaker] {
            let scenes = scene::plan(&timeline, &[(1_000, count / 2)], view, size);
            for scene in &scenes {
                assert!(!scene.tiles.is_empty());
                assert_apart(&scene.tiles.iter().map(|(_, rect)| *rect).collect::<Vec<_>>(), size);
            }
        }
    }
}

fn assert_apart(places: &[scene::Rect], (width, height): (usize, usize)) {
    for (number, one) in places.iter().enumerate() {
        assert!(one.x + one.width <= width && one.y + one.height <= height, "{one:?} of {width}x{height}");
        assert!([one.x, one.y, one.width, one.height].iter().all(|value| value % 2 == 0), "{one:?}");
        for other in &places[number + 1..] {
            let beside = one.x + one.width <= other.x || other.x + other.width <= one.x;
            let below = one.y + one.height <= other.y || other.y + other.height <= one.y;
            assert!(beside || below, "{one:?} and {other:?}");
        }
    }
}
