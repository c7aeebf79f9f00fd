//! One secure association, sans-IO: ICE-lite, DTLS and SRTP.

mod drop_cause;
pub mod dtls;
pub mod ice;
mod snapshot;
pub mod srtp;
#[cfg(test)]
mod testing;

pub use drop_cause::DropCause;
pub use snapshot::{Snapshot, SnapshotPhase};

use crate::base::{Path, Time};
use crate::control::types::{DtlsRole, DtlsVersion, Fingerprint, IceCredentials, Reason, TransportState};
use crate::wire::stun::StunView;
use dtls::{DtlsContext, DtlsServer, Output, SrtpKeys};
use ice::{Checked, IceAgent};
use std::time::Duration;

/// A peer not heard of for this long is shown as hidden. Browsers check every 2.5 to 5 s and send
/// a receiver report each second: 8 s is one check lost and the next one late.
pub const HIDDEN_AFTER: Duration = Duration::from_secs(8);

/// A peer not heard of for this long is gone: the time consent lasts (RFC 7675 §5.1). A lite agent
/// asks for no consent of its own; any authenticated packet is taken as it.
pub const ENDED_AFTER: Duration = Duration::from_secs(30);

#[derive(Debug)]
enum Phase {
    Handshaking,
    Connected { dtls: DtlsVersion, keys: SrtpKeys },
    Ended(Reason),
}

/// One ICE + DTLS + SRTP association.
#[derive(Debug)]
pub struct Transport {
    ice: IceAgent,
    /// `None` after a live upgrade in mid-call: dimpl's state cannot be carried over.
    dtls: Option<DtlsServer>,
    expected: Fingerprint,
    role: DtlsRole,
    /// We begin the handshake, and have not.
    may_begin: bool,
    phase: Phase,
    hidden: bool,
    /// When the peer was last heard of, or the transport was made.
    heard: Time,
    dtls_deadline: Time,
    /// DTLS has more to do than it was given time for: its timer waits.
    dtls_put_off: bool,
    told: TransportState,
}

impl Transport {
    /// A transport that waits for its peer's first check. `salt` tells the transports of a seeded
    /// context apart.
    pub fn new(
        context: &DtlsContext,
        now: Time,
        (local, remote): (IceCredentials, IceCredentials),
        expected: Fingerprint,
        salt: u64,
    ) -> Transport {
        Transport {
            ice: IceAgent::new(local, remote),
            dtls: Some(DtlsServer::new(context, expected.clone(), salt, now)),
            expected,
            role: DtlsRole::Server,
            may_begin: false,
            phase: Phase::Handshaking,
            hidden: false,
            heard: now,
            dtls_deadline: Time::NEVER,
            dtls_put_off: false,
            told: TransportState::New,
        }
    }

    /// The same, of which we begin the handshake when there is a path: the peer is the server.
    pub fn with_role(mut self, role: DtlsRole) -> Transport {
        self.role = role;
        self.may_begin = role == DtlsRole::Client;
        self
    }

    /// Takes a STUN message and writes the answer, which goes back to `path`.
    pub fn on_stun(
        &mut self,
        now: Time,
        path: &Path,
        check: &StunView<'_>,
        out: &mut [u8],
    ) -> Result<Checked, DropCause> {
        self.must_live()?;
        let checked = self.ice.check(now, path, check, out)?;
        if checked.accepted {
            self.alive(now);
            self.begin_dtls(now);
        }
        Ok(checked)
    }

    /// Nothing is sent to an address that has not been proved, and this is longer than any question.
    fn begin_dtls(&mut self, now: Time) {
        if std::mem::take(&mut self.may_begin)
            && let Some(dtls) = &mut self.dtls
        {
            dtls.begin(now);
        }
    }

    /// Takes a DTLS datagram. Poll afterwards.
    pub fn on_dtls(&mut self, now: Time, path: &Path, datagram: &[u8]) -> Result<(), DropCause> {
        self.takes_dtls(path)?;
        if let Some(dtls) = &mut self.dtls {
            dtls.handle(now, datagram);
        }
        Ok(())
    }

    /// Whether [`Transport::on_dtls`] would take a datagram from `path`.
    pub fn takes_dtls(&self, path: &Path) -> Result<(), DropCause> {
        self.must_live()?;
        if !self.ice.is_proved(path) {
            return Err(DropCause::DtlsUnproved);
        }
        self.dtls.as_ref().map(drop).ok_or(DropCause::DtlsGone)
    }

    /// Whether the DTLS timer has run out.
    pub fn dtls_is_due(&self, now: Time) -> bool {
        !self.dtls_put_off && now >= self.dtls_deadline && self.must_live().is_ok()
    }

    /// Stops the DTLS timer until [`Transport::resume_dtls`]: what it would ask the peer for may have
    /// come and wait to be looked at.
    pub fn put_dtls_off(&mut self) {
        self.dtls_put_off = true;
    }

