//! The packet filter of this machine: whether it lets in what comes to Volley's ports, as far as its rules say so
//! plainly. What stands between this machine and the world only somebody out there can tell (`/check`, `--stun`).

mod ruleset;

use super::Case;
use super::finding::Finding;
use super::holders::Protocol;
use super::ports::{Wanted, wanted};
use ruleset::{Chain, Keeper, Ruleset, Stranger};

/// Ports that are shut whichever way somebody's packet takes through the rules.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    // Only root is told the rules.
    let rules = (case.host.tool)("nft", &["-j", "list", "ruleset"]);
    let Some(rules) = rules.and_then(|rules| Ruleset::parse(&rules)) else { return Vec::new() };
    let of_people = |wanted: &Wanted| wanted.flag != "--metrics-port";
    let filtered = |wanted: &Wanted| {
        let chain = rules.shut(Stranger { protocol: wanted.protocol, port: wanted.port })?;
        Some(filtered(chain, rules.keeper(chain), wanted))
    };
    wanted(case).iter().filter(|one| of_people(one)).filter_map(filtered).collect()
}

fn filtered(chain: &Chain, keeper: Keeper, Wanted { protocol, port, .. }: &Wanted) -> Finding {
    let Chain { family, table, name, .. } = chain;
    let of = if family == "ip6" { " over IPv6" } else { "" };
    let what = format!(
        "The packet filter drops what comes to {} port {port} (chain {family} {table} {name}): nobody reaches it{of}",
        protocol.name()
    );
    let word = word(*protocol);
    let mend = match keeper {
        Keeper::Ufw => format!("ufw allow {port}/{word}"),
        Keeper::Firewalld => {
            format!("firewall-cmd --permanent --add-port={port}/{word} && firewall-cmd --reload")
        }
        // Before others: behind one that drops the rest a rule does nothing.
        Keeper::Nobody => format!(
            "nft insert rule {family} {table} {name} {word} dport {port} accept\nand write it where your rules stand, \
             so that it is there after a restart of the machine"
        ),
    };
    Finding::warning("port-filtered", what, mend)
}

fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

#[cfg(test)]
mod tests;
