//! What becomes of those who are refused and of what is done to others: counted, and told in the log without tokens.

use crate::common::server::{Server, media_process};
use crate::common::{config, fixture};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use volley_signaling::access::AccessSettings;
use volley_signaling::link::MediaLink;
use volley_signaling::settings::Settings;
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;
use volley_signaling::{MetricsPort, Ports};

const KEY: &str = "an API key of this test alone";
const SDP: &str = "content-type: application/sdp\r\n";

/// All that is logged on this thread, a line for each event.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// Those that say `text`.
    fn with(&self, text: &str) -> Vec<String> {
        self.0.lock().unwrap().iter().filter(|line| line.contains(text)).cloned().collect()
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("volley_signaling")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// A server that asks for tokens or not, and where its metrics are.
async fn start(require_auth: bool) -> (Server, std::net::SocketAddr) {
    start_with(AccessSettings { require_auth, api_keys: vec![KEY.to_owned()], ..Default::default() }).await
}

async fn start_with(access: AccessSettings) -> (Server, std::net::SocketAddr) {
    let config = Config { settings: Settings { access, ..config().settings }, ..config() };
    let (link, carrier) = MediaLink::new(2);
    tokio::spawn(media_process(carrier));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metrics = listener.local_addr().unwrap();
    let with_metrics = |ports: Ports| Ports {
        metrics: Some(MetricsPort { listener, workers: vec![], udp_ports: BTreeSet::new() }),
        ..ports
    };
    (Server::with_ports(MemoryStore::default(), link, config, with_metrics).await, metrics)
}

pub(crate) async fn joins(metrics: std::net::SocketAddr, result: &str) -> Option<String> {
    let mut stream = TcpStream::connect(metrics).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: volley\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let start = format!("volley_joins_total{{result=\"{result}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)).map(|count| count.trim().to_owned())
}

#[tokio::test]
async fn whoever_is_refused_by_whip_is_counted_once_wherever_that_is() {
    let (server, metrics) = start(false).await;
    let offer = fixture("chromium-example-client");
    assert_eq!(server.http("POST /whip/room", SDP, &offer).await.0, 201);
    assert_eq!(server.http("POST /whip/room", SDP, "no sdp").await.0, 400);
    assert_eq!(server.http("POST /whip/not%20a%20room", SDP, &offer).await.0, 400);
    assert_eq!(server.http("POST /whip/room?name=%0a", SDP, &offer).await.0, 400);
    for result in ["joined", "bad-sdp", "bad-room-id", "bad-name"] {
        assert_eq!(joins(metrics, result).await.as_deref(), Some("1"), "{result}");
    }
}

#[tokio::test]
async fn who_shows_nothing_is_counted_and_told_where_they_wanted_to_come_in() {
    let lines = Lines::default();
    let _told = tracing::subscriber::set_default(lines.clone());
    let (server, metrics) = start(true).await;
    let offer = fixture("chromium-example-client");
    for head in ["", "authorization: Bearer a.secret.token\r\n"] {
        let head = format!("{SDP}{head}");
        assert_eq!(server.http("POST /whip/room", &head, &offer).await.0, 401);
        assert_eq!(server.http("DELETE /whip/room/7-key-of-a-session", &head, "").await.0, 401);
        assert_eq!(server.http("GET /api/rooms?x=hidden", &head, "").await.0, 401);
    }
    assert_eq!(joins(metrics, "token-missing").await.as_deref(), Some("1"), "REST lets nobody in");
    let told = lines.with("a request was refused");
    assert_eq!(told.len(), 6, "{told:?}");
    assert!(told[0].contains("/whip/room") && told[0].contains("127.0.0.1"), "{told:?}");
    assert!(told[0].contains("token-missing") && told[2].contains("/api/rooms"), "{told:?}");
    let all = lines.with("");
    assert!(
        !all.iter().any(|line| line.contains("secret") || line.contains("key-of") || line.contains("hidden"))
    );
}

#[tokio::test]
async fn a_page_of_an_origin_that_is_not_listed_is_counted_and_told_as_well() {
    let lines = Lines::default();
    let _told = tracing::subscriber::set_default(lines.clone());
    let (server, metrics) =
        start_with(AccessSettings { allowed_origins: vec![], ..Default::default() }).await;
    for request in ["POST /whip/room", "POST /api/rooms"] {
        assert_eq!(server.http(request, "origin: https://evil.example\r\n", "").await.0, 403);
    }
    assert_eq!(joins(metrics, "origin-not-allowed").await.as_deref(), Some("1"), "REST lets nobody in");
    let told = lines.with("a request was refused");
    assert!(told.len() == 2 && told.iter().all(|line| line.contains("origin-not-allowed")), "{told:?}");
}

#[tokio::test]
async fn a_flood_of_refusals_does_not_fill_the_log() {
    let lines = Lines::default();
    let _told = tracing::subscriber::set_default(lines.clone());
    let (server, metrics) = start(false).await;
    let mut page = server.socket().await;
    // As many as a socket may send at once.
    for _ in 0..90 {
        page.say(json!({"type":"join","roomId":"no room","participantName":"x"})).await;
        assert_eq!(page.hear("error").await["code"], "bad-room-id");
    }
    for _ in 0..60 {
        assert_eq!(server.http("POST /whip/no%20room", SDP, "v=0").await.0, 400);
    }
    assert_eq!(joins(metrics, "bad-room-id").await.as_deref(), Some("150"), "all are counted");
    let told = lines.with("a join was refused").len();
    assert!((100..150).contains(&told), "{told}");
}

#[tokio::test]
async fn what_is_done_to_others_over_rest_is_told() {
    let lines = Lines::default();
    let _told = tracing::subscriber::set_default(lines.clone());
    let (server, _) = start(false).await;
    let offer = fixture("chromium-example-client");
    let (_, head, _) = server.http("POST /whip/room", SDP, &offer).await;
    let (_, key) = head.split_once("/whip/room/").expect("a session");
    let id = key.split('-').next().unwrap();
    let person = format!("/api/rooms/room/participants/{id}");
    server.json(&format!("POST {person}/mute"), Some(json!({}))).await;
    assert_eq!(server.http(&format!("DELETE {person}"), "", "").await.0, 204);
    let (_, made) = server.json("POST /api/rooms", Some(json!({"name":"Meeting"}))).await;
    let room = made["id"].as_str().unwrap();
    assert_eq!(server.http(&format!("DELETE /api/rooms/{room}"), "", "").await.0, 204);
    for (text, who) in [("muted or unmuted", id), ("taken out", id), ("room was ended", room)] {
        let told = lines.with(text);
        assert!(
            told.len() == 1 && told[0].contains(who) && told[0].contains("127.0.0.1"),
            "{text}: {told:?}"
        );
    }
}
