//! Who says whom they want to be sent, and what becomes of it.

use crate::common::{Lab, Page, fixture, is_request, tracks};
use serde_json::{Value, json};
use volley::base::{ParticipantId, TrackId};
use volley::control::Command;
use volley::control::types::Wish;
use volley_signaling::protocol::{MediaPath, RoomMode, ServerMessage};

/// Of a person, of a track, or of everybody.
type Word = (Option<ParticipantId>, Option<TrackId>, Option<bool>);

#[test]
fn somebody_and_something_are_named_and_the_page_is_told_what_holds() {
    let mut lab = Lab::new();
    let [one, two, three] = [1, 2, 3].map(|socket| lab.join(socket, "room", "somebody"));
    lab.offer(&two, &fixture("chromium-example-client"));
    let picture = tracks(&lab.commands())[1].track;
    lab.heard(one.socket);

    lab.say(one.socket, json!({"type":"unsubscribe","participantIds":[two.id, "7000", "Jane"]}));
    assert_eq!(words(&mut lab, &one), [(Some(two.participant()), None, Some(false))]);
    assert_eq!(
        told(&mut lab, &one),
        json!({"everybodyElse":true,"participants":{&two.id:false},"tracks":{}})
    );

    lab.say(one.socket, json!({"type":"subscribe","trackIds":[picture.0.to_string()]}));
    assert_eq!(words(&mut lab, &one), [(None, Some(picture), Some(true))]);
    lab.say(one.socket, json!({"type":"subscribe","participantIds":[two.id]}));
    let taken_back = [(None, Some(picture), None), (Some(two.participant()), None, None)];
    assert_eq!(words(&mut lab, &one), taken_back, "who is wanted is wanted with all of theirs");

    lab.say(one.socket, json!({"type":"unsubscribe"}));
    lab.say(one.socket, json!({"type":"subscribe","participantIds":[three.id]}));
    let only = [(None, None, Some(false)), (Some(three.participant()), None, Some(true))];
    assert_eq!(words(&mut lab, &one), only);
    let heard = told(&mut lab, &one);
    assert_eq!(heard, json!({"everybodyElse":false,"participants":{&three.id:true},"tracks":{}}));
    lab.say(one.socket, json!({"type":"subscribe"}));
    assert_eq!(words(&mut lab, &one), [(None, None, Some(true))]);
}

#[test]
fn nobody_and_too_many_are_refused_and_change_nothing() {
    let mut lab = Lab::new();
    let [one, two] = [1, 2].map(|socket| lab.join(socket, "room", "somebody"));
    let elsewhere = lab.join(3, "elsewhere", "somebody");
    lab.offer(&one, &fixture("chromium-example-client"));
    lab.offer(&elsewhere, &fixture("chromium-example-client"));
    let published = tracks(&lab.commands());
    let [own, foreign] = [published[0].track, published[2].track].map(|track| track.0.to_string());
    lab.heard(one.socket);
    for (message, code) in [
        (json!({"type":"unsubscribe","participantIds":[one.id]}), "unknown-participant"),
        (json!({"type":"subscribe","participantIds":[elsewhere.id]}), "unknown-participant"),
        (json!({"type":"unsubscribe","trackIds":[own]}), "unknown-track"),
        (json!({"type":"subscribe","trackIds":[foreign, "x"]}), "unknown-track"),
    ] {
        lab.say(one.socket, message.clone());
        assert_eq!(lab.error(one.socket), code, "{message}");
    }
    assert_eq!(words(&mut lab, &one), []);
    lab.say(one.socket, json!({"type":"unsubscribe","participantIds":[]}));
    assert_eq!(words(&mut lab, &one), [], "an empty list is nobody, and not everybody");
    assert!(
        lab.heard(two.socket).iter().all(|message| !matches!(message, ServerMessage::Subscriptions { .. }))
    );
}

#[test]
fn what_was_said_outlives_the_process_and_the_socket_and_whom_it_is_about_does_not() {
    let mut lab = Lab::new();
    let [one, two, three] = [1, 2, 3].map(|socket| lab.join(socket, "room", "somebody"));
    lab.say(one.socket, json!({"type":"unsubscribe"}));
    lab.say(one.socket, json!({"type":"subscribe","participantIds":[two.id, three.id]}));
    let mut lab = lab.kill();
    let all = [
        (None, None, Some(false)),
        (Some(two.participant()), None, Some(true)),
        (Some(three.participant()), None, Some(true)),
    ];
    assert_eq!(words(&mut lab, &one), all, "said again to a worker that may not have heard it");
    let (two, _) = lab.resume(2, &two);
    lab.say(two.socket, json!({"type":"leave"}));
    let (one, heard) = lab.resume(1, &one);
    let heard = heard.iter().find(|message| matches!(message, ServerMessage::Subscriptions { .. })).unwrap();
    let heard: Value = serde_json::from_str(&heard.to_json()).unwrap();
    assert_eq!(heard["participants"], json!({&three.id:true}), "who left is no longer named");
    assert_eq!(words(&mut lab, &one), [], "workers forget them by themselves");
}

