//! What `nft -j list ruleset` says, and what becomes by it of somebody's first packet to a port. Followed are all
//! ways that the packet may take; what cannot be read here (sets of another place, marks, old matches of iptables) may
//! fit or not.

use super::super::holders::Protocol;
use serde_json::Value;
use std::collections::HashMap;

/// The kernel follows no deeper.
const MOST_JUMPS: u32 = 16;

/// Whoever keeps the rules writes its own over those of others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Keeper {
    Ufw,
    Firewalld,
    Nobody,
}

/// All chains of all tables.
#[derive(Debug)]
pub(super) struct Ruleset(Vec<Chain>);

#[derive(Debug)]
pub(super) struct Chain {
    pub(super) family: String,
    pub(super) table: String,
    pub(super) name: String,
    /// Packets that come in begin here …
    is_first: bool,
    /// … and are let in at its end.
    accepts: bool,
    /// The statements of each rule.
    rules: Vec<Vec<Value>>,
}

/// From anywhere, to a port, before anything was sent there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stranger {
    pub(super) protocol: Protocol,
    pub(super) port: u16,
}

fn text_of<'a>(of: &'a Value, key: &str) -> &'a str {
    of[key].as_str().unwrap_or_default()
}

/// Whether a rule is about a packet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fits {
    No,
    /// If it is from, or to, some few addresses.
    OfFew,
    Perhaps,
    Yes,
}

/// What is known of a packet on its way.
#[derive(Clone, Copy, Debug)]
struct Known {
    fits: Fits,
    /// A rule has named its port.
    is_named: bool,
}

