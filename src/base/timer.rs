//! One deadline per dense key, kept in a binary heap whose positions are known.
//!
//! A worker has a few thousand deadlines of which a handful move per turn: a heap with an index is
//! exact to the nanosecond and allocates only when a new highest key appears.

use super::time::Time;

const ABSENT: u32 = u32::MAX;

/// Deadlines under dense `u32` keys.
#[derive(Debug, Default)]
pub struct Timers {
    heap: Vec<(Time, u32)>,
    position: Vec<u32>,
}

impl Timers {
    /// Sets or moves the deadline of `key`; `Time::NEVER` clears it.
    pub fn set(&mut self, key: u32, at: Time) {
        if at == Time::NEVER {
            return self.clear(key);
        }
        if self.position.len() <= key as usize {
            self.position.resize(key as usize + 1, ABSENT);
        }
        let at_position = self.position[key as usize];
        if at_position == ABSENT {
            self.heap.push((at, key));
            self.position[key as usize] = self.heap.len() as u32 - 1;
            self.sift_up(self.heap.len() - 1);
            return;
        }
        self.heap[at_position as usize].0 = at;
        self.sift_up(at_position as usize);
        self.sift_down(self.position[key as usize] as usize);
    }

    /// Sets the deadline of `key` unless it already has an earlier one.
    pub fn set_at_most(&mut self, key: u32, at: Time) {
        if self.get(key).is_none_or(|current| at < current) {
            self.set(key, at);
        }
    }

    /// The deadline of `key`.
    pub fn get(&self, key: u32) -> Option<Time> {
        let position = *self.position.get(key as usize)?;
        (position != ABSENT).then(|| self.heap[position as usize].0)
    }

    /// Forgets the deadline of `key`.
    pub fn clear(&mut self, key: u32) {
        let Some(&position) = self.position.get(key as usize) else { return };
        if position == ABSENT {
            return;
        }
        self.position[key as usize] = ABSENT;
        let last = self.heap.pop().expect("a known position is in the heap");
        if position as usize == self.heap.len() {
            return;
        }
        self.heap[position as usize] = last;
        self.position[last.1 as usize] = position;
        self.sift_up(position as usize);
        self.sift_down(self.position[last.1 as usize] as usize);
    }

    /// Takes one key whose deadline is not after `now`, earliest first.
    pub fn pop_due(&mut self, now: Time) -> Option<u32> {
        let &(at, key) = self.heap.first()?;
        if at > now {
            return None;
        }
        self.clear(key);
        Some(key)
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Time> {
        self.heap.first().map(|&(at, _)| at)
    }

    fn sift_up(&mut self, mut child: usize) {
        while child > 0 {
            let parent = (child - 1) / 2;
            if self.heap[parent] <= self.heap[child] {
                return;
            }
            self.swap(parent, child);
            child = parent;
        }
    }

    fn sift_down(&mut self, mut parent: usize) {
        loop {
            let left = 2 * parent + 1;
            if left >= self.heap.len() {
                return;
            }
            let right = left + 1;
            let least =
                if right < self.heap.len() && self.heap[right] < self.heap[left] { right } else { left };
            if self.heap[parent] <= self.heap[least] {
                return;
            }
            self.swap(parent, least);
            parent = least;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.position[self.heap[a].1 as usize] = a as u32;
        self.position[self.heap[b].1 as usize] = b as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    #[test]
    fn deadlines_come_out_in_order_however_they_were_moved() {
        let mut random = Random::new(7);
        let mut timers = Timers::default();
        let mut expected = std::collections::BTreeMap::new();
        for _ in 0..20_000 {
            let key = random.below(300) as u32;
            if random.chance(0.2) {
                timers.clear(key);
                expected.remove(&key);
            } else {
                let at = Time::from_nanos(random.below(1_000_000));
                timers.set(key, at);
                expected.insert(key, at);
            }
            assert_eq!(timers.next(), expected.values().min().copied());
        }
        let mut last = Time::ZERO;
        while let Some(at) = timers.next() {
            let key = timers.pop_due(Time::NEVER).expect("a deadline is due at the end of time");
            assert!(at >= last);
            assert_eq!(expected.remove(&key), Some(at));
            last = at;
        }
        assert!(expected.is_empty());
    }

    #[test]
    fn nothing_is_due_before_its_time() {
        let mut timers = Timers::default();
        timers.set(3, Time::from_millis(10));
        assert_eq!(timers.pop_due(Time::from_millis(9)), None);
        assert_eq!(timers.pop_due(Time::from_millis(10)), Some(3));
        assert_eq!(timers.pop_due(Time::from_millis(10)), None);
    }
}
