//! Who is let in: by token, and by what their address has taken already; and whose tokens are worth
//! nothing any more.

use crate::access::{self, CLOCKS_DIFFER, Grant, Pass, TokenError, counted_as};
use crate::state::join::Refusal;
use crate::state::model::Participant;
use crate::state::output::Save;
use crate::state::records::{REVOCATION, put};
use crate::state::{Origin, RoomRefusal, RoomView, State};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::net::IpAddr;
use volley::base::{ParticipantId, Time};

/// Somebody whose tokens for a room are worth nothing that were made before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Revocation {
    /// The key of its record.
    pub number: u64,
    pub room: String,
    pub identity: String,
    /// Tokens made until then, in seconds since 1970. Once it was until when a token lasted, which is later.
    #[serde(alias = "until")]
    pub made_until: u64,
}

/// Revocations kept: tokens may last for any time, so none ever becomes needless. A record of them has at most
/// some hundred bytes.
const MAX_REVOCATIONS: usize = 10_000;

/// Who wants to come in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Caller {
    /// What they show.
    pub token: Option<String>,
    /// Where they come from.
    pub from: Origin,
    /// They showed an API key, and need no token.
    pub is_trusted: bool,
}

/// How often each address may still join: a bucket that fills with time.
#[derive(Debug, Default)]
pub(crate) struct Arrivals(HashMap<IpAddr, (f64, Time)>);

/// Addresses kept in mind; when there are more, those that are full again are forgotten.
const MAX_ADDRESSES: usize = 10_000;

impl Arrivals {
    /// Whether one more is allowed: `burst` at once, `per_second` on average.
    fn take(&mut self, address: IpAddr, burst: f64, per_second: f64, now: Time) -> bool {
        let filled =
            |(tokens, at): (f64, Time)| (tokens + now.since(at).as_secs_f64() * per_second).min(burst);
        if self.0.len() >= MAX_ADDRESSES {
            self.0.retain(|_, bucket| filled(*bucket) < burst);
        }
        let tokens = filled(self.0.get(&address).copied().unwrap_or((burst, now)));
        let allowed = tokens >= 1.0;
        self.0.insert(address, (if allowed { tokens - 1.0 } else { tokens }, now));
        allowed
    }
}

impl State {
    /// What a token, or the lack of one, lets somebody do in a room.
    pub fn pass(&self, token: Option<&str>, room: &str) -> Result<Pass, TokenError> {
        let access = &self.config.access;
        let Some(token) = token else {
            return if access.require_auth { Err(TokenError::Missing) } else { Ok(Pass::default()) };
        };
        self.unless_revoked(access::verify(token, &access.token_secrets, room)?, room)
    }

    /// What a token lets somebody do with a call that goes on over HTTP. The end of a token ends no call.
    pub fn pass_of_session(&self, token: &str, room: &str) -> Result<Pass, TokenError> {
        let secrets = &self.config.access.token_secrets;
        self.unless_revoked(access::verify_of_any_age(token, secrets, room)?, room)
    }

    /// What a token lets somebody do over REST. One that has ended is taken of whoever came in with it, or back, for as
    /// long as they are there: who runs a meeting that lasts longer goes on to run it.
    pub fn pass_over_rest(&self, token: &str, room: &str) -> Result<Pass, TokenError> {
        let pass = self.pass(Some(token), room);
        if !matches!(pass, Err(TokenError::Expired)) {
            return pass;
        }
        let ended = self.pass_of_session(token, room)?;
        // Not whoever has the same name: an older token of theirs may have let them do more.
        let came_with_it = |p: &Participant| p.room == room && p.pass == ended;
        if self.participants.values().any(came_with_it) { Ok(ended) } else { Err(TokenError::Expired) }
    }

    fn unless_revoked(&self, pass: Pass, room: &str) -> Result<Pass, TokenError> {
        let is_over = |one: &Revocation| {
            pass.issued <= one.made_until && one.room == room && Some(&one.identity) == pass.identity.as_ref()
        };
        if self.revocations.iter().any(is_over) { Err(TokenError::Revoked) } else { Ok(pass) }
    }

    /// What they may do who come in.
    pub(super) fn pass_for_joining(&self, caller: &Caller, room: &str) -> Result<Pass, Refusal> {
        if caller.is_trusted {
            return Ok(Pass::default());
        }
        useful(self.pass(caller.token.as_deref(), room).map_err(|error| refusal(&error))?)
    }

    /// Takes somebody out of a room and makes the tokens of their identity for it worthless that were made
    /// before. Others with the same identity go with them. False: there is nobody.
    pub fn remove_and_revoke(&mut self, room: &str, id: ParticipantId, now: Time) -> bool {
        let Some(participant) = self.participants.get(&id).filter(|p| p.room == room) else { return false };
        let alike: Vec<ParticipantId> = match &participant.pass.identity {
            None => vec![id],
            Some(identity) => {
                let is_alike =
                    |p: &&Participant| p.room == room && p.pass.identity.as_ref() == Some(identity);
                self.participants.values().filter(is_alike).map(|p| p.id.0).collect()
            }
        };
        self.revoke(id);
        for id in alike {
            let text = "you were taken out of this room";
            self.tell(id, crate::protocol::ServerMessage::error("removed", text));
            self.remove_participant(id, now);
        }
        true
    }

