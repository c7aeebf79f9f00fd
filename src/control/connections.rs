//! TCP connections on their way from signaling, which accepts them, to the worker whose call they carry.
//!
//! Each travels as one message: the open file, and what was already read of it. Neither side ever waits:
//! when a worker is behind, who sends closes the connection, and the browser tries another way or again.

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};

/// Most that is read of a connection before it is handed over: one ICE check behind its length. The
/// largest that browsers send have 200 bytes.
pub const MAX_FIRST: usize = 1024;

/// A connection, and what was already read of it.
#[derive(Debug)]
pub struct Connection {
    /// Connected.
    pub tcp: TcpStream,
    /// Its first bytes.
    pub first: Vec<u8>,
}

/// The end for who accepts, and the end for the worker.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

/// Hands a connection over; the sender closes its own copy.
pub fn hand_over(to: impl AsFd, connection: impl AsFd, first: &[u8]) -> io::Result<()> {
    if first.is_empty() || first.len() > MAX_FIRST {
        return Err(io::Error::other("a connection is handed over with its first bytes, and not too many"));
    }
    let files = [connection.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::Error::other("one file fits"));
    }
    sendmsg(to, &[IoSlice::new(first)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The next connection that was handed over; `None` when there is none now.
pub fn take(from: impl AsFd) -> io::Result<Option<Connection>> {
    let mut first = [0; MAX_FIRST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        match recvmsg(from, &mut [IoSliceMut::new(&mut first)], &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => received,
            Err(error) if error == rustix::io::Errno::AGAIN => return Ok(None),
            Err(error) => return Err(error.into()),
        };
    let mut files = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    let file = files.by_ref().flatten().next();
    match file {
        Some(file) => {
            Ok(Some(Connection { tcp: TcpStream::from(file), first: first[..received.bytes].to_vec() }))
        }
        // The other end is gone.
        None if received.bytes == 0 => Ok(None),
        None if received.flags.contains(ReturnFlags::CTRUNC) => {
            Err(io::Error::other("too many open files; raise the limit"))
        }
        None => Err(io::Error::other("a message without a connection")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    #[test]
    fn a_connection_arrives_with_what_was_read_of_it_and_works_on() {
        let (accepts, worker) = pair().unwrap();
        let (mut peer, accepted) = connection();
        hand_over(&accepts, &accepted, b"first").unwrap();
        drop(accepted);
        let mut taken = take(&worker).unwrap().expect("it was handed over");
        assert_eq!(taken.first, b"first");
        peer.write_all(b"next").unwrap();
        let mut next = [0; 4];
        taken.tcp.read_exact(&mut next).unwrap();
        assert_eq!(&next, b"next");
        assert!(take(&worker).unwrap().is_none());
    }

    #[test]
    fn a_worker_that_takes_none_makes_nobody_wait() {
        let (accepts, _worker) = pair().unwrap();
        let (_peer, accepted) = connection();
        let error = (0..10_000).find_map(|_| hand_over(&accepts, &accepted, b"first").err());
        assert_eq!(error.expect("it does not take thousands").kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn nothing_is_taken_when_the_other_end_is_gone_or_speaks_of_no_connection() {
        let (accepts, worker) = pair().unwrap();
        rustix::net::send(&accepts, b"words", SendFlags::NOSIGNAL).unwrap();
        assert!(take(&worker).is_err());
        assert!(hand_over(&accepts, connection().0, &[0; MAX_FIRST + 1]).is_err());
        drop(accepts);
        assert!(take(&worker).unwrap().is_none());
    }
}
