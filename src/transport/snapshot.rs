//! A transport as plain data, for a process that takes over from another.
//!
//! ICE and the SRTP keys are carried over whole. DTLS is not: dimpl keeps its state to itself. What
//! that means: a connected transport goes on with its keys, and DTLS records that reach it later
//! are dropped and counted, so a peer's `close_notify` goes unnoticed and the peer's silence ends
//! the transport instead. A transport in the middle of its handshake begins it anew; a peer that
//! was past its first flight will fail and must join again.

use super::dtls::{DtlsContext, DtlsServer, SrtpKeys};
use super::ice::{IceAgent, IceSnapshot};
use super::{Phase, Transport};
use crate::base::Time;
use crate::control::types::{DtlsRole, DtlsVersion, Fingerprint, Reason, TransportState};
use std::time::Duration;

/// How far a transport had come.
#[derive(Clone, PartialEq, Debug)]
pub enum SnapshotPhase {
    /// No keys yet.
    Handshaking,
    /// Media flowed.
    Connected {
        /// How the keys were agreed.
        dtls: DtlsVersion,
        /// The keys.
        keys: SrtpKeys,
    },
    /// It was over.
    Ended(Reason),
}

/// A transport as plain data. Times are told as how long ago; in a process whose clock has not run
/// that long yet they become the clock's start, so a peer is given more patience, never less.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    /// The layout; [`Snapshot::VERSION`] when this build wrote it.
    pub version: u16,
    /// Credentials, paths and remembered transactions.
    pub ice: IceSnapshot,
    /// The certificate the peer must show.
    pub expected: Fingerprint,
    /// What we are in DTLS.
    pub role: DtlsRole,
    /// How far it had come.
    pub phase: SnapshotPhase,
    /// How long ago the peer was heard of.
    pub silent_for: Duration,
    /// The state that signaling was told last.
    pub told: TransportState,
}

impl Snapshot {
    /// What this build writes and reads.
    pub const VERSION: u16 = 2;
}

impl Transport {
    /// This transport as plain data.
    pub fn export(&self, now: Time) -> Snapshot {
        let phase = match &self.phase {
            Phase::Handshaking => SnapshotPhase::Handshaking,
            Phase::Connected { dtls, keys } => SnapshotPhase::Connected { dtls: *dtls, keys: keys.clone() },
            Phase::Ended(reason) => SnapshotPhase::Ended(*reason),
        };
        Snapshot {
            version: Snapshot::VERSION,
            ice: self.ice.export(now),
            expected: self.expected.clone(),
            role: self.role,
            phase,
            silent_for: now.since(self.heard),
            told: self.told,
        }
    }

    /// The transport a snapshot was taken of; `None` when its version is not ours.
    pub fn import(context: &DtlsContext, now: Time, snapshot: Snapshot, salt: u64) -> Option<Transport> {
        if snapshot.version != Snapshot::VERSION {
            return None;
        }
        let (phase, dtls) = match snapshot.phase {
            SnapshotPhase::Handshaking => {
                let dtls = DtlsServer::new(context, snapshot.expected.clone(), salt, now);
                (Phase::Handshaking, Some(dtls))
            }
            SnapshotPhase::Connected { dtls, keys } => (Phase::Connected { dtls, keys }, None),
            SnapshotPhase::Ended(reason) => (Phase::Ended(reason), None),
        };
        Some(Transport {
            ice: IceAgent::import(now, snapshot.ice),
            dtls,
            expected: snapshot.expected,
            role: snapshot.role,
            may_begin: snapshot.role == DtlsRole::Client && matches!(phase, Phase::Handshaking),
            phase,
            hidden: snapshot.told == TransportState::Hidden,
            heard: now - snapshot.silent_for,
            dtls_deadline: Time::NEVER,
            dtls_put_off: false,
            told: snapshot.told,
        })
    }
}
