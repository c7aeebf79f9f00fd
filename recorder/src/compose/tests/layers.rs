//! A camera that sends VP9 with two spatial layers, each of another colour.

use super::*;
use crate::depacketise::append_index;

const SECONDS: usize = 3;
const PER_SECOND: usize = 10;

/// Pictures of one colour and size, each a key frame.
fn encoded(folder: &Path, colour: &str, size: &str) -> Vec<Vec<u8>> {
    let path = folder.join(format!("layer-{colour}.webm"));
    let (picture, lasts) = (format!("color=c={colour}:s={size}:r={PER_SECOND}"), SECONDS.to_string());
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i", &picture, "-t", &lasts, "-c:v", "libvpx-vp9"]);
    command.args(["-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-g", "0"]);
    assert!(command.arg(&path).status().unwrap().success());
    let mut source = MatroskaFile::open(BufReader::new(std::fs::File::open(path).unwrap())).unwrap();
    let (mut frame, mut frames) = (Frame::default(), Vec::new());
    while source.next_frame(&mut frame).unwrap() {
        frames.push(frame.data.clone());
    }
    frames
}

#[test]
fn of_spatial_layers_the_largest_alone_is_seen() {
    let mut bench = Bench::new();
    bench.person("1", 0, None);
    let [lower, upper] =
        [("red", "80x46"), ("blue", "160x90")].map(|(colour, size)| encoded(bench.root.path(), colour, size));
    assert_eq!((lower.len(), upper.len()), (SECONDS * PER_SECOND, SECONDS * PER_SECOND));
    let video = mux::Video { codec: Codec::Vp9, size: (160, 90), parameters: Vec::new() };
    let (mut muxer, mut bytes) = Muxer::new(None, Some(&video));
    for (place, (lower, upper)) in lower.iter().zip(&upper).enumerate() {
        let mut data = [&lower[..], upper].concat();
        append_index(&mut data, &[0, lower.len()]);
        let done = muxer.push(Role::Video, (place * 1_000 / PER_SECOND) as i64, 100, true, &data);
        bytes.extend(done.into_iter().flatten());
    }
    bench.write(("1", Shows::Camera), &finished(muxer, bytes), (0, 1_000 * SECONDS as i64), false);
    bench.manifest.files[0].video.as_mut().unwrap().codec = "VP9".to_owned();
    let wish = bench.wish(View::Grid, Container::WebM);
    bench.compose(&wish, false).unwrap();
    for second in ["0.3", "0.9", "1.5", "2.1", "2.7"] {
        assert_shown(&wish.output, second, &[((160, 60), BLUE)]);
    }
}