/// What a rule does with a packet that it is about.
#[derive(Debug)]
enum Verdict<'a> {
    Accept,
    Drop,
    Return,
    Jump(&'a str),
    Goto(&'a str),
}

/// What may become of a packet in a chain.
#[derive(Clone, Copy, Debug)]
struct Way {
    lets_in: bool,
    goes_on: bool,
}

impl Ruleset {
    pub(super) fn parse(text: &str) -> Option<Ruleset> {
        // Some versions put a warning before it.
        let all: Value = serde_json::from_str(text.get(text.find('{')?..)?).ok()?;
        let (mut chains, mut places) = (Vec::new(), HashMap::new());
        for one in all["nftables"].as_array()? {
            if let Some(chain) = one.get("chain") {
                places.insert(["family", "table", "name"].map(|key| text_of(chain, key)), chains.len());
                chains.push(Chain::of(chain));
            } else if let Some(rule) = one.get("rule") {
                let chain = *places.get(&["family", "table", "chain"].map(|key| text_of(rule, key)))?;
                chains[chain].rules.push(rule["expr"].as_array().cloned().unwrap_or_default());
            }
        }
        Some(Ruleset(chains))
    }

    /// The chain that drops such a packet whatever else is true of it; of both families before those of IPv6 alone.
    pub(super) fn shut(&self, packet: Stranger) -> Option<&Chain> {
        let first =
            |is_v6: bool| self.0.iter().filter(move |one| one.is_first && (one.family == "ip6") == is_v6);
        first(false).chain(first(true)).find(|chain| {
            let way = self.walk(chain, packet, Known::YES, 0);
            !(way.lets_in || way.goes_on && chain.accepts)
        })
    }

    pub(super) fn keeper(&self, chain: &Chain) -> Keeper {
        let is_ufws = |one: &Chain| one.table == chain.table && one.name.starts_with("ufw");
        if chain.table == "firewalld" {
            Keeper::Firewalld
        } else if self.0.iter().any(is_ufws) {
            Keeper::Ufw
        } else {
            Keeper::Nobody
        }
    }

    fn walk(&self, chain: &Chain, packet: Stranger, known: Known, depth: u32) -> Way {
        // It may have left the chain, to go on behind the jump that led here.
        let mut has_left = false;
        for (own, verdict) in chain.rules.iter().flat_map(|rule| branches(rule, packet)) {
            let (all, is_sure) = (own.and(known), own.fits == Fits::Yes);
            let enter = |to: &str| self.enter((chain, to), packet, all, depth);
            match verdict {
                _ if own.fits == Fits::No => {}
                Verdict::Accept if all.is_let_in() => return Way { lets_in: true, goes_on: has_left },
                Verdict::Drop if is_sure => return Way { lets_in: false, goes_on: has_left },
                Verdict::Accept | Verdict::Drop => {}
                Verdict::Return if is_sure => return Way { lets_in: false, goes_on: true },
                Verdict::Return => has_left = true,
                Verdict::Jump(to) => {
                    let way = enter(to);
                    if way.lets_in || is_sure && !way.goes_on {
                        return Way { goes_on: has_left, ..way };
                    }
                }
                Verdict::Goto(to) => {
                    let way = enter(to);
                    has_left |= way.goes_on;
                    if way.lets_in || is_sure {
                        return Way { goes_on: has_left, ..way };
                    }
                }
            }
        }
        Way { lets_in: false, goes_on: true }
    }

    fn enter(&self, (from, to): (&Chain, &str), packet: Stranger, known: Known, depth: u32) -> Way {
        let is_it =
            |one: &&Chain| (&*one.family, &*one.table, &*one.name) == (&*from.family, &*from.table, to);
        match self.0.iter().find(is_it).filter(|_| depth < MOST_JUMPS) {
            Some(chain) => self.walk(chain, packet, known, depth + 1),
            None => Way { lets_in: true, goes_on: true },
        }
    }
}

impl Chain {
    fn of(chain: &Value) -> Chain {
        let [family, table, name] = ["family", "table", "name"].map(|key| text_of(chain, key).to_owned());
        let is_of_ip = matches!(&*family, "inet" | "ip" | "ip6");
        let is_first = is_of_ip && chain["hook"] == "input" && chain["type"] == "filter";
        Chain { family, table, name, is_first, accepts: chain["policy"] != "drop", rules: Vec::new() }
    }
}

impl Known {
    const YES: Known = Known { fits: Fits::Yes, is_named: false };
    const PERHAPS: Known = Known { fits: Fits::Perhaps, is_named: false };
    const NO: Known = Known { fits: Fits::No, is_named: false };

    fn and(self, other: Known) -> Known {
        Known { fits: self.fits.min(other.fits), is_named: self.is_named || other.is_named }
    }

    /// Whether a rule that accepts is for people at large; whoever names the port for some few means it so.
    fn is_let_in(self) -> bool {
        self.is_named || self.fits > Fits::OfFew
    }
}

/// What a rule may do, and whether it is about the packet. A map of verdicts does one of several things.
fn branches(rule: &[Value], packet: Stranger) -> Vec<(Known, Verdict<'_>)> {
    let mut about = Known::YES;
    for statement in rule {
        if let Some(verdict) = verdict(statement) {
            return vec![(about, verdict)];
        }
        if let Some(map) = statement.get("vmap") {
            return mapped(map, about, packet);
        }
        about = about.and(judge(statement, packet));
    }
    Vec::new()
}

fn verdict(statement: &Value) -> Option<Verdict<'_>> {
    let (key, value) = statement.as_object()?.iter().next()?;
    match key.as_str() {
        "accept" | "queue" => Some(Verdict::Accept),
        "drop" | "reject" => Some(Verdict::Drop),
        "return" => Some(Verdict::Return),
        "jump" => Some(Verdict::Jump(value["target"].as_str()?)),
        "goto" => Some(Verdict::Goto(value["target"].as_str()?)),
        "xt" if value["type"] == "target" && value["name"] == "REJECT" => Some(Verdict::Drop),
        _ => None,
    }
}

fn mapped<'a>(map: &'a Value, about: Known, packet: Stranger) -> Vec<(Known, Verdict<'a>)> {
    let Some(pairs) = map["data"]["set"].as_array() else { return vec![(about, Verdict::Accept)] };
    let branch = |pair: &'a Value| {
        let known = compare(&map["key"], "==", pair.get(0)?, packet);
        Some((about.and(known), verdict(pair.get(1)?)?))
    };
    pairs.iter().filter_map(branch).collect()
}

