//! Handshakes over links good and bad, in virtual time.

use super::*;
use crate::base::random::Random;
use crate::control::types::{FingerprintHash, SrtpProfile};
use crate::transport::testing::{Client, Offer, fingerprint};
use std::time::Duration;

/// A client and a server with a link between them that a test may spoil.
pub(super) struct Pair {
    now: Time,
    client: Client,
    server: DtlsServer,
    random: Random,
    loss: f64,
    jitter: Duration,
    in_flight: Vec<(Time, bool, Vec<u8>)>,
    pub(super) connected: Option<(DtlsVersion, SrtpKeys)>,
    pub(super) failed: Option<Reason>,
    closed: bool,
    server_deadline: Time,
    largest: usize,
}

impl Pair {
    pub(super) fn new(client: Client, server: DtlsServer, seed: u64) -> Pair {
        Pair {
            now: Time::ZERO,
            client,
            server,
            random: Random::new(seed),
            loss: 0.0,
            jitter: Duration::ZERO,
            in_flight: Vec::new(),
            connected: None,
            failed: None,
            closed: false,
            server_deadline: Time::NEVER,
            largest: 0,
        }
    }

    /// Runs until both are connected, the server is over, or 40 s have passed.
    pub(super) fn run(&mut self) {
        self.drain();
        while !self.done() && self.now < Time::from_millis(40_000) {
            self.step();
        }
    }

    fn done(&self) -> bool {
        self.failed.is_some() || self.connected.is_some() && self.client.connected
    }

    fn step(&mut self) {
        let arrival = self.in_flight.iter().map(|(at, ..)| *at).min().unwrap_or(Time::NEVER);
        let next = arrival.min(self.client.deadline).min(self.server_deadline);
        assert!(next >= self.now || next == self.client.deadline, "time stands still");
        self.now = self.now.max(next);
        while let Some(index) = self.in_flight.iter().position(|(at, ..)| *at <= self.now) {
            let (_, to_server, datagram) = self.in_flight.swap_remove(index);
            if to_server {
                self.server.handle(self.now, &datagram);
            } else {
                let _ = self.client.handle(self.now, &datagram);
            }
            self.drain();
        }
        if self.client.on_timeout(self.now).is_err() {
            self.client.deadline = Time::NEVER;
        }
        self.server.on_timeout(self.now);
        self.drain();
        assert!(self.server_deadline > self.now, "a timer that is always due");
    }

    fn drain(&mut self) {
        for datagram in self.client.poll() {
            self.send(true, datagram);
        }
        let mut buffer = [0; MAX_DATAGRAM];
        loop {
            match self.server.poll(&mut buffer) {
                Output::Send(len) => self.send(false, buffer[..len].to_vec()),
                Output::Connected(version, keys) => self.connected = Some((version, keys)),
                Output::Failed(reason) => self.failed = Some(reason),
                Output::Closed => self.closed = true,
                Output::Timeout(at) => return self.server_deadline = at,
                Output::Idle => return self.server_deadline = Time::NEVER,
            }
        }
    }

    fn send(&mut self, to_server: bool, datagram: Vec<u8>) {
        self.largest = self.largest.max(datagram.len());
        if self.random.chance(self.loss) {
            return;
        }
        let jitter = self.random.below(self.jitter.as_nanos() as u64 + 1);
        let at = self.now + Duration::from_millis(20) + Duration::from_nanos(jitter);
        self.in_flight.push((at, to_server, datagram));
    }
}

fn context(seed: u64) -> DtlsContext {
    DtlsContext::new(Identity::generate().expect("an identity"), Some(seed))
}

fn pair(offer: Offer, seed: u64) -> Pair {
    let browser = Identity::generate().expect("an identity");
    let server = DtlsServer::new(&context(seed), fingerprint(&browser), 1, Time::ZERO);
    Pair::new(Client::new(&browser, offer, seed), server, seed)
}

