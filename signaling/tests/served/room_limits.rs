//! Rooms, and a server, that take more than they may: who is sent away, with which reason, and who is not.

use crate::common::server::{Server, join, media_process};
use crate::common::{Lab, config, fixture};
use serde_json::json;
use volley::base::RoomId;
use volley::control::message::ALL_PICTURES;
use volley::control::types::{Restraint, RoomLimit, RoomLimits};
use volley::control::{Command, Event};
use volley_signaling::link::{MediaCarrier, MediaLink};
use volley_signaling::protocol::ServerMessage;
use volley_signaling::settings::{Limits, Settings};
use volley_signaling::store::MemoryStore;

const FULL: Restraint = Restraint { layers_cut: 2, pictures: ALL_PICTURES, full: Some(RoomLimit::Memory) };
const FREE: Restraint = Restraint { layers_cut: 0, pictures: ALL_PICTURES, full: None };

#[test]
fn a_room_over_its_limit_takes_nobody_else_and_says_why_and_other_rooms_go_on() {
    let mut lab = Lab::new();
    lab.join(1, "large", "one");
    let large = opened(&lab.commands());
    lab.join(2, "small", "two");
    lab.commands();
    // Layers alone send nobody away.
    lab.event(0, restrained(large, Restraint { full: None, ..FULL }));
    lab.join(3, "large", "three");
    lab.commands();
    lab.event(0, restrained(large, FULL));
    let late = lab.open(4);
    lab.say(late, json!({"type":"join","roomId":"large","participantName":"four"}));
    assert_eq!(lab.error(late), "room-limit");
    assert_eq!(lab.commands(), [], "and leaves nothing behind");
    lab.join(5, "small", "five");
    lab.event(0, restrained(large, FREE));
    lab.join(6, "large", "six");
}

#[test]
fn who_is_in_a_room_that_is_full_may_come_back_to_it() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    let room = opened(&lab.commands());
    lab.event(0, restrained(room, FULL));
    lab.close(page.socket);
    let (_, heard) = lab.resume(2, &page);
    assert!(matches!(heard[0], ServerMessage::Joined { resumed: true, .. }), "{heard:?}");
}

#[test]
fn after_a_restart_the_worker_says_what_it_holds_back_and_what_it_does_not_say_is_over() {
    let mut lab = Lab::new();
    lab.join(1, "room", "one");
    let room = opened(&lab.commands());
    lab.event(0, restrained(room, FULL));
    let view = |lab: &Lab| lab.state.view_of_room("room").unwrap().restraint;
    assert!(view(&lab).is_some_and(|restraint| restraint.layers_cut == 2 && restraint.full.is_some()));
    let mut lab = lab.kill();
    assert_eq!(view(&lab), None, "it is asked");
    lab.event(0, restrained(room, FULL));
    assert!(view(&lab).is_some());
    lab.event(0, Event::Lost { events: 1 });
    assert_eq!(view(&lab), None, "and asked again");
}

#[test]
fn a_server_short_of_memory_makes_no_rooms_then_takes_nobody_and_presses_the_workers() {
    let mut lab = Lab::new();
    lab.state.reconfigure(Settings { limits: limits(100), ..config().settings });
    lab.turn();
    lab.commands();
    lab.join(1, "room", "one");
    lab.commands();
    let takes = |lab: &mut Lab, megabytes: u64| {
        lab.state.note_memory(megabytes * 1_000_000);
        lab.turn();
        let pressed: Vec<bool> = lab.commands().iter().filter_map(pressed).collect();
        let socket = 10 + megabytes;
        let socket = lab.open(socket);
        let mut refusals = vec![];
        for room in ["new", "room"] {
            lab.say(socket, json!({"type":"join","roomId":room,"participantName":"late"}));
            let heard: Vec<String> = lab.heard(socket).iter().map(|message| message.to_json()).collect();
            let refused = heard.iter().any(|text| text.contains("server-busy") && text.contains("memory"));
            refusals.push(refused);
            lab.say(socket, json!({"type":"leave"}));
            lab.heard(socket);
        }
        lab.commands();
        (pressed, refusals)
    };
    assert_eq!(takes(&mut lab, 50), (vec![], vec![false, false]));
    assert_eq!(takes(&mut lab, 91), (vec![true, true], vec![true, false]), "both workers are told");
    assert_eq!(takes(&mut lab, 101), (vec![], vec![true, true]));
    assert_eq!(takes(&mut lab, 85), (vec![], vec![true, false]), "not at once");
    assert_eq!(takes(&mut lab, 70), (vec![false, false], vec![false, false]));
}

