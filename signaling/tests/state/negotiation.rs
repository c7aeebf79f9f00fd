//! What offers make of a call: answers, commands, and what others are told. Without a socket, a
//! clock or a media process.

use crate::common::{Lab, fixture, is_request, names, slots, tracks, value};
use serde_json::json;
use volley::base::StreamId;
use volley::control::types::{Kind, Source};
use volley::control::{Command, Event};
use volley_signaling::protocol::{ServerMessage, TrackSource};

#[test]
fn the_promised_client_is_asked_until_it_has_m_lines_and_never_again() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room-123", "John Doe");
    let answer = lab.offer(&page, &fixture("chromium-bare"));
    assert!(!answer.contains("m="), "{answer}");
    for wait in [1000, 2000, 4000] {
        lab.pass(wait - 10);
        assert_eq!(lab.heard(page.socket), []);
        lab.pass(10);
        assert!(is_request(&lab.heard(page.socket), 1));
        lab.offer(&page, &fixture("chromium-bare"));
    }
    lab.commands();
    let answer = lab.offer(&page, &fixture("chromium-example-client"));
    assert_eq!(answer.matches("a=sendrecv").count(), 2, "{answer}");
    assert_eq!(answer.matches("a=msid:").count(), 2, "{answer}");
    let commands = lab.commands();
    assert_eq!(names(&commands), ["open-transport", "publish", "open-slot", "publish", "open-slot"]);
    let slots = slots(&commands);
    assert_eq!(slots[0].stream, slots[1].stream, "one pair, so that lips are in step");
    for slot in &slots {
        assert!(answer.contains(&format!("a=msid:s{} t{}", slot.stream.0, slot.slot.0)));
        assert!(answer.contains(&format!("a=ssrc:{} cname:", slot.ssrc.0)));
    }
    lab.pass(60_000);
    assert_eq!(lab.heard(page.socket), [], "it has what it needs");

    let second = lab.join(2, "room-123", "Jane");
    lab.offer(&second, &fixture("firefox-example-client"));
    let heard = lab.heard(page.socket);
    assert!(!heard.iter().any(|m| matches!(m, ServerMessage::RequestOffer { .. })), "{heard:?}");
    assert_eq!(heard.iter().filter(|m| matches!(m, ServerMessage::TrackPublished { .. })).count(), 2);
}

#[test]
fn a_page_is_asked_to_grow_once_for_each_need() {
    let mut lab = Lab::new();
    let first = lab.call(1, "chromium-example-client");
    let _second = lab.call(2, "firefox-example-client");
    lab.heard(first.socket);
    let _third = lab.join(3, "room", "third");
    assert!(is_request(&lab.heard(first.socket), 2));
    lab.offer(&first, &fixture("chromium-example-client"));
    lab.pass(60_000);
    assert_eq!(lab.heard(first.socket), [], "it did not grow and is not asked again");
    lab.join(4, "room", "fourth");
    assert!(is_request(&lab.heard(first.socket), 3));
}

#[test]
fn growing_keeps_what_is_there_and_adds_the_rest() {
    for browser in ["chromium", "firefox"] {
        let mut lab = Lab::new();
        let page = lab.call(1, &format!("{browser}-example-client"));
        lab.commands();
        let sources = json!({"6": "screen"});
        let sdp = fixture(&format!("{browser}-grown-with-screen"));
        lab.say(page.socket, json!({"type":"offer","sdp":sdp,"sources":sources,"muted":["6"]}));
        let commands = lab.commands();
        let expected = ["open-slot", "open-slot", "open-slot", "open-slot", "publish"];
        assert_eq!(names(&commands), expected, "{browser}");
        let streams: Vec<StreamId> = slots(&commands).iter().map(|slot| slot.stream).collect();
        assert_eq!(streams[0], streams[1]);
        assert_eq!(streams[2], streams[3]);
        assert_ne!(streams[0], streams[2]);
        let screen = &tracks(&commands)[0];
        assert_eq!((screen.source, screen.muted), (Source::Screen, true));
        // The same words again, as a page says them after a dropped socket, change nothing.
        lab.say(page.socket, json!({"type":"offer","sdp":sdp,"sources":sources}));
        assert_eq!(names(&lab.commands()), [""; 0]);
    }
}