    fn revoke(&mut self, id: ParticipantId) {
        let Some(participant) = self.participants.get(&id) else { return };
        let Some(identity) = participant.pass.identity.clone() else { return };
        let room = participant.room.clone();
        self.forget_revocations(|one| one.room == room && one.identity == identity);
        let made_until = access::unix_now() + CLOCKS_DIFFER;
        tracing::info!(room, participant = id.0, "their tokens made until now are worth nothing any more");
        let revocation = Revocation { number: self.ids.take(), room, identity, made_until };
        self.out.saves.push(put(REVOCATION, revocation.number, &revocation));
        self.revocations.push(revocation);
        if self.revocations.len() > MAX_REVOCATIONS {
            let oldest = self.revocations.iter().map(|one| one.number).min();
            self.forget_revocations(|one| Some(one.number) == oldest);
        }
    }

    fn forget_revocations(&mut self, is_it: impl Fn(&Revocation) -> bool) {
        let out = &mut self.out;
        self.revocations.retain(|one| {
            if is_it(one) {
                out.saves.push(Save::Remove { kind: REVOCATION, key: one.number });
            }
            !is_it(one)
        });
    }

    /// Whether somebody may join from this address now.
    pub(super) fn check_arrival(&mut self, address: Option<IpAddr>, now: Time) -> Result<(), Refusal> {
        let Some((address, limits)) = address.and_then(counted_as).zip(self.config.access.limits) else {
            return Ok(());
        };
        // After a restart of the server all of them may come back at once.
        let burst = limits.participants as f64;
        if self.arrivals.take(address, burst, limits.joins_per_second.into(), now) {
            return Ok(());
        }
        Err(("too-fast", "too many joins from your address; try again in a moment".into()))
    }

    /// Whether one more person may come from this address.
    pub(super) fn check_people(&self, address: Option<IpAddr>) -> Result<(), Refusal> {
        let Some((address, limits)) = address.and_then(counted_as).zip(self.config.access.limits) else {
            return Ok(());
        };
        let here = self.participants.values().filter(|p| p.address == Some(address)).count();
        if here < limits.participants {
            return Ok(());
        }
        let text = format!(
            "{here} people have joined from your address, and no more may; somebody must leave first"
        );
        Err(("too-many-participants", text))
    }

    /// Whether one more room may be made from this address.
    pub(super) fn may_make_room(&self, address: Option<IpAddr>) -> bool {
        let Some((address, limits)) = address.and_then(counted_as).zip(self.config.access.limits) else {
            return true;
        };
        self.rooms.values().filter(|room| room.maker == Some(address)).count() < limits.rooms
    }

    /// Makes sure that there is such a room with a place in it.
    pub(super) fn find_or_make_room(&mut self, key: &str, address: Option<IpAddr>) -> Result<(), Refusal> {
        if let Some(room) = self.rooms.get(key) {
            let people = room.members.len();
            let text = || format!("{people} people are in this room, and it takes no more; try again later");
            return if people < room.max_participants { Ok(()) } else { Err(("room-full", text())) };
        }
        if !self.config.auto_create {
            let text = "there is no room with this id, and on this server rooms are made over REST first";
            return Err(("room-not-found", text.to_owned()));
        }
        if !self.may_make_room(address) {
            let text = "as many rooms as one address may have were made from yours; use one of them";
            return Err(("too-many-rooms", text.to_owned()));
        }
        self.make_room(key, key, self.config.max_participants, false).map_err(room_refusal)?;
        self.room_mut(key).maker = address.and_then(counted_as);
        Ok(())
    }

    /// Makes a room for somebody at `address` that stays when it is empty.
    pub fn create_room_from(
        &mut self,
        address: Option<IpAddr>,
        name: &str,
        max: Option<u64>,
        now: Time,
    ) -> Result<RoomView, RoomRefusal> {
        if !self.may_make_room(address) {
            return Err(RoomRefusal::TooManyFromAddress);
        }
        let view = self.create_room(name, max, now)?;
        self.room_mut(&view.id).maker = address.and_then(counted_as);
        Ok(view)
    }
}

/// A pass, if it lets anything be done in a call: nobody is there to do nothing.
pub(super) fn useful(pass: Pass) -> Result<Pass, Refusal> {
    if pass.may(Grant::Publish) || pass.may(Grant::Subscribe) {
        return Ok(pass);
    }
    Err(refusal(&TokenError::Grant(Grant::Subscribe)))
}

/// Why no room was made for who comes.
pub(super) fn room_refusal(refusal: RoomRefusal) -> Refusal {
    match refusal {
        RoomRefusal::Draining => ("server-draining", RoomRefusal::Draining.to_string()),
        RoomRefusal::NoMemory => ("server-busy", RoomRefusal::NoMemory.to_string()),
        _ => ("server-busy", "this server has as many rooms as it takes; try again later".to_owned()),
    }
}

fn refusal(error: &TokenError) -> Refusal {
    (error.code(), error.to_string())
}
