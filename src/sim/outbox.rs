//! A [`base::Outbox`](crate::base::Outbox) over plain buffers: what a shard sends in one turn.

use crate::base::{Outbox, Path, Push, TrainId};

/// One datagram a shard sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// Whose train it stood in.
    pub train: TrainId,
    /// Where it goes.
    pub path: Path,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Collects what a shard sends until the turn is over.
#[derive(Debug, Default)]
pub struct SimOutbox {
    sent: Vec<Sent>,
    refused: u64,
    limit: Option<usize>,
}

/// The most a reservation may ask for; see [`Outbox::push`].
const MAX_DATAGRAM: usize = 1500;

/// What stands in a fresh reservation: a shard that sends bytes it did not write is found out.
const UNSPECIFIED: u8 = 0xa5;

impl SimOutbox {
    /// An outbox that refuses what comes after `limit` datagrams in one turn.
    pub fn with_limit(limit: usize) -> SimOutbox {
        SimOutbox { limit: Some(limit), ..SimOutbox::default() }
    }

    /// Ends the turn: everything sent, train by train, in order within each.
    pub fn flush(&mut self) -> Vec<Sent> {
        let mut sent = std::mem::take(&mut self.sent);
        sent.sort_by_key(|datagram| datagram.train);
        sent
    }

    /// How often there was no room.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

impl Outbox for SimOutbox {
    fn push(
        &mut self,
        train: TrainId,
        path: &Path,
        capacity: usize,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Push {
        assert!(capacity <= MAX_DATAGRAM, "a datagram of {capacity} bytes passes no Ethernet");
        if self.limit.is_some_and(|limit| self.sent.len() >= limit) {
            self.refused += 1;
            return Push::Full;
        }
        let mut bytes = vec![UNSPECIFIED; capacity];
        let Some(used) = fill(&mut bytes) else { return Push::RolledBack };
        assert!(used <= capacity, "a filler used {used} of {capacity} bytes");
        bytes.truncate(used);
        self.sent.push(Sent { train, path: *path, bytes });
        Push::Committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SocketIndex;

    fn push(outbox: &mut SimOutbox, train: u32, byte: Option<u8>) -> Push {
        let path = Path { socket: SocketIndex(0), remote: ([10, 0, 0, 1], 4000).into() };
        outbox.push(TrainId(train), &path, 10, |buffer| {
            assert_eq!(buffer.len(), 10);
            buffer[0] = byte?;
            Some(1)
        })
    }

    #[test]
    fn datagrams_leave_train_by_train_and_a_rolled_back_one_never() {
        let mut outbox = SimOutbox::default();
        assert_eq!(push(&mut outbox, 2, Some(1)), Push::Committed);
        assert_eq!(push(&mut outbox, 1, Some(2)), Push::Committed);
        assert_eq!(push(&mut outbox, 1, None), Push::RolledBack);
        assert_eq!(push(&mut outbox, 2, Some(3)), Push::Committed);
        let order: Vec<u8> = outbox.flush().iter().map(|sent| sent.bytes[0]).collect();
        assert_eq!(order, [2, 1, 3]);
        assert!(outbox.flush().is_empty());
    }

    #[test]
    fn a_full_outbox_says_so() {
        let mut outbox = SimOutbox::with_limit(1);
        assert_eq!(push(&mut outbox, 0, Some(1)), Push::Committed);
        assert_eq!(push(&mut outbox, 0, Some(2)), Push::Full);
        assert_eq!(outbox.refused(), 1);
    }
}