#[test]
fn camera_and_microphone_play_in_step_and_the_screen_apart() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    lab.commands();
    let sdp = fixture("chromium-grown-with-screen");
    lab.say(
        page.socket,
        json!({"type":"start-screen-share","roomId":"room","sdp":sdp,
        "sources":{"0":"microphone","1":"camera"}}),
    );
    let published = tracks(&lab.commands());
    let sources: Vec<Source> = published.iter().map(|track| track.source).collect();
    assert_eq!(sources, [Source::Microphone, Source::Camera, Source::Screen]);
    assert_eq!(published[0].stream, published[1].stream);
    assert_ne!(published[0].stream, published[2].stream);

    lab.say(page.socket, json!({"type":"stop-screen-share","roomId":"room"}));
    assert_eq!(names(&lab.commands()), ["unpublish"]);
    lab.offer(&page, &sdp);
    assert_eq!(names(&lab.commands()), [""; 0], "a stopped screen does not come back as a camera");
    lab.say(page.socket, json!({"type":"start-screen-share","sdp":sdp}));
    assert_eq!(tracks(&lab.commands())[0].source, Source::Screen);
}

#[test]
fn an_ice_restart_changes_credentials_and_nothing_else() {
    for browser in ["chromium", "firefox"] {
        let mut lab = Lab::new();
        let page = lab.join(1, "room", "one");
        let before = lab.offer(&page, &fixture(&format!("{browser}-grown-with-screen")));
        lab.commands();
        let after = lab.offer(&page, &fixture(&format!("{browser}-ice-restart")));
        let commands = lab.commands();
        assert_eq!(names(&commands), ["restart-ice"], "{browser}");
        assert_ne!(value(&before, "a=ice-ufrag:"), value(&after, "a=ice-ufrag:"));
        assert_ne!(value(&before, "a=ice-pwd:"), value(&after, "a=ice-pwd:"));
        let Command::RestartIce { local, .. } = &commands[0] else { unreachable!() };
        assert_eq!(local.ufrag.as_str(), value(&after, "a=ice-ufrag:"));
    }
}

#[test]
fn m_lines_end_and_are_used_again() {
    for browser in ["chromium", "firefox"] {
        let mut lab = Lab::new();
        let page = lab.call(1, &format!("{browser}-recycle-1-before"));
        lab.commands();
        let answer = lab.offer(&page, &fixture(&format!("{browser}-recycle-2-stopped")));
        assert_eq!(names(&lab.commands()), ["close-slot"], "{browser}");
        assert_eq!(answer.matches("\r\nm=video 0 ").count(), 1, "{answer}");
        assert!(answer.contains("a=group:BUNDLE 0 1\r\n"), "{answer}");
        lab.offer(&page, &fixture(&format!("{browser}-recycle-3-added")));
        let commands = lab.commands();
        assert_eq!(names(&commands), ["open-slot"], "{browser}");
        assert_eq!(slots(&commands)[0].kind, Kind::Audio);
    }
}

#[test]
fn another_peer_connection_gets_another_transport() {
    let mut lab = Lab::new();
    let watcher = lab.call(9, "chromium-example-client");
    let page = lab.call(1, "chromium-example-client");
    lab.commands();
    lab.heard(watcher.socket);
    lab.offer(&page, &fixture("firefox-example-client"));
    let commands = lab.commands();
    assert_eq!(names(&commands)[..2], ["close-transport", "open-transport"]);
    let heard = lab.heard(watcher.socket);
    assert_eq!(heard.iter().filter(|m| matches!(m, ServerMessage::TrackUnpublished { .. })).count(), 2);
    assert_eq!(heard.iter().filter(|m| matches!(m, ServerMessage::TrackPublished { .. })).count(), 2);
}

#[test]
fn seats_are_told_as_the_media_process_fills_them() {
    let mut lab = Lab::new();
    let first = lab.call(1, "chromium-example-client");
    let seat = slots(&lab.commands())[1].slot;
    let second = lab.call(2, "chromium-example-client");
    let camera = tracks(&lab.commands())[1].track;
    lab.heard(first.socket);
    lab.event(0, Event::Slot { slot: seat, track: Some(camera) });
    let [ServerMessage::Slots { slots }] = &lab.heard(first.socket)[..] else {
        panic!("slots were expected")
    };
    assert_eq!(slots.len(), 2);
    assert_eq!((slots[0].mid.as_str(), &slots[0].track_id), ("0", &None));
    assert_eq!((slots[1].mid.as_str(), slots[1].source), ("1", Some(TrackSource::Camera)));
    assert_eq!(slots[1].participant_id.as_deref(), Some(second.id.as_str()));
    assert_eq!(slots[1].track_id.as_deref(), Some(camera.0.to_string().as_str()));
}
