//! STUN and TURN servers: whether those that browsers are told of do for us what they are to do for them.

use super::Seen;
use super::addresses::is_global;
use super::finding::Finding;
use super::stun::{Credentials, Relay, Server, Trouble, Way, allocate, reflexive};
use crate::config::Config;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::task::JoinSet;
use volley_signaling::access::{turn_credentials, unix_now};

/// Good for the question and a clock that is a little off.
const CREDENTIALS_SECONDS: u64 = 600;

/// One URL of `webrtc.ice_servers`, or of `--stun`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) url: String,
    server: Server,
    /// Without any it is asked for nothing but our address.
    credentials: Option<Credentials>,
    /// Whether they come from a secret that Volley shares with the server.
    is_shared: bool,
    /// Whether no configuration names it, but whoever asks the doctor.
    is_besides: bool,
}

/// What became of asking one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    url: String,
    is_turn: bool,
    is_shared: bool,
    is_besides: bool,
    outcome: Result<Found, Trouble>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    Seen(SocketAddr),
    Relay(Relay),
}

/// All that are configured, and one that was named besides.
pub(super) fn told(config: &Config, besides: Option<&str>) -> Vec<Told> {
    let servers: Vec<Value> = config.get("webrtc.ice_servers");
    let mut told: Vec<Told> = servers.iter().flat_map(of_entry).collect();
    told.extend(besides.and_then(|name| {
        let url = stun_url(name).ok()?;
        Some(Told { server: parse(&url)?, url, credentials: None, is_shared: false, is_besides: true })
    }));
    told
}

/// The URL of a STUN server that a person names by that, or by its place alone.
///
/// # Errors
/// When it is neither, with what it could be.
pub(crate) fn stun_url(name: &str) -> Result<String, String> {
    // Most of them are called stun.SOMETHING, which is no URL yet.
    let is_url = ["stun:", "stuns:"].iter().any(|scheme| name.starts_with(scheme));
    let url = if is_url { name.to_owned() } else { format!("stun:{name}") };
    match parse(&url) {
        Some(server) if !server.host.is_empty() => Ok(url),
        _ => Err(String::from("no server: say HOST, HOST:PORT or [IPv6]:PORT")),
    }
}

fn of_entry(entry: &Value) -> Vec<Told> {
    let text = |name: &str| entry[name].as_str().map(str::to_owned);
    let (is_shared, credentials) = match (text("secret"), text("username"), text("credential")) {
        (Some(secret), ..) => {
            let (username, password) = turn_credentials(&secret, "doctor", unix_now() + CREDENTIALS_SECONDS);
            (true, Some(Credentials { username, password }))
        }
        (None, Some(username), Some(password)) => (false, Some(Credentials { username, password })),
        _ => (false, None),
    };
    let urls = entry["urls"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let one = |url: &str| {
        let credentials = credentials.clone().filter(|_| url.starts_with("turn"));
        Some(Told { url: url.to_owned(), server: parse(url)?, credentials, is_shared, is_besides: false })
    };
    urls.filter_map(one).collect()
}

/// RFC 7064 and RFC 7065. Ports and ways of their own, where the URL says nothing.
fn parse(url: &str) -> Option<Server> {
    let (scheme, rest) = url.split_once(':')?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(host, port)| (host, port.strip_prefix(':')))?,
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let is_secure = scheme.ends_with('s');
    let way = match (is_secure, query) {
        (true, _) => Way::Tls,
        (false, "transport=tcp") => Way::Tcp,
        (false, _) => Way::Udp,
    };
    let usual = if is_secure { 5349 } else { 3478 };
    let port = port.map_or(Some(usual), |port| port.parse().ok())?;
    Some(Server { way, host: host.to_owned(), port })
}

/// Asks all of them at once.
pub(super) async fn ask(told: Vec<Told>) -> Vec<Asked> {
    let mut asking = JoinSet::new();
    for Told { url, server, credentials, is_shared, is_besides } in told {
        asking.spawn(async move {
            let is_turn = credentials.is_some();
            let outcome = match credentials {
                Some(credentials) => allocate(&server, &credentials).await.map(Found::Relay),
                None => reflexive(&server).await.map(Found::Seen),
            };
            Asked { url, is_turn, is_shared, is_besides, outcome }
        });
    }
    let mut asked = asking.join_all().await;
    asked.sort_by(|a, b| a.url.cmp(&b.url));
    asked
}

