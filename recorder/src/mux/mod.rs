//! WebM and Matroska, written so that what is on the disk plays at any moment.
//!
//! Frames are gathered in clusters of half a second, each written whole; the segment has no size until the
//! end, when an index, the duration and the sizes are filled in ([`Muxer::finish`]). A file that was cut off
//! is cut back to its last whole cluster and finished later ([`mend()`]). Pure but for that: says what bytes
//! belong where, and writes none.

mod ebml;
mod header;
mod mend;
#[cfg(test)]
mod tests;

pub use mend::{Mended, mend};

use ebml::{element, id, unsigned};
pub use header::{Audio, Video};
use header::{Layout, header};
use std::ops::RangeInclusive;
use volley::control::types::Codec;

/// A cluster is written after so many milliseconds: what a crash may lose.
const CLUSTER_MS: i64 = 500;

/// … or this many bytes, so that one need not be held in memory for long.
const CLUSTER_BYTES: usize = 2 << 20;

/// Of sound alone so many milliseconds lie between two entries of the index.
const SOUND_CUE_MS: i64 = 5_000;

/// A picture is taken to last as long as the one before, within reason …
const PICTURE_LASTS_MS: RangeInclusive<i64> = 5..=200;

/// … and the first one as those of most cameras do.
const FIRST_PICTURE_LASTS_MS: i64 = 33;

/// Which of the two tracks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Sound.
    Audio,
    /// Picture.
    Video,
}

impl Role {
    /// The track's number in the file.
    fn number(self) -> u8 {
        match self {
            Role::Video => 1,
            Role::Audio => 2,
        }
    }
}

/// Bytes that belong into the file at some place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Patch {
    /// Where.
    pub at: u64,
    /// What.
    pub bytes: Vec<u8>,
}

/// An entry of the index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cue {
    ms: i64,
    role: Role,
    /// Where the cluster lies, from the beginning of the segment's content.
    cluster: u64,
}

#[derive(Debug)]
struct Cluster {
    ms: i64,
    bytes: Vec<u8>,
}

/// Writes one file.
#[derive(Debug)]
pub struct Muxer {
    layout: Layout,
    has_video: bool,
    /// How long the file is.
    length: u64,
    cluster: Option<Cluster>,
    cues: Vec<Cue>,
    /// The end of the last frame, as far as is known.
    end_ms: i64,
}

impl Muxer {
    /// A file with these tracks, and its first bytes.
    pub fn new(audio: Option<&Audio>, video: Option<&Video>) -> (Muxer, Vec<u8>) {
        let (bytes, layout) = header(audio, video);
        let length = bytes.len() as u64;
        let has_video = video.is_some();
        (Muxer { layout, has_video, length, cluster: None, cues: Vec::new(), end_ms: 0 }, bytes)
    }

    /// Adds a frame, `ms` after the beginning and `lasts` long as far as is known. What comes back is to be
    /// written behind what is there: all frames before this one.
    pub fn push(&mut self, role: Role, ms: i64, lasts: i64, is_key: bool, data: &[u8]) -> Option<Vec<u8>> {
        let begins_picture = role == Role::Video && is_key;
        let is_over = self.cluster.as_ref().is_some_and(|cluster| {
            ms - cluster.ms >= CLUSTER_MS
                || ms - cluster.ms < -CLUSTER_MS
                || cluster.bytes.len() + data.len() > CLUSTER_BYTES
                || begins_picture
        });
        let done = if is_over { self.flush() } else { None };
        if self.cluster.is_none() {
            self.cluster = Some(Cluster { ms: ms.max(0), bytes: Vec::new() });
        }
        self.note_cue(role, ms, is_key);
        let Some(cluster) = &mut self.cluster else { return done };
        let mut block = Vec::with_capacity(data.len() + 4);
        block.push(0x80 | role.number());
        block.extend(((ms - cluster.ms) as i16).to_be_bytes());
        block.push(if is_key { 0x80 } else { 0 });
        block.extend_from_slice(data);
        element(&mut cluster.bytes, id::SIMPLE_BLOCK, &block);
        self.end_ms = self.end_ms.max(ms + lasts);
        done
    }

