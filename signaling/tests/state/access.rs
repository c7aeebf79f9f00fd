//! Tokens, what they grant, and what one address may take.

use crate::common::{Lab, Page, config, fixture, slots, tracks};
use serde_json::{Value, json};
use std::net::IpAddr;
use volley_signaling::access::{AccessSettings, AddressLimits, Claims, Grant, sign, unix_now};
use volley_signaling::protocol::{Receive, ServerMessage};
use volley_signaling::settings::Settings;
use volley_signaling::state::{Config, Origin, RoomRefusal, SocketId};
use volley_signaling::store::MemoryStore;

const SECRET: &str = "a secret that only this test knows of";

fn lab(change: impl FnOnce(&mut AccessSettings)) -> Lab {
    let mut access =
        AccessSettings { require_auth: true, token_secrets: vec![SECRET.to_owned()], ..Default::default() };
    change(&mut access);
    let settings = Settings { access, max_rooms: 100, max_participants: 100, ..config().settings };
    Lab::after(MemoryStore::default(), Config { settings, ..config() })
}

fn token(identity: &str, grants: &[Grant]) -> String {
    let now = unix_now();
    let claims = Claims {
        sub: identity.to_owned(),
        room: String::from("room"),
        grants: grants.to_vec(),
        exp: now + 600,
        iat: now,
    };
    sign(&claims, SECRET).unwrap()
}

fn ask(room: &str, token: Option<&str>) -> Value {
    let mut join = json!({"type":"join","roomId":room,"participantName":"one"});
    if let Some(token) = token {
        join["token"] = token.into();
    }
    join
}

/// The socket of somebody who is let in.
fn enter(lab: &mut Lab, socket: u64, token: Option<&str>) -> (SocketId, Vec<ServerMessage>) {
    let socket = lab.open(socket);
    lab.say(socket, ask("room", token));
    let heard = lab.heard(socket);
    assert!(matches!(heard[0], ServerMessage::Joined { .. }), "{heard:?}");
    (socket, heard)
}

fn refusal(lab: &mut Lab, socket: u64, room: &str, token: Option<&str>) -> &'static str {
    let socket = lab.open(socket);
    lab.say(socket, ask(room, token));
    lab.error(socket)
}

fn offer(lab: &mut Lab, socket: SocketId) -> Vec<ServerMessage> {
    lab.commands();
    lab.say(socket, json!({"type":"offer","sdp":fixture("chromium-example-client")}));
    lab.heard(socket)
}

#[test]
fn a_room_is_entered_with_its_token_only() {
    let mut lab = lab(|_| {});
    let good = token("ada", &[Grant::Publish, Grant::Subscribe]);
    assert_eq!(refusal(&mut lab, 1, "room", None), "token-missing");
    assert_eq!(refusal(&mut lab, 2, "other", Some(&good)), "token-room");
    assert_eq!(refusal(&mut lab, 3, "room", Some("nonsense")), "token-invalid");
    assert_eq!(refusal(&mut lab, 4, "room", Some(&token("ada", &[Grant::Record]))), "token-grant");
    assert_eq!(lab.state.counts(), (0, 0), "nobody who is refused leaves a room behind");
    enter(&mut lab, 5, Some(&good));
}

#[test]
fn where_no_token_is_asked_for_a_wrong_one_is_refused_all_the_same() {
    let mut lab = lab(|access| access.require_auth = false);
    enter(&mut lab, 1, None);
    assert_eq!(refusal(&mut lab, 2, "room", Some("nonsense")), "token-invalid");
}

/// Tries whether calls work from here; the room of it.
fn try_it(lab: &mut Lab, socket: u64, token: Option<&str>) -> (SocketId, String) {
    let socket = lab.open(socket);
    let mut join = ask("room", token);
    join["check"] = true.into();
    lab.say(socket, join);
    match lab.heard(socket).as_slice() {
        [ServerMessage::Joined { room_id, participants, .. }, ServerMessage::RequestOffer { .. }, ..] => {
            assert!(participants.is_empty());
            (socket, room_id.clone())
        }
        other => panic!("joined and request-offer were expected, not {other:?}"),
    }
}

