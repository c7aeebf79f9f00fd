//! The end of the server: from the word on there are no new rooms; when the last person has gone, or the
//! time is over, everybody is told goodbye.
//!
//! The supervisor says when, and says so again to a process that is started in between.

use crate::access::unix_now_ms;
use crate::protocol::ServerMessage;
use crate::state::State;
use crate::state::socket::SocketId;
use crate::webhooks::What;
use std::time::Duration;
use volley::base::Time;

/// Pages try again within seconds, and find either this server again or another one.
const OVER: &str = "the server is stopping, and this call is over; join again in a moment";

/// So long webhooks get when the time is over: the supervisor waits a little more than a second.
const LAST_LETTERS: Duration = Duration::from_millis(400);

impl State {
    /// Whether the server is about to end.
    pub fn is_draining(&self) -> bool {
        self.config.drain_until.is_some()
    }

    /// The supervisor has said when the end is.
    pub(super) fn drain_begins(&mut self) {
        let left = self.time_left();
        let (rooms, participants) = self.counts();
        tracing::info!(rooms, participants, ?left, "the server is stopping: no new rooms from now on");
        if participants > 0 && !left.is_zero() {
            self.sockets.all().collect::<Vec<_>>().into_iter().for_each(|socket| self.warn_of_end(socket));
        }
    }

    /// Tells somebody who comes while there is still time how much there is.
    pub(super) fn warn_of_end(&mut self, socket: SocketId) {
        if self.is_draining() {
            // Rounded up: 0 is now.
            let in_seconds = (self.time_left().as_millis() as u64).div_ceil(1000).max(1);
            let message = format!("the server is stopping; calls on it end in {in_seconds} s");
            self.out.tell(socket, ServerMessage::Goodbye { in_seconds, message });
        }
    }

    /// Says goodbye when it is time, and ends when what webhooks tell of that, and of recordings that are being
    /// completed, has arrived.
    pub(super) fn end_when_drained(&mut self, now: Time) {
        let is_time = self.participants.is_empty() || self.time_left().is_zero();
        if !self.is_draining() || !is_time || self.is_over {
            return;
        }
        let since = match self.goodbye_at {
            Some(at) => at,
            None => {
                self.goodbye_at = Some(now);
                self.say_goodbye();
                now
            }
        };
        let has_letters = !self.dirty.happenings.is_empty() || self.outbox.tally().waiting > 0;
        let is_told = !has_letters && !self.awaits_recordings();
        let is_late = self.time_left().is_zero() && now.since(since) >= LAST_LETTERS;
        if is_told || is_late {
            (self.is_over, self.out.is_over) = (true, true);
        }
    }

    /// Nobody comes in any more: what is waited for is not theirs.
    pub(super) fn has_said_goodbye(&self) -> bool {
        self.goodbye_at.is_some()
    }

    fn say_goodbye(&mut self) {
        tracing::info!(participants = self.participants.len(), "the server says goodbye");
        let recorded =
            self.rooms.values().filter(|room| room.recording.is_some()).map(|room| room.key.clone());
        recorded.collect::<Vec<_>>().iter().for_each(|key| self.end_recording(key));
        for socket in self.sockets.all().collect::<Vec<_>>() {
            self.out.tell(socket, ServerMessage::Goodbye { in_seconds: 0, message: OVER.to_owned() });
        }
        for id in self.participants.keys().copied().collect::<Vec<_>>() {
            self.person_happened(What::ParticipantLeft, id, None);
        }
        let ended = self.rooms.values().filter(|room| room.media.is_some()).map(|room| room.key.clone());
        for key in ended.collect::<Vec<_>>() {
            self.room_happened(What::RoomEnded, &key);
        }
    }

    fn time_left(&self) -> Duration {
        let until = self.config.drain_until.unwrap_or(u64::MAX);
        Duration::from_millis(until.saturating_sub(unix_now_ms()))
    }
}
