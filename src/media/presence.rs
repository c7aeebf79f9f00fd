//! For how long something of a track has come: by this its layers are compared, so that a camera that stands still
//! makes none of them look paused.

use crate::base::Time;
use std::time::Duration;

/// When nothing comes for longer than a frame at five a second takes, the camera stands still: which layer is the
/// first to go on says nothing of the others.
const STANDS_STILL_AFTER: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Presence {
    newest: Option<Time>,
    lasted: Duration,
}

impl Presence {
    /// So long, now that something comes.
    pub fn at(&mut self, now: Time) -> Duration {
        let since = self.newest.map_or(Duration::ZERO, |newest| now.since(newest));
        self.lasted += since.min(STANDS_STILL_AFTER);
        self.newest = self.newest.max(Some(now));
        self.lasted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_nothing_comes_hardly_counts() {
        let mut presence = Presence::default();
        let at = [0, 200, 400, 9_000, 8_900, 9_100].map(|ms| presence.at(Time::from_millis(ms)).as_millis());
        assert_eq!(at, [0, 200, 400, 600, 600, 700]);
    }
}