#[test]
fn who_only_tries_whether_calls_work_is_seen_by_nobody_of_the_room() {
    let mut lab = lab(|_| {});
    let ada = token("ada", &[Grant::Publish, Grant::Subscribe]);
    let (in_room, _) = enter(&mut lab, 1, Some(&ada));
    lab.heard(in_room);
    let ben = token("ben", &[Grant::Subscribe]);
    let [(one, first), (other, second)] = [2, 3].map(|socket| try_it(&mut lab, socket, Some(&ben)));
    assert!(first != "room" && second != "room" && first != second, "{first} {second}");
    let answered = offer(&mut lab, one);
    assert!(matches!(answered[0], ServerMessage::Answer { .. }), "{answered:?}");
    lab.say(one, json!({"type":"leave"}));
    lab.close(other);
    lab.state.socket_silent(other, lab.now);
    assert_eq!(lab.heard(in_room), vec![], "nobody was seen to come, publish or go");
    assert_eq!(lab.state.view_of_room("room").unwrap().participants.len(), 1);
    assert!(lab.state.view_of_room(&first).is_none(), "the room goes with who tried");
}

#[test]
fn trying_whether_calls_work_takes_what_a_call_takes() {
    let mut lab = lab(|_| {});
    let mut ask_with = |socket, room: &str, token: Option<&str>| {
        let socket = lab.open(socket);
        let mut join = ask(room, token);
        join["check"] = true.into();
        lab.say(socket, join);
        lab.error(socket)
    };
    assert_eq!(ask_with(1, "room", None), "token-missing");
    assert_eq!(ask_with(2, "other", Some(&token("ada", &[Grant::Subscribe]))), "token-room");
    assert_eq!(ask_with(3, "room", Some(&token("ada", &[Grant::Record]))), "token-grant");
    assert_eq!(lab.state.counts(), (0, 0));
}

#[test]
fn nobody_else_comes_into_the_room_of_who_only_tries() {
    let mut lab = limited(1, 100, 1000);
    let address = "192.0.2.1";
    assert_eq!(join_from(&mut lab, 1, address, "room"), None);
    let from_there = open_from(&mut lab, 2, address);
    let mut join = ask("room", None);
    join["check"] = true.into();
    lab.say(from_there, join);
    let heard = lab.heard(from_there);
    let [ServerMessage::Joined { room_id, .. }, ..] = heard.as_slice() else {
        panic!("it is no room that counts as made from there: {heard:?}");
    };
    assert_eq!(refusal(&mut lab, 3, room_id, None), "room-full");
}

#[test]
fn one_address_tries_so_many_times_at_once_and_each_ends_by_itself() {
    let mut lab = limited(1, 100, 1000);
    let try_from = |lab: &mut Lab, socket, address| {
        let socket = open_from(lab, socket, address);
        let mut join = ask("room", None);
        join["check"] = true.into();
        lab.say(socket, join);
        lab.heard(socket).first().and_then(crate::common::error_code)
    };
    for socket in 1..=12 {
        assert_eq!(try_from(&mut lab, socket, "192.0.2.1"), None);
    }
    assert_eq!(try_from(&mut lab, 13, "192.0.2.1"), Some("too-fast"));
    assert_eq!(try_from(&mut lab, 14, "192.0.2.2"), None, "another address");
    lab.say(SocketId(1), json!({"type":"leave"}));
    assert_eq!(try_from(&mut lab, 15, "192.0.2.1"), None, "in place of the one who is done");
    assert_eq!(join_from(&mut lab, 16, "192.0.2.1", "room"), None, "a room of theirs counts by itself");
    lab.pass(119_000);
    assert_eq!(lab.state.counts(), (14, 14));
    lab.pass(1_000);
    assert_eq!(lab.state.counts(), (1, 1), "nobody but who is in the call");
    assert_eq!(errors(&mut lab, SocketId(2)), ["room-closed"]);
    assert_eq!(try_from(&mut lab, 17, "192.0.2.1"), None);
}

fn errors(lab: &mut Lab, socket: SocketId) -> Vec<&'static str> {
    lab.heard(socket).iter().filter_map(crate::common::error_code).collect()
}

#[test]
fn a_check_that_outlives_signaling_ends_all_the_same() {
    let mut lab = limited(1, 100, 1000);
    let socket = lab.open(1);
    let mut join = ask("room", None);
    join["check"] = true.into();
    lab.say(socket, join);
    let joined = lab.heard(socket).into_iter().find_map(|message| match message {
        ServerMessage::Joined { participant_id: id, resume_token: token, room_id: room, .. } => {
            Some(Page { socket, id, token, room })
        }
        _ => None,
    });
    let mut lab = lab.kill();
    let (page, _) = lab.resume(2, &joined.expect("there is room for it"));
    lab.pass(119_000);
    assert_eq!(lab.state.counts(), (1, 1));
    lab.pass(1_000);
    assert_eq!((lab.state.counts(), errors(&mut lab, page.socket)), ((0, 0), vec!["room-closed"]));
}