/// How those who answered see this machine.
pub(super) fn seen(asked: &[Asked]) -> Vec<Seen> {
    let address = |found: &Found| match found {
        Found::Seen(address) => Some(*address),
        Found::Relay(relay) => relay.seen,
    };
    let of = |asked: &Asked| {
        let address = address(asked.outcome.as_ref().ok()?)?.ip().to_canonical();
        // One on this machine sees nothing of the way here.
        (!address.is_loopback()).then(|| Seen { by: asked.url.clone(), address })
    };
    asked.iter().filter_map(of).collect()
}

/// What is wrong with them.
pub(super) fn judge(asked: &[Asked]) -> Vec<Finding> {
    asked.iter().filter_map(judge_one).collect()
}

fn judge_one(Asked { url, is_turn, is_shared, is_besides, outcome }: &Asked) -> Option<Finding> {
    let trouble = match outcome {
        Ok(Found::Relay(relay)) => return inner_address(url, relay),
        Ok(Found::Seen(_)) => return None,
        Err(trouble) => trouble,
    };
    let what = format!("{} {url}: {trouble}", if *is_turn { "TURN" } else { "STUN" });
    let hurt = "whoever reaches nobody without a relay gets no call";
    Some(match trouble {
        Trouble::Unauthorized(_) => {
            Finding::error("turn-credentials", format!("{what}; {hurt}"), credentials_mend(*is_shared))
        }
        Trouble::Untrusted(_) => Finding::error(
            "turn-certificate",
            format!("{what}; {hurt}"),
            "give the server a certificate for the name in the URL that browsers trust (coturn: cert=, pkey=)",
        ),
        Trouble::Refused(486 | 508) => Finding::warning(
            "turn-full",
            format!("{what}: its quota is used up"),
            "coturn: raise user-quota= and total-quota=, and the range min-port= to max-port=",
        ),
        _ if *is_turn => Finding::error("turn-unreachable", format!("{what}; {hurt}"), reach_mend(url)),
        _ if *is_besides => Finding::warning("stun-unreachable", what, OTHER_MEND),
        _ => Finding::warning("stun-unreachable", what, reach_mend(url)),
    })
}

fn credentials_mend(is_shared: bool) -> &'static str {
    if is_shared {
        "give both the same secret: webrtc.ice_servers (VOLLEY_WEBRTC__ICE_SERVERS) secret: S and coturn's \
         use-auth-secret with static-auth-secret=S; and let both clocks be right"
    } else {
        "webrtc.ice_servers: put in username and credential as the server knows them (coturn: user=NAME:PASSWORD, lt-cred-mech)"
    }
}

const OTHER_MEND: &str =
    "see that --stun names its host and port, and that a firewall here lets UDP out; or ask another one";

fn reach_mend(url: &str) -> String {
    format!(
        "see that it runs and its firewall lets this in: its listening port, and UDP 49152-65535 for what is relayed\n\
         or take {url} out of webrtc.ice_servers"
    )
}

