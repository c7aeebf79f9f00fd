//! What a key may be, and how its values are read, checked and described.

use super::yaml::Node;
use ipnet::IpNet;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// What a key may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Bool,
    Number {
        least: u64,
        most: u64,
    },
    WordOrNumber {
        words: &'static [&'static str],
        least: u64,
        most: u64,
    },
    Word(&'static [&'static str]),
    Text,
    /// Of HTTP; or nothing.
    Url,
    /// `HOST:PORT`, for who connects there; or nothing.
    Place,
    /// What of the log is written.
    LogLevel,
    /// A number of milliseconds, or a word.
    Gathering,
    Address,
    Addresses,
    /// Networks such as 10.0.0.0/8, or single addresses.
    Networks,
    /// Names of hosts that others can look up.
    Hosts,
    /// Of pages: scheme, host and port.
    Origins,
    /// The name of a header.
    Header,
    /// Texts of so many characters at least, which are never shown.
    Secrets {
        least: usize,
    },
    IceServers,
    /// With the names that there are.
    Codecs(&'static [&'static str]),
}

/// Beyond this, packets wait longer than it takes to speak a syllable's start.
const MOST_GATHERING_MS: f64 = 20.0;
/// Each stands in every `joined`, and browsers complain about more than a handful.
const MOST_ICE_SERVERS: usize = 16;

impl Kind {
    /// The value as it is used; or what would be allowed.
    pub(crate) fn accept(self, value: &Value) -> Result<Value, String> {
        let taken = match self {
            Kind::Bool => value.is_boolean().then(|| value.clone()),
            Kind::Number { least, most } => number(value, least, most),
            Kind::WordOrNumber { words, least, most } => {
                word(value, words).or_else(|| number(value, least, most))
            }
            Kind::Word(words) => word(value, words),
            Kind::Text => text(value).map(Value::String),
            Kind::Url => url(value),
            Kind::Place => place(value),
            Kind::LogLevel => log_level(value),
            Kind::Gathering => word(value, &["auto", "off"]).or_else(|| {
                value.as_f64().filter(|ms| (0.0..=MOST_GATHERING_MS).contains(ms)).map(Value::from)
            }),
            Kind::Address => address(value),
            Kind::Addresses => each(value, announced),
            Kind::Networks => each(value, network),
            Kind::Hosts => each(value, host),
            Kind::Origins => each(value, origin),
            Kind::Header => header(value),
            Kind::Secrets { least } => each(value, |one| secret(one, least)),
            Kind::IceServers => return ice_servers(value),
            Kind::Codecs(names) => return codecs(value, names),
        };
        taken.ok_or_else(|| self.allowed())
    }

    /// The value of a variable or a flag.
    pub(crate) fn read(self, text: &str) -> Result<Value, String> {
        let value = match self {
            Kind::Text | Kind::Word(_) | Kind::Address | Kind::Header => Value::from(text),
            Kind::Url | Kind::Place | Kind::LogLevel => Value::from(text),
            Kind::Addresses | Kind::Networks | Kind::Hosts | Kind::Origins | Kind::Secrets { .. }
                if !text.trim_start().starts_with('[') =>
            {
                list(text)
            }
            _ => Node::read(text).map_err(|_| self.allowed())?.value(),
        };
        self.accept(&value)
    }

    /// What is allowed, to follow "allowed is".
    pub(crate) fn allowed(self) -> String {
        let range = |least: u64, most: u64| format!("a whole number from {least} to {most}");
        match self {
            Kind::Bool => String::from("true or false"),
            Kind::Number { least, most } => range(least, most),
            Kind::WordOrNumber { words, least, most } => {
                format!("{} or {}", words.join(" or "), range(least, most))
            }
            Kind::Word(words) => words.join(" or "),
            Kind::Text => String::from("a text"),
            Kind::Url => String::from("an address such as https://app.example.org/hooks, or nothing"),
            Kind::Place => String::from("HOST:PORT, such as 10.0.0.9:9300, or nothing"),
            Kind::LogLevel => format!(
                "{}, or such levels of parts of it, as in info,volley::worker=debug",
                crate::logging::LEVELS.join(" or ")
            ),
            Kind::Gathering => format!("auto, off or milliseconds from 0 to {MOST_GATHERING_MS}"),
            Kind::Address => String::from("an IPv4 or IPv6 address"),
            Kind::Addresses => String::from(
                "a list of IPv4 or IPv6 addresses; names are not looked up, since browsers are told addresses",
            ),
            Kind::Networks => String::from("a list of addresses and networks such as 10.0.0.0/8"),
            Kind::Hosts => String::from(
                "a list of names such as sfu.example.org, without * and without addresses: each is proven by reaching it",
            ),
            Kind::Origins => String::from("a list of origins such as https://app.example.org, or *"),
            Kind::Header => String::from("the name of a header, such as X-Auth-Token"),
            Kind::Secrets { least } => format!(
                "a list of texts with at least {least} characters each; `openssl rand -hex 32` makes one"
            ),
            Kind::IceServers => format!(
                "a list of at most {MOST_ICE_SERVERS} entries such as {{ urls: [\"stun:stun.example.org:3478\"] }} or \
                 {{ urls: [\"turn:turn.example.org:3478\"], secret: \"…\" }}, or with username and credential instead of \
                 the secret"
            ),
            Kind::Codecs(names) => format!(
                "a list with at least one entry such as {{ name: \"{}\", priority: 100 }}, each name once and one of {}, \
                 the priority a whole number from 0 to 1000",
                names[0],
                names.join(", ")
            ),
        }
    }

