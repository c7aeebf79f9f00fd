//! Frames that wait for the connection: bounded by bytes, and never waited for by who puts them there.

use super::frame::Frame;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What is written at once.
const CHUNK: usize = 64 << 10;

/// See the module.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    changed: Notify,
    given_up: Notify,
    most: usize,
    reserve: usize,
}

#[derive(Default, Debug)]
struct Waiting {
    chunks: VecDeque<Vec<u8>>,
    bytes: usize,
    is_closed: bool,
    is_written: bool,
}

/// Whether something may be left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Grade {
    /// Dropped where there is no room.
    Droppable,
    /// It must arrive, and may take what is kept for such.
    Needed,
}

impl Outbox {
    /// Takes `most` bytes, and of what must arrive `reserve` more.
    pub(crate) fn new(most: usize, reserve: usize) -> Outbox {
        Outbox { waiting: Mutex::default(), changed: Notify::new(), given_up: Notify::new(), most, reserve }
    }

    /// False: there is no room, or nobody takes anything any more.
    pub(crate) fn push(&self, frame: &Frame<'_>, grade: Grade) -> bool {
        let mut waiting = self.lock();
        let most = self.most + if grade == Grade::Needed { self.reserve } else { 0 };
        if waiting.is_closed || waiting.bytes >= most {
            return false;
        }
        if waiting.chunks.back().is_none_or(|chunk| chunk.len() >= CHUNK) {
            waiting.chunks.push_back(Vec::with_capacity(CHUNK / 16));
        }
        if let Some(chunk) = waiting.chunks.back_mut() {
            let before = chunk.len();
            frame.append_to(chunk);
            let more = chunk.len() - before;
            waiting.bytes += more;
        }
        drop(waiting);
        self.changed.notify_one();
        true
    }

    /// What is to be written next; `None` when that was all and there will be no more.
    pub(crate) async fn next(&self) -> Option<Vec<u8>> {
        loop {
            {
                let mut waiting = self.lock();
                if let Some(chunk) = waiting.chunks.pop_front() {
                    waiting.bytes -= chunk.len();
                    return Some(chunk);
                }
                if waiting.is_closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Nothing more is taken; what waits is still written.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Nothing is taken or written any more.
    pub(crate) fn give_up(&self) {
        let mut waiting = self.lock();
        *waiting = Waiting { is_closed: true, is_written: true, ..Waiting::default() };
        drop(waiting);
        self.given_up.notify_one();
    }

    /// Returns when it is given up.
    pub(crate) async fn until_given_up(&self) {
        while !self.is_written() {
            self.given_up.notified().await;
        }
    }

    /// Whether all that was there when it was closed is written, or given up.
    pub(crate) fn is_written(&self) -> bool {
        self.lock().is_written
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_refused_and_what_must_arrive_has_some_left() {
        let outbox = Outbox::new(1_000, 100);
        let pushed = (0..).take_while(|_| outbox.push(&Frame::Desk(&[0; 95]), Grade::Droppable)).count();
        assert_eq!(pushed, 10);
        assert!(outbox.push(&Frame::Desk(&[0; 95]), Grade::Needed));
        assert!(!outbox.push(&Frame::Desk(&[0; 95]), Grade::Needed));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        outbox.close();
        assert!(!outbox.push(&Frame::Alive, Grade::Needed));
        assert_eq!(runtime.block_on(outbox.next()).unwrap().len(), 1_100);
        assert_eq!(runtime.block_on(outbox.next()), None);
        assert!(!outbox.is_written());
        outbox.give_up();
        assert!(outbox.is_written());
    }
}
