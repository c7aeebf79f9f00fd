//! Coming back with another token than one came in with: what it grants holds from then on.

use crate::common::{Lab, Page, config, error_code, fixture, names, slots, tracks};
use serde_json::json;
use std::time::Duration;
use volley_signaling::access::{AccessSettings, Claims, Grant, sign, unix_now};
use volley_signaling::protocol::{MediaPath, RoomMode, ServerMessage};
use volley_signaling::settings::Settings;
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;

const SECRET: &str = "a secret that only this test knows of";
const CALL: [Grant; 2] = [Grant::Publish, Grant::Subscribe];
const HOST: [Grant; 3] = [Grant::Publish, Grant::Subscribe, Grant::Administer];

fn lab() -> Lab {
    let access =
        AccessSettings { require_auth: true, token_secrets: vec![SECRET.to_owned()], ..Default::default() };
    let settings = Settings { access, max_rooms: 100, max_participants: 100, ..config().settings };
    Lab::after(MemoryStore::default(), Config { settings, ..config() })
}

/// A token that ends in so many seconds, clocks' difference left aside.
fn ending(within: i64, identity: &str, room: &str, grants: &[Grant]) -> String {
    let exp = unix_now().saturating_add_signed(within - 5);
    let claims = Claims {
        sub: identity.to_owned(),
        room: room.to_owned(),
        grants: grants.to_vec(),
        exp,
        iat: unix_now() - 3600,
    };
    sign(&claims, SECRET).unwrap()
}

fn token(identity: &str, grants: &[Grant]) -> String {
    ending(600, identity, "room", grants)
}

/// Comes in with a token, and sends an offer.
fn call(lab: &mut Lab, socket: u64, room: &str, token: &str) -> Page {
    let socket = lab.open(socket);
    let join = json!({"type":"join","roomId":room,"participantName":"one","mode":"mesh","token":token});
    lab.say(socket, join);
    let heard = lab.heard(socket);
    let [ServerMessage::Joined { participant_id, resume_token, .. }, ..] = heard.as_slice() else {
        panic!("{heard:?}");
    };
    let (id, token) = (participant_id.clone(), resume_token.clone());
    let page = Page { socket, id, token, room: room.to_owned() };
    lab.offer(&page, &fixture("chromium-example-client"));
    page
}

/// Comes back, with a token or without.
fn resume(lab: &mut Lab, socket: u64, page: &Page, token: Option<&str>) -> (Page, Vec<ServerMessage>) {
    lab.commands();
    let socket = lab.open(socket);
    let mut join = json!({"type":"join","roomId":page.room,"participantName":"one",
        "participantId":page.id,"resumeToken":page.token});
    if let Some(token) = token {
        join["token"] = token.into();
    }
    lab.say(socket, join);
    let heard = lab.heard(socket);
    (Page { socket, ..page.clone() }, heard)
}

/// What somebody who came back was told that they may do, how many tracks of theirs there still are, and whether they
/// were asked for an offer.
fn granted(heard: &[ServerMessage]) -> (Vec<Grant>, usize, bool) {
    let [ServerMessage::Joined { resumed: true, grants, tracks, .. }, rest @ ..] = heard else {
        panic!("{heard:?}");
    };
    let is_asked = rest.iter().any(|message| matches!(message, ServerMessage::RequestOffer { .. }));
    (grants.iter().copied().collect(), tracks.len(), is_asked)
}

#[test]
fn who_may_not_publish_any_more_is_heard_by_nobody_before_their_page_offers_anew() {
    let mut lab = lab();
    let host = call(&mut lab, 1, "room", &token("ada", &HOST));
    let other = call(&mut lab, 2, "room", &token("ben", &CALL));
    lab.heard(other.socket);
    let (host, heard) = resume(&mut lab, 3, &host, Some(&token("ada", &[Grant::Subscribe])));
    assert_eq!(granted(&heard), (vec![Grant::Subscribe], 0, true));
    assert_eq!(names(&lab.commands()), ["unpublish", "unpublish"]);
    let ended = |message: &&ServerMessage| matches!(message, ServerMessage::TrackUnpublished { .. });
    assert_eq!(lab.heard(other.socket).iter().filter(ended).count(), 2);

    let mut lab = lab.kill();
    let (host, heard) = resume(&mut lab, 4, &host, None);
    assert_eq!(granted(&heard), (vec![Grant::Subscribe], 0, false), "also after a restart");
    lab.say(host.socket, json!({"type":"offer","sdp":fixture("chromium-example-client")}));
    assert!(lab.heard(host.socket).iter().any(|message| error_code(message) == Some("token-grant")));
    assert!(tracks(&lab.commands()).is_empty());
}

