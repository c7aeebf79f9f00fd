//! Plain HTTP's port, on which media may come as well.

use crate::accepting::{self, Ready, Sender};
use crate::media_tcp::{MediaDoor, begins_as_media};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Browsers open connections ahead of their first request; one that stays silent for so long is closed,
/// and they open another.
const FIRST_BYTE_WITHIN: Duration = Duration::from_secs(60);

/// Gives out connections that have begun to speak HTTP. Must be called inside the runtime.
pub(crate) fn listen(listener: TcpListener, door: Option<MediaDoor>) -> io::Result<Ready<TcpStream>> {
    let (sender, ready) = Ready::at(listener.local_addr()?);
    tokio::spawn(accept(listener, door, sender));
    Ok(ready)
}

async fn accept(listener: TcpListener, door: Option<MediaDoor>, ready: Sender<TcpStream>) {
    loop {
        let (stream, address) = accepting::next(&listener).await;
        tokio::spawn(sort(stream, address, door.clone(), ready.clone()));
    }
}

async fn sort(stream: TcpStream, address: SocketAddr, door: Option<MediaDoor>, ready: Sender<TcpStream>) {
    let Ok(Ok(is_media)) = tokio::time::timeout(FIRST_BYTE_WITHIN, begins_as_media(&stream)).await else {
        return;
    };
    match door.filter(|_| is_media) {
        Some(door) => door.take(stream).await,
        None => drop(ready.send((stream, address)).await),
    }
}
