//! Rooms that are encrypted end to end: who is let in, who is told, and how epochs are counted.

use crate::common::{Lab, Page, fixture};
use serde_json::{Value, json};
use volley_signaling::protocol::ServerMessage;
use volley_signaling::state::{BridgeError, BridgeRole, Caller};

#[test]
fn who_encrypts_makes_an_encrypted_room_and_who_does_not_is_told() {
    let mut lab = Lab::new();
    let one = enter(&mut lab, 1, "secret", Some(0));
    assert_eq!((one.e2ee, one.epoch), (true, 0));
    assert!(lab.state.view_of_room("secret").unwrap().e2ee);
    let two = enter(&mut lab, 2, "secret", None);
    assert!(two.e2ee, "a page without a key sees that it needs one");
    let plain = enter(&mut lab, 3, "plain", None);
    assert!(!plain.e2ee);
}

#[test]
fn who_encrypts_is_not_let_into_a_room_where_nobody_does() {
    let mut lab = Lab::new();
    enter(&mut lab, 1, "plain", None);
    let socket = lab.open(2);
    lab.say(socket, join("plain", Some(0)));
    assert_eq!(lab.error(socket), "not-encrypted");
    let made = lab.state.create_room("Made", None, lab.now).unwrap().id;
    lab.say(socket, join(&made, Some(0)));
    assert_eq!(lab.error(socket), "not-encrypted");
    assert!(lab.state.encrypt_room(&made));
    assert!(enter(&mut lab, 3, &made, Some(0)).e2ee);
    assert!(!lab.state.encrypt_room("plain"), "people talk in it already");
}

#[test]
fn whoever_stays_turns_keys_on_when_somebody_leaves_and_newcomers_are_told_the_epoch() {
    let mut lab = Lab::new();
    let [one, two, three] = [1, 2, 3].map(|socket| enter(&mut lab, socket, "secret", Some(0)).page);
    lab.heard(one.socket);
    lab.heard(three.socket);
    lab.say(two.socket, json!({"type":"leave"}));
    assert_eq!((epochs(&mut lab, &one), epochs(&mut lab, &three)), (vec![1], vec![1]));
    assert_eq!(enter(&mut lab, 4, "secret", Some(0)).epoch, 1);
    assert_eq!(
        epochs(&mut lab, &one),
        Vec::<u32>::new(),
        "who comes knows the passphrase, from which all keys follow"
    );
    lab.say(three.socket, json!({"type":"leave"}));
    assert_eq!(epochs(&mut lab, &one), [2]);
}

#[test]
fn nobody_is_told_of_epochs_where_nothing_is_encrypted() {
    let mut lab = Lab::new();
    let [one, two] = [1, 2].map(|socket| enter(&mut lab, socket, "plain", None).page);
    lab.say(two.socket, json!({"type":"leave"}));
    assert_eq!(epochs(&mut lab, &one), Vec::<u32>::new());
}

#[test]
fn the_epoch_outlives_the_process_and_is_learnt_from_who_comes_back_when_it_was_lost() {
    let mut lab = Lab::new();
    let [one, two] = [1, 2].map(|socket| enter(&mut lab, socket, "secret", Some(0)).page);
    lab.say(two.socket, json!({"type":"leave"}));
    let mut lab = lab.kill();
    let (_, heard) = lab.resume(1, &one);
    assert!(matches!(heard[0], ServerMessage::Joined { e2ee: true, key_epoch: 1, .. }), "{heard:?}");

    let mut lab = Lab::new();
    let one = enter(&mut lab, 1, "secret", Some(700));
    assert_eq!(one.epoch, 700);
    let two = enter(&mut lab, 2, "secret", Some(703));
    assert_eq!((two.epoch, epochs(&mut lab, &one.page)), (703, vec![703]));
    let three = enter(&mut lab, 3, "secret", Some(4_000_000_000));
    assert_eq!(three.epoch, 719, "no stranger uses all epochs up");
}

