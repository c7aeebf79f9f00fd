//! Plain HTTP's port, on which media may come as well.

use crate::media_tcp::{MediaDoor, begins_as_media};
use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Browsers open connections ahead of their first request; one that stays silent for so long is closed,
/// and they open another.
const FIRST_BYTE_WITHIN: Duration = Duration::from_secs(60);
/// Connections that wait to be served.
const QUEUED: usize = 64;
/// Out of open files, most likely: to try again at once would only heat the core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Gives out connections that have begun to speak HTTP; none waits for another's first byte.
pub(crate) struct PlainListener {
    connections: mpsc::Receiver<(TcpStream, SocketAddr)>,
    address: SocketAddr,
}

impl PlainListener {
    /// Must be called inside the runtime.
    pub(crate) fn start(listener: TcpListener, door: Option<MediaDoor>) -> io::Result<PlainListener> {
        let address = listener.local_addr()?;
        let (ready, connections) = mpsc::channel(QUEUED);
        tokio::spawn(accept(listener, door, ready));
        Ok(PlainListener { connections, address })
    }
}

async fn accept(
    listener: TcpListener,
    door: Option<MediaDoor>,
    ready: mpsc::Sender<(TcpStream, SocketAddr)>,
) {
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // An answer is one small message that the page waits for: Nagle's algorithm would hold it back
        // until the page acknowledges the one before.
        let _ = stream.set_nodelay(true);
        tokio::spawn(sort(stream, address, door.clone(), ready.clone()));
    }
}

async fn sort(
    stream: TcpStream,
    address: SocketAddr,
    door: Option<MediaDoor>,
    ready: mpsc::Sender<(TcpStream, SocketAddr)>,
) {
    let Ok(Ok(is_media)) = tokio::time::timeout(FIRST_BYTE_WITHIN, begins_as_media(&stream)).await else {
        return;
    };
    match door.filter(|_| is_media) {
        Some(door) => door.take(stream).await,
        None => drop(ready.send((stream, address)).await),
    }
}

impl Listener for PlainListener {
    type Io = TcpStream;
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
