//! One file of a reel, while it is written.

use super::Studio;
use crate::depacketise::Picture;
use crate::folder::Name;
use crate::layer::Timed;
use crate::manifest::{Audio, File, Shows, Video};
use crate::mux::{self, Muxer, Role};
use crate::output::Output;
use crate::settings::Segments;
use std::io;
use std::time::Duration;
use volley::base::Time;
use volley::control::types::Codec;

/// What has been gathered is written after so long, whether more comes or not.
pub(crate) const WRITE_AFTER: Duration = Duration::from_millis(500);

/// What is written is asked to be on the disk at once, but no more often than this: a publisher may send
/// nothing but key frames, each of which is written by itself.
pub(crate) const SYNC_EVERY: Duration = Duration::from_millis(200);

/// What a file is called and tells.
pub(super) struct Described<'a> {
    pub(super) name: Name,
    pub(super) owner: &'a str,
    /// And which of several.
    pub(super) shows: (Shows, u32),
    pub(super) continues: bool,
}

/// Whether a frame can be in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fit {
    Whole,
    /// The file has no sound, or no picture.
    NoTrack,
    OtherCodec,
    /// A decoder must know something else first than what the file says.
    OtherParameters,
}

#[derive(Debug)]
pub(super) struct Part {
    /// Its place in the manifest.
    entry: usize,
    muxer: Muxer,
    output: Output,
    /// The moment of its beginning.
    zero: i64,
    video: Option<mux::Video>,
    has_audio: bool,
    last_ms: [Option<i64>; 2],
    /// Since when something waits to be written.
    gathering_since: Option<Time>,
    next_sync: Time,
}

impl Part {
    pub(super) fn open(
        Described { name, owner, shows: (shows, which), continues }: Described<'_>,
        audio: Option<mux::Audio>,
        video: Option<mux::Video>,
        zero: i64,
        studio: &mut Studio<'_>,
    ) -> io::Result<Part> {
        let (muxer, header) = Muxer::new(audio.as_ref(), video.as_ref());
        let mut output = Output::new(studio.folder.create(&name)?);
        if let Err(error) = output.append(&header) {
            let _ = studio.folder.remove(&name);
            return Err(error);
        }
        // Told before anything else is written: a file that is cut off is found again.
        let entry = studio.manifest.files.len();
        let has_audio = audio.is_some();
        let file = File {
            offset_ms: (zero - studio.started) / 1_000_000,
            video: video.as_ref().map(|video| Video {
                codec: codec_name(video.codec).to_owned(),
                width: video.size.0,
                height: video.size.1,
                frames: 0,
            }),
            audio: has_audio.then(|| Audio { codec: codec_name(Codec::Opus).to_owned(), frames: 0 }),
            continues,
            number: which,
            ..File::begin(&name, owner, shows)
        };
        studio.manifest.files.push(file);
        *studio.is_changed = true;
        Ok(Part {
            entry,
            muxer,
            output,
            zero,
            video,
            has_audio,
            last_ms: [None; 2],
            gathering_since: None,
            next_sync: Time::ZERO,
        })
    }

    pub(super) fn entry(&self) -> usize {
        self.entry
    }

    pub(super) fn last_ms(&self, role: Role) -> Option<i64> {
        self.last_ms[super::place(role)]
    }

    /// Whether a frame can be in this file.
    pub(super) fn fit(&self, role: Role, timed: &Timed) -> Fit {
        match (role, &self.video) {
            (Role::Audio, _) => {
                if self.has_audio {
                    Fit::Whole
                } else {
                    Fit::NoTrack
                }
            }
            (Role::Video, None) => Fit::NoTrack,
            (Role::Video, Some(video)) if video.codec != timed.codec => Fit::OtherCodec,
            (Role::Video, Some(video)) => {
                if needs_other_head(video, &timed.frame.picture) {
                    Fit::OtherParameters
                } else {
                    Fit::Whole
                }
            }
        }
    }

    /// Whether it is as long as a segment may be.
    pub(super) fn is_longer_than(&self, segments: Segments) -> bool {
        let lasts = Duration::from_millis(self.muxer.duration_ms().max(0) as u64);
        segments.lasting.is_some_and(|most| lasts >= most)
            || segments.bytes.is_some_and(|most| self.output.length() >= most)
    }

    /// It cannot be written any further. Of one in which there is nothing nothing is left.
    pub(super) fn abandon(self, studio: &mut Studio<'_>) {
        let is_last = self.entry + 1 == studio.manifest.files.len();
        let file = &studio.manifest.files[self.entry];
        let name = Name::new(&file.name).filter(|_| is_last && file.duration_ms == 0);
        if name.is_some_and(|name| studio.folder.remove(&name).is_ok()) {
            studio.manifest.files.pop();
        }
    }

