//! Who sends the body of a request a byte at a time is answered, counted and cut off.

use crate::common::config;
use crate::common::server::{Server, media_process};
use crate::refusals::joins;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use volley_signaling::link::MediaLink;
use volley_signaling::store::MemoryStore;
use volley_signaling::{MetricsPort, Patience, Ports};

const BODY_WITHIN: Duration = Duration::from_millis(600);
const BYTE_EVERY: Duration = Duration::from_millis(50);

/// The server, and where its metrics are.
async fn start() -> (Server, std::net::SocketAddr) {
    let (link, carrier) = MediaLink::new(2);
    tokio::spawn(media_process(carrier));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metrics = listener.local_addr().unwrap();
    let more = |ports: Ports| Ports {
        metrics: Some(MetricsPort { listener, workers: vec![], udp_ports: BTreeSet::new() }),
        patience: Patience { body: BODY_WITHIN, ..Patience::default() },
        ..ports
    };
    (Server::with_ports(MemoryStore::default(), link, config(), more).await, metrics)
}

/// Says that a thousand bytes come and sends one after another: the whole answer, when the connection has ended.
async fn dribble(server: &Server, request: &str, kind: &str) -> String {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut reads, mut writes) = stream.into_split();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: volley\r\ncontent-type: {kind}\r\ncontent-length: 1000\r\n\r\n{{"
    );
    writes.write_all(head.as_bytes()).await.unwrap();
    let dribbling = tokio::spawn(async move {
        while writes.write_all(b" ").await.is_ok() {
            tokio::time::sleep(BYTE_EVERY).await;
        }
    });
    let mut answer = Vec::new();
    // It may end by a reset, since a byte was on its way.
    let _ = tokio::time::timeout(20 * BODY_WITHIN, reads.read_to_end(&mut answer)).await.expect("it ends");
    dribbling.abort();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_refused_wherever_one_is_taken() {
    let (server, metrics) = start().await;
    let (json, sdp) = ("application/json", "application/sdp");
    for (request, kind) in [
        ("POST /api/rooms", json),
        ("POST /api/rooms/meeting/recording/start", json),
        ("POST /whip/meeting", sdp),
        ("POST /whep/meeting", sdp),
        ("PATCH /whip/meeting/key", "application/trickle-ice-sdpfrag"),
    ] {
        let began = Instant::now();
        let answer = dribble(&server, request, kind).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{request}: {head}");
        assert!(head.contains("content-type: application/problem+json"), "{request}: {head}");
        assert!(head.contains("connection: close"), "{request}: {head}");
        let problem: Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["code"], "body-too-slow", "{request}");
        assert!(began.elapsed() >= BODY_WITHIN, "{request}");
    }
    assert_eq!(joins(metrics, "body-too-slow").await.as_deref(), Some("2"), "WHIP and WHEP let people in");
}

#[tokio::test]
async fn a_body_that_comes_in_pieces_is_read() {
    let (server, _) = start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = r#"{"name":"Meeting"}"#;
    let head = format!(
        "POST /api/rooms HTTP/1.1\r\nhost: volley\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    for piece in [&head, &body[..5], &body[5..]] {
        stream.write_all(piece.as_bytes()).await.unwrap();
        tokio::time::sleep(BYTE_EVERY).await;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}
