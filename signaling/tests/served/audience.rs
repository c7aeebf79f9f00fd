//! Rooms in which those who listen are shown speakers only: which workers are told, and that it stays so.

use crate::common::server::Server;
use crate::common::{Lab, config};
use serde_json::json;
use volley::control::Command;
use volley_signaling::protocol::RoomMode;
use volley_signaling::settings::Settings;
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;

#[test]
fn every_worker_that_opens_the_room_is_told_before_anybody_is_in_it() {
    let mut lab = Lab::after(MemoryStore::default(), spreading());
    let room = made(&mut lab);
    assert!(told(&mut lab).is_empty(), "nobody is in it yet");
    lab.join(1, &room, "one");
    let place = |name: &str, commands: &[(usize, Command)]| {
        crate::common::names(&commands.iter().map(|(_, command)| command.clone()).collect::<Vec<_>>())
            .iter()
            .position(|one| *one == name)
    };
    assert!(place("show-speakers-only", &lab.commands) < place("join", &lab.commands));
    assert_eq!(told(&mut lab), [(0, true)]);
    lab.join(2, &room, "two");
    assert_eq!(told(&mut lab), [(1, true)], "a worker it spreads to");
    lab.state.set_speakers_only(&room, false);
    lab.turn();
    assert_eq!(told(&mut lab), [(0, false), (1, false)]);
    lab.state.set_speakers_only(&room, false);
    lab.turn();
    assert_eq!(told(&mut lab), [], "that is no news");
}

#[test]
fn other_rooms_are_told_nothing() {
    let mut lab = Lab::new();
    lab.join(1, "room", "one");
    assert_eq!(told(&mut lab), []);
}

#[test]
fn it_outlives_signaling_and_holds_in_a_new_media_process() {
    let mut lab = Lab::new();
    let room = made(&mut lab);
    lab.join(1, &room, "one");
    let mut lab = lab.kill();
    assert_eq!(told(&mut lab), [(0, true)], "said again, like all there is of a room");
    assert!(lab.state.view_of_room(&room).unwrap().speakers_only);
    let mut other = Lab::after(lab.store, Config { media_start: 2, ..config() });
    assert_eq!(told(&mut other), [(0, true)]);
}

#[test]
fn that_it_was_lifted_is_said_again_as_well_by_who_was_killed_before_it_may_have_been_heard() {
    let mut lab = Lab::new();
    let room = made(&mut lab);
    lab.join(1, &room, "one");
    lab.state.set_speakers_only(&room, false);
    lab.turn();
    assert_eq!(told(&mut lab.kill()), [(0, false)]);
}

#[test]
fn the_configuration_says_how_new_rooms_are() {
    let settings = Settings { speakers_only: true, ..config().settings };
    let mut lab = Lab::after(MemoryStore::default(), Config { settings, ..config() });
    lab.join(1, "room", "one");
    assert_eq!(told(&mut lab), [(0, true)]);
    let room = lab.state.create_room("Meeting", None, lab.now).unwrap().id;
    assert!(!lab.state.set_speakers_only(&room, false).unwrap().speakers_only, "REST may say otherwise");
}

#[test]
fn all_media_goes_through_the_server() {
    let mut lab = Lab::new();
    let room = made(&mut lab);
    assert_eq!(lab.state.set_mode(&room, RoomMode::Mesh).unwrap().mode, RoomMode::Mesh);
    for socket in [1, 2] {
        let socket = lab.open(socket);
        lab.say(socket, json!({"type":"join","roomId":room,"participantName":"one","mode":"mesh"}));
        let heard = serde_json::to_value(&lab.heard(socket)[0]).unwrap();
        assert_eq!(heard["mode"], "sfu", "{heard}");
    }
}

#[tokio::test]
async fn rooms_are_made_so_over_rest() {
    let server = Server::start(MemoryStore::default()).await;
    let (status, made) =
        server.json("POST /api/rooms", Some(json!({"name":"Lecture","speakersOnly":true}))).await;
    assert_eq!((status, &made["speakersOnly"]), (201, &json!(true)));
    let (_, plain) = server.json("POST /api/rooms", Some(json!({"name":"Meeting"}))).await;
    assert_eq!(plain["speakersOnly"], json!(false));
    let bad = json!({"name":"Lecture","speakersOnly":"yes"});
    assert_eq!(server.json("POST /api/rooms", Some(bad)).await.0, 422);
}

fn spreading() -> Config {
    Config { settings: Settings { spread_rooms_over: 1, ..config().settings }, ..config() }
}

fn made(lab: &mut Lab) -> String {
    let id = lab.state.create_room("Lecture", None, lab.now).unwrap().id;
    assert!(lab.state.set_speakers_only(&id, true).unwrap().speakers_only);
    lab.turn();
    id
}

/// Which workers were told what of it since last asked.
fn told(lab: &mut Lab) -> Vec<(usize, bool)> {
    let told = lab.commands.drain(..).filter_map(|(worker, command)| match command {
        Command::ShowSpeakersOnly { only, .. } => Some((worker, only)),
        _ => None,
    });
    told.collect()
}
