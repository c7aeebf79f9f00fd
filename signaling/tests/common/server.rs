//! The real listener, with a pretended media process behind it, and pages that speak to it.

use crate::common::{config, connected};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use volley::base::TransportId;
use volley::control::types::{LinkStats, Reason, RoomLoad, TrackStats};
use volley::control::{Command, Event};
use volley_signaling::Ports;
use volley_signaling::link::{MediaCarrier, MediaLink};
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;

/// A server that ends when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) store: MemoryStore,
    _stop: oneshot::Sender<()>,
}

impl Server {
    pub(crate) async fn start(store: MemoryStore) -> Server {
        let (link, carrier) = MediaLink::new(2);
        let answers = MediaCarrier { commands: carrier.commands, events: carrier.events };
        tokio::spawn(media_process(answers));
        Server::start_with(store, link).await
    }

    pub(crate) async fn start_with(store: MemoryStore, link: MediaLink) -> Server {
        Server::configured(store, link, config()).await
    }

    pub(crate) async fn configured(store: MemoryStore, link: MediaLink, config: Config) -> Server {
        Server::with_ports(store, link, config, |ports| ports).await
    }

    /// The same at more ports than that of HTTP.
    pub(crate) async fn with_ports(
        store: MemoryStore,
        link: MediaLink,
        config: Config,
        more: impl FnOnce(Ports) -> Ports,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let loaded = store.load();
        let kept = Box::new(store.clone());
        let ended = async move { drop(stopped.await) };
        let ports = more(Ports::http(listener));
        tokio::spawn(async move {
            volley_signaling::serve(config, &loaded, link, kept, ports, ended).await.unwrap();
        });
        Server { address, store, _stop: stop }
    }

    pub(crate) async fn socket(&self) -> Page {
        Page(connect_async(format!("ws://{}/ws", self.address)).await.unwrap().0)
    }

    /// Status, head (its names in small letters) and body.
    pub(crate) async fn http(&self, request: &str, head: &str, body: &str) -> (u16, String, String) {
        let (status, head, body) = self.http_bytes(request, head, body).await;
        (status, head, String::from_utf8_lossy(&body).into_owned())
    }

    /// The same of an answer that need not be text.
    pub(crate) async fn http_bytes(&self, request: &str, head: &str, body: &str) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let text = format!(
            "{request} HTTP/1.1\r\nhost: volley\r\nconnection: close\r\n{head}content-length: {length}\r\n\r\n{body}"
        );
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(text.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head ends");
        let body = answer.split_off(end + 4);
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        (head[9..12].parse().unwrap(), head.lines().map(lower_name).collect(), body)
    }

    pub(crate) async fn json(&self, request: &str, body: Option<Value>) -> (u16, Value) {
        let head = if body.is_some() { "content-type: application/json\r\n" } else { "" };
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let (status, _, answer) = self.http(request, head, &body).await;
        (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
    }
}

pub(crate) struct Page(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Page {
    pub(crate) async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message of a type; others are passed over.
    pub(crate) async fn hear(&mut self, kind: &str) -> Value {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(30), self.0.next()).await;
            let message =
                next.unwrap_or_else(|_| panic!("no {kind} came")).expect("the socket stays").unwrap();
            let Message::Text(text) = message else { continue };
            let value: Value = serde_json::from_str(&text).unwrap();
            if value["type"] == kind {
                return value;
            }
        }
    }
}

/// Answers what must be answered and connects every transport.
pub(crate) async fn media_process(carrier: MediaCarrier) {
    for (worker, mut commands) in carrier.commands.into_iter().enumerate() {
        let events = carrier.events.clone();
        tokio::spawn(async move {
            let mut transports: Vec<TransportId> = vec![];
            while let Some(command) = commands.recv().await {
                for event in react(&command, &mut transports) {
                    events.send((worker, event)).await.unwrap();
                }
            }
        });
    }
}

fn react(command: &Command, transports: &mut Vec<TransportId>) -> Vec<Event> {
    match command {
        Command::OpenTransport(open) => {
            transports.push(open.transport);
            vec![Event::Transport { transport: open.transport, state: connected() }]
        }
        Command::QueryRoom { room, .. } if room.0 == 0 => {
            vec![Event::Refused { id: 0, reason: Reason::Unknown }]
        }
        Command::QueryRoom { request, .. } => {
            let stats = TrackStats { packets: 7, jitter_us: 1500, ..TrackStats::default() };
            let tracks = 0..100u64;
            let each = tracks.map(|id| Event::TrackStats {
                request: *request,
                track: volley::base::TrackId(id),
                stats,
            });
            let link = LinkStats {
                packets: 9,
                bytes: 900,
                estimate_bps: Some(500_000),
                round_trip_us: 20_000,
                lost_of_10000: 100,
            };
            let links = transports.iter().map(|&transport| Event::LinkStats {
                request: *request,
                transport,
                stats: link,
            });
            let load = RoomLoad { memory_bytes: 1_500_000, cpu_percent: 12 };
            let load = Event::RoomLoad { request: *request, load };
            each.chain(links).chain([load, Event::Answered { request: *request }]).collect()
        }
        Command::Resync { request } => vec![Event::Answered { request: *request }],
        _ => vec![],
    }
}

pub(crate) async fn join(server: &Server, name: &str) -> (Page, Value) {
    let mut page = server.socket().await;
    page.say(json!({"type":"join","roomId":"room-123","participantName":name})).await;
    let joined = page.hear("joined").await;
    (page, joined)
}

/// A line of a head, its name in small letters.
fn lower_name(line: &str) -> String {
    match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}\r\n", name.to_ascii_lowercase()),
        None => format!("{line}\r\n"),
    }
}
