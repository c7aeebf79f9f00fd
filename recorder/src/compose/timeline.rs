//! Who is there, and when which file shows or plays something, as the manifest has it.

use crate::manifest::{Cause, File, Gap, Manifest, Shows};

/// A picture that stands still for longer than this because nothing came is not shown any more.
const STILL_MS: i64 = 2_000;

/// Silence between two sounds that is shorter is left to the decoder; longer ones are not held in memory.
const SILENCE_MS: i64 = 1_000;

/// A stretch of the recording, in milliseconds from its beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Span {
    pub(super) fn has(&self, ms: i64) -> bool {
        (self.from..self.to).contains(&ms)
    }
}

/// Somebody who sent something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) there: Span,
}

/// A file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Source {
    /// Its place among the people.
    pub(super) owner: usize,
    pub(super) shows: Shows,
    /// Which of several that its owner shows at once.
    pub(super) number: u32,
    pub(super) offset_ms: i64,
    /// Its pictures are VP9, perhaps with spatial layers.
    pub(super) is_vp9: bool,
    /// When there is a picture in it.
    pub(super) pictures: Vec<Span>,
    /// When there is sound in it.
    pub(super) sounds: Vec<Span>,
}

/// All of a recording. Sources stand as the files do in the manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Timeline {
    pub(super) length_ms: i64,
    pub(super) people: Vec<Person>,
    pub(super) sources: Vec<Source>,
}

impl Timeline {
    pub(super) fn of(manifest: &Manifest) -> Timeline {
        let lasted = manifest.ended_at.map_or(0, |end| end.saturating_sub(manifest.started_at) as i64);
        let ends = manifest.files.iter().map(|file| file.offset_ms + file.duration_ms);
        let length_ms = ends.chain([lasted]).max().unwrap_or(0);
        let mut ids: Vec<&str> = Vec::new();
        let mut people = Vec::new();
        for person in &manifest.participants {
            if manifest.files.iter().any(|file| file.participant_id == person.participant_id) {
                let to = person.to_ms.map_or(length_ms, |to| to as i64);
                ids.push(&person.participant_id);
                people.push(Person {
                    name: person.participant_name.clone(),
                    there: Span { from: person.from_ms as i64, to },
                });
            }
        }
        let sources = manifest.files.iter().map(|file| {
            let owner = ids.iter().position(|id| *id == file.participant_id).unwrap_or_else(|| {
                // Somebody of whom only the file is known.
                ids.push(&file.participant_id);
                people.push(Person { name: String::new(), there: Span { from: 0, to: 0 } });
                people.len() - 1
            });
            Source::of(file, owner)
        });
        let sources = sources.collect();
        Timeline { length_ms, people, sources }
    }
}

impl Source {
    fn of(file: &File, owner: usize) -> Source {
        let hides = |gap: &Gap| gap.of == "video" && (gap.cause == Cause::Muted || gap.length_ms >= STILL_MS);
        let silences = |gap: &Gap| gap.of == "audio" && gap.length_ms >= SILENCE_MS;
        Source {
            owner,
            shows: file.shows,
            number: file.number,
            offset_ms: file.offset_ms,
            is_vp9: file.video.as_ref().is_some_and(|video| video.codec == "VP9"),
            pictures: if file.video.is_some() { without(file, hides) } else { Vec::new() },
            sounds: if file.audio.is_some() { without(file, silences) } else { Vec::new() },
        }
    }
}

/// All of a file but those gaps, on the recording's clock; nothing before its beginning.
fn without(file: &File, is_out: impl Fn(&Gap) -> bool) -> Vec<Span> {
    let mut gaps: Vec<Span> = file
        .gaps
        .iter()
        .filter(|gap| is_out(gap))
        .map(|gap| Span { from: gap.at_ms, to: gap.at_ms + gap.length_ms })
        .collect();
    gaps.sort_by_key(|gap| gap.from);
    gaps.push(Span { from: file.duration_ms, to: file.duration_ms });
    let mut at = (-file.offset_ms).max(0);
    let mut spans = Vec::new();
    for gap in gaps {
        if gap.from > at {
            spans.push(Span { from: file.offset_ms + at, to: file.offset_ms + gap.from });
        }
        at = at.max(gap.to);
    }
    spans
}
