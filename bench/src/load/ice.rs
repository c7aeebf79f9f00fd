//! One side of ICE with one candidate pair (RFC 8445, RFC 7675): checks, their answers, consent.
//!
//! Serves lite and full servers, controlling and controlled. Knows no socket: what it writes goes
//! where the caller says.

use crate::signal::Credentials;
use arrayvec::ArrayVec;
use std::net::SocketAddr;
use std::time::Duration;
use volley::base::Time;
use volley::base::random::Random;
use volley::wire::stun::{Class, Role, StunView, StunWriter, TransactionId, attribute};

/// Most that a message of ours takes: a user name of two fragments and six short attributes.
pub(super) const MAX_MESSAGE: usize = 512;

/// RFC 8445 §14.2 has 50 ms between checks, and browsers keep to it …
const PAUSE: Duration = Duration::from_millis(50);
/// … until a server that does not answer by then is either down or drowning.
const PATIENT_AFTER: Duration = Duration::from_secs(1);
const PATIENT_PAUSE: Duration = Duration::from_millis(500);
/// RFC 7675 §5.1: consent is asked for every 5 s, varied by a fifth …
const CONSENT: Duration = Duration::from_secs(5);
/// … and gone 30 s after the last answer.
const EXPIRY: Duration = Duration::from_secs(30);
/// Nobody waits longer for a call to begin.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// Checks whose answers are still taken.
const MAX_PENDING: usize = 8;
/// RFC 8445 §5.1.2.2: a peer-reflexive candidate of component 1.
const PRIORITY: u32 = 110 << 24 | 65_535 << 8 | 255;
/// RFC 8445 §7.3.1.1.
const ROLE_CONFLICT: u16 = 487;

/// What a datagram or the passing of time brought about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum IceEvent {
    /// Nothing that matters elsewhere.
    Nothing,
    /// The first check was answered: the pair works.
    Connected,
    /// A message of this length is to be sent to where the datagram came from.
    Answer(usize),
    /// Nothing answers, or no more.
    Failed(&'static str),
    /// Not for us, or not authentic.
    Refused,
}

/// A candidate pair and its checks.
#[derive(Debug)]
pub(super) struct IceAgent {
    local: Credentials,
    remote: Credentials,
    random: Random,
    controlling: bool,
    tie_breaker: u64,
    pending: ArrayVec<TransactionId, MAX_PENDING>,
    began: Time,
    next_check: Time,
    /// When there is no hope, or no consent, any more.
    expires: Time,
    connected: bool,
}

impl IceAgent {
    pub(super) fn new(
        local: Credentials,
        remote: Credentials,
        controlling: bool,
        seed: u64,
        now: Time,
    ) -> IceAgent {
        let mut random = Random::new(seed);
        let tie_breaker = random.next_u64();
        IceAgent {
            local,
            remote,
            random,
            controlling,
            tie_breaker,
            pending: ArrayVec::new(),
            began: now,
            next_check: now,
            expires: now + CONNECT_WITHIN,
            connected: false,
        }
    }

    pub(super) fn next_deadline(&self) -> Time {
        self.next_check.min(self.expires)
    }

    /// Writes the check that is due, to the server's address.
    pub(super) fn on_timeout(&mut self, now: Time, out: &mut [u8]) -> IceEvent {
        if now >= self.expires {
            (self.expires, self.next_check) = (Time::NEVER, Time::NEVER);
            return IceEvent::Failed(match self.connected {
                true => "the server has not answered a consent check for 30 s",
                false => "the server has not answered an ICE check within 15 s",
            });
        }
        if now < self.next_check {
            return IceEvent::Nothing;
        }
        self.next_check = now + self.next_pause(now);
        self.write_check(out).map_or(IceEvent::Nothing, IceEvent::Answer)
    }

    /// Takes a STUN message; an answer to it is written into `out`.
    pub(super) fn on_datagram(
        &mut self,
        now: Time,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut [u8],
    ) -> IceEvent {
        let Ok(view) = StunView::parse(datagram) else { return IceEvent::Refused };
        match view.class() {
            Class::Request => self.answer(from, &view, out),
            Class::Success | Class::Error => self.take_answer(now, &view),
            Class::Indication => IceEvent::Nothing,
        }
    }

