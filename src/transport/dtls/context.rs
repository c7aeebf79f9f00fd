//! What the DTLS servers of one worker share: certificate, limits, clock.

use super::Identity;
use crate::base::Time;
use dimpl::{Config, DtlsCertificate};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The largest datagram we write: fits the 1280 bytes that IPv6 guarantees, less its own header,
/// UDP and room for one tunnel.
pub const MAX_DATAGRAM: usize = 1200;

/// First retransmission. Round trips to a server are mostly under 150 ms, and a lost flight should
/// not cost the second that RFC 6347 §4.2.4.1 suggests; RFC 9147 §5.8.2 asks for less in real time.
const FLIGHT_START: Duration = Duration::from_millis(250);

/// 250 ms doubled seven times is past [`HANDSHAKE_TIMEOUT`], so that alone ends a handshake.
const FLIGHT_RETRIES: usize = 7;

/// As long as consent lasts without a sign of life (RFC 7675 §5.1): who is gone that long is gone.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// Datagrams that may wait for an earlier one. A post-quantum ClientHello or a certificate chain
/// comes in three to six, over links with the smallest datagrams in some twenty.
const MAX_WAITING: usize = 32;

/// What the transports of one worker share.
pub struct DtlsContext {
    identity: Identity,
    config: Arc<Config>,
    clock: Clock,
    seed: Option<u64>,
}

impl DtlsContext {
    /// A context for `identity`. With a seed, everything that dimpl draws from its own generator
    /// (hello randoms, jitter) repeats from run to run; keys and signatures never do.
    pub fn new(identity: Identity, seed: Option<u64>) -> DtlsContext {
        DtlsContext { identity, config: config(seed), clock: Clock { zero: Instant::now() }, seed }
    }

    /// The server's certificate and key.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) fn config(&self, salt: u64) -> Arc<Config> {
        match self.seed {
            Some(seed) => config(Some(seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15))),
            None => Arc::clone(&self.config),
        }
    }

    pub(super) fn certificate(&self) -> DtlsCertificate {
        DtlsCertificate {
            certificate: self.identity.certificate().to_vec(),
            private_key: self.identity.key().to_vec(),
        }
    }
}

impl std::fmt::Debug for DtlsContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DtlsContext(…)")
    }
}

/// Turns our time into the type dimpl wants. `zero` is any fixed moment: only differences from it
/// are ever formed, so virtual time stays virtual.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    zero: Instant,
}

impl Clock {
    pub(super) fn instant(&self, time: Time) -> Instant {
        self.zero + Duration::from_nanos(time.as_nanos())
    }

    pub(super) fn time(&self, instant: Instant) -> Time {
        let since = instant.saturating_duration_since(self.zero).as_nanos();
        u64::try_from(since).map_or(Time::NEVER, Time::from_nanos)
    }
}

fn config(seed: Option<u64>) -> Arc<Config> {
    let mut builder = Config::builder()
        .mtu(MAX_DATAGRAM)
        .max_queue_rx(MAX_WAITING)
        .require_client_certificate(true)
        // Only a path that ICE has proved gets this far: a cookie would prove it again, for a round trip.
        .use_server_cookie(false)
        .flight_start_rto(FLIGHT_START)
        .flight_retries(FLIGHT_RETRIES)
        .handshake_timeout(HANDSHAKE_TIMEOUT);
    if let Some(seed) = seed {
        builder = builder.dangerously_set_rng_seed(seed);
    }
    Arc::new(builder.build().expect("constants that are in range"))
}
