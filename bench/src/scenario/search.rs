//! Searching the highest load that is carried: doubling, then halving the distance.
//!
//! A host that stops the machine for a moment makes a load look like too much. When everything that was
//! tried below such a load is carried, it is tried once more.

/// What came of trying a load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// All arrived in time.
    Carried,
    /// Too much for the server.
    TooMuch,
    /// Too much for the generator, whatever the server could have done.
    GeneratorIsFull,
}

/// Where to look.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Range {
    /// The first load tried.
    pub(crate) start: u32,
    /// The greatest that may be tried.
    pub(crate) most: u32,
    /// The search ends when the least load that is too much is within this share of the greatest
    /// that is carried.
    pub(crate) precision: f64,
}

/// What was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    /// The greatest load that was carried; 0 when not even the least one was.
    pub(crate) load: u32,
    /// What kept it from being greater; `Carried` when nothing did up to the range's end.
    pub(crate) bound: Verdict,
}

/// So many loads in a row that are carried, just below one that was not, make that one doubtful.
const DOUBTFUL_AFTER: u32 = 3;

/// Tries loads until the highest that is carried is known.
///
/// # Errors
/// What a trial failed with.
pub(crate) async fn highest(
    range: Range,
    mut attempt: impl AsyncFnMut(u32) -> anyhow::Result<Verdict>,
) -> anyhow::Result<Found> {
    let (mut carried, mut refused) = (0, None);
    let mut load = range.start.clamp(1, range.most.max(1));
    let mut carried_since = 0;
    loop {
        let next = next(range, carried, refused.map(|(load, _)| load), load);
        let doubtful = refused.filter(|_| carried_since >= DOUBTFUL_AFTER).map(|(load, _)| load);
        let Some(next) = next.or(doubtful) else { break };
        load = next;
        match attempt(load).await? {
            Verdict::Carried => {
                carried = load;
                carried_since += 1;
                refused = refused.filter(|&(refused, _)| refused > load);
            }
            bound => (refused, carried_since) = (Some((load, bound)), 0),
        }
    }
    Ok(Found { load: carried, bound: refused.map_or(Verdict::Carried, |(_, bound)| bound) })
}

/// The load to try after `last`, when the search has not ended.
fn next(range: Range, carried: u32, refused: Option<u32>, last: u32) -> Option<u32> {
    match (carried, refused) {
        (0, None) => Some(last),
        (0, Some(1)) => None,
        (0, Some(refused)) => Some(refused / 2),
        (carried, None) if carried >= range.most => None,
        (carried, None) => Some(carried.saturating_mul(2).min(range.most)),
        (carried, Some(refused)) => {
            let step = ((f64::from(carried) * range.precision) as u32).max(1);
            (refused - carried > step).then(|| carried + (refused - carried) / 2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that carries up to `capacity`, and a generator that drives up to `drive`.
    async fn search(range: Range, capacity: u32, drive: u32) -> (Found, Vec<u32>) {
        let mut tried = Vec::new();
        let found = highest(range, async |load| {
            tried.push(load);
            Ok(match load {
                load if load > drive => Verdict::GeneratorIsFull,
                load if load > capacity => Verdict::TooMuch,
                _ => Verdict::Carried,
            })
        });
        let found = found.await.unwrap();
        (found, tried)
    }

    const RANGE: Range = Range { start: 20, most: 5000, precision: 0.02 };

    #[tokio::test]
    async fn the_highest_load_is_found_within_the_precision() {
        for capacity in [1, 2, 7, 19, 20, 21, 137, 640, 4999] {
            let (found, tried) = search(RANGE, capacity, u32::MAX).await;
            assert!(found.load <= capacity, "{found:?} of {capacity}");
            let missed = f64::from(capacity - found.load);
            assert!(missed <= (0.02 * f64::from(found.load)).max(1.0), "{found:?} of {capacity}");
            assert!(tried.len() <= 16, "{tried:?}");
            assert_eq!(found.bound, Verdict::TooMuch);
        }
    }

    #[tokio::test]
    async fn a_server_that_carries_nothing_is_told_so() {
        let (found, tried) = search(RANGE, 0, u32::MAX).await;
        assert_eq!((found.load, tried), (0, vec![20, 10, 5, 2, 1]));
    }

    #[tokio::test]
    async fn nothing_above_the_end_of_the_range_is_tried() {
        let (found, tried) = search(RANGE, u32::MAX, u32::MAX).await;
        assert_eq!(found, Found { load: 5000, bound: Verdict::Carried });
        assert_eq!(tried.last(), Some(&5000));
    }

    #[tokio::test]
    async fn a_generator_at_its_end_is_not_the_servers_limit() {
        let (found, _) = search(RANGE, 1000, 300).await;
        assert_eq!(found.bound, Verdict::GeneratorIsFull);
        assert!((294..=300).contains(&found.load), "{found:?}");
    }

    #[tokio::test]
    async fn a_load_that_failed_by_a_hiccup_is_tried_again_when_all_below_it_is_carried() {
        let mut tried = Vec::new();
        let found = highest(RANGE, async |load| {
            tried.push(load);
            let hiccup = load == 160 && tried.iter().filter(|&&before| before == 160).count() == 1;
            Ok(if hiccup || load > 290 { Verdict::TooMuch } else { Verdict::Carried })
        });
        let load = found.await.unwrap().load;
        assert!((284..=290).contains(&load), "{load} of {tried:?}");
    }

    #[tokio::test]
    async fn a_start_beyond_the_range_is_pulled_into_it() {
        let range = Range { start: 50, most: 10, precision: 0.1 };
        assert_eq!(search(range, 100, u32::MAX).await.0.load, 10);
    }

    #[tokio::test]
    async fn a_trial_that_cannot_be_made_ends_the_search() {
        let outcome = highest(RANGE, async |_| anyhow::bail!("the server has died")).await;
        assert_eq!(outcome.unwrap_err().to_string(), "the server has died");
    }
}
