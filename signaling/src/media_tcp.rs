//! TCP connections that carry media (RFC 6544) instead of HTTP or TLS: told apart by their first byte,
//! found by their first ICE check, and handed to the worker whose call it is of.
//!
//! They come to a port of their own and to those of HTTP and HTTPS, so that a call is possible wherever
//! the page is. What does not begin with an authentic check of a call here is closed.

use crate::accepting;
use crate::access::Tally;
use crate::hub::Hub;
use crate::state::State;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use volley::control::connections::{self, MAX_FIRST};

/// Connections at once whose first check is waited for; more are closed.
const MOST_WAITING: usize = 256;
/// So many of them of one address.
const MOST_OF_ADDRESS: usize = 16;
/// A browser sends its first check as soon as the connection stands.
const CHECK_WITHIN: Duration = Duration::from_secs(5);
/// What stands before each datagram (RFC 4571 §2).
const LENGTH_BYTES: usize = 2;

/// The way to the workers, by their number.
#[derive(Clone)]
pub(crate) struct MediaDoor(Arc<Door>);

struct Door {
    hub: Hub,
    workers: Vec<OwnedFd>,
    waiting: Semaphore,
    of_address: Arc<Tally>,
}

/// Whether a connection that begins so carries media: with the length of an ICE check, which is below
/// [`MAX_FIRST`]. HTTP begins with a letter, TLS with 22 (RFC 8446 §5.1).
fn is_length(first: u8) -> bool {
    usize::from(first) < MAX_FIRST >> 8
}

/// Whether a connection begins like one that carries media; waits for its first byte and leaves it there.
pub(crate) async fn begins_as_media(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(is_length(first[0])),
    }
}

impl MediaDoor {
    pub(crate) fn new(hub: Hub, workers: Vec<OwnedFd>) -> MediaDoor {
        let (waiting, of_address) = (Semaphore::new(MOST_WAITING), Arc::default());
        MediaDoor(Arc::new(Door { hub, workers, waiting, of_address }))
    }

    /// Takes what comes to a port of media's own.
    pub(crate) async fn serve(self, listener: TcpListener) {
        loop {
            let (stream, _) = accepting::next(&listener).await;
            tokio::spawn(self.clone().take(stream));
        }
    }

    /// Hands a connection on, or closes it.
    pub(crate) async fn take(self, stream: TcpStream) {
        if let Err(error) = self.0.hand_over(stream).await {
            tracing::debug!(%error, "a TCP connection carries no media of a call here");
        }
    }
}

impl Door {
    async fn hand_over(&self, mut stream: TcpStream) -> io::Result<()> {
        let limits = self.hub.watch_access().borrow().limits_of_peer(stream.peer_addr()?.ip());
        let held = limits.map(|(address, _)| self.of_address.hold(address, MOST_OF_ADDRESS));
        if matches!(held, Some(None)) {
            return Err(io::Error::other("too many of its address wait"));
        }
        let _permit = self.waiting.try_acquire().map_err(|_| io::Error::other("too many wait"))?;
        let first = tokio::time::timeout(CHECK_WITHIN, read_frame(&mut stream)).await??;
        let find = move |state: &mut State, _| (state.worker_of_check(&first[LENGTH_BYTES..]), first);
        let (worker, first) =
            self.hub.call(find).await.ok_or_else(|| io::Error::other("the server is stopping"))?;
        let worker = worker.and_then(|worker| self.workers.get(worker));
        let worker = worker.ok_or_else(|| io::Error::other("it begins with no check of a call here"))?;
        connections::hand_over(worker, &stream, &first)
    }
}

/// The first datagram behind its length, and not a byte of what follows.
async fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; LENGTH_BYTES];
    stream.read_exact(&mut length).await?;
    let end = LENGTH_BYTES + usize::from(u16::from_be_bytes(length));
    if end > MAX_FIRST {
        return Err(io::Error::other("longer than an ICE check"));
    }
    let mut frame = vec![0; end];
    frame[..LENGTH_BYTES].copy_from_slice(&length);
    stream.read_exact(&mut frame[LENGTH_BYTES..]).await?;
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    #[test]
    fn media_http_and_tls_differ_in_their_first_byte() {
        let longest_check = MAX_FIRST - LENGTH_BYTES;
        assert!(is_length((longest_check >> 8) as u8) && is_length(0));
        let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PRI"];
        assert!(methods.iter().all(|method| !is_length(method.as_bytes()[0])));
        assert!(!is_length(22), "TLS");
        assert!(!is_length(b'\r') && !is_length(b'\n'), "an empty line before a request (RFC 9112 §2.2)");
    }

    #[tokio::test]
    async fn a_frame_is_read_whole_and_nothing_behind_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        peer.write_all(b"\0\x05first\0\x06second").await.unwrap();
        assert!(begins_as_media(&stream).await.unwrap());
        assert_eq!(read_frame(&mut stream).await.unwrap(), b"\0\x05first");
        assert_eq!(read_frame(&mut stream).await.unwrap(), b"\0\x06second");
        peer.write_all(&(MAX_FIRST as u16 - 1).to_be_bytes()).await.unwrap();
        assert!(read_frame(&mut stream).await.is_err(), "too long for a check");
    }
}
