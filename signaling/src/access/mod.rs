//! Who may do what: room tokens, API keys, credentials for relays, and from where.
//!
//! Pure: it is told the settings and the time. Who is in a room, and whose tokens were revoked, is the
//! state's business.

mod address;
mod grants;
mod tally;
mod token;
mod turn;

pub use address::{client_address, counted_as};
pub use grants::{Grant, Grants, Pass};
pub(crate) use tally::{Held, Tally};
pub(crate) use token::CLOCKS_DIFFER;
pub use token::{Claims, TokenError, sign, verify, verify_of_any_age};
pub use turn::turn_credentials;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is configured of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessSettings {
    /// Whether joining takes a token, and REST a key or a token.
    pub require_auth: bool,
    /// The header that carries either over REST.
    pub auth_token_header: String,
    /// Who shows one of them may do everything over REST.
    pub api_keys: Vec<String>,
    /// Tokens are signed with the first; all are taken, so that one may follow another.
    pub token_secrets: Vec<String>,
    /// Pages of which origins may open a WebSocket and change anything over HTTP; `*` for all. Our own always
    /// may.
    pub allowed_origins: Vec<String>,
    /// Who may say for whom it speaks (`X-Forwarded-For`).
    pub trusted_proxies: Vec<IpNet>,
    /// What one address may take; `None`: as much as everybody together.
    pub limits: Option<AddressLimits>,
}

/// What one address may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AddressLimits {
    /// Rooms that it made and that are still there.
    pub rooms: usize,
    /// People at once.
    pub participants: usize,
    /// Joins a second, on average.
    pub joins_per_second: u32,
    /// WebSockets at once, whether they have joined or not.
    pub sockets: usize,
    /// TLS handshakes at once.
    pub handshakes: usize,
    /// Connections at once, WebSockets among them, whether anything was said over them or not.
    pub connections: usize,
}

impl Default for AddressLimits {
    fn default() -> AddressLimits {
        // Each of fifty people may have a socket that is lost and one that takes its place; and while
        // they all come at once after a restart, their handshakes take a few milliseconds each. A browser
        // keeps six connections and its WebSocket.
        AddressLimits {
            rooms: 10,
            participants: 50,
            joins_per_second: 10,
            sockets: 100,
            handshakes: 32,
            connections: 500,
        }
    }
}

impl std::fmt::Debug for AccessSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessSettings").field("require_auth", &self.require_auth).finish_non_exhaustive()
    }
}

impl Default for AccessSettings {
    fn default() -> AccessSettings {
        AccessSettings {
            require_auth: false,
            auth_token_header: String::from("X-Auth-Token"),
            api_keys: vec![],
            token_secrets: vec![],
            allowed_origins: vec![String::from("*")],
            trusted_proxies: vec![],
            limits: Some(AddressLimits::default()),
        }
    }
}

impl AccessSettings {
    /// Whether `shown` is one of the API keys. Takes as long for each wrong one.
    pub fn is_api_key(&self, shown: &str) -> bool {
        let same = |key: &String| {
            aws_lc_rs::constant_time::verify_slices_are_equal(key.as_bytes(), shown.as_bytes()).is_ok()
        };
        self.api_keys.iter().filter(|key| same(key)).count() > 0
    }

    /// What the address counts as and may take. `None`: it is not limited, for nothing is, or it is this
    /// machine's own.
    pub(crate) fn limits_of(&self, address: IpAddr) -> Option<(IpAddr, AddressLimits)> {
        counted_as(address).zip(self.limits)
    }

    /// The same of somebody who has only connected so far. A trusted proxy speaks for many, and is not
    /// limited: for whom, it tells later.
    pub(crate) fn limits_of_peer(&self, peer: IpAddr) -> Option<(IpAddr, AddressLimits)> {
        let peer = peer.to_canonical();
        let is_proxy = self.trusted_proxies.iter().any(|network| network.contains(&peer));
        if is_proxy { None } else { self.limits_of(peer) }
    }

