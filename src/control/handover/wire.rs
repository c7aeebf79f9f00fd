//! How a handover travels: a head, the files in batches, then the values that name them by order.

use super::{
    GatheringRange, HandoverError, IdentityDer, IoChoice, MediaHandover, RecorderHandover, SignalingHandover,
    SignalingWorker, WorkerFds,
};
use crate::control::channel::ChannelFds;
use crate::control::codec::{Corrupt, LAYOUT_VERSION, Layout, Reader, Writer};
use crate::control::tap::TapFd;
use crate::control::types::{Fingerprint, PlayoutBounds};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use zeroize::Zeroizing;

/// "VHO" and a byte for the kind of child.
const MAGIC: [u8; 3] = *b"VHO";
/// Files with one byte of the socket; the kernel takes at most 253 (SCM_MAX_FD).
const BATCH: usize = 64;
/// 1024 workers with seven files each: more than any machine has cores.
const MAX_FILES: usize = 7168;
/// The values: a few addresses per worker and a certificate. Far above what is needed.
const MAX_BYTES: usize = 256 << 10;
/// Longest list of anything in it.
const MAX_ITEMS: usize = 4096;

/// A handover's values and files.
pub(super) trait Handover: Sized {
    /// Tells the children apart.
    const KIND: u8;

    fn write<'a>(&'a self, to: &mut Writer<'_>, files: &mut Vec<BorrowedFd<'a>>);

    fn read(from: &mut Reader<'_>, files: &mut Files) -> Result<Self, Corrupt>;
}

/// Received files, taken in the order in which they were written.
pub(super) struct Files(VecDeque<OwnedFd>);

impl Files {
    fn take(&mut self) -> Result<OwnedFd, Corrupt> {
        self.0.pop_front().ok_or(Corrupt::Count)
    }
}

pub(super) fn send<H: Handover>(handover: &H, mut to: &UnixStream) -> Result<(), HandoverError> {
    let mut bytes = Zeroizing::new(vec![0; MAX_BYTES]);
    let mut files = Vec::new();
    let mut writer = Writer::new(&mut bytes);
    handover.write(&mut writer, &mut files);
    let length = writer.finish().ok_or(Corrupt::Count)?;
    if files.len() > MAX_FILES {
        return Err(Corrupt::Count.into());
    }
    to.write_all(&Head { kind: H::KIND, files: files.len(), length }.bytes())?;
    files.chunks(BATCH).try_for_each(|batch| send_files(to, batch))?;
    to.write_all(&bytes[..length])?;
    Ok(())
}

pub(super) fn receive<H: Handover>(mut from: &UnixStream) -> Result<H, HandoverError> {
    let mut head = [0; Head::BYTES];
    from.read_exact(&mut head)?;
    let head = Head::parse(&head).filter(|head| head.kind == H::KIND).ok_or(HandoverError::Foreign)?;
    let mut files = Files(VecDeque::new());
    while files.0.len() < head.files {
        let expected = (head.files - files.0.len()).min(BATCH);
        files.0.extend(receive_files(from, expected)?);
    }
    let mut bytes = Zeroizing::new(vec![0; head.length]);
    from.read_exact(&mut bytes)?;
    let mut reader = Reader::new(&bytes);
    let handover = H::read(&mut reader, &mut files)?;
    reader.finish()?;
    if files.0.is_empty() { Ok(handover) } else { Err(Corrupt::Leftover.into()) }
}

struct Head {
    kind: u8,
    files: usize,
    length: usize,
}

impl Head {
    const BYTES: usize = 16;

    fn bytes(&self) -> [u8; Head::BYTES] {
        let mut bytes = [0; Head::BYTES];
        bytes[..3].copy_from_slice(&MAGIC);
        bytes[3] = self.kind;
        bytes[4..6].copy_from_slice(&LAYOUT_VERSION.to_le_bytes());
        bytes[8..12].copy_from_slice(&(self.files as u32).to_le_bytes());
        bytes[12..].copy_from_slice(&(self.length as u32).to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8; Head::BYTES]) -> Option<Head> {
        let mut from = Reader::new(bytes);
        let [m0, m1, m2, kind] = from.array().ok()?;
        let [version, _] = [u16::read(&mut from).ok()?, u16::read(&mut from).ok()?];
        let [files, length] = [u32::read(&mut from).ok()? as usize, u32::read(&mut from).ok()? as usize];
        let ours = [m0, m1, m2] == MAGIC && version == LAYOUT_VERSION;
        (ours && files <= MAX_FILES && length <= MAX_BYTES).then_some(Head { kind, files, length })
    }
}

