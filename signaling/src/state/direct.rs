//! Whether the people of a room talk to each other without the server between, and what they tell each
//! other for that. The server knows nothing of their connections: whom it reaches otherwise, it goes on
//! serving, so that a page without a direct way loses nothing.

use crate::access::Grant;
use crate::protocol::{MediaPath, RoomMode, ServerMessage, SignalKind};
use crate::state::join::Refusal;
use crate::state::model::{Participant, Room};
use crate::state::{RoomView, State};
use volley::base::ParticipantId;

/// Each page sends its picture once for each other: five times 1.5 Mbit/s is what lines at home send.
const MOST_IN_MESH: usize = 6;
/// Two need nobody between them; from three on, one picture up is better than two.
const MOST_IN_AUTO: usize = 2;
/// A description of four m-lines with every codec of Chromium has 9 KB.
const MAX_SIGNAL_BYTES: usize = 32 << 10;

impl State {
    /// Lets a room's media go otherwise from now on; the room as it is then, if there is one.
    pub fn set_mode(&mut self, key: &str, mode: RoomMode) -> Option<RoomView> {
        self.rooms.get_mut(key)?.mode = mode;
        self.dirty.rooms.insert(key.to_owned());
        self.settle_path(key, None);
        self.view_of_room(key)
    }

    /// Brings the way of media to what the room's mode and its people allow, and tells them when that is
    /// news: all but a newcomer, whom `joined` tells.
    pub(super) fn settle_path(&mut self, key: &str, newcomer: Option<ParticipantId>) {
        let Some(room) = self.rooms.get(key) else { return };
        let path = self.path_for(room);
        // A call that is over takes no other way.
        if path == room.path || self.has_said_goodbye() {
            return;
        }
        self.room_mut(key).path = path;
        self.dirty.rooms.insert(key.to_owned());
        let members = self.rooms[key].members.iter().filter(|&&id| Some(id) != newcomer);
        for id in members.copied().collect::<Vec<_>>() {
            self.tell(id, ServerMessage::ModeChanged { mode: path });
        }
    }

    fn path_for(&self, room: &Room) -> MediaPath {
        if room.recording.is_some() {
            // What does not come here cannot be recorded.
            return MediaPath::Sfu;
        }
        let most = match room.mode {
            RoomMode::Sfu => return MediaPath::Sfu,
            // Pages that send to each other show everybody to everybody.
            _ if room.speakers_only => return MediaPath::Sfu,
            RoomMode::Mesh => MOST_IN_MESH,
            RoomMode::Auto => MOST_IN_AUTO,
        };
        let mut members = room.members.iter().filter_map(|id| self.participants.get(id));
        let fits = (2..=most).contains(&room.members.len());
        if fits
            && members
                .all(|one| one.may_be_direct() && !one.is_silenced() && one.subscriptions.is_everybody())
        {
            MediaPath::Mesh
        } else {
            MediaPath::Sfu
        }
    }

    /// Passes on what one page has to tell another.
    pub(super) fn signal(
        &mut self,
        id: ParticipantId,
        target: &str,
        kind: SignalKind,
        data: String,
    ) -> Result<(), Refusal> {
        if data.len() > MAX_SIGNAL_BYTES {
            let text = format!("data has {} bytes; at most {MAX_SIGNAL_BYTES} are passed on", data.len());
            return Err(("bad-signal", text));
        }
        let room = self.participant(id).and_then(|p| self.rooms.get(&p.room));
        let Some(room) = room.filter(|room| room.mode != RoomMode::Sfu) else {
            let text = "in this room all media goes through the server, and nothing is passed on";
            return Err(("not-direct", text.to_owned()));
        };
        let both_may = |other: ParticipantId| {
            [id, other].iter().all(|one| self.participant(*one).is_some_and(Participant::may_be_direct))
        };
        let target = target.parse().map(ParticipantId).ok();
        let target = target.filter(|&other| other != id && room.members.contains(&other) && both_may(other));
        let target = target.ok_or_else(|| {
            let text = "participantId names nobody else in this room who can talk directly";
            ("unknown-participant", text.to_owned())
        })?;
        self.tell(target, ServerMessage::Signal { participant_id: id.0.to_string(), kind, data });
        Ok(())
    }
}

impl Participant {
    /// Nobody here could hold somebody to a grant that they do not have.
    fn may_be_direct(&self) -> bool {
        self.mode == MediaPath::Mesh && self.pass.may(Grant::Publish) && self.pass.may(Grant::Subscribe)
    }

    /// Nor could anybody but the server see to it that what is muted is not heard.
    fn is_silenced(&self) -> bool {
        self.tracks().any(|(_, track)| track.silenced)
    }
}
