//! Who only tries whether calls work from where they are: they show what lets them into a room, and come
//! into one of their own, so that nobody in the other sees somebody come and go.

use crate::access::counted_as;
use crate::state::admission::room_refusal;
use crate::state::join::Refusal;
use crate::state::{State, secret};
use std::net::IpAddr;
use std::time::Duration;
use volley::base::Time;

/// Nobody else comes in.
const MOST_PEOPLE: usize = 1;

/// A check takes three rooms at once; so many are four people of one office who check at the same time. Whoever
/// comes beyond tries again by itself, and finds a place within seconds.
const MOST_FROM_ADDRESS: usize = 12;

/// The longest check takes half a minute, and whoever wants more than a check joins.
const LASTS: Duration = Duration::from_secs(120);

impl State {
    /// Makes a room for one check; its key. It does not count as made from an address, which has so many of
    /// these besides.
    pub(super) fn make_check_room(&mut self, address: Option<IpAddr>, now: Time) -> Result<String, Refusal> {
        if let Some(address) = address.and_then(counted_as).filter(|_| self.config.access.limits.is_some())
            && self.checks_from(address) >= MOST_FROM_ADDRESS
        {
            let text =
                "as many connection checks as one address may make are under way; try again in a moment";
            return Err(("too-fast", text.to_owned()));
        }
        let key = format!("check-{}", secret::token::<9>());
        self.make_room(&key, "Connection check", MOST_PEOPLE, false).map_err(room_refusal)?;
        self.room_mut(&key).is_check = true;
        self.bound_check(&key, now);
        Ok(key)
    }

    /// Says when the room of a check ends; after a restart of ours anew.
    pub(super) fn bound_check(&mut self, key: &str, now: Time) {
        let room = self.room_mut(key);
        room.ends_at = room.is_check.then_some(now + LASTS);
    }

    /// Ends the rooms of checks that have lasted too long.
    pub(super) fn end_long_checks(&mut self, now: Time) {
        let is_over = |at: Option<Time>| at.is_some_and(|at| now >= at);
        let over = self.rooms.values().filter(|room| is_over(room.ends_at));
        let over: Vec<String> = over.map(|room| room.key.clone()).collect();
        over.iter().for_each(|key| self.remove_room(key, now));
    }

    fn checks_from(&self, address: IpAddr) -> usize {
        let from_there = self.participants.values().filter(|one| one.address == Some(address));
        from_there.filter(|one| self.rooms.get(&one.room).is_some_and(|room| room.is_check)).count()
    }
}
