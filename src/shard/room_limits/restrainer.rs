//! When a room is restrained, how far, and when it is let go again: a function of what it takes.
//!
//! Layers go first, one off the top at a time and with time to take effect; then, for the sake of the
//! core, pictures; nobody else is let in when that is all that can be done. All comes back the same way,
//! a step at a time. What proved too much when it came back is waited for longer each time.

use crate::base::Time;
use crate::control::message::ALL_PICTURES as ALL;
use crate::control::types::{Restraint, RoomLimit, RoomLimits};
use std::time::Duration;

/// What a cut brings of memory is seen after this: a publisher is told to pause a layer when nobody was
/// shown it for five seconds, and some seconds later what is kept of it is given back.
pub(super) const SETTLES: Duration = Duration::from_secs(10);

/// What a cut brings of the core is seen sooner: viewers go down with the next key frame.
const CUT_SETTLES: Duration = Duration::from_secs(4);

/// What shedding brings is seen in the second after the one in which it began.
const SHED_SETTLES: Duration = Duration::from_secs(2);

/// Sixteenths of the pictures that are shed, or come back, at a time.
const SHED: u8 = 2;

/// Seconds in a row that a room takes too much of the core before anything is done: joins and key frames
/// are over by then.
const HOT: u8 = 3;

/// A room must be below three quarters of its limits for so long before a step is taken back; twice as
/// long each time that the step before proved too much.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(640));

/// Pictures that were shed come back in steps of this part of it.
const SHED_PATIENCE: u32 = 5;

/// A step back that did no harm for so long was right.
const HARMLESS: Duration = Duration::from_secs(60);

/// What a room takes, and what stands around it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    /// Bytes.
    pub(super) memory: u64,
    /// Percent of the core.
    pub(super) cpu: u8,
    /// How many layers can be cut off before only the lowest are left.
    pub(super) most_cut: u8,
    /// The core is short of time, and rooms that take less than they may share it.
    pub(super) is_contended: bool,
    /// It is the largest room of a server that takes too much memory.
    pub(super) is_chosen: bool,
}

/// What has just changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    pub(super) restraint: Restraint,
    /// The limit that the room came up against; `None`: something is given back.
    pub(super) by: Option<RoomLimit>,
}

/// How one room is restrained.
#[derive(Debug)]
pub(super) struct Restrainer {
    now: Restraint,
    /// Seconds in a row in which it took too much of the core.
    hot: u8,
    /// No further step down before this.
    settled: Time,
    /// Since when it has taken little enough, or the last step was taken back.
    calm_since: Option<Time>,
    patience: Duration,
    /// When the last step was taken back.
    rose: Option<Time>,
}

impl Default for Restrainer {
    fn default() -> Restrainer {
        Restrainer {
            now: Restraint { layers_cut: 0, pictures: ALL, full: None },
            hot: 0,
            settled: Time::ZERO,
            calm_since: None,
            patience: PATIENCE.0,
            rose: None,
        }
    }
}

impl Restrainer {
    /// What is held back now.
    pub(super) fn restraint(&self) -> Restraint {
        self.now
    }

    /// Whether anything is.
    pub(super) fn is_restrained(&self) -> bool {
        self.now != Restrainer::default().now
    }

    /// To be called once a second.
    pub(super) fn look(&mut self, now: Time, limits: &RoomLimits, look: &Look) -> Option<Step> {
        // A ninth eighth: rooms that are alike and fill a core between them waver around their share.
        let is_hot = look.is_contended && u32::from(look.cpu) * 8 > u32::from(limits.cpu_percent) * 9;
        self.hot = if is_hot { self.hot.saturating_add(1) } else { 0 };
        let causes = [
            (look.memory > limits.memory_bytes).then_some(RoomLimit::Memory),
            (self.hot >= HOT).then_some(RoomLimit::Cpu),
            look.is_chosen.then_some(RoomLimit::Total),
        ];
        let mut causes = causes.into_iter().flatten().peekable();
        if causes.peek().is_some() {
            if now < self.settled {
                return None;
            }
            let step = causes.find_map(|by| self.tighten(now, by, look.most_cut));
            if step.is_some() {
                return step;
            }
        }
        if self.is_restrained() && self.may_loosen(limits, look) {
            return self.loosen(now);
        }
        self.calm_since = None;
        None
    }

    /// Whether what would be given back next is no longer too much.
    fn may_loosen(&self, limits: &RoomLimits, look: &Look) -> bool {
        let is_cool = !look.is_contended || u32::from(look.cpu) * 4 < u32::from(limits.cpu_percent) * 3;
        let is_small = look.memory < limits.memory_bytes / 4 * 3;
        match self.now.full {
            _ if self.now.pictures < ALL => is_cool,
            Some(RoomLimit::Cpu) => is_cool,
            Some(_) => is_small,
            None => is_cool && is_small && !limits.is_pressed,
        }
    }

