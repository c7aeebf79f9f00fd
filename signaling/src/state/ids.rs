//! Numbers that are given out once and never again, also not after a crash.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Numbers are reserved in the records in steps of so many: one write per step, and at most so
/// many are lost by a kill. 2^64 last for ever.
const STEP: u64 = 1024;

/// The source of all numbers that the media process compares, and of record keys. One counter for
/// all kinds, so that a bare number in an event names one thing only.
#[derive(Debug)]
pub(crate) struct Ids {
    next: u64,
    reserved: u64,
}

impl Ids {
    /// Goes on after what a process before has reserved. The first one begins at the millisecond of its
    /// start: who comes back to a server that forgot everything names nobody else by a number of before.
    pub(crate) fn after(reserved: u64) -> Ids {
        // Zero is never given out, so that it can stand for "no such thing".
        let next = reserved.max(1);
        Ids { next, reserved: next }
    }

    /// A new number.
    pub(crate) fn take(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        id
    }

    /// The number that is given out next; all that were given out are below.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The new reservation, when the old one has been passed. It must be in the records before any
    /// number beyond the old one is used.
    pub(crate) fn reserve(&mut self) -> Option<u64> {
        if self.next <= self.reserved {
            return None;
        }
        self.reserved = self.next + STEP;
        Some(self.reserved)
    }
}

/// An identifier as it stands in records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Raw<T>(pub(crate) T);

/// What `Raw` can hold.
pub(crate) trait RawId: Copy {
    /// The number inside.
    fn number(self) -> u64;
    /// The identifier with that number.
    fn from_number(number: u64) -> Self;
}

macro_rules! raw_ids {
    ($($id:ident),*) => {$(
        impl RawId for volley::base::$id {
            fn number(self) -> u64 {
                self.0
            }
            fn from_number(number: u64) -> Self {
                volley::base::$id(number)
            }
        }
    )*};
}

raw_ids!(ParticipantId, RoomId, SlotId, StreamId, TrackId, TransportId);

impl<T: RawId> Serialize for Raw<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.number())
    }
}

impl<'de, T: RawId> Deserialize<'de> for Raw<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Raw(T::from_number(u64::deserialize(deserializer)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_comes_twice_whenever_the_process_dies() {
        let mut seen = std::collections::HashSet::new();
        let mut reserved = 0;
        for numbers in [1, 0, 5000, 3, 1024, 1025, 1] {
            let mut ids = Ids::after(reserved);
            for _ in 0..numbers {
                assert!(seen.insert(ids.take()));
                reserved = ids.reserve().unwrap_or(reserved);
            }
        }
        assert!(!seen.contains(&0));
    }
}
