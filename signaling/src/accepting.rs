//! What all our TCP ports have in common: taking connections, and giving them to axum once they are ready.
//!
//! Knows nothing of what makes a connection ready: its first byte, or a TLS handshake.

use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
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
