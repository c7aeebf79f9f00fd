//! Frames of real encoders, sealed and dressed as pages do, written as the recorder writes them, opened, and
//! decoded by ffmpeg: what comes out is what went in.

use super::sframe::sealing::quick;
use super::*;
use crate::fixture;
use crate::manifest::{Audio, Video};
use std::process::Command;

const PASSPHRASE: &str = "correct horse battery staple";
const CAMERA: u64 = 1 << 63 | 77 << 14 | 1 << 12;
const MICROPHONE: u64 = 1 << 63 | 77 << 14;

/// A recording of one file, made of what an encoder of ffmpeg's makes.
struct Bench {
    root: tempfile::TempDir,
    manifest: Manifest,
    /// What the encoder made.
    source: PathBuf,
}

impl Bench {
    fn new(codec: Codec, encoder: &[&str]) -> Bench {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("recordings/1-2")).unwrap();
        let source = root.path().join("source.mkv");
        let mut command = Command::new("ffmpeg");
        command.args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=s=128x96:r=10",
            "-f",
            "lavfi",
            "-i",
            "sine=f=440",
        ]);
        command.args(["-t", "2", "-c:a", "libopus", "-pix_fmt", "yuv420p", "-c:v"]).args(encoder);
        assert!(command.arg(&source).status().unwrap().success());
        let extension = mux::extension(Some(codec));
        let name = format!("7-camera-1.{extension}");
        let file = File {
            participant_id: "7".to_owned(),
            duration_ms: 2_000,
            is_finished: true,
            video: Some(Video { codec: name_of(codec).to_owned(), width: 128, height: 96, frames: 20 }),
            audio: Some(Audio { codec: "opus".to_owned(), frames: 100 }),
            ..fixture::file(&name)
        };
        let mut manifest = Manifest {
            recording_id: "1-2".to_owned(),
            ended_at: Some(2_001),
            state: State::Complete,
            participants: vec![fixture::participant("7")],
            files: vec![file],
            ..fixture::manifest()
        };
        manifest.room.e2ee = true;
        seal(&source, &root.path().join("recordings/1-2").join(name), codec);
        Bench { root, manifest, source }
    }

    fn decrypt(&self, passphrase: &str) -> Result<Opened, Failure> {
        let folder = Folder::new(self.root.path().join("recordings"));
        let opener = quick(passphrase, "room");
        decrypt_with(opener, &folder, &self.manifest, &self.to(), &AtomicBool::new(false))
    }

    fn to(&self) -> PathBuf {
        self.root.path().join("1-2-open")
    }
}

fn name_of(codec: Codec) -> &'static str {
    match codec {
        Codec::Vp8 => "VP8",
        Codec::Vp9 => "VP9",
        Codec::H264 => "H264",
        Codec::Av1 => "AV1",
        Codec::Opus => "opus",
    }
}

/// As a page would have sent it and the recorder written it.
fn seal(from: &Path, to: &Path, codec: Codec) {
    let mut source = MatroskaFile::open(BufReader::new(fs::File::open(from).unwrap())).unwrap();
    let tracks = tracks(&source);
    let picture = tracks.video.unwrap();
    let parameters = if matches!(codec, Codec::H264 | Codec::Av1) { picture.parameters } else { Vec::new() };
    let video = mux::Video { codec, size: picture.size, parameters: parameters.clone() };
    let (mut muxer, mut bytes) = Muxer::new(Some(&mux::Audio { channels: 2 }), Some(&video));
    let (mut frame, mut page, mut counter) = (Frame::default(), quick(PASSPHRASE, "room"), 0);
    while source.next_frame(&mut frame).unwrap() {
        counter += 1;
        let is_sound = Some(frame.track) == tracks.audio;
        let (role, data) = if is_sound {
            (Role::Audio, [&[0xff][..], &page.seal(MICROPHONE | 1, counter, 0, &frame.data)].concat())
        } else {
            let is_key = frame.is_keyframe.unwrap();
            let plain = if codec == Codec::H264 {
                annex_b(&frame.data, is_key.then_some(&parameters[..]))
            } else {
                frame.data.clone()
            };
            let metadata = match codec {
                Codec::Vp8 => 1,
                Codec::Vp9 => 2,
                Codec::H264 => 3,
                _ => 4,
            };
            let sealed = page.seal(CAMERA | 1, counter, metadata, &plain);
            (Role::Video, dress(codec, &frame.data, &plain, &sealed, is_key))
        };
        let is_key = is_sound || frame.is_keyframe.unwrap();
        bytes.extend(muxer.push(role, frame.timestamp as i64, 20, is_key, &data).into_iter().flatten());
    }
    bytes.extend(muxer.flush().into_iter().flatten());
    fs::write(to, &bytes).unwrap();
    let file = fs::OpenOptions::new().write(true).open(to).unwrap();
    muxer.finish().iter().for_each(|patch| file.write_all_at(&patch.bytes, patch.at).unwrap());
}