    /// Whether its values are kept out of what people read.
    pub(crate) fn is_secret(self) -> bool {
        // An address may hold a password, and one that is not understood cannot be shown without it.
        matches!(self, Kind::Secrets { .. } | Kind::IceServers | Kind::Url)
    }

    /// How the value of a flag is called in `--help`.
    pub(crate) fn placeholder(self) -> &'static str {
        match self {
            Kind::Bool => "BOOL",
            Kind::Number { .. } | Kind::WordOrNumber { .. } => "NUMBER",
            Kind::Gathering => "MS",
            Kind::Address | Kind::Addresses => "ADDRESS",
            Kind::Word(_) => "WORD",
            Kind::LogLevel => "LEVEL",
            Kind::Place => "HOST:PORT",
            Kind::Text => "TEXT",
            Kind::Networks
            | Kind::Hosts
            | Kind::Origins
            | Kind::Secrets { .. }
            | Kind::IceServers
            | Kind::Codecs(_) => "LIST",
            Kind::Header => "NAME",
            Kind::Url => "URL",
        }
    }
}

fn number(value: &Value, least: u64, most: u64) -> Option<Value> {
    value.as_u64().filter(|number| (least..=most).contains(number)).map(Value::from)
}

fn word(value: &Value, words: &[&str]) -> Option<Value> {
    // YAML 1.1 calls `off` false, and who writes it without quotes means the word.
    let said = match value {
        Value::Bool(false) => "off",
        other => other.as_str()?,
    };
    words.contains(&said).then(|| Value::from(said))
}

/// A number or a truth value is a text, too, for who left out the quotes.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn address(value: &Value) -> Option<Value> {
    let address: IpAddr = value.as_str()?.parse().ok()?;
    Some(Value::from(address.to_string()))
}

/// An address that somebody else can reach.
fn announced(value: &Value) -> Option<Value> {
    let address: IpAddr = value.as_str()?.parse().ok()?;
    let is_one = !address.is_unspecified() && !address.is_multicast();
    is_one.then(|| Value::from(address.to_canonical().to_string()))
}

fn network(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse::<IpNet>().ok().or_else(alone)?;
    Some(Value::from(network.trunc().to_string()))
}

/// RFC 1123 §2.1, and with a dot in it: nobody outside can look up another one.
fn host(value: &Value) -> Option<Value> {
    let text = value.as_str()?.to_ascii_lowercase();
    let is_label = |label: &str| {
        let is_plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (1..=63).contains(&label.len()) && is_plain && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_name = text.len() <= 253 && text.contains('.') && text.split('.').all(is_label);
    (is_name && text.parse::<IpAddr>().is_err()).then(|| Value::from(text))
}

/// RFC 6454 §6.2: no path behind it, or no browser would ever send it.
fn origin(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    let is_origin = text.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty() && !rest.is_empty() && !rest.contains(['/', '?', '#', ' ', '*'])
    });
    (text == "*" || is_origin).then(|| Value::from(text))
}

fn url(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let is_url = rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with(['/', '?', '#']) && !rest.contains(|c: char| c.is_whitespace())
    });
    (text.is_empty() || is_url).then(|| Value::from(text))
}

fn place(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let is_place = port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port != 0));
    (text.is_empty() || is_place).then(|| Value::from(text))
}

/// YAML 1.1 calls `off` false.
fn log_level(value: &Value) -> Option<Value> {
    let said = word(value, &["off"]).or_else(|| text(value).map(Value::from))?;
    crate::logging::is_level(said.as_str()?).then_some(said)
}

