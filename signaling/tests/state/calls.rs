//! People and rooms: coming, going, coming back, and what survives whose death. Without a socket, a
//! clock or a media process.

use crate::common::{Lab, Page, all_ids, config, connected, error_code, fixture, names, slots, tracks};
use serde_json::json;
use volley::base::{TrackId, TransportId};
use volley::control::types::{Reason, TransportState};
use volley::control::{Command, Event};
use volley_signaling::protocol::ServerMessage;
use volley_signaling::store::MemoryStore;

#[test]
fn whoever_lost_the_socket_comes_back_with_the_token_and_nobody_else_does() {
    let mut lab = Lab::new();
    let page = lab.call(1, "chromium-example-client");
    lab.event(0, Event::Transport { transport: lab.transport(), state: connected() });
    lab.commands();
    let thief = Page { token: "guessed".into(), ..page.clone() };
    let (thief, heard) = lab.resume(2, &thief);
    assert!(matches!(heard[..], [ServerMessage::Error { code: "bad-resume-token", .. }]), "{heard:?}");
    lab.close(thief.socket);

    let (back, heard) = lab.resume(3, &page);
    let ServerMessage::Joined { resumed: true, ref participant_name, ref tracks, .. } = heard[0] else {
        panic!("joined was expected, not {heard:?}");
    };
    assert_eq!((participant_name.as_str(), tracks.len()), ("one", 2));
    assert!(matches!(heard[1..], [ServerMessage::Slots { .. }]), "nothing is asked for: {heard:?}");
    assert_eq!(lab.closed, [page.socket], "two sockets for one participant are one too many");
    assert_eq!(lab.error(page.socket), "resumed-elsewhere");
    lab.close(page.socket);
    lab.offer(&back, &fixture("chromium-example-client"));
    assert_eq!(names(&lab.commands()), [""; 0], "media is untouched");
}

#[test]
fn media_decides_how_long_somebody_without_a_socket_stays() {
    let mut lab = Lab::new();
    let watcher = lab.join(9, "room", "watcher");
    let page = lab.call(1, "chromium-example-client");
    let transport = lab.transport();
    lab.event(0, Event::Transport { transport, state: connected() });
    lab.close(page.socket);
    lab.pass(120_000);
    lab.heard(watcher.socket);
    lab.event(0, Event::Transport { transport, state: TransportState::Hidden });
    let hidden = ServerMessage::ParticipantHidden { participant_id: page.id.clone(), hidden: true };
    assert_eq!(lab.heard(watcher.socket), [hidden]);
    lab.event(0, Event::Transport { transport, state: TransportState::Ended { reason: Reason::Silent } });
    assert!(has_left(&mut lab, &watcher), "30 s are over: that is what silent means");
    assert_eq!(names(&lab.commands()).last(), Some(&"leave"));
}

#[test]
fn a_page_whose_media_failed_has_half_a_minute_to_come_back() {
    let mut lab = Lab::new();
    let watcher = lab.join(9, "room", "watcher");
    let page = lab.call(1, "chromium-example-client");
    let transport = lab.transport();
    lab.close(page.socket);
    lab.event(0, Event::Transport { transport, state: connected() });
    lab.event(
        0,
        Event::Transport { transport, state: TransportState::Ended { reason: Reason::ClosedByPeer } },
    );
    lab.pass(29_900);
    assert!(!has_left(&mut lab, &watcher));
    lab.pass(200);
    assert!(has_left(&mut lab, &watcher));
}

#[test]
fn a_socket_from_which_nothing_comes_takes_its_page_along_unless_media_does_come() {
    let mut lab = Lab::new();
    let watcher = lab.join(9, "room", "watcher");
    let (seen, silent) = (lab.call(1, "chromium-example-client"), lab.join(2, "room", "silent"));
    lab.event(0, Event::Transport { transport: lab.transport(), state: connected() });
    for page in [&seen, &silent] {
        lab.state.socket_silent(page.socket, lab.now);
        lab.turn();
    }
    let left: Vec<ServerMessage> = lab.heard(watcher.socket);
    let gone = ServerMessage::ParticipantLeft { participant_id: silent.id };
    assert!(left.contains(&gone) && lab.state.counts() == (1, 2), "{left:?}");
}

fn has_left(lab: &mut Lab, watcher: &Page) -> bool {
    lab.heard(watcher.socket).iter().any(|message| matches!(message, ServerMessage::ParticipantLeft { .. }))
}

