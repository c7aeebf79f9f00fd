//! What is configured shows in answers, in `joined` and in who is let in.

use crate::common::{Lab, config, fixture, slots, tracks, value};
use serde_json::json;
use std::time::Duration;
use volley::control::types::{Codec, Kind};
use volley_signaling::access::{turn_credentials, unix_now};
use volley_signaling::protocol::ServerMessage;
use volley_signaling::settings::{CodecChoice, CodecName, IceServer, Settings};
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;

fn lab(change: impl FnOnce(&mut Settings)) -> Lab {
    let mut settings = config().settings;
    change(&mut settings);
    Lab::after(MemoryStore::default(), Config { settings, ..config() })
}

fn choice(name: CodecName, priority: u16) -> CodecChoice {
    CodecChoice { name, priority }
}

#[test]
fn pages_are_told_the_ice_servers_also_those_of_a_reload() {
    let mut lab = lab(|settings| settings.ice_servers = vec![server("stun:one.example")]);
    let told = |lab: &mut Lab, socket| {
        let socket = lab.open(socket);
        lab.say(socket, json!({"type":"join","roomId":"room","participantName":"one"}));
        let heard = lab.heard(socket);
        let [ServerMessage::Joined { ice_servers, .. }, ..] = heard.as_slice() else { panic!("{heard:?}") };
        serde_json::to_value(ice_servers).unwrap()
    };
    assert_eq!(told(&mut lab, 1), json!([{"urls": ["stun:one.example"]}]));
    let reloaded = Settings { ice_servers: vec![server("stun:two.example")], ..config().settings };
    lab.state.reconfigure(reloaded);
    assert_eq!(told(&mut lab, 2), json!([{"urls": ["stun:two.example"]}]));
}

#[test]
fn each_page_gets_credentials_of_its_own_for_a_turn_server_with_a_secret() {
    let mut lab = lab(|settings| {
        let secret = Some(String::from("north"));
        settings.ice_servers = vec![IceServer { secret, ..server("turn:turn.example") }];
        settings.turn_ttl = Duration::from_secs(600);
    });
    let mut told = |socket| {
        let socket = lab.open(socket);
        lab.say(socket, json!({"type":"join","roomId":"room","participantName":"one"}));
        let heard = lab.heard(socket);
        let [ServerMessage::Joined { ice_servers, participant_id, .. }, ..] = heard.as_slice() else {
            panic!("{heard:?}")
        };
        (ice_servers[0].clone(), participant_id.clone())
    };
    let [(one, id), (other, _)] = [told(1), told(2)];
    let username = one.username.expect("a user name");
    let (expires, name) = username.split_once(':').expect("an end and a name");
    let expires: u64 = expires.parse().expect("seconds since 1970");
    assert!((590..=600).contains(&(expires - unix_now())), "{expires}");
    assert_eq!(name, id);
    assert_eq!(one.credential, Some(turn_credentials("north", name, expires).1));
    assert_ne!(Some(username), other.username);
}

fn server(url: &str) -> IceServer {
    IceServer { urls: vec![url.to_owned()], username: None, credential: None, secret: None }
}

#[test]
fn without_auto_create_a_room_is_made_over_rest_first() {
    let mut lab = lab(|settings| settings.auto_create = false);
    let socket = lab.open(1);
    lab.say(socket, json!({"type":"join","roomId":"room","participantName":"one"}));
    assert_eq!(lab.error(socket), "room-not-found");
    let room = lab.state.create_room("Meeting", None, lab.now).unwrap().id;
    lab.join(2, &room, "one");
}

#[test]
fn a_reload_changes_limits_but_nothing_that_was_agreed_on() {
    let mut lab = lab(|_| {});
    let page = lab.call(1, "chromium-example-client");
    lab.commands();
    let mut other = Settings { max_rooms: 1, ..Settings::default() };
    other.codecs.video = vec![choice(CodecName::Av1, 1)];
    lab.state.reconfigure(other);
    lab.offer(&page, &fixture("chromium-example-client"));
    assert!(tracks(&lab.commands()).is_empty(), "the same offer publishes nothing new");
    let socket = lab.open(2);
    lab.say(socket, json!({"type":"join","roomId":"another","participantName":"two"}));
    assert_eq!(lab.error(socket), "server-busy");
}

