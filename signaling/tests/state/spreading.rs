//! Rooms whose people are on several workers, as signaling places them and says so to the workers.

use crate::common::{Lab, Page, config, connected, fixture, names, slots, tracks};
use serde_json::json;
use volley::base::{RoomId, TrackId, WorkerId};
use volley::control::{Command, Event};
use volley_signaling::settings::Settings;
use volley_signaling::state::{Config, Save};
use volley_signaling::store::{MemoryStore, Store as _};

#[test]
fn newcomers_go_to_another_worker_when_a_room_has_many_people_on_its_own() {
    let mut lab = spreading_over(2);
    let pages: Vec<Page> = (1..=5).map(|socket| lab.join(socket, "room", "somebody")).collect();
    assert_eq!(pages.iter().map(|page| joined_on(&lab, page)).collect::<Vec<_>>(), [0, 0, 1, 1, 0]);
    let spans = lab.commands.iter().filter(|(_, command)| matches!(command, Command::SpanRoom { .. }));
    let told: Vec<_> = spans.cloned().collect();
    let room = room_of(&lab);
    let span = |worker| Command::SpanRoom { room, worker: WorkerId(worker) };
    assert_eq!(told, [(1, span(0)), (0, span(1))], "each of the other, and once");
    let opened = lab.commands.iter().filter(|(_, command)| matches!(command, Command::OpenRoom { .. }));
    assert_eq!(opened.map(|(worker, _)| *worker).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_busy_worker_is_spared_while_another_has_time() {
    let mut lab = Lab::new();
    let first = lab.join(1, "room", "first");
    lab.event(0, Event::Load { pictures: 16, busy: 90 });
    let second = lab.join(2, "room", "second");
    lab.event(0, Event::Load { pictures: 16, busy: 50 });
    let third = lab.join(3, "room", "third");
    lab.event(0, Event::Load { pictures: 8, busy: 100 });
    let fourth = lab.join(4, "room", "fourth");
    lab.event(1, Event::Load { pictures: 16, busy: 90 });
    let fifth = lab.join(5, "room", "fifth");
    let pages = [first, second, third, fourth, fifth];
    assert_eq!(pages.map(|page| joined_on(&lab, &page)), [0, 1, 0, 1, 1]);
}

#[test]
fn what_concerns_somebody_is_told_to_the_worker_they_are_on() {
    let mut lab = spreading_over(1);
    lab.call(1, "chromium-example-client");
    lab.commands.clear();
    let page = lab.call(2, "chromium-example-client");
    assert_eq!(joined_on(&lab, &page), 1);
    let answer = lab.offer(&page, &fixture("chromium-example-client"));
    assert!(answer.contains(" 50001 typ host") && !answer.contains(" 50000 typ host"), "{answer}");
    // On a port that all workers share, a check is told apart by it.
    assert!(answer.contains("\r\na=ice-ufrag:AAB"), "{answer}");
    let microphone = tracks(&all(&lab))[0].track;
    let media = |(_, command): &&(usize, Command)| {
        !matches!(command, Command::OpenRoom { .. } | Command::SpanRoom { .. } | Command::Join { .. })
    };
    assert!(lab.commands.iter().filter(media).all(|(worker, _)| *worker == 1), "{:?}", lab.commands);
    lab.commands.clear();
    lab.say(page.socket, json!({"type":"mute","trackId":microphone.0.to_string()}));
    lab.say(page.socket, json!({"type":"leave"}));
    assert_eq!(names(&all(&lab)), ["mute", "leave"]);
    assert!(lab.commands.iter().all(|(worker, _)| *worker == 1));
}

#[test]
fn a_room_ends_on_all_its_workers() {
    for deletes in [true, false] {
        let mut lab = spreading_over(1);
        let pages = [1, 2].map(|socket| lab.join(socket, "room", "somebody"));
        lab.commands.clear();
        if deletes {
            assert!(lab.state.delete_room("room", lab.now));
            lab.turn();
        } else {
            pages.iter().for_each(|page| lab.say(page.socket, json!({"type":"leave"})));
        }
        let told: Vec<_> = lab.commands.iter().map(|(worker, _)| *worker).collect();
        assert_eq!(names(&all(&lab)), ["leave", "leave", "close-room", "close-room"]);
        assert_eq!(told, [0, 1, 0, 1]);
        lab.commands.clear();
        lab.join(3, "room", "again");
        assert_eq!(names(&all(&lab)), ["open-room", "join"], "on one worker, as at first");
    }
}

#[test]
fn a_killed_process_finds_everybody_where_they_were() {
    let mut lab = spreading_over(1);
    let pages = [1, 2, 3].map(|socket| lab.call(socket, "chromium-example-client"));
    let on: Vec<usize> = pages.iter().map(|page| joined_on(&lab, page)).collect();
    assert_eq!(on, [0, 1, 0]);
    let (room, transport) = (room_of(&lab), lab.transport());
    lab.event(0, Event::Transport { transport, state: connected() });
    let seat = slots(&all(&lab))[0].slot;
    let mut lab = lab.kill();
    let again: Vec<usize> = pages.iter().map(|page| joined_on(&lab, page)).collect();
    assert_eq!(again, on);
    let span = |worker| Command::SpanRoom { room, worker: WorkerId(worker) };
    assert!(lab.commands.contains(&(0, span(1))) && lab.commands.contains(&(1, span(0))));
    lab.commands.clear();
    lab.event(0, Event::Slot { slot: seat, track: Some(TrackId(999_999)) });
    let unpublish = Command::Unpublish { track: TrackId(999_999) };
    assert_eq!(lab.commands, [(0, unpublish.clone()), (1, unpublish)], "whoever has it");
    lab.commands.clear();
    let next = lab.join(4, "room", "next");
    assert_eq!(joined_on(&lab, &next), 1, "the quieter one");
}

#[test]
fn records_of_a_version_that_knew_no_spreading_are_understood() {
    let mut lab = Lab::new();
    let page = lab.call(1, "chromium-example-client");
    let mut store = MemoryStore::default();
    for mut record in lab.store.load() {
        let mut value: serde_json::Value = serde_json::from_slice(&record.bytes).unwrap();
        if let Some(fields) = value.as_object_mut() {
            fields.remove("worker");
            if let Some(media) = fields.get_mut("media").and_then(|media| media.as_object_mut()) {
                media.remove("others");
            }
        }
        record.bytes = serde_json::to_vec(&value).unwrap();
        store.apply(&Save::Put { kind: record.kind, key: record.key, bytes: record.bytes });
    }
    let lab = Lab::after(store, config());
    assert_eq!(joined_on(&lab, &page), 0);
}

fn spreading_over(people: usize) -> Lab {
    Lab::after(
        MemoryStore::default(),
        Config { settings: Settings { spread_rooms_over: people, ..config().settings }, ..config() },
    )
}

fn all(lab: &Lab) -> Vec<Command> {
    lab.commands.iter().map(|(_, command)| command.clone()).collect()
}

/// The worker that somebody was last put on.
fn joined_on(lab: &Lab, page: &Page) -> usize {
    let joins = lab.commands.iter().rev().find(|(_, command)| match command {
        Command::Join { participant, .. } => *participant == page.participant(),
        _ => false,
    });
    joins.expect("they joined").0
}

fn room_of(lab: &Lab) -> RoomId {
    let room = lab.commands.iter().find_map(|(_, command)| match command {
        Command::OpenRoom { room } => Some(*room),
        _ => None,
    });
    room.expect("a room was opened")
}
