//! Questions to a recorder on another machine, whose files are not to be seen from here.

use crate::link::MediaLink;
use crate::state::State;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::oneshot;
use volley::base::Time;
use volley_recorder::answers::{Answer, Question};
use volley_recorder::desk::ToRecorder;

/// The next part of an answer comes within so long, or none does: the folder is read meanwhile.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Questions at once; beyond it somebody is asking in a loop.
const MAX_QUESTIONS: usize = 64;
/// Longest answer; the recorder makes none that is longer.
const MAX_BYTES: usize = 16 << 20;

#[derive(Default)]
pub(super) struct Elsewhere(HashMap<u64, Asked>);

struct Asked {
    heard: Time,
    parts: String,
    reply: oneshot::Sender<Answer>,
}

impl Elsewhere {
    /// Who hears nothing finds the other end of `reply` dropped.
    pub(super) fn ask(
        &mut self,
        state: &mut State,
        link: &MediaLink,
        (question, reply): (Question, oneshot::Sender<Answer>),
        now: Time,
    ) {
        if self.0.len() < MAX_QUESTIONS {
            let number = state.question();
            self.0.insert(number, Asked { heard: now, parts: String::new(), reply });
            link.tell_recorder(ToRecorder::Ask { number, question });
        }
    }

    /// A part of an answer, and whether it is the last.
    pub(super) fn hear(&mut self, number: u64, (part, is_last): (&str, bool), now: Time) {
        // One that nobody waits for any more, or that was asked before this process began.
        let Some(asked) = self.0.get_mut(&number) else { return };
        asked.heard = now;
        asked.parts.push_str(part);
        let is_too_long = asked.parts.len() > MAX_BYTES;
        if !is_last && !is_too_long {
            return;
        }
        let Some(Asked { parts, reply, .. }) = self.0.remove(&number) else { return };
        match serde_json::from_str(&parts) {
            Ok(answer) => drop(reply.send(answer)),
            Err(error) => tracing::error!(%error, "the recorder answered something that makes no sense"),
        }
    }

    /// Drops what was not answered.
    pub(super) fn give_up(&mut self, now: Time) {
        self.0.retain(|_, asked| now.since(asked.heard) < ANSWER_WITHIN);
    }
}
