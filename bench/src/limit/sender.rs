//! The sender: seals and sends as fast as it can, over the server's own back end or plain `sendmsg`.

use super::sizes::{Mix, Size, windows};
use crate::host::place::SERVER_ADDRESS;
use anyhow::Context as _;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use std::io::IoSlice;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};
use volley::base::{Outbox as _, Path, SocketIndex, TrainId};
use volley::control::types::SrtpProfile;
use volley::io::{Io, IoChoice, IoConfig, bind_media_socket};
use volley::transport::srtp::{MasterKey, Payload, SrtpSender};

/// Version 2, no padding, no extension, no CSRC; the server writes such a header for each packet.
const HEADER: [u8; 12] = [0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// What a train may carry over IPv4: 65,535 less the headers of IP and UDP.
const LARGEST_TRAIN: usize = 65_507;
/// The longest datagram that is built.
const LARGEST_DATAGRAM: usize = 1500;
/// A full socket empties within this time.
const SHORT: Duration = Duration::from_micros(50);

/// What left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Sent {
    pub(super) packets: u64,
    pub(super) sends: u64,
    pub(super) bytes: u64,
}

impl std::ops::Sub for Sent {
    type Output = Sent;

    fn sub(self, other: Sent) -> Sent {
        Sent {
            packets: self.packets - other.packets,
            sends: self.sends - other.sends,
            bytes: self.bytes - other.bytes,
        }
    }
}

/// How packets are sent.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// By the server's own back end
    BackEnd,
    /// By plain `sendmsg` with `UDP_SEGMENT`, as an independent check
    Sendmsg,
    /// By `sendmsg` on a socket for each receiver, connected to it
    Connected,
}

/// What sends them.
enum Means {
    BackEnd(Box<Io>),
    Plain(Plain),
}

impl Means {
    fn new(way: Way, addresses: &[SocketAddr]) -> anyhow::Result<Means> {
        let sockets = match way {
            Way::BackEnd => {
                let io = Io::new(IoChoice::Auto, vec![socket()?], &[] as &[OwnedFd], &IoConfig::default())?;
                return Ok(Means::BackEnd(Box::new(io)));
            }
            Way::Sendmsg => vec![socket()?],
            Way::Connected => addresses.iter().map(connected).collect::<anyhow::Result<_>>()?,
        };
        let train = Vec::with_capacity(LARGEST_TRAIN);
        Ok(Means::Plain(Plain { sockets, train, sent: Sent::default() }))
    }
}

fn connected(to: &SocketAddr) -> anyhow::Result<UdpSocket> {
    let socket = socket()?;
    socket.connect(to).with_context(|| format!("a socket cannot be connected to {to}"))?;
    Ok(socket)
}

fn socket() -> anyhow::Result<UdpSocket> {
    bind_media_socket((SERVER_ADDRESS, 0).into()).context("the sender's socket cannot be bound")
}

/// Destinations with their keys, and the way to them.
pub(super) struct Sender {
    means: Means,
    destinations: Vec<Destination>,
    payload: Vec<u8>,
    turn: usize,
}

struct Destination {
    address: SocketAddr,
    srtp: SrtpSender,
    index: u64,
    ssrc: u32,
}

impl Sender {
    /// A sender of its own keys to each of `addresses`.
    pub(super) fn new(way: Way, addresses: &[SocketAddr]) -> anyhow::Result<Sender> {
        let destinations = addresses.iter().enumerate().map(|(n, &address)| Destination::new(n, address));
        let (means, destinations) = (Means::new(way, addresses)?, destinations.collect());
        Ok(Sender { means, destinations, payload: vec![0x5A; LARGEST_DATAGRAM], turn: 0 })
    }

