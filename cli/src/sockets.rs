//! The ports: bound once, by the supervisor, so that no restart of a child ever loses them.

use anyhow::{Context as _, anyhow, bail};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};
use volley::io::{bind_listener, bind_media_group, bind_media_port};

/// One worker's sockets, all on one port, which may be that of the others.
pub(crate) struct MediaPort {
    pub(crate) port: u16,
    pub(crate) sockets: Vec<UdpSocket>,
}

/// Listens for HTTP.
pub(crate) fn bind_http(host: IpAddr, port: u16) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(host, port);
    bind_listener(address).map_err(|error| explain(error, "TCP", port, "--port", Some(host)))
}

/// Listens for HTTPS.
pub(crate) fn bind_https(host: IpAddr, port: u16) -> anyhow::Result<TcpListener> {
    let listener = bind_listener(SocketAddr::new(host, port))
        .map_err(|error| explain(error, "TCP", port, "--tls-port", Some(host)))?;
    tracing::info!("the page is at https://{}/ as well", local_address(&listener)?);
    Ok(listener)
}

/// Where metrics are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MetricsPort {
    /// At the usual port, or nowhere when another program has it.
    Usual,
    Off,
    At(u16),
}

/// Where metrics are unless told otherwise. Prometheus itself likes the same port.
pub(crate) const METRICS_PORT: u16 = 9090;

/// Listens for who collects metrics. Nobody asked for the usual port, so when another program has it
/// there are none and calls go on.
pub(crate) fn bind_metrics(host: IpAddr, port: MetricsPort) -> anyhow::Result<Option<TcpListener>> {
    let listener = match port {
        MetricsPort::Off => return Ok(None),
        MetricsPort::At(port) => bind_listener(SocketAddr::new(host, port))
            .map_err(|error| explain(error, "TCP", port, "--metrics-port", Some(host)))?,
        MetricsPort::Usual => match bind_listener(SocketAddr::new(host, METRICS_PORT)) {
            Ok(listener) => listener,
            Err(error) => {
                let error = explain(error, "TCP", METRICS_PORT, "--metrics-port", Some(host));
                tracing::warn!("there are no metrics: {error}");
                return Ok(None);
            }
        },
    };
    tracing::info!("metrics are at http://{}/metrics", local_address(&listener)?);
    Ok(Some(listener))
}

/// How many UDP ports there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UdpPorts {
    /// One, whatever the number of workers.
    One,
    PerWorker,
}

/// Numbers that are tried where any port will do: some that UDP has free TCP has not.
const TRIED: usize = 8;

/// Binds what all workers' media comes to, by UDP and, where that is wanted, by TCP of the same number.
pub(crate) fn bind_media_both(
    base: u16,
    workers: u16,
    ports: UdpPorts,
    over_tcp: bool,
) -> anyhow::Result<(Vec<MediaPort>, Option<TcpListener>)> {
    let others = if base == 0 && over_tcp { TRIED - 1 } else { 0 };
    for _ in 0..others {
        let media = bind_media(base, workers, ports)?;
        if let Some(listener) = bind_media_tcp(media[0].port) {
            return Ok((media, Some(listener)));
        }
    }
    let media = bind_media(base, workers, ports)?;
    let listener = media.first().filter(|_| over_tcp).and_then(|first| bind_media_tcp(first.port));
    Ok((media, listener))
}

/// Binds what all workers' media comes to: the port `base`, or those from there on; free ones when it
/// is 0.
fn bind_media(base: u16, workers: u16, ports: UdpPorts) -> anyhow::Result<Vec<MediaPort>> {
    if ports == UdpPorts::One {
        let bound = when_free(|| MediaPort::bind_shared(base, workers));
        return bound.map_err(|error| explain(error, "UDP", base, "--udp-port", None));
    }
    if base != 0 && base.checked_add(workers - 1).is_none() {
        bail!("{workers} workers need UDP ports {base} and up, past 65535; choose a lower --udp-port");
    }
    (0..workers)
        .map(|worker| {
            let port = if base == 0 { 0 } else { base + worker };
            when_free(|| MediaPort::bind(port))
                .map_err(|error| explain(error, "UDP", port, "--udp-port", None))
        })
        .collect()
}

/// Listens for media over TCP, on all addresses. Calls go on without: there are HTTP's ports besides.
fn bind_media_tcp(port: u16) -> Option<TcpListener> {
    let bind = |host: IpAddr| bind_listener(SocketAddr::new(host, port));
    let listener = bind(Ipv6Addr::UNSPECIFIED.into()).or_else(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Err(error),
        _ => bind(Ipv4Addr::UNSPECIFIED.into()),
    });
    match listener {
        Ok(listener) => Some(listener),
        Err(error) => {
            let error = explain(error, "TCP", port, "--udp-port", None);
            tracing::warn!("media over TCP goes to the ports of HTTP alone: {error}");
            None
        }
    }
}

/// The kernel takes a ring apart some time after its process has ended, and keeps the sockets until
/// then: who stops Volley and starts it again must not find its own port taken.
const OWN_PORT_FREE_WITHIN: Duration = Duration::from_secs(3);

fn when_free<T>(bind: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let patience = Instant::now() + OWN_PORT_FREE_WITHIN;
    loop {
        match bind() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(20));
            }
            outcome => return outcome,
        }
    }
}

impl MediaPort {
    fn bind(port: u16) -> io::Result<MediaPort> {
        MediaPort::over(bind_media_port(port)?)
    }

