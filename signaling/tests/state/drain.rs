//! The end of a server: no new rooms, a warning, and goodbye when nobody is left or the time is over.

use crate::common::{Lab, Page, config};
use crate::recording::recording_config;
use serde_json::json;
use volley_recorder::desk::{FromRecorder, Progress, Tiding, ToRecorder};
use volley_signaling::access::unix_now_ms;
use volley_signaling::protocol::ServerMessage;
use volley_signaling::settings::Settings;
use volley_signaling::state::{Config, RoomRefusal};
use volley_signaling::store::MemoryStore;
use volley_signaling::webhooks::WebhookSettings;

fn drain(lab: &mut Lab, milliseconds: u64) {
    let drain_until = Some(unix_now_ms() + milliseconds);
    lab.state.reconfigure(Settings { drain_until, ..config().settings });
    lab.turn();
}

/// What the goodbyes that a page heard say of the time.
fn goodbyes(lab: &mut Lab, page: &Page) -> Vec<u64> {
    let seconds = |message: &ServerMessage| match message {
        ServerMessage::Goodbye { in_seconds, .. } => Some(*in_seconds),
        _ => None,
    };
    lab.heard(page.socket).iter().filter_map(seconds).collect()
}

#[test]
fn who_is_here_goes_on_and_is_warned_and_no_room_begins() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    drain(&mut lab, 60_000);
    assert_eq!(goodbyes(&mut lab, &page), [60]);
    assert_eq!(lab.state.create_room("Meeting", None, lab.now), Err(RoomRefusal::Draining));
    let socket = lab.open(2);
    lab.say(socket, json!({"type":"join","roomId":"another","participantName":"two"}));
    assert_eq!(lab.error(socket), "server-draining");
    let socket = lab.open(3);
    lab.say(socket, json!({"type":"join","roomId":"room","participantName":"three"}));
    let late = Page { socket, ..page };
    assert_eq!(goodbyes(&mut lab, &late).len(), 1, "who comes late is warned, too");
    lab.pass(1000);
    assert!(!lab.is_over);
}

#[test]
fn the_server_ends_with_its_last_person() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    drain(&mut lab, 60_000);
    lab.say(page.socket, json!({"type":"leave"}));
    assert!(!lab.is_over, "who leaves is answered first");
    lab.pass(200);
    assert!(lab.is_over);
    assert_eq!(goodbyes(&mut lab, &page).last(), Some(&0));
}

#[test]
fn everybody_is_told_goodbye_once_when_the_time_is_over() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    drain(&mut lab, 0);
    lab.pass(200);
    assert!(lab.is_over);
    lab.pass(200);
    assert_eq!(goodbyes(&mut lab, &page), [0]);
}

#[test]
fn webhooks_tell_of_the_end_and_are_waited_for_a_moment() {
    let receiver = WebhookSettings { url: String::from("http://receiver"), secrets: vec![], spool: None };
    let settings = Settings { webhooks: Some(receiver), ..recording_config().settings };
    let mut lab = Lab::after(MemoryStore::default(), Config { settings: settings.clone(), ..config() });
    let page = lab.call(1, "chromium-example-client");
    lab.state.set_records_itself("room", true);
    let id = lab.state.start_recording("room").unwrap().recording_id;
    lab.turn();
    lab.state.reconfigure(Settings { drain_until: Some(unix_now_ms()), ..settings });
    lab.pass(200);
    let mut told = vec![];
    while !lab.deliveries.is_empty() {
        assert!(!lab.is_over);
        told.extend(arrived(&mut lab));
    }
    let expected = [
        "room-started",
        "participant-joined",
        "track-published",
        "track-published",
        "recording-started",
        "recording-stopped",
        "participant-left",
        "room-ended",
    ];
    assert_eq!(told, expected, "a recording ends with its room, and none begins any more");
    let heard = lab.heard(page.socket);
    let last = &heard[heard.len() - 2..];
    assert!(
        matches!(
            last,
            [ServerMessage::RecordingStopped { .. }, ServerMessage::Goodbye { in_seconds: 0, .. }]
        ),
        "{last:?}"
    );
    assert!(lab.desk.contains(&ToRecorder::Stop { recording_id: id.clone() }));
    lab.state.recorder_said(ended(&id));
    lab.turn();
    assert_eq!(arrived(&mut lab), ["recording-ready"]);
    lab.pass(200);
    assert!(lab.is_over);
}