/// coturn behind NAT hands out its inner address, unless it is told the outer one.
fn inner_address(url: &str, relay: &Relay) -> Option<Finding> {
    let (relayed, server) = (relay.relayed.ip().to_canonical(), relay.server.ip().to_canonical());
    if is_global(relayed) || !is_global(server) {
        return None;
    }
    Some(Finding::error(
        "turn-inner-address",
        format!("TURN {url} relays at {relayed}, which nobody outside of its network can reach"),
        format!("coturn: external-ip={server}/{relayed}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::testing::configured;
    use super::*;

    fn asked(url: &str, outcome: Result<Found, Trouble>) -> Vec<Asked> {
        let is_turn = url.starts_with("turn");
        vec![Asked { url: url.to_owned(), is_turn, is_shared: true, is_besides: false, outcome }]
    }

    fn relay(relayed: &str, server: &str) -> Found {
        let address = |text: &str| SocketAddr::new(text.parse().unwrap(), 3478);
        Found::Relay(Relay { relayed: address(relayed), seen: None, server: address(server) })
    }

    #[test]
    fn urls_say_where_a_server_is_and_how_it_is_spoken_to() {
        let server = |url| parse(url).map(|Server { way, host, port }| (way, host, port));
        let at = |way, host: &str, port| Some((way, host.to_owned(), port));
        assert_eq!(server("stun:stun.example.org"), at(Way::Udp, "stun.example.org", 3478));
        assert_eq!(server("turn:t.example.org:80?transport=tcp"), at(Way::Tcp, "t.example.org", 80));
        assert_eq!(server("turns:t.example.org?transport=tcp"), at(Way::Tls, "t.example.org", 5349));
        assert_eq!(server("turn:[2001:db8::1]:3479?transport=udp"), at(Way::Udp, "2001:db8::1", 3479));
        assert_eq!(server("turn:[2001:db8::1]"), at(Way::Udp, "2001:db8::1", 3478));
        assert_eq!((server("turn:t:port"), server("nothing")), (None, None));
    }

    #[test]
    fn every_configured_url_is_asked_as_a_browser_would_and_one_besides() {
        let servers = "[{urls: 'stun:a'}, {urls: ['turn:b', 'turns:b:443'], secret: north}, {urls: 'turn:c', username: u, credential: p}]";
        let told = told(&configured(&[("VOLLEY_WEBRTC__ICE_SERVERS", servers)]), Some("d:19302"));
        let urls: Vec<&str> = told.iter().map(|one| &*one.url).collect();
        assert_eq!(urls, ["stun:a", "turn:b", "turns:b:443", "turn:c", "stun:d:19302"]);
        let named =
            |index: usize| told[index].credentials.as_ref().map(|credentials| credentials.username.clone());
        assert!(named(1).unwrap().ends_with(":doctor") && named(3).unwrap() == "u");
        assert_eq!((named(0), named(4)), (None, None));
    }

    #[test]
    fn a_server_that_is_called_after_what_it_does_is_asked_by_its_name() {
        let asked = |name| told(&configured(&[]), Some(name)).pop().map(|one| (one.url, one.server.host));
        let it = Some((String::from("stun:stun.example.org:3478"), String::from("stun.example.org")));
        assert_eq!(asked("stun.example.org:3478"), it);
        assert_eq!(asked("stun:stun.example.org:3478"), it);
    }

    #[test]
    fn what_names_no_server_is_refused() {
        for name in
            ["stun.example.org", "[2001:db8::7]:3478", "stun:192.0.2.7", "stuns:stun.example.org:5349"]
        {
            assert!(stun_url(name).is_ok(), "{name}");
        }
        for name in ["", "stun.example.org:port", "2001:db8::7", "[2001:db8::7", ":3478"] {
            assert!(stun_url(name).is_err(), "{name}");
        }
    }

    #[test]
    fn each_trouble_has_its_mend() {
        let judged = |url: &str, trouble| {
            let finding = judge(&asked(url, Err(trouble))).pop().unwrap();
            (finding.level, finding.check, finding.mend)
        };
        let (level, check, mend) = judged("turn:t", Trouble::Unauthorized(401));
        assert_eq!((level, check), (Level::Error, "turn-credentials"));
        assert!(mend.contains("static-auth-secret=S"), "{mend}");
        assert_eq!(judged("turn:t", Trouble::Silent).1, "turn-unreachable");
        assert_eq!(judged("stun:s", Trouble::Unknown).0, Level::Warning);
        assert_eq!(judged("turn:t", Trouble::Refused(486)).1, "turn-full");
        assert_eq!(judged("turns:t", Trouble::Untrusted(String::from("expired"))).1, "turn-certificate");
    }

    #[test]
    fn what_was_named_for_the_question_alone_is_not_to_be_taken_out_of_the_configuration() {
        let mut silent = asked("stun:s", Err(Trouble::Silent));
        assert!(judge(&silent)[0].mend.contains("webrtc.ice_servers"));
        silent[0].is_besides = true;
        let mend = &judge(&silent)[0].mend;
        assert!(mend.contains("--stun") && !mend.contains("webrtc.ice_servers"), "{mend}");
    }

    #[test]
    fn a_relay_at_an_inner_address_is_found_and_one_in_our_own_network_is_well() {
        let one = |relayed, server| judge(&asked("turn:t", Ok(relay(relayed, server)))).pop();
        let finding = one("10.0.0.5", "9.9.9.9").unwrap();
        assert_eq!(
            (finding.check, &*finding.mend),
            ("turn-inner-address", "coturn: external-ip=9.9.9.9/10.0.0.5")
        );
        assert_eq!((one("9.9.9.9", "9.9.9.9"), one("10.0.0.5", "10.0.0.5")), (None, None));
    }
}
