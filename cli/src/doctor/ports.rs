//! Ports that are taken, or that this user may not have.

use super::Case;
use super::finding::Finding;
use super::holders::{Holder, Protocol, holder};
use super::running::Running;
use crate::sockets::{MetricsPort, UdpPorts};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use volley::io::{bind_listener, bind_media_port};

/// A port that Volley is to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    pub(super) flag: &'static str,
    /// Whether Volley starts without it, and what is missing then.
    pub(super) without: Option<&'static str>,
}

/// What is in the way of each port. Where Volley runs already its ports are its own.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    wanted(case).into_iter().filter_map(|wanted| look(case, wanted)).collect()
}

/// All that Volley is to have.
pub(super) fn wanted(case: &Case<'_>) -> Vec<Wanted> {
    let config = case.config;
    let tcp = |flag, port, without| Wanted { protocol: Protocol::Tcp, port, flag, without };
    let mut all = vec![tcp("--port", config.get("server.port"), None)];
    if case.has_https() {
        all.push(tcp("--tls-port", config.get("tls.port"), None));
    }
    match config.metrics_port() {
        MetricsPort::Off => {}
        MetricsPort::At(port) => all.push(tcp("--metrics-port", port, None)),
        MetricsPort::Usual => {
            all.push(tcp("--metrics-port", crate::sockets::METRICS_PORT, Some("there are no metrics then")));
        }
    }
    let base = config.get("server.udp_port");
    let ports = match config.udp_ports() {
        UdpPorts::One => 1,
        UdpPorts::PerWorker => config.worker_count(),
    };
    // From 0 on nothing is wanted in particular.
    let udp = (0..if base == 0 { 0 } else { ports }).filter_map(|worker| u16::checked_add(base, worker));
    all.extend(udp.map(|port| Wanted { protocol: Protocol::Udp, port, flag: "--udp-port", without: None }));
    if config.get("server.ice_tcp") {
        all.push(tcp("--udp-port", base, Some("media over TCP goes to the ports of HTTP alone then")));
    }
    // 0 takes any that is free.
    all.retain(|wanted| wanted.port != 0);
    all
}

fn look(case: &Case<'_>, wanted: Wanted) -> Option<Finding> {
    let host: IpAddr = case.config.get("server.host");
    let address = SocketAddr::new(
        // Media takes all addresses, whatever HTTP does.
        if wanted.flag == "--udp-port" { Ipv4Addr::UNSPECIFIED.into() } else { host },
        wanted.port,
    );
    let error = match wanted.protocol {
        Protocol::Tcp => bind_listener(address).map(drop),
        Protocol::Udp => bind_media_port(wanted.port).map(drop),
    }
    .err()?;
    match error.kind() {
        io::ErrorKind::AddrInUse => taken(case, wanted),
        io::ErrorKind::PermissionDenied => Some(forbidden(wanted)),
        io::ErrorKind::AddrNotAvailable => Some(Finding::error(
            "host-unknown",
            format!("This machine has no address {host}, at which server.host wants the page"),
            "--host 0.0.0.0, or one of its own addresses (`ip address` shows them)",
        )),
        _ => Some(Finding::error(
            "port-unusable",
            format!("{} port {} cannot be used: {error}", wanted.protocol.name(), wanted.port),
            format!("choose another with {}", wanted.flag),
        )),
    }
}

fn taken(case: &Case<'_>, Wanted { protocol, port, flag, without }: Wanted) -> Option<Finding> {
    let holder = holder(case.host, protocol, port);
    // Another user's processes cannot be looked into; the server that answers is most likely it.
    let known = |holder: &Holder, running: &Running| {
        running.holder.as_ref().is_none_or(|ours| ours.name == holder.name)
    };
    if case.running.is_some_and(|running| holder.as_ref().is_none_or(|holder| known(holder, running))) {
        return None;
    }
    let by = holder.as_ref().map_or_else(
        || String::from("a program of another user"),
        |holder| format!("{} (pid {})", holder.name, holder.pid),
    );
    let stop = holder.map_or_else(
        || {
            format!(
                "find out which: ss -{}lnp sport = :{port}",
                if protocol == Protocol::Tcp { "t" } else { "u" }
            )
        },
        |holder| format!("stop it: kill {}", holder.pid),
    );
    let what = format!("{} port {port} is taken by {by}", protocol.name());
    let mend = format!("{stop}\nor choose another: {flag} NUMBER");
    Some(match without {
        Some(without) => Finding::warning("port-taken", format!("{what}; {without}"), mend),
        None => Finding::error("port-taken", format!("{what}; Volley does not start"), mend),
    })
}

