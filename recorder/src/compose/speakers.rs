//! Who speaks, from how loud everybody is.

/// Loudness is told so often.
pub(super) const STEP_MS: i64 = 100;

/// Root mean square of full scale: −40 dB. Below it somebody breathes.
const HEARD: f32 = 0.01;

/// How much of a new value counts: half of it after a quarter of a second.
const PACE: f32 = 0.25;

/// Somebody else is shown when they are so much louder …
const LOUDER: f32 = 1.5;

/// … for so many steps, so that a cough shows nobody.
const STEPS: u32 = 8;

/// Listens through a recording.
#[derive(Debug)]
pub(super) struct Speakers {
    levels: Vec<f32>,
    steps: i64,
    current: Option<usize>,
    next: Option<usize>,
    /// For how many steps the next one has been the loudest.
    for_steps: u32,
    changes: Vec<(i64, usize)>,
}

impl Speakers {
    pub(super) fn new(people: usize) -> Speakers {
        Speakers {
            levels: vec![0.0; people],
            steps: 0,
            current: None,
            next: None,
            for_steps: 0,
            changes: Vec::new(),
        }
    }

    /// How loud everybody was in the next step.
    pub(super) fn hear(&mut self, loudness: &[f32]) {
        for (level, heard) in self.levels.iter_mut().zip(loudness) {
            *level += (heard - *level) * PACE;
        }
        let loudest =
            (0..self.levels.len()).max_by(|one, other| self.levels[*one].total_cmp(&self.levels[*other]));
        let beats = |who: &usize| {
            let rival = self.current.map_or(0.0, |current| self.levels[current]);
            Some(*who) != self.current && self.levels[*who] >= HEARD.max(rival * LOUDER)
        };
        let next = loudest.filter(beats);
        self.for_steps = if next.is_some() && next == self.next { self.for_steps + 1 } else { 1 };
        self.next = next;
        self.steps += 1;
        if let Some(who) = next.filter(|_| self.for_steps >= STEPS || self.current.is_none()) {
            let since = self.steps - i64::from(self.for_steps);
            self.changes.push((since.max(0) * STEP_MS, who));
            (self.current, self.next, self.for_steps) = (Some(who), None, 0);
        }
    }

    /// From when on who spoke, in milliseconds.
    pub(super) fn changes(self) -> Vec<(i64, usize)> {
        self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(steps: &[[f32; 2]]) -> Vec<(i64, usize)> {
        let mut speakers = Speakers::new(2);
        steps.iter().for_each(|loudness| speakers.hear(loudness));
        speakers.changes()
    }

    #[test]
    fn who_speaks_first_is_shown_at_once_and_the_next_one_when_they_go_on() {
        let mut steps = vec![[0.2, 0.0]; 30];
        steps.extend([[0.0, 0.2]; 30]);
        let changes = changes(&steps);
        assert_eq!(changes.iter().map(|(_, who)| *who).collect::<Vec<_>>(), [0, 1]);
        assert!(changes[0].0 <= 100 && (3_000..=3_600).contains(&changes[1].0), "{changes:?}");
    }

    #[test]
    fn a_cough_and_breathing_show_nobody() {
        let mut steps = vec![[0.2, 0.005]; 30];
        steps.extend([[0.0, 0.3]; 4]);
        steps.extend([[0.2, 0.005]; 30]);
        assert_eq!(changes(&steps).len(), 1);
        assert_eq!(changes(&[[0.005, 0.004]; 50]), []);
    }
}
