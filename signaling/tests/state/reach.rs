//! Where answers say that media is taken, and whose a check is by our user fragment.

use crate::common::{Lab, Page, config, fixture, value};
use serde_json::json;
use volley::wire::stun::{Class, StunWriter};
use volley_signaling::protocol::ServerMessage;
use volley_signaling::state::{Config, Origin, SocketId};
use volley_signaling::store::MemoryStore;

fn lab(ice_tcp: bool) -> Lab {
    let mut config = Config { tcp_candidates: vec!["192.0.2.1:8443".parse().unwrap()], ..config() };
    config.settings.ice_tcp = ice_tcp;
    Lab::after(MemoryStore::default(), config)
}

/// Joins as a page that came under an address of ours.
fn join_at(lab: &mut Lab, socket: u64, reached: &str) -> Page {
    let from = Origin { address: None, reached: Some(reached.parse().unwrap()) };
    lab.state.socket_opened(SocketId(socket), from);
    lab.say(SocketId(socket), json!({"type":"join","roomId":"room","participantName":"one"}));
    let heard = lab.heard(SocketId(socket));
    let [ServerMessage::Joined { participant_id, resume_token, .. }, ..] = heard.as_slice() else {
        panic!("{heard:?}")
    };
    let (id, token) = (participant_id.clone(), resume_token.clone());
    Page { socket: SocketId(socket), id, token, room: String::from("room") }
}

fn over_tcp(answer: &str) -> Vec<&str> {
    answer
        .lines()
        .filter(|line| line.contains(" tcp "))
        .map(|line| line.splitn(5, ' ').nth(4).unwrap())
        .collect()
}

#[test]
fn answers_tell_connections_after_datagrams_and_at_last_the_pages_own_way() {
    let mut lab = lab(true);
    let page = join_at(&mut lab, 1, "127.0.0.1:8080");
    let answer = lab.offer(&page, &fixture("chromium-example-client"));
    assert_eq!(
        over_tcp(&answer),
        ["192.0.2.1 8443 typ host tcptype passive", "127.0.0.1 8080 typ host tcptype passive"]
    );
    let kinds = answer.lines().filter_map(|line| line.strip_prefix("a=candidate:")?.split(' ').nth(2));
    assert!(kinds.eq(["udp", "udp", "tcp", "tcp"]), "{answer}");
    let other = join_at(&mut lab, 2, "192.0.2.1:8443");
    let answer = lab.offer(&other, &fixture("chromium-example-client"));
    assert_eq!(over_tcp(&answer), ["192.0.2.1 8443 typ host tcptype passive"], "once");
}

#[test]
fn without_ice_tcp_answers_tell_datagrams_alone() {
    let mut lab = lab(false);
    let page = join_at(&mut lab, 1, "127.0.0.1:8080");
    let answer = lab.offer(&page, &fixture("chromium-example-client"));
    assert_eq!(over_tcp(&answer), [""; 0]);
    assert!(answer.contains(" udp "), "{answer}");
}

#[test]
fn an_authentic_check_is_known_whatever_was_restarted_and_no_other_is() {
    let mut lab = lab(true);
    let pages = [join_at(&mut lab, 1, "127.0.0.1:8080"), join_at(&mut lab, 2, "127.0.0.1:8080")];
    let answers = pages.each_ref().map(|page| lab.offer(page, &fixture("chromium-example-client")));
    let worker = lab.state.worker_of_check(&check(&answers[0]));
    assert!(worker.is_some());
    assert_eq!(lab.state.worker_of_check(&check(&answers[1])), worker, "they are in one room on one worker");
    let restarted = lab.offer(&pages[0], &fixture("chromium-ice-restart"));
    assert_eq!(lab.state.worker_of_check(&check(&answers[0])), None, "what it had before is worth nothing");
    let lab = lab.kill();
    assert_eq!(lab.state.worker_of_check(&check(&restarted)), worker);
    let ufrag = value(&restarted, "a=ice-ufrag:");
    let guessed = restarted.replace(value(&restarted, "a=ice-pwd:"), "another-password-of-24-l");
    for other in ["AAAA", "AAAAAAAA", "!!!!!!!!", "/////abc", "é"] {
        assert_eq!(lab.state.worker_of_check(&check(&restarted.replace(ufrag, other))), None, "{other}");
    }
    for other in [check(&guessed), vec![], check(&restarted)[..40].to_vec(), vec![0; 30]] {
        assert_eq!(lab.state.worker_of_check(&other), None, "{other:?}");
    }
}

#[test]
fn a_check_of_somebody_who_left_is_nobodys() {
    let mut lab = lab(true);
    let page = join_at(&mut lab, 1, "127.0.0.1:8080");
    let answer = lab.offer(&page, &fixture("chromium-example-client"));
    assert!(lab.state.worker_of_check(&check(&answer)).is_some());
    lab.say(page.socket, json!({"type":"leave"}));
    assert_eq!(lab.state.worker_of_check(&check(&answer)), None);
}

/// What a peer that got this answer sends.
fn check(answer: &str) -> Vec<u8> {
    /// RFC 8489 §14.3.
    const USERNAME: u16 = 0x0006;
    let username = format!("{}:theirs", value(answer, "a=ice-ufrag:"));
    let mut buffer = [0; 512];
    let check =
        StunWriter::new(&mut buffer, Class::Request, &[7; 12]).attribute(USERNAME, username.as_bytes());
    let len = check.integrity(value(answer, "a=ice-pwd:").as_bytes()).fingerprint().expect("it fits");
    buffer[..len].to_vec()
}
