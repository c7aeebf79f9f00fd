//! The DTLS server of one transport (RFC 5764, RFC 8827 §6.5): datagrams and time go in, datagrams,
//! a deadline and at last the SRTP keys come out. Where the peer insists on being the server, it becomes the
//! client.
//!
//! It does not know where datagrams come from; ICE has decided that before. Version, ciphers and
//! retransmission are dimpl's; here are the limits, the fingerprint and the clock.

mod context;
mod identity;
mod keys;

pub use context::{DtlsContext, MAX_DATAGRAM};
pub use identity::{Identity, IdentityError, is_certified};
pub use keys::SrtpKeys;

use crate::base::Time;
use crate::control::types::{DtlsVersion, Fingerprint, Reason};
use context::Clock;
use dimpl::{Dtls, ProtocolVersion};

/// Longest peer certificate looked at: a WebRTC certificate has 300 to 1500 bytes, RSA-8192 2500.
/// Also longer than any application data that fits a datagram; nothing sends any before there are
/// data channels, and what comes is read and dropped.
const MAX_SCRATCH: usize = 8192;

/// What [`DtlsServer::poll`] found to do. Poll again until it says `Timeout` or `Idle`.
#[derive(Debug)]
pub enum Output {
    /// The buffer holds a datagram of this length to send.
    Send(usize),
    /// The handshake is complete and the certificate is the right one. Comes once.
    Connected(DtlsVersion, SrtpKeys),
    /// The association is over and no keys leave it any more. Comes once.
    Failed(Reason),
    /// The peer has closed. Comes once.
    Closed,
    /// Nothing until then: call [`DtlsServer::on_timeout`].
    Timeout(Time),
    /// Nothing ever again.
    Idle,
}

/// A DTLS server, version 1.2 or 1.3 as the peer likes.
pub struct DtlsServer {
    /// Gone once the association is over: after an error dimpl must not be touched again.
    dtls: Option<Box<Dtls>>,
    clock: Clock,
    expected: Fingerprint,
    certified: bool,
    /// The handshake is complete, the keys have not come yet.
    finished: bool,
    connected: bool,
    /// What only the handshake needed was given back.
    released: bool,
    /// Why it is over, until it was told.
    over: Option<Output>,
}

impl DtlsServer {
    /// A server that waits for a peer with this fingerprint. `salt` tells the servers of a seeded
    /// context apart.
    pub fn new(context: &DtlsContext, expected: Fingerprint, salt: u64, now: Time) -> DtlsServer {
        let clock = context.clock();
        let mut dtls =
            Box::new(Dtls::new_auto(context.config(salt), context.certificate(), clock.instant(now)));
        // dimpl learns the time, and draws its hello random, only here.
        let over = dtls.handle_timeout(clock.instant(now)).err().map(|_| Output::Failed(Reason::DtlsFailed));
        DtlsServer {
            dtls: over.is_none().then_some(dtls),
            clock,
            expected,
            certified: false,
            finished: false,
            connected: false,
            released: false,
            over,
        }
    }

    /// Becomes the client, and begins: what it says comes out of `poll`. Before anything of the peer's came.
    pub fn begin(&mut self, now: Time) {
        if let Some(dtls) = &mut self.dtls {
            dtls.set_active(true);
        }
        self.on_timeout(now);
    }

    /// Takes a datagram. What cannot be read is dropped; what breaks the handshake shows in `poll`.
    pub fn handle(&mut self, now: Time, datagram: &[u8]) {
        self.on_timeout(now);
        let Some(dtls) = &mut self.dtls else { return };
        match dtls.handle_packet(datagram) {
            // The datagram is dropped, nothing else has happened: whoever floods does not hang up.
            Ok(()) | Err(dimpl::Error::ReceiveQueueFull) => {}
            Err(error) => self.fail(&error),
        }
    }