fn forbidden(Wanted { protocol, port, flag, .. }: Wanted) -> Finding {
    Finding::error(
        "port-forbidden",
        format!(
            "{} port {port} is not allowed to this user: those below 1024 take a right of their own",
            protocol.name()
        ),
        format!(
            "systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE and CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n\
             setcap cap_net_bind_service=+ep {}\nor: {flag} NUMBER",
            std::env::current_exe()
                .map_or_else(|_| String::from("volley"), |path| path.display().to_string())
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::testing::Patient;
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    fn names(patient: &Patient) -> Vec<(Level, &'static str)> {
        check(&patient.case()).iter().map(|finding| (finding.level, finding.check)).collect()
    }

    #[test]
    fn every_port_that_is_taken_is_found_and_nothing_where_all_are_free() {
        let mut patient = Patient::sound();
        assert_eq!(names(&patient), []);
        let http = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let udp = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let [http_port, udp_port] = [http.local_addr(), udp.local_addr()].map(|at| at.unwrap().port());
        patient.set("VOLLEY_PORT", &http_port.to_string());
        patient.set("VOLLEY_UDP_PORT", &udp_port.to_string());
        patient.set("VOLLEY_ICE_TCP", "false");
        assert_eq!(names(&patient), [(Level::Error, "port-taken"); 2]);
        let told = &check(&patient.case())[0];
        assert!(told.what.contains(&format!("TCP port {http_port} is taken")), "{told:?}");
        assert!(told.mend.ends_with("or choose another: --port NUMBER"), "{told:?}");
    }

    #[test]
    fn a_server_that_runs_has_its_ports_by_right() {
        let mut patient = Patient::sound();
        let http = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        patient.set("VOLLEY_PORT", &http.local_addr().unwrap().port().to_string());
        patient.running = Some(Running::default());
        assert_eq!(names(&patient), []);
    }

    #[test]
    fn what_volley_starts_without_is_a_warning() {
        let mut patient = Patient::sound();
        // Some TCP port whose number UDP has free, and nobody else takes meanwhile.
        let held = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        patient.set("VOLLEY_UDP_PORT", &held.local_addr().unwrap().port().to_string());
        patient.set("VOLLEY_ICE_TCP", "true");
        let found = names(&patient);
        assert_eq!(found, [(Level::Warning, "port-taken")]);
    }

    /// systemd starts nothing that is to have a right beyond its bounds, and our unit has bounds.
    #[test]
    fn the_right_to_a_low_port_is_given_within_the_units_bounds() {
        let web = Wanted { protocol: Protocol::Tcp, port: 443, flag: "--tls-port", without: None };
        let mend = forbidden(web).mend;
        let first = mend.lines().next().unwrap();
        assert_eq!(
            first,
            "systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE and CapabilityBoundingSet=CAP_NET_BIND_SERVICE"
        );
        assert!(mend.ends_with("\nor: --tls-port NUMBER"), "{mend}");
    }

    #[test]
    fn an_address_of_another_machine_is_named() {
        let mut patient = Patient::sound();
        patient.set("VOLLEY_HOST", "192.0.2.1");
        patient.set("VOLLEY_PORT", "0");
        patient.set("VOLLEY_METRICS_PORT", "0");
        assert_eq!(names(&patient), [], "any free port is nobody's");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        patient.set("VOLLEY_PORT", &free.to_string());
        assert_eq!(names(&patient), [(Level::Error, "host-unknown")]);
    }
}