    /// One for each worker, all on the same port.
    fn bind_shared(port: u16, workers: u16) -> io::Result<Vec<MediaPort>> {
        if workers == 1 {
            return Ok(vec![MediaPort::bind(port)?]);
        }
        bind_media_group(port, workers)?.into_iter().map(MediaPort::over).collect()
    }

    fn over(sockets: Vec<UdpSocket>) -> io::Result<MediaPort> {
        let port = sockets.first().map_or(Ok(0), |socket| Ok::<_, io::Error>(socket.local_addr()?.port()))?;
        Ok(MediaPort { port, sockets })
    }

    /// Whether a packet can come to this address.
    pub(crate) fn takes(&self, address: IpAddr) -> bool {
        let same_family =
            |socket: &UdpSocket| socket.local_addr().is_ok_and(|own| own.is_ipv6() == address.is_ipv6());
        self.sockets.iter().any(same_family)
    }
}

/// Says which port, why not, and the way out.
fn explain(error: io::Error, protocol: &str, port: u16, flag: &str, host: Option<IpAddr>) -> anyhow::Error {
    match (error.kind(), host) {
        (io::ErrorKind::AddrInUse, _) => {
            anyhow!(
                "{protocol} port {port} is taken by another program; stop it, or choose another with {flag}"
            )
        }
        (io::ErrorKind::PermissionDenied, _) => anyhow!(
            "{protocol} port {port} is not allowed to this user (below 1024 it takes CAP_NET_BIND_SERVICE); \
             choose another with {flag}"
        ),
        (io::ErrorKind::AddrNotAvailable, Some(host)) => {
            anyhow!("this machine has no address {host}; choose one it has with --host, or 0.0.0.0 for all")
        }
        _ => anyhow::Error::new(error).context(format!("{protocol} port {port} cannot be used")),
    }
}

/// Where a client on this machine reaches the listener.
pub(crate) fn local_address(listener: &TcpListener) -> anyhow::Result<SocketAddr> {
    let mut address = listener.local_addr().context("the HTTP listener has no address")?;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_udp_port_is_named_with_the_way_out() {
        let holder = MediaPort::bind(0).unwrap();
        for ports in [UdpPorts::One, UdpPorts::PerWorker] {
            let error = bind_media(holder.port, 2, ports).err().unwrap().to_string();
            assert!(error.starts_with(&format!("UDP port {} is taken", holder.port)), "{error}");
            assert!(error.ends_with("choose another with --udp-port"), "{error}");
        }
    }

    #[test]
    fn a_taken_port_of_metrics_is_an_error_only_when_it_was_asked_for() {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let holder = TcpListener::bind((host, 0)).unwrap();
        let taken = holder.local_addr().unwrap().port();
        let error = bind_metrics(host, MetricsPort::At(taken)).unwrap_err().to_string();
        assert!(error.ends_with("choose another with --metrics-port"), "{error}");
        assert!(bind_metrics(host, MetricsPort::Off).unwrap().is_none());
        assert!(bind_metrics(host, MetricsPort::At(0)).unwrap().is_some());
        // Whoever has the usual port, this process or another, it is no error.
        let _usual = TcpListener::bind((host, METRICS_PORT));
        assert!(bind_metrics(host, MetricsPort::Usual).unwrap().is_none());
    }

    #[test]
    fn media_over_tcp_has_the_number_of_udp_and_is_missed_where_another_has_it() {
        let (udp, held) = bind_media_both(0, 1, UdpPorts::One, true).unwrap();
        let port = udp[0].port;
        assert_eq!(held.expect("some number is free for both").local_addr().unwrap().port(), port);
        let other = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
        assert!(bind_media_tcp(port).is_none());
        drop((udp, other));
        assert!(bind_media_both(0, 1, UdpPorts::One, false).unwrap().1.is_none());
    }

    #[test]
    fn all_addresses_of_ipv6_are_those_of_ipv4_too() {
        let listener = bind_http(Ipv6Addr::UNSPECIFIED.into(), 0).unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "::1"] {
            let host: IpAddr = host.parse().unwrap();
            std::net::TcpStream::connect((host, port)).unwrap_or_else(|error| panic!("{host}: {error}"));
        }
    }

    #[test]
    fn an_address_of_another_machine_is_named_with_the_way_out() {
        let error = bind_http("192.0.2.1".parse().unwrap(), 0).err().unwrap().to_string();
        assert!(error.starts_with("this machine has no address 192.0.2.1"), "{error}");
    }

    #[test]
    fn workers_past_the_last_port_are_refused() {
        let error = bind_media(65535, 2, UdpPorts::PerWorker).err().unwrap().to_string();
        assert!(error.contains("choose a lower --udp-port"), "{error}");
    }

    #[test]
    fn all_workers_have_one_port_unless_they_are_to_have_one_each() {
        let ports = bind_media(0, 3, UdpPorts::One).unwrap();
        assert!(ports.len() == 3 && ports.iter().all(|port| port.port == ports[0].port && port.port != 0));
    }

    #[test]
    fn every_worker_has_the_port_after_the_one_before() {
        // Somebody else may hold a neighbour of a free port, but not of twenty.
        let neighbours = (0..20).find_map(|_| {
            let base = MediaPort::bind(0).unwrap().port;
            bind_media(base, 2, UdpPorts::PerWorker).ok().map(|ports| (base, [ports[0].port, ports[1].port]))
        });
        let (base, ports) = neighbours.expect("two free ports side by side");
        assert_eq!(ports, [base, base + 1]);
    }
}
