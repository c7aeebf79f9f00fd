//! Ten thousand requests that mean no good, the same ones each time: each is answered, none by an error
//! of ours, nothing panics, and whoever comes after them is served.

mod common;

use common::server::{Server, join};
use common::{config, fixture};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use volley_recorder::settings::Segments;
use volley_signaling::link::MediaLink;
use volley_signaling::settings::{RecordingSettings, Settings};
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;

const REQUESTS: usize = 10_000;
/// Connections at once.
const LANES: usize = 8;

static PANICS: AtomicUsize = AtomicUsize::new(0);

const METHODS: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW"];
const PATHS: [&str; 34] = [
    "/health",
    "/ws",
    "/docs/",
    "/docs/websocket",
    "/api/openapi.json",
    "/api/rooms",
    "/api/rooms/ROOM",
    "/api/rooms/ROOM/stats",
    "/api/rooms/ROOM/participants/ID",
    "/api/rooms/ROOM/participants/ID/mute",
    "/api/rooms/ROOM/participants/ID/unmute",
    "/api/rooms/ROOM/recording",
    "/api/rooms/ROOM/recording/start",
    "/api/rooms/ROOM/recording/stop",
    "/api/rooms/ROOM/recordings",
    "/api/rooms/ROOM/recordings/ID",
    "/api/rooms/ROOM/recordings/ID/files/KEY",
    // Of one that is there.
    "/api/rooms/room/recordings/1-2/files/7-camera-1.webm",
    "/api/rooms/room/recordings/1-2/files/KEY",
    "/admin",
    "/admin/admin.js",
    "/admin/KEY",
    "/.well-known/acme-challenge/KEY",
    "/settings.js",
    "/check",
    "/r/ROOM",
    "/client.js",
    "/client.d.ts",
    "/assets/KEY",
    "/docs/KEY",
    "/whip/ROOM",
    "/whep/ROOM",
    "/whip/ROOM/ID-KEY",
    "/whep/ROOM/ID-KEY",
];
const SEGMENTS: [&str; 18] = [
    "room",
    "room-124",
    "1",
    "0",
    "-",
    "%00",
    "%ff",
    "%2e%2e",
    "..",
    "%F0%9F%92%A9",
    "18446744073709551616",
    "a%2fb",
    "'%20or%201=1",
    "{id}",
    "*",
    "1-x",
    "1-2",
    "7-camera-1.webm",
];
const QUERIES: [&str; 11] = [
    "",
    "?limit=1",
    "?limit=-1",
    "?cursor=99999999999999999999",
    "?cursor=%00",
    "?name=",
    "?name=%0d%0a",
    "?name=a",
    "?%ff=%ff",
    "?limit=1&limit=2",
    "?access_token=a.b.c&access_token=%ff",
];
const HEADERS: [&str; 25] = [
    "content-type: application/json",
    "content-type: application/sdp",
    "content-type: application/sdp; charset=\"",
    "content-type: application/trickle-ice-sdpfrag",
    "content-type: \u{e9}",
    "if-match: *",
    "if-match: \"a\", W/\"b\",,",
    "if-none-match: \"\"",
    "authorization: Bearer",
    "authorization: Bearer \u{fc}\u{fc}",
    "authorization: Basic Og==",
    "origin: null",
    "access-control-request-method: PATCH",
    "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: x",
    "upgrade: h2c",
    "accept-encoding: gzip, *;q=0",
    "accept-encoding: gzip",
    "range: bytes=0-18446744073709551615",
    "range: bytes=2-5",
    "range: bytes=-3",
    "range: bytes=99999999999999999999-",
    "if-range: \"\"",
    "expect: 100-continue",
    "x-forwarded-for: ::1, %, 300.1.1.1",
    "cookie: a=\u{1}",
];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

fn path(random: &mut Random) -> String {
    let mut path = random.pick(&PATHS).to_owned();
    for name in ["ROOM", "ID", "KEY"] {
        path = path.replace(name, random.pick(&SEGMENTS));
    }
    match random.below(20) {
        0 => format!("{path}/{}", "x".repeat(random.below(20_000))),
        1 => format!("//{path}/./..{path}"),
        _ => path + random.pick(&QUERIES),
    }
}

fn body(random: &mut Random, offers: &[String]) -> Vec<u8> {
    match random.below(8) {
        0 => vec![],
        1 => (0..random.below(3000)).map(|_| random.number() as u8).collect(),
        2 => br#"{"name":"x","maxParticipants":2}"#.to_vec(),
        3 => br#"{"kind":"audio","trackId":"18446744073709551616"}"#.to_vec(),
        4 => "[".repeat(random.below(5000)).into_bytes(),
        5 => b"a=ice-ufrag:fresh\r\na=ice-pwd:a-password-of-24-letters\r\n".to_vec(),
        _ => {
            let offer = &offers[random.below(offers.len())];
            spoilt(random, offer)
        }
    }
}

