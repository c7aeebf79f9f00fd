//! What the network card's driver does to trains on their way out and in.

use super::Case;
use super::finding::Finding;

/// A feature that must be on, by its name in `ethtool -k` and in `ethtool -K`.
struct Wanted {
    feature: &'static str,
    short: &'static str,
    check: &'static str,
    without: &'static str,
    /// Whether it is on wherever nobody switched it off; virtual cards come without the other.
    is_usual: bool,
}

const WANTED: [Wanted; 3] = [
    Wanted {
        feature: "generic-segmentation-offload",
        short: "gso",
        check: "gso-off",
        without: "each train is taken apart before it comes to the card, at the price of its packets",
        is_usual: true,
    },
    Wanted {
        feature: "tx-checksumming",
        short: "tx",
        check: "checksum-off",
        without: "kernels refuse trains on such a card, and each packet leaves alone",
        is_usual: true,
    },
    Wanted {
        feature: "generic-receive-offload",
        short: "gro",
        check: "gro-off",
        without: "each packet that comes costs a walk through the kernel of its own",
        is_usual: false,
    },
];

/// Features that are off on the interfaces that lead out.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    interfaces(case).iter().flat_map(|interface| of_interface(case, interface)).collect()
}

/// Those of default routes.
fn interfaces(case: &Case<'_>) -> Vec<String> {
    let routes = case.host.read("proc/net/route").unwrap_or_default();
    let is_default = |line: &str| {
        let mut words = line.split_whitespace();
        let interface = words.next()?;
        (words.next()? == "00000000").then(|| interface.to_owned())
    };
    let mut found: Vec<String> = routes.lines().filter_map(is_default).collect();
    found.sort();
    found.dedup();
    found
}

fn of_interface(case: &Case<'_>, interface: &str) -> Vec<Finding> {
    let Some(features) = (case.host.tool)("ethtool", &["-k", interface]) else {
        let what = format!("The offloads of {interface} were not seen: ethtool is missing, or may not look");
        return vec![Finding::skipped("offloads-unseen", what, "apt-get install ethtool")];
    };
    WANTED.iter().filter_map(|wanted| judge(interface, wanted, &features)).collect()
}

fn judge(interface: &str, wanted: &Wanted, features: &str) -> Option<Finding> {
    let Wanted { feature, short, check, without, is_usual } = wanted;
    let state = features.lines().find_map(|line| line.trim().strip_prefix(feature)?.strip_prefix(':'))?;
    let mut words = state.split_whitespace();
    if words.next()? != "off" {
        return None;
    }
    let what = format!("{feature} of {interface} is off: {without}");
    // The driver has no such thing; there is nothing to switch.
    if words.next() == Some("[fixed]") {
        let mend = "another driver or kind of virtual network card (virtio-net has it)";
        return Some(Finding::notice(check, what, mend));
    }
    let level = if *is_usual { Finding::warning } else { Finding::notice };
    Some(level(check, what, format!("ethtool -K {interface} {short} on")))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::testing::Patient;
    use super::*;

    #[test]
    fn what_is_off_is_told_with_the_command_that_switches_it_on() {
        let mut patient = Patient::sound();
        assert_eq!(check(&patient.case()), []);
        patient.host().tool = |_, _| {
            Some(String::from(
                "tx-checksumming: on\n\ttx-checksum-ipv4: off [fixed]\ngeneric-segmentation-offload: off\n\
                 generic-receive-offload: off\n",
            ))
        };
        let findings = check(&patient.case());
        let told: Vec<_> = findings.iter().map(|one| (one.level, one.check, &*one.mend)).collect();
        assert_eq!(told[0], (Level::Warning, "gso-off", "ethtool -K eth0 gso on"));
        assert_eq!(told[1..], [(Level::Notice, "gro-off", "ethtool -K eth0 gro on")]);
        patient.host().tool = |_, _| Some(String::from("generic-segmentation-offload: off [fixed]\n"));
        assert_eq!(check(&patient.case())[0].level, Level::Notice, "there is nothing to switch on");
    }

    #[test]
    fn without_ethtool_it_says_that_nothing_was_seen() {
        let mut patient = Patient::sound();
        patient.host().tool = |_, _| None;
        assert_eq!(check(&patient.case())[0].level, Level::Skipped);
        patient.write("proc/net/route", "Iface\tDestination\n");
        assert_eq!(check(&patient.case()), [], "nothing leads out");
    }
}
