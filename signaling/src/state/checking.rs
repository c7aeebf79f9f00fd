//! Who only tries whether calls work from where they are: they show what lets them into a room, and come
//! into one of their own, so that nobody in the other sees somebody come and go.

use crate::state::admission::room_refusal;
use crate::state::join::Refusal;
use crate::state::{State, secret};

/// Nobody else comes in.
const MOST_PEOPLE: usize = 1;

impl State {
    /// Makes a room for one check; its key. It does not count as made from an address: a check takes three
    /// of them at once, and how many people one address brings bounds them too.
    pub(super) fn make_check_room(&mut self) -> Result<String, Refusal> {
        let key = format!("check-{}", secret::token::<9>());
        self.make_room(&key, "Connection check", MOST_PEOPLE, false).map_err(room_refusal)?;
        self.room_mut(&key).is_check = true;
        Ok(key)
    }
}
