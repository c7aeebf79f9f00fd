//! Rules as `nft -j list ruleset` (1.0.6) shows them: those that ufw and firewalld make, and some written by hand.

use super::super::testing::Patient;
use super::*;
use serde_json::{Value, json};

const UFW: &str = include_str!("ufw.json");
const FIREWALLD: &str = include_str!("firewalld.json");
const PLAIN: &str = include_str!("plain.json");

const UDP: Stranger = Stranger { protocol: Protocol::Udp, port: 50_000 };

fn stranger(protocol: Protocol, port: u16) -> Stranger {
    Stranger { protocol, port }
}

/// What is found, of UDP at 50000 and TCP at 8080, with what mends it.
fn found(tool: fn(&str, &[&str]) -> Option<String>) -> Vec<String> {
    let mut patient = Patient::sound();
    patient.set("VOLLEY_UDP_PORT", "50000");
    patient.set("VOLLEY_ICE_TCP", "false");
    patient.host().tool = tool;
    let line =
        |finding: Finding| format!("{} {}", finding.check, finding.mend.lines().next().unwrap_or_default());
    check(&patient.case()).into_iter().map(line).collect()
}

/// By whom it is shut.
fn shut(rules: &str, packet: Stranger) -> Option<String> {
    let rules = Ruleset::parse(rules).expect("it can be read");
    rules.shut(packet).map(|chain| chain.name.clone())
}

/// A ruleset with one rule more.
fn with(rules: &str, [family, table, chain]: [&str; 3], expr: &Value) -> String {
    let mut all: Value = serde_json::from_str(rules).unwrap();
    let rule = json!({"rule": {"family": family, "table": table, "chain": chain, "expr": expr}});
    all["nftables"].as_array_mut().unwrap().push(rule);
    all.to_string()
}

fn dport(protocol: &str, right: &Value) -> Value {
    json!({"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": "dport"}}, "right": right}})
}

#[test]
fn a_port_that_ufw_does_not_let_in_is_found_though_others_of_its_chains_accept() {
    assert_eq!(found(|_, _| Some(UFW.to_owned())), ["port-filtered ufw allow 50000/udp"]);
    assert_eq!(shut(UFW, UDP).as_deref(), Some("INPUT"));
    let allowed =
        json!([dport("udp", &json!(50_000)), {"counter": {"packets": 0, "bytes": 0}}, {"accept": null}]);
    assert_eq!(shut(&with(UFW, ["ip", "filter", "ufw-user-input"], &allowed), UDP), None);
    // Nothing leads to a chain of this name.
    assert!(shut(&with(UFW, ["ip", "filter", "ufw-track-output"], &allowed), UDP).is_some());
    let open = UFW.replace("\"policy\": \"drop\"", "\"policy\": \"accept\"");
    assert_eq!(shut(&open, UDP), None);
    assert_eq!(shut(&open, stranger(Protocol::Udp, 137)).as_deref(), Some("INPUT"), "two jumps away");
}

#[test]
fn a_port_that_firewalld_rejects_at_its_end_is_found_though_its_chain_accepts() {
    let mend = "port-filtered firewall-cmd --permanent --add-port=50000/udp && firewall-cmd --reload";
    assert_eq!(found(|_, _| Some(FIREWALLD.to_owned())), [mend]);
    let allowed = json!([dport("udp", &json!(50_000)), {"accept": null}]);
    let of = |chain| with(FIREWALLD, ["inet", "firewalld", chain], &allowed);
    assert_eq!(shut(&of("filter_IN_public_allow"), UDP), None);
    assert!(shut(&of("filter_IN_trusted"), UDP).is_some(), "no interface is in that zone");
    assert!(shut(&of("filter_INPUT"), UDP).is_some(), "behind what rejects the rest");
}

