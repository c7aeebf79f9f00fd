//! The kernel's tables of sockets, as `/proc/net` has them: who has a port, and what UDP threw away.

use std::collections::BTreeSet;
use std::fs;

/// A line of such a table, which is made of the same words for UDP and TCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Socket {
    /// Its local port.
    pub port: u16,
    /// Of TCP: `TCP_LISTEN` is 10.
    pub state: u8,
    /// By which the files of processes name it.
    pub inode: u64,
    /// Datagrams for which there was no room in it; of UDP alone.
    pub drops: Option<u64>,
}

impl Socket {
    /// All sockets of a table.
    pub fn all(table: &str) -> impl Iterator<Item = Socket> {
        table.lines().skip(1).filter_map(Socket::read)
    }

    /// `sl: address:port remote state queues timer retransmits uid timeout inode ref pointer drops`, with the
    /// last for UDP alone.
    fn read(line: &str) -> Option<Socket> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let port = u16::from_str_radix(words.get(1)?.rsplit_once(':')?.1, 16).ok()?;
        let state = u8::from_str_radix(words.get(3)?, 16).ok()?;
        let inode = words.get(9)?.parse().ok()?;
        Some(Socket { port, state, inode, drops: words.get(12).and_then(|text| text.parse().ok()) })
    }
}

/// Datagrams that were lost since the sockets at these ports had no room; `None` where the kernel does not tell.
pub(crate) fn drops(ports: &BTreeSet<u16>) -> Option<u64> {
    // Of this process: where others are hidden (ProcSubset=pid), it is the only one there.
    let tables: Vec<String> = ["udp", "udp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/self/net/{table}")).ok())
        .collect();
    let of_ours = |table: &String| -> u64 {
        Socket::all(table)
            .filter(|socket| ports.contains(&socket.port))
            .filter_map(|socket| socket.drops)
            .sum()
    };
    (!tables.is_empty()).then(|| tables.iter().map(of_ours).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn datagrams_for_which_a_socket_has_no_room_are_counted_by_its_port() {
        let [full, idle] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let port = |socket: &UdpSocket| BTreeSet::from([socket.local_addr().unwrap().port()]);
        assert_eq!((drops(&port(&full)), drops(&port(&idle))), (Some(0), Some(0)));
        // Whatever a system gives to a socket that asks for nothing, it is less than 64 MB.
        for _ in 0..1_000 {
            idle.send_to(&[0; 64_000], full.local_addr().unwrap()).unwrap();
        }
        let lost = drops(&port(&full)).unwrap();
        assert!((1..1_000).contains(&lost), "{lost}");
        assert_eq!(drops(&port(&idle)), Some(0));
    }

    #[test]
    fn a_table_is_read_line_by_line() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n  \
                     10: 00000000:C350 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 21 2 0000 900\n   \
                     0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n\
                     nonsense\n";
        let expected = [
            Socket { port: 50_000, state: 7, inode: 21, drops: Some(900) },
            Socket { port: 8080, state: 10, inode: 4711, drops: None },
        ];
        assert_eq!(Socket::all(table).collect::<Vec<_>>(), expected);
    }
}