    /// Adds a frame; where in the file it came to lie.
    pub(super) fn append(
        &mut self,
        now: Time,
        role: Role,
        timed: &Timed,
        studio: &mut Studio<'_>,
    ) -> io::Result<i64> {
        let last = &mut self.last_ms[super::place(role)];
        let exact = (timed.at - self.zero + 500_000).div_euclid(1_000_000);
        // Time never goes back within a track, and no two frames have one moment.
        let ms = last.map_or(exact.max(0), |last| exact.max(last + 1));
        let lasts = match role {
            Role::Audio => opus_ms(&timed.frame.data),
            Role::Video => mux::picture_lasts(*last, ms),
        };
        *last = Some(ms);
        self.gathering_since.get_or_insert(now);
        let file = &mut studio.manifest.files[self.entry];
        match role {
            Role::Audio => file.audio.iter_mut().for_each(|audio| audio.frames += 1),
            Role::Video => file.video.iter_mut().for_each(|video| video.frames += 1),
        }
        let done = self.muxer.push(role, ms, lasts, timed.frame.is_key, &timed.frame.data);
        if let Some(bytes) = done {
            self.write(&bytes, studio)?;
            self.gathering_since = Some(now);
        }
        Ok(ms)
    }

    /// Writes what has waited long enough, and has it brought to the disk.
    pub(super) fn settle(&mut self, now: Time, studio: &mut Studio<'_>) -> io::Result<()> {
        if self.gathering_since.is_some_and(|since| now.since(since) >= WRITE_AFTER) {
            self.gathering_since = None;
            if let Some(bytes) = self.muxer.flush() {
                self.write(&bytes, studio)?;
            }
        }
        if now >= self.next_sync && self.output.sync(studio.syncer) {
            self.next_sync = now + SYNC_EVERY;
        }
        Ok(())
    }

    /// Completes the file.
    pub(super) fn close(&mut self, studio: &mut Studio<'_>) -> io::Result<()> {
        if let Some(bytes) = self.muxer.flush() {
            self.write(&bytes, studio)?;
        }
        for patch in self.muxer.finish() {
            self.output.write_at(&patch.bytes, patch.at)?;
        }
        self.output.sync(studio.syncer);
        let file = &mut studio.manifest.files[self.entry];
        file.bytes = self.output.length();
        file.is_finished = true;
        *studio.is_changed = true;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], studio: &mut Studio<'_>) -> io::Result<()> {
        self.output.append(bytes)?;
        let file = &mut studio.manifest.files[self.entry];
        file.bytes = self.output.length();
        file.duration_ms = self.muxer.duration_ms();
        Ok(())
    }
}

/// H.264's parameter sets stand once in a file; of the others each key frame has its own. They stand in the
/// frames as well, so those that change neither profile nor size begin no other file.
fn needs_other_head(video: &mux::Video, fresh: &Picture) -> bool {
    if video.codec != Codec::H264 || fresh.parameters.is_empty() || fresh.parameters == video.parameters {
        return false;
    }
    // `AVCDecoderConfigurationRecord`: the version, then the profile.
    let profile = |parameters: &[u8]| parameters.get(1).copied();
    profile(&fresh.parameters) != profile(&video.parameters) || fresh.size != Some(video.size)
}

fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::Vp8 => "VP8",
        Codec::Vp9 => "VP9",
        Codec::H264 => "H264",
        Codec::Av1 => "AV1",
    }
}

/// How long a packet of Opus plays (RFC 6716 §3.1).
fn opus_ms(packet: &[u8]) -> i64 {
    let Some(&first) = packet.first() else { return 0 };
    let frame_us = match first >> 3 {
        config @ 0..=11 => [10_000, 20_000, 40_000, 60_000][usize::from(config % 4)],
        config @ 12..=15 => [10_000, 20_000][usize::from(config % 2)],
        config => [2_500, 5_000, 10_000, 20_000][usize::from(config % 4)],
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => i64::from(packet.get(1).map_or(1, |count| count & 0x3f)),
    };
    let ms = frames * frame_us / 1_000;
    // Longer than a packet may be (§3.2.5) is what people seal end to end: what it holds is known to them alone,
    // and browsers send 20 ms.
    if ms > 120 { 20 } else { ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_sets_that_change_neither_profile_nor_size_begin_no_other_file() {
        let known =
            mux::Video { codec: Codec::H264, size: (640, 480), parameters: vec![1, 0x42, 0xc0, 0x1f, 7] };
        let fresh = |profile, level, size| Picture { size, parameters: vec![1, profile, 0xc0, level, 9] };
        assert!(!needs_other_head(&known, &Picture { size: None, parameters: vec![] }));
        assert!(!needs_other_head(&known, &fresh(0x42, 0x28, Some((640, 480)))));
        assert!(needs_other_head(&known, &fresh(0x64, 0x1f, Some((640, 480)))));
        assert!(needs_other_head(&known, &fresh(0x42, 0x1f, Some((320, 240)))));
        assert!(needs_other_head(&known, &fresh(0x42, 0x1f, None)), "nobody knows its size");
    }

    #[test]
    fn the_length_of_a_sound_stands_in_its_first_byte() {
        assert_eq!(opus_ms(&[0x78, 1]), 20, "hybrid, 20 ms, one frame");
        assert_eq!(opus_ms(&[0x08, 1]), 20, "SILK, 20 ms");
        assert_eq!(opus_ms(&[0x18 | 1, 1]), 120, "SILK, 60 ms, twice");
        assert_eq!(opus_ms(&[0x7b, 3]), 60, "hybrid, 20 ms, three times");
        assert_eq!(opus_ms(&[0xff, 0xf0, 1]), 20, "sealed");
        assert_eq!(opus_ms(&[]), 0);
    }
}