#[test]
fn a_page_is_asked_for_as_many_seats_as_it_wants_people() {
    let mut lab = Lab::new();
    let one = lab.join(1, "room", "one");
    lab.offer(&one, &fixture("chromium-example-client"));
    lab.say(one.socket, json!({"type":"unsubscribe"}));
    lab.heard(one.socket);
    let others = [2, 3, 4].map(|socket| lab.join(socket, "room", "somebody"));
    let is_asked = |message: &ServerMessage| matches!(message, ServerMessage::RequestOffer { .. });
    assert!(!lab.heard(one.socket).iter().any(is_asked), "nobody is wanted");
    let ids: Vec<&String> = others.iter().map(|page| &page.id).collect();
    lab.say(one.socket, json!({"type":"subscribe","participantIds":ids}));
    assert!(is_request(&lab.heard(one.socket), 3));
}

#[test]
fn while_somebody_chooses_whom_they_are_sent_the_server_sends_it() {
    let mut lab = Lab::new();
    let room = lab.state.create_room("Meeting", None, lab.now).unwrap().id;
    lab.state.set_mode(&room, RoomMode::Mesh);
    lab.turn();
    let enter = |lab: &mut Lab, socket| {
        let socket = lab.open(socket);
        let name = "somebody";
        lab.say(socket, json!({"type":"join","roomId":room,"participantName":name,"mode":"mesh"}));
        let heard = lab.heard(socket);
        let ServerMessage::Joined { participant_id, resume_token, .. } = &heard[0] else {
            panic!("{heard:?}")
        };
        Page { socket, id: participant_id.clone(), token: resume_token.clone(), room: room.clone() }
    };
    let [one, two] = [1, 2].map(|socket| enter(&mut lab, socket));
    let changes = |lab: &mut Lab, message: Option<Value>| {
        lab.heard(two.socket);
        message.into_iter().for_each(|message| lab.say(one.socket, message));
        let change = |message: &ServerMessage| match message {
            ServerMessage::ModeChanged { mode } => Some(*mode),
            _ => None,
        };
        lab.heard(two.socket).iter().filter_map(change).collect::<Vec<_>>()
    };
    let unsubscribe = json!({"type":"unsubscribe","participantIds":[two.id]});
    assert_eq!(changes(&mut lab, Some(unsubscribe.clone())), [MediaPath::Sfu]);
    assert_eq!(changes(&mut lab, Some(json!({"type":"subscribe"}))), [MediaPath::Mesh]);
    let three = enter(&mut lab, 3);
    let named = json!({"type":"unsubscribe","participantIds":[three.id]});
    assert_eq!(changes(&mut lab, Some(named)), [MediaPath::Sfu]);
    lab.heard(two.socket);
    lab.say(three.socket, json!({"type":"leave"}));
    let heard = lab.heard(two.socket);
    let is_direct =
        |message: &ServerMessage| *message == ServerMessage::ModeChanged { mode: MediaPath::Mesh };
    assert!(heard.iter().any(is_direct), "whom it was about has left: {heard:?}");
}

/// What the workers were told of a page's wishes since last asked.
fn words(lab: &mut Lab, page: &Page) -> Vec<Word> {
    let words = |command: Command| match command {
        Command::Want(want) => {
            assert_eq!(want.viewer, page.participant());
            want.wishes.into_iter().collect::<Vec<_>>()
        }
        _ => vec![],
    };
    let words = lab.commands().into_iter().flat_map(words);
    words.map(|Wish { participant, track, wanted }| (participant, track, wanted)).collect()
}

/// What the page was told last, without its type.
fn told(lab: &mut Lab, page: &Page) -> Value {
    let heard = lab.heard(page.socket);
    let told = heard.iter().rev().find(|message| matches!(message, ServerMessage::Subscriptions { .. }));
    let mut told: Value = serde_json::from_str(&told.expect("it is told").to_json()).unwrap();
    told.as_object_mut().unwrap().remove("type");
    told
}
