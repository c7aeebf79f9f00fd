//! What is told by webhooks: everything, in its order, until it has arrived, whoever dies in between.

use crate::common::{Lab, config};
use serde_json::{Value, json};
use volley_signaling::protocol::ServerMessage;
use volley_signaling::settings::Settings;
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;
use volley_signaling::webhooks::{Delivery, WebhookSettings};

fn settings() -> Settings {
    let secrets = vec![String::from("secret")];
    let to = WebhookSettings { url: String::from("http://receiver"), secrets, spool: None };
    Settings { webhooks: Some(to), ..config().settings }
}

fn lab() -> Lab {
    Lab::after(MemoryStore::default(), Config { settings: settings(), ..config() })
}

/// What is sent now, and does not arrive yet.
fn sent(lab: &mut Lab) -> Vec<Delivery> {
    std::mem::take(&mut lab.deliveries)
}

fn arrives(lab: &mut Lab, delivery: &Delivery, arrived: bool) {
    lab.state.webhook_answered((&delivery.room, delivery.number), arrived, lab.now);
    lab.turn();
}

fn body(delivery: &Delivery) -> Value {
    serde_json::from_str(&delivery.body).unwrap()
}

/// Lets everything arrive; the types of what came.
fn drain(lab: &mut Lab) -> Vec<String> {
    let mut told = vec![];
    loop {
        let now = sent(lab);
        if now.is_empty() {
            return told;
        }
        for delivery in now {
            told.push(body(&delivery)["type"].as_str().unwrap().to_owned());
            arrives(lab, &delivery, true);
        }
    }
}

#[test]
fn nobody_is_told_of_who_only_tries_whether_calls_work() {
    let everything = ["room-started", "participant-joined", "track-published", "track-published"];
    for check in [false, true] {
        let mut lab = lab();
        let socket = lab.open(1);
        lab.say(socket, json!({"type":"join","roomId":"room","participantName":"one","check":check}));
        lab.say(socket, json!({"type":"offer","sdp":crate::common::fixture("chromium-example-client")}));
        let published = lab.heard(socket).into_iter().find_map(|message| match message {
            ServerMessage::Answer { tracks, .. } => Some(tracks.len()),
            _ => None,
        });
        assert_eq!((lab.state.counts(), published), ((1, 1), Some(2)), "there is something to tell of");
        let expected: &[&str] = if check { &[] } else { &everything };
        assert_eq!(drain(&mut lab), expected);
        // Nor does a process that has it from the records alone.
        let mut lab = lab.kill();
        lab.pass(120_000);
        assert_eq!(lab.state.counts(), (0, 0));
        let expected: &[&str] = if check { &[] } else { &["participant-left", "room-ended"] };
        assert_eq!(drain(&mut lab), expected);
    }
}

#[test]
fn a_call_is_told_from_its_beginning_to_its_end() {
    let mut lab = lab();
    let page = lab.call(1, "chromium-example-client");
    lab.say(page.socket, json!({"type":"leave"}));
    let told = drain(&mut lab);
    assert_eq!(
        told,
        [
            "room-started",
            "participant-joined",
            "track-published",
            "track-published",
            "participant-left",
            "room-ended"
        ]
    );
}

#[test]
fn each_says_what_it_is_about() {
    let mut lab = lab();
    lab.call(1, "chromium-example-client");
    let started = sent(&mut lab).remove(0);
    let told = body(&started);
    assert_eq!((&told["id"], &told["room"]["id"]), (&json!(started.id), &json!("room")));
    assert!(told["createdAt"].as_u64().unwrap() > 1_700_000_000_000 && told["participant"].is_null());
    arrives(&mut lab, &started, true);
    let joined = sent(&mut lab).remove(0);
    assert_eq!(body(&joined)["participant"]["participantName"], "one");
    arrives(&mut lab, &joined, true);
    assert_eq!(body(&sent(&mut lab)[0])["track"]["source"], "microphone");
}

#[test]
fn what_had_not_arrived_is_sent_again_by_the_next_process() {
    let mut lab = lab();
    lab.join(1, "room", "one");
    let first = sent(&mut lab).remove(0);
    arrives(&mut lab, &first, true);
    let under_way = sent(&mut lab).remove(0);
    let mut lab = lab.kill();
    let again = sent(&mut lab);
    assert_eq!(again, [under_way], "nobody knows whether it has arrived");
    assert_eq!(drain_from(&mut lab, again), ["participant-joined"]);
    assert!(sent(&mut lab.kill()).is_empty());
}

fn drain_from(lab: &mut Lab, under_way: Vec<Delivery>) -> Vec<String> {
    lab.deliveries = under_way;
    drain(lab)
}

#[test]
fn no_id_comes_again_after_another_start_and_each_stays_the_same_after_a_kill() {
    let mut first = lab();
    first.join(1, "room", "one");
    let before = sent(&mut first).remove(0);
    let mut first = first.kill();
    assert_eq!(sent(&mut first)[0].id, before.id);
    let later = Config { settings: settings(), started_ms: 1_000_000, ..config() };
    let mut second = Lab::after(MemoryStore::default(), later);
    second.join(1, "room", "one");
    let after = sent(&mut second).remove(0);
    assert!(after.number > before.number, "{} {}", after.number, before.number);
    assert_ne!(after.id, before.id);
}

#[test]
fn what_happens_in_the_instant_of_a_kill_is_told_before_it_is_true() {
    let mut lab = lab();
    let page = lab.join(1, "room", "one");
    lab.state.message(page.socket, volley_signaling::protocol::ClientMessage::Leave {}, lab.now);
    let output = lab.state.finish();
    let kinds: Vec<u16> = output.saves.iter().map(kind).collect();
    let last_letter = kinds.iter().rposition(|&kind| kind == WEBHOOK).unwrap();
    let first_change = kinds.iter().position(|&kind| kind == ROOM || kind == PARTICIPANT).unwrap();
    assert!(last_letter < first_change, "{kinds:?}");
}

const ROOM: u16 = 2;
const PARTICIPANT: u16 = 3;
const WEBHOOK: u16 = 5;

fn kind(save: &volley_signaling::state::Save) -> u16 {
    use volley_signaling::state::Save;
    let (Save::Put { kind, .. } | Save::Remove { kind, .. }) = save;
    *kind
}

#[test]
fn one_that_failed_is_tried_again_after_a_while_and_nothing_overtakes_it() {
    let mut lab = lab();
    lab.join(1, "room", "one");
    let first = sent(&mut lab).remove(0);
    arrives(&mut lab, &first, false);
    assert!(sent(&mut lab).is_empty());
    lab.pass(900);
    assert!(sent(&mut lab).is_empty());
    lab.pass(200);
    assert_eq!(sent(&mut lab), [first]);
}

#[test]
fn without_a_receiver_nothing_is_kept_and_what_was_is_forgotten() {
    let mut lab = lab();
    lab.join(1, "room", "one");
    lab.state.reconfigure(config().settings);
    lab.turn();
    lab.join(2, "room", "two");
    let store = lab.store.clone();
    let waiting = store.load().iter().filter(|record| record.kind == WEBHOOK).count();
    assert_eq!(waiting, 0);
    lab.state.reconfigure(settings());
    sent(&mut lab);
    lab.join(3, "another", "three");
    assert_eq!(drain(&mut lab), ["room-started", "participant-joined"], "from now on again");
}
