//! The client side of DTLS-SRTP (RFC 5764), in virtual time.

use crate::base::Time;
use crate::control::types::{Fingerprint, FingerprintHash};
use dimpl::{Config, Dtls, DtlsCertificate, Output};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// Where virtual time zero lies on the clock `dimpl` wants its times on; only differences count.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// One certificate for all simulated peers: making one costs more than a handshake.
static CERTIFICATE: LazyLock<DtlsCertificate> = LazyLock::new(make_certificate);

/// Largest record a flight is cut into.
const MAX_RECORD: usize = 2048;

/// What the handshake agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// How packets are protected.
    pub profile: dimpl::SrtpProfile,
    /// Both master keys, then both master salts, client's first (RFC 5764 §4.2).
    pub material: Vec<u8>,
}

/// A DTLS client.
pub struct DtlsClient {
    dtls: Dtls,
    deadline: Option<Instant>,
    keys: Option<Keys>,
    peer_certificate: Option<Vec<u8>>,
    failed: bool,
}

impl DtlsClient {
    /// A client whose random numbers follow from `seed`; `version_13` offers DTLS 1.3 beside 1.2.
    pub fn new(seed: u64, version_13: bool, now: Time) -> DtlsClient {
        let config = Config::builder().dangerously_set_rng_seed(seed).build();
        let config = Arc::new(config.expect("the defaults with a seed are valid"));
        let make = if version_13 { Dtls::new_auto } else { Dtls::new_12 };
        let mut dtls = make(config, CERTIFICATE.clone(), to_instant(now));
        dtls.set_active(true);
        DtlsClient { dtls, deadline: None, keys: None, peer_certificate: None, failed: false }
    }

    /// The fingerprint of every simulated peer's certificate.
    pub fn fingerprint() -> Fingerprint {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &CERTIFICATE.certificate);
        let value = digest.as_ref().iter().copied().collect();
        Fingerprint { hash: FingerprintHash::Sha256, value }
    }

    /// What was agreed on, once.
    pub fn take_keys(&mut self) -> Option<Keys> {
        self.keys.take()
    }

    /// The certificate the server showed.
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.peer_certificate.as_deref()
    }

    /// Whether the handshake is beyond hope.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// When [`on_timeout`](Self::on_timeout) is due.
    pub fn next_deadline(&self) -> Time {
        match self.deadline {
            Some(at) if !self.failed => Time::ZERO + at.saturating_duration_since(*EPOCH),
            _ => Time::NEVER,
        }
    }

    /// Lets time pass; appends what is to be sent.
    pub fn on_timeout(&mut self, now: Time, out: &mut Vec<Vec<u8>>) {
        self.failed |= self.dtls.handle_timeout(to_instant(now)).is_err();
        self.poll(out);
    }

    /// Takes a datagram from the server; appends what is to be sent.
    pub fn on_datagram(&mut self, now: Time, datagram: &[u8], out: &mut Vec<Vec<u8>>) {
        if self.failed {
            return;
        }
        self.failed |= self.dtls.handle_timeout(to_instant(now)).is_err();
        self.poll(out);
        self.failed |= self.dtls.handle_packet(datagram).is_err();
        self.poll(out);
    }

    /// Ends the association with a close_notify alert.
    pub fn close(&mut self, out: &mut Vec<Vec<u8>>) {
        self.failed |= self.dtls.close().is_err();
        self.poll(out);
    }

    fn poll(&mut self, out: &mut Vec<Vec<u8>>) {
        let mut buffer = vec![0; MAX_RECORD];
        while !self.failed {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => out.push(packet.to_vec()),
                Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                Output::PeerCert(certificate) => self.peer_certificate = Some(certificate.to_vec()),
                Output::KeyingMaterial(material, profile) => {
                    self.keys = Some(Keys { profile, material: material.to_vec() });
                }
                Output::Timeout(at) => {
                    self.deadline = Some(at);
                    return;
                }
                _ => {}
            }
        }
    }
}

impl std::fmt::Debug for DtlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DtlsClient").field("failed", &self.failed).finish_non_exhaustive()
    }
}

fn to_instant(now: Time) -> Instant {
    *EPOCH + Duration::from_nanos(now.as_nanos())
}

fn make_certificate() -> DtlsCertificate {
    let key = rcgen::KeyPair::generate().expect("a P-256 key can be made");
    let params = rcgen::CertificateParams::new(vec!["simulated".to_owned()]).expect("a plain name is valid");
    let certificate = params.self_signed(&key).expect("a key can sign its own certificate");
    DtlsCertificate { certificate: certificate.der().to_vec(), private_key: key.serialize_der() }
}
