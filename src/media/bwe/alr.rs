//! Whether the application sends less than it may: then nothing is learnt about the link by sending,
//! and only probes tell (libwebrtc's ALR detector).

use crate::base::{Bitrate, Time};
use std::time::Duration;

/// Share of the estimate that must be used (libwebrtc `bandwidth_usage_ratio`).
const USED: f64 = 0.65;
/// The time over which it is looked at (libwebrtc interval budget).
const WINDOW: Duration = Duration::from_millis(500);
/// Unused beyond this share of a window: limited. Below the other: not any more.
const START: f64 = 0.80;
const STOP: f64 = 0.50;

/// A budget that fills with time and is emptied by sending.
#[derive(Clone, Debug)]
pub(super) struct AppLimited {
    /// Unused bytes; negative when more is sent.
    unused: f64,
    updated: Time,
    limited: bool,
}

impl AppLimited {
    /// A detector that begins at `now`.
    pub(super) fn new(now: Time) -> AppLimited {
        AppLimited { unused: 0.0, updated: now, limited: false }
    }

    /// Whether less is sent than may be.
    pub(super) fn is_limited(&self) -> bool {
        self.limited
    }

    /// `bytes` were sent, 0 to let time pass; `estimate` might have been.
    pub(super) fn on_sent(&mut self, now: Time, bytes: u64, estimate: Bitrate) {
        let rate = estimate.times(USED);
        let window = rate.bytes_in(WINDOW) as f64;
        let earned = rate.bytes_in(now.since(self.updated).min(WINDOW)) as f64;
        self.updated = now;
        self.unused = (self.unused + earned - bytes as f64).clamp(-window, window);
        let share = self.unused / window.max(1.0);
        self.limited = if self.limited { share > STOP } else { share > START };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_half_of_what_he_may_is_limited_and_who_sends_most_of_it_is_not() {
        for (kbps, limited) in [(400, true), (800, false)] {
            let mut alr = AppLimited::new(Time::ZERO);
            for ms in (0..4_000).step_by(10) {
                alr.on_sent(Time::from_millis(ms), kbps * 10 / 8, Bitrate::from_kbps(1_000));
            }
            assert_eq!(alr.is_limited(), limited, "{kbps}");
        }
    }
}
