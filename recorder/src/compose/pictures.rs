//! All that was seen, frame by frame: each file is decoded once, at the largest size that it ever has.

use super::canvas::Frame;
use super::ffmpeg::{self, Decoder, Ffmpeg};
use super::label::Label;
use super::scene::{Rect, Scene, Tile, frame_at};
use super::sound::seconds;
use super::timeline::{Span, Timeline};
use super::{Container, FRAMES_PER_SECOND, Failure, SOUND_IS, Watch, Wish};
use crate::manifest::Shows;
use std::path::{Path, PathBuf};

/// A camera whose pictures have ended is seen for so long; a screen stays as it was.
const STAYS: i64 = 2 * FRAMES_PER_SECOND;

/// Smaller tiles have no name: it would fill them.
const NAMED_FROM: usize = 160;

/// What is painted.
pub(super) struct Painter<'a> {
    pub(super) ffmpeg: &'a Ffmpeg,
    pub(super) timeline: &'a Timeline,
    pub(super) files: &'a [PathBuf],
    pub(super) scenes: &'a [Scene],
    pub(super) labels: &'a [Option<Label>],
}

/// Some pictures of a file without an interruption.
struct Run {
    source: usize,
    span: Span,
    first_frame: i64,
    end_frame: i64,
    size: (usize, usize),
}

/// A run that is being decoded.
struct Running {
    run: Run,
    decoder: Decoder,
    next: Frame,
    shown: Frame,
    has_picture: bool,
    ended_at: Option<i64>,
}

impl Painter<'_> {
    /// Paints the whole recording into a file, with its sound beside.
    pub(super) fn paint(
        &self,
        wish: &Wish,
        track: &Path,
        to: &Path,
        watch: &mut Watch<'_>,
    ) -> Result<(), Failure> {
        let mut encoder = self.ffmpeg.encode(&words(wish, track)?, to)?;
        let mut waiting = self.runs();
        let mut running: Vec<Running> = Vec::new();
        let mut canvas = Frame::new(wish.size.0, wish.size.1);
        let frames = frame_at(self.timeline.length_ms).max(1);
        for frame in 0..frames {
            watch.tell(SOUND_IS + (1.0 - SOUND_IS) * frame as f64 / frames as f64)?;
            while waiting.last().is_some_and(|run| run.first_frame <= frame) {
                if let Some(run) = waiting.pop() {
                    running.push(self.start(run)?);
                }
            }
            running.retain(|one| one.run.end_frame > frame);
            running.iter_mut().for_each(|one| one.advance(frame, self.timeline));
            self.show(frame, &running, &mut canvas);
            encoder.write(&canvas.bytes)?;
        }
        encoder.finish()
    }

    /// What is ever seen, the last one first.
    fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for (source, known) in self.timeline.sources.iter().enumerate() {
            let places = self.scenes.iter().flat_map(|scene| &scene.tiles);
            let sizes = places
                .filter(|(tile, _)| tile.source == Some(source))
                .map(|(_, rect)| (rect.width, rect.height));
            let Some(size) = sizes.max() else { continue };
            let frames = known.pictures.iter().map(|span| Run {
                source,
                span: *span,
                first_frame: frame_at(span.from),
                end_frame: frame_at(span.to),
                size,
            });
            runs.extend(frames);
        }
        runs.sort_by_key(|run| std::cmp::Reverse(run.first_frame));
        runs
    }

    fn start(&self, run: Run) -> Result<Running, Failure> {
        let begin = run.span.from - self.timeline.sources[run.source].offset_ms;
        // The frame is that of its own moment, not of the run's first one.
        let early = run.first_frame as f64 / FRAMES_PER_SECOND as f64 - run.span.from as f64 / 1_000.0;
        let (width, height) = run.size;
        let filter = format!(
            "setpts=PTS-{early:.6}/TB,scale={width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2,\
             pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,format=yuv420p"
        );
        let (begin, lasts) = (seconds(begin), seconds(run.span.to - run.span.from));
        let input = ffmpeg::input(&self.files[run.source])?;
        let rate = FRAMES_PER_SECOND.to_string();
        // Not the filter of that name, which begins anew whenever the picture's size changes.
        let steady = ["-fps_mode", "cfr", "-r", &rate, "-f", "rawvideo"];
        // ffmpeg's own decoder of VP9 shows each spatial layer of a picture, libvpx the largest alone.
        let is_vp9 = self.timeline.sources[run.source].is_vp9;
        let decoder: &[&str] = if is_vp9 { &["-c:v", "libvpx-vp9"] } else { &[] };
        let words = ["-ss", &begin, "-t", &lasts, "-i", &input, "-map", "0:v:0", "-an", "-vf", &filter];
        let words: Vec<String> =
            decoder.iter().chain(&words).chain(&steady).map(|word| (*word).to_owned()).collect();
        let decoder = self.ffmpeg.decode(&words)?;
        let (next, shown) = (Frame::new(width, height), Frame::new(width, height));
        Ok(Running { run, decoder, next, shown, has_picture: false, ended_at: None })
    }

    fn show(&self, frame: i64, running: &[Running], canvas: &mut Frame) {
        let Some(scene) = self.scenes.iter().rev().find(|scene| scene.from_frame <= frame) else { return };
        if scene.from_frame == frame {
            canvas.clear();
        }
        for (tile, rect) in &scene.tiles {
            let of = |one: &&Running| Some(one.run.source) == tile.source && one.has_picture;
            match running.iter().find(of) {
                Some(one) => canvas.paint(*rect, &one.shown),
                None => canvas.leave_empty(*rect),
            }
            self.name(*tile, *rect, canvas);
        }
    }

    fn name(&self, tile: Tile, rect: Rect, canvas: &mut Frame) {
        if let Some(Some(label)) = self.labels.get(tile.person).filter(|_| rect.width >= NAMED_FROM) {
            canvas.write(rect, label);
        }
    }
}

impl Running {
    /// Goes on to the next frame; where there is none any more, to what is seen then.
    fn advance(&mut self, frame: i64, timeline: &Timeline) {
        if let Some(ended_at) = self.ended_at {
            let stays = timeline.sources[self.run.source].shows == Shows::Screen;
            self.has_picture &= stays || frame - ended_at < STAYS;
        } else if self.decoder.fill(&mut self.next.bytes) == self.next.bytes.len() {
            std::mem::swap(&mut self.next, &mut self.shown);
            self.has_picture = true;
        } else {
            self.ended_at = Some(frame);
        }
    }
}

fn words(wish: &Wish, track: &Path) -> Result<Vec<String>, Failure> {
    let (size, rate) = (format!("{}x{}", wish.size.0, wish.size.1), FRAMES_PER_SECOND.to_string());
    let track = ffmpeg::input(track)?;
    let plain =
        ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", &size, "-r", &rate, "-i", "pipe:0", "-i", &track];
    // A key frame every five seconds: seeking takes no longer than that.
    let common = ["-map", "0:v", "-map", "1:a", "-c:a", "copy", "-pix_fmt", "yuv420p", "-g", "150"];
    let codec: &[&str] = match wish.container {
        Container::WebM => &[
            "-c:v",
            "libvpx-vp9",
            "-deadline",
            "realtime",
            "-cpu-used",
            "8",
            "-row-mt",
            "1",
            "-crf",
            "33",
            "-b:v",
            "0",
            "-f",
            "webm",
        ],
        Container::Mp4 => {
            &["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-movflags", "+faststart", "-f", "mp4"]
        }
    };
    Ok(plain.iter().chain(&common).chain(codec).map(|word| (*word).to_owned()).collect())
}
