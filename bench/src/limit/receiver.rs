//! Receivers on the generator's core: they count what arrives and look at nothing.

use crate::host::place::{GENERATOR_ADDRESS, Place, pin};
use anyhow::Context as _;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;
use volley::io::{Io, IoChoice, IoConfig, bind_media_socket};

/// How long the thread may not notice that it is to end.
const LONGEST_SLEEP: Duration = Duration::from_millis(20);

/// One socket per destination, and the thread that empties them.
pub(super) struct Receivers {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    arrived: AtomicU64,
    ended: AtomicBool,
}

impl Receivers {
    pub(super) fn start(place: &Place, count: u16) -> anyhow::Result<Receivers> {
        let sockets = (0..count)
            .map(|_| bind_media_socket((GENERATOR_ADDRESS, 0).into()))
            .collect::<Result<Vec<UdpSocket>, _>>()
            .context("the receivers' sockets cannot be bound")?;
        let addresses = sockets.iter().map(UdpSocket::local_addr).collect::<Result<Vec<_>, _>>()?;
        let shared = Arc::new(Shared::default());
        let (theirs, core) = (Arc::clone(&shared), place.generator_core);
        let thread = std::thread::Builder::new().name(String::from("receivers")).spawn(move || {
            if let Err(error) = pin(core).and_then(|()| receive(sockets, &theirs)) {
                tracing::error!("the receivers ended: {error:#}");
            }
        })?;
        Ok(Receivers { addresses, shared, thread: Some(thread) })
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Packets since the start.
    pub(super) fn arrived(&self) -> u64 {
        self.shared.arrived.load(Relaxed)
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.shared.ended.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn receive(sockets: Vec<UdpSocket>, shared: &Shared) -> anyhow::Result<()> {
    let mut io = Io::new(IoChoice::Auto, sockets, &[] as &[OwnedFd], &IoConfig::default())?;
    while !shared.ended.load(Relaxed) {
        io.receive(|_, _| ());
        shared.arrived.store(io.counters().datagrams_in, Relaxed);
        io.flush_and_wait(Some(LONGEST_SLEEP))?;
    }
    Ok(())
}