#[test]
fn a_port_that_no_rule_of_ones_own_names_is_found_with_the_rule_that_lets_it_in() {
    let mend = "port-filtered nft insert rule inet filter input udp dport 50000 accept";
    assert!(found(|_, _| Some(PLAIN.to_owned())).contains(&mend.to_owned()));
    for (protocol, port) in [(Protocol::Tcp, 50_000), (Protocol::Tcp, 35_000), (Protocol::Udp, 4_500)] {
        assert_eq!(shut(PLAIN, stranger(protocol, port)), None, "{protocol:?} {port}");
    }
    for (protocol, port) in [(Protocol::Tcp, 53), (Protocol::Udp, 22), (Protocol::Udp, 35_000)] {
        assert!(shut(PLAIN, stranger(protocol, port)).is_some(), "{protocol:?} {port}");
    }
    assert_eq!(shut(PLAIN, stranger(Protocol::Udp, 7_000)), None, "named for both");
}

#[test]
fn rules_let_in_by_what_they_say_and_by_what_cannot_be_read_of_them() {
    let meta = |key: &str, right: Value| json!({"match": {"op": "==", "left": {"meta": {"key": key}}, "right": right}});
    let ct = |state: &str| json!({"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": state}});
    let saddr = json!({"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}},
        "right": {"prefix": {"addr": "10.0.0.0", "len": 8}}}});
    let accept = || json!({"accept": null});
    let lets_in = |expr: Value| shut(&with(PLAIN, ["inet", "filter", "input"], &expr), UDP).is_none();
    for expr in [
        json!([dport("udp", &json!({"set": [53, {"range": [40_000, 60_000]}]})), accept()]),
        json!([dport("udp", &json!("@media")), accept()]),
        json!([dport("udp", &json!({"set": [{"elem": {"val": 50_000, "comment": "volley"}}]})), accept()]),
        json!([saddr, dport("udp", &json!(50_000)), accept()]),
        json!([meta("iifname", json!("eth0")), accept()]),
        json!([meta("l4proto", json!("udp")), {"xt": {"type": "match", "name": "multiport"}}, accept()]),
        json!([{"xt": null}, accept()]),
        json!([ct("new"), accept()]),
        json!([dport("udp", &json!(50_000)), {"limit": {"rate": 9_000, "per": "second"}}, accept()]),
        json!([{"vmap": {"key": {"payload": {"protocol": "udp", "field": "dport"}}, "data": "@ports"}}]),
    ] {
        assert!(lets_in(expr.clone()), "{expr}");
    }
    for expr in [
        json!([dport("udp", &json!(5_000)), accept()]),
        json!([dport("tcp", &json!(50_000)), accept()]),
        json!([dport("udp", &json!({"range": [40_000, 49_999]})), accept()]),
        json!([saddr, accept()]),
        json!([ct("established"), accept()]),
        json!([meta("iifname", json!("lo")), accept()]),
        json!([meta("l4proto", json!({"set": ["icmp", "ipv6-icmp"]})), accept()]),
        json!([dport("udp", &json!(50_000)), {"drop": null}]),
    ] {
        assert!(!lets_in(expr.clone()), "{expr}");
    }
}

#[test]
fn what_drops_all_of_it_counts_whatever_accepts_behind_it() {
    let drop = json!([dport("udp", &json!(50_000)), {"drop": null}]);
    let open = PLAIN.replace("\"policy\": \"drop\"", "\"policy\": \"accept\"");
    assert_eq!(shut(&open, UDP), None);
    assert_eq!(shut(&with(&open, ["inet", "filter", "input"], &drop), UDP).as_deref(), Some("input"));
}

#[test]
fn rules_that_cannot_be_read_are_no_fault() {
    assert_eq!(found(|_, _| None), Vec::<String>::new());
    assert_eq!(found(|_, _| Some(String::new())), Vec::<String>::new());
    assert_eq!(found(|_, _| Some(String::from("{\"nftables\": []}"))), Vec::<String>::new());
}