/// RFC 9110 §5.1: a token.
fn header(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (!text.is_empty() && text.bytes().all(plain)).then(|| Value::from(text))
}

/// What a header can carry, so that a key can be shown at all.
fn secret(value: &Value, least: usize) -> Option<Value> {
    let text = value.as_str()?;
    (text.len() >= least && text.bytes().all(|b| b.is_ascii_graphic())).then(|| Value::from(text))
}

fn each(value: &Value, item: impl Fn(&Value) -> Option<Value>) -> Option<Value> {
    value.as_array()?.iter().map(item).collect::<Option<Vec<_>>>().map(Value::Array)
}

fn list(text: &str) -> Value {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect()
}

fn ice_servers(value: &Value) -> Result<Value, String> {
    let allowed = || Kind::IceServers.allowed();
    let entries = value.as_array().filter(|entries| entries.len() <= MOST_ICE_SERVERS).ok_or_else(allowed)?;
    entries.iter().map(|entry| ice_server(entry).ok_or_else(allowed)).collect()
}

/// What opens a TURN server: a pair for everybody, or the secret that pairs are made with.
const ICE_SECRETS: [&str; 3] = ["username", "credential", "secret"];

fn ice_server(entry: &Value) -> Option<Value> {
    let fields = entry.as_object()?;
    if fields.keys().any(|name| name != "urls" && !ICE_SECRETS.contains(&name.as_str())) {
        return None;
    }
    let urls = match fields.get("urls")? {
        Value::String(url) => vec![url.clone()],
        many => many.as_array()?.iter().map(|url| url.as_str().map(str::to_owned)).collect::<Option<_>>()?,
    };
    if urls.is_empty() || !urls.iter().all(|url| is_ice_url(url)) {
        return None;
    }
    let is_turn = urls.iter().any(|url| url.starts_with("turn"));
    let secrets = ICE_SECRETS.map(|name| fields.get(name).and_then(text).filter(|text| !text.is_empty()));
    // A browser throws at a TURN server without a pair.
    let is_open = matches!(secrets, [Some(_), Some(_), None] | [None, None, Some(_)]);
    if is_turn && !is_open {
        return None;
    }
    let mut server = Map::from_iter([(String::from("urls"), json!(urls))]);
    for (name, secret) in ICE_SECRETS.into_iter().zip(secrets) {
        server.extend(secret.map(|secret| (name.to_owned(), Value::from(secret))));
    }
    Some(Value::Object(server))
}

/// RFC 7064 and RFC 7065, as far as a header can carry it.
fn is_ice_url(url: &str) -> bool {
    let rest = ["stun:", "stuns:", "turn:", "turns:"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let is_plain = |b: u8| b.is_ascii_graphic() && !b"<>\"".contains(&b);
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_plain))
}

fn codecs(value: &Value, names: &'static [&'static str]) -> Result<Value, String> {
    let allowed = || Kind::Codecs(names).allowed();
    let entries = value.as_array().filter(|entries| !entries.is_empty()).ok_or_else(allowed)?;
    let mut taken: Vec<Value> = Vec::new();
    for entry in entries {
        let known = codec(entry, names).filter(|one| taken.iter().all(|other| other["name"] != one["name"]));
        taken.push(known.ok_or_else(allowed)?);
    }
    Ok(Value::Array(taken))
}

