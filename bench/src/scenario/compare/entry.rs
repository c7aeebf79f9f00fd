//! One server in a comparison.

use crate::report::progress::Progress;
use crate::scenario::contender::{Contender, Name};
use crate::scenario::measure::Measured;
use crate::scenario::probe::Tried;
use crate::scenario::search::{Found, Verdict};
use crate::scenario::strays::Strays;

/// One server and what was measured of it.
pub(super) struct Entry {
    pub(super) contender: Contender,
    pub(super) found: Found,
    /// The short trials of the search.
    pub(super) tried: Vec<Tried>,
    /// Per load in per cent of the highest, all rounds together.
    pub(super) points: Vec<Point>,
    /// Of all runs, those that were repeated among them.
    pub(super) strays: Strays,
    /// What it failed with.
    pub(super) failure: Option<String>,
}

/// All rounds at one load.
pub(super) struct Point {
    pub(super) load: u32,
    pub(super) run: Measured,
}

impl Entry {
    pub(super) fn new(contender: Contender) -> Entry {
        let found = Found { load: 0, bound: Verdict::TooMuch };
        let (tried, points, strays) = (Vec::new(), Vec::new(), Strays::default());
        Entry { contender, found, tried, points, strays, failure: None }
    }

    /// Whether it is Volley as it is: not without feedback, to tell what that costs.
    pub(super) fn is_volley(&self) -> bool {
        self.contender.name == Name::Volley && self.contender.adapts
    }

    /// Whether it can be measured.
    pub(super) fn runs(&self) -> bool {
        self.failure.is_none() && self.found.load > 0
    }

    pub(super) fn fail(&mut self, progress: &Progress, error: &anyhow::Error) {
        progress.keep(&format!("{}: {error:#}", self.contender.label));
        self.failure = Some(format!("{error:#}"));
    }

    pub(super) fn add(&mut self, load: u32, run: Measured) {
        match self.points.iter_mut().find(|point| point.load == load) {
            Some(point) => point.run.add(&run),
            None => self.points.push(Point { load, run }),
        }
    }

    /// At the highest load that was measured.
    pub(super) fn best(&self) -> Option<&Point> {
        self.points.iter().max_by_key(|point| point.load)
    }

    /// At that load.
    pub(super) fn per_cpu_second(&self) -> f64 {
        self.best().map_or(0.0, |point| point.run.per_cpu_second())
    }
}
