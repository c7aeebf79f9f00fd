//! The packet filter of this machine: whether it lets in what comes to Volley's ports, as far as its rules say so
//! plainly. What stands between this machine and the world only somebody out there can tell (`/check`, `--stun`).

use super::Case;
use super::finding::Finding;
use super::holders::Protocol;
use super::ports::{Wanted, wanted};

/// Ports that no rule lets in, where all that none lets in is dropped.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    // Only root is told the rules.
    let Some(rules) = (case.host.tool)("nft", &["list", "ruleset"]) else { return Vec::new() };
    let Some(chain) = closed_chain(&rules) else { return Vec::new() };
    let of_people = |wanted: &Wanted| wanted.flag != "--metrics-port";
    let shut = |wanted: &Wanted| !rules.lines().any(|rule| may_let_in(rule, wanted));
    wanted(case).iter().filter(|one| of_people(one) && shut(one)).map(|one| filtered(&chain, one)).collect()
}

fn filtered(chain: &str, Wanted { protocol, port, .. }: &Wanted) -> Finding {
    let (name, word) = (protocol.name(), word(*protocol));
    Finding::warning(
        "port-filtered",
        format!(
            "The packet filter drops what no rule of it lets in (chain {chain}), and none names {name} port {port}: \
             nobody reaches it"
        ),
        format!("nft add rule {chain} {word} dport {port} accept\nor: ufw allow {port}/{word}"),
    )
}

fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

/// The first chain of what comes in that drops the rest: its family, table and name.
fn closed_chain(rules: &str) -> Option<String> {
    let (mut table, mut chain) = ("", "");
    for line in rules.lines().map(str::trim) {
        let named = |kind: &str| line.strip_prefix(kind).and_then(|rest| rest.strip_suffix(" {"));
        if let Some(name) = named("table ") {
            table = name;
        } else if let Some(name) = named("chain ") {
            chain = name;
        } else if line.contains("hook input") && line.contains("policy drop") {
            return Some(format!("{table} {chain}"));
        }
    }
    None
}

/// Whether a rule lets some of it in, or may, for all that can be read of it.
fn may_let_in(rule: &str, Wanted { protocol, port, .. }: &Wanted) -> bool {
    if rule.contains(" hook ") {
        return false;
    }
    if let Some((head, ports)) = rule.split_once("dport ") {
        let other = match protocol {
            Protocol::Tcp => "udp ",
            Protocol::Udp => "tcp ",
        };
        return !head.ends_with(other) && may_name(ports, *port);
    }
    let is_of_few = ["saddr", "sport", "daddr", "\"lo\"", "icmp"].iter().any(|word| rule.contains(word));
    let is_of_known = rule.contains("established") && !rule.contains("new");
    rule.contains("accept") && !is_of_few && !is_of_known
}

/// Whether the port is among those that stand there, alone, in a range or in a list. Sets and maps of another place are
/// not looked up.
fn may_name(ports: &str, port: u16) -> bool {
    if ports.starts_with(['@', '!']) || ports.starts_with("vmap") {
        return true;
    }
    let list = ports.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(list, _)| list);
    let one = || ports.split_whitespace().next().unwrap_or_default();
    list.unwrap_or_else(one).split(',').any(|part| {
        let (from, to) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
        // A name of a service, or something newer than this, may be it.
        let (Ok(from), Ok(to)) = (from.parse::<u16>(), to.parse::<u16>()) else { return true };
        (from..=to).contains(&port)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Patient;
    use super::*;

    fn found(rules: fn(&str, &[&str]) -> Option<String>) -> Vec<String> {
        let mut patient = Patient::sound();
        patient.set("VOLLEY_UDP_PORT", "50000");
        patient.set("VOLLEY_ICE_TCP", "false");
        patient.host().tool = rules;
        check(&patient.case())
            .into_iter()
            .map(|finding| format!("{} {}", finding.check, finding.mend))
            .collect()
    }

    /// A chain with one more rule.
    fn with(rule: &str) -> String {
        format!(
            "table inet filter {{\n\tchain input {{\n\t\ttype filter hook input priority filter; policy drop;\n\
             \t\tct state established,related accept\n\t\tiifname \"lo\" accept\n\t\ttcp dport {{ 22, 50000 }} accept\n\
             \t\ticmp type echo-request accept\n\t\t{rule}\n\t}}\n\n\tchain output {{\n\
             \t\ttype filter hook output priority filter; policy accept;\n\t}}\n}}\n"
        )
    }

    #[test]
    fn a_port_that_no_rule_names_is_found_with_the_rule_that_lets_it_in() {
        let found = found(|_, _| Some(with("udp dport 53 accept")));
        let mend =
            "port-filtered nft add rule inet filter input udp dport 50000 accept\nor: ufw allow 50000/udp";
        assert_eq!(found, [mend]);
    }

    #[test]
    fn ports_are_let_in_alone_in_lists_in_ranges_and_by_what_cannot_be_read() {
        let wanted = Wanted { protocol: Protocol::Udp, port: 50_000, flag: "--udp-port", without: None };
        for rule in [
            "udp dport 50000 accept",
            "udp dport { 53, 40000-60000 } counter packets 0 bytes 0 accept",
            "meta l4proto { tcp, udp } th dport 50000 accept",
            "udp dport @media accept",
            "udp dport != 25 accept",
            "udp dport vmap { 50000 : accept }",
            "iifname \"eth0\" accept",
            "meta l4proto udp xt match \"multiport\" accept",
            "ct state new accept",
        ] {
            assert!(may_let_in(rule, &wanted), "{rule}");
        }
        for rule in [
            "udp dport 5000 accept",
            "tcp dport 50000 accept",
            "udp dport { 53, 40000-49999 } accept",
            "ip saddr 10.0.0.0/8 accept",
            "ct state established,related accept",
            "type filter hook input priority filter; policy accept;",
        ] {
            assert!(!may_let_in(rule, &wanted), "{rule}");
        }
    }

    #[test]
    fn an_open_filter_and_one_that_cannot_be_read_are_no_fault() {
        assert_eq!(found(|_, _| None), Vec::<String>::new());
        assert_eq!(found(|_, _| Some(String::new())), Vec::<String>::new());
        let open = |_: &str, _: &[&str]| Some(with("").replace("policy drop", "policy accept"));
        assert_eq!(found(open), Vec::<String>::new());
    }
}
