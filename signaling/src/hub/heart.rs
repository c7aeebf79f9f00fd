//! Whether the workers are alive: each is asked something small once a second.

use crate::link::MediaLink;
use crate::state::State;
use std::time::Duration;
use tokio::sync::watch;
use volley::base::{RoomId, Time};
use volley::control::Command;

const BEAT: Duration = Duration::from_secs(1);
/// A worker that has not answered for so long is gone: its turns take microseconds.
const GONE_AFTER: Duration = Duration::from_secs(3);

/// What `/health` says of the workers: `None` when all are well, else the reason.
pub(crate) type Health = Option<String>;

pub(super) struct Heart {
    last_heard: Vec<Option<Time>>,
    next_beat: Time,
    health: watch::Sender<Health>,
}

impl Heart {
    pub(super) fn new(workers: usize, now: Time) -> (Heart, watch::Receiver<Health>) {
        let (health, receiver) = watch::channel(Some("the workers have not answered yet".into()));
        (Heart { last_heard: vec![None; workers], next_beat: now, health }, receiver)
    }

    /// A worker said something.
    pub(super) fn heard(&mut self, worker: usize, now: Time) {
        if let Some(last) = self.last_heard.get_mut(worker) {
            let is_news = last.is_none_or(|last| now.since(last) >= GONE_AFTER);
            *last = Some(now);
            if is_news {
                self.diagnose(now);
            }
        }
    }

    /// Asks again when it is time, and notes who has not answered.
    pub(super) fn beat(&mut self, state: &mut State, link: &MediaLink, now: Time) {
        if now < self.next_beat {
            return;
        }
        self.next_beat = now + BEAT;
        for worker in 0..link.workers() {
            // There is no room 0, so the answer is short.
            link.send(worker, Command::QueryRoom { request: state.question(), room: RoomId(0) });
        }
        self.diagnose(now);
    }

    fn diagnose(&self, now: Time) {
        let is_well = |last: &Option<Time>| last.is_some_and(|last| now.since(last) < GONE_AFTER);
        let gone = self.last_heard.iter().position(|last| !is_well(last));
        let health = gone.map(|worker| format!("worker {worker} does not answer"));
        self.health.send_if_modified(|current| {
            let changed = *current != health;
            *current = health;
            changed
        });
    }
}
