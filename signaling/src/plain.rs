//! Plain HTTP's port, on which media may come as well.

use crate::accepting::{self, Counted, Crowd, Ready, Sender};
use crate::media_tcp::{MediaDoor, begins_as_media};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Browsers open connections ahead of their first request; one that stays silent for so long is closed,
/// and they open another.
const FIRST_BYTE_WITHIN: Duration = Duration::from_secs(60);

/// Gives out connections that have begun to speak HTTP. Must be called inside the runtime.
pub(crate) fn listen(
    listener: TcpListener,
    crowd: Crowd,
    door: Option<MediaDoor>,
) -> io::Result<Ready<Counted<TcpStream>>> {
    let (sender, ready) = Ready::at(listener.local_addr()?);
    tokio::spawn(accept(listener, crowd, door, sender));
    Ok(ready)
}

async fn accept(
    listener: TcpListener,
    crowd: Crowd,
    door: Option<MediaDoor>,
    ready: Sender<Counted<TcpStream>>,
) {
    loop {
        let (stream, address) = accepting::next(&listener).await;
        if let Some(stream) = crowd.admit(stream, address) {
            tokio::spawn(sort(stream, address, door.clone(), ready.clone()));
        }
    }
}

async fn sort(
    stream: Counted<TcpStream>,
    address: SocketAddr,
    door: Option<MediaDoor>,
    ready: Sender<Counted<TcpStream>>,
) {
    let first = tokio::time::timeout(FIRST_BYTE_WITHIN, begins_as_media(stream.get_ref()));
    let Ok(Ok(is_media)) = first.await else {
        return;
    };
    match door.filter(|_| is_media) {
        Some(door) => {
            let (stream, _until_handed_on) = stream.into_parts();
            door.take(stream).await;
        }
        None => drop(ready.send((stream, address)).await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::AddressLimits;
    use axum::serve::Listener as _;
    use std::net::IpAddr;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn connect(to: SocketAddr, from: [u8; 4]) -> TcpStream {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        socket.connect(to).await.unwrap()
    }

    async fn is_closed(stream: &mut TcpStream) -> bool {
        let read = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut [0; 1])).await;
        matches!(read, Ok(Ok(0) | Err(_)))
    }

    #[tokio::test]
    async fn an_address_has_so_many_connections_whatever_they_say_and_more_when_some_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let limited = |peer: IpAddr| (peer == IpAddr::from([127, 0, 0, 1])).then_some(peer);
        let limits = AddressLimits { connections: 2, ..AddressLimits::default() };
        let crowd = Crowd::new(move |peer| Some((limited(peer)?, limits)));
        let mut ready = listen(listener, crowd, None).unwrap();
        let mut silent = connect(to, [127, 0, 0, 1]).await;
        let mut asks = connect(to, [127, 0, 0, 1]).await;
        asks.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let (served, _) = ready.accept().await;
        assert!(is_closed(&mut connect(to, [127, 0, 0, 1]).await).await, "a third of this address");
        assert!(!is_closed(&mut connect(to, [127, 0, 0, 2]).await).await, "others are not touched");
        assert!(!is_closed(&mut silent).await, "nor are those it has");
        drop(served);
        assert!(!is_closed(&mut connect(to, [127, 0, 0, 1]).await).await, "one has ended");
    }
}