/// An offer with a few bytes changed, doubled or cut off.
fn spoilt(random: &mut Random, offer: &str) -> Vec<u8> {
    let mut bytes = offer.as_bytes().to_vec();
    for _ in 0..random.below(6) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] = random.number() as u8,
            1 => bytes.truncate(at.max(1)),
            2 => drop(bytes.drain(at..(at + random.below(40)).min(bytes.len() - 1).max(at))),
            _ => bytes.extend_from_within(at..),
        }
        bytes.truncate(80_000);
    }
    bytes
}

/// A request, and whether it ends where it says.
fn request(random: &mut Random, offers: &[String]) -> (Vec<u8>, bool) {
    let (method, path, body) = (random.pick(&METHODS), path(random), body(random, offers));
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: volley\r\nconnection: close\r\n");
    for _ in 0..random.below(5) {
        head += random.pick(&HEADERS);
        head += "\r\n";
    }
    if random.below(50) == 0 {
        head += &format!("x-long: {}\r\n", "y".repeat(random.below(100_000)));
    }
    let framing = random.below(40);
    head += &match framing {
        0 => "content-length: 18446744073709551616\r\n\r\n".to_owned(),
        1 => "transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n".to_owned(),
        2 => "content-length: -1\r\ncontent-length: 5\r\n\r\n".to_owned(),
        _ => format!("content-length: {}\r\n\r\n", body.len()),
    };
    ([head.into_bytes(), body].concat(), framing > 2)
}

/// The status of the answer; `None`: the connection was closed without one.
async fn ask(address: SocketAddr, request: &[u8], is_whole: bool) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    // It may answer and close before it has read everything.
    let _ = stream.write_all(request).await;
    if !is_whole {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let head = String::from_utf8_lossy(answer.get(..12)?).into_owned();
    head.strip_prefix("HTTP/1.1 ")?.parse().ok()
}

/// A folder with one recording of `room`.
fn recordings() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let recording = folder.path().join("1-2");
    std::fs::create_dir(&recording).expect("it is ours");
    std::fs::write(recording.join("7-camera-1.webm"), "recorded").expect("it is ours");
    let file = serde_json::json!({"name": "7-camera-1.webm", "participantId": "7", "shows": "camera", "offsetMs": 0,
        "durationMs": 1, "bytes": 8, "isFinished": true, "gaps": []});
    let manifest = serde_json::json!({"version": 1, "recordingId": "1-2", "room": {"id": "room", "name": "Room"},
        "startedAt": 1, "startedOnClock": 1, "endedAt": 2, "state": "complete", "interrupted": false,
        "participants": [], "files": [file], "droppedPackets": 0, "failures": []});
    std::fs::write(recording.join("manifest.json"), manifest.to_string()).expect("it is ours");
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_hostile_requests_break_nothing() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        hook(info);
    }));
    let (link, carrier) = MediaLink::new(2);
    tokio::spawn(common::server::media_process(carrier));
    let folder = recordings();
    let recording = Some(RecordingSettings {
        path: folder.path().to_owned(),
        video_bitrate: 1_000_000,
        segments: Segments::default(),
        has_store: false,
        offload: None,
    });
    let settings =
        Settings { max_rooms: 1_000_000, max_participants: 1_000_000, recording, ..config().settings };
    let config = Config { settings, ..config() };
    let server = Server::configured(MemoryStore::default(), link, config).await;
    let (mut page, joined) = join(&server, "page").await;
    let offers = [fixture("chromium-example-client"), fixture("firefox-bare")];

    let lanes = (0..LANES).map(|lane| {
        let (offers, address) = (offers.clone(), server.address);
        tokio::spawn(async move {
            let mut statuses = Vec::new();
            for number in (lane..REQUESTS).step_by(LANES) {
                let (request, is_whole) = request(&mut Random(number as u64), &offers);
                let status = ask(address, &request, is_whole).await;
                let text = || String::from_utf8_lossy(&request[..request.len().min(600)]).into_owned();
                assert!(status.is_none_or(|status| status < 500), "request {number}: {status:?}\n{}", text());
                statuses.push(status);
            }
            statuses
        })
    });
    let mut statuses = Vec::new();
    for lane in lanes.collect::<Vec<_>>() {
        statuses.extend(lane.await.expect("no answer says that the server failed"));
    }
    let count =
        |wanted: &dyn Fn(u16) -> bool| statuses.iter().flatten().filter(|status| wanted(**status)).count();
    let answered = statuses.iter().flatten().count();
    assert!(answered >= REQUESTS * 9 / 10, "only {answered} were answered");
    assert!(
        count(&|status| status < 300) > 100 && count(&|status| status >= 400) > 1000,
        "they were not all alike"
    );
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);

    // Whoever was there is still there, unless a request with their name in it took them out.
    page.say(serde_json::json!({"type":"chat","text":""})).await;
    assert_eq!(page.hear("error").await["code"], "bad-chat");
    assert!(joined["participantId"].is_string());
    let (mut other, _) = join(&server, "other").await;
    other.say(serde_json::json!({"type":"offer","sdp":offers[0]})).await;
    other.hear("answer").await;
}