    /// RFC 8445 §7.3: full agents check too.
    fn answer(&mut self, from: SocketAddr, view: &StunView<'_>, out: &mut [u8]) -> IceEvent {
        let authentic = view.is_authentic(self.local.password.as_bytes());
        if view.local_ufrag() != Some(self.local.ufrag.as_bytes()) || !authentic {
            return IceEvent::Refused;
        }
        let transaction = view.transaction_id();
        let agreed = self.yields_to(view.role());
        let password = self.local.password.as_bytes();
        let message = if agreed {
            StunWriter::new(out, Class::Success, &transaction).xor_mapped_address(from)
        } else {
            StunWriter::new(out, Class::Error, &transaction).error_code(ROLE_CONFLICT)
        };
        message.integrity(password).fingerprint().map_or(IceEvent::Nothing, IceEvent::Answer)
    }

    /// RFC 8445 §7.3.1.1: of two agents in one role the larger tie-breaker controls. False when it
    /// is the other side that must change.
    fn yields_to(&mut self, role: Option<Role>) -> bool {
        match role {
            Some(Role::Controlling(theirs)) if self.controlling => {
                self.controlling = self.tie_breaker >= theirs;
                !self.controlling
            }
            Some(Role::Controlled(theirs)) if !self.controlling => {
                self.controlling = self.tie_breaker >= theirs;
                self.controlling
            }
            _ => true,
        }
    }

    fn take_answer(&mut self, now: Time, view: &StunView<'_>) -> IceEvent {
        let transaction = view.transaction_id();
        let Some(place) = self.pending.iter().position(|pending| *pending == transaction) else {
            return IceEvent::Nothing;
        };
        if !view.is_authentic(self.remote.password.as_bytes()) {
            return IceEvent::Refused;
        }
        self.pending.remove(place);
        match (view.class(), view.error_code()) {
            (Class::Success, _) => self.succeed(now),
            (_, Some(ROLE_CONFLICT)) => {
                self.controlling = !self.controlling;
                self.next_check = now;
                IceEvent::Nothing
            }
            _ => IceEvent::Nothing,
        }
    }

    fn succeed(&mut self, now: Time) -> IceEvent {
        self.expires = now + EXPIRY;
        if std::mem::replace(&mut self.connected, true) {
            return IceEvent::Nothing;
        }
        self.pending.clear();
        self.next_check = now + self.next_pause(now);
        IceEvent::Connected
    }

    fn next_pause(&mut self, now: Time) -> Duration {
        if self.connected {
            return CONSENT.mul_f64(0.8 + 0.4 * self.random.below(1000) as f64 / 1000.0);
        }
        if now.since(self.began) < PATIENT_AFTER { PAUSE } else { PATIENT_PAUSE }
    }

