//! Recordings that another machine makes, as REST shows them: the recorder there is asked.

use crate::common::config;
use crate::common::server::{Server, media_process};
use serde_json::{Value, json};
use std::os::fd::OwnedFd;
use volley::control::desk;
use volley_recorder::answers::{Answer, Question};
use volley_recorder::desk::{ToRecorder, to_bytes};
use volley_recorder::manifest::Manifest;
use volley_recorder::settings::Segments;
use volley_signaling::link::MediaLink;
use volley_signaling::settings::{RecordingSettings, Settings};
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;

async fn server(desk: OwnedFd) -> Server {
    let recording = Some(RecordingSettings {
        path: "nowhere".into(),
        video_bitrate: 1_000_000,
        segments: Segments::default(),
        has_store: false,
        offload: Some(String::from("10.0.0.9:9300")),
    });
    let (link, carrier) = MediaLink::new(2);
    tokio::spawn(media_process(carrier));
    let link = link.with_recorder(desk).unwrap();
    let settings = Settings { recording, ..config().settings };
    Server::configured(MemoryStore::default(), link, Config { settings, ..config() }).await
}

/// Answers each question that comes; those of which `by` knows nothing stay without an answer.
fn recorder(desk: OwnedFd, by: impl Fn(&Question) -> Option<Answer> + Send + 'static) {
    tokio::spawn(async move {
        loop {
            while let Some(message) = desk::receive(&desk).unwrap() {
                let told: ToRecorder = serde_json::from_slice(&message).unwrap();
                let ToRecorder::Ask { number, question } = told else { continue };
                for message in by(&question).iter().flat_map(|answer| answer.messages(number)) {
                    assert!(desk::send(&desk, &to_bytes(&message)).unwrap());
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
}

fn manifest() -> Manifest {
    let file = |name: &str, upload: Value| {
        json!({"name": name, "participantId": "7", "shows": "camera", "offsetMs": 0, "durationMs": 1, "bytes": 8,
            "isFinished": true, "gaps": [], "upload": upload})
    };
    let uploaded = |is_local| json!({"state": "done", "bytes": 8, "isLocal": is_local});
    let files = [
        file("here.webm", Value::Null),
        file("both.webm", uploaded(true)),
        file("store.webm", uploaded(false)),
    ];
    serde_json::from_value(json!({"version": 1, "recordingId": "1-2", "room": {"id": "room", "name": "Room"},
        "startedAt": 1, "startedOnClock": 1, "endedAt": 2, "state": "complete", "interrupted": false,
        "participants": [], "files": files, "droppedPackets": 0, "failures": []}))
    .unwrap()
}

fn answered(question: &Question) -> Option<Answer> {
    let is_known = |room: &str, recording: &str| room == "room" && recording == "1-2";
    Some(match question {
        Question::List { room_id, before, limit } => {
            assert_eq!((room_id.as_str(), before.as_deref(), *limit), ("room", Some("1-9"), 1));
            Answer::List { recordings: vec![manifest()], next_cursor: Some(String::from("1-2")) }
        }
        Question::Show { room_id, recording_id } if is_known(room_id, recording_id) => {
            Answer::Shown { manifest: Box::new(manifest()), path: String::from("/srv/recordings") }
        }
        Question::Remove { room_id, recording_id } if is_known(room_id, recording_id) => Answer::Removed,
        Question::Remove { recording_id, .. } if recording_id == "1-3" => Answer::NotComplete,
        Question::Show { recording_id, .. } if recording_id == "1-4" => {
            Answer::Away { why: String::from("the line is cut") }
        }
        Question::Show { .. } | Question::Remove { .. } => Answer::Missing,
    })
}

#[tokio::test]
async fn the_recorder_is_asked_for_what_it_has_and_removes_what_is_to_go() {
    let (ours, theirs) = desk::pair().unwrap();
    recorder(theirs, answered);
    let server = server(ours).await;
    let get = async |method: &str, path: &str| {
        let (status, _, body) =
            server.http(&format!("{method} /api/rooms/room/recordings{path}"), "", "").await;
        (status, serde_json::from_str::<Value>(&body).unwrap_or_default())
    };
    let (status, list) = get("GET", "?limit=1&cursor=1-9").await;
    assert_eq!(
        (status, &list["recordings"][0]["recordingId"], &list["nextCursor"]),
        (200, &json!("1-2"), &json!("1-2"))
    );
    let (status, shown) = get("GET", "/1-2").await;
    assert_eq!((status, &shown["files"][2]["name"]), (200, &json!("store.webm")));
    assert_eq!(get("DELETE", "/1-2").await.0, 204);
    let code = |(status, body): (u16, Value)| (status, body["code"].as_str().unwrap_or_default().to_owned());
    assert_eq!(code(get("DELETE", "/1-3").await), (409, String::from("recording-not-complete")));
    assert_eq!(code(get("GET", "/1-5").await), (404, String::from("recording-not-found")));
    assert_eq!(code(get("GET", "/1-4").await), (503, String::from("recorder-away")));
}

#[tokio::test]
async fn who_wants_a_file_is_told_where_it_is() {
    let (ours, theirs) = desk::pair().unwrap();
    recorder(theirs, answered);
    let server = server(ours).await;
    let fetch = async |file: &str| {
        let request = format!("GET /api/rooms/room/recordings/1-2/files/{file}");
        let (status, _, body) = server.http(&request, "", "").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        (status, text("code"), text("detail"))
    };
    let (status, code, detail) = fetch("here.webm").await;
    assert_eq!((status, code.as_str()), (410, "file-elsewhere"));
    assert!(
        detail.ends_with("the recorder at 10.0.0.9:9300 runs, at /srv/recordings/1-2/here.webm"),
        "{detail}"
    );
    let (_, _, detail) = fetch("both.webm").await;
    assert!(detail.contains("and in the store"), "{detail}");
    assert_eq!(fetch("store.webm").await.1, "file-in-store");
    assert_eq!(fetch("other.webm").await.1, "file-not-found");
}
