//! What all our TCP ports have in common: taking connections, not too many of one address, and giving them
//! to axum once they are ready.
//!
//! Knows nothing of what makes a connection ready: its first byte, or a TLS handshake.

use crate::access::{AddressLimits, Held, Tally};
use crate::written_through::written_through;
use axum::serve::Listener;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Connections that wait to be served.
const QUEUED: usize = 64;
/// Out of open files, most likely: to try again at once would only heat the core.
const PAUSE: Duration = Duration::from_millis(100);

/// The next connection.
pub(crate) async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // An answer is one small message that the page waits for: Nagle's algorithm would hold it
                // back until the page acknowledges the one before.
                let _ = stream.set_nodelay(true);
                return (stream, address);
            }
            Err(error) => {
                tracing::debug!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The connections of each address, at all ports together.
#[derive(Clone)]
pub(crate) struct Crowd {
    limits: Arc<dyn Fn(IpAddr) -> Option<(IpAddr, AddressLimits)> + Send + Sync>,
    connections: Arc<Tally>,
}

impl Crowd {
    /// `limits` tells what an address counts as and may take; `None`: it is not limited.
    pub(crate) fn new(
        limits: impl Fn(IpAddr) -> Option<(IpAddr, AddressLimits)> + Send + Sync + 'static,
    ) -> Crowd {
        Crowd { limits: Arc::new(limits), connections: Arc::default() }
    }

    /// What an address counts as and may take.
    pub(crate) fn limits_of(&self, peer: IpAddr) -> Option<(IpAddr, AddressLimits)> {
        (self.limits)(peer)
    }

    /// The connection, counted for as long as it lives; `None`: its address has as many as one may have,
    /// and this one is closed.
    pub(crate) fn admit(&self, stream: TcpStream, from: SocketAddr) -> Option<Counted<TcpStream>> {
        let Some((address, limits)) = self.limits_of(from.ip()) else {
            return Some(Counted { io: stream, held: None });
        };
        let held = self.connections.hold(address, limits.connections);
        if held.is_none() {
            tracing::debug!(%from, "an address has too many connections; this one is closed");
        }
        Some(Counted { io: stream, held: Some(held?) })
    }
}

/// A connection that counts for its address until it ends.
pub(crate) struct Counted<T> {
    io: T,
    held: Option<Held>,
}

impl<T> Counted<T> {
    /// The connection, and what must live as long as it does.
    pub(crate) fn into_parts(self) -> (T, Option<Held>) {
        (self.io, self.held)
    }

    /// The connection itself.
    pub(crate) fn get_ref(&self) -> &T {
        &self.io
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(context, into)
    }
}

written_through!(Counted);

/// Where connections are put that are ready.
pub(crate) type Sender<T> = mpsc::Sender<(T, SocketAddr)>;

/// Gives out connections that are ready; none waits for another.
pub(crate) struct Ready<T> {
    connections: mpsc::Receiver<(T, SocketAddr)>,
    address: SocketAddr,
}

impl<T> Ready<T> {
    /// Of a listener with this address.
    pub(crate) fn at(address: SocketAddr) -> (Sender<T>, Ready<T>) {
        let (ready, connections) = mpsc::channel(QUEUED);
        (ready, Ready { connections, address })
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Listener for Ready<T> {
    type Io = T;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            // The accepting task ends with the runtime only.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
