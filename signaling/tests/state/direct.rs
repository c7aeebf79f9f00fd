//! Rooms whose people may talk directly: when they are told to, and what is passed on between them.

use crate::common::{Lab, Page, config, fixture};
use serde_json::json;
use volley_signaling::protocol::{MediaPath, RoomMode, ServerMessage, SignalKind};
use volley_signaling::state::Selection;
use volley_signaling::store::MemoryStore;

#[test]
fn two_talk_directly_and_a_third_brings_all_to_the_server_until_they_leave() {
    let mut lab = Lab::new();
    let room = room(&mut lab, RoomMode::Auto);
    let one = enter(&mut lab, 1, &room, Some("mesh"));
    assert_eq!(one.path, MediaPath::Sfu);
    let two = enter(&mut lab, 2, &room, Some("mesh"));
    assert_eq!(two.path, MediaPath::Mesh, "a newcomer is told by joined");
    assert_eq!(changes(&mut lab, &one.page), [MediaPath::Mesh]);
    let three = enter(&mut lab, 3, &room, Some("mesh"));
    assert_eq!(three.path, MediaPath::Sfu);
    assert_eq!(changes(&mut lab, &one.page), [MediaPath::Sfu]);
    assert_eq!(changes(&mut lab, &two.page), [MediaPath::Sfu]);
    lab.say(three.page.socket, json!({"type":"leave"}));
    assert_eq!(changes(&mut lab, &one.page), [MediaPath::Mesh]);
    assert_eq!(changes(&mut lab, &two.page), [MediaPath::Mesh]);
}

#[test]
fn six_talk_directly_and_a_seventh_brings_all_to_the_server_until_one_of_them_leaves() {
    let mut config = config();
    config.settings.max_participants = 8;
    let mut lab = Lab::after(MemoryStore::default(), config);
    let room = room(&mut lab, RoomMode::Mesh);
    let six: Vec<Page> = (1..=6)
        .map(|socket| {
            let entered = enter(&mut lab, socket, &room, Some("mesh"));
            let alone = socket == 1;
            assert_eq!(entered.path, if alone { MediaPath::Sfu } else { MediaPath::Mesh });
            entered.page
        })
        .collect();
    six.iter().for_each(|page| drop(lab.heard(page.socket)));
    for one in &six {
        for other in six.iter().filter(|other| other.id != one.id) {
            let ask = json!({"type":"signal","participantId":other.id,"kind":"ask"});
            lab.say(one.socket, ask);
        }
    }
    for page in &six {
        let asked = lab.heard(page.socket);
        let is_ask = |message: &ServerMessage| matches!(message, ServerMessage::Signal { .. });
        assert_eq!((asked.len(), asked.iter().all(is_ask)), (5, true), "{asked:?}");
    }
    let seventh = enter(&mut lab, 7, &room, Some("mesh"));
    assert_eq!(seventh.path, MediaPath::Sfu, "they are let in, and all of them go by the server");
    for page in &six {
        assert_eq!(changes(&mut lab, page), [MediaPath::Sfu]);
    }
    lab.say(six[3].socket, json!({"type":"leave"}));
    for page in [&six[0], &six[5], &seventh.page] {
        assert_eq!(changes(&mut lab, page), [MediaPath::Mesh]);
    }
}

#[test]
fn whoever_knows_the_server_only_keeps_the_room_there() {
    let mut lab = Lab::new();
    let room = room(&mut lab, RoomMode::Mesh);
    let one = enter(&mut lab, 1, &room, Some("mesh"));
    let two = enter(&mut lab, 2, &room, None);
    assert_eq!(two.path, MediaPath::Sfu);
    let three = enter(&mut lab, 3, &room, Some("mesh"));
    assert_eq!(three.path, MediaPath::Sfu);
    assert_eq!(changes(&mut lab, &one.page), []);
    lab.say(two.page.socket, json!({"type":"leave"}));
    assert_eq!(changes(&mut lab, &one.page), [MediaPath::Mesh]);
}

#[test]
fn a_room_that_nobody_made_for_it_never_leaves_the_server() {
    let mut lab = Lab::new();
    let one = enter(&mut lab, 1, "plain", Some("mesh"));
    let two = enter(&mut lab, 2, "plain", Some("mesh"));
    assert_eq!((two.path, changes(&mut lab, &one.page)), (MediaPath::Sfu, vec![]));
    lab.say(one.page.socket, json!({"type":"signal","participantId":two.page.id,"kind":"ask"}));
    assert_eq!(lab.error(one.page.socket), "not-direct");
}