fn judge(statement: &Value, packet: Stranger) -> Known {
    let Some((key, value)) = statement.as_object().and_then(|one| one.iter().next()) else {
        return Known::PERHAPS;
    };
    match key.as_str() {
        "match" => compare(&value["left"], value["op"].as_str().unwrap_or("=="), &value["right"], packet),
        "counter" | "log" | "mangle" | "notrack" | "comment" => Known::YES,
        "xt" if value["type"] == "target" => Known::YES,
        _ => Known::PERHAPS,
    }
}

/// Whether something of the packet (`left`) is as a rule says.
fn compare(left: &Value, op: &str, right: &Value, packet: Stranger) -> Known {
    if let Some(masked) = left.get("&").and_then(|both| both.get(0)) {
        let fits = compare(masked, op, right, packet).fits;
        return Known { fits: fits.min(Fits::Perhaps), is_named: false };
    }
    let (protocol, key) = subject(left);
    let is_other =
        matches!(protocol, "tcp" | "udp") && !protocol.eq_ignore_ascii_case(packet.protocol.name());
    let fits = match (protocol, key) {
        _ if is_other => return Known::NO,
        ("icmp" | "icmpv6" | "igmp" | "sctp" | "dccp" | "esp" | "ah" | "gre", _) => return Known::NO,
        ("tcp" | "udp" | "th", "dport") => among(right, &|one| is_port(one, packet.port)),
        ("meta", "l4proto") | ("ip", "protocol") | ("ip6", "nexthdr") => {
            among(right, &|one| Some(is_protocol(one, packet.protocol)))
        }
        ("meta", "iif" | "iifname") => among(right, &|one| (one == "lo").then_some(false)),
        ("ct", "state") => among(right, &|one| Some(one == "new")),
        ("ct", "status") => among(right, &|one| (one == "dnat").then_some(false)),
        ("ip" | "ip6" | "ether", "saddr" | "daddr") | ("tcp" | "udp" | "th", "sport") if op != "!=" => {
            Fits::OfFew
        }
        _ => Fits::Perhaps,
    };
    let fits = match (op, fits) {
        ("==" | "in", _) | (_, Fits::Perhaps) => fits,
        ("!=", Fits::Yes) => Fits::No,
        ("!=", Fits::No) => Fits::Yes,
        _ => Fits::Perhaps,
    };
    Known { fits, is_named: key == "dport" && fits > Fits::No && op != "!=" }
}

/// What a rule looks at: a protocol's field, or what the kernel knows.
fn subject(left: &Value) -> (&str, &str) {
    if let Some(payload) = left.get("payload") {
        return (text_of(payload, "protocol"), text_of(payload, "field"));
    }
    let known = |of: &'static str| left.get(of).map(|one| (of, text_of(one, "key")));
    known("meta").or_else(|| known("ct")).unwrap_or_default()
}

/// Whether one of several values is the one. Those of a named set are not looked up.
fn among(values: &Value, is_it: &dyn Fn(&Value) -> Option<bool>) -> Fits {
    let several = values.get("set").unwrap_or(values).as_array();
    if let Some(several) = several {
        return several.iter().map(|one| among(one, is_it)).max().unwrap_or(Fits::No);
    }
    let one = values.get("elem").map_or(values, |elem| &elem["val"]);
    if one.as_str().is_some_and(|name| name.starts_with('@')) {
        return Fits::Perhaps;
    }
    match is_it(one) {
        Some(true) => Fits::Yes,
        Some(false) => Fits::No,
        None => Fits::Perhaps,
    }
}

fn is_port(value: &Value, port: u16) -> Option<bool> {
    if let Some(range) = value.get("range") {
        return Some((range[0].as_u64()?..=range[1].as_u64()?).contains(&port.into()));
    }
    // Else it is the name of a service.
    Some(value.as_u64()? == u64::from(port))
}

fn is_protocol(value: &Value, protocol: Protocol) -> bool {
    let (name, number) = match protocol {
        Protocol::Tcp => ("tcp", 6),
        Protocol::Udp => ("udp", 17),
    };
    value == name || value == number
}