fn dress(codec: Codec, stored: &[u8], plain: &[u8], sealed: &[u8], is_key: bool) -> Vec<u8> {
    match codec {
        Codec::Vp8 => {
            let tag = [0xe0 | plain[0] & 0x1f, 0xff, 0xff];
            if is_key { [&tag, &plain[3..10], sealed].concat() } else { [&tag, sealed].concat() }
        }
        Codec::Av1 => {
            let mut data = Vec::new();
            if is_key && stored[0] >> 3 & 0x0f == 1 {
                let length = usize::from(stored[1]);
                data.extend(&stored[..2 + length]);
            }
            data.push(0x32);
            crate::depacketise::put_leb128(&mut data, sealed.len());
            [data, sealed.to_vec()].concat()
        }
        Codec::H264 => {
            let front = [0x65, 0, 0, 0xf, 0xff, 0xfe, 0x11, 0xff, 0xff];
            let mut slice = front.to_vec();
            let mut zeros = 0;
            for &byte in sealed {
                if zeros >= 2 && byte <= 3 {
                    slice.push(3);
                    zeros = 0;
                }
                slice.push(byte);
                zeros = if byte == 0 { zeros + 1 } else { 0 };
            }
            slice.push(0x80);
            let set = [0x67, 0x42, 0xc0, 0x1e];
            [&4u32.to_be_bytes()[..], &set, &(slice.len() as u32).to_be_bytes(), &slice].concat()
        }
        Codec::Vp9 | Codec::Opus => sealed.to_vec(),
    }
}

/// As encoders give it to pages: with start codes, and with parameter sets before a key frame.
fn annex_b(stored: &[u8], parameters: Option<&[u8]>) -> Vec<u8> {
    let mut stream = Vec::new();
    if let Some(avcc) = parameters {
        let sps = usize::from(u16::from_be_bytes([avcc[6], avcc[7]]));
        let pps = usize::from(u16::from_be_bytes([avcc[9 + sps], avcc[10 + sps]]));
        for set in [&avcc[8..8 + sps], &avcc[11 + sps..11 + sps + pps]] {
            stream.extend([&[0, 0, 0, 1], set].concat());
        }
    }
    let mut rest = stored;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (unit, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        stream.extend([&[0, 0, 1], unit].concat());
        rest = after;
    }
    stream
}

/// All pictures, decoded.
fn decoded(path: &Path) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(path);
    command.args(["-map", "0:v", "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"]);
    let told = command.output().unwrap();
    assert!(told.status.success() && told.stderr.is_empty(), "{}", String::from_utf8_lossy(&told.stderr));
    told.stdout
}

fn is_opened_whole(codec: Codec, encoder: &[&str]) {
    let bench = Bench::new(codec, encoder);
    let opened = bench.decrypt(PASSPHRASE).unwrap();
    assert!(opened.opened >= 110 && opened.closed == 0, "{opened:?}");
    let text = fs::read(bench.to().join("manifest.json")).unwrap();
    let manifest: Manifest = serde_json::from_slice(&text).unwrap();
    assert_eq!((manifest.recording_id.as_str(), manifest.room.e2ee), ("1-2-open", false));
    let file = bench.to().join(&manifest.files[0].name);
    let (before, after) = (decoded(&bench.source), decoded(&file));
    assert_eq!(before.len(), 20 * 128 * 96 * 3 / 2);
    assert!(before == after, "every point of every picture is as it was");
    let mut sound = Command::new("ffmpeg");
    sound.args(["-v", "error", "-i"]).arg(&file).args(["-map", "0:a", "-f", "s16le", "-"]);
    let sound = sound.output().unwrap();
    assert!(sound.status.success() && sound.stderr.is_empty() && sound.stdout.len() > 180_000);
    assert!(!bench.root.path().join("1-2-open.part").exists());
}

