//! Virtual time: what happens next, and in which order when two things happen at once.

use crate::base::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Things that will happen, earliest first; what was scheduled first wins a tie, so that a run
/// repeats exactly.
#[derive(Debug)]
pub struct EventQueue<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    scheduled: u64,
    now: Time,
}

impl<T> Default for EventQueue<T> {
    fn default() -> EventQueue<T> {
        EventQueue { heap: BinaryHeap::new(), scheduled: 0, now: Time::ZERO }
    }
}

impl<T> EventQueue<T> {
    /// The time of the last thing that happened.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Lets `what` happen at `at`, or now when that has passed.
    pub fn schedule(&mut self, at: Time, what: T) {
        self.scheduled += 1;
        self.heap.push(Reverse(Entry { at: at.max(self.now), order: self.scheduled, what }));
    }

    /// The time of the next thing.
    pub fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|entry| entry.0.at)
    }

    /// Takes the next thing and moves the clock to it.
    pub fn pop(&mut self) -> Option<(Time, T)> {
        let Reverse(entry) = self.heap.pop()?;
        self.now = entry.at;
        Some((entry.at, entry.what))
    }
}

#[derive(Debug)]
struct Entry<T> {
    at: Time,
    order: u64,
    what: T,
}

impl<T> Entry<T> {
    fn key(&self) -> (Time, u64) {
        (self.at, self.order)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Entry<T>) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Entry<T>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Entry<T>) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_scheduled_first_wins_a_tie_and_time_never_goes_back() {
        let mut queue = EventQueue::default();
        queue.schedule(Time::from_millis(2), 'b');
        queue.schedule(Time::from_millis(1), 'a');
        queue.schedule(Time::from_millis(2), 'c');
        assert_eq!(queue.pop(), Some((Time::from_millis(1), 'a')));
        assert_eq!(queue.pop(), Some((Time::from_millis(2), 'b')));
        queue.schedule(Time::ZERO, 'd');
        assert_eq!(queue.pop(), Some((Time::from_millis(2), 'c')));
        assert_eq!(queue.pop(), Some((Time::from_millis(2), 'd')));
        assert_eq!(queue.pop(), None);
    }
}