/// Sends a batch with one byte: files need data to travel with.
fn send_files(to: &UnixStream, files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::Error::other("the batch of files is too large"));
    }
    sendmsg(to, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn receive_files(from: &UnixStream, expected: usize) -> Result<Vec<OwnedFd>, HandoverError> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let received = recvmsg(from, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)
        .map_err(io::Error::from)?;
    let files: Vec<OwnedFd> = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(files) => Some(files),
            _ => None,
        })
        .flatten()
        .collect();
    if received.bytes == 0 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    // Cut off: this process may not open so many files (RLIMIT_NOFILE).
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::other("not all files arrived; raise the limit of open files").into());
    }
    if files.len() == expected { Ok(files) } else { Err(Corrupt::Count.into()) }
}

impl Handover for MediaHandover {
    const KIND: u8 = b'M';

    fn write<'a>(&'a self, to: &mut Writer<'_>, files: &mut Vec<BorrowedFd<'a>>) {
        write_count(to, self.workers.len());
        for worker in &self.workers {
            write_channel(&worker.channel, files);
            write_count(to, worker.sockets.len());
            files.extend(worker.sockets.iter().map(AsFd::as_fd));
            files.push(worker.connections.as_fd());
            worker.tap.is_some().write(to);
            files.extend(worker.tap.as_ref().map(|tap| tap.0.as_fd()));
        }
        self.sources.is_some().write(to);
        files.extend(self.sources.as_ref().map(AsFd::as_fd));
        write_io(to, self.io);
        (self.gathering.least.as_micros() as u32).write(to);
        (self.gathering.most.as_micros() as u32).write(to);
        (self.playout.least.as_micros() as u32).write(to);
        (self.playout.most.as_micros() as u32).write(to);
        write_bytes(to, &self.identity.certificate);
        write_bytes(to, &self.identity.key);
        self.unix_nanos_at_zero.write(to);
    }

    fn read(from: &mut Reader<'_>, files: &mut Files) -> Result<MediaHandover, Corrupt> {
        let workers = read_list(from, |from| {
            let channel = read_channel(files)?;
            let sockets = read_list(from, |_| files.take().map(UdpSocket::from))?;
            let connections = files.take()?;
            let tap = bool::read(from)?.then(|| files.take().map(TapFd)).transpose()?;
            Ok(WorkerFds { channel, sockets, connections, tap })
        })?;
        Ok(MediaHandover {
            workers,
            sources: bool::read(from)?.then(|| files.take()).transpose()?,
            io: read_io(from)?,
            gathering: GatheringRange { least: read_micros(from)?, most: read_micros(from)? },
            playout: PlayoutBounds { least: read_micros(from)?, most: read_micros(from)? },
            identity: IdentityDer { certificate: read_bytes(from)?, key: Zeroizing::new(read_bytes(from)?) },
            unix_nanos_at_zero: u64::read(from)?,
        })
    }
}

impl Handover for SignalingHandover {
    const KIND: u8 = b'S';