#[test]
fn both_versions_connect_with_the_same_keys_on_both_sides() {
    for (offer, expected) in [
        (Offer::V12, DtlsVersion::Dtls12),
        (Offer::V13, DtlsVersion::Dtls13),
        (Offer::Both, DtlsVersion::Dtls13),
    ] {
        let mut pair = pair(offer, 1);
        pair.run();
        let (version, keys) = pair.connected.take().expect("connected");
        let (material, _) = pair.client.keys.take().expect("keys");
        assert_eq!((version, keys.exported()), (expected, &material[..]), "{offer:?}");
        // A dimpl client offers AES-256 first: the order is ours.
        assert_eq!(keys.profile(), SrtpProfile::AeadAes128Gcm);
        assert!(pair.now < Time::from_millis(200), "{offer:?} took {:?}", pair.now);
        assert!(pair.largest <= MAX_DATAGRAM);
    }
}

#[test]
fn a_peer_with_another_certificate_never_sees_keys() {
    for offer in [Offer::V12, Offer::V13] {
        let (browser, other) = (Identity::generate().expect("one"), Identity::generate().expect("two"));
        let server = DtlsServer::new(&context(2), fingerprint(&other), 1, Time::ZERO);
        let mut pair = Pair::new(Client::new(&browser, offer, 2), server, 2);
        pair.run();
        assert_eq!(pair.failed, Some(Reason::WrongFingerprint));
        assert!(pair.connected.is_none());
    }
}

#[test]
fn a_fingerprint_of_any_hash_is_checked() {
    for (hash, algorithm) in [
        (FingerprintHash::Sha384, &aws_lc_rs::digest::SHA384),
        (FingerprintHash::Sha512, &aws_lc_rs::digest::SHA512),
    ] {
        let browser = Identity::generate().expect("an identity");
        let value = aws_lc_rs::digest::digest(algorithm, browser.certificate()).as_ref().try_into();
        let expected = Fingerprint { hash, value: value.expect("at most 64 bytes") };
        let server = DtlsServer::new(&context(3), expected, 1, Time::ZERO);
        let mut pair = Pair::new(Client::new(&browser, Offer::Both, 3), server, 3);
        pair.run();
        assert!(pair.connected.is_some());
    }
}

#[test]
fn handshakes_complete_over_links_that_lose_and_reorder() {
    for seed in 0..30 {
        let offer = [Offer::V12, Offer::V13, Offer::Both][seed as usize % 3];
        let mut pair = pair(offer, seed);
        (pair.loss, pair.jitter) = (0.2, Duration::from_millis(60));
        pair.run();
        assert!(pair.connected.is_some() && pair.client.connected, "seed {seed}, {offer:?}");
    }
}

#[test]
fn a_client_hello_in_many_pieces_and_in_any_order_is_put_together() {
    for (offer, seed) in [(Offer::V12, 1), (Offer::V12, 2), (Offer::V13, 3), (Offer::V13, 4)] {
        let browser = Identity::generate().expect("an identity");
        let server = DtlsServer::new(&context(seed), fingerprint(&browser), 1, Time::ZERO);
        // 100 bytes a datagram, headers of 25 included: a hello comes in two to four.
        let config = dimpl::Config::builder().mtu(100).max_queue_tx(100).dangerously_set_rng_seed(seed);
        let mut pair = Pair::new(Client::with(&browser, offer, config), server, seed);
        pair.jitter = Duration::from_millis(5);
        pair.drain();
        assert!(pair.in_flight.len() > 1, "{offer:?}: {} pieces", pair.in_flight.len());
        pair.run();
        assert!(pair.connected.is_some(), "{offer:?}");
    }
}

#[test]
fn the_peer_s_goodbye_is_noticed() {
    for offer in [Offer::V12, Offer::V13] {
        let mut pair = pair(offer, 4);
        pair.run();
        pair.client.close();
        pair.drain();
        pair.step();
        assert!(pair.closed, "{offer:?}");
    }
}

#[test]
fn our_goodbye_reaches_the_peer() {
    for offer in [Offer::V12, Offer::V13] {
        let mut pair = pair(offer, 5);
        pair.run();
        pair.server.close(pair.now);
        pair.drain();
        pair.step();
        assert!(pair.client.closed, "{offer:?}");
    }
}

