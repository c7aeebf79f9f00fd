//! What is to be done next for a file on its way into the store. Knows lengths and notes, no network.
//!
//! A file grows at its end and gets its index, duration and sizes at last, the latter in its first bytes. So
//! everything but the first part goes up while it grows, and the first part at the end.

use super::notes::FileNotes;
use std::ops::Range;

/// Stores take no smaller ones: so little goes up again when one fails, and so early the first goes up. What
/// is smaller goes up as a whole.
const SMALL_PART: u64 = 5 << 20;

/// An upload has 10,000 parts at most: behind so many small ones they are larger.
const SMALL_PARTS: u64 = 1_000;

/// With these a file may have half a terabyte.
const LARGE_PART: u64 = 64 << 20;

/// What is known of a file on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    /// So many bytes of it do not change any more, but for its beginning.
    pub(crate) bytes: u64,
    /// Whether nothing of it does.
    pub(crate) is_finished: bool,
    pub(crate) sha256: Option<String>,
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// All of it at once.
    Put,
    /// An upload in parts begins.
    Begin,
    Part {
        number: u16,
        range: Range<u64>,
    },
    /// All parts are there.
    Finish {
        parts: u16,
    },
    /// It is not what was uploaded any more.
    Forget,
    /// It is in the store, and not to stay here.
    RemoveHere,
}

/// The next step; `None` when there is nothing to be done now.
pub(crate) fn next(known: &Known, notes: &FileNotes, keeps_local: bool) -> Option<Step> {
    if let Some(done) = &notes.done {
        let is_other = known.sha256.as_ref().is_some_and(|sha256| *sha256 != done.sha256);
        return if is_other && !notes.is_removed {
            Some(Step::Forget)
        } else {
            (!keeps_local && !notes.is_removed).then_some(Step::RemoveHere)
        };
    }
    if notes.upload_id.is_none() {
        return match known.is_finished {
            true if known.bytes <= SMALL_PART => Some(Step::Put),
            is_finished => (is_finished || known.bytes >= part(2).end).then_some(Step::Begin),
        };
    }
    let parts = parts_of(known.bytes);
    let missing = |number: &u16| {
        let range = range_in(*number, known.bytes);
        notes.parts.get(number).is_none_or(|part| part.bytes != range.end - range.start)
    };
    let whole = |number: &u16| known.is_finished || part(*number).end <= known.bytes;
    let later = (2..=parts).filter(whole).find(missing);
    let first = || (known.is_finished && missing(&1)).then_some(1);
    match later.or_else(first) {
        Some(number) => Some(Step::Part { number, range: range_in(number, known.bytes) }),
        None => known.is_finished.then_some(Step::Finish { parts }),
    }
}

/// Where a part lies.
fn part(number: u16) -> Range<u64> {
    let before = u64::from(number.saturating_sub(1));
    let start = before.min(SMALL_PARTS) * SMALL_PART + before.saturating_sub(SMALL_PARTS) * LARGE_PART;
    start..start + if before < SMALL_PARTS { SMALL_PART } else { LARGE_PART }
}

/// The same in a file that ends somewhere.
pub(crate) fn range_in(number: u16, bytes: u64) -> Range<u64> {
    let Range { start, end } = part(number);
    start.min(bytes)..end.min(bytes)
}

/// How many parts there are in so many bytes; a file always has one.
fn parts_of(bytes: u64) -> u16 {
    let small = bytes.div_ceil(SMALL_PART).min(SMALL_PARTS);
    let large = bytes.saturating_sub(SMALL_PARTS * SMALL_PART).div_ceil(LARGE_PART);
    u16::try_from(small + large).unwrap_or(u16::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::notes::{Done, PartNote};
    use super::*;

    fn known(megabytes: u64, is_finished: bool) -> Known {
        Known { bytes: megabytes << 20, is_finished, sha256: None }
    }

    /// Does all steps; their numbers of parts in order, and whether it was finished.
    fn run(notes: &mut FileNotes, known: &Known) -> (Vec<u16>, bool) {
        let mut numbers = Vec::new();
        loop {
            match next(known, notes, true) {
                Some(Step::Begin) => notes.upload_id = Some("id".to_owned()),
                Some(Step::Part { number, range }) => {
                    let part = PartNote {
                        etag: String::new(),
                        sha256: String::new(),
                        bytes: range.end - range.start,
                    };
                    notes.parts.insert(number, part);
                    numbers.push(number);
                }
                Some(Step::Finish { parts }) => {
                    assert_eq!(usize::from(parts), notes.parts.len());
                    return (numbers, true);
                }
                None => return (numbers, false),
                step => panic!("{step:?}"),
            }
        }
    }

    #[test]
    fn parts_go_up_while_the_file_grows_and_the_first_one_last() {
        let mut notes = FileNotes::default();
        assert_eq!(run(&mut notes, &known(9, false)), (vec![], false));
        assert_eq!(notes.upload_id, None, "nothing is begun for what may become small");
        assert_eq!(run(&mut notes, &known(16, false)), (vec![2, 3], false));
        assert_eq!(run(&mut notes, &known(19, false)), (vec![], false));
        assert_eq!(run(&mut notes, &known(21, true)), (vec![4, 5, 1], true));
    }

    #[test]
    fn a_small_file_goes_up_whole_when_it_is_finished() {
        assert_eq!(next(&known(4, false), &FileNotes::default(), true), None);
        assert_eq!(next(&known(4, true), &FileNotes::default(), true), Some(Step::Put));
        assert_eq!(next(&known(0, true), &FileNotes::default(), true), Some(Step::Put));
    }

    #[test]
    fn a_file_that_was_cut_shorter_is_uploaded_as_it_is_now() {
        let mut notes = FileNotes::default();
        run(&mut notes, &known(25, false));
        // Parts 4 and 5 are left out, 3 is shorter than it was.
        notes.parts.retain(|number, _| *number < 4);
        assert_eq!(run(&mut notes, &known(12, true)), (vec![3, 1], true));
    }

    #[test]
    fn what_is_in_the_store_is_removed_here_when_it_is_not_to_stay_and_goes_up_again_when_it_changed() {
        let done = Done { sha256: "one".to_owned(), bytes: 1 };
        let notes = FileNotes { done: Some(done), ..FileNotes::default() };
        let mut file = known(1, true);
        assert_eq!(next(&file, &notes, true), None);
        assert_eq!(next(&file, &notes, false), Some(Step::RemoveHere));
        file.sha256 = Some("two".to_owned());
        assert_eq!(next(&file, &notes, true), Some(Step::Forget));
    }

    #[test]
    fn parts_cover_a_file_of_any_length_and_are_not_too_many() {
        for bytes in
            [1, SMALL_PART, SMALL_PART + 1, SMALL_PART * SMALL_PARTS, SMALL_PART * SMALL_PARTS + 1, 500 << 30]
        {
            let parts = parts_of(bytes);
            assert!(parts <= 10_000);
            assert_eq!(range_in(parts, bytes).end, bytes);
            assert!(range_in(parts, bytes).start < bytes);
            assert!((1..parts).all(|number| part(number).end == part(number + 1).start));
        }
    }
}
