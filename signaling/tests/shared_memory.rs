//! The whole process as the supervisor starts it, over real shared memory, with a worker's end
//! that this test holds.

mod common;

use common::fixture;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::time::Duration;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use volley::control::handover::{SignalingHandover, SignalingWorker};
use volley::control::records::Records;
use volley::control::types::{Fingerprint, FingerprintHash};
use volley::control::{ChannelFds, Command, Event, WorkerChannel, connections};

const RECORDS_BYTES: usize = 1 << 20;

/// Hands the process what it needs; where it is reached.
fn start(channel: &ChannelFds, records: &Records) -> SocketAddr {
    let http = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = http.local_addr().unwrap();
    let worker = SignalingWorker {
        channel: channel.try_clone().unwrap(),
        candidates: vec!["127.0.0.1:50000".parse().unwrap()],
        connections: connections::pair().unwrap().0,
    };
    let handover = SignalingHandover {
        workers: vec![worker],
        media_start: 1,
        records: records.fd().try_clone_to_owned().unwrap(),
        http,
        https: None,
        metrics: None,
        media: None,
        desk: None,
        tcp_candidates: vec![],
        fingerprint: Fingerprint { hash: FingerprintHash::Sha256, value: [7; 32].into_iter().collect() },
        settings: volley_signaling::settings::Settings::default().to_bytes(),
    };
    std::thread::spawn(move || volley_signaling::run(handover, tokio::sync::mpsc::channel(1).1).unwrap());
    address
}

/// A worker that takes every command and shows each new seat the last track published.
fn work(channel: ChannelFds, seen: mpsc::Sender<Command>) {
    let mut channel = WorkerChannel::attach(channel).unwrap();
    let mut track = None;
    loop {
        while let Some(command) = channel.next_command().unwrap() {
            // Before its event: whoever waits for that looks at what was seen next.
            if seen.send(command.clone()).is_err() {
                return;
            }
            match &command {
                Command::QueryRoom { request, .. } | Command::Resync { request } => {
                    channel.send_event(&Event::Answered { request: *request });
                }
                Command::Publish(publish) => track = Some(publish.track),
                Command::OpenSlot(slot) => {
                    channel.send_event(&Event::Slot { slot: slot.slot, track });
                }
                _ => {}
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test]
async fn commands_events_and_records_travel_between_processes() {
    let channel = ChannelFds::create().unwrap();
    let records = Records::create(RECORDS_BYTES).unwrap();
    let (sender, seen) = mpsc::channel();
    let ours = channel.try_clone().unwrap();
    std::thread::spawn(move || work(ours, sender));
    let address = start(&channel, &records);

    let (mut socket, _) = connect_async(format!("ws://{address}/ws")).await.unwrap();
    let messages = [
        json!({"type":"join","roomId":"room","participantName":"one"}),
        json!({"type":"offer","roomId":"room","sdp":fixture("chromium-example-client")}),
    ];
    for message in messages {
        socket.send(Message::text(message.to_string())).await.unwrap();
    }
    let mut heard = BTreeSet::new();
    // Seats are told twice: empty with the answer, then as the worker fills them.
    let filled = async {
        while let Some(Ok(message)) = socket.next().await {
            let Ok(value) = serde_json::from_str::<Value>(message.to_text().unwrap_or("")) else { continue };
            heard.insert(value["type"].as_str().unwrap().to_owned());
            if value["slots"]
                .as_array()
                .is_some_and(|slots| slots.iter().all(|slot| slot["trackId"].is_string()))
            {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), filled).await.expect("seats are filled");
    assert!(heard.contains("joined") && heard.contains("answer"), "{heard:?}");

    let commands: Vec<Command> =
        seen.try_iter().filter(|c| !matches!(c, Command::QueryRoom { .. })).collect();
    let names = common::names(&commands);
    assert_eq!(names[..4], ["limit-rooms", "open-room", "join", "open-transport"]);
    assert_eq!(names[4..], ["publish", "open-slot", "publish", "open-slot"]);

    let kept = Records::attach(records.fd().try_clone_to_owned().unwrap()).unwrap().load();
    let text: Vec<String> =
        kept.iter().map(|record| String::from_utf8_lossy(&record.bytes).into_owned()).collect();
    assert!(text.iter().any(|text| text.contains("\"name\":\"one\"")), "{text:?}");
}