#[test]
fn webhooks_are_waited_for_as_long_as_the_drain_may_last() {
    let receiver = WebhookSettings { url: String::from("http://receiver"), secrets: vec![], spool: None };
    let settings = Settings { webhooks: Some(receiver), ..config().settings };
    let mut lab = Lab::after(MemoryStore::default(), Config { settings: settings.clone(), ..config() });
    let page = lab.join(1, "room", "one");
    lab.say(page.socket, json!({"type":"leave"}));
    lab.state.reconfigure(Settings { drain_until: Some(unix_now_ms() + 60_000), ..settings.clone() });
    lab.pass(200);
    lab.pass(5_000);
    assert!(!lab.is_over, "the receiver is slow, and there is time");
    lab.state.reconfigure(Settings { drain_until: Some(unix_now_ms()), ..settings });
    lab.pass(200);
    assert!(lab.is_over, "there is none any more");
}

/// Lets all webhooks arrive; their types.
fn arrived(lab: &mut Lab) -> Vec<String> {
    let mut types = vec![];
    while let Some(delivery) = lab.deliveries.pop() {
        let body: serde_json::Value = serde_json::from_str(&delivery.body).unwrap();
        types.push(body["type"].as_str().unwrap().to_owned());
        lab.state.webhook_answered((&delivery.room, delivery.number), true, lab.now);
        lab.turn();
    }
    types
}

fn recorded() -> (Lab, Settings, Page, String) {
    let receiver = WebhookSettings { url: String::from("http://receiver"), secrets: vec![], spool: None };
    let settings = Settings { webhooks: Some(receiver), ..recording_config().settings };
    let mut lab = Lab::after(MemoryStore::default(), Config { settings: settings.clone(), ..config() });
    let page = lab.call(1, "chromium-example-client");
    let id = lab.state.start_recording("room").unwrap().recording_id;
    lab.turn();
    arrived(&mut lab);
    (lab, settings, page, id)
}

fn ended(recording_id: &str) -> FromRecorder {
    let progress = Progress { recording_id: recording_id.to_owned(), ..Progress::default() };
    let room = || String::from("room");
    FromRecorder::Ended { room_id: room(), room_name: room(), progress, interrupted: false }
}

#[test]
fn a_recording_that_is_being_completed_is_waited_for_and_told() {
    let (mut lab, settings, page, id) = recorded();
    lab.say(page.socket, json!({"type":"leave"}));
    lab.state.reconfigure(Settings { drain_until: Some(unix_now_ms() + 60_000), ..settings });
    lab.pass(200);
    assert_eq!(arrived(&mut lab).last().unwrap(), "room-ended");
    lab.pass(5_000);
    assert!(!lab.is_over, "its files are being completed, and there is time");
    let socket = lab.open(5);
    lab.say(socket, json!({"type":"join","roomId":"room","participantName":"late"}));
    assert_eq!(lab.error(socket), "server-draining", "goodbye has been said");
    lab.desk.clear();
    lab.state.recorder_said(ended(&id));
    lab.turn();
    let tiding = Tiding::Ended;
    assert_eq!(lab.desk, [ToRecorder::Noted { recording_id: id, tiding }], "it is in the records now");
    assert_eq!(arrived(&mut lab), ["recording-ready"]);
    lab.pass(200);
    assert!(lab.is_over);
}

#[test]
fn a_recording_that_cannot_be_completed_or_is_slow_keeps_no_server_from_its_end() {
    let (mut lab, settings, page, recording_id) = recorded();
    lab.say(page.socket, json!({"type":"leave"}));
    lab.state.reconfigure(Settings { drain_until: Some(unix_now_ms() + 60_000), ..settings });
    lab.pass(200);
    arrived(&mut lab);
    lab.state.recorder_said(FromRecorder::Unclosed { recording_id });
    lab.pass(200);
    assert!(lab.is_over);
    let (mut lab, settings, _, _) = recorded();
    lab.state.reconfigure(Settings { drain_until: Some(unix_now_ms()), ..settings });
    lab.pass(200);
    arrived(&mut lab);
    lab.pass(200);
    assert!(!lab.is_over, "a moment is left for what is short");
    lab.pass(400);
    assert!(lab.is_over);
}

#[test]
fn a_process_that_is_started_in_between_goes_on_draining() {
    let mut lab = Lab::new();
    lab.join(1, "room", "one");
    let settings = Settings { drain_until: Some(unix_now_ms() + 60_000), ..config().settings };
    let mut lab = Lab::after(lab.store, Config { settings, ..config() });
    assert_eq!(lab.state.create_room("Meeting", None, lab.now), Err(RoomRefusal::Draining));
    lab.pass(200);
    assert!(!lab.is_over);
    // Nobody resumes; whoever would have is given up, and then nobody is left.
    lab.pass(31_000);
    assert!(lab.is_over);
}
