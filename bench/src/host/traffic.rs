//! What the kernel counted of each side's datagrams: sends, and what it dropped.

use anyhow::Context as _;
use serde::Serialize;
use std::fs;

/// Counters of UDP in one network. They only rise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Udp {
    /// Sends: a train counts once, whatever it carries.
    pub(crate) sends: u64,
    /// Datagrams that found their socket's buffer full.
    pub(crate) receive_drops: u64,
    /// Datagrams that could not be sent for want of room.
    pub(crate) send_drops: u64,
}

impl Udp {
    /// In the network that the process `pid` stands in.
    ///
    /// # Errors
    /// When the process is gone.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Udp> {
        let path = format!("/proc/{pid}/net/snmp");
        let text = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
        Ok(Udp::parse(&text))
    }

    /// proc_pid_net(5): a line of names and a line of values, each after the protocol's name.
    fn parse(text: &str) -> Udp {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp: "));
        let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let value = |name: &str| {
            let place = names.split(' ').position(|known| known == name)?;
            values.split(' ').nth(place)?.parse().ok()
        };
        Udp {
            sends: value("OutDatagrams").unwrap_or(0),
            receive_drops: value("RcvbufErrors").unwrap_or(0),
            send_drops: value("SndbufErrors").unwrap_or(0),
        }
    }

    /// What was counted since `before`.
    pub(crate) fn since(&self, before: &Udp) -> Udp {
        Udp {
            sends: self.sends.saturating_sub(before.sends),
            receive_drops: self.receive_drops.saturating_sub(before.receive_drops),
            send_drops: self.send_drops.saturating_sub(before.send_drops),
        }
    }
}

/// Datagrams that found the queue of a core full, before any socket: its receive work did not get
/// the time it needed.
pub(crate) fn backlog_drops(core: usize) -> u64 {
    let text = fs::read_to_string("/proc/net/softnet_stat").unwrap_or_default();
    parse_backlog_drops(&text, core)
}

/// One line of hexadecimal words per core; the second word counts drops.
fn parse_backlog_drops(text: &str, core: usize) -> u64 {
    let word = text.lines().nth(core).and_then(|line| line.split_whitespace().nth(1));
    word.and_then(|word| u64::from_str_radix(word, 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNMP: &str = "Ip: Forwarding DefaultTTL\nIp: 1 64\n\
                        Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\n\
                        Udp: 100 2 3 40 5 6\nUdpLite: InDatagrams\nUdpLite: 7\n";

    #[test]
    fn values_are_found_by_their_names() {
        assert_eq!(Udp::parse(SNMP), Udp { sends: 40, receive_drops: 5, send_drops: 6 });
        assert_eq!(Udp::parse(""), Udp::default());
    }

    #[test]
    fn this_process_stands_in_some_network() {
        let before = Udp::of(std::process::id()).unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        assert!(Udp::of(std::process::id()).unwrap().since(&before).sends >= 1);
    }

    #[test]
    fn drops_of_a_core_stand_in_its_line() {
        let text = "0000000a 00000000 00000001\n0000ffff 0000001f 00000000\n";
        assert_eq!((parse_backlog_drops(text, 0), parse_backlog_drops(text, 1)), (0, 31));
        assert_eq!(parse_backlog_drops(text, 9), 0);
    }
}
