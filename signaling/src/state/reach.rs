//! Where somebody reaches us, and whose an ICE check is that reached us over TCP.

use crate::sdp::Candidate;
use crate::state::State;
use crate::state::model::Transport;
use crate::state::offers::{UFRAG_DIGITS, UFRAG_PLACES};
use std::net::SocketAddr;
use std::ops::Range;
use volley::base::ParticipantId;
use volley::base::worker_name::NAME_LETTERS;
use volley::wire::stun::{BINDING, Class, StunView};

impl State {
    /// All candidates of somebody's answer, best first: their worker's addresses, then where media is taken
    /// over TCP, at last the address under which they came.
    pub(super) fn candidates_for(&self, id: ParticipantId) -> Vec<Candidate> {
        let worker = self.worker_of(id).and_then(|worker| self.config.candidates.get(worker));
        let udp = worker.into_iter().flatten().copied().map(Candidate::Udp);
        if !self.config.ice_tcp {
            return udp.collect();
        }
        let fixed: &[SocketAddr] = &self.config.tcp_candidates;
        let reached = self.participants.get(&id).and_then(|participant| participant.reached);
        let tcp = fixed.iter().copied().chain(reached.filter(|address| !fixed.contains(address)));
        udp.chain(tcp.map(Candidate::Tcp)).collect()
    }

    /// The worker of the call that an ICE check is of, if it is authentic (RFC 8445 §7.3): so nobody who
    /// only guesses makes a worker hold connections.
    pub fn worker_of_check(&self, datagram: &[u8]) -> Option<usize> {
        let check = StunView::parse(datagram).ok()?;
        let is_check = check.class() == Class::Request && check.method() == BINDING;
        let ufrag = str::from_utf8(check.local_ufrag().filter(|_| is_check)?).ok()?;
        let (id, transport) = self.transport_of(ufrag)?;
        if check.is_authentic(transport.local.password.as_bytes()) { self.worker_of(id) } else { None }
    }

    /// Whose user fragment this is.
    fn transport_of(&self, ufrag: &str) -> Option<(ParticipantId, &Transport)> {
        let mut numbers = numbers_like(number_in(ufrag)?, self.born..self.ids.next());
        numbers.find_map(|number| {
            let id = *self.owners.get(&number)?;
            let transport = self.participants.get(&id)?.transport.as_ref()?;
            (transport.local.ufrag == ufrag).then_some((id, transport))
        })
    }
}

/// The numbers in `given` that end like this: the places of a fragment hold less than all numbers.
fn numbers_like(end: u64, given: Range<u64>) -> impl Iterator<Item = u64> {
    const ENDS: u64 = 1 << (6 * UFRAG_PLACES);
    let first = given.start - given.start % ENDS + end;
    let first = if first < given.start { first + ENDS } else { first };
    (first..given.end).step_by(ENDS as usize)
}

/// The lower digits of a transport's number, which stand behind its worker's name.
fn number_in(ufrag: &str) -> Option<u64> {
    let places = ufrag.as_bytes().get(NAME_LETTERS..)?.get(..UFRAG_PLACES as usize)?;
    places.iter().try_fold(0, |number, digit| {
        let value = UFRAG_DIGITS.iter().position(|one| one == digit)?;
        Some(number << 6 | value as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_leads_to_the_numbers_that_were_given_out_and_end_like_it() {
        const ENDS: u64 = 1 << 30;
        let like = |end, given| numbers_like(end, given).collect::<Vec<_>>();
        assert_eq!(like(7, 1..20), [7]);
        assert_eq!(like(7, 8..20), [] as [u64; 0], "before the first");
        assert_eq!(like(7, 8..ENDS + 8), [ENDS + 7]);
        let born = 1_795_000_000_000;
        assert_eq!(like(born % ENDS, born..born + 1), [born]);
        assert_eq!(like((born + 5) % ENDS, born..born + ENDS), [born + 5]);
    }
}
