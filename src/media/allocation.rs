//! How a receiver's budget is divided among the pictures it is shown.
//!
//! A pure function: what each seat could show and what it shows now go in, in the order of their
//! importance; what each is to show comes out. First everybody is given the cheapest there is, then
//! one after another is raised as far as the rest of the budget goes. So with a larger budget the
//! first seat that gets something else gets something better.

use super::ladder::Ladder;

/// A picture rises only where a tenth of the budget stays unused: estimates and encoders waver by as
/// much from second to second, and a picture that falls back at once is worse than one that waits.
const HEADROOM: u64 = 10;

/// Where nothing says that the link is full, what is shown already stays for so much more than the
/// budget, in percent: an estimate that has just fallen is a cautious guess, and that no queue grows is
/// no guess.
const SLACK: u64 = 15;

/// A picture nearly fits where this part of it does; on a thinner link sound is left alone.
const NEARLY: u64 = 2;

/// What there is to divide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Bits a second.
    pub bits_per_second: u64,
    /// What it will be when the queue has drained for which it is less than the link carries; otherwise the
    /// same.
    pub drained: u64,
    /// Nothing has said of late that the link is full.
    pub is_calm: bool,
}

impl Budget {
    fn slack(self) -> u64 {
        if self.is_calm { self.bits_per_second * SLACK / 100 } else { 0 }
    }
}

/// One seat's part in it.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What it could show.
    pub ladder: Ladder,
    /// What it shows of that, by place.
    pub now: Option<usize>,
    /// Whether it may be given more than it has: not right after it fell.
    pub may_rise: bool,
    /// Nothing of it comes, so it takes nothing and stays as it is.
    pub muted: bool,
}

impl Wish {
    /// Whether a rung fits into what is left; a rise must leave `headroom`, slack included.
    fn fits(&self, place: usize, rest: u64, headroom: u64) -> bool {
        let rises = self.now.is_none_or(|now| place > now);
        let may = !rises || self.may_rise || self.now.is_none();
        let kept = if rises { headroom } else { 0 };
        may && self.ladder.get(place).is_some_and(|rung| rung.bits_per_second.saturating_add(kept) <= rest)
    }

    fn cost(&self, place: usize) -> u64 {
        self.ladder[place].bits_per_second
    }
}

