//! SDP fragments (RFC 8840 §9): what a peer over HTTP says, and is told, after the answer.

use crate::sdp::{Candidate, LocalIce, RemoteIce};
use std::fmt::Write as _;
use volley::control::types::Kind;

/// Longest fragment taken: a hundred candidates have 10 KB.
const MAX_BYTES: usize = 16 << 10;

/// What a peer says of its ICE agent. Its candidates are of no use to an ICE-lite server, which learns
/// addresses from checks (RFC 8445 §7.3.1.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fragment {
    /// Its credentials, which may be new.
    pub ice: Option<RemoteIce>,
}

impl Fragment {
    /// Reads and checks a fragment.
    pub fn parse(text: &str) -> Option<Fragment> {
        let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        let is_line = |line: &str| matches!(line.as_bytes(), [b'a'..=b'z', b'=', ..]);
        if text.len() > MAX_BYTES || text.trim().is_empty() || !lines.clone().all(is_line) {
            return None;
        }
        let value = |name: &str| lines.clone().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let ice = match (value("a=ice-ufrag:"), value("a=ice-pwd:")) {
            (Some(ufrag), Some(password)) => Some(RemoteIce { ufrag, password }),
            (None, None) => None,
            _ => return None,
        };
        ice.as_ref().is_none_or(RemoteIce::is_usable).then_some(Fragment { ice })
    }
}

/// What the peer is told after an ICE restart (RFC 9725 §4.4.3): the new credentials and where we are
/// reached, in the m-line that carries the bundle.
pub fn restarted(ice: &LocalIce, candidates: &[Candidate], bundle: &[&str], kind: Kind) -> String {
    let media = if kind == Kind::Audio { "audio" } else { "video" };
    let mut text = String::from("a=ice-lite\r\n");
    let _ = write!(text, "a=group:BUNDLE {}\r\n", bundle.join(" "));
    let _ = write!(text, "m={media} 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{}\r\n", bundle.first().unwrap_or(&"0"));
    let _ = write!(text, "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", ice.ufrag, ice.password);
    for (index, candidate) in candidates.iter().enumerate() {
        let _ = write!(text, "a=candidate:{}\r\n", candidate.text(index));
    }
    text + "a=end-of-candidates\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "a-password-of-24-letters";

    #[test]
    fn the_fragments_of_rfc_9725_are_understood() {
        let trickle = "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
            a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
            a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n\
            a=end-of-candidates\r\n";
        let known = RemoteIce { ufrag: "EsAw".into(), password: "P2uYro0UCOQ4zxjKXaWCBui1".into() };
        assert_eq!(Fragment::parse(trickle), Some(Fragment { ice: Some(known) }));
        assert_eq!(Fragment::parse("a=end-of-candidates\n"), Some(Fragment { ice: None }));
    }

    #[test]
    fn what_is_no_fragment_is_refused() {
        let short = "a=ice-ufrag:EsAw\r\na=ice-pwd:short\r\n";
        let half = "a=ice-ufrag:EsAw\r\n";
        let long = "a=mid:0\r\n".repeat(10_000);
        for text in ["", "\r\n", "hello", "{}", "a:ice", short, half, &long] {
            assert_eq!(Fragment::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_restart_tells_credentials_and_addresses() {
        let ice = LocalIce { ufrag: "AAAAAabc".into(), password: PASSWORD.into() };
        let candidates = [Candidate::Udp("192.0.2.1:50000".parse().unwrap())];
        let text = restarted(&ice, &candidates, &["0", "1"], Kind::Audio);
        assert!(text.contains("a=group:BUNDLE 0 1\r\nm=audio 9 "), "{text}");
        assert!(text.contains("a=ice-ufrag:AAAAAabc\r\na=ice-pwd:a-password-of-24-letters\r\n"), "{text}");
        assert!(text.contains(" 192.0.2.1 50000 typ host\r\na=end-of-candidates\r\n"), "{text}");
    }
}
