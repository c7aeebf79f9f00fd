//! What signaling and the recorder say to each other: whole messages, whose words they agree on alone.
//!
//! Like the sockets that TCP connections are handed over by, a pair that the supervisor keeps, so that
//! either side may die and come back; what waited for it is then still there. Neither side ever waits.

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send as send_on, socketpair,
};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Longest message: a person with all their tracks is some hundred bytes for each.
pub const MAX_MESSAGE: usize = 32 << 10;

/// The end for signaling, and the end for the recorder.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

/// Tells the other side. False: too much waits for it; it will ask for everything when it is back.
pub fn send(to: impl AsFd, message: &[u8]) -> io::Result<bool> {
    if message.is_empty() || message.len() > MAX_MESSAGE {
        return Err(io::Error::other("a message for the recorder's desk is too long"));
    }
    match send_on(to, message, SendFlags::NOSIGNAL) {
        Ok(_) => Ok(true),
        Err(Errno::AGAIN | Errno::NOBUFS) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The next message; `None` when there is none now.
pub fn receive(from: impl AsFd) -> io::Result<Option<Vec<u8>>> {
    let mut message = vec![0; MAX_MESSAGE];
    match recv(from, &mut message[..], RecvFlags::empty()) {
        Ok((0, _)) | Err(Errno::AGAIN) => Ok(None),
        Ok((length, _)) => {
            message.truncate(length);
            Ok(Some(message))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_whole_and_in_order_also_when_the_reader_comes_late() {
        let (ours, theirs) = pair().unwrap();
        assert!(send(&ours, b"first").unwrap() && send(&ours, &[7; MAX_MESSAGE]).unwrap());
        let theirs = theirs.try_clone().unwrap();
        assert_eq!(receive(&theirs).unwrap().unwrap(), b"first");
        assert_eq!(receive(&theirs).unwrap().unwrap().len(), MAX_MESSAGE);
        assert!(receive(&theirs).unwrap().is_none());
    }

    #[test]
    fn who_does_not_read_makes_nobody_wait() {
        let (ours, _theirs) = pair().unwrap();
        assert!((0..10_000).any(|_| !send(&ours, &[1; 1_000]).unwrap()));
        assert!(send(&ours, &[0; MAX_MESSAGE + 1]).is_err());
    }
}
