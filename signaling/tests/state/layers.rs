//! Several layers of a picture: how they are offered and answered, who is told to pause which, and
//! how good a picture a page asks for.

use crate::common::{Lab, Page, error_code, fixture, slots, tracks};
use serde_json::json;
use volley::base::{SlotId, TrackId};
use volley::control::types::ShownLayer;
use volley::control::{Command, Event};
use volley_signaling::protocol::{LayerView, ServerMessage, SlotLayer, TrackSource};
use volley_signaling::sdp::Offer;

/// The RIDs of the picture in an offer.
fn rids(sdp: &str) -> Vec<String> {
    let offer = Offer::parse(sdp).expect("it is an offer");
    let video = offer.sections[1].rtp.as_ref().expect("it can be served");
    video.encodings.iter().filter_map(|encoding| Some(encoding.rid?.to_string())).collect()
}

/// Chromium's offer with other lines about simulcast.
fn offer_with(lines: &str) -> String {
    let offer = fixture("chromium-simulcast");
    let own = "a=rid:l send\r\na=rid:m send\r\na=rid:h send\r\na=simulcast:send l;m;h\r\n";
    assert!(offer.contains(own), "{offer}");
    offer.replace(own, &lines.replace('\n', "\r\n"))
}

#[test]
fn the_layers_of_an_offer_are_answered_and_told_to_the_worker() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    let answer = lab.offer(&page, &fixture("chromium-simulcast"));
    for line in [
        "a=rid:l recv\r\n",
        "a=rid:m recv\r\n",
        "a=rid:h recv\r\n",
        "a=simulcast:recv l;m;h\r\n",
        "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n",
        "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n",
    ] {
        assert!(answer.contains(line), "{line} is missing: {answer}");
    }
    let commands = lab.commands();
    let picture = &tracks(&commands)[1];
    let told: Vec<_> = picture.encodings.iter().map(|one| one.rid.map(|rid| rid.to_string())).collect();
    assert_eq!(told, ["l", "m", "h"].map(|rid| Some(rid.to_owned())));
    assert_eq!((picture.extensions.rid, picture.extensions.repaired_rid), (Some(10), Some(11)));
    let seat = &slots(&commands)[1];
    assert_eq!((seat.extensions.rid, seat.extensions.repaired_rid), (None, None));
}

#[test]
fn an_m_line_that_rests_keeps_its_layers() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    let sending = fixture("chromium-simulcast");
    let at = sending.find("a=rid:l send").expect("it has layers");
    let (before, layers) = sending.split_at(at);
    let (others, direction) = before.rsplit_once("a=sendrecv").expect("it sends and receives");
    let answer = lab.offer(&page, &format!("{others}a=inactive{direction}{layers}"));
    let line = answer.split("m=video").nth(1).expect("it has a picture");
    assert!(line.contains("a=inactive\r\n") && line.contains("a=simulcast:recv l;m;h\r\n"), "{answer}");
}

#[test]
fn an_offer_that_pauses_a_layer_changes_nothing() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    lab.offer(&page, &fixture("chromium-simulcast"));
    lab.commands();
    lab.offer(&page, &fixture("chromium-simulcast").replace("send l;m;h", "send l;~m;h"));
    assert_eq!(lab.commands(), []);
}

#[test]
fn layers_are_read_however_they_are_written() {
    let declared = "a=rid:f send\na=rid:h send max-width=640\na=rid:q send\n";
    for (lines, expected) in [
        (format!("{declared}a=simulcast:send q;h;f\n"), vec!["q", "h", "f"]),
        (format!("{declared}a=simulcast:send f;h;q\n"), vec!["q", "h", "f"]),
        (format!("{declared}a=simulcast:recv 1 send ~q,h;f\n"), vec!["q", "f"]),
        (format!("{declared}a=simulcast:send q;q;x;f\n"), vec!["q", "f"]),
        (format!("{declared}a=simulcast:recv q;h;f\n"), vec![]),
        (declared.to_owned(), vec![]),
        ("a=rid:1 send\na=rid:2 recv\na=simulcast:send 1;2\n".to_owned(), vec!["1"]),
        ("a=rid:2 send\na=rid:0 send\na=simulcast:send 2;0\n".to_owned(), vec!["0", "2"]),
        (
            "a=rid:aaaaaaaaaaaaaaaaa send\na=rid:b send\na=simulcast:send aaaaaaaaaaaaaaaaa;b\n".to_owned(),
            vec!["b"],
        ),
        ("a=simulcast:send\n".to_owned(), vec![]),
    ] {
        assert_eq!(rids(&offer_with(&lines)), expected, "{lines}");
    }
}

