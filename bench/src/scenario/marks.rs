//! What a reader must know of a run before believing its figures, as tables mark it.

use super::measure::Measured;
use super::probe::Bounds;

/// Of one run.
#[derive(Default)]
pub(super) struct Marks {
    /// What of it was outside the bounds of its load.
    outside: Option<String>,
    /// Who took time from it.
    disturbed: Option<String>,
}

impl Marks {
    /// Of a run of which these bounds were asked.
    pub(super) fn of(run: &Measured, bounds: &Bounds) -> Marks {
        Marks { outside: bounds.broken_by(run), disturbed: run.disturbance() }
    }

    /// Whether its load was carried: else it has no part in a ratio.
    pub(super) fn is_within(&self) -> bool {
        self.outside.is_none()
    }

    /// Behind the load in a table.
    pub(super) fn signs(&self) -> &'static str {
        match (&self.outside, &self.disturbed) {
            (None, None) => "",
            (Some(_), None) => " †",
            (None, Some(_)) => " ‡",
            (Some(_), Some(_)) => " †‡",
        }
    }

    /// Below the table; `run` is what the marked line is called.
    pub(super) fn notes(&self, run: &str) -> impl Iterator<Item = String> {
        let outside = self.outside.as_ref().map(|why| {
            format!(
                "† {run}: outside its bounds ({why}): the load is not carried, and its figures are in no ratio."
            )
        });
        let disturbed = self.disturbed.as_ref().map(|why| {
            format!("‡ {run}: disturbed: {why}; its figures tell of that as much as of the server.")
        });
        outside.into_iter().chain(disturbed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::measure::tests::measured;
    use super::*;

    const BOUNDS: Bounds = Bounds { loss: 0.001, delay: 0.005 };

    #[test]
    fn a_run_that_was_not_carried_or_was_disturbed_is_marked_and_told() {
        let of = |run: &Measured| {
            let marks = Marks::of(run, &BOUNDS);
            (marks.is_within(), marks.signs(), marks.notes("volley at 100 %").collect::<Vec<_>>())
        };
        let mut run = measured(100_000, 0, 5.0);
        assert_eq!(of(&run), (true, "", Vec::new()));
        run.server.split.steal = 1.5;
        let (is_within, signs, notes) = of(&run);
        assert_eq!((is_within, signs, notes.len()), (true, " ‡", 1));
        assert!(notes[0].starts_with("‡ volley at 100 %: disturbed"), "{notes:?}");
        run.figures.video.missing = 1500;
        let (is_within, signs, notes) = of(&run);
        assert_eq!((is_within, signs, notes.len()), (false, " †‡", 2));
        assert!(notes[0].contains("lost 1.5 %") && notes[0].contains("in no ratio"), "{notes:?}");
    }
}