    fn write_check(&mut self, out: &mut [u8]) -> Option<usize> {
        let mut transaction = [0; 12];
        transaction[..8].copy_from_slice(&self.random.next_u64().to_be_bytes());
        transaction[8..].copy_from_slice(&self.random.next_u32().to_be_bytes());
        if self.pending.is_full() {
            self.pending.remove(0);
        }
        self.pending.push(transaction);
        let username = format!("{}:{}", self.remote.ufrag, self.local.ufrag);
        let role = if self.controlling { attribute::ICE_CONTROLLING } else { attribute::ICE_CONTROLLED };
        let mut message = StunWriter::new(out, Class::Request, &transaction)
            .attribute(attribute::USERNAME, username.as_bytes())
            .attribute(attribute::PRIORITY, &PRIORITY.to_be_bytes())
            .attribute(role, &self.tie_breaker.to_be_bytes());
        if self.controlling {
            message = message.attribute(attribute::USE_CANDIDATE, &[]);
        }
        message.integrity(self.remote.password.as_bytes()).fingerprint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_millis(1_000);

    fn credentials(name: &str) -> Credentials {
        Credentials { ufrag: format!("{name}ufrag"), password: format!("{name}-password-of-22-letters") }
    }

    fn agent(own: &str, other: &str, controlling: bool, seed: u64) -> IceAgent {
        IceAgent::new(credentials(own), credentials(other), controlling, seed, START)
    }

    fn address() -> SocketAddr {
        ([192, 0, 2, 1], 4000).into()
    }

    fn check(agent: &mut IceAgent, now: Time) -> Vec<u8> {
        let mut out = [0; MAX_MESSAGE];
        match agent.on_timeout(now, &mut out) {
            IceEvent::Answer(len) => out[..len].to_vec(),
            event => panic!("no check but {event:?}"),
        }
    }

    fn answer(agent: &mut IceAgent, datagram: &[u8]) -> Vec<u8> {
        let mut out = [0; MAX_MESSAGE];
        match agent.on_datagram(START, address(), datagram, &mut out) {
            IceEvent::Answer(len) => out[..len].to_vec(),
            event => panic!("no answer but {event:?}"),
        }
    }

    fn take(agent: &mut IceAgent, now: Time, datagram: &[u8]) -> IceEvent {
        agent.on_datagram(now, address(), datagram, &mut [0; MAX_MESSAGE])
    }

    #[test]
    fn two_full_agents_connect_to_each_other() {
        let (mut one, mut two) = (agent("one", "two", true, 1), agent("two", "one", false, 2));
        let request = check(&mut one, START);
        let view = StunView::parse(&request).expect("a check is STUN");
        assert!(view.use_candidate(), "who controls nominates");
        assert_eq!(view.username(), Some(&b"twoufrag:oneufrag"[..]));
        let response = answer(&mut two, &request);
        assert_eq!(StunView::parse(&response).map(|view| view.xor_mapped_address()), Ok(Some(address())));
        assert_eq!(take(&mut one, START, &response), IceEvent::Connected);
        assert_eq!(take(&mut one, START, &response), IceEvent::Nothing, "an answer counts once");
        let request = check(&mut two, START);
        let response = answer(&mut one, &request);
        assert_eq!(take(&mut two, START, &response), IceEvent::Connected);
    }

    #[test]
    fn a_conflict_of_roles_ends_with_one_of_each() {
        for controlling in [true, false] {
            let (mut one, mut two) =
                (agent("one", "two", controlling, 1), agent("two", "one", controlling, 2));
            let request = check(&mut one, START);
            let response = answer(&mut two, &request);
            let event = take(&mut one, START, &response);
            assert_ne!(one.controlling, two.controlling);
            if event != IceEvent::Connected {
                let request = check(&mut one, START);
                let response = answer(&mut two, &request);
                assert_eq!(take(&mut one, START, &response), IceEvent::Connected);
            }
        }
    }

    #[test]
    fn what_another_password_signed_is_refused() {
        let (mut one, mut two) = (agent("one", "two", true, 1), agent("two", "one", false, 2));
        let mut stranger = agent("three", "two", true, 3);
        stranger.remote.password = "another-password-of-22-letters".to_owned();
        let request = check(&mut stranger, START);
        assert_eq!(take(&mut two, START, &request), IceEvent::Refused);
        let request = check(&mut one, START);
        two.local.password = "another-password-of-22-letters".to_owned();
        assert_eq!(take(&mut two, START, &request), IceEvent::Refused);
    }

    #[test]
    fn checks_come_less_often_and_end_after_15_seconds() {
        let mut agent = agent("one", "two", true, 1);
        let mut checks = Vec::new();
        loop {
            let now = agent.next_deadline();
            let mut out = [0; MAX_MESSAGE];
            match agent.on_timeout(now, &mut out) {
                IceEvent::Answer(_) => checks.push(now),
                IceEvent::Failed(_) => break assert_eq!(now, START + CONNECT_WITHIN),
                event => panic!("{event:?}"),
            }
        }
        assert_eq!(checks[1].since(checks[0]), PAUSE);
        assert!((45..55).contains(&checks.len()), "{}", checks.len());
        assert_eq!(agent.next_deadline(), Time::NEVER);
    }

    #[test]
    fn consent_is_asked_for_every_five_seconds_and_lost_after_thirty() {
        let (mut one, mut two) = (agent("one", "two", true, 1), agent("two", "one", false, 2));
        let request = check(&mut one, START);
        let response = answer(&mut two, &request);
        take(&mut one, START, &response);
        let first = one.next_deadline();
        assert!((4..=6).contains(&first.since(START).as_secs()), "{first:?}");
        let request = check(&mut one, first);
        let response = answer(&mut two, &request);
        take(&mut one, first, &response);
        let mut unanswered = 0;
        loop {
            let now = one.next_deadline();
            match one.on_timeout(now, &mut [0; MAX_MESSAGE]) {
                IceEvent::Answer(_) => unanswered += 1,
                event => {
                    assert!(matches!(event, IceEvent::Failed(_)), "{event:?}");
                    break assert_eq!(now, first + EXPIRY);
                }
            }
        }
        assert!((4..=8).contains(&unanswered), "{unanswered}");
    }
}