#[test]
fn what_one_tells_another_is_passed_on_to_nobody_else_and_is_not_endless() {
    let mut lab = Lab::new();
    let room = room(&mut lab, RoomMode::Mesh);
    let [one, two, three] = [1, 2, 3].map(|socket| enter(&mut lab, socket, &room, Some("mesh")).page);
    for page in [&one, &two, &three] {
        lab.heard(page.socket);
    }
    lab.say(one.socket, json!({"type":"signal","participantId":two.id,"kind":"offer","data":"v=0"}));
    let passed = ServerMessage::Signal {
        participant_id: one.id.clone(),
        kind: SignalKind::Offer,
        data: "v=0".to_owned(),
    };
    assert_eq!(lab.heard(two.socket), [passed]);
    assert_eq!((lab.heard(three.socket), lab.heard(one.socket)), (vec![], vec![]));
    for (target, data, code) in [
        (&one.id, String::new(), "unknown-participant"),
        (&"7000".to_owned(), String::new(), "unknown-participant"),
        (&"Jane".to_owned(), String::new(), "unknown-participant"),
        (&two.id, "x".repeat((32 << 10) + 1), "bad-signal"),
    ] {
        lab.say(one.socket, json!({"type":"signal","participantId":target,"kind":"candidate","data":data}));
        assert_eq!(lab.error(one.socket), code, "{target}");
    }
    assert_eq!(lab.heard(two.socket), []);
}

#[test]
fn who_was_muted_by_somebody_else_is_heard_by_nobody_directly_until_they_unmute() {
    let mut lab = Lab::new();
    let room = room(&mut lab, RoomMode::Mesh);
    let [one, two] = [1, 2].map(|socket| enter(&mut lab, socket, &room, Some("mesh")).page);
    lab.offer(&one, &fixture("chromium-example-client"));
    changes(&mut lab, &two);
    let all = Selection::default();
    lab.state.moderate(&room, &one.id, &all, true).unwrap();
    lab.turn();
    assert_eq!(changes(&mut lab, &two), [MediaPath::Sfu], "the server forwards nothing of it");
    let mut lab = lab.kill();
    let (two, _) = lab.resume(2, &two);
    let (one, heard) = lab.resume(1, &one);
    let Some(ServerMessage::Joined { tracks, mode: MediaPath::Sfu, .. }) = heard.first() else {
        panic!("they are still muted: {heard:?}")
    };
    let [first, second] = [&tracks[0], &tracks[1]].map(|track| track.track_id.clone());
    lab.heard(two.socket);
    lab.say(one.socket, json!({"type":"unmute","trackId":first}));
    assert_eq!(changes(&mut lab, &two), [], "the other track is muted still");
    lab.say(one.socket, json!({"type":"unmute","trackId":second}));
    assert_eq!(changes(&mut lab, &two), [MediaPath::Mesh]);
    lab.say(one.socket, json!({"type":"mute","trackId":first}));
    assert_eq!(changes(&mut lab, &two), [], "who mutes themselves needs nobody to see to it");
}

#[test]
fn how_media_goes_outlives_the_process() {
    let mut lab = Lab::new();
    let room = room(&mut lab, RoomMode::Auto);
    let [one, two] = [1, 2].map(|socket| enter(&mut lab, socket, &room, Some("mesh")).page);
    let mut lab = lab.kill();
    let (one, heard) = lab.resume(1, &one);
    assert!(matches!(heard[0], ServerMessage::Joined { mode: MediaPath::Mesh, .. }), "{heard:?}");
    let (two, _) = lab.resume(2, &two);
    lab.heard(one.socket);
    lab.say(two.socket, json!({"type":"leave"}));
    assert_eq!(changes(&mut lab, &one), [MediaPath::Sfu]);
}

struct Entered {
    page: Page,
    path: MediaPath,
}

fn room(lab: &mut Lab, mode: RoomMode) -> String {
    let id = lab.state.create_room("Meeting", None, lab.now).unwrap().id;
    assert_eq!(lab.state.set_mode(&id, mode).unwrap().mode, mode);
    lab.turn();
    id
}

fn enter(lab: &mut Lab, socket: u64, room: &str, mode: Option<&str>) -> Entered {
    let socket = lab.open(socket);
    let mut join = json!({"type":"join","roomId":room,"participantName":"somebody"});
    if let Some(mode) = mode {
        join["mode"] = json!(mode);
    }
    lab.say(socket, join);
    let heard = lab.heard(socket);
    let ServerMessage::Joined { participant_id, resume_token, mode, .. } = &heard[0] else {
        panic!("joined was expected, not {heard:?}");
    };
    let page =
        Page { socket, id: participant_id.clone(), token: resume_token.clone(), room: room.to_owned() };
    Entered { page, path: *mode }
}

fn changes(lab: &mut Lab, page: &Page) -> Vec<MediaPath> {
    let heard = lab.heard(page.socket);
    let change = |message: &ServerMessage| match message {
        ServerMessage::ModeChanged { mode } => Some(*mode),
        _ => None,
    };
    heard.iter().filter_map(change).collect()
}
