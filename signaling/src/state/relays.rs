//! What people are told of STUN and TURN servers, and told anew before the credentials among it end, or
//! when others are configured.

use crate::access::unix_now;
use crate::protocol::{IceServerView, ServerMessage};
use crate::state::State;
use volley::base::{ParticipantId, Time};

impl State {
    /// What somebody is told of STUN and TURN servers now.
    pub(super) fn ice_servers_for(&self, id: ParticipantId) -> Vec<IceServerView> {
        let (name, expires) = (id.0.to_string(), unix_now() + self.config.turn_ttl.as_secs());
        self.config.ice_servers.iter().map(|server| server.told_to(&name, expires)).collect()
    }

    /// Tells those whose credentials have a quarter of their time left of new ones: a call that lasts
    /// longer than they do must find another way at its end as well as at its beginning.
    pub(super) fn renew_credentials(&mut self, now: Time) {
        if !self.config.ice_servers.iter().any(|server| server.secret.is_some()) {
            return;
        }
        let old = self.config.turn_ttl * 3 / 4;
        let is_due = |told: Option<Time>| told.is_none_or(|told| now.since(told) >= old);
        let here = self.participants.values().filter(|one| one.socket.is_some() && is_due(one.relays_told));
        for id in here.map(|one| one.id.0).collect::<Vec<_>>() {
            let is_first = self.participants.get(&id).is_none_or(|one| one.relays_told.is_none());
            self.relays_told(id, now);
            // Whoever has a socket has just been told, by `joined` or because others were configured.
            if !is_first {
                self.tell(id, ServerMessage::IceServers { ice_servers: self.ice_servers_for(id) });
            }
        }
    }

    /// Tells everybody of the servers that are configured now: who changes networks in the middle of a call
    /// needs those that are there.
    pub(super) fn tell_relays(&mut self) {
        let here = self.participants.values().filter(|one| one.socket.is_some());
        for id in here.map(|one| one.id.0).collect::<Vec<_>>() {
            if let Some(participant) = self.participants.get_mut(&id) {
                participant.relays_told = None;
            }
            self.tell(id, ServerMessage::IceServers { ice_servers: self.ice_servers_for(id) });
        }
    }

    fn relays_told(&mut self, id: ParticipantId, now: Time) {
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.relays_told = Some(now);
        }
    }
}