#[test]
fn a_handshake_that_gets_no_answer_ends_by_itself() {
    let mut pair = pair(Offer::V12, 6);
    pair.drain();
    pair.step();
    pair.loss = 1.0;
    while pair.failed.is_none() {
        assert!(pair.now < Time::from_millis(31_000), "still trying");
        pair.client.deadline = Time::NEVER;
        pair.step();
    }
    assert_eq!(pair.failed, Some(Reason::DtlsFailed));
    assert!(pair.connected.is_none());
}

#[test]
fn noise_between_the_flights_does_no_harm() {
    let mut pair = pair(Offer::Both, 7);
    let mut random = Random::new(7);
    pair.drain();
    while !pair.done() {
        for _ in 0..20 {
            let mut noise: Vec<u8> = (0..random.below(200)).map(|_| random.next_u64() as u8).collect();
            if let Some(first) = noise.first_mut() {
                *first = 20 + *first % 44;
            }
            pair.server.handle(pair.now, &noise);
        }
        pair.drain();
        pair.step();
    }
    assert!(pair.connected.is_some());
}

#[test]
fn the_same_seed_gives_the_same_hello() {
    let hello = |seed| {
        let browser = Identity::generate().expect("an identity");
        let mut pair = pair(Offer::V13, seed);
        let server = DtlsServer::new(&context(seed), fingerprint(&browser), 9, Time::ZERO);
        pair.server = server;
        pair.drain();
        pair.step();
        let (.., datagram) = pair.in_flight.iter().find(|(_, to_server, _)| !to_server).expect("an answer");
        // Behind record and handshake headers and the version: the server's random.
        datagram[13 + 12 + 2..][..32].to_vec()
    };
    assert_eq!(hello(11), hello(11));
    assert_ne!(hello(11), hello(12));
}

/// A certificate of about `len` bytes: it is valid for many names.
fn wordy(len: usize) -> Identity {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let names: Vec<String> = (0..len / 60).map(|n| format!("{n:055}.test")).collect();
    let parameters = rcgen::CertificateParams::new(names).expect("valid names");
    let certificate = parameters.self_signed(&key).expect("a certificate");
    Identity::from_der(certificate.der().to_vec(), key.serialize_der()).expect("an identity")
}

#[test]
fn a_long_certificate_is_taken_and_an_endless_one_refused() {
    // A dimpl client cannot send the endless one in DTLS 1.3.
    for (offer, len, connects) in
        [(Offer::V12, 3_000, true), (Offer::V13, 3_000, true), (Offer::V12, 12_000, false)]
    {
        let browser = wordy(len);
        assert!(browser.certificate().len() > len);
        let server = DtlsServer::new(&context(8), fingerprint(&browser), 1, Time::ZERO);
        let config = dimpl::Config::builder().max_queue_tx(100);
        let mut pair = Pair::new(Client::with(&browser, offer, config), server, 8);
        pair.run();
        assert_eq!(pair.connected.is_some(), connects, "{offer:?}, {len} bytes");
        assert_eq!(pair.failed, (!connects).then_some(Reason::DtlsFailed));
    }
}

#[test]
fn no_altered_hello_makes_it_panic_or_answer_without_end() {
    let (context, browser) = (context(9), Identity::generate().expect("an identity"));
    let mut random = Random::new(9);
    for round in 0..150 {
        let offer = [Offer::V12, Offer::V13, Offer::Both][round % 3];
        let mut hello = Client::new(&browser, offer, round as u64).poll().swap_remove(0);
        for _ in 0..=random.below(8) {
            let place = random.below(hello.len() as u64) as usize;
            hello[place] = random.next_u64() as u8;
        }
        hello.truncate(hello.len() - (random.below(2) * random.below(hello.len() as u64)) as usize);
        let mut server = DtlsServer::new(&context, fingerprint(&browser), round as u64, Time::ZERO);
        server.handle(Time::ZERO, &hello);
        let mut buffer = [0; MAX_DATAGRAM];
        let sent = (0..100).take_while(|_| matches!(server.poll(&mut buffer), Output::Send(_))).count();
        assert!(sent < 8, "{sent} datagrams for one");
    }
}
