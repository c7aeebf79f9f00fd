//! What the log says of those who were refused: each of them, unless there are so many that it would fill.

use crate::state::State;
use crate::state::join::Refusal;
use std::net::IpAddr;
use std::time::Duration;
use volley::base::Time;

/// So many are told one by one at once …
const BURST: u32 = 100;
/// … then one in so long, which is 17,000 lines a day.
const ONE_IN: Duration = Duration::from_secs(5);
/// How many were left out is told so often at most.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// Letters of a room or an address that are told: whoever is refused may have made them up.
const SHOWN_CHARS: usize = 100;

/// How many more are told.
#[derive(Debug)]
pub(crate) struct RefusalLog {
    /// Until when those are told that were told already, each having its time.
    owed_until: Time,
    left_out: u64,
    told_at: Time,
}

impl RefusalLog {
    pub(super) fn new(now: Time) -> RefusalLog {
        RefusalLog { owed_until: now, left_out: 0, told_at: now }
    }

    /// Whether this one is told.
    fn take(&mut self, now: Time) -> bool {
        let owed_from = self.owed_until.max(now);
        if owed_from.since(now) >= ONE_IN * BURST {
            self.left_out += 1;
            return false;
        }
        self.owed_until = owed_from + ONE_IN;
        true
    }

    /// How many were left out, when it is time to say so.
    fn left_out(&mut self, now: Time) -> Option<u64> {
        if self.left_out == 0 || now.since(self.told_at) < TELL_EVERY {
            return None;
        }
        self.told_at = now;
        Some(std::mem::take(&mut self.left_out))
    }
}

/// A request that was refused before it came to anybody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RefusedRequest {
    /// Without what lets somebody in: see `guard`.
    pub(crate) path: String,
    pub(crate) from: Option<IpAddr>,
    pub(crate) code: &'static str,
    /// Somebody wanted to come into a room by it.
    pub(crate) is_join: bool,
}

impl State {
    /// Counts what became of somebody who wanted to come in, and tells whom nobody let in.
    pub(super) fn note_join(
        &mut self,
        outcome: &Result<&'static str, Refusal>,
        room: &str,
        from: Option<IpAddr>,
        now: Time,
    ) {
        let (Ok(result) | Err((result, _))) = outcome;
        self.count_join(result);
        if outcome.is_err() && self.refusals.take(now) {
            tracing::info!(
                room = shown(room),
                address = address(from),
                reason = result,
                "a join was refused"
            );
        }
    }

    /// The same of a request.
    pub(crate) fn note_refused_request(&mut self, refused: &RefusedRequest, now: Time) {
        let RefusedRequest { path, from, code, is_join } = refused;
        if *is_join {
            self.count_join(code);
        }
        if self.refusals.take(now) {
            tracing::info!(
                path = shown(path),
                address = address(*from),
                reason = code,
                "a request was refused"
            );
        }
    }

    /// Says how many refusals were left out.
    pub(super) fn tell_left_out_refusals(&mut self, now: Time) {
        if let Some(count) = self.refusals.left_out(now) {
            tracing::info!(count, "more was refused than is told one by one");
        }
    }
}

/// Without line breaks and colours, and not for ever.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect()
}

/// For the log.
fn address(from: Option<IpAddr>) -> String {
    from.map_or_else(|| String::from("unknown"), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_by_a_burst_then_now_and_then_and_by_its_number() {
        let mut now = Time::from_millis(1_000_000);
        let mut log = RefusalLog::new(now);
        let told = |log: &mut RefusalLog, now| (0..1000).filter(|_| log.take(now)).count();
        assert_eq!((told(&mut log, now), log.left_out(now)), (100, None));
        now += Duration::from_secs(60);
        assert_eq!(log.left_out(now), Some(900));
        assert_eq!(log.left_out(now), None, "once");
        assert_eq!(told(&mut log, now), 12);
        now += Duration::from_secs(86_400);
        assert_eq!(told(&mut log, now), 100, "it does not add up over the night");
    }

    #[test]
    fn what_somebody_made_up_does_not_look_like_a_line_of_ours() {
        assert_eq!(shown("room\n2026 INFO all is well\u{1b}[2K"), "room\\n2026 INFO all is well\\u{1b}[2K");
        assert_eq!(shown(&"x".repeat(100_000)).len(), SHOWN_CHARS);
    }
}
