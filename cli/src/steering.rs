//! One UDP port for all workers: has the kernel bring each datagram to the worker it is for.
//!
//! Map and program are made once, like the sockets, and stay through every restart of a child. The
//! workers note in the map which addresses are theirs.

use crate::sockets::MediaPort;
use std::io;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use volley::io::{Sources, SteeringRefused, steer};

/// What the kernel steers by, where it does.
pub(crate) struct Steering {
    sources: Option<Sources>,
}

impl Steering {
    /// Begins to steer, if several workers have one port, and says how it goes on if that cannot be.
    pub(crate) fn begin(ports: &[MediaPort]) -> Steering {
        let shared = ports.first().filter(|first| ports.len() > 1 && first.port == ports[1].port);
        let Some(port) = shared.map(|first| first.port) else { return Steering { sources: None } };
        let workers = ports.len();
        match steer_all(ports) {
            Ok(sources) => {
                tracing::info!(port, workers, "one UDP port for all workers; the kernel tells them apart");
                Steering { sources: Some(sources) }
            }
            Err(refused) => {
                tracing::warn!(
                    port,
                    workers,
                    "one UDP port for all workers, but {refused}. Calls work; datagrams that come to another worker \
                     are handed on, which costs both some time. --udp-ports per-worker avoids it, with UDP ports \
                     from --udp-port on"
                );
                Steering { sources: None }
            }
        }
    }

    /// The map, for the media process.
    pub(crate) fn sources(&self) -> io::Result<Option<OwnedFd>> {
        self.sources.as_ref().map(|sources| sources.fd().try_clone_to_owned()).transpose()
    }

    /// The media process died, and nobody's address is anybody's any more.
    pub(crate) fn forget_all(&self) {
        match self.sources.as_ref().map(Sources::clear) {
            Some(Ok(addresses)) => tracing::debug!(addresses, "the kernel has forgotten whose they were"),
            Some(Err(error)) => tracing::error!("the kernel did not forget whose addresses were: {error}"),
            None => {}
        }
    }
}

/// Each family is a group of its own.
fn steer_all(ports: &[MediaPort]) -> Result<Sources, SteeringRefused> {
    let sources = Sources::create(ports.len() as u16)?;
    let families = ports.first().map_or(0, |port| port.sockets.len());
    for family in 0..families {
        let group: Vec<&UdpSocket> = ports.iter().filter_map(|port| port.sockets.get(family)).collect();
        steer(&group, &sources)?;
    }
    Ok(sources)
}