#[test]
fn the_old_kind_of_simulcast_is_known_by_its_sources() {
    let lines =
        "a=ssrc-group:SIM 11 22 33\na=ssrc-group:FID 11 12\na=ssrc-group:FID 33 34\na=ssrc:11 cname:x\n";
    let offer = Offer::parse(&offer_with(lines)).expect("it is an offer");
    let encodings = &offer.sections[1].rtp.as_ref().expect("it can be served").encodings;
    let sources: Vec<_> =
        encodings.iter().map(|one| (one.ssrc.map(|ssrc| ssrc.0), one.rtx_ssrc.map(|ssrc| ssrc.0))).collect();
    assert_eq!(sources, [(Some(11), Some(12)), (Some(22), None), (Some(33), Some(34))]);
}

fn layers_told(heard: &[ServerMessage]) -> Vec<Vec<bool>> {
    let told = heard.iter().filter_map(|message| match message {
        ServerMessage::PublishLayers { layers, .. } => Some(layers),
        _ => None,
    });
    told.map(|layers| layers.iter().map(|layer| layer.active).collect()).collect()
}

/// A page that publishes three layers, and its picture.
fn publisher(lab: &mut Lab) -> (Page, TrackId) {
    let page = lab.join(1, "room", "one");
    lab.offer(&page, &fixture("chromium-simulcast"));
    let picture = tracks(&lab.commands())[1].track;
    lab.heard(page.socket);
    (page, picture)
}

#[test]
fn a_page_is_told_which_layers_are_watched_and_again_when_it_comes_back() {
    let mut lab = Lab::new();
    let (page, picture) = publisher(&mut lab);
    lab.event(0, Event::Layers { track: picture, wanted: 0b101 });
    let heard = lab.heard(page.socket);
    let views = ["l", "m", "h"].into_iter().zip([true, false, true]);
    let layers = views.map(|(rid, active)| LayerView { rid: rid.to_owned(), active }).collect();
    assert_eq!(heard, [ServerMessage::PublishLayers { track_id: picture.0.to_string(), layers }]);
    let (_, heard) = lab.resume(2, &page);
    assert_eq!(layers_told(&heard), [[true, false, true]]);
}

#[test]
fn a_page_is_told_when_nobody_watches_its_only_layer() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    lab.offer(&page, &offer_with(""));
    let picture = tracks(&lab.commands())[1].track;
    lab.heard(page.socket);
    for active in [false, true] {
        lab.event(0, Event::Layers { track: picture, wanted: u8::from(active) });
        let layers = vec![LayerView { rid: String::new(), active }];
        let told = ServerMessage::PublishLayers { track_id: picture.0.to_string(), layers };
        assert_eq!(lab.heard(page.socket), [told]);
    }
}

#[test]
fn nobody_is_told_of_layers_of_a_track_that_is_not_known() {
    let mut lab = Lab::new();
    let page = lab.call(1, "chromium-example-client");
    lab.heard(page.socket);
    lab.event(0, Event::Layers { track: TrackId(77_777), wanted: 1 });
    assert_eq!(layers_told(&lab.heard(page.socket)), Vec::<Vec<bool>>::new());
}

/// What seats were limited to since the last look, in order.
fn limits(lab: &mut Lab) -> Vec<(SlotId, Option<u16>)> {
    let limit = |command: &Command| match command {
        Command::Limit { slot, max_height } => Some((*slot, *max_height)),
        _ => None,
    };
    lab.commands().iter().filter_map(limit).collect()
}

/// A page with two seats for pictures that show the tracks of two others.
fn viewer(lab: &mut Lab) -> (Page, Vec<SlotId>, Vec<TrackId>) {
    let mut pictures = Vec::new();
    for socket in [11, 12] {
        let page = lab.call(socket, "chromium-simulcast");
        let own = tracks(&lab.commands());
        pictures.push(own.last().expect("it publishes").track);
        lab.heard(page.socket);
    }
    lab.commands();
    let page = lab.call(1, "chromium-grown-with-screen");
    let seats = slots(&lab.commands());
    let seats: Vec<SlotId> = seats
        .iter()
        .filter(|seat| seat.kind == volley::control::types::Kind::Video)
        .map(|seat| seat.slot)
        .take(2)
        .collect();
    for (&slot, &track) in seats.iter().zip(&pictures) {
        lab.event(0, Event::Slot { slot, track: Some(track) });
    }
    lab.heard(page.socket);
    lab.commands();
    (page, seats, pictures)
}

/// What a page was told last to be sent in its seats for pictures, by mid.
fn layers_shown(heard: &[ServerMessage]) -> Vec<Option<SlotLayer>> {
    let last = heard.iter().rev().find_map(|message| match message {
        ServerMessage::Slots { slots } => Some(slots),
        _ => None,
    });
    let pictures = last.into_iter().flatten().filter(|slot| slot.source == Some(TrackSource::Camera));
    pictures.map(|slot| slot.layer).collect()
}