/// Divides `budget`, of which `audio` bits a second are spoken for whatever happens; `None` has no
/// end. Puts the place in its ladder for each wish into `chosen`, or nothing where nothing fits.
pub fn allocate(budget: Option<Budget>, audio: u64, wishes: &[Wish], chosen: &mut Vec<Option<usize>>) {
    chosen.clear();
    let Some(budget) = budget else {
        return chosen.extend(wishes.iter().map(|wish| wish.ladder.len().checked_sub(1)));
    };
    let (all, slack) = (budget.bits_per_second, budget.slack());
    let (mut rest, headroom) = ((all + slack).saturating_sub(audio), all / HEADROOM + slack);
    for wish in wishes {
        let fits = !wish.muted && wish.fits(0, rest, headroom);
        rest -= if fits { wish.cost(0) } else { 0 };
        chosen.push(fits.then_some(0));
    }
    let chosen_nothing = chosen.iter().all(Option::is_none);
    // Who has nothing to look at learns nothing of a link: one picture is tried where it nearly fits. A queue
    // drains in less time than it takes to begin a picture anew, so it takes the last one from nobody.
    let later = budget.drained.max(all).saturating_sub(audio);
    let comes = |wish: &Wish| !wish.muted && !wish.ladder.is_empty();
    let first = wishes.iter().zip(chosen.iter_mut()).find(|(wish, _)| comes(wish));
    if chosen_nothing && let Some((first, chosen)) = first {
        let kept = if first.now.is_some() { 0 } else { all / HEADROOM };
        if later >= first.cost(0) / NEARLY + kept {
            (*chosen, rest) = (Some(0), 0);
        }
    }
    for (wish, chosen) in wishes.iter().zip(chosen.iter_mut()) {
        if wish.muted {
            // Once it comes again it begins with this, and the budget is divided anew.
            *chosen = wish.now.or((!wish.ladder.is_empty()).then_some(0));
            continue;
        }
        let Some(lowest) = *chosen else { continue };
        let has = rest + wish.cost(lowest);
        let fits = |place: &usize| wish.fits(*place, has, headroom);
        if let Some(best) = (lowest + 1..wish.ladder.len()).rev().find(fits) {
            rest = has - wish.cost(best);
            *chosen = Some(best);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::choice::Choice;
    use crate::media::ladder::{MAX_RUNGS, Rung};
    use proptest::prelude::*;

    fn wish(costs: &[u64], now: Option<usize>) -> Wish {
        let mut costs = costs.to_vec();
        costs.sort_unstable();
        costs.dedup();
        let rungs = costs
            .iter()
            .zip(0..)
            .map(|(&bits_per_second, layer)| Rung { choice: Choice::whole(layer), bits_per_second });
        let ladder: Ladder = rungs.take(MAX_RUNGS).collect();
        let now = now.filter(|&now| now < ladder.len());
        Wish { ladder, now, may_rise: true, muted: false }
    }

    fn given(budget: Option<u64>, audio: u64, wishes: &[Wish]) -> Vec<Option<usize>> {
        let budget = budget.map(|bits_per_second| Budget { bits_per_second, drained: 0, is_calm: false });
        let mut chosen = Vec::new();
        allocate(budget, audio, wishes, &mut chosen);
        chosen
    }

    const CAMERA: [u64; 3] = [150, 500, 2_500];

    #[test]
    fn without_a_budget_everybody_is_shown_at_their_best() {
        assert_eq!(given(None, 40, &[wish(&CAMERA, None), wish(&[], None)]), [Some(2), None]);
    }

    #[test]
    fn everybody_is_seen_before_anybody_is_seen_well_and_the_first_is_seen_best() {
        let wishes = [wish(&CAMERA, None), wish(&CAMERA, None), wish(&CAMERA, None)];
        assert_eq!(given(Some(520), 0, &wishes), [Some(0); 3]);
        assert_eq!(given(Some(1_000), 40, &wishes), [Some(1), Some(0), Some(0)]);
        assert_eq!(given(Some(3_900), 40, &wishes), [Some(2), Some(1), Some(0)]);
        assert_eq!(given(Some(450), 40, &wishes), [Some(0), Some(0), None]);
    }

    #[test]
    fn sound_goes_before_every_picture() {
        assert_eq!(given(Some(100), 200, &[wish(&CAMERA, Some(0))]), [None]);
        assert_eq!(given(Some(270), 200, &[wish(&CAMERA, Some(0))]), [None]);
    }

    #[test]
    fn one_picture_is_tried_where_it_nearly_fits() {
        let wishes = [wish(&CAMERA, None), wish(&CAMERA, None)];
        assert_eq!(given(Some(130), 40, &wishes), [Some(0), None]);
        let hidden = wish(&[], None);
        assert_eq!(given(Some(130), 40, &[hidden, wishes[0].clone()]), [None, Some(0)], "one that is seen");
    }

    #[test]
    fn a_queue_that_drains_takes_the_last_picture_from_nobody() {
        let given = |bits_per_second, drained| {
            let (mut chosen, wishes) = (Vec::new(), [wish(&CAMERA, Some(1)), wish(&CAMERA, Some(0))]);
            let budget = Budget { bits_per_second, drained, is_calm: false };
            allocate(Some(budget), 40, &wishes, &mut chosen);
            chosen
        };
        assert_eq!(given(60, 250), [Some(0), None]);
        assert_eq!(given(60, 60), [None, None]);
    }

    #[test]
    fn a_picture_stays_where_it_would_not_have_risen_to() {
        let now = |now| given(Some(2_600), 0, &[wish(&CAMERA, now)]);
        assert_eq!((now(Some(1)), now(Some(2))), (vec![Some(1)], vec![Some(2)]));
        let calm = |bits_per_second, now| {
            let (mut chosen, wishes) = (Vec::new(), [wish(&CAMERA, now), wish(&CAMERA, Some(0))]);
            let budget = Budget { bits_per_second, drained: bits_per_second, is_calm: true };
            allocate(Some(budget), 0, &wishes, &mut chosen);
            chosen
        };
        assert_eq!((calm(570, Some(1)), calm(570, Some(0))), (vec![Some(1), Some(0)], vec![Some(0); 2]));
        assert_eq!(calm(560, Some(1)), [Some(0), Some(0)], "less than the slack is missing, and no more");
        let fallen = Wish { may_rise: false, ..wish(&CAMERA, Some(0)) };
        assert_eq!(given(Some(9_000), 0, &[fallen]), [Some(0)]);
    }

    #[test]
    fn what_is_muted_takes_nothing_and_stays_as_it_is() {
        let muted = |now| Wish { muted: true, ..wish(&CAMERA, now) };
        assert_eq!(given(Some(600), 0, &[muted(Some(2)), wish(&CAMERA, Some(0))]), [Some(2), Some(1)]);
        assert_eq!(given(Some(600), 0, &[muted(None), wish(&CAMERA, Some(0))]), [Some(0), Some(1)]);
        assert_eq!(given(Some(130), 40, &[muted(Some(1)), wish(&CAMERA, None)]), [Some(1), Some(0)]);
        assert_eq!(given(None, 0, &[muted(Some(0))]), [Some(2)], "as if it came, where there is no end");
        assert_eq!(given(Some(600), 0, &[Wish { muted: true, ..wish(&[], None) }]), [None]);
    }

    fn wishes() -> impl Strategy<Value = Vec<Wish>> {
        let one = (prop::collection::vec(1u64..3_000, 0..6), prop::option::of(0usize..6), any::<bool>());
        let one = one.prop_map(|(costs, now, may_rise)| Wish { may_rise, ..wish(&costs, now) });
        prop::collection::vec(one, 0..12)
    }

    fn spent(wishes: &[Wish], chosen: &[Option<usize>]) -> u64 {
        wishes.iter().zip(chosen).filter_map(|(wish, chosen)| Some(wish.cost((*chosen)?))).sum()
    }

    proptest! {
        #[test]
        fn pictures_never_cost_more_than_sound_leaves(
            wishes in wishes(), budget in 0u64..20_000, audio in 0u64..500,
        ) {
            let chosen = given(Some(budget), audio, &wishes);
            let tried = chosen.iter().flatten().eq([&0]);
            let most = budget.saturating_sub(audio) * if tried { NEARLY } else { 1 };
            prop_assert!(spent(&wishes, &chosen) <= most + 1);
        }

        #[test]
        fn with_a_larger_budget_the_first_who_gets_something_else_gets_something_better(
            wishes in wishes(), budget in 0u64..20_000, more in 0u64..5_000,
        ) {
            let (less, more) = (given(Some(budget), 0, &wishes), given(Some(budget + more), 0, &wishes));
            let seen = |chosen: &[Option<usize>]| chosen.iter().map(Option::is_some).collect::<Vec<_>>();
            prop_assert!((seen(&more), &more) >= (seen(&less), &less), "{less:?} {more:?}");
        }

        #[test]
        fn one_picture_alone_never_gets_worse_with_a_larger_budget(
            wishes in wishes(), budget in 0u64..20_000, more in 0u64..5_000,
        ) {
            let Some(one) = wishes.first().map(std::slice::from_ref) else { return Ok(()) };
            prop_assert!(given(Some(budget + more), 0, one) >= given(Some(budget), 0, one));
        }

        #[test]
        fn a_budget_that_wavers_by_a_twentieth_settles_down(
            mut wishes in wishes(), budget in 0u64..20_000, waves in prop::collection::vec(95u64..=100, 30),
        ) {
            let mut next = |percent: u64| {
                let chosen = given(Some(budget * percent / 100), 0, &wishes);
                for (wish, chosen) in wishes.iter_mut().zip(&chosen) {
                    (wish.may_rise, wish.now) = (true, *chosen);
                }
                chosen
            };
            for percent in waves {
                next(percent);
                next(100);
                next(95);
            }
            let settled = next(95);
            for percent in [100, 97, 99, 95] {
                prop_assert_eq!(&next(percent), &settled);
            }
        }
    }
}
