//! The controlling side of ICE towards an ICE-lite server (RFC 8445 §2.5, RFC 7675).
//!
//! Knows one pair: from wherever the network sends this peer's datagrams to the server's address.

use super::stun::{Request, Response, read_response};
use crate::base::Time;
use crate::base::random::Random;
use crate::control::types::IceCredentials;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// Between checks until one is answered (RFC 8445 §14.2, Ta).
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// Between consent checks; RFC 7675 §5.1 asks for 5 s, libwebrtc sends every 2.5 s. Shorter here, so
/// that a run of some seconds sees several.
const CONSENT_INTERVAL: Duration = Duration::from_millis(1_000);
/// Checks that may be unanswered: more than ever are on a simulated path at once.
const MAX_PENDING: usize = 64;

/// A controlling agent with one candidate pair.
#[derive(Debug)]
pub struct IceAgent {
    local: IceCredentials,
    remote: IceCredentials,
    random: Random,
    tie_breaker: u64,
    pending: VecDeque<[u8; 12]>,
    next_check: Time,
    mapped: Option<SocketAddr>,
    answered: u64,
}

impl IceAgent {
    /// An agent that begins to check at once.
    pub fn new(local: IceCredentials, remote: IceCredentials, seed: u64, now: Time) -> IceAgent {
        let mut random = Random::new(seed);
        let tie_breaker = random.next_u64();
        IceAgent {
            local,
            remote,
            random,
            tie_breaker,
            pending: VecDeque::new(),
            next_check: now,
            mapped: None,
            answered: 0,
        }
    }

    /// Begins anew with other credentials (RFC 8445 §9).
    pub fn restart(&mut self, local: IceCredentials, remote: IceCredentials, now: Time) {
        (self.local, self.remote) = (local, remote);
        self.pending.clear();
        self.next_check = now;
        self.mapped = None;
    }

    /// The address the server last saw, once a check was answered.
    pub fn mapped(&self) -> Option<SocketAddr> {
        self.mapped
    }

    /// How many checks were answered.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// When the next check is due.
    pub fn next_deadline(&self) -> Time {
        self.next_check
    }

    /// A check, when one is due.
    pub fn check(&mut self, now: Time) -> Option<Vec<u8>> {
        if now < self.next_check {
            return None;
        }
        let transaction = std::array::from_fn(|_| self.random.next_u32() as u8);
        if self.pending.len() == MAX_PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back(transaction);
        // RFC 7675 §5.1: 0.8 to 1.2 times the interval, so that checks do not fall into step.
        let share = 80 + self.random.below(41) as u32;
        let consent = CONSENT_INTERVAL * share / 100;
        self.next_check = now + if self.mapped.is_some() { consent } else { CHECK_INTERVAL };
        let username = format!("{}:{}", self.remote.ufrag, self.local.ufrag);
        let request = Request {
            transaction,
            username: &username,
            password: self.remote.password.as_bytes(),
            tie_breaker: self.tie_breaker,
            // One pair, so it is nominated with every check, as aggressive agents do.
            nominate: true,
        };
        Some(request.to_bytes())
    }

    /// Takes an answer; says whether it answers a check of this agent.
    pub fn on_answer(&mut self, datagram: &[u8]) -> bool {
        let Some(Response::Success { transaction, mapped }) =
            read_response(datagram, self.remote.password.as_bytes())
        else {
            return false;
        };
        let Some(at) = self.pending.iter().position(|pending| *pending == transaction) else { return false };
        self.pending.remove(at);
        self.mapped = Some(mapped);
        self.answered += 1;
        true
    }
}