    /// What has been gathered, as a whole cluster; to be written behind what is there.
    pub fn flush(&mut self) -> Option<Vec<u8>> {
        let cluster = self.cluster.take()?;
        let mut content = Vec::with_capacity(cluster.bytes.len() + 16);
        unsigned(&mut content, id::TIMESTAMP, cluster.ms as u64);
        content.extend_from_slice(&cluster.bytes);
        let mut whole = Vec::with_capacity(content.len() + 12);
        element(&mut whole, id::CLUSTER, &content);
        self.length += whole.len() as u64;
        Some(whole)
    }

    /// How long it plays.
    pub fn duration_ms(&self) -> i64 {
        self.end_ms
    }

    /// What makes the file complete, in the order in which it is to be written. The last cluster must have
    /// been flushed.
    pub fn finish(&self) -> Vec<Patch> {
        finish(&self.layout, self.length, &self.cues, self.end_ms)
    }

    fn note_cue(&mut self, role: Role, ms: i64, is_key: bool) {
        let cluster = self.length - self.layout.content;
        note_cue(&mut self.cues, self.has_video, Cue { ms, role, cluster }, is_key);
    }
}

/// Key frames of pictures are what is sought; without a picture some of the sound is.
fn note_cue(cues: &mut Vec<Cue>, has_video: bool, cue: Cue, is_key: bool) {
    let is_one = match cue.role {
        Role::Video => is_key && cues.last().is_none_or(|last| last.cluster != cue.cluster),
        Role::Audio => !has_video && cues.last().is_none_or(|last| cue.ms - last.ms >= SOUND_CUE_MS),
    };
    if is_one {
        cues.push(cue);
    }
}

fn finish(layout: &Layout, length: u64, cues: &[Cue], end_ms: i64) -> Vec<Patch> {
    let mut patches = Vec::new();
    let mut end = length;
    let mut index = None;
    if !cues.is_empty() {
        let mut bytes = Vec::new();
        element(&mut bytes, id::CUES, &points(cues));
        index = Some(length - layout.content);
        end += bytes.len() as u64;
        patches.push(Patch { at: length, bytes });
    }
    patches.push(Patch { at: layout.duration, bytes: header::duration(end_ms) });
    patches.push(Patch { at: layout.seek_head, bytes: header::seek_head(layout, index) });
    patches.push(Patch { at: layout.segment_size, bytes: ebml::long_size(end - layout.content).to_vec() });
    patches
}

fn points(cues: &[Cue]) -> Vec<u8> {
    let mut points = Vec::with_capacity(cues.len() * 24);
    for cue in cues {
        let mut place = Vec::new();
        unsigned(&mut place, id::CUE_TRACK, u64::from(cue.role.number()));
        unsigned(&mut place, id::CUE_CLUSTER_POSITION, cue.cluster);
        let mut point = Vec::new();
        unsigned(&mut point, id::CUE_TIME, cue.ms.max(0) as u64);
        element(&mut point, id::CUE_TRACK_POSITIONS, &place);
        element(&mut points, id::CUE_POINT, &point);
    }
    points
}

/// How long a picture lasts as far as is known when it comes, `before` being when the one before it did.
pub fn picture_lasts(before: Option<i64>, ms: i64) -> i64 {
    let (least, most) = (*PICTURE_LASTS_MS.start(), *PICTURE_LASTS_MS.end());
    before.map_or(FIRST_PICTURE_LASTS_MS, |before| (ms - before).clamp(least, most))
}

/// What a file with pictures of this codec is called after its dot; WebM knows no H.264.
pub fn extension(video: Option<Codec>) -> &'static str {
    if video == Some(Codec::H264) { "mkv" } else { "webm" }
}
