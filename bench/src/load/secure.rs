//! The client's side of DTLS-SRTP (RFC 5764): from a handshake to the keys of both directions.
//!
//! Version, ciphers and retransmission are dimpl's; here are the limits, the fingerprint and the
//! clock. Where datagrams come from is not known here.

use dimpl::{Config, Dtls, DtlsCertificate, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};
use volley::base::Time;
use volley::control::types::{Fingerprint, FingerprintHash, SrtpProfile};
use volley::transport::dtls::{Identity, is_certified};
use volley::transport::srtp::{MasterKeys, Role, SrtpReceiver, SrtpSender};

/// The largest datagram of a flight; also what fits any path.
pub(super) const MAX_DATAGRAM: usize = 1200;
/// Longest certificate of a server that is looked at: RSA-8192 makes 2.5 kB.
const MAX_SCRATCH: usize = 8192;
/// As browsers do: a lost flight should not cost a second.
const FLIGHT_START: Duration = Duration::from_millis(250);
/// Within the time that ICE gives a call to begin.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// What all handshakes of a load share: one certificate, since making one costs more than a
/// handshake.
pub(super) struct DtlsContext {
    config: Arc<Config>,
    certificate: DtlsCertificate,
    /// Any fixed moment on both clocks.
    zero: (Instant, Time),
}

impl DtlsContext {
    pub(super) fn new(identity: &Identity, now: Time) -> DtlsContext {
        let config = Config::builder()
            .mtu(MAX_DATAGRAM)
            .flight_start_rto(FLIGHT_START)
            .handshake_timeout(HANDSHAKE_TIMEOUT)
            .build()
            .expect("constants that are in range");
        DtlsContext {
            config: Arc::new(config),
            certificate: DtlsCertificate {
                certificate: identity.certificate().to_vec(),
                private_key: identity.key().to_vec(),
            },
            zero: (Instant::now(), now),
        }
    }

    fn instant(&self, time: Time) -> Instant {
        self.zero.0 + time.since(self.zero.1)
    }

    fn time(&self, instant: Instant) -> Time {
        self.zero.1 + instant.saturating_duration_since(self.zero.0)
    }
}

/// What a handshake found to do.
pub(super) enum Step {
    /// The buffer holds a datagram of this length to send.
    Send(usize),
    /// The handshake is complete and the certificate is the right one. Comes once.
    Connected(Box<Keys>),
    /// It is over. Comes once.
    Failed(String),
    /// The server has closed. Comes once.
    Closed,
    /// Nothing until then.
    Wait(Time),
}

/// The SRTP state of both directions.
pub(super) struct Keys {
    pub(super) sender: SrtpSender,
    pub(super) receiver: SrtpReceiver,
    pub(super) profile: SrtpProfile,
}

/// A DTLS client.
pub(super) struct Handshake {
    /// Gone once it is over: after an error dimpl must not be touched again.
    dtls: Option<Box<Dtls>>,
    expected: Fingerprint,
    certified: bool,
    failure: Option<String>,
}

impl Handshake {
    /// A client that begins at once with a server of which `expected` was signalled.
    pub(super) fn new(context: &DtlsContext, expected: Fingerprint, now: Time) -> Handshake {
        let (config, certificate) = (Arc::clone(&context.config), context.certificate.clone());
        let mut dtls = Box::new(Dtls::new_auto(config, certificate, context.instant(now)));
        dtls.set_active(true);
        let mut handshake = Handshake { dtls: Some(dtls), expected, certified: false, failure: None };
        handshake.on_timeout(context, now);
        handshake
    }

    pub(super) fn on_timeout(&mut self, context: &DtlsContext, now: Time) {
        let Some(dtls) = &mut self.dtls else { return };
        if let Err(error) = dtls.handle_timeout(context.instant(now)) {
            self.fail(format!("DTLS failed: {error}"));
        }
    }

    pub(super) fn on_datagram(&mut self, context: &DtlsContext, now: Time, datagram: &[u8]) {
        self.on_timeout(context, now);
        let Some(dtls) = &mut self.dtls else { return };
        match dtls.handle_packet(datagram) {
            Ok(()) | Err(dimpl::Error::ReceiveQueueFull) => {}
            Err(error) => self.fail(format!("DTLS failed: {error}")),
        }
    }

    /// What is to do now; poll until it says `Wait`. `buffer` holds [`MAX_DATAGRAM`] bytes.
    pub(super) fn poll(&mut self, context: &DtlsContext, buffer: &mut [u8]) -> Step {
        loop {
            if let Some(failure) = self.failure.take() {
                return Step::Failed(failure);
            }
            let Some(dtls) = &mut self.dtls else { return Step::Wait(Time::NEVER) };
            let mut scratch = Vec::new();
            let output = match dtls.poll_output(buffer) {
                Output::BufferTooSmall { needed } if needed <= MAX_SCRATCH => {
                    scratch.resize(needed, 0);
                    dtls.poll_output(&mut scratch)
                }
                output => output,
            };
            match output {
                Output::Packet(datagram) => return Step::Send(datagram.len()),
                Output::Timeout(at) => return Step::Wait(context.time(at)),
                Output::PeerCert(certificate) => {
                    self.certified = is_certified(certificate, &self.expected);
                    if !self.certified {
                        self.fail("the server showed another certificate than it signalled".to_owned());
                    }
                }
                Output::KeyingMaterial(material, profile) => match keys(&material, profile) {
                    Some(keys) if self.certified => return Step::Connected(Box::new(keys)),
                    _ => self.fail("DTLS gave keys that cannot be used".to_owned()),
                },
                Output::CloseNotify => {
                    self.dtls = None;
                    return Step::Closed;
                }
                Output::BufferTooSmall { needed } => {
                    self.fail(format!("the server's certificate has {needed} bytes"));
                }
                _ => {}
            }
        }
    }

