//! The peer's side of a transport for tests: checks, and a DTLS client.

use crate::base::{Path, SocketIndex, Time};
use crate::control::types::{Fingerprint, FingerprintHash, IceCredentials, Password};
use crate::transport::dtls::Identity;
use crate::wire::stun::{Class, StunWriter, TransactionId, attribute};
use arrayvec::ArrayString;
use dimpl::{Config, Dtls, DtlsCertificate, KeyingMaterial, SrtpProfile};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) fn credentials(name: &str) -> IceCredentials {
    IceCredentials {
        ufrag: ArrayString::from(name).expect("a short name"),
        password: Password::new(format!("{name}-password-of-22-chars").as_bytes()).expect("a short password"),
    }
}

pub(super) fn path(port: u16) -> Path {
    Path { socket: SocketIndex(0), remote: ([192, 0, 2, 7], port).into() }
}

pub(super) fn fingerprint(identity: &Identity) -> Fingerprint {
    let value = identity.fingerprint_sha256()[..].try_into().expect("32 bytes");
    Fingerprint { hash: FingerprintHash::Sha256, value }
}

/// A check from `remote` to `local`, as a browser sends it.
#[derive(Clone)]
pub(super) struct Check {
    pub(super) local: IceCredentials,
    pub(super) remote: IceCredentials,
    pub(super) transaction: TransactionId,
    pub(super) nominate: bool,
    pub(super) role: u16,
    pub(super) extra: Option<u16>,
}

impl Check {
    pub(super) fn new(number: u8) -> Check {
        Check {
            local: credentials("server"),
            remote: credentials("browser"),
            transaction: [number; 12],
            nominate: false,
            role: attribute::ICE_CONTROLLING,
            extra: None,
        }
    }

    pub(super) fn nominating(number: u8) -> Check {
        Check { nominate: true, ..Check::new(number) }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut buffer = [0; 256];
        let username = format!("{}:{}", self.local.ufrag, self.remote.ufrag);
        let mut writer = StunWriter::new(&mut buffer, Class::Request, &self.transaction)
            .attribute(attribute::USERNAME, username.as_bytes())
            .attribute(self.role, &7u64.to_be_bytes())
            .attribute(attribute::PRIORITY, &1u32.to_be_bytes());
        if self.nominate {
            writer = writer.attribute(attribute::USE_CANDIDATE, &[]);
        }
        if let Some(kind) = self.extra {
            writer = writer.attribute(kind, &[]);
        }
        let len = writer.integrity(self.local.password.as_bytes()).fingerprint().expect("room enough");
        buffer[..len].to_vec()
    }
}

/// A DTLS client in virtual time.
pub(super) struct Client {
    dtls: Dtls,
    zero: Instant,
    pub(super) connected: bool,
    pub(super) closed: bool,
    pub(super) keys: Option<(KeyingMaterial, SrtpProfile)>,
    pub(super) deadline: Time,
}

/// Which versions a client offers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Offer {
    V12,
    V13,
    Both,
}

impl Client {
    pub(super) fn new(identity: &Identity, offer: Offer, seed: u64) -> Client {
        Client::with(identity, offer, Config::builder().dangerously_set_rng_seed(seed))
    }

    pub(super) fn with(identity: &Identity, offer: Offer, config: dimpl::ConfigBuilder) -> Client {
        let config = Arc::new(config.build().expect("a valid configuration"));
        let certificate = DtlsCertificate {
            certificate: identity.certificate().to_vec(),
            private_key: identity.key().to_vec(),
        };
        let zero = Instant::now();
        let mut dtls = match offer {
            Offer::V12 => Dtls::new_12(config, certificate, zero),
            Offer::V13 => Dtls::new_13(config, certificate, zero),
            Offer::Both => Dtls::new_auto(config, certificate, zero),
        };
        dtls.set_active(true);
        dtls.handle_timeout(zero).expect("a new client starts");
        Client { dtls, zero, connected: false, closed: false, keys: None, deadline: Time::ZERO }
    }

    pub(super) fn handle(&mut self, now: Time, datagram: &[u8]) -> Result<(), dimpl::Error> {
        self.on_timeout(now)?;
        self.dtls.handle_packet(datagram)
    }

    pub(super) fn on_timeout(&mut self, now: Time) -> Result<(), dimpl::Error> {
        self.dtls.handle_timeout(self.zero + Duration::from_nanos(now.as_nanos()))
    }

    pub(super) fn close(&mut self) {
        self.dtls.close().expect("a connected client closes");
    }

    /// All datagrams it wants to send.
    pub(super) fn poll(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        let mut buffer = vec![0; 20_000];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                dimpl::Output::Packet(datagram) => sent.push(datagram.to_vec()),
                dimpl::Output::Connected => self.connected = true,
                dimpl::Output::KeyingMaterial(material, profile) => self.keys = Some((material, profile)),
                dimpl::Output::CloseNotify => self.closed = true,
                dimpl::Output::Timeout(at) => {
                    let since = at.saturating_duration_since(self.zero).as_nanos();
                    self.deadline = u64::try_from(since).map_or(Time::NEVER, Time::from_nanos);
                    return sent;
                }
                _ => {}
            }
        }
    }
}