    /// All that came was looked at: lets time pass for DTLS. Poll afterwards.
    pub fn resume_dtls(&mut self, now: Time) {
        self.dtls_put_off = false;
        if self.must_live().is_ok()
            && let Some(dtls) = &mut self.dtls
        {
            dtls.on_timeout(now);
        }
    }

    /// An authentic SRTP or SRTCP packet came from `path`: a sign of life (RFC 7675 §5.1).
    pub fn on_authentic(&mut self, now: Time, path: &Path) {
        if self.ice.heard(now, path) {
            self.alive(now);
        }
    }

    /// Lets time pass. Poll afterwards.
    pub fn on_timeout(&mut self, now: Time) {
        if self.must_live().is_err() {
            return;
        }
        let silent = now.since(self.heard);
        if silent >= ENDED_AFTER {
            return self.end(Reason::Silent);
        }
        self.hidden = silent >= HIDDEN_AFTER && matches!(self.phase, Phase::Connected { .. });
        if self.dtls_is_due(now) {
            self.resume_dtls(now);
        }
    }

    /// When [`Transport::on_timeout`] is to be called. A sign of life puts it off, so a timer set to
    /// it may fire too early, never too late.
    pub fn next_deadline(&self) -> Time {
        if matches!(self.phase, Phase::Ended(_)) {
            return Time::NEVER;
        }
        let may_hide = matches!(self.phase, Phase::Connected { .. }) && !self.hidden;
        let patience = if may_hide { HIDDEN_AFTER } else { ENDED_AFTER };
        let dtls = if self.dtls_put_off { Time::NEVER } else { self.dtls_deadline };
        dtls.min(self.heard + patience)
    }

    /// Writes the next DTLS datagram for [`Transport::path`] into `buffer`, which has room for
    /// [`dtls::MAX_DATAGRAM`]. To be called until it says `None` after everything that may cause one.
    pub fn poll(&mut self, buffer: &mut [u8]) -> Option<usize> {
        loop {
            match self.dtls.as_mut()?.poll(buffer) {
                Output::Send(len) => return Some(len),
                Output::Connected(dtls, keys) => self.phase = Phase::Connected { dtls, keys },
                Output::Failed(reason) => self.end(reason),
                Output::Closed => self.end(Reason::ClosedByPeer),
                Output::Timeout(at) => {
                    self.dtls_deadline = at;
                    return None;
                }
                Output::Idle => {
                    self.dtls_deadline = Time::NEVER;
                    return None;
                }
            }
        }
    }

    /// The state, when it is another than this said last.
    pub fn take_change(&mut self) -> Option<TransportState> {
        let state = self.state();
        (state != self.told).then(|| {
            self.told = state;
            state
        })
    }

    /// The state now.
    pub fn state(&self) -> TransportState {
        match (&self.phase, self.ice.selected()) {
            (Phase::Ended(reason), _) => TransportState::Ended { reason: *reason },
            (_, None) => TransportState::New,
            (Phase::Handshaking, _) => TransportState::Connecting,
            (Phase::Connected { .. }, _) if self.hidden => TransportState::Hidden,
            (Phase::Connected { dtls, keys }, Some(path)) => {
                TransportState::Connected { profile: keys.profile(), dtls: *dtls, remote: path.remote }
            }
        }
    }

    /// New ICE credentials on both sides; DTLS and SRTP stay as they are (RFC 8445 §9).
    pub fn restart_ice(&mut self, now: Time, local: IceCredentials, remote: IceCredentials) {
        self.ice.restart(now, local, remote);
    }

    /// Ends the transport from our side. What `poll` still has is the `close_notify`.
    pub fn close(&mut self, now: Time) {
        if let Some(dtls) = &mut self.dtls {
            dtls.close(now);
        }
        if self.must_live().is_ok() {
            self.end(Reason::Asked);
        }
    }

    /// When the peer was last heard of.
    pub fn heard(&self) -> Time {
        self.heard
    }

    /// Where to send: the path the peer nominated, or the first it proved.
    pub fn path(&self) -> Option<Path> {
        self.ice.selected()
    }

    /// Whether an authenticated check has come from `path`.
    pub fn is_proved(&self, path: &Path) -> bool {
        self.ice.is_proved(path)
    }

    /// All proved paths.
    pub fn paths(&self) -> impl Iterator<Item = Path> + '_ {
        self.ice.paths()
    }

    /// Our ICE credentials now.
    pub fn local_credentials(&self) -> &IceCredentials {
        self.ice.local()
    }

    /// The SRTP keys, while the transport is connected.
    pub fn keys(&self) -> Option<&SrtpKeys> {
        match &self.phase {
            Phase::Connected { keys, .. } => Some(keys),
            _ => None,
        }
    }

    fn must_live(&self) -> Result<(), DropCause> {
        if matches!(self.phase, Phase::Ended(_)) { Err(DropCause::Ended) } else { Ok(()) }
    }

    fn alive(&mut self, now: Time) {
        self.heard = now;
        self.hidden = false;
    }

    fn end(&mut self, reason: Reason) {
        if self.must_live().is_ok() {
            self.phase = Phase::Ended(reason);
        }
    }
}

#[cfg(test)]
mod tests;
