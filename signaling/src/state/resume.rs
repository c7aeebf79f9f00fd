//! Coming back after a socket was lost: who somebody is stays, and what they may do is what the token grants that
//! they showed last.

use crate::access::{Grant, Pass};
use crate::protocol::ServerMessage;
use crate::state::admission::{Caller, useful};
use crate::state::join::{JoinRequest, Refusal};
use crate::state::{SocketId, State, events, pairs, plan, secret};
use volley::base::{ParticipantId, Time};

impl State {
    /// Gives somebody who is here another socket.
    pub(super) fn resume(
        &mut self,
        socket: SocketId,
        request: &JoinRequest,
        (id, token): (&str, &str),
        now: Time,
    ) -> Result<(), Refusal> {
        let id = self.whose(&request.room_id, id, token).ok_or_else(|| {
            ("bad-resume-token", "nobody can come back with this; join without participantId".to_owned())
        })?;
        let pass = self.pass_for_resuming(id, &request.caller)?;
        self.take_socket(id, socket);
        let is_granted_otherwise = self.take_pass(id, pass);
        self.note_presence(id, now);
        self.welcome(id, true);
        let Some(participant) = self.participants.get_mut(&id) else { return Ok(()) };
        let pairs = pairs(participant);
        participant.growth.restart(pairs);
        let key = participant.room.clone();
        let is_silent = participant.transport.is_none();
        if is_silent && participant.ended.is_some() {
            self.tell(id, events::media_ended());
        }
        if is_silent || is_granted_otherwise {
            self.request_offer(id);
        }
        self.dirty.slots.insert(id);
        self.tell_layers(id, None);
        self.tell_subscriptions(id);
        self.dirty.growth.insert(key);
        Ok(())
    }

    /// Who can come back with this.
    fn whose(&self, room: &str, id: &str, token: &str) -> Option<ParticipantId> {
        let id = id.parse().map(ParticipantId).ok()?;
        let participant = self.participants.get(&id)?;
        // Who is here over HTTP has a token for that only.
        let is_theirs = participant.room == room
            && participant.bridge.is_none()
            && secret::same(&participant.resume_token, token);
        is_theirs.then_some(id)
    }

    /// What they may do who come back. A token that opens nothing, such as one that has ended, is as none: it ends no
    /// call, and what they may do stays.
    fn pass_for_resuming(&self, id: ParticipantId, caller: &Caller) -> Result<Pass, Refusal> {
        let participant = &self.participants[&id];
        let shown = caller.token.as_deref().map(|token| self.pass(Some(token), &participant.room));
        let Some(Ok(pass)) = shown else { return Ok(participant.pass.clone()) };
        if pass.identity == participant.pass.identity {
            return useful(pass);
        }
        let text = "the token names somebody else than you are here; join without participantId";
        Err(("bad-resume-token", text.to_owned()))
    }

    /// Two sockets for one participant are one too many: the one before is closed.
    fn take_socket(&mut self, id: ParticipantId, socket: SocketId) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let before = participant.socket.replace(socket);
        participant.relays_told = None;
        participant.reached = self.sockets.origin(socket).reached;
        if let Some(before) = before {
            self.sockets.assign(before, None);
            let told = ServerMessage::error("resumed-elsewhere", "you came back on another socket");
            self.out.tell(before, told);
            self.out.close(before);
        }
        self.sockets.assign(socket, Some(id));
    }

    /// From now on they may do what this pass says. True: what they may send or be sent is not what it was, and
    /// takes another offer.
    fn take_pass(&mut self, id: ParticipantId, pass: Pass) -> bool {
        let Some(participant) = self.participants.get_mut(&id) else { return false };
        if participant.pass == pass {
            return false;
        }
        let before = std::mem::replace(&mut participant.pass, pass);
        self.dirty.participants.insert(id);
        if before.grants == participant.pass.grants {
            return false;
        }
        let (key, grants) = (participant.room.clone(), &participant.pass.grants);
        tracing::info!(room = key, participant = id.0, ?grants, "somebody came back with other grants");
        let media = [Grant::Publish, Grant::Subscribe];
        let differs = media.iter().any(|&grant| before.may(grant) != participant.pass.may(grant));
        self.withdraw(id);
        self.settle_path(&key, Some(id));
        differs
    }

    /// Ends what is sent and received without a grant for it. The m-lines stay until the page's next offer.
    fn withdraw(&mut self, id: ParticipantId) {
        let worker = self.worker_of(id);
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let [may_publish, may_subscribe] =
            [Grant::Publish, Grant::Subscribe].map(|grant| participant.pass.may(grant));
        let Some(transport) = participant.transport.as_mut() else { return };
        let mut changes = plan::withdraw(&mut transport.lines, may_publish, may_subscribe);
        if let Some(worker) = worker {
            changes.commands.drain(..).for_each(|command| self.out.command(worker, command));
        }
        self.spread(id, changes);
    }
}