#[test]
fn only_listed_codecs_are_taken_the_most_liked_first() {
    let mut lab = lab(|settings| {
        settings.codecs.video = vec![choice(CodecName::Vp8, 10), choice(CodecName::Vp9, 20)];
    });
    let page = lab.join(1, "room", "one");
    let answer = lab.offer(&page, &fixture("chromium-example-client"));
    let names: Vec<&str> =
        answer.lines().filter(|line| line.starts_with("a=rtpmap:") && line.contains("/90000")).collect();
    let first = |name: &str| names.iter().position(|line| line.contains(name));
    assert!(first("VP9").unwrap() < first("VP8").unwrap(), "{names:?}");
    assert_eq!((first("H264"), first("AV1")), (None, None), "{names:?}");
    let commands = lab.commands();
    let video = tracks(&commands).into_iter().find(|track| track.kind == Kind::Video).unwrap();
    assert!(video.codecs.iter().all(|codec| matches!(codec.codec, Codec::Vp8 | Codec::Vp9)));
    let seats = slots(&commands);
    let pictures = seats.iter().filter(|slot| slot.kind == Kind::Video).flat_map(|slot| &slot.codecs);
    assert!(pictures.clone().count() > 0);
    assert!(pictures.into_iter().all(|codec| matches!(codec.codec, Codec::Vp8 | Codec::Vp9)));
}

#[test]
fn a_picture_in_no_listed_codec_is_refused_and_sound_stays() {
    let mut offer = fixture("firefox-example-client");
    offer = offer.replace("AV1/90000", "X-AV1/90000");
    let mut lab = lab(|settings| settings.codecs.video = vec![choice(CodecName::Av1, 1)]);
    let page = lab.join(1, "room", "one");
    let answer = lab.offer(&page, &offer);
    let ports: Vec<&str> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert!(ports[0].starts_with("m=audio 9 ") && ports[1].starts_with("m=video 0 "), "{ports:?}");
}

#[test]
fn sound_and_repair_are_agreed_as_configured() {
    let answer = |change: fn(&mut Settings)| {
        let mut lab = lab(change);
        let page = lab.join(1, "room", "one");
        lab.offer(&page, &fixture("chromium-example-client"))
    };
    let usual = answer(|_| {});
    assert_eq!(value(&usual, "a=fmtp:111 "), "minptime=10;useinbandfec=1;usedtx=1");
    assert!(usual.contains(" red/48000") && usual.contains(" rtx/90000") && usual.contains(" nack\r\n"));
    let plain = answer(|settings| {
        settings.codecs.dtx = false;
        settings.codecs.fec = false;
        settings.codecs.nack = false;
    });
    assert_eq!(value(&plain, "a=fmtp:111 "), "minptime=10");
    assert!(!plain.contains(" red/48000") && !plain.contains(" rtx/90000") && !plain.contains(" nack\r\n"));
    assert!(plain.contains(" nack pli\r\n"), "key frames are asked for all the same");
}

#[test]
fn pictures_are_restored_as_configured_and_where_they_have_numbers() {
    let answer = |change: fn(&mut Settings)| {
        let mut lab = lab(change);
        let page = lab.join(1, "room", "one");
        lab.offer(&page, &fixture("chromium-example-client").replace("a=sendrecv", "a=sendonly"))
    };
    assert!(answer(|_| {}).contains(" ulpfec/90000"));
    assert!(!answer(|settings| settings.codecs.fec = false).contains(" ulpfec/90000"));
    let only = |settings: &mut Settings| settings.codecs.video = vec![choice(CodecName::H264, 1)];
    assert!(!answer(only).contains(" ulpfec/90000"));
}

#[test]
fn a_low_limit_is_told_to_whoever_publishes_pictures() {
    let answer = |limit: u32| {
        let mut lab = lab(|settings| settings.page.max_bitrate = limit);
        let page = lab.join(1, "room", "one");
        lab.offer(&page, &fixture("chromium-example-client"))
    };
    assert_eq!(
        answer(1_000_000).matches("b=TIAS:1000000\r\n").count(),
        1,
        "in the m-line of the picture alone"
    );
    assert!(!answer(5_000_000).contains("b=TIAS"));
}
