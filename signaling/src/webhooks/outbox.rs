//! What waits to be sent: for each room a line of letters, of which the first may be under way. A letter
//! stays the first of its line until it has arrived, so nothing overtakes.

use crate::webhooks::{Delivery, WebhookSettings};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use volley::base::Time;

/// Letters under way at once: more would only make a slow receiver slower.
pub(crate) const MAX_UNDER_WAY: usize = 16;
/// Letters that wait, some 500 bytes each in the records. A receiver that is away for so long that they are
/// more has missed a day of a busy server.
const MAX_WAITING: usize = 10_000;
/// Of one room: whoever makes much happen in theirs takes nothing from the others.
const MAX_OF_ROOM: usize = 1_000;
/// The pause after the first failure; it doubles …
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// … up to this: a receiver that is back should not wait much longer for what it missed.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// One that waits, as it stands in the records.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) number: u64,
    pub(crate) id: String,
    pub(crate) room: String,
    pub(crate) body: String,
}

/// What became of letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) waiting: usize,
    pub(crate) delivered: u64,
    /// Attempts, not letters.
    pub(crate) failed: u64,
    /// Never sent, since too many waited.
    pub(crate) dropped: u64,
}

/// All that waits.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    lines: HashMap<String, Line>,
    /// Rooms whose first letter may go.
    ready: VecDeque<String>,
    under_way: usize,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Line {
    letters: VecDeque<Letter>,
    /// How often the first one failed.
    failures: u32,
    /// After a failure: not before.
    rests_until: Option<Time>,
}

impl Outbox {
    /// What a process before has left.
    pub(crate) fn of(letters: impl Iterator<Item = Letter>) -> Outbox {
        let mut letters: Vec<Letter> = letters.collect();
        letters.sort_by_key(|letter| letter.number);
        let mut outbox = Outbox::default();
        letters.into_iter().for_each(|letter| outbox.put(letter));
        outbox
    }

    /// Whether one more of `room` can wait.
    pub(crate) fn has_room(&mut self, room: &str) -> bool {
        let of_room = self.lines.get(room).map_or(0, |line| line.letters.len());
        let has_room = self.tally.waiting < MAX_WAITING && of_room < MAX_OF_ROOM;
        if !has_room {
            self.tally.dropped += 1;
        }
        has_room
    }

    /// One more, which must be in the records.
    pub(crate) fn put(&mut self, letter: Letter) {
        let line = self.lines.entry(letter.room.clone()).or_default();
        if line.letters.is_empty() {
            self.ready.push_back(letter.room.clone());
        }
        line.letters.push_back(letter);
        self.tally.waiting += 1;
    }

    /// The next one that may go; it is under way from now on.
    pub(crate) fn next(&mut self, to: &WebhookSettings) -> Option<Delivery> {
        if self.under_way >= MAX_UNDER_WAY {
            return None;
        }
        let room = self.ready.pop_front()?;
        let Letter { number, id, body, .. } = self.lines.get(&room)?.letters.front()?.clone();
        self.under_way += 1;
        Some(Delivery { number, id, room, body, to: to.clone() })
    }

    /// What became of one that was under way: the number of the one that has arrived and can be forgotten.
    pub(crate) fn answered(&mut self, (room, number): (&str, u64), arrived: bool, now: Time) -> Option<u64> {
        self.under_way = self.under_way.saturating_sub(1);
        // Everything may have been forgotten meanwhile.
        let line = self
            .lines
            .get_mut(room)
            .filter(|line| line.letters.front().is_some_and(|first| first.number == number))?;
        if !arrived {
            self.tally.failed += 1;
            line.rests_until = Some(now + pause(line.failures));
            line.failures += 1;
            return None;
        }
        line.failures = 0;
        let letter = line.letters.pop_front()?;
        if line.letters.is_empty() {
            self.lines.remove(room);
        } else {
            self.ready.push_back(room.to_owned());
        }
        (self.tally.waiting, self.tally.delivered) = (self.tally.waiting - 1, self.tally.delivered + 1);
        Some(letter.number)
    }

    /// Lets those go whose rest is over.
    pub(crate) fn tick(&mut self, now: Time) {
        for (room, line) in &mut self.lines {
            if line.rests_until.take_if(|until| *until <= now).is_some() {
                self.ready.push_back(room.clone());
            }
        }
    }