#[test]
fn who_is_granted_more_is_asked_for_an_offer_and_has_it_then() {
    let mut lab = lab();
    let viewer = call(&mut lab, 1, "room", &token("ada", &[Grant::Subscribe]));
    let (viewer, heard) = resume(&mut lab, 2, &viewer, Some(&token("ada", &HOST)));
    assert_eq!(granted(&heard), (HOST.to_vec(), 0, true));
    lab.offer(&viewer, &fixture("chromium-example-client"));
    assert_eq!(tracks(&lab.commands()).len(), 2);

    let speaker = call(&mut lab, 3, "room", &token("ben", &[Grant::Publish]));
    let (speaker, _) = resume(&mut lab, 4, &speaker, Some(&token("ben", &CALL)));
    lab.offer(&speaker, &fixture("chromium-example-client"));
    assert!(!slots(&lab.commands()).is_empty());
    let (_, heard) = resume(&mut lab, 5, &speaker, Some(&token("ben", &[Grant::Publish])));
    assert_eq!(granted(&heard), (vec![Grant::Publish], 2, true));
    let commands = lab.commands();
    assert!(
        !commands.is_empty() && names(&commands).iter().all(|name| *name == "close-slot"),
        "{commands:?}"
    );
}

#[test]
fn what_media_does_not_need_changes_nothing_of_it() {
    let mut lab = lab();
    let host = call(&mut lab, 1, "room", &token("ada", &HOST));
    let (_, heard) = resume(&mut lab, 2, &host, Some(&token("ada", &CALL)));
    assert_eq!(granted(&heard), (CALL.to_vec(), 2, false));
    assert_eq!(names(&lab.commands()), [""; 0]);
}

#[test]
fn over_rest_the_token_shown_last_is_the_one_that_outlasts_its_end() {
    let mut lab = lab();
    let (ended, fresh) = (ending(10, "ada", "room", &HOST), ending(10, "ben", "room", &HOST));
    let demoted = call(&mut lab, 1, "room", &ended);
    let kept = call(&mut lab, 2, "room", &token("ben", &HOST));
    resume(&mut lab, 3, &demoted, Some(&token("ada", &CALL)));
    resume(&mut lab, 4, &kept, Some(&fresh));
    while [&ended, &fresh].iter().any(|token| lab.state.pass(Some(token), "room").is_ok()) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let over_rest = |token: &str| lab.state.pass_over_rest(token, "room").map_err(|error| error.code());
    assert_eq!(over_rest(&ended), Err("token-expired"), "they have shown a lesser one since");
    assert!(over_rest(&fresh).is_ok_and(|pass| pass.may(Grant::Administer)));
}

#[test]
fn a_token_that_opens_nothing_is_as_none() {
    let mut lab = lab();
    let mut page = call(&mut lab, 1, "room", &token("ada", &HOST));
    let (ended, other) = (ending(-60, "ada", "room", &CALL), ending(600, "ada", "other", &CALL));
    for (socket, shown) in
        [(2, None), (3, Some(ended.as_str())), (4, Some(other.as_str())), (5, Some("nonsense"))]
    {
        let (back, heard) = resume(&mut lab, socket, &page, shown);
        assert_eq!(granted(&heard), (HOST.to_vec(), 2, false), "{shown:?}");
        page = back;
    }
    assert_eq!(names(&lab.commands()), [""; 0]);
}

#[test]
fn a_token_of_somebody_else_or_for_nothing_in_a_call_leads_nobody_back() {
    let mut lab = lab();
    let page = call(&mut lab, 1, "room", &token("ada", &CALL));
    for (socket, shown, code) in
        [(2, token("ben", &HOST), "bad-resume-token"), (3, token("ada", &[Grant::Administer]), "token-grant")]
    {
        let (_, heard) = resume(&mut lab, socket, &page, Some(&shown));
        assert_eq!(heard.iter().map(error_code).collect::<Vec<_>>(), [Some(code)]);
    }
    let (_, heard) = resume(&mut lab, 4, &page, None);
    assert_eq!(granted(&heard), (CALL.to_vec(), 2, false), "and takes nothing away");
}

#[test]
fn who_may_not_publish_any_more_brings_a_direct_call_back_to_the_server() {
    let mut lab = lab();
    let room = lab.state.create_room("Direct", None, lab.now).unwrap().id;
    lab.state.set_mode(&room, RoomMode::Auto);
    let of = |who: &str, grants: &[Grant]| ending(600, who, &room, grants);
    let ada = call(&mut lab, 1, &room, &of("ada", &CALL));
    let ben = call(&mut lab, 2, &room, &of("ben", &CALL));
    lab.heard(ben.socket);
    let (_, heard) = resume(&mut lab, 3, &ada, Some(&of("ada", &[Grant::Subscribe])));
    assert!(matches!(heard[0], ServerMessage::Joined { mode: MediaPath::Sfu, .. }), "{heard:?}");
    let changed = ServerMessage::ModeChanged { mode: MediaPath::Sfu };
    assert!(lab.heard(ben.socket).contains(&changed));
}
