//! Rooms whose people encrypt what they send end to end. The server has no key and learns none: it counts
//! epochs, so that all who stay turn their keys on when somebody leaves, and keeps those apart who could
//! not understand each other.

use crate::protocol::ServerMessage;
use crate::state::State;
use crate::state::join::{JoinRequest, Refusal};
use std::time::Duration;
use volley::base::{ParticipantId, Time};

/// As far as the keys' names count (`signaling/client/src/e2ee/keys.ts`).
const LAST_EPOCH: u32 = 4095;
/// So many epochs further somebody who comes may take those who are there: pages may have heard of a few
/// departures more than a server that lost its memory.
const MOST_AHEAD: u32 = 16;
/// As far whoever comes first may take a room that has nobody in it who knows better: as far as a room gets
/// within 21 hours in which somebody leaves all the time. The other half is for whoever comes later.
const MOST_AT_FIRST: u32 = 2048;
/// So many people may leave at once and each turns the keys on; a meeting ends like that. Of more, those
/// who leave within one pause turn them on together.
const AT_ONCE: u32 = 32;
/// At the beginning; nobody gives up much if a key is erased ten seconds later.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// Every so many epochs the pause doubles: whoever comes and goes without end needs 15 days to use all
/// epochs up, and no pause is longer than 21 minutes.
const DOUBLES_EVERY: u32 = 512;

/// How far a room may turn its keys on now: a bucket that fills the slower the fewer epochs are left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Turns {
    left: u32,
    /// Up to when it has been filled.
    filled: Time,
    /// Somebody left, and keys were not turned on for it yet.
    is_owed: bool,
}

impl Default for Turns {
    fn default() -> Turns {
        Turns { left: AT_ONCE, filled: Time::ZERO, is_owed: false }
    }
}

impl Turns {
    /// Takes up to `wanted` of what there is at this epoch.
    fn take(&mut self, wanted: u32, epoch: u32, now: Time) -> u32 {
        let pause = FIRST_PAUSE * (1 << (epoch.min(LAST_EPOCH) / DOUBLES_EVERY));
        let gained = now.since(self.filled).as_nanos() / pause.as_nanos();
        if gained >= u128::from(AT_ONCE - self.left) {
            (self.left, self.filled) = (AT_ONCE, now);
        } else {
            self.left += gained as u32;
            self.filled += pause * gained as u32;
        }
        let taken = wanted.min(self.left);
        self.left -= taken;
        taken
    }
}

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
    pub(super) fn settle_encryption(&mut self, request: &JoinRequest, now: Time) {
        let Some(epoch) = request.key_epoch else { return };
        self.encrypt_room(&request.room_id);
        let Some(room) = self.rooms.get_mut(&request.room_id).filter(|room| room.e2ee) else { return };
        let ahead = if room.members.is_empty() {
            epoch.min(MOST_AT_FIRST).saturating_sub(room.key_epoch)
        } else {
            let ahead = epoch.saturating_sub(room.key_epoch).min(MOST_AHEAD);
            room.key_turns.take(ahead, room.key_epoch, now)
        };
        let epoch = room.key_epoch + ahead;
        self.set_epoch(&request.room_id, epoch);
    }

    /// Somebody left those who are still there.
    pub(super) fn renew_keys(&mut self, key: &str, now: Time) {
        let Some(room) = self.rooms.get_mut(key).filter(|room| room.e2ee) else { return };
        room.key_turns.is_owed = !room.members.is_empty();
        self.turn_keys(key, now);
    }

    /// Turns keys on where somebody left too soon after others.
    pub(super) fn turn_owed_keys(&mut self, now: Time) {
        let owed = self.rooms.values().filter(|room| room.key_turns.is_owed);
        for key in owed.map(|room| room.key.clone()).collect::<Vec<_>>() {
            self.turn_keys(&key, now);
        }
    }

    fn turn_keys(&mut self, key: &str, now: Time) {
        let Some(room) = self.rooms.get_mut(key).filter(|room| room.key_turns.is_owed) else { return };
        if room.key_turns.take(1, room.key_epoch, now) == 1 {
            room.key_turns.is_owed = false;
            let epoch = room.key_epoch + 1;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How long it takes to come so far for whoever turns keys on whenever they can.
    fn reached(epoch: u32) -> Duration {
        let (mut turns, mut now) = (Turns::default(), Time::ZERO);
        for at in 0..epoch {
            while turns.take(1, at, now) == 0 {
                now += Duration::from_secs(1);
            }
        }
        now.since(Time::ZERO)
    }

    #[test]
    fn whoever_comes_and_goes_without_end_needs_days_to_use_all_epochs_up() {
        let hours = |epoch| reached(epoch).as_secs() / 3600;
        assert_eq!(reached(AT_ONCE), Duration::ZERO, "the end of a meeting is not put off");
        assert!((20..22).contains(&hours(MOST_AT_FIRST)), "{}", hours(MOST_AT_FIRST));
        assert!((14 * 24..16 * 24).contains(&hours(LAST_EPOCH)), "{}", hours(LAST_EPOCH));
    }

    #[test]
    fn what_was_not_used_for_long_is_no_more_than_what_there_is_at_once() {
        let mut turns = Turns::default();
        assert_eq!(turns.take(50, 0, Time::from_millis(5)), AT_ONCE);
        assert_eq!(turns.take(50, 0, Time::from_millis(20_005)), 2);
        assert_eq!(turns.take(50, 600, Time::from_millis(20_005) + Duration::from_secs(100_000)), AT_ONCE);
        assert_eq!(turns.take(1, 600, Time::from_millis(20_005) + Duration::from_secs(100_019)), 0);
    }
}