    /// Lets time pass: retransmits, or gives up.
    pub fn on_timeout(&mut self, now: Time) {
        let Some(dtls) = &mut self.dtls else { return };
        if let Err(error) = dtls.handle_timeout(self.clock.instant(now)) {
            self.fail(&error);
        }
    }

    /// Closes an association that is connected: the `close_notify` comes out of `poll`.
    pub fn close(&mut self, now: Time) {
        let Some(dtls) = &mut self.dtls else { return };
        let result = dtls.handle_timeout(self.clock.instant(now)).and_then(|()| dtls.close());
        if result.is_err() {
            self.end(Output::Closed);
        }
    }

    /// What is to do now. `buffer` holds at least [`MAX_DATAGRAM`] bytes.
    pub fn poll(&mut self, buffer: &mut [u8]) -> Output {
        assert!(buffer.len() >= MAX_DATAGRAM, "a DTLS datagram may not fit");
        loop {
            let Some(dtls) = &mut self.dtls else { return self.over.take().unwrap_or(Output::Idle) };
            let step = match dtls.poll_output(buffer) {
                dimpl::Output::BufferTooSmall { needed } if needed <= MAX_SCRATCH => {
                    let mut scratch = vec![0; needed];
                    let output = dtls.poll_output(&mut scratch);
                    self.step(output)
                }
                output => self.step(output),
            };
            if let Some(output) = step {
                return output;
            }
        }
    }

    fn step(&mut self, output: dimpl::Output<'_>) -> Option<Output> {
        match output {
            dimpl::Output::Packet(datagram) => return Some(Output::Send(datagram.len())),
            dimpl::Output::PeerCert(certificate) => {
                self.certified = is_certified(certificate, &self.expected);
                if !self.certified {
                    self.end(Output::Failed(Reason::WrongFingerprint));
                }
            }
            dimpl::Output::Connected => self.finished = true,
            dimpl::Output::KeyingMaterial(material, profile) => return self.connect(&material, profile),
            dimpl::Output::CloseNotify => self.end(Output::Closed),
            // Without keys by now the peer offered no SRTP profile we have (RFC 5764 §4.1.1).
            dimpl::Output::Timeout(_) if self.finished && !self.connected => {
                self.end(Output::Failed(Reason::DtlsFailed));
            }
            dimpl::Output::Timeout(at) => {
                self.release();
                return Some(Output::Timeout(self.clock.time(at)));
            }
            dimpl::Output::BufferTooSmall { .. } => self.end(Output::Failed(Reason::DtlsFailed)),
            _ => {}
        }
        None
    }

    fn connect(&mut self, material: &[u8], profile: dimpl::SrtpProfile) -> Option<Output> {
        let dtls = self.dtls.as_ref()?;
        let version = match dtls.protocol_version()? {
            ProtocolVersion::DTLS1_3 => DtlsVersion::Dtls13,
            _ => DtlsVersion::Dtls12,
        };
        match SrtpKeys::from_dtls(profile, material, dtls.is_active()) {
            Some(keys) if self.certified => {
                self.connected = true;
                Some(Output::Connected(version, keys))
            }
            _ => {
                self.end(Output::Failed(Reason::DtlsFailed));
                None
            }
        }
    }

    /// A transport lives for hours behind a handshake of a second: 20 KB of buffers are given back.
    fn release(&mut self) {
        if self.connected
            && !std::mem::replace(&mut self.released, true)
            && let Some(dtls) = &mut self.dtls
        {
            dtls.release_buffers();
        }
    }

    fn fail(&mut self, error: &dimpl::Error) {
        tracing::debug!(%error, "DTLS failed");
        self.end(Output::Failed(Reason::DtlsFailed));
    }

    fn end(&mut self, how: Output) {
        self.dtls = None;
        self.over = Some(how);
    }
}

impl std::fmt::Debug for DtlsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DtlsServer").field("connected", &self.connected).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_client;
#[cfg(test)]
mod tests_rsa;