#[test]
fn a_killed_process_comes_back_to_the_same_room() {
    let mut lab = Lab::new();
    let first = lab.call(1, "chromium-example-client");
    let one = lab.transport();
    lab.event(0, Event::Transport { transport: one, state: connected() });
    let second = lab.call(2, "firefox-example-client");
    let two = lab.transport();
    let everything = lab.commands();
    let ids_before = all_ids(&everything);
    let seat = slots(&everything)[0].slot;
    let microphone = tracks(&everything)[2].track;

    let mut lab = lab.kill();
    let commands = lab.commands();
    assert_eq!(names(&commands), ["open-room", "show-speakers-only", "join", "join", "resync", "resync"]);
    let Command::Resync { request } = commands[4] else { unreachable!() };
    for transport in [one, two] {
        lab.event(0, Event::Transport { transport, state: connected() });
    }
    lab.event(0, Event::Slot { slot: seat, track: Some(microphone) });
    lab.event(0, Event::Answered { request });
    // What a kill may have left unsaid is said again; what the worker has it refuses.
    assert_eq!(names(&lab.commands()), [["publish", "open-slot"]; 4].as_flattened());
    lab.event(0, Event::Refused { id: seat.0, reason: Reason::Exists });
    lab.event(0, Event::Slot { slot: seat, track: Some(TrackId(999_999)) });
    assert_eq!(lab.commands(), [Command::Unpublish { track: TrackId(999_999) }], "it was ended unsaid");
    lab.event(0, Event::Slot { slot: seat, track: Some(microphone) });

    let (first, heard) = lab.resume(1, &first);
    assert!(matches!(heard[..], [ServerMessage::Joined { resumed: true, .. }, ServerMessage::Slots { .. }]));
    let ServerMessage::Slots { slots } = &heard[1] else { unreachable!() };
    assert_eq!(slots[0].participant_id.as_deref(), Some(second.id.as_str()));
    lab.offer(&first, &fixture("chromium-example-client"));
    assert_eq!(names(&lab.commands()), [""; 0]);

    let third = lab.call(3, "chromium-recycle-1-before");
    let new = all_ids(&lab.commands());
    let repeated: Vec<_> = new.intersection(&ids_before).collect();
    assert!(repeated.is_empty(), "{third:?}: {repeated:?}");
}

#[test]
fn a_transport_the_worker_does_not_know_any_more_is_over() {
    let mut lab = Lab::new();
    let page = lab.call(1, "chromium-example-client");
    let transport = lab.transport();
    lab.event(0, Event::Transport { transport, state: connected() });
    let mut lab = lab.kill();
    let request = lab.commands().iter().find_map(|command| match command {
        Command::Resync { request } => Some(*request),
        _ => None,
    });
    lab.event(0, Event::Answered { request: request.unwrap() });
    let (page, heard) = lab.resume(1, &page);
    let codes: Vec<_> = heard.iter().filter_map(error_code).collect();
    assert_eq!(codes, ["media-ended"]);
    assert!(heard.iter().any(|m| matches!(m, ServerMessage::RequestOffer { .. })));
    lab.say(page.socket, json!({"type":"offer","sdp":fixture("chromium-example-client")}));
    assert_eq!(lab.error(page.socket), "media-ended", "its DTLS association cannot be had again");
    lab.offer(&page, &fixture("firefox-example-client"));
}

#[test]
fn after_the_media_process_died_rooms_and_people_are_as_before() {
    let mut lab = Lab::new();
    let page = lab.call(1, "chromium-example-client");
    lab.event(0, Event::Transport { transport: lab.transport(), state: connected() });
    let mut lab = Lab::after(lab.store, volley_signaling::state::Config { media_start: 2, ..config() });
    assert_eq!(names(&lab.commands()), ["open-room", "join"]);
    let (page, heard) = lab.resume(1, &page);
    assert!(heard.iter().filter_map(error_code).eq(["media-ended"]));
    lab.offer(&page, &fixture("firefox-example-client"));
    assert_eq!(lab.state.counts(), (1, 1));
}

#[test]
fn a_server_that_forgot_everything_gives_no_number_a_second_time() {
    let id_of = |started_ms| {
        let config = volley_signaling::state::Config { started_ms, ..config() };
        let mut lab = Lab::after(MemoryStore::default(), config);
        lab.call(1, "chromium-example-client");
        lab.transport().0
    };
    let before = id_of(1_795_000_000_000);
    assert!((1_795_000_000_000..1_795_000_001_000).contains(&before), "{before}");
    assert!(id_of(1_795_000_001_000) > before);
}

#[test]
fn events_about_nothing_we_know_are_cleaned_up() {
    let mut lab = Lab::new();
    lab.event(1, Event::Transport { transport: TransportId(99), state: TransportState::New });
    lab.event(1, Event::Slot { slot: volley::base::SlotId(98), track: None });
    assert_eq!(names(&lab.commands()), ["close-transport", "close-slot"]);
    lab.event(1, Event::Lost { events: 3 });
    let commands = lab.commands();
    assert_eq!(names(&commands), ["resync"]);
    let Command::Resync { request } = commands[0] else { unreachable!() };
    lab.event(1, Event::Answered { request });
    assert_eq!(names(&lab.commands()), [""; 0], "refusals of what is known would be lost events again");
    lab.event(1, Event::Refused { id: 7, reason: Reason::Invalid });
    lab.event(1, Event::Answered { request: 77 });
}

