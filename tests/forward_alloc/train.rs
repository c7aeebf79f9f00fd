//! Where the shard writes: room that is there before the first datagram.

use volley::base::{Outbox, Path, Push, TrainId};

/// Bytes a turn may fill: hundreds of full datagrams.
const BYTES: usize = 1 << 20;
/// Datagrams a turn may hold.
const DATAGRAMS: usize = 4_096;

/// One turn's datagrams in one buffer.
pub(crate) struct Trains {
    bytes: Box<[u8]>,
    used: usize,
    sent: Vec<(Path, usize, usize)>,
    /// Plants one allocation in each datagram's way.
    pub(crate) allocates_once_a_datagram: bool,
}

impl Trains {
    /// Room for one turn.
    pub(crate) fn new() -> Trains {
        Trains {
            bytes: vec![0; BYTES].into(),
            used: 0,
            sent: Vec::with_capacity(DATAGRAMS),
            allocates_once_a_datagram: false,
        }
    }

    /// Ends the turn.
    pub(crate) fn flush(&mut self) -> Vec<(Path, Vec<u8>)> {
        self.used = 0;
        let bytes = &self.bytes;
        self.sent.drain(..).map(|(path, start, end)| (path, bytes[start..end].to_vec())).collect()
    }
}

impl Outbox for Trains {
    fn push(
        &mut self,
        _train: TrainId,
        path: &Path,
        capacity: usize,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Push {
        if self.allocates_once_a_datagram {
            drop(std::hint::black_box(Box::new(7)));
        }
        let start = self.used;
        if start + capacity > self.bytes.len() || self.sent.len() == self.sent.capacity() {
            return Push::Full;
        }
        let Some(len) = fill(&mut self.bytes[start..start + capacity]) else { return Push::RolledBack };
        self.used = start + len;
        self.sent.push((*path, start, start + len));
        Push::Committed
    }
}
