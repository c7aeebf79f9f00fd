//! Rooms whose people encrypt what they send end to end. The server has no key and learns none: it counts
//! epochs, so that all who stay turn their keys on when somebody leaves, and keeps those apart who could
//! not understand each other.

use crate::protocol::ServerMessage;
use crate::state::State;
use crate::state::join::{JoinRequest, Refusal};
use volley::base::ParticipantId;

/// As far as the keys' names count (`signaling/client/src/e2ee/keys.ts`).
const LAST_EPOCH: u32 = 4095;
/// So many epochs further somebody who comes may take those who are there: pages may have heard of a few
/// departures more than a server that lost its memory, and no stranger is to use all epochs up.
const MOST_AHEAD: u32 = 16;

impl State {
    /// Makes an encrypted room of one that nobody has joined yet. False: there is none, or somebody has.
    pub fn encrypt_room(&mut self, key: &str) -> bool {
        let Some(room) = self.rooms.get_mut(key).filter(|room| room.members.is_empty()) else { return false };
        room.e2ee = true;
        self.dirty.rooms.insert(key.to_owned());
        self.end_recording(key);
        true
    }

    /// Who encrypts is not let into a room where others do not: nobody would see or hear anybody.
    pub(super) fn check_encryption(&self, request: &JoinRequest) -> Result<(), Refusal> {
        let is_plain = self.rooms.get(&request.room_id).is_some_and(|room| !room.e2ee);
        if request.key_epoch.is_none() || !is_plain {
            return Ok(());
        }
        let text = "this room was made without end-to-end encryption; join another one, or leave e2ee out";
        Err(("not-encrypted", text.to_owned()))
    }

    /// What comes over HTTP is not encrypted end to end, and could not be decrypted there.
    pub(super) fn check_open(&self, key: &str) -> Result<(), Refusal> {
        if self.rooms.get(key).is_none_or(|room| !room.e2ee) {
            return Ok(());
        }
        let text = "what people send in this room is encrypted end to end, which WHIP and WHEP do not know";
        Err(("room-encrypted", text.to_owned()))
    }

    /// A room that is made for somebody who encrypts is an encrypted one. Whose keys have come further, after
    /// this server lost its memory, takes the others along: no key is used again.
    pub(super) fn settle_encryption(&mut self, request: &JoinRequest) {
        let Some(epoch) = request.key_epoch else { return };
        self.encrypt_room(&request.room_id);
        let Some(room) = self.rooms.get(&request.room_id).filter(|room| room.e2ee) else { return };
        let most = if room.members.is_empty() { LAST_EPOCH } else { room.key_epoch + MOST_AHEAD };
        let epoch = epoch.min(most).max(room.key_epoch);
        self.set_epoch(&request.room_id, epoch);
    }

    /// Somebody left.
    pub(super) fn renew_keys(&mut self, key: &str) {
        let encrypted = self.rooms.get(key).filter(|room| room.e2ee);
        if let Some(epoch) = encrypted.map(|room| room.key_epoch + 1) {
            self.set_epoch(key, epoch);
        }
    }

    fn set_epoch(&mut self, key: &str, epoch: u32) {
        let Some(room) = self.rooms.get_mut(key) else { return };
        let key_epoch = epoch.min(LAST_EPOCH);
        if room.key_epoch == key_epoch {
            return;
        }
        room.key_epoch = key_epoch;
        self.dirty.rooms.insert(key.to_owned());
        let members: Vec<ParticipantId> = room.members.iter().copied().collect();
        for id in members {
            self.tell(id, ServerMessage::KeyEpoch { key_epoch });
        }
    }
}