    fn write<'a>(&'a self, to: &mut Writer<'_>, files: &mut Vec<BorrowedFd<'a>>) {
        write_count(to, self.workers.len());
        for worker in &self.workers {
            write_channel(&worker.channel, files);
            write_count(to, worker.candidates.len());
            worker.candidates.iter().for_each(|candidate| candidate.write(to));
            files.push(worker.connections.as_fd());
        }
        self.media_start.write(to);
        files.extend([self.records.as_fd(), self.http.as_fd()]);
        for listener in [&self.https, &self.metrics, &self.media] {
            listener.is_some().write(to);
            files.extend(listener.as_ref().map(AsFd::as_fd));
        }
        self.desk.is_some().write(to);
        files.extend(self.desk.as_ref().map(AsFd::as_fd));
        write_count(to, self.tcp_candidates.len());
        self.tcp_candidates.iter().for_each(|candidate| candidate.write(to));
        self.fingerprint.write(to);
        write_bytes(to, &self.settings);
    }

    fn read(from: &mut Reader<'_>, files: &mut Files) -> Result<SignalingHandover, Corrupt> {
        let workers = read_list(from, |from| {
            let channel = read_channel(files)?;
            let candidates = read_list(from, SocketAddr::read)?;
            Ok(SignalingWorker { channel, candidates, connections: files.take()? })
        })?;
        Ok(SignalingHandover {
            workers,
            media_start: u64::read(from)?,
            records: files.take()?,
            http: TcpListener::from(files.take()?),
            https: read_listener(from, files)?,
            metrics: read_listener(from, files)?,
            media: read_listener(from, files)?,
            desk: bool::read(from)?.then(|| files.take()).transpose()?,
            tcp_candidates: read_list(from, SocketAddr::read)?,
            fingerprint: Fingerprint::read(from)?,
            settings: Zeroizing::new(read_bytes(from)?),
        })
    }
}

impl Handover for RecorderHandover {
    const KIND: u8 = b'R';

    fn write<'a>(&'a self, to: &mut Writer<'_>, files: &mut Vec<BorrowedFd<'a>>) {
        write_count(to, self.taps.len());
        files.extend(self.taps.iter().map(|tap| tap.0.as_fd()));
        files.push(self.desk.as_fd());
        self.unix_nanos_at_zero.write(to);
        write_bytes(to, &self.settings);
    }

    fn read(from: &mut Reader<'_>, files: &mut Files) -> Result<RecorderHandover, Corrupt> {
        Ok(RecorderHandover {
            taps: read_list(from, |_| files.take().map(TapFd))?,
            desk: files.take()?,
            unix_nanos_at_zero: u64::read(from)?,
            settings: Zeroizing::new(read_bytes(from)?),
        })
    }
}

fn read_listener(from: &mut Reader<'_>, files: &mut Files) -> Result<Option<TcpListener>, Corrupt> {
    bool::read(from)?.then(|| files.take().map(TcpListener::from)).transpose()
}

fn write_channel<'a>(channel: &'a ChannelFds, files: &mut Vec<BorrowedFd<'a>>) {
    files.extend([&channel.memfd, &channel.command_eventfd, &channel.event_eventfd].map(AsFd::as_fd));
}

fn read_channel(files: &mut Files) -> Result<ChannelFds, Corrupt> {
    Ok(ChannelFds { memfd: files.take()?, command_eventfd: files.take()?, event_eventfd: files.take()? })
}

fn write_count(to: &mut Writer<'_>, count: usize) {
    u32::try_from(count).unwrap_or(u32::MAX).write(to);
}

fn read_list<T>(
    from: &mut Reader<'_>,
    mut item: impl FnMut(&mut Reader<'_>) -> Result<T, Corrupt>,
) -> Result<Vec<T>, Corrupt> {
    let count = u32::read(from)? as usize;
    if count > MAX_ITEMS {
        return Err(Corrupt::Count);
    }
    (0..count).map(|_| item(from)).collect()
}

fn write_bytes(to: &mut Writer<'_>, bytes: &[u8]) {
    write_count(to, bytes.len());
    to.put(bytes);
}

fn read_bytes(from: &mut Reader<'_>) -> Result<Vec<u8>, Corrupt> {
    let count = u32::read(from)? as usize;
    Ok(from.take(count)?.to_vec())
}

fn write_io(to: &mut Writer<'_>, io: IoChoice) {
    let tag = match io {
        IoChoice::Auto => 0u8,
        IoChoice::Uring => 1,
        IoChoice::Epoll => 2,
    };
    tag.write(to);
}

fn read_micros(from: &mut Reader<'_>) -> Result<Duration, Corrupt> {
    Ok(Duration::from_micros(u64::from(u32::read(from)?)))
}

fn read_io(from: &mut Reader<'_>) -> Result<IoChoice, Corrupt> {
    match u8::read(from)? {
        0 => Ok(IoChoice::Auto),
        1 => Ok(IoChoice::Uring),
        2 => Ok(IoChoice::Epoll),
        _ => Err(Corrupt::Tag),
    }
}