    fn fail(&mut self, why: String) {
        self.dtls = None;
        self.failure.get_or_insert(why);
    }
}

fn keys(material: &[u8], profile: dimpl::SrtpProfile) -> Option<Keys> {
    let profile = match profile {
        dimpl::SrtpProfile::AEAD_AES_128_GCM => SrtpProfile::AeadAes128Gcm,
        dimpl::SrtpProfile::AEAD_AES_256_GCM => SrtpProfile::AeadAes256Gcm,
        dimpl::SrtpProfile::AES128_CM_SHA1_80 => SrtpProfile::Aes128CmSha1_80,
        _ => return None,
    };
    let keys = MasterKeys::from_exporter(profile, material, Role::Client)?;
    Some(Keys { sender: SrtpSender::new(&keys.local), receiver: SrtpReceiver::new(&keys.remote), profile })
}

/// A SHA-256 fingerprint as SDP writes it: hexadecimal pairs with colons (RFC 8122 §5).
pub(super) fn read_fingerprint(text: &str) -> Option<Fingerprint> {
    let pairs = text.trim().split(':').map(|pair| match pair.len() {
        2 => u8::from_str_radix(pair, 16).ok(),
        _ => None,
    });
    let value: Vec<u8> = pairs.collect::<Option<_>>()?;
    (value.len() == 32)
        .then(|| Fingerprint { hash: FingerprintHash::Sha256, value: value.into_iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use volley::transport::dtls::{self as server, DtlsServer};

    /// Both ends of a handshake, without a network between them.
    struct Pair {
        context: DtlsContext,
        client: Handshake,
        server: DtlsServer,
        now: Time,
    }

    impl Pair {
        fn new() -> Pair {
            let (ours, theirs) = (identity(), identity());
            let now = Time::from_millis(1_000);
            let context = DtlsContext::new(&ours, now);
            let expected = |identity: &Identity| {
                read_fingerprint(&crate::load::fingerprint_text(&identity.fingerprint_sha256()))
            };
            let of_client = expected(&ours).expect("a digest");
            let of_server = expected(&theirs).expect("a digest");
            let client = Handshake::new(&context, of_server, now);
            let server = DtlsServer::new(&server::DtlsContext::new(theirs, None), of_client, 1, now);
            Pair { context, client, server, now }
        }

        /// Carries datagrams until the client has something to say.
        fn run(&mut self) -> Step {
            let mut buffer = [0; MAX_DATAGRAM];
            for _ in 0..100 {
                match self.client.poll(&self.context, &mut buffer) {
                    Step::Send(len) => self.server.handle(self.now, &buffer[..len]),
                    Step::Wait(_) => {
                        while let server::Output::Send(len) = self.server.poll(&mut buffer) {
                            self.client.on_datagram(&self.context, self.now, &buffer[..len]);
                        }
                    }
                    step => return step,
                }
            }
            panic!("nothing comes of it");
        }
    }

    impl Pair {
        /// The client has its keys before the server has the last word.
        fn deliver_last_flight(&mut self) {
            let mut buffer = [0; MAX_DATAGRAM];
            while let Step::Send(len) = self.client.poll(&self.context, &mut buffer) {
                self.server.handle(self.now, &buffer[..len]);
            }
            while let server::Output::Send(len) = self.server.poll(&mut buffer) {
                self.client.on_datagram(&self.context, self.now, &buffer[..len]);
            }
        }
    }

    fn identity() -> Identity {
        Identity::generate().expect("a new identity")
    }

    #[test]
    fn a_server_that_hangs_up_has_closed_and_not_failed() {
        let mut pair = Pair::new();
        assert!(matches!(pair.run(), Step::Connected(_)));
        pair.deliver_last_flight();
        pair.server.close(pair.now);
        assert!(matches!(pair.run(), Step::Closed));
    }

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        let digest: Vec<u8> = (0..32).map(|byte| byte * 8).collect();
        let text = crate::load::fingerprint_text(&digest);
        let read = read_fingerprint(&text).expect("it is one");
        assert_eq!(read.value[..], digest[..]);
        assert_eq!(read_fingerprint(&text.to_lowercase()), Some(read));
        for wrong in ["", "AA:BB", &text[3..], &text.replace(':', ""), &format!("{text}:00")] {
            assert_eq!(read_fingerprint(wrong), None, "{wrong}");
        }
    }
}
