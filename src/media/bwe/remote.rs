//! What is made of a receiver's own estimate (draft-alvestrand-rmcat-remb-03), where arrival times were not
//! agreed on.
//!
//! Such receivers allow themselves no more than half as much again as what comes, and a picture's layers are
//! further apart than that: by their word alone nobody who was once given a lower layer would ever rise. So
//! more is tried when they have been content for a while, and taken back when they say less.

use crate::base::{Bitrate, Time};
use std::time::Duration;

/// After so long without complaint the next step is tried: a receiver that is overloaded says so within one.
const CONTENT_FOR: Duration = Duration::from_secs(5);

/// By so much each.
const STEP: f64 = 1.5;

/// In all: from 500 kbit/s to 2.5 Mbit/s, of which receivers grant half as much again by themselves.
const MOST: f64 = 4.0;

/// A receiver that says less than this share of what it said before complains.
const COMPLAINS: f64 = 0.95;

/// A receiver's word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remote {
    told: Bitrate,
    reach: f64,
    /// When it complained, or more was tried.
    since: Time,
}

impl Remote {
    /// The first.
    pub(super) fn new(now: Time, told: Bitrate) -> Remote {
        Remote { told, reach: 1.0, since: now }
    }

    /// The next.
    pub(super) fn on_told(&mut self, now: Time, told: Bitrate) {
        if told < self.told.times(COMPLAINS) {
            (self.reach, self.since) = (1.0, now);
        } else if now.since(self.since) >= CONTENT_FOR {
            (self.reach, self.since) = ((self.reach * STEP).min(MOST), now);
        }
        self.told = told;
    }

    /// What to send at most.
    pub(super) fn rate(&self) -> Bitrate {
        self.told.times(self.reach)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_content_is_tried_with_more_and_who_complains_is_believed() {
        let (at, kbps) = (|s: u64| Time::from_millis(1_000 * s), Bitrate::from_kbps);
        let mut remote = Remote::new(at(0), kbps(300));
        assert_eq!(remote.rate(), kbps(300));
        (1..=4).for_each(|s| remote.on_told(at(s), kbps(300)));
        assert_eq!(remote.rate(), kbps(300));
        remote.on_told(at(5), kbps(400));
        assert_eq!(remote.rate(), kbps(600));
        (6..60).for_each(|s| remote.on_told(at(s), kbps(400)));
        assert_eq!(remote.rate(), kbps(1_600), "no further than that");
        remote.on_told(at(60), kbps(350));
        assert_eq!(remote.rate(), kbps(350));
    }
}