#[test]
fn a_page_is_told_which_layer_each_seat_is_sent() {
    let mut lab = Lab::new();
    let (page, seats, pictures) = viewer(&mut lab);
    let sent = ShownLayer { encoding: 2, spatial: 0, temporal: 1 };
    lab.event(0, Event::SlotLayer { slot: seats[1], layer: Some(sent) });
    let told = Some(SlotLayer { encoding: 2, spatial: 0, temporal: 1 });
    assert_eq!(layers_shown(&lab.heard(page.socket)), [None, told]);
    let (page, heard) = lab.resume(2, &page);
    assert_eq!(layers_shown(&heard), [None, told], "again when it comes back");
    // Of what a seat shows from now on the worker has told nothing yet.
    lab.event(0, Event::Slot { slot: seats[1], track: Some(pictures[0]) });
    assert_eq!(layers_shown(&lab.heard(page.socket)), [None, None]);
    lab.event(0, Event::SlotLayer { slot: SlotId(77_777), layer: None });
    assert_eq!(lab.heard(page.socket), [], "a seat that nobody knows");
}

#[test]
fn a_wish_for_a_quality_limits_the_seats_it_is_about() {
    let mut lab = Lab::new();
    let (page, seats, pictures) = viewer(&mut lab);
    let wish = |lab: &mut Lab, message: serde_json::Value| {
        let mut whole = json!({"type":"update-quality","roomId":"room"});
        whole.as_object_mut().unwrap().extend(message.as_object().unwrap().clone());
        lab.say(page.socket, whole);
        let shown: Vec<_> = limits(lab).into_iter().filter(|(slot, _)| seats.contains(slot)).collect();
        shown
    };
    assert_eq!(wish(&mut lab, json!({"quality":"medium"})), [(seats[0], Some(480)), (seats[1], Some(480))]);
    let track = pictures[1].0.to_string();
    assert_eq!(wish(&mut lab, json!({"quality":"low","trackId":track})), [(seats[1], Some(240))]);
    assert_eq!(wish(&mut lab, json!({"quality":"auto"})), [(seats[0], None)]);
    // The wish goes with the track to whatever seat shows it.
    lab.event(0, Event::Slot { slot: seats[1], track: Some(pictures[0]) });
    assert_eq!(limits(&mut lab), [(seats[1], None)]);
    lab.event(0, Event::Slot { slot: seats[0], track: Some(pictures[1]) });
    assert_eq!(limits(&mut lab), [(seats[0], Some(240))]);
    assert_eq!(
        wish(&mut lab, json!({"quality":"auto","trackId":track,"maxHeight":0})),
        [(seats[0], Some(0))]
    );
    assert_eq!(wish(&mut lab, json!({"quality":"auto","trackId":track})), [(seats[0], None)]);
}

#[test]
fn an_m_line_is_named_by_its_mid_and_a_wish_outlives_the_process() {
    let mut lab = Lab::new();
    let (page, seats, _) = viewer(&mut lab);
    // It is the second m-line of the fixture, behind the one for sound.
    let mid = "1";
    lab.say(page.socket, json!({"type":"update-quality","quality":"auto","slot":mid,"maxHeight":300}));
    assert_eq!(limits(&mut lab), [(seats[0], Some(300))]);
    let acknowledged = lab.heard(page.socket);
    assert!(
        matches!(acknowledged[..], [ServerMessage::Quality { max_height: Some(300), .. }]),
        "{acknowledged:?}"
    );
    lab.say(page.socket, json!({"type":"update-quality","quality":"auto","slot":mid,"maxHeight":300}));
    assert_eq!(limits(&mut lab), [], "nothing new");
    let mut lab = lab.kill();
    let (page, _) = lab.resume(2, &page);
    assert_eq!(limits(&mut lab), [], "the worker remembers it");
    lab.say(page.socket, json!({"type":"update-quality","quality":"auto","slot":mid}));
    assert_eq!(limits(&mut lab), [(seats[0], None)]);
}

#[test]
fn a_wish_about_nothing_is_refused_by_name() {
    let mut lab = Lab::new();
    let (page, _, _) = viewer(&mut lab);
    for (field, value, code) in [
        ("slot", "99", "unknown-slot"),
        ("trackId", "99", "unknown-track"),
        ("trackId", "x", "unknown-track"),
    ] {
        let mut message = json!({"type":"update-quality","quality":"low"});
        message[field] = json!(value);
        lab.say(page.socket, message);
        assert_eq!(lab.heard(page.socket).iter().filter_map(error_code).collect::<Vec<_>>(), [code]);
        assert_eq!(limits(&mut lab), []);
    }
}