#[test]
fn rooms_spread_over_the_workers() {
    let mut lab = Lab::new();
    lab.join(1, "a", "one");
    lab.join(2, "b", "two");
    let workers: Vec<usize> = std::mem::take(&mut lab.commands).iter().map(|(worker, _)| *worker).collect();
    assert_eq!(workers, [0, 0, 1, 1]);
}

#[test]
fn messages_out_of_order_are_told_what_to_do() {
    let mut lab = Lab::new();
    let socket = lab.open(1);
    for message in
        [json!({"type":"leave"}), json!({"type":"offer","sdp":""}), json!({"type":"chat","text":"x"})]
    {
        lab.say(socket, message);
        assert_eq!(lab.error(socket), "not-joined");
    }
    let long = "x".repeat(65);
    for (room, name, code) in [
        ("", "n", "bad-room-id"),
        (&*long, "n", "bad-room-id"),
        ("a b", "n", "bad-room-id"),
        ("ok", "  ", "bad-name"),
        ("ok", &long, "bad-name"),
        ("ok", "a\nb", "bad-name"),
    ] {
        lab.say(socket, json!({"type":"join","roomId":room,"participantName":name}));
        assert_eq!(lab.error(socket), code, "{room:?} {name:?}");
    }
    let page = lab.join(2, "room", "one");
    lab.say(page.socket, json!({"type":"join","roomId":"room","participantName":"again"}));
    assert_eq!(lab.error(page.socket), "already-joined");
    lab.say(page.socket, json!({"type":"offer","roomId":"elsewhere","sdp":"v=0"}));
    assert_eq!(lab.error(page.socket), "wrong-room");
    lab.say(page.socket, json!({"type":"offer","sdp":"v=1"}));
    assert_eq!(lab.error(page.socket), "bad-sdp");
    lab.say(page.socket, json!({"type":"mute","trackId":"7"}));
    assert_eq!(lab.error(page.socket), "unknown-track");
    lab.say(page.socket, json!({"type":"pin","participantId":page.id}));
    assert_eq!(lab.error(page.socket), "unknown-participant");
    lab.say(page.socket, json!({"type":"chat","text":""}));
    assert_eq!(lab.error(page.socket), "bad-chat");
    lab.say(page.socket, json!({"type":"ice-candidate","candidate":null}));
    assert_eq!(lab.heard(page.socket), []);
    lab.say(page.socket, json!({"type":"leave"}));
    lab.say(page.socket, json!({"type":"leave"}));
    assert_eq!(lab.error(page.socket), "not-joined");
    lab.say(page.socket, json!({"type":"join","roomId":"room","participantName":"again"}));
    assert!(matches!(lab.heard(page.socket)[0], ServerMessage::Joined { resumed: false, .. }));
}

#[test]
fn rooms_and_servers_fill_up() {
    let mut lab = Lab::new();
    for socket in 1..=5 {
        lab.join(socket, "room", "somebody");
    }
    let late = lab.open(6);
    lab.say(late, json!({"type":"join","roomId":"room","participantName":"late"}));
    assert_eq!(lab.error(late), "room-full");
    lab.join(7, "second", "x");
    lab.join(8, "third", "x");
    lab.say(late, json!({"type":"join","roomId":"fourth","participantName":"late"}));
    assert_eq!(lab.error(late), "server-busy");
}

#[test]
fn who_comes_while_a_core_is_overloaded_is_sent_away_and_leaves_nothing_behind() {
    let mut lab = Lab::new();
    lab.join(1, "room", "somebody");
    for worker in 0..2 {
        lab.event(worker, Event::Load { pictures: 12, busy: 100 });
    }
    lab.commands();
    let late = lab.open(2);
    for room in ["room", "second", "third", "fourth"] {
        lab.say(late, json!({"type":"join","roomId":room,"participantName":"late"}));
        assert_eq!(lab.error(late), "server-busy");
    }
    assert_eq!(lab.commands(), []);
    for worker in 0..2 {
        lab.event(worker, Event::Load { pictures: 16, busy: 60 });
    }
    // The lab's server takes three rooms: those that were refused do not count.
    lab.join(3, "second", "x");
    lab.join(4, "third", "x");
}

#[test]
fn who_comes_while_a_core_sheds_an_eighth_for_a_moment_is_let_in() {
    let mut lab = Lab::new();
    for worker in 0..2 {
        lab.event(worker, Event::Load { pictures: 14, busy: 100 });
    }
    let late = lab.open(1);
    lab.say(late, json!({"type":"join","roomId":"room","participantName":"late"}));
    assert!(!lab.commands().is_empty(), "a room is opened for them");
}

