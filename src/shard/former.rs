//! Under which SSRCs an m-line sent before its track ended.
//!
//! A browser that shares a screen, stops and shares again on the same m-line goes on with the same SSRCs. It names
//! MID and RID only until it hears that an SSRC has arrived, which is long ago then: without memory nobody could
//! tell which encoding it is.

use arrayvec::ArrayVec;

use crate::base::id::Ssrc;
use crate::control::types::{Encoding, MAX_ENCODINGS, Mid};

/// M-lines of one transport that are remembered; the oldest gives way.
const MAX_LINES: usize = 8;

type Encodings = ArrayVec<Encoding, MAX_ENCODINGS>;

/// What ended on one transport. Empty, and without memory of its own, unless somebody stopped something.
#[derive(Clone, Debug, Default)]
pub(super) struct Former {
    lines: Vec<(Mid, Encodings)>,
}

impl Former {
    /// The track of an m-line ended, which had these.
    pub(super) fn note(&mut self, mid: Mid, encodings: Encodings) {
        if encodings.iter().all(|encoding| encoding.ssrc.is_none()) {
            return;
        }
        self.lines.retain(|(known, _)| *known != mid);
        if self.lines.len() == MAX_LINES {
            self.lines.remove(0);
        }
        self.lines.push((mid, encodings));
    }

    /// Whether something that ended was sent under `ssrc`: what still comes under it is nothing new.
    pub(super) fn knows(&self, ssrc: Ssrc) -> bool {
        let all = self.lines.iter().flat_map(|(_, encodings)| encodings);
        all.into_iter().any(|one| one.ssrc == Some(ssrc) || one.rtx_ssrc == Some(ssrc))
    }

    /// Gives the encodings of a new track on `mid` the SSRCs that those with the same RIDs had, unless they say their
    /// own or `taken` says that an SSRC is something else by now. Whoever sends under others names RIDs again.
    pub(super) fn recall(&self, mid: Mid, encodings: &mut Encodings, taken: impl Fn(Ssrc) -> bool) {
        let Some((_, before)) = self.lines.iter().find(|(known, _)| *known == mid) else { return };
        for encoding in encodings.iter_mut().filter(|encoding| encoding.ssrc.is_none()) {
            let Some(same) = before.iter().find(|one| one.rid == encoding.rid) else { continue };
            encoding.ssrc = same.ssrc.filter(|&ssrc| !taken(ssrc));
            encoding.rtx_ssrc = same.rtx_ssrc.filter(|&ssrc| !taken(ssrc));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(rid: &str, ssrc: Option<u32>) -> Encoding {
        Encoding {
            ssrc: ssrc.map(Ssrc),
            rtx_ssrc: ssrc.map(|ssrc| Ssrc(ssrc + 100)),
            rid: rid.try_into().ok(),
        }
    }

    fn mid(name: &str) -> Mid {
        name.try_into().expect("a short name")
    }

    #[test]
    fn an_encoding_goes_on_under_the_ssrcs_it_had() {
        let mut former = Former::default();
        former.note(mid("18"), [encoding("l", Some(1)), encoding("h", Some(2))].into_iter().collect());
        let mut again: Encodings = [encoding("l", None), encoding("h", None)].into_iter().collect();
        former.recall(mid("18"), &mut again, |_| false);
        assert_eq!(again[..], [encoding("l", Some(1)), encoding("h", Some(2))]);
        assert!([1, 2, 101, 102].into_iter().all(|ssrc| former.knows(Ssrc(ssrc))) && !former.knows(Ssrc(3)));
    }

    #[test]
    fn what_another_line_or_another_encoding_had_is_not_taken() {
        let mut former = Former::default();
        former.note(mid("18"), [encoding("l", Some(1)), encoding("h", Some(2))].into_iter().collect());
        let strange: Encodings = [encoding("q", None), encoding("h", Some(9))].into_iter().collect();
        for line in ["17", "18"] {
            let mut again = strange.clone();
            former.recall(mid(line), &mut again, |_| false);
            assert_eq!(again, strange);
        }
    }

    #[test]
    fn an_ssrc_that_is_something_else_by_now_is_not_taken() {
        let mut former = Former::default();
        former.note(mid("18"), [encoding("l", Some(1))].into_iter().collect());
        let mut again: Encodings = [encoding("l", None)].into_iter().collect();
        former.recall(mid("18"), &mut again, |ssrc| ssrc == Ssrc(1));
        assert_eq!((again[0].ssrc, again[0].rtx_ssrc), (None, Some(Ssrc(101))));
    }

    #[test]
    fn only_the_last_lines_are_remembered() {
        let mut former = Former::default();
        for line in 0..100 {
            former.note(mid(&line.to_string()), [encoding("l", Some(line))].into_iter().collect());
        }
        assert_eq!(former.lines.len(), MAX_LINES);
        former.note(mid("100"), [encoding("l", None)].into_iter().collect());
        assert!(
            former.lines.iter().all(|(line, _)| *line != mid("100")),
            "what never arrived is nothing to remember"
        );
    }
}