fn codec(entry: &Value, names: &[&'static str]) -> Option<Value> {
    let fields = entry.as_object()?;
    if fields.keys().any(|name| !["name", "priority"].contains(&name.as_str())) {
        return None;
    }
    let said = fields.get("name")?.as_str()?;
    let name = names.iter().find(|name| name.eq_ignore_ascii_case(said))?;
    let priority = fields
        .get("priority")
        .map_or(Some(100), |priority| priority.as_u64().filter(|priority| *priority <= 1000))?;
    Some(json!({ "name": name, "priority": priority }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_wait_within_bounds() {
        for word in ["auto", "off", "0", "2.5", "20"] {
            assert!(Kind::Gathering.read(word).is_ok(), "{word}");
        }
        for word in ["21", "-1", "soon", "[1]"] {
            assert!(Kind::Gathering.read(word).is_err(), "{word}");
        }
    }

    #[test]
    fn several_addresses_stand_with_commas_between_them_or_as_a_list() {
        let two = json!(["203.0.113.7", "2001:db8::7"]);
        assert_eq!(Kind::Addresses.read("203.0.113.7, 2001:db8::7"), Ok(two.clone()));
        assert_eq!(Kind::Addresses.read("['203.0.113.7', '2001:db8::7']"), Ok(two));
        for wrong in ["203.0.113", "sfu.example.org", "0.0.0.0", "ff02::1", "203.0.113.7:80"] {
            assert!(Kind::Addresses.read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn networks_origins_headers_and_secrets_are_what_they_say() {
        assert_eq!(Kind::Networks.read("10.1.2.3/8, ::1"), Ok(json!(["10.0.0.0/8", "::1/128"])));
        assert!(Kind::Networks.read("10.0.0.0/33").is_err());
        assert!(Kind::Origins.read("https://a.example:8443,*").is_ok());
        for wrong in ["a.example", "https://a.example/", "https://*.example"] {
            assert!(Kind::Origins.read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            Kind::Hosts.read("SFU.example.org, b.example"),
            Ok(json!(["sfu.example.org", "b.example"]))
        );
        for wrong in ["localhost", "192.0.2.1", "*.example.org", "a..b", "-a.example", "https://a.example"] {
            assert!(Kind::Hosts.read(wrong).is_err(), "{wrong}");
        }
        assert!(Kind::Header.read("X-Auth-Token").is_ok() && Kind::Header.read("X Auth").is_err());
        let secrets = Kind::Secrets { least: 16 };
        assert!(secrets.read("0123456789abcdef,fedcba9876543210").is_ok());
        assert!(secrets.read("0123456789abcde").is_err() && secrets.read("0123456789 abcdef").is_err());
    }

    #[test]
    fn a_turn_server_without_credentials_is_refused_because_browsers_throw_at_it() {
        assert!(Kind::IceServers.read("[{urls: 'stun:stun.example.org'}]").is_ok());
        assert!(Kind::IceServers.read("[{urls: 'turn:turn.example.org'}]").is_err());
        assert!(
            Kind::IceServers.read("[{urls: ['turn:turn.example.org'], username: u, credential: 7}]").is_ok()
        );
        let one = json!([{ "urls": ["turn:turn.example.org"], "secret": "north" }]);
        assert_eq!(Kind::IceServers.read("[{urls: 'turn:turn.example.org', secret: north}]"), Ok(one));
        for wrong in [
            "[{url: 'stun:a'}]",
            "[{urls: 'http://a'}]",
            "[{urls: []}]",
            "stun:a",
            "[{urls: 'stun:'}]",
            "[{urls: 'stun:a>b'}]",
            "[{urls: 'turn:a', secret: s, username: u}]",
            "[{urls: 'turn:a', secret: ''}]",
        ] {
            assert!(Kind::IceServers.read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn codecs_are_known_by_any_spelling_of_their_name_and_stand_once() {
        let kind = Kind::Codecs(&["VP8", "H264"]);
        assert_eq!(kind.read("[{name: vp8}]"), Ok(json!([{ "name": "VP8", "priority": 100 }])));
        for wrong in
            ["[]", "[{name: theora}]", "[{name: VP8}, {name: vp8}]", "[{name: VP8, priority: high}]", "[VP8]"]
        {
            assert!(kind.read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_connects_and_what_is_logged_is_understood_before_it_is_needed() {
        for fine in ["", "10.0.0.9:9300", "recorder.example.org:9300", "[2001:db8::9]:9300"] {
            assert!(Kind::Place.read(fine).is_ok(), "{fine}");
        }
        for wrong in ["10.0.0.9", ":9300", "10.0.0.9:0", "10.0.0.9:http", "10.0.0.9:70000"] {
            assert!(Kind::Place.read(wrong).is_err(), "{wrong}");
        }
        for fine in ["info", "DEBUG", "off", "info,volley::worker=debug", "volley_signaling=trace", "2"] {
            assert!(Kind::LogLevel.read(fine).is_ok(), "{fine}");
        }
        for wrong in ["inof", "", "warning", "info,loud", "volley=loud"] {
            assert!(Kind::LogLevel.read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn metrics_have_a_port_or_are_off() {
        let kind = Kind::WordOrNumber { words: &["auto", "off"], least: 0, most: 65_535 };
        assert_eq!(kind.read("off"), Ok(json!("off")));
        assert_eq!(kind.accept(&json!(false)), Ok(json!("off")), "YAML's off without quotes");
        assert_eq!(kind.read("9100"), Ok(json!(9100)));
        assert!(kind.read("70000").is_err());
    }
}
