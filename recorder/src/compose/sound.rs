//! All that was heard, as one track, and who was loud when.

use super::ffmpeg::{self, Decoder, Ffmpeg};
use super::speakers::{STEP_MS, Speakers};
use super::timeline::{Span, Timeline};
use super::{Container, Failure, SOUND_IS, Watch};
use std::path::{Path, PathBuf};

/// Samples a millisecond, in each of both channels.
const PER_MS: i64 = 48;
const CHANNELS: usize = 2;
const SAMPLE_BYTES: usize = 4;

/// Above it sound is bent instead of cut: several who talk at once are louder than full scale.
const KNEE: f32 = 0.9;

/// Some sound without an interruption.
struct Run<'a> {
    source: usize,
    span: Span,
    file: &'a Path,
    decoder: Option<Decoder>,
}

/// Mixes everybody's sound into a file, and says who spoke from when on.
pub(super) fn mix(
    ffmpeg: &Ffmpeg,
    timeline: &Timeline,
    files: &[PathBuf],
    container: Container,
    to: &Path,
    watch: &mut Watch<'_>,
) -> Result<Vec<(i64, usize)>, Failure> {
    let mut runs = runs(timeline, files);
    let mut speakers = Speakers::new(timeline.people.len());
    let mut encoder = ffmpeg.encode(&words(container), to)?;
    let mut step = vec![0.0f32; (STEP_MS * PER_MS) as usize * CHANNELS];
    let mut bytes = Vec::with_capacity(step.len() * SAMPLE_BYTES);
    let mut at = 0;
    while at < timeline.length_ms {
        watch.tell(SOUND_IS * at as f64 / timeline.length_ms as f64)?;
        let now = Span { from: at, to: (at + STEP_MS).min(timeline.length_ms) };
        let used = ((now.to - now.from) * PER_MS) as usize * CHANNELS;
        step.fill(0.0);
        let mut loudness = vec![0.0f32; timeline.people.len()];
        for run in &mut runs {
            let energy = run.add(ffmpeg, timeline, now, &mut step)?;
            loudness[timeline.sources[run.source].owner] += energy;
        }
        runs.retain(|run| run.span.to > now.to);
        loudness.iter_mut().for_each(|energy| *energy = (*energy / used as f32).sqrt());
        speakers.hear(&loudness);
        bytes.clear();
        bytes.extend(step[..used].iter().flat_map(|sample| soft(*sample).to_le_bytes()));
        encoder.write(&bytes)?;
        at = now.to;
    }
    encoder.finish()?;
    Ok(speakers.changes())
}

fn runs<'a>(timeline: &Timeline, files: &'a [PathBuf]) -> Vec<Run<'a>> {
    let of = |(source, known): (usize, &super::timeline::Source)| {
        let run = move |span: &Span| Run { source, span: *span, file: &files[source], decoder: None };
        known.sounds.iter().map(run).collect::<Vec<_>>()
    };
    timeline.sources.iter().enumerate().flat_map(of).collect()
}

impl Run<'_> {
    /// Adds what belongs into this step; how much energy that has.
    fn add(
        &mut self,
        ffmpeg: &Ffmpeg,
        timeline: &Timeline,
        now: Span,
        step: &mut [f32],
    ) -> Result<f32, Failure> {
        let (from, to) = (self.span.from.max(now.from), self.span.to.min(now.to));
        if from >= to {
            return Ok(0.0);
        }
        if self.decoder.is_none() {
            let begin = self.span.from - timeline.sources[self.source].offset_ms;
            self.decoder = Some(ffmpeg.decode(&self.words(begin)?)?);
        }
        let Some(decoder) = &mut self.decoder else { return Ok(0.0) };
        let first = ((from - now.from) * PER_MS) as usize * CHANNELS;
        let mut bytes = vec![0; ((to - from) * PER_MS) as usize * CHANNELS * SAMPLE_BYTES];
        let filled = decoder.fill(&mut bytes);
        let (samples, _) = bytes[..filled].as_chunks::<SAMPLE_BYTES>();
        let mut energy = 0.0;
        for (into, sample) in step[first..].iter_mut().zip(samples) {
            let sample = f32::from_le_bytes(*sample);
            *into += sample;
            energy += sample * sample;
        }
        Ok(energy)
    }

    fn words(&self, begin_ms: i64) -> Result<Vec<String>, Failure> {
        let (begin, lasts) = (seconds(begin_ms), seconds(self.span.to - self.span.from));
        // Packets that are missing leave silence of their length.
        let filter = "aresample=async=1:min_hard_comp=0.01:first_pts=0";
        let input = ffmpeg::input(self.file)?;
        let words = ["-ss", &begin, "-t", &lasts, "-i", &input, "-map", "0:a:0", "-vn", "-af", filter];
        let plain = ["-ac", "2", "-ar", "48000", "-f", "f32le"];
        Ok(words.iter().chain(&plain).map(|word| (*word).to_owned()).collect())
    }
}

pub(super) fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

fn words(container: Container) -> Vec<String> {
    let plain = ["-f", "f32le", "-ar", "48000", "-ac", "2", "-i", "pipe:0"];
    let codec: &[&str] = match container {
        Container::WebM => &["-c:a", "libopus", "-b:a", "96k"],
        Container::Mp4 => &["-c:a", "aac", "-b:a", "128k"],
    };
    plain.iter().chain(codec).chain(&["-f", "matroska"]).map(|word| (*word).to_owned()).collect()
}

fn soft(sample: f32) -> f32 {
    let over = sample.abs() - KNEE;
    if over <= 0.0 { sample } else { (KNEE + (1.0 - KNEE) * (over / (1.0 - KNEE)).tanh()).copysign(sample) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_loud_is_bent_and_the_rest_is_as_it_was() {
        assert_eq!([soft(0.0), soft(0.5), soft(-0.9)], [0.0, 0.5, -0.9]);
        assert!(soft(3.0) <= 1.0 && soft(-3.0) >= -1.0 && soft(1.0) > 0.9 && soft(1.2) > soft(1.0));
    }

    #[test]
    fn times_are_written_as_ffmpeg_reads_them() {
        assert_eq!([seconds(0), seconds(1_002), seconds(3_600_040)], ["0.000", "1.002", "3600.040"]);
    }
}