    pub(super) fn name(&self) -> &'static str {
        match &self.means {
            Means::BackEnd(io) => io.name(),
            Means::Plain(plain) if plain.sockets.len() > 1 => "sendmsg, connected",
            Means::Plain(_) => "sendmsg",
        }
    }

    pub(super) fn sent(&self) -> Sent {
        match &self.means {
            Means::BackEnd(io) => {
                let counters = io.counters();
                Sent {
                    packets: counters.datagrams_out,
                    sends: counters.train_lengths.iter().sum(),
                    bytes: counters.bytes_out,
                }
            }
            Means::Plain(plain) => plain.sent,
        }
    }

    /// Turns, each with a window for every destination, until the time has come.
    pub(super) fn run(&mut self, windows: &[Vec<Size>], until: Instant) -> anyhow::Result<()> {
        while Instant::now() < until {
            self.turn(windows)?;
        }
        Ok(())
    }

    fn turn(&mut self, windows: &[Vec<Size>]) -> anyhow::Result<()> {
        self.turn += 1;
        for (number, destination) in self.destinations.iter_mut().enumerate() {
            let window = &windows[(self.turn + number) % windows.len()];
            match &mut self.means {
                Means::BackEnd(io) => push(io, number, destination, window, &self.payload),
                Means::Plain(plain) => plain.send(number, destination, window, &self.payload)?,
            }
        }
        if let Means::BackEnd(io) = &mut self.means {
            // What comes back (nothing does) must not fill the ring.
            io.receive(|_, _| ());
            io.flush_and_wait(Some(Duration::ZERO))?;
        }
        Ok(())
    }

    /// Nanoseconds to seal one packet, which goes nowhere.
    pub(super) fn nanos_sealing(&mut self, mix: Mix) -> f64 {
        const TURNS: usize = 200;
        let windows = windows(mix, 16);
        let mut out = [0; LARGEST_DATAGRAM];
        let begin = super::thread_seconds();
        let mut packets = 0;
        for turn in 0..TURNS {
            for destination in &mut self.destinations {
                for &size in &windows[turn % windows.len()] {
                    destination.seal(size, &self.payload, &mut out);
                    packets += 1;
                }
            }
        }
        (super::thread_seconds() - begin) * 1e9 / f64::from(packets.max(1))
    }
}

fn push(io: &mut Io, number: usize, destination: &mut Destination, window: &[Size], payload: &[u8]) {
    let path = Path { socket: SocketIndex(0), remote: destination.address };
    for &size in window {
        let len = destination.datagram(size);
        let train = TrainId(number as u32);
        io.trains().push(train, &path, len, |out| Some(destination.seal(size, payload, out)));
    }
}

impl Destination {
    fn new(number: usize, address: SocketAddr) -> Destination {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let key = MasterKey::new(SrtpProfile::AeadAes128Gcm, &key, &[7; 12]).expect("lengths of the profile");
        Destination { address, srtp: SrtpSender::new(&key), index: 0, ssrc: number as u32 }
    }

    fn datagram(&self, size: Size) -> usize {
        HEADER.len() + usize::from(size.payload) + usize::from(size.padding) + self.srtp.overhead()
    }

    /// Writes the next packet; returns its length.
    fn seal(&mut self, size: Size, payload: &[u8], out: &mut [u8]) -> usize {
        out[..HEADER.len()].copy_from_slice(&HEADER);
        out[2..4].copy_from_slice(&(self.index as u16).to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        let body = &payload[..usize::from(size.payload)];
        let payload = Payload { head: &[], body, padding: size.padding };
        let len = self.srtp.seal_rtp(self.index, HEADER.len(), payload, out);
        self.index += 1;
        len.expect("the room was reckoned, and the indices last for years")
    }
}

/// Gathers a train in a buffer of its own and sends it with one call.
struct Plain {
    /// One for all, or one for each receiver.
    sockets: Vec<UdpSocket>,
    train: Vec<u8>,
    sent: Sent,
}

impl Plain {
    fn send(
        &mut self,
        number: usize,
        destination: &mut Destination,
        window: &[Size],
        payload: &[u8],
    ) -> anyhow::Result<()> {
        let (mut segment, mut ended) = (0, false);
        for &size in window {
            let len = destination.datagram(size);
            let full = self.train.len() + len > LARGEST_TRAIN;
            if !self.train.is_empty() && (ended || len > segment || full) {
                self.flush(number, destination.address, segment)?;
            }
            if self.train.is_empty() {
                segment = len;
            }
            let start = self.train.len();
            self.train.resize(start + len, 0);
            destination.seal(size, payload, &mut self.train[start..]);
            ended = len < segment;
        }
        self.flush(number, destination.address, segment)
    }

    fn flush(&mut self, number: usize, to: SocketAddr, segment: usize) -> anyhow::Result<()> {
        let packets = self.train.len().div_ceil(segment.max(1)) as u64;
        let size = segment as u16;
        let control = [ControlMessage::UdpGsoSegments(&size)];
        let control = if packets > 1 { &control[..] } else { &[] };
        let payload = [IoSlice::new(&self.train)];
        let is_connected = self.sockets.len() > 1;
        let to = Some(SockaddrStorage::from(to)).filter(|_| !is_connected);
        let socket = self.sockets[if is_connected { number } else { 0 }].as_raw_fd();
        loop {
            match sendmsg(socket, &payload, control, MsgFlags::MSG_DONTWAIT, to.as_ref()) {
                Ok(_) => break,
                Err(nix::errno::Errno::EAGAIN) => std::thread::sleep(SHORT),
                Err(error) => return Err(error).context("a train cannot be sent"),
            }
        }
        self.sent.packets += packets;
        self.sent.sends += 1;
        self.sent.bytes += self.train.len() as u64;
        self.train.clear();
        Ok(())
    }
}
