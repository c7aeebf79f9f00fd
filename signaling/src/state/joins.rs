//! How many came and how many were refused, and how long it took until media had a way.

use crate::state::State;
use std::collections::BTreeMap;
use std::time::Duration;
use volley::base::{ParticipantId, Time};

/// Upper bounds in milliseconds: a good join takes a few hundred, and who waits for ten seconds is gone.
pub(crate) const CONNECT_BUCKETS_MS: [u64; 12] =
    [50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000];

/// Since this process began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Joins {
    /// By what became of them: `joined`, `resumed`, or the code of the refusal.
    pub(crate) results: BTreeMap<&'static str, u64>,
    /// How many took how long; the last is for those that took longer.
    pub(crate) connected: [u64; CONNECT_BUCKETS_MS.len() + 1],
    /// All of those times together.
    pub(crate) connect_time: Duration,
}

impl Joins {
    fn count(&mut self, result: &'static str) {
        *self.results.entry(result).or_default() += 1;
    }

    fn connected_after(&mut self, time: Duration) {
        let bucket = CONNECT_BUCKETS_MS.partition_point(|&bound| u128::from(bound) < time.as_millis());
        self.connected[bucket] += 1;
        self.connect_time += time;
    }
}

impl State {
    /// Counts what became of somebody who wanted to come in.
    pub(super) fn count_join(&mut self, result: &'static str) {
        self.joins.count(result);
    }

    /// Somebody came in whose media has no way yet.
    pub(super) fn expect_media(&mut self, id: ParticipantId, now: Time) {
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.joined_at = Some(now);
        }
        self.sets_out(id, now);
    }

    /// Their media has a way; counted the first time.
    pub(super) fn media_connected(&mut self, id: ParticipantId, now: Time) {
        let joined_at = self.participants.get_mut(&id).and_then(|participant| participant.joined_at.take());
        if let Some(at) = joined_at {
            self.joins.connected_after(now.since(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_under_the_first_bound_it_does_not_pass() {
        let mut joins = Joins::default();
        [0, 50, 51, 10_000, 10_001]
            .into_iter()
            .for_each(|ms| joins.connected_after(Duration::from_millis(ms)));
        assert_eq!((joins.connected[0], joins.connected[1]), (2, 1));
        assert_eq!(joins.connected[CONNECT_BUCKETS_MS.len() - 1..], [1, 1]);
        assert_eq!(joins.connect_time, Duration::from_millis(20_102));
    }
}
