//! Whose tokens are worth nothing any more: those that were made before somebody was removed. And whose are, though
//! they have ended.

use crate::common::{Lab, config};
use serde_json::json;
use volley::base::ParticipantId;
use volley_signaling::access::{AccessSettings, Claims, Grant, sign, unix_now};
use volley_signaling::protocol::ServerMessage;
use volley_signaling::settings::Settings;
use volley_signaling::state::{Config, Save};
use volley_signaling::store::{MemoryStore, Store};

const SECRET: &str = "a secret that only this test knows of";
/// Longer than clocks differ.
const LATER: i64 = 60;

fn lab() -> Lab {
    let access =
        AccessSettings { require_auth: true, token_secrets: vec![SECRET.to_owned()], ..Default::default() };
    let settings = Settings { access, max_rooms: 100, max_participants: 100, ..config().settings };
    Lab::after(MemoryStore::default(), Config { settings, ..config() })
}

/// A token of `identity` made so many seconds from now; `None`: it does not say when.
fn token(identity: &str, room: &str, made: Option<i64>) -> String {
    let now = unix_now();
    let claims = Claims {
        sub: identity.to_owned(),
        room: room.to_owned(),
        grants: vec![Grant::Publish, Grant::Subscribe],
        exp: now + 100_000_000,
        iat: made.map_or(0, |made| now.saturating_add_signed(made)),
    };
    sign(&claims, SECRET).unwrap()
}

/// `None`: they are let in.
fn enter(lab: &mut Lab, socket: u64, room: &str, token: &str) -> Option<&'static str> {
    let socket = lab.open(socket);
    lab.say(socket, json!({"type":"join","roomId":room,"participantName":"one","token":token}));
    match lab.heard(socket).first() {
        Some(ServerMessage::Joined { .. }) => None,
        Some(ServerMessage::Error { code, .. }) => Some(code),
        other => panic!("{other:?}"),
    }
}

/// Takes out whoever came last.
fn remove_last(lab: &mut Lab, room: &str) {
    let people = lab.state.view_of_room(room).unwrap().participants;
    let id = people.iter().map(|one| one.participant_id.parse().unwrap()).max().unwrap();
    assert!(lab.state.remove_and_revoke(room, ParticipantId(id), lab.now));
    lab.turn();
}

#[test]
fn a_second_token_from_before_the_removal_does_not_lead_back_however_long_it_lasts() {
    let mut lab = lab();
    assert_eq!(enter(&mut lab, 1, "room", &token("mallory", "room", Some(-100))), None);
    remove_last(&mut lab, "room");
    for made in [Some(-1000), Some(0), None] {
        assert_eq!(
            enter(&mut lab, 2, "room", &token("mallory", "room", made)),
            Some("token-revoked"),
            "{made:?}"
        );
    }
    lab.pass(3_600_000);
    let mut lab = lab.kill();
    assert_eq!(enter(&mut lab, 3, "room", &token("mallory", "room", Some(-1))), Some("token-revoked"));
}

#[test]
fn nobody_else_no_other_room_and_no_later_token_is_meant() {
    let mut lab = lab();
    enter(&mut lab, 1, "room", &token("ada", "room", Some(-100)));
    enter(&mut lab, 2, "room", &token("mallory", "room", Some(-100)));
    remove_last(&mut lab, "room");
    assert_eq!(enter(&mut lab, 3, "room", &token("bob", "room", Some(-100))), None);
    assert_eq!(enter(&mut lab, 4, "other", &token("mallory", "other", Some(-100))), None);
    assert_eq!(enter(&mut lab, 5, "room", &token("mallory", "room", Some(LATER))), None, "invited anew");
    remove_last(&mut lab, "room");
    assert_eq!(enter(&mut lab, 6, "room", &token("mallory", "room", Some(-100))), Some("token-revoked"));
}

