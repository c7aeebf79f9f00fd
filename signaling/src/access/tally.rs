//! What each address holds at this moment: sockets, handshakes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// How many of one kind of thing each address holds.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<HashMap<IpAddr, usize>>);

/// One thing that an address holds, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Held {
    tally: Arc<Tally>,
    address: IpAddr,
}

impl Tally {
    /// One more for `address`, unless it holds `most` already.
    pub(crate) fn hold(self: &Arc<Tally>, address: IpAddr, most: usize) -> Option<Held> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_default();
        if *count >= most {
            // Only who holds nothing has no entry, and then a limit of 0 made this one.
            if *count == 0 {
                held.remove(&address);
            }
            return None;
        }
        *count += 1;
        Some(Held { tally: Arc::clone(self), address })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.tally.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_so_many_and_more_when_it_let_go_of_one() {
        let tally = Arc::new(Tally::default());
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let first = tally.hold(one, 2).unwrap();
        let _second = tally.hold(one, 2).unwrap();
        assert!(tally.hold(one, 2).is_none());
        assert!(tally.hold(other, 2).is_some(), "others are not touched");
        drop(first);
        assert!(tally.hold(one, 2).is_some());
        assert_eq!(tally.0.lock().unwrap().len(), 1, "nobody who holds nothing is remembered");
    }
}