#[test]
fn who_may_not_publish_is_answered_so_that_nothing_is_sent_and_told_why() {
    let mut lab = lab(|_| {});
    let (socket, _) = enter(&mut lab, 1, Some(&token("viewer", &[Grant::Subscribe])));
    let heard = offer(&mut lab, socket);
    let [ServerMessage::Answer { sdp, tracks: own }, ServerMessage::Error { code, .. }, ..] =
        heard.as_slice()
    else {
        panic!("an answer and an error were expected, not {heard:?}");
    };
    assert_eq!(*code, "token-grant");
    assert!(own.is_empty() && sdp.contains("a=sendonly") && !sdp.contains("a=sendrecv"), "{sdp}");
    let commands = lab.commands();
    assert!(tracks(&commands).is_empty() && !slots(&commands).is_empty());
    lab.say(socket, json!({"type":"start-screen-share","sdp":fixture("chromium-example-client")}));
    assert!(tracks(&lab.commands()).is_empty(), "a screen is no way around it");
}

#[test]
fn who_may_not_subscribe_gets_no_seats() {
    let mut lab = lab(|_| {});
    let (socket, joined) = enter(&mut lab, 1, Some(&token("speaker", &[Grant::Publish])));
    let asked = joined.iter().find_map(|message| match message {
        ServerMessage::RequestOffer { receive, .. } => Some((receive.audio, receive.video)),
        _ => None,
    });
    assert_eq!(asked, Some((0, 0)));
    assert!(matches!(joined[0], ServerMessage::Joined { receive: Receive { audio: 0, video: 0 }, .. }));
    let heard = offer(&mut lab, socket);
    let [ServerMessage::Answer { sdp, .. }, ..] = heard.as_slice() else { panic!("{heard:?}") };
    assert!(sdp.contains("a=recvonly") && !sdp.contains("a=sendrecv") && !sdp.contains("a=msid:"), "{sdp}");
    let commands = lab.commands();
    assert!(slots(&commands).is_empty() && tracks(&commands).len() == 2);
}

#[test]
fn who_may_not_subscribe_is_asked_for_an_offer_once_whoever_comes_and_publishes() {
    let mut lab = lab(|_| {});
    let is_request = |message: &&ServerMessage| matches!(message, ServerMessage::RequestOffer { .. });
    let (one, joined) = enter(&mut lab, 1, Some(&token("one", &[Grant::Publish])));
    assert_eq!(joined.iter().filter(is_request).count(), 1);
    let answered = offer(&mut lab, one);
    let (other, _) = enter(&mut lab, 2, Some(&token("other", &[Grant::Publish])));
    offer(&mut lab, other);
    let heard = [answered, lab.heard(one)].concat();
    assert_eq!(heard.iter().filter(is_request).count(), 0, "each offer would bring the next one: {heard:?}");
}

#[test]
fn what_was_granted_outlives_the_process() {
    let mut lab = lab(|_| {});
    let (socket, _) = enter(&mut lab, 1, Some(&token("viewer", &[Grant::Subscribe])));
    offer(&mut lab, socket);
    let id = lab.state.view_of_room("room").unwrap().participants[0].participant_id.clone();
    let mut lab = lab.kill();
    let page = crate::common::Page { socket, id, token: String::new(), room: String::from("room") };
    assert_eq!(lab.resume(2, &page).1.len(), 1, "not without the resume token");
    assert!(tracks(&lab.commands()).is_empty());
}

