//! Recording without any configuration, as whoever has just started the server meets it.

mod common;

use common::{Folder, STOPPED_WITHIN, Volley, until};
use rustix::process::Signal;
use serde_json::Value;
use std::process::Stdio;

fn start(variables: &[(&str, &str)]) -> Volley {
    Volley::start_in(variables, &["--metrics-port", "off"], Stdio::inherit())
}

/// Before its folder goes, or a recorder that completes its files would make it anew.
fn end(volley: &mut Volley) {
    volley.signal(Signal::INT);
    volley.ended_within(STOPPED_WITHIN);
}

/// A room over REST, and where its recording is begun, shown and ended.
fn room(volley: &Volley) -> String {
    let (status, made) = volley.ask("POST /api/rooms", r#"{"name":"Board"}"#);
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(status, 201, "{made}");
    format!("/api/rooms/{}/recording", made["id"].as_str().unwrap())
}

#[test]
fn a_fresh_server_records_a_room_when_it_is_told_to() {
    let folder = Folder::new("records");
    let path = format!("{}/recordings", folder.path());
    let mut volley = start(&[("VOLLEY_RECORDING__PATH", &path)]);
    assert!(!std::path::Path::new(&path).exists(), "nothing was recorded yet");
    let recording = room(&volley);
    let (status, started) = volley.ask(&format!("POST {recording}/start"), "");
    assert_eq!(status, 201, "{started}");
    let started: Value = serde_json::from_str(&started).unwrap();
    let manifest = format!("{path}/{}/manifest.json", started["recordingId"].as_str().unwrap());
    until("it is on the disk", || {
        std::fs::read_to_string(&manifest).is_ok_and(|text| text.contains("Board"))
    });
    assert_eq!(volley.ask(&format!("POST {recording}/stop"), "").0, 200);
    until("it is complete", || {
        std::fs::read_to_string(&manifest).is_ok_and(|text| text.contains(r#""complete""#))
    });
    end(&mut volley);
}

#[test]
fn a_folder_that_cannot_be_made_is_told_when_something_is_to_be_recorded_and_keeps_nobody_from_a_call() {
    let folder = Folder::new("cannot-record");
    folder.write("file", "in the way");
    let path = format!("{}/file/recordings", folder.path());
    let mut volley = start(&[("VOLLEY_RECORDING__PATH", &path)]);
    assert!(volley.is_well());
    let recording = room(&volley);
    assert_eq!(volley.ask(&format!("POST {recording}/start"), "").0, 201);
    until("it is told why nothing is written", || {
        let shown = volley
            .exchange(&format!("GET {recording}"), "")
            .map(|(_, shown)| serde_json::from_str::<Value>(&shown));
        shown.is_some_and(|shown| shown.is_ok_and(|shown| shown["failure"].is_string()))
    });
    assert!(volley.is_well());
    end(&mut volley);
}

#[test]
fn where_it_is_off_nothing_is_recorded_and_nobody_runs_who_would() {
    let volley = start(&[("VOLLEY_RECORDING__ENABLED", "false")]);
    let recording = room(&volley);
    let (status, problem) = volley.ask(&format!("POST {recording}/start"), "");
    assert!(status == 409 && problem.contains("recording-off"), "{status} {problem}");
    assert_eq!(volley.children("recorder"), []);
}