#[test]
fn the_control_group_holds_where_it_leaves_less_than_is_configured() {
    let mut lab = Lab::new();
    let refused = |lab: &mut Lab, number, megabytes: u64| {
        lab.state.note_memory(megabytes * 1_000_000);
        let socket = lab.open(number);
        lab.say(socket, json!({"type":"join","roomId":"new","participantName":"one"}));
        let heard: Vec<String> = lab.heard(socket).iter().map(|message| message.to_json()).collect();
        lab.say(socket, json!({"type":"leave"}));
        heard.iter().any(|text| text.contains("server-busy") && text.contains("memory"))
    };
    assert!(!refused(&mut lab, 1, 1_900), "of 8192");
    lab.state.bound_memory(Some(2_000_000_000));
    assert!(refused(&mut lab, 2, 1_900), "of 2000");
    lab.state.reconfigure(Settings { limits: limits(1_000), ..config().settings });
    assert!(refused(&mut lab, 3, 950), "what is configured holds where it is less");
    assert!(!refused(&mut lab, 4, 700));
    lab.state.reconfigure(config().settings);
    assert!(refused(&mut lab, 5, 1_900), "and the group's again, whatever is configured anew");
}

#[test]
fn workers_are_told_what_rooms_may_take_when_that_changes() {
    let mut lab = Lab::new();
    lab.state.reconfigure(config().settings);
    lab.turn();
    assert_eq!(lab.commands(), [], "nothing has changed");
    lab.state.reconfigure(Settings { limits: limits(8_192), ..config().settings });
    lab.turn();
    let limits = RoomLimits { memory_bytes: 7_000_000, cpu_percent: 40, is_pressed: false };
    assert_eq!(lab.commands(), [Command::LimitRooms { limits }, Command::LimitRooms { limits }]);
}

#[tokio::test]
async fn over_http_a_full_room_is_a_problem_document_and_shows_what_is_held_back() {
    let (link, carrier) = MediaLink::new(2);
    let events = carrier.events.clone();
    let (commands, mut seen) = relay(carrier.commands);
    tokio::spawn(media_process(MediaCarrier { commands, events: carrier.events }));
    let server = Server::start_with(MemoryStore::default(), link).await;
    let (_page, _) = join(&server, "one").await;
    let limits = seen.recv().await;
    assert!(matches!(limits, Some(Command::LimitRooms { limits }) if limits.memory_bytes == 100_000_000));
    let room = loop {
        if let Some(Command::OpenRoom { room }) = seen.recv().await {
            break room;
        }
    };
    events.send((0, restrained(room, Restraint { pictures: 8, ..FULL }))).await.unwrap();
    // What is asked of the workers after it is answered after it.
    let (_, stats) = server.json("GET /api/rooms/room-123/stats", None).await;
    assert_eq!((&stats["memoryBytes"], &stats["cpuPercent"]), (&json!(1_500_000), &json!(12)));
    let (_, view) = server.json("GET /api/rooms/room-123", None).await;
    let held_back = json!({"layersCut":2,"picturesPercent":50,"full":"memory"});
    assert_eq!(view["restraint"], held_back);
    let offer = fixture("ffmpeg");
    let (status, head, body) =
        server.http("POST /whip/room-123", "content-type: application/sdp\r\n", &offer).await;
    assert_eq!(status, 503, "{body}");
    assert!(head.contains("retry-after:") && body.contains("\"room-limit\""), "{head}{body}");
    assert!(body.contains("performance.max_memory_per_room"), "{body}");
}

/// Lets the commands through and shows each worker's first to the test as well.
fn relay(
    commands: Vec<tokio::sync::mpsc::Receiver<Command>>,
) -> (Vec<tokio::sync::mpsc::Receiver<Command>>, tokio::sync::mpsc::UnboundedReceiver<Command>) {
    let (shown, seen) = tokio::sync::mpsc::unbounded_channel();
    let relayed = commands.into_iter().map(|mut from| {
        let (to, relayed) = tokio::sync::mpsc::channel(1024);
        let shown = shown.clone();
        tokio::spawn(async move {
            while let Some(command) = from.recv().await {
                // The test may have seen enough.
                let _ = shown.send(command.clone());
                to.send(command).await.unwrap();
            }
        });
        relayed
    });
    (relayed.collect(), seen)
}

fn restrained(room: RoomId, restraint: Restraint) -> Event {
    Event::Restrained { room, restraint }
}

fn opened(commands: &[Command]) -> RoomId {
    let opened = commands.iter().find_map(|command| match command {
        Command::OpenRoom { room } => Some(*room),
        _ => None,
    });
    opened.expect("a room is opened")
}

fn pressed(command: &Command) -> Option<bool> {
    match command {
        Command::LimitRooms { limits } => Some(limits.is_pressed),
        _ => None,
    }
}

fn limits(memory_total: u64) -> Limits {
    Limits { cpu_per_room: 40, memory_per_room: 7, memory_total }
}