    fn tighten(&mut self, now: Time, by: RoomLimit, most_cut: u8) -> Option<Step> {
        let before = self.now;
        let settles;
        if self.now.layers_cut < most_cut {
            self.now.layers_cut += 1;
            settles = if by == RoomLimit::Cpu { CUT_SETTLES } else { SETTLES };
        } else {
            settles = SHED_SETTLES;
            match by {
                RoomLimit::Memory => self.now.full = Some(by),
                RoomLimit::Cpu => {
                    self.now.pictures = self.now.pictures.saturating_sub(SHED);
                    self.now.full = self.now.full.or(Some(by));
                }
                // Whoever watches the whole server refuses for all rooms.
                RoomLimit::Total => {}
            }
        }
        if self.now == before {
            return None;
        }
        self.calm_since = None;
        self.settled = now + settles;
        if let Some(rose) = self.rose.take() {
            let failed = now.since(rose) < HARMLESS;
            self.patience = if failed { (self.patience * 2).min(PATIENCE.1) } else { PATIENCE.0 };
        }
        Some(Step { restraint: self.now, by: Some(by) })
    }

    fn loosen(&mut self, now: Time) -> Option<Step> {
        let calm_since = *self.calm_since.get_or_insert(now);
        let sheds = self.now.pictures < ALL;
        let patience = if sheds { self.patience / SHED_PATIENCE } else { self.patience };
        if now.since(calm_since) < patience {
            return None;
        }
        if sheds {
            self.now.pictures = (self.now.pictures + SHED).min(ALL);
        } else if self.now.full.is_some() {
            self.now.full = None;
        } else {
            self.now.layers_cut -= 1;
        }
        (self.calm_since, self.rose) = (Some(now), Some(now));
        Some(Step { restraint: self.now, by: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: u64 = 100;
    const LIMITS: RoomLimits = RoomLimits { memory_bytes: MEMORY, cpu_percent: 25, is_pressed: false };

    /// A room, and the seconds it is looked at.
    #[derive(Default)]
    struct Lab {
        restrainer: Restrainer,
        seconds: u64,
        /// When what changed, and why.
        steps: Vec<(u64, Step)>,
    }

    impl Lab {
        fn pass(&mut self, seconds: u64, look: impl Fn(Restraint) -> Look) {
            for _ in 0..seconds {
                self.seconds += 1;
                let look = look(self.restrainer.restraint());
                let step = self.restrainer.look(Time::from_millis(self.seconds * 1_000), &LIMITS, &look);
                self.steps.extend(step.map(|step| (self.seconds, step)));
            }
        }

        /// Layers cut, sixteenths shown, and why nobody is let in, at each change.
        fn told(&self) -> Vec<(u64, u8, u8, Option<RoomLimit>)> {
            let one = |(at, step): &(u64, Step)| {
                (*at, step.restraint.layers_cut, step.restraint.pictures, step.restraint.full)
            };
            self.steps.iter().map(one).collect()
        }
    }

    fn memory(memory: u64) -> impl Fn(Restraint) -> Look {
        move |_| Look { memory, most_cut: 2, ..Look::default() }
    }

    fn cpu(cpu: u8, is_contended: bool) -> impl Fn(Restraint) -> Look {
        move |_| Look { cpu, is_contended, most_cut: 1, ..Look::default() }
    }

    #[test]
    fn layers_go_one_after_another_and_only_then_nobody_is_let_in() {
        let mut lab = Lab::default();
        lab.pass(60, memory(MEMORY + 1));
        let full = Some(RoomLimit::Memory);
        assert_eq!(lab.told(), [(1, 1, 16, None), (11, 2, 16, None), (21, 2, 16, full)]);
        assert!(lab.steps.iter().all(|(_, step)| step.by == full));
    }

    #[test]
    fn what_has_one_layer_only_takes_nobody_else_at_once() {
        let mut lab = Lab::default();
        lab.pass(5, |_| Look { memory: MEMORY + 1, ..Look::default() });
        assert_eq!(lab.told(), [(1, 0, 16, Some(RoomLimit::Memory))]);
    }

    #[test]
    fn between_three_quarters_and_the_limit_nothing_changes() {
        let mut lab = Lab::default();
        lab.pass(30, memory(MEMORY + 1));
        let steps = lab.steps.len();
        lab.pass(3_600, memory(MEMORY));
        lab.pass(3_600, memory(MEMORY * 3 / 4));
        assert_eq!(lab.steps.len(), steps);
    }

    #[test]
    fn below_three_quarters_all_comes_back_a_step_at_a_time() {
        let mut lab = Lab::default();
        lab.pass(30, memory(MEMORY + 1));
        lab.steps.clear();
        lab.pass(60, memory(MEMORY / 2));
        assert_eq!(lab.told(), [(41, 2, 16, None), (51, 1, 16, None), (61, 0, 16, None)]);
        assert!(lab.steps.iter().all(|(_, step)| step.by.is_none()) && !lab.restrainer.is_restrained());
    }

    #[test]
    fn a_room_whose_layers_do_not_fit_is_not_seen_to_flap() {
        let mut lab = Lab::default();
        // Each layer is a third, and all of them are too much.
        lab.pass(3_600, |restraint| {
            let memory = (3 - u64::from(restraint.layers_cut)) * MEMORY * 2 / 5;
            Look { memory, most_cut: 2, ..Look::default() }
        });
        assert_eq!(lab.restrainer.restraint().full, None);
        lab.steps.clear();
        lab.pass(3_600, |restraint| {
            let memory = if restraint.layers_cut > 0 { MEMORY / 2 } else { MEMORY * 2 };
            Look { memory, most_cut: 2, ..Look::default() }
        });
        assert!(lab.steps.len() <= 24, "{} changes in an hour", lab.steps.len());
    }

    #[test]
    fn a_core_that_has_time_or_that_nobody_else_needs_may_be_used_whole() {
        let mut lab = Lab::default();
        lab.pass(600, cpu(100, false));
        assert_eq!(lab.steps, []);
        lab.pass(600, cpu(28, true));
        assert_eq!(lab.steps, [], "a little more than its share is noise");
        for _ in 0..100 {
            lab.pass(2, cpu(100, true));
            lab.pass(1, cpu(20, true));
        }
        assert_eq!(lab.steps, [], "and so are two seconds");
    }

    #[test]
    fn on_a_contended_core_layers_go_then_pictures_and_nobody_is_let_in_meanwhile() {
        let mut lab = Lab::default();
        lab.pass(9, cpu(60, true));
        let full = Some(RoomLimit::Cpu);
        assert_eq!(lab.told(), [(3, 1, 16, None), (7, 1, 14, full), (9, 1, 12, full)]);
        lab.pass(60, cpu(60, true));
        assert_eq!(lab.restrainer.restraint().pictures, 0, "sound stays");
        lab.steps.clear();
        lab.pass(3_600, cpu(60, false));
        assert!(!lab.restrainer.is_restrained());
        assert_eq!(lab.told().first(), Some(&(72, 1, 2, full)), "pictures come back first");
    }

    #[test]
    fn pictures_come_back_when_the_core_has_time_however_much_memory_is_taken() {
        let mut lab = Lab::default();
        lab.pass(20, |_| Look { cpu: 60, is_contended: true, memory: MEMORY + 1, ..Look::default() });
        let held = lab.restrainer.restraint();
        assert!(held.pictures < ALL && held.full == Some(RoomLimit::Memory));
        lab.pass(60, |_| Look { memory: MEMORY + 1, ..Look::default() });
        assert_eq!(lab.restrainer.restraint(), Restraint { pictures: ALL, ..held });
    }

    #[test]
    fn the_chosen_room_of_a_pressed_server_gives_layers_up_and_goes_on_taking_people() {
        let (mut restrainer, pressed) = (Restrainer::default(), RoomLimits { is_pressed: true, ..LIMITS });
        let chosen = Look { is_chosen: true, most_cut: 1, ..Look::default() };
        let seconds = (1..60).map(|second| Time::from_millis(second * 1_000));
        let steps: Vec<Step> = seconds.filter_map(|now| restrainer.look(now, &pressed, &chosen)).collect();
        let restraint = Restraint { layers_cut: 1, pictures: ALL, full: None };
        assert_eq!(steps, [Step { restraint, by: Some(RoomLimit::Total) }]);
    }

    #[test]
    fn while_the_server_is_pressed_nothing_comes_back() {
        let (mut restrainer, pressed) = (Restrainer::default(), RoomLimits { is_pressed: true, ..LIMITS });
        let chosen = Look { is_chosen: true, most_cut: 1, ..Look::default() };
        assert!(restrainer.look(Time::from_millis(1_000), &pressed, &chosen).is_some());
        let others =
            (2..600).map(|second| (Time::from_millis(second * 1_000), Look { is_chosen: false, ..chosen }));
        assert!(others.into_iter().all(|(now, look)| restrainer.look(now, &pressed, &look).is_none()));
    }
}
