//! Who has a port: found by the kernel's table of sockets and the processes that hold them open.

use super::host::Host;
use std::fs;
use volley_signaling::sockets::Socket;

/// A process with a socket at the port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Holder {
    pub(super) pid: u32,
    /// Of its program.
    pub(super) name: String,
}

/// The tables of a protocol, and the state that keeps others from the port (`TCP_LISTEN`, any UDP socket).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

const LISTENING: u8 = 0x0a;

impl Protocol {
    pub(super) fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        }
    }

    fn tables(self) -> [&'static str; 2] {
        match self {
            Protocol::Tcp => ["proc/net/tcp", "proc/net/tcp6"],
            Protocol::Udp => ["proc/net/udp", "proc/net/udp6"],
        }
    }
}

/// The process that has the port; of several, which share it, the eldest. `None` as well where other users'
/// processes cannot be looked into.
pub(super) fn holder(host: &Host, protocol: Protocol, port: u16) -> Option<Holder> {
    let sockets: Vec<String> = sockets(host, protocol)
        .filter(|socket| socket.port == port && (protocol == Protocol::Udp || socket.state == LISTENING))
        .map(|socket| format!("socket:[{}]", socket.inode))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    let mut pids: Vec<u32> = fs::read_dir(host.root.join("proc"))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    let pid = pids.into_iter().find(|pid| holds(host, *pid, &sockets))?;
    Some(Holder { pid, name: name(host, pid) })
}

/// Datagrams that were lost since no room was left in the sockets at these ports.
pub(super) fn lost_datagrams(host: &Host, ports: std::ops::RangeInclusive<u16>) -> u64 {
    let ours = sockets(host, Protocol::Udp).filter(|socket| ports.contains(&socket.port));
    ours.filter_map(|socket| socket.drops).sum()
}

fn sockets(host: &Host, protocol: Protocol) -> impl Iterator<Item = Socket> {
    let texts = protocol.tables().map(|table| host.read(table).unwrap_or_default());
    texts.into_iter().flat_map(|text| Socket::all(&text).collect::<Vec<_>>())
}

fn holds(host: &Host, pid: u32, sockets: &[String]) -> bool {
    let Ok(files) = fs::read_dir(host.root.join(format!("proc/{pid}/fd"))) else { return false };
    files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|target| target.to_str().is_some_and(|target| sockets.iter().any(|socket| socket == target)))
}

/// Of the file that runs; a child of Volley's calls itself `exe`.
fn name(host: &Host, pid: u32) -> String {
    let file = fs::read_link(host.root.join(format!("proc/{pid}/exe"))).ok();
    let name = file.as_ref().and_then(|file| file.file_name()?.to_str());
    // A program that was replaced while it runs.
    let name = name.map(|name| name.trim_end_matches(" (deleted)").to_owned());
    name.or_else(|| host.read(&format!("proc/{pid}/comm"))).unwrap_or_else(|| String::from("a program"))
}

#[cfg(test)]
mod tests {
    use super::super::host::prepared::Prepared;
    use super::*;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    #[test]
    fn the_eldest_process_with_a_socket_at_the_port_has_it() {
        let prepared = Prepared::sound();
        let line = "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n";
        prepared.write("proc/net/tcp", &format!("{HEAD}{line}"));
        prepared.write("proc/net/tcp6", HEAD);
        assert_eq!(holder(&prepared.0, Protocol::Tcp, 8080), None, "nobody's files can be seen");
        for pid in [902, 77] {
            prepared.link(&format!("proc/{pid}/fd/3"), "socket:[4711]");
            prepared.link(&format!("proc/{pid}/exe"), "/usr/sbin/nginx");
        }
        let expected = Holder { pid: 77, name: String::from("nginx") };
        assert_eq!(holder(&prepared.0, Protocol::Tcp, 8080), Some(expected));
        assert_eq!(holder(&prepared.0, Protocol::Tcp, 8081), None);
        prepared.write("proc/net/tcp", &format!("{HEAD}{}", line.replace(" 0A ", " 01 ")));
        assert_eq!(holder(&prepared.0, Protocol::Tcp, 8080), None, "a connection is not the port's holder");
    }

    #[test]
    fn lost_datagrams_are_those_of_our_ports() {
        let prepared = Prepared::sound();
        let line = |port: &str, drops: u32| {
            format!(
                "  10: 00000000:{port} 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 21 2 0000 {drops}\n"
            )
        };
        prepared.write("proc/net/udp", &format!("{HEAD}{}{}", line("C350", 7), line("0035", 100)));
        assert_eq!(lost_datagrams(&prepared.0, 50_000..=50_000), 7);
    }
}