#[test]
fn mute_chat_and_pin_reach_whom_they_concern() {
    let mut lab = Lab::new();
    let one = lab.call(1, "chromium-example-client");
    let microphone = tracks(&lab.commands())[0].track;
    let two = lab.join(2, "room", "two");
    lab.commands();
    lab.heard(one.socket);
    lab.heard(two.socket);
    lab.say(one.socket, json!({"type":"mute","trackId":microphone.0.to_string()}));
    lab.say(one.socket, json!({"type":"mute","trackId":microphone.0.to_string()}));
    assert_eq!(lab.commands(), [Command::Mute { track: microphone, muted: true }]);
    lab.say(one.socket, json!({"type":"chat","text":"hello"}));
    let heard: Vec<String> = lab.heard(two.socket).iter().map(ServerMessage::to_json).collect();
    assert_eq!(
        heard,
        [
            format!(
                r#"{{"type":"track-muted","participantId":"{}","trackId":"{}","muted":true}}"#,
                one.id, microphone.0
            ),
            format!(
                r#"{{"type":"chat","participantId":"{}","participantName":"one","text":"hello"}}"#,
                one.id
            ),
        ]
    );
    lab.say(two.socket, json!({"type":"pin","participantId":one.id}));
    let pinned = Command::Pin { viewer: two.participant(), target: Some(one.participant()) };
    assert_eq!(lab.commands(), [pinned]);
    lab.say(two.socket, json!({"type":"update-quality","roomId":"room","quality":"high"}));
    let heard = lab.heard(two.socket);
    assert_eq!(heard[0].to_json(), r#"{"type":"quality","quality":"high"}"#);
}

#[test]
fn a_raised_hand_is_told_once_and_to_whoever_comes_later_even_after_a_restart() {
    let mut lab = Lab::new();
    let one = lab.join(1, "room", "one");
    let two = lab.join(2, "room", "two");
    lab.heard(two.socket);
    lab.say(one.socket, json!({"type":"raise-hand","raised":true}));
    lab.say(one.socket, json!({"type":"raise-hand","raised":true}));
    let raised = ServerMessage::HandRaised { participant_id: one.id.clone(), raised: true };
    assert_eq!(lab.heard(two.socket), [raised]);

    let mut lab = lab.kill();
    let socket = lab.open(3);
    lab.say(socket, json!({"type":"join","roomId":"room","participantName":"three"}));
    let heard = lab.heard(socket);
    let Some(ServerMessage::Joined { participants, .. }) = heard.first() else {
        panic!("joined was expected, not {heard:?}");
    };
    let up: Vec<&str> = participants
        .iter()
        .filter(|person| person.hand_raised)
        .map(|person| person.participant_id.as_str())
        .collect();
    assert_eq!(up, [one.id.as_str()]);
}

#[test]
fn a_room_made_over_rest_outlives_its_people_but_not_its_idle_time() {
    let mut lab = Lab::new();
    let room = lab.state.create_room("Conference Room", Some(2), lab.now).unwrap();
    assert_eq!((room.name.as_str(), room.max_participants), ("Conference Room", 2));
    let page = lab.join(1, &room.id, "one");
    lab.say(page.socket, json!({"type":"leave"}));
    assert_eq!(names(&lab.commands()), ["open-room", "join", "leave", "close-room"]);
    let mut lab = lab.kill();
    assert!(lab.state.view_of_room(&room.id).is_some());
    lab.pass(3_599_000);
    assert_eq!(lab.state.counts(), (1, 0));
    lab.pass(2_000);
    assert_eq!(lab.state.counts(), (0, 0));
    assert_eq!(lab.kill().state.counts(), (0, 0));
}

#[test]
fn a_closed_room_sends_everybody_out() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    assert!(lab.state.delete_room("room", lab.now));
    assert!(!lab.state.delete_room("room", lab.now));
    lab.turn();
    assert_eq!(lab.error(page.socket), "room-closed");
    assert_eq!(names(&lab.commands()), ["open-room", "join", "leave", "close-room"]);
    assert_eq!(lab.kill().state.counts(), (0, 0));
}

#[test]
fn records_that_make_no_sense_are_left_out() {
    use volley_signaling::state::{Loaded, State};
    let mut lab = Lab::new();
    lab.call(1, "chromium-example-client");
    let good = lab.store.load();
    for index in 0..good.len() {
        for bytes in [b"{".to_vec(), b"null".to_vec(), vec![0xff; 9]] {
            let mut records = good.clone();
            records[index].bytes = bytes;
            records.push(Loaded { kind: 9, key: 1, version: 7, bytes: vec![] });
            State::load(config(), &records, lab.now).finish();
        }
    }
}