#[test]
fn removal_takes_all_of_an_identity_out_and_keeps_its_tokens_out() {
    let mut lab = lab(|_| {});
    let both = [Grant::Publish, Grant::Subscribe];
    let mallory = token("mallory", &both);
    let (first, _) = enter(&mut lab, 1, Some(&mallory));
    let (second, _) = enter(&mut lab, 2, Some(&mallory));
    let (ada, _) = enter(&mut lab, 3, Some(&token("ada", &both)));
    let id = lab.state.view_of_room("room").unwrap().participants[0].participant_id.parse().unwrap();
    lab.heard(first);
    assert!(!lab.state.remove_and_revoke("other", volley::base::ParticipantId(id), lab.now), "not there");
    assert!(lab.state.remove_and_revoke("room", volley::base::ParticipantId(id), lab.now));
    lab.turn();
    for socket in [first, second] {
        let told = lab.heard(socket);
        assert!(told.iter().any(|message| crate::common::error_code(message) == Some("removed")), "{told:?}");
    }
    assert_eq!(lab.state.counts(), (1, 1));
    assert!(lab.heard(ada).iter().any(|message| matches!(message, ServerMessage::ParticipantLeft { .. })));
    assert_eq!(refusal(&mut lab, 4, "room", Some(&mallory)), "token-revoked");
    let mut lab = lab.kill();
    assert_eq!(refusal(&mut lab, 5, "room", Some(&mallory)), "token-revoked");
    enter(&mut lab, 6, Some(&token("bob", &both)));
}

fn open_from(lab: &mut Lab, socket: u64, address: &str) -> SocketId {
    let address: IpAddr = address.parse().unwrap();
    lab.state.socket_opened(SocketId(socket), Origin { address: Some(address), reached: None });
    lab.turn();
    SocketId(socket)
}

fn join_from(lab: &mut Lab, socket: u64, address: &str, room: &str) -> Option<&'static str> {
    let socket = open_from(lab, socket, address);
    lab.say(socket, ask(room, None));
    lab.heard(socket).first().and_then(crate::common::error_code)
}

fn limited(rooms: usize, participants: usize, joins_per_second: u32) -> Lab {
    lab(|access| {
        access.require_auth = false;
        access.limits =
            Some(AddressLimits { rooms, participants, joins_per_second, ..AddressLimits::default() });
    })
}

#[test]
fn one_address_brings_so_many_people_and_others_are_not_touched() {
    let mut lab = limited(10, 2, 1000);
    assert_eq!(join_from(&mut lab, 1, "192.0.2.1", "room"), None);
    assert_eq!(join_from(&mut lab, 2, "192.0.2.1", "room"), None);
    lab.pass(1000);
    assert_eq!(join_from(&mut lab, 3, "192.0.2.1", "room"), Some("too-many-participants"));
    assert_eq!(join_from(&mut lab, 4, "192.0.2.2", "room"), None);
    lab.say(SocketId(1), json!({"type":"leave"}));
    assert_eq!(join_from(&mut lab, 5, "192.0.2.1", "room"), None);
}

#[test]
fn one_address_makes_so_many_rooms_by_joining_and_over_rest() {
    let mut lab = limited(2, 100, 1000);
    let address = "192.0.2.1".parse().ok();
    let made = lab.state.create_room_from(address, "Meeting", None, lab.now).unwrap();
    assert_eq!(join_from(&mut lab, 1, "192.0.2.1", "one"), None);
    assert_eq!(join_from(&mut lab, 2, "192.0.2.1", "two"), Some("too-many-rooms"));
    let again = lab.state.create_room_from(address, "Meeting", None, lab.now);
    assert_eq!(again, Err(RoomRefusal::TooManyFromAddress));
    assert_eq!(
        join_from(&mut lab, 3, "192.0.2.1", &made.id),
        None,
        "entering one that is there is no matter"
    );
    let mut lab = lab.kill();
    assert_eq!(join_from(&mut lab, 4, "192.0.2.1", "three"), Some("too-many-rooms"), "also after a restart");
    lab.state.delete_room(&made.id, lab.now);
    lab.turn();
    assert_eq!(join_from(&mut lab, 5, "192.0.2.1", "three"), None);
}

#[test]
fn one_address_joins_only_so_often() {
    let mut lab = limited(10, 3, 2);
    let mut refused = 0;
    for socket in 0..10 {
        let result = join_from(&mut lab, socket, "2001:db8::1", "room");
        refused += usize::from(result == Some("too-fast"));
        lab.say(SocketId(socket), json!({"type":"leave"}));
    }
    assert_eq!(refused, 7, "a burst of three");
    assert_eq!(
        join_from(&mut lab, 20, "2001:db8::ffff", "room"),
        Some("too-fast"),
        "a neighbour is the same"
    );
    lab.pass(1000);
    assert_eq!(join_from(&mut lab, 21, "2001:db8::1", "room"), None);
}

#[test]
fn this_machine_itself_is_not_limited() {
    let mut lab = limited(1, 1, 1);
    for socket in 0..20 {
        assert_eq!(join_from(&mut lab, socket, "127.0.0.1", &format!("room-{socket}")), None);
    }
}