#[test]
fn epochs_end_where_the_names_of_keys_have_no_room_for_more() {
    let mut lab = Lab::new();
    let one = enter(&mut lab, 1, "secret", Some(u32::MAX));
    assert_eq!(one.epoch, 2048, "whoever comes first leaves as many to those who come later");
    let mut last = 2048;
    for socket in 2.. {
        // Each of them takes as many as they are given, and all the time there is.
        lab.pass(16 * 1_280_000);
        let two = enter(&mut lab, socket, "secret", Some(u32::MAX));
        lab.say(two.page.socket, json!({"type":"leave"}));
        let Some(&now) = epochs(&mut lab, &one.page).last() else { break };
        last = now;
    }
    assert_eq!(last, 4095);
}

#[test]
fn one_person_who_comes_and_goes_turns_keys_on_no_faster_than_epochs_can_bear() {
    let mut lab = Lab::new();
    let one = enter(&mut lab, 1, "secret", Some(0));
    for socket in 2..200 {
        let two = enter(&mut lab, socket, "secret", Some(u32::MAX));
        lab.say(two.page.socket, json!({"type":"leave"}));
    }
    assert_eq!(epochs(&mut lab, &one.page).last(), Some(&32));
    lab.pass(9_000);
    assert_eq!(epochs(&mut lab, &one.page), Vec::<u32>::new());
    lab.pass(1_500);
    assert_eq!(epochs(&mut lab, &one.page), [33], "all who left since then turn them on together");
    lab.pass(60_000);
    assert_eq!(epochs(&mut lab, &one.page), Vec::<u32>::new(), "once");
}

#[test]
fn who_leaves_nobody_behind_turns_nothing_on() {
    let mut lab = Lab::new();
    let room = lab.state.create_room("Made", None, lab.now).unwrap().id;
    assert!(lab.state.encrypt_room(&room));
    for socket in 1..5 {
        let one = enter(&mut lab, socket, &room, Some(0));
        assert_eq!(one.epoch, 0);
        lab.say(one.page.socket, json!({"type":"leave"}));
    }
}

#[test]
fn whip_and_whep_are_refused_where_they_could_not_be_understood() {
    let mut lab = Lab::new();
    enter(&mut lab, 1, "secret", Some(0));
    enter(&mut lab, 2, "plain", None);
    let offer = fixture("chromium-example-client");
    for role in [BridgeRole::Publisher, BridgeRole::Viewer] {
        let mut open =
            |room| lab.state.open_bridge(room, "Studio", role, Caller::default(), offer.clone(), lab.now);
        assert!(matches!(open("secret"), Err(BridgeError::Refused("room-encrypted", _))));
        assert!(open("plain").is_ok());
    }
}

struct Entered {
    page: Page,
    e2ee: bool,
    epoch: u32,
}

fn join(room: &str, epoch: Option<u32>) -> Value {
    let mut join = json!({"type":"join","roomId":room,"participantName":"somebody"});
    if let Some(epoch) = epoch {
        join["e2ee"] = json!(true);
        join["keyEpoch"] = json!(epoch);
    }
    join
}

fn enter(lab: &mut Lab, socket: u64, room: &str, epoch: Option<u32>) -> Entered {
    let socket = lab.open(socket);
    lab.say(socket, join(room, epoch));
    let heard = lab.heard(socket);
    let ServerMessage::Joined { participant_id, resume_token, e2ee, key_epoch, .. } = &heard[0] else {
        panic!("joined was expected, not {heard:?}");
    };
    let page =
        Page { socket, id: participant_id.clone(), token: resume_token.clone(), room: room.to_owned() };
    Entered { page, e2ee: *e2ee, epoch: *key_epoch }
}

/// Those that a page was told of since last asked.
fn epochs(lab: &mut Lab, page: &Page) -> Vec<u32> {
    let told = lab.heard(page.socket).into_iter().filter_map(|message| match message {
        ServerMessage::KeyEpoch { key_epoch } => Some(key_epoch),
        _ => None,
    });
    told.collect()
}
