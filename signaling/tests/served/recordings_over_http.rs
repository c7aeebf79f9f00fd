//! Recordings as they are fetched: nothing but what belongs to them leaves the folder or is removed from it, and
//! who may not gets nothing. And that rooms which are to be recorded are made only where that can be.

use crate::common::config;
use crate::common::server::{Server, media_process};
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use volley_recorder::settings::Segments;
use volley_signaling::access::{AccessSettings, Claims, Grant, sign, unix_now};
use volley_signaling::link::MediaLink;
use volley_signaling::settings::{RecordingSettings, Settings};
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const FILE: &str = "/api/rooms/room/recordings/1-2/files/7-camera-1.webm";

/// A folder of recordings with one in it, and beside it what is nobody's business.
struct Place {
    root: tempfile::TempDir,
    server: Server,
}

impl Place {
    async fn new(access: AccessSettings) -> Place {
        let root = tempfile::tempdir().unwrap();
        let recording = root.path().join("recordings/1-2");
        std::fs::create_dir_all(&recording).unwrap();
        std::fs::write(recording.join("7-camera-1.webm"), "recorded").unwrap();
        std::fs::write(root.path().join("secret.webm"), "nobody's business").unwrap();
        let names = ["7-camera-1.webm", "link.webm", "../../secret.webm"];
        std::fs::write(recording.join("manifest.json"), manifest("1-2", &names).to_string()).unwrap();
        let outside = root.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("manifest.json"), manifest("planted", &["secret.webm"]).to_string())
            .unwrap();
        std::fs::write(outside.join("secret.webm"), "nobody's business").unwrap();
        symlink(root.path().join("secret.webm"), recording.join("link.webm")).unwrap();
        symlink(&outside, root.path().join("recordings/planted")).unwrap();
        let path = root.path().join("recordings");
        let recording = Some(RecordingSettings {
            path,
            video_bitrate: 1_000_000,
            segments: Segments::default(),
            has_store: false,
            offload: None,
        });
        let settings = Settings { recording, access, ..config().settings };
        let (link, carrier) = MediaLink::new(2);
        tokio::spawn(media_process(carrier));
        let config = Config { settings, ..config() };
        let server = Server::configured(MemoryStore::default(), link, config).await;
        Place { root, server }
    }

    fn is_untouched(&self) -> bool {
        let path = self.root.path();
        ["secret.webm", "outside/secret.webm", "outside/manifest.json", "recordings/1-2/7-camera-1.webm"]
            .iter()
            .all(|kept| path.join(kept).is_file())
    }
}

fn manifest(id: &str, names: &[&str]) -> Value {
    let file = |name: &&str| {
        json!({"name": name, "participantId": "7", "shows": "camera", "offsetMs": 0, "durationMs": 1, "bytes": 8,
            "isFinished": true, "gaps": []})
    };
    json!({"version": 1, "recordingId": id, "room": {"id": "room", "name": "Room"}, "startedAt": 1,
        "startedOnClock": 1, "endedAt": 2, "state": "complete", "interrupted": false, "participants": [],
        "files": names.iter().map(file).collect::<Vec<_>>(), "droppedPackets": 0, "failures": []})
}

fn token(grants: &[Grant]) -> String {
    let (sub, room, iat) = ("ada".to_owned(), "room".to_owned(), unix_now());
    sign(&Claims { sub, room, grants: grants.to_vec(), exp: iat + 60, iat }, SECRET).unwrap()
}

#[tokio::test]
async fn whatever_is_asked_for_nothing_outside_is_read_or_removed() {
    let place = Place::new(AccessSettings::default()).await;
    let long = "a".repeat(5_000);
    let recordings = [
        "..",
        "../..",
        "%2e%2e",
        "%2e%2e%2f%2e%2e",
        "..%2f..%2foutside",
        "planted",
        ".",
        "%00",
        "1-2%00",
        "1-2%2f..",
        "/etc",
        "%2fetc",
        "~",
        "1-2%0a",
        &long,
    ];
    for name in recordings {
        for request in [
            format!("GET /api/rooms/room/recordings/{name}"),
            format!("DELETE /api/rooms/room/recordings/{name}"),
            format!("GET /api/rooms/room/recordings/{name}/files/secret.webm"),
        ] {
            let (status, _, body) = place.server.http(&request, "", "").await;
            assert!((400..500).contains(&status), "{request} was answered with {status}: {body}");
            assert!(!body.contains("business"), "{request}");
        }
    }
    let files = [
        "link.webm",
        "../../secret.webm",
        "..%2f..%2fsecret.webm",
        "%2e%2e%2f%2e%2e%2fsecret.webm",
        "manifest.json",
        "7-camera-1.webm%00",
        "..",
        "%2fetc%2fpasswd",
        &long,
    ];
    for name in files {
        let request = format!("GET /api/rooms/room/recordings/1-2/files/{name}");
        let (status, _, body) = place.server.http(&request, "", "").await;
        assert!((400..500).contains(&status) && !body.contains("business"), "{request}: {status} {body}");
    }
    assert!(place.is_untouched());
    let (status, _, body) = place.server.http(&format!("GET {FILE}"), "", "").await;
    assert_eq!((status, body.as_str()), (200, "recorded"));
    assert_eq!(place.server.http("DELETE /api/rooms/room/recordings/1-2", "", "").await.0, 204);
    assert!(place.root.path().join("secret.webm").is_file(), "the link goes, and what it led to stays");
}

#[tokio::test]
async fn a_player_says_its_token_in_the_address_and_nobody_deletes_by_one() {
    let access = AccessSettings {
        require_auth: true,
        token_secrets: vec![SECRET.to_owned()],
        ..AccessSettings::default()
    };
    let place = Place::new(access).await;
    let (good, bad) = (token(&[Grant::Record]), token(&[Grant::Publish]));
    let status = async |request: String| place.server.http(&request, "range: bytes=0-3\r\n", "").await.0;
    assert_eq!(status(format!("GET {FILE}")).await, 401);
    assert_eq!(status(format!("GET {FILE}?access_token={good}")).await, 206);
    assert_eq!(status(format!("GET {FILE}?access_token={bad}")).await, 403);
    assert_eq!(status(format!("GET /api/rooms/room/recordings?access_token={good}")).await, 401);
    assert_eq!(status(format!("DELETE /api/rooms/room/recordings/1-2?access_token={good}")).await, 401);
    assert!(place.is_untouched());
}

#[tokio::test]
async fn a_room_that_is_to_be_recorded_is_made_only_where_that_can_be() {
    let wish = || Some(json!({"name": "Meeting", "record": true}));
    let place = Place::new(AccessSettings::default()).await;
    let (status, room) = place.server.json("POST /api/rooms", wish()).await;
    assert_eq!((status, &room["record"], &room["recording"]), (201, &json!(true), &json!(false)));
    let (_, other) = place.server.json("POST /api/rooms", Some(json!({"name": "Meeting"}))).await;
    assert_eq!(other["record"], false);

    let server = Server::start(MemoryStore::default()).await;
    let (status, problem) = server.json("POST /api/rooms", wish()).await;
    assert_eq!((status, &problem["code"]), (409, &json!("recording-off")));
    assert_eq!(server.json("GET /api/rooms", None).await.1["rooms"], json!([]), "and none is left behind");
}
