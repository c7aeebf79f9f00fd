//! The addresses that browsers are told: whether they lead here.

use super::finding::Finding;
use super::{Case, Seen};
use crate::addresses::choose;
use std::net::{IpAddr, Ipv6Addr};

/// What is wrong with them.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let announced: Vec<IpAddr> = case.config.get("server.announce");
    if announced.is_empty() {
        return found(case).into_iter().collect();
    }
    let own = &case.host.addresses;
    announced
        .iter()
        .filter(|address| !own.contains(address))
        .filter_map(|&address| one(case, address))
        .collect()
}

/// An address that is announced and is no interface's: right behind 1:1 NAT, if it is the outer one.
fn one(case: &Case<'_>, address: IpAddr) -> Option<Finding> {
    let what = format!("server.announce tells browsers {address}");
    if is_nowhere(address) {
        let what =
            format!("{what}, which leads nowhere (an address for documentation or for one machine alone)");
        return Some(Finding::error("announce-wrong", what, mend_announced(case, address)));
    }
    let same_family: Vec<&Seen> =
        case.answers.seen.iter().filter(|seen| seen.address.is_ipv6() == address.is_ipv6()).collect();
    if same_family.iter().any(|seen| seen.address == address) {
        return None;
    }
    if let Some(Seen { by, address: seen }) = same_family.first() {
        let what = format!("{what}, but {by} sees this machine at {seen}");
        return Some(Finding::error("announce-wrong", what, mend_announced(case, address)));
    }
    let what =
        format!("{what}, which no interface here has, and no STUN server was asked how the world sees it");
    if !is_global(address) {
        return Some(Finding::warning("announce-wrong", what, mend_announced(case, address)));
    }
    Some(Finding::skipped("announce-unproven", what, "volley doctor --stun HOST:PORT asks one"))
}

fn mend_announced(case: &Case<'_>, wrong: IpAddr) -> String {
    let seen = case.answers.seen.iter().find(|seen| seen.address.is_ipv6() == wrong.is_ipv6());
    let own = case.host.addresses.iter().find(|own| own.is_ipv6() == wrong.is_ipv6());
    match seen.map(|seen| &seen.address).or(own) {
        Some(right) => format!("--announce {right}, in webrtc.yaml server.announce: [\"{right}\"]"),
        None => String::from("--announce with the address at which others reach this machine"),
    }
}

/// Nothing is announced, and browsers are told what the interfaces have.
fn found(case: &Case<'_>) -> Option<Finding> {
    let told = choose(case.host.addresses.clone(), case.config.get("server.host"));
    let outside =
        case.answers.seen.iter().find(|seen| is_global(seen.address) && !told.contains(&seen.address));
    let list = told.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
    if let Some(Seen { by, address }) = outside {
        let what = format!(
            "This machine stands behind NAT: {by} sees it at {address}, and browsers are told {list}, which nobody out \
             there can reach"
        );
        return Some(Finding::warning("behind-nat", what, format!("--announce {address}")));
    }
    if told.iter().any(|&address| is_global(address)) {
        return None;
    }
    let what =
        format!("Browsers are told {list}: enough for this network, but nobody from elsewhere gets here");
    let mend = "where people come from elsewhere: --announce PUBLIC_ADDRESS; volley doctor --stun HOST:PORT finds out which";
    Some(Finding::notice("only-private", what, mend))
}

/// Whether somebody in another network can reach it.
pub(super) fn is_global(address: IpAddr) -> bool {
    let is_of_a_network = match address {
        // RFC 1918, and RFC 6598 for those behind a carrier's NAT.
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            address.is_private() || a == 100 && b & 0xc0 == 64
        }
        IpAddr::V6(address) => address.is_unique_local(),
    };
    !is_of_a_network && !is_nowhere(address)
}

fn is_nowhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_documentation()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
        }
        IpAddr::V6(address) => {
            // RFC 3849.
            let is_documentation = address.segments()[..2] == [0x2001, 0xdb8];
            is_documentation || address.is_unicast_link_local() || address == Ipv6Addr::LOCALHOST
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::testing::Patient;
    use super::*;

    fn seen(patient: &mut Patient, address: &str) {
        let by = String::from("stun:stun.example.org");
        patient.answers.seen.push(Seen { by, address: address.parse().unwrap() });
    }

    fn found(patient: &Patient) -> Option<(Level, &'static str, String)> {
        let mut findings = check(&patient.case());
        assert!(findings.len() < 2, "{findings:?}");
        findings.pop().map(|finding| (finding.level, finding.check, finding.mend))
    }

    #[test]
    fn a_machine_with_a_public_address_is_well_and_one_with_a_private_one_is_told_of_it() {
        let mut patient = Patient::sound();
        assert_eq!(found(&patient).unwrap().1, "only-private");
        patient.host().addresses.push("9.9.9.9".parse().unwrap());
        assert_eq!(found(&patient), None);
    }

    #[test]
    fn behind_nat_the_outer_address_is_to_be_announced() {
        let mut patient = Patient::sound();
        seen(&mut patient, "9.9.9.9");
        assert_eq!(found(&patient), Some((Level::Warning, "behind-nat", String::from("--announce 9.9.9.9"))));
        patient.set("VOLLEY_ANNOUNCE", "9.9.9.9");
        assert_eq!(found(&patient), None);
    }

    #[test]
    fn a_wrong_address_is_told_with_the_right_one() {
        let mut patient = Patient::sound();
        patient.set("VOLLEY_ANNOUNCE", "9.9.9.10");
        assert_eq!(found(&patient).unwrap().1, "announce-unproven");
        seen(&mut patient, "9.9.9.9");
        let (level, check, mend) = found(&patient).unwrap();
        assert_eq!((level, check), (Level::Error, "announce-wrong"));
        assert!(mend.starts_with("--announce 9.9.9.9,"), "{mend}");
    }

    #[test]
    fn addresses_that_lead_nowhere_need_no_stun_server_to_be_found() {
        let mut patient = Patient::sound();
        patient.set("VOLLEY_ANNOUNCE", "203.0.113.7");
        assert_eq!(found(&patient).unwrap().0, Level::Error);
        patient.set("VOLLEY_ANNOUNCE", "10.1.2.3");
        let (level, check, mend) = found(&patient).unwrap();
        assert_eq!((level, check), (Level::Warning, "announce-wrong"));
        assert!(mend.starts_with("--announce 192.168.7.5"), "{mend}");
        patient.set("VOLLEY_ANNOUNCE", "192.168.7.5");
        assert_eq!(found(&patient), None, "its own");
    }

    #[test]
    fn public_addresses_are_told_from_those_of_networks() {
        for (address, is) in [
            ("9.9.9.9", true),
            ("100.64.1.1", false),
            ("100.128.1.1", true),
            ("172.16.0.1", false),
            ("198.51.100.1", false),
            ("2620:fe::9", true),
            ("fd00::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_global(address.parse().unwrap()), is, "{address}");
        }
    }
}
