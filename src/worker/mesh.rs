//! How batches of the mesh get from one worker's thread to another's: a queue for each pair and
//! direction, with one that writes and one that reads.
//!
//! Whole batches change hands, so a queue is touched once a turn and not once a packet, and empty
//! ones go back the same way: nothing is allocated once they have grown. A worker that sleeps is woken
//! by its eventfd, and only when it has said that it sleeps. Knows nothing of what is in a batch.

use crate::base::WorkerId;
use crate::shard::MeshBatch;
use crossbeam::queue::ArrayQueue;
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, fence};

/// Batches on their way from one worker to another: as many turns as the reader may be behind. What
/// does not fit waits with the shard, which then drops packets by its own bound.
const BATCHES: usize = 16;

/// Both directions between a worker and itself are never used: that keeps places simple.
#[derive(Debug)]
struct Lane {
    filled: ArrayQueue<MeshBatch>,
    emptied: ArrayQueue<MeshBatch>,
}

#[derive(Debug)]
struct Sleeper {
    sleeps: AtomicBool,
    /// Blocking, so that a ring may wait for it.
    wake: OwnedFd,
}

/// What all workers of the process share.
#[derive(Debug)]
struct Shared {
    sleepers: Vec<Sleeper>,
    /// By who writes, then who reads.
    lanes: Vec<Lane>,
}

/// One worker's end of the mesh.
#[derive(Debug)]
pub(super) struct MeshEnd {
    own: usize,
    shared: Arc<Shared>,
}

/// The ends of all workers, by their number.
pub(super) fn connect(workers: usize) -> io::Result<Vec<MeshEnd>> {
    let sleeper =
        |_| Ok(Sleeper { sleeps: AtomicBool::new(false), wake: eventfd(0, EventfdFlags::CLOEXEC)? });
    let lane = |_| Lane { filled: ArrayQueue::new(BATCHES), emptied: ArrayQueue::new(BATCHES) };
    let shared = Arc::new(Shared {
        sleepers: (0..workers).map(sleeper).collect::<io::Result<_>>()?,
        lanes: (0..workers * workers).map(lane).collect(),
    });
    Ok((0..workers).map(|own| MeshEnd { own, shared: Arc::clone(&shared) }).collect())
}

impl MeshEnd {
    /// The number of this worker, and how many there are.
    pub(super) fn place(&self) -> (WorkerId, u16) {
        (WorkerId(self.own as u16), self.workers() as u16)
    }

    /// Signalled when something came while the worker slept. It is never read: each signal counts.
    pub(super) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.shared.sleepers[self.own].wake.as_fd()
    }

    /// Takes `batch` along and leaves an empty one; leaves it as it is while the queue is full.
    pub(super) fn send(&self, to: WorkerId, batch: &mut MeshBatch) {
        let to = usize::from(to.0);
        let lane = self.lane(self.own, to);
        if lane.filled.is_full() {
            return;
        }
        let spare = lane.emptied.pop().unwrap_or_default();
        // Only this worker writes here, so there is still room.
        if let Err(refused) = lane.filled.push(std::mem::replace(batch, spare)) {
            *batch = refused;
            return;
        }
        // Either this sees that the other sleeps, or the other's last look sees the batch: the
        // fence stands between write and read here as it does in `prepare_sleep`.
        fence(SeqCst);
        let Sleeper { sleeps, wake } = &self.shared.sleepers[to];
        if sleeps.load(Relaxed) && sleeps.swap(false, Relaxed) {
            // Fails only when 2^64 − 2 signals are unread, and then the other is awake.
            let _ = rustix::io::write(wake, &1u64.to_ne_bytes());
        }
    }

    /// Shows `visit` what has come, oldest first from each worker; it leaves the batches empty.
    pub(super) fn receive(&self, mut visit: impl FnMut(WorkerId, &mut MeshBatch)) {
        for from in 0..self.workers() {
            let lane = self.lane(from, self.own);
            // Not more than were there at first: who writes without end must not keep us here.
            for _ in 0..lane.filled.len() {
                let Some(mut batch) = lane.filled.pop() else { break };
                visit(WorkerId(from as u16), &mut batch);
                let _ = lane.emptied.push(batch);
            }
        }
    }

    /// Says that the worker is about to sleep. False: something has come, so do not.
    pub(super) fn prepare_sleep(&self) -> bool {
        self.shared.sleepers[self.own].sleeps.store(true, Relaxed);
        fence(SeqCst);
        let is_empty = (0..self.workers()).all(|from| self.lane(from, self.own).filled.is_empty());
        if !is_empty {
            self.awake();
        }
        is_empty
    }

    /// Says that the worker is awake and need not be woken.
    pub(super) fn awake(&self) {
        self.shared.sleepers[self.own].sleeps.store(false, Relaxed);
    }

    fn workers(&self) -> usize {
        self.shared.sleepers.len()
    }

    fn lane(&self, from: usize, to: usize) -> &Lane {
        &self.shared.lanes[from * self.workers() + to]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn is_woken(end: &MeshEnd) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(end.wake_fd(), PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
    }

    fn received(end: &MeshEnd) -> Vec<u16> {
        let mut from = Vec::new();
        end.receive(|worker, _| from.push(worker.0));
        from
    }

    #[test]
    fn a_batch_reaches_the_one_it_is_for() {
        let ends = connect(3).unwrap();
        ends[0].send(WorkerId(2), &mut MeshBatch::default());
        ends[1].send(WorkerId(2), &mut MeshBatch::default());
        assert_eq!((received(&ends[0]), received(&ends[1])), (vec![], vec![]));
        assert_eq!(received(&ends[2]), [0, 1]);
        assert_eq!(received(&ends[2]), [0; 0], "once");
    }

    #[test]
    fn only_who_sleeps_is_woken() {
        let ends = connect(2).unwrap();
        ends[0].send(WorkerId(1), &mut MeshBatch::default());
        assert!(!is_woken(&ends[1]), "awake");
        assert!(!ends[1].prepare_sleep(), "something is there");
        received(&ends[1]);
        assert!(ends[1].prepare_sleep());
        ends[0].send(WorkerId(1), &mut MeshBatch::default());
        assert!(is_woken(&ends[1]) && !is_woken(&ends[0]));
    }

    #[test]
    fn who_does_not_read_is_sent_no_more_than_the_queue_holds() {
        let ends = connect(2).unwrap();
        for _ in 0..2 * BATCHES {
            ends[0].send(WorkerId(1), &mut MeshBatch::default());
        }
        assert_eq!(received(&ends[1]).len(), BATCHES);
        ends[0].send(WorkerId(1), &mut MeshBatch::default());
        assert_eq!(received(&ends[1]).len(), 1);
    }
}
