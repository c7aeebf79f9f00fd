//! The kernel's part where all shards share a port: which of them a datagram comes to.

use super::scenario::Ports;
use crate::shard::Steer;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// A port that shards may share.
#[derive(Debug, Default)]
pub(super) struct Port {
    noted: BTreeMap<SocketAddr, usize>,
}

impl Port {
    /// Where a datagram from `source` comes that was sent to the shard `meant`, one of so many.
    pub(super) fn choose(&self, ports: Ports, (meant, shards): (usize, usize), source: SocketAddr) -> usize {
        match ports {
            Ports::PerShard => meant,
            Ports::OneSteered => self.noted.get(&source).copied().unwrap_or_else(|| hash(source) % shards),
            Ports::OneHashed => hash(source) % shards,
        }
    }

    /// What a shard says of an address; what has become another's it cannot give up.
    pub(super) fn follow(&mut self, shard: usize, news: Steer) {
        match news {
            Steer::Here(source) => {
                self.noted.insert(source, shard);
            }
            Steer::Gone(source) => {
                if self.noted.get(&source) == Some(&shard) {
                    self.noted.remove(&source);
                }
            }
        }
    }
}

/// Anything that spreads, and is the same in every run.
fn hash(source: SocketAddr) -> usize {
    let ip = match source.ip() {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits() as u64,
    };
    let mixed = (ip ^ u64::from(source.port()) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize
}
