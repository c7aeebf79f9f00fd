//! A port as one placement has it, with people and strangers who send to it.

use super::{Placement, PortsPlan};
use anyhow::Context as _;
use rustix::net::{AddressFamily, SocketType, bind, socket, sockopt};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use volley::base::WorkerId;
use volley::io::{Sources, bind_media_group, bind_media_socket, steer};

/// Those of the people who really send, and as many strangers: enough for a hash to spread.
const PEERS: usize = 64;
/// Where people are who never send: addresses of loopback, each with this port.
const ABSENT_PORT: u16 = 40_000;

/// A port, those who receive on it, and those who send to it.
pub(super) struct Stage {
    placement: Placement,
    known: Vec<UdpSocket>,
    strangers: Vec<UdpSocket>,
    receivers: Vec<UdpSocket>,
    /// Sockets of people who never send, and what steers.
    _held: (Vec<UdpSocket>, Option<Sources>),
}

impl Stage {
    /// The stage; or why the kernel does not let us have this one.
    ///
    /// # Errors
    /// When sockets cannot be had.
    pub(super) fn build(placement: Placement, plan: &PortsPlan) -> anyhow::Result<Result<Stage, String>> {
        let mut receivers = match placement {
            Placement::Alone => vec![bind_media_socket((Ipv4Addr::UNSPECIFIED, 0).into())?],
            Placement::Steered | Placement::Hashed => group(plan.workers)?,
            Placement::Connected => group_among_connected(plan.workers)?,
        };
        let port = receivers[0].local_addr()?.port();
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let [known, strangers] = [peers(server)?, peers(server)?];
        let everybody = addresses(&known, plan.people)?;
        let mut held = (Vec::new(), None);
        match placement {
            Placement::Steered => match steered(&receivers, &everybody) {
                Ok(sources) => held.1 = Some(sources),
                Err(refused) => return Ok(Err(refused.to_string())),
            },
            Placement::Connected => {
                let mut connected = connect_all(port, &everybody)?;
                held.0 = connected.split_off(PEERS);
                receivers.append(&mut connected);
            }
            Placement::Alone | Placement::Hashed => {}
        }
        Ok(Ok(Stage { placement, known, strangers, receivers, _held: held }))
    }

    pub(super) fn placement(&self) -> Placement {
        self.placement
    }

    pub(super) fn known(&self) -> &[UdpSocket] {
        &self.known
    }

    pub(super) fn strangers(&self) -> &[UdpSocket] {
        &self.strangers
    }

    /// Takes what has come, so that there is room for more.
    pub(super) fn drain(&self) {
        let mut buffer = [0; 2_048];
        for receiver in &self.receivers {
            while receiver.recv(&mut buffer).is_ok() {}
        }
    }
}

/// Volley's own sockets for IPv4.
fn group(workers: u16) -> anyhow::Result<Vec<UdpSocket>> {
    let families = bind_media_group(0, workers).context("the workers' sockets cannot be bound")?;
    let is_ipv4 = |socket: &UdpSocket| socket.local_addr().is_ok_and(|own| own.is_ipv4());
    Ok(families.into_iter().flatten().filter(is_ipv4).collect())
}

/// The same, letting connected sockets have the port as well.
fn group_among_connected(workers: u16) -> anyhow::Result<Vec<UdpSocket>> {
    let first = open(0, true)?;
    let port = first.local_addr()?.port();
    let others = (1..workers).map(|_| open(port, true)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(std::iter::once(first).chain(others).collect())
}

/// A socket that shares its port with others; as one of a group that the kernel spreads strangers over,
/// or beside it.
fn open(port: u16, in_group: bool) -> anyhow::Result<UdpSocket> {
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if in_group {
        sockopt::set_socket_reuseport(&socket, true)?;
    }
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))
        .with_context(|| format!("UDP port {port} cannot be shared"))?;
    let socket = UdpSocket::from(socket);
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Senders on loopback.
fn peers(server: SocketAddr) -> anyhow::Result<Vec<UdpSocket>> {
    let peer = || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server)?;
        Ok(socket)
    };
    (0..PEERS).map(|_| peer()).collect::<std::io::Result<_>>().context("senders cannot be bound")
}

/// Where people send from: those who do first.
fn addresses(known: &[UdpSocket], people: u16) -> anyhow::Result<Vec<SocketAddr>> {
    let mut all = known.iter().map(UdpSocket::local_addr).collect::<std::io::Result<Vec<_>>>()?;
    let absent =
        (0..u32::from(people)).skip(all.len()).map(|number| Ipv4Addr::from_bits(0x7f01_0000 + number));
    all.extend(absent.map(|ip| SocketAddr::from((ip, ABSENT_PORT))));
    Ok(all)
}

fn steered(receivers: &[UdpSocket], people: &[SocketAddr]) -> anyhow::Result<Sources> {
    let sources = Sources::create(receivers.len() as u16)?;
    steer(&receivers.iter().collect::<Vec<_>>(), &sources)?;
    for (number, &person) in people.iter().enumerate() {
        sources.note(person, WorkerId((number % receivers.len()) as u16))?;
    }
    Ok(sources)
}

/// A socket for each person.
fn connect_all(port: u16, people: &[SocketAddr]) -> anyhow::Result<Vec<UdpSocket>> {
    let connected = people.iter().map(|person| {
        let socket = open(port, false)?;
        socket.connect(person)?;
        Ok(socket)
    });
    connected.collect::<anyhow::Result<_>>().context("so many sockets cannot be had; try ulimit -n 20000")
}