    /// Whether a page of `origin` may talk to us at `host`. Without an origin it is no page.
    pub fn allows_origin(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        self.allowed_origins.iter().any(|one| one == "*") || self.names_origin(origin, host)
    }

    /// Whether a page of `origin` may change anything over REST at `host`, and read what it answers. Where
    /// no token is asked for, whoever reaches this server may delete all it has, and pages of everywhere reach it
    /// through the browsers of its network: there `*` does not do, an origin must be named.
    pub fn shares_rest_with(&self, origin: &str, host: Option<&str>) -> bool {
        self.names_origin(origin, host) || self.require_auth && self.allows_origin(Some(origin), host)
    }

    /// Whether it is our own, or listed by its name.
    fn names_origin(&self, origin: &str, host: Option<&str>) -> bool {
        let own = origin.split_once("://").map(|(_, rest)| rest);
        own.is_some_and(|own| host.is_some_and(|host| host.eq_ignore_ascii_case(own)))
            || self.allowed_origins.iter().any(|one| one.eq_ignore_ascii_case(origin))
    }
}

/// Seconds since 1970, which is what tokens count in.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Milliseconds since 1970.
pub fn unix_now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_origins_are_let_in_when_they_are_listed() {
        let allows = |allowed: &[&str], origin, host| {
            let allowed_origins = allowed.iter().map(|&origin| origin.to_owned()).collect();
            AccessSettings { allowed_origins, ..AccessSettings::default() }.allows_origin(origin, host)
        };
        let (page, host) = (Some("https://app.example"), Some("sfu.example"));
        assert!(allows(&["*"], page, host));
        assert!(!allows(&[], page, host));
        assert!(allows(&["https://APP.example"], page, host));
        assert!(!allows(&["http://app.example"], page, host), "another scheme is another origin");
        assert!(!allows(&["https://app.example"], Some("https://app.example.evil"), host));
        assert!(allows(&[], Some("https://sfu.example"), host), "our own page");
        assert!(!allows(&[], Some("null"), host));
        assert!(allows(&[], None, host), "no page at all");
    }

    #[test]
    fn rest_is_shared_with_whom_is_named_and_with_all_where_a_token_is_asked_for() {
        let shares = |allowed: &str, require_auth, origin| {
            let allowed_origins = vec![allowed.to_owned()];
            let access = AccessSettings { allowed_origins, require_auth, ..AccessSettings::default() };
            access.shares_rest_with(origin, Some("sfu.example"))
        };
        assert!(shares("https://app.example", false, "https://app.example"));
        assert!(!shares("https://app.example", true, "https://other.example"));
        assert!(shares("https://app.example", false, "https://sfu.example"), "our own page");
        assert!(shares("*", true, "https://other.example"));
        assert!(!shares("*", false, "https://other.example"), "whoever it reaches could delete everything");
    }

    #[test]
    fn who_only_connects_is_limited_unless_it_is_a_proxy_or_this_machine() {
        let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let access = AccessSettings { trusted_proxies, ..Default::default() };
        let limited = |text: &str| access.limits_of_peer(text.parse().unwrap()).is_some();
        assert!(limited("192.0.2.1") && limited("::ffff:192.0.2.1"));
        assert!(!limited("10.0.0.1") && !limited("::ffff:10.0.0.1") && !limited("127.0.0.1"));
        assert!(access.limits_of("10.0.0.1".parse().unwrap()).is_some(), "the forwarded address counts");
    }

    #[test]
    fn an_api_key_is_known_as_a_whole_only() {
        let access =
            AccessSettings { api_keys: vec![String::from("0123456789abcdef")], ..Default::default() };
        assert!(access.is_api_key("0123456789abcdef"));
        assert!(!access.is_api_key("0123456789abcde") && !access.is_api_key(""));
        assert!(!AccessSettings::default().is_api_key(""));
    }

    #[test]
    fn secrets_are_not_printed() {
        let access = AccessSettings { token_secrets: vec![String::from("hunter2")], ..Default::default() };
        assert!(!format!("{access:?}").contains("hunter2"));
    }
}
