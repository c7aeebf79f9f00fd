//! Questions to the media process whose answers come as events: the counters of a room.

use super::reports::{PersonReport, RoomReport, TrackReport};
use crate::link::MediaLink;
use crate::state::State;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::oneshot;
use volley::base::Time;
use volley::control::{Command, Event};

/// A worker answers within a turn; one that takes longer than this is gone.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Questions at once; beyond it somebody is asking in a loop.
const MAX_QUESTIONS: usize = 256;

type Reply = oneshot::Sender<Option<RoomReport>>;

#[derive(Default)]
pub(super) struct Questions(HashMap<u64, Question>);

struct Question {
    asked: Time,
    /// Workers that have not answered yet.
    awaited: usize,
    report: RoomReport,
    reply: Reply,
}

impl Questions {
    pub(super) fn ask(&mut self, state: &mut State, link: &MediaLink, room: &str, reply: Reply, now: Time) {
        let Some((workers, room)) = state.room_media(room) else {
            // A room in which nobody is has no tracks; one that is not there has no answer.
            let _ = reply.send(state.view_of_room(room).map(|_| RoomReport::default()));
            return;
        };
        if self.0.len() >= MAX_QUESTIONS {
            return;
        }
        let request = state.question();
        let question = Question { asked: now, awaited: workers.len(), report: RoomReport::default(), reply };
        self.0.insert(request, question);
        for worker in workers {
            link.send(worker, Command::QueryRoom { request, room });
        }
    }

    /// Whether the event answers a question.
    pub(super) fn hear(&mut self, state: &State, event: &Event) -> bool {
        match event {
            Event::TrackStats { request, track, stats } => {
                let report = TrackReport::of(state, *track, stats);
                if let Some((question, report)) = self.0.get_mut(request).zip(report) {
                    question.report.add_track(report);
                }
                true
            }
            Event::LinkStats { request, transport, stats } => {
                let report = PersonReport::of(state, *transport, stats);
                if let Some((question, report)) = self.0.get_mut(request).zip(report) {
                    question.report.add_person(report);
                }
                true
            }
            Event::RoomLoad { request, load } => {
                if let Some(question) = self.0.get_mut(request) {
                    question.report.add_load(*load);
                }
                true
            }
            Event::Answered { request } => {
                let Some(question) = self.0.get_mut(request) else { return false };
                question.awaited = question.awaited.saturating_sub(1);
                if question.awaited == 0
                    && let Some(question) = self.0.remove(request)
                {
                    let _ = question.reply.send(Some(question.report.finish()));
                }
                true
            }
            _ => false,
        }
    }

    /// Drops what was not answered; whoever asked sees that.
    pub(super) fn give_up(&mut self, now: Time) {
        self.0.retain(|_, question| now.since(question.asked) < ANSWER_WITHIN);
    }
}