#[test]
fn vp8_is_opened_whole() {
    is_opened_whole(Codec::Vp8, &["libvpx", "-deadline", "realtime", "-cpu-used", "8"]);
}

#[test]
fn vp9_is_opened_whole() {
    is_opened_whole(Codec::Vp9, &["libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]);
}

#[test]
fn h264_is_opened_whole() {
    is_opened_whole(
        Codec::H264,
        &["libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-x264-params", "sliced-threads=0"],
    );
}

#[test]
fn av1_is_opened_whole() {
    is_opened_whole(
        Codec::Av1,
        &["libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0"],
    );
}

#[test]
fn a_wrong_passphrase_opens_nothing_and_leaves_nothing() {
    let bench = Bench::new(Codec::Vp8, &["libvpx", "-deadline", "realtime", "-cpu-used", "8"]);
    assert!(matches!(bench.decrypt("another one"), Err(Failure::Wrong(room)) if room == "room"));
    assert!(!bench.to().exists() && !bench.root.path().join("1-2-open.part").exists());
    fs::create_dir(bench.to()).unwrap();
    assert!(matches!(bench.decrypt(PASSPHRASE), Err(Failure::Exists(_))));
}

#[test]
fn what_was_never_sealed_or_goes_on_is_refused() {
    let mut bench = Bench::new(Codec::Vp8, &["libvpx", "-deadline", "realtime", "-cpu-used", "8"]);
    let folder = Folder::new(bench.root.path().join("recordings"));
    let to = bench.to();
    let decrypt = |manifest: &Manifest| decrypt(&folder, manifest, PASSPHRASE, &to, &AtomicBool::new(false));
    bench.manifest.state = State::Recording;
    assert!(matches!(decrypt(&bench.manifest), Err(Failure::GoesOn)));
    bench.manifest.room.e2ee = false;
    assert!(matches!(decrypt(&bench.manifest), Err(Failure::NotSealed)));
}

#[test]
fn layers_of_one_picture_are_opened_each() {
    let (mut page, mut holder) = (quick(PASSPHRASE, "room"), quick(PASSPHRASE, "room"));
    let mut dressed = page.seal(CAMERA, 1, 2, b"lower");
    let begins = [0, dressed.len()];
    dressed.extend(page.seal(CAMERA, 2, 2, b"higher"));
    crate::depacketise::append_index(&mut dressed, &begins);
    let plain = undress::open(&mut holder, Codec::Vp9, &dressed).unwrap();
    assert!(plain.starts_with(b"lowerhigher") && plain.len() > 11, "an index follows");
    let unit = |sealed: Vec<u8>| [&[0x32, sealed.len() as u8][..], &sealed].concat();
    let (lower, higher) = ([0x12, 0, 0x32, 2, 7, 7], [0x36, 8, 1, 9]);
    let dressed = [unit(page.seal(CAMERA, 3, 4, &lower)), unit(page.seal(CAMERA, 4, 4, &higher))].concat();
    let plain = undress::open(&mut holder, Codec::Av1, &dressed).unwrap();
    assert_eq!(plain, [0x32, 2, 7, 7, 0x36, 8, 1, 9]);
}

#[test]
fn a_file_that_could_not_be_completed_is_left_out_and_the_others_are_opened() {
    let mut bench = Bench::new(Codec::Vp8, &["libvpx"]);
    let failed = File { failure: Some("no space left".to_owned()), ..fixture::file("8-camera-1.webm") };
    bench.manifest.files.push(failed);
    bench.manifest.state = State::Failed;
    assert!(bench.decrypt(PASSPHRASE).unwrap().opened > 0);
    let opened: Manifest =
        serde_json::from_slice(&fs::read(bench.to().join("manifest.json")).unwrap()).unwrap();
    assert_eq!((opened.state, opened.files.len()), (State::Complete, 1));
    bench.manifest.files.remove(0);
    let failure = bench.decrypt(PASSPHRASE).unwrap_err().to_string();
    assert!(failure.contains("8-camera-1.webm: no space left"), "{failure}");
}
