//! Every packet × subscription is sent, queued or dropped with a counted reason.

use super::Violations;
use crate::base::Time;
use crate::shard::counters::{Counters, Drop};

/// What came out of one shard, counted outside of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Datagrams that were handed to it.
    pub datagrams_in: u64,
    /// RTP datagrams it sent.
    pub rtp_out: u64,
    /// RTCP datagrams it sent.
    pub rtcp_out: u64,
}

/// Why a packet × subscription may be withheld.
const WITHHELD: [Drop; 13] = [
    Drop::Muted,
    Drop::WaitingForKeyFrame,
    Drop::BeforeTheStart,
    Drop::CodecNotTaken,
    Drop::NotConnected,
    Drop::NoBuffer,
    Drop::NotSealed,
    Drop::BadRtp,
    Drop::NotKept,
    Drop::Shed,
    Drop::OtherLayer,
    Drop::Sublayer,
    Drop::Empty,
];

/// Compares a shard's counters with what was seen of it.
pub fn check(at: Time, tally: &Tally, counters: &Counters, violations: &mut Violations) {
    let mut compare = |name: &str, counted: u64, seen: u64| {
        if counted != seen {
            violations.add(at, "accounting", || format!("{name}: counted {counted}, seen {seen}"));
        }
    };
    compare("datagrams in", counters.datagrams, tally.datagrams_in);
    compare("RTCP out", counters.rtcp_out, tally.rtcp_out);
    let rtp = counters.forwarded + counters.replayed_from_history + counters.resent + counters.probes;
    compare("RTP out", rtp, tally.rtp_out);
    let withheld: u64 = WITHHELD.iter().map(|cause| counters.dropped(*cause)).sum();
    let accounted = counters.forwarded + counters.waiting + withheld;
    if counters.forwarded > counters.owed || counters.owed > accounted {
        violations.add(at, "accounting", || {
            format!("owed {}, forwarded {}, withheld {withheld}", counters.owed, counters.forwarded)
        });
    }
}
