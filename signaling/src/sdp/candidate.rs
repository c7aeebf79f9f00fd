//! Where we are reached, as a description tells it.

use std::net::SocketAddr;

/// A host candidate of component 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Candidate {
    /// The media itself.
    Udp(SocketAddr),
    /// The media framed on a connection that the peer opens (RFC 6544 §4.5: passive).
    Tcp(SocketAddr),
}

/// RFC 8445 §5.1.2.2: host candidates come first.
const HOST: u32 = 126;
/// RFC 6544 §4.2: below that of UDP; also below what a peer finds by STUN (100), since a stream makes
/// packets wait for lost ones, and above relays (0).
const HOST_TCP: u32 = 90;
/// RFC 6544 §4.2: of a passive candidate that is no one's but the host's.
const PASSIVE: u32 = 4 << 13;

impl Candidate {
    /// RFC 8839 §5.1 and RFC 6544 §4.5, as the one at `index`; the first is the best. Foundations differ,
    /// since nothing is gained from freezing checks of a lite agent.
    pub(super) fn text(&self, index: usize) -> String {
        let below = index.min(8191) as u32;
        let (address, protocol, preference, kind) = match self {
            Candidate::Udp(address) => (address, "udp", HOST << 24 | (65_535 - below) << 8, ""),
            Candidate::Tcp(address) => {
                (address, "tcp", HOST_TCP << 24 | (PASSIVE + 8191 - below) << 8, " tcptype passive")
            }
        };
        let (foundation, priority) = (index + 1, preference | 255);
        format!("{foundation} 1 {protocol} {priority} {} {} typ host{kind}", address.ip(), address.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priority(text: &str) -> u32 {
        text.split(' ').nth(3).and_then(|word| word.parse().ok()).expect("a priority")
    }

    #[test]
    fn connections_are_the_last_resort_before_relays() {
        let address = "192.0.2.1:8080".parse().unwrap();
        let texts = [
            Candidate::Udp(address).text(0),
            Candidate::Udp(address).text(40),
            Candidate::Tcp(address).text(1),
            Candidate::Tcp(address).text(41),
        ];
        assert!(texts.windows(2).all(|two| priority(&two[0]) > priority(&two[1])), "{texts:?}");
        assert_eq!(texts[2], "2 1 tcp 1520434943 192.0.2.1 8080 typ host tcptype passive");
    }
}