#[test]
fn who_is_removed_time_and_again_takes_the_memory_of_one() {
    let mut lab = lab();
    for round in 0..5 {
        assert_eq!(enter(&mut lab, round, "room", &token("mallory", "room", Some(LATER))), None);
        remove_last(&mut lab, "room");
    }
    let revocations = lab.store.load().into_iter().filter(|record| record.kind == 4).count();
    assert_eq!(revocations, 1);
}

#[test]
fn the_oldest_removal_is_forgotten_when_there_are_more_than_are_kept() {
    let mut lab = lab();
    // As the process before left them: the numbers it had reserved, and the removals.
    lab.store.apply(&Save::Put { kind: 1, key: 0, bytes: b"100000".to_vec() });
    for number in 0..10_000u64 {
        let identity = format!("mallory-{number}");
        let removal = json!({"number":number + 10,"room":"room","identity":identity,"made_until":unix_now()});
        let bytes = removal.to_string().into_bytes();
        lab.store.apply(&Save::Put { kind: 4, key: number + 10, bytes });
    }
    let mut lab = lab.kill();
    let refused =
        |lab: &mut Lab, socket, who: &str| enter(lab, socket, "room", &token(who, "room", Some(-9)));
    assert_eq!(refused(&mut lab, 1, "mallory-0"), Some("token-revoked"));
    enter(&mut lab, 2, "room", &token("one-more", "room", Some(-9)));
    remove_last(&mut lab, "room");
    assert_eq!(refused(&mut lab, 3, "one-more"), Some("token-revoked"));
    assert_eq!(refused(&mut lab, 4, "mallory-1"), Some("token-revoked"));
    assert_eq!(refused(&mut lab, 5, "mallory-0"), None);
}

/// A token of Ada's for "room" that ends in so many seconds, clocks' difference left aside.
fn ending(within: i64, grants: &[Grant]) -> String {
    let exp = unix_now().saturating_add_signed(within - 5);
    let (sub, room, iat) = (String::from("ada"), String::from("room"), unix_now() - 3600);
    sign(&Claims { sub, room, grants: grants.to_vec(), exp, iat }, SECRET).unwrap()
}

#[test]
fn a_token_that_ends_in_mid_call_goes_on_to_do_what_it_grants_until_its_owner_leaves() {
    let mut lab = lab();
    let host = ending(4, &[Grant::Publish, Grant::Administer]);
    let others =
        [ending(1, &[Grant::Publish, Grant::Record]), ending(-7200, &[Grant::Publish, Grant::Administer])];
    assert_eq!(enter(&mut lab, 1, "room", &host), None);
    assert_eq!(enter(&mut lab, 2, "room", &token("bob", "room", Some(-100))), None);
    while lab.state.pass(Some(&host), "room").is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let code = |lab: &Lab, token: &str| lab.state.pass_over_rest(token, "room").map_err(|error| error.code());
    assert!(code(&lab, &host).is_ok_and(|pass| pass.may(Grant::Administer) && !pass.may(Grant::Record)));
    for other in &others {
        assert_eq!(code(&lab, other), Err("token-expired"), "nobody came in with it");
    }
    assert_eq!(lab.state.pass_over_rest(&host, "other").map_err(|error| error.code()), Err("token-room"));
    let mut lab = lab.kill();
    assert!(code(&lab, &host).is_ok(), "also after a restart");
    lab.pass(31_000);
    assert_eq!(code(&lab, &host), Err("token-expired"), "who has left is not in mid-call");
}

#[test]
fn removal_ends_what_a_token_that_has_ended_still_does() {
    let mut lab = lab();
    let host = ending(3, &[Grant::Publish, Grant::Administer]);
    assert_eq!(enter(&mut lab, 1, "room", &host), None);
    while lab.state.pass(Some(&host), "room").is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(lab.state.pass_over_rest(&host, "room").is_ok());
    remove_last(&mut lab, "room");
    assert_eq!(lab.state.pass_over_rest(&host, "room").map_err(|error| error.code()), Err("token-revoked"));
}