    /// Forgets everything that waits: their numbers.
    pub(crate) fn clear(&mut self) -> Vec<u64> {
        self.ready.clear();
        self.tally.waiting = 0;
        self.lines.drain().flat_map(|(_, line)| line.letters).map(|letter| letter.number).collect()
    }

    /// All that waits, in the order of their numbers.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        let mut letters: Vec<Letter> =
            self.lines.values().flat_map(|line| line.letters.iter().cloned()).collect();
        letters.sort_by_key(|letter| letter.number);
        letters
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(number: u64, room: &str) -> Letter {
        Letter { number, id: number.to_string(), room: room.to_owned(), body: String::new() }
    }

    fn target() -> WebhookSettings {
        WebhookSettings { url: String::from("http://receiver"), secrets: vec![], spool: None }
    }

    fn going(outbox: &mut Outbox) -> Vec<u64> {
        std::iter::from_fn(|| outbox.next(&target())).map(|delivery| delivery.number).collect()
    }

    #[test]
    fn letters_of_a_room_go_one_after_another_and_rooms_beside_one_another() {
        let mut outbox = Outbox::of([letter(3, "a"), letter(1, "a"), letter(2, "b")].into_iter());
        assert_eq!(going(&mut outbox), [1, 2]);
        assert_eq!(outbox.answered(("a", 1), true, Time::ZERO), Some(1));
        assert_eq!(going(&mut outbox), [3]);
        assert_eq!(outbox.answered(("b", 2), true, Time::ZERO), Some(2));
        assert_eq!(outbox.answered(("a", 3), true, Time::ZERO), Some(3));
        assert_eq!(going(&mut outbox), [0; 0]);
        assert_eq!(outbox.tally(), Tally { delivered: 3, ..Tally::default() });
        assert!(outbox.lines.is_empty());
    }

    #[test]
    fn one_that_failed_stays_the_first_and_rests_ever_longer() {
        let mut outbox = Outbox::of([letter(1, "a"), letter(2, "a")].into_iter());
        let mut now = Time::from_millis(1_000);
        let mut rests = vec![];
        for _ in 0..8 {
            assert_eq!(going(&mut outbox), [1]);
            assert_eq!(outbox.answered(("a", 1), false, now), None);
            let failed_at = now;
            while outbox.ready.is_empty() {
                now += Duration::from_millis(500);
                outbox.tick(now);
            }
            rests.push(now.since(failed_at).as_secs());
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(going(&mut outbox), [1]);
        outbox.answered(("a", 1), true, now);
        assert_eq!(going(&mut outbox), [2]);
        outbox.answered(("a", 2), false, now);
        outbox.tick(now + FIRST_PAUSE);
        assert_eq!(going(&mut outbox), [2], "the pause begins anew with another letter");
    }

    #[test]
    fn only_so_many_are_under_way_at_once() {
        let rooms: Vec<String> = (0..40).map(|room| room.to_string()).collect();
        let letters = rooms.iter().enumerate().map(|(number, room)| letter(number as u64, room));
        let mut outbox = Outbox::of(letters);
        assert_eq!(going(&mut outbox).len(), MAX_UNDER_WAY);
        outbox.answered(("0", 0), true, Time::ZERO);
        assert_eq!(going(&mut outbox).len(), 1);
    }

    #[test]
    fn when_too_many_wait_no_more_are_taken_and_that_is_counted() {
        let mut outbox = Outbox::of((0..MAX_WAITING as u64).map(|number| letter(number, "a")));
        assert!(!outbox.has_room("b"));
        assert_eq!((outbox.tally().waiting, outbox.tally().dropped), (MAX_WAITING, 1));
        assert_eq!(outbox.clear().len(), MAX_WAITING);
        assert!(outbox.has_room("b") && outbox.next(&target()).is_none());
    }

    #[test]
    fn who_makes_much_happen_in_one_room_takes_nothing_from_others() {
        let mut outbox = Outbox::of((0..MAX_OF_ROOM as u64).map(|number| letter(number, "a")));
        assert!(!outbox.has_room("a") && outbox.has_room("b"));
    }
}
