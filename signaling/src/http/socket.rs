//! One WebSocket: texts in, texts out, and what a peer may not do.

use crate::http::guard::{Client, note};
use crate::http::origins;
use crate::http::problem::Problem;
use crate::http::rate::Bucket;
use crate::http::reached::reached;
use crate::http::upgrade::{CloseFrame, Message, Socket, Upgrade};
use crate::hub::{Hub, Outgoing, SocketRefusal};
use crate::protocol::{ClientMessage, ServerMessage};
use crate::state::{Origin, RefusedRequest, SocketId};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Longest message taken: an offer of 192 KiB, and what JSON makes of its line ends.
const MAX_MESSAGE_BYTES: usize = 224 << 10;
/// Longest message read at all, so that a longer one than is taken can still be answered.
const MAX_READ_BYTES: usize = 1 << 20;
/// A page with 20 ICE candidates and 10 mutes sends 40 messages at once; a person then clicks.
const MESSAGES: (u32, u32) = (100, 20);
/// A longer message counts as several: what one page sends, another may have to take.
const COUNTS_ONCE: usize = 4 << 10;
/// A raised hand counts as so many more: twenty a second would be more than any hand.
const HAND_COUNTS: u32 = 9;
/// Who goes on after so many refused messages is not a page with a mistake but a flood. More than
/// the burst of messages, so that a flood is told that it is one before it is cut off.
const MISTAKES: (u32, u32) = (200, 1);
/// A page is asked for a sign of life this often …
const PING: Duration = Duration::from_secs(8);
/// … and its socket given up when there was none for so long. That is noticed with the next question: 30 s
/// after the last sign at the latest, when media gives somebody up, too.
const SILENCE: Duration = Duration::from_secs(22);
/// A socket that has not asked to join for so long is of no use to anybody.
const JOIN_WITHIN: Duration = Duration::from_secs(60);
/// A peer that does not take a message for so long is not reading.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// A peer that is told goodbye has so long to say it too.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(crate) async fn open(
    State(hub): State<Hub>,
    Extension(Client(client)): Extension<Client>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let upgrade = Upgrade::of(request).map_err(|status| {
        Problem::new(status, "not-a-websocket", "open this address as a WebSocket: new WebSocket(\"/ws\")")
    })?;
    if let Err(problem) = origins::check(&hub.access(), &headers) {
        let (path, code) = (String::from("/ws"), origins::NOT_ALLOWED);
        note(&hub, RefusedRequest { path, from: client, code, is_join: true }).await;
        return Err(problem);
    }
    let permit = hub.admit_socket(client)?;
    let from = Origin { address: client, reached: reached(&headers) };
    Ok(upgrade.then(MAX_READ_BYTES, async move |socket| {
        let _permit = permit;
        let (id, messages) = hub.open_socket(from).await;
        let mut talk = Talk::new(hub, id, socket);
        let why = talk.run(messages).await;
        match why {
            Goodbye::Silent => talk.hub.give_up_socket(id).await,
            _ => talk.hub.close_socket(id).await,
        }
        talk.say_goodbye(why).await;
    }))
}

impl From<SocketRefusal> for Problem {
    fn from(refusal: SocketRefusal) -> Problem {
        let (status, code, text) = match refusal {
            SocketRefusal::Full => (
                StatusCode::SERVICE_UNAVAILABLE,
                "server-busy",
                "this server has as many sockets as it takes; try again later",
            ),
            SocketRefusal::TooManyFromAddress => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-sockets",
                "as many WebSockets as one address may have are open from yours; close one of them",
            ),
        };
        Problem::new(status, code, text)
    }
}

/// Why a socket is closed (RFC 6455 §7.4.1).
#[derive(Clone, Copy)]
enum Goodbye {
    /// The peer is gone, or said so first.
    Gone,
    /// Nothing came for long.
    Silent,
    /// Asked for by the state, or the peer did not read.
    Done,
    /// Too much of what is not allowed.
    Flood,
}

struct Talk {
    hub: Hub,
    id: SocketId,
    socket: Socket<TokioIo<Upgraded>>,
    messages: Bucket,
    mistakes: Bucket,
    heard: Instant,
    /// Until when it must ask to join; `None` once it has.
    join_by: Option<Instant>,
}

impl Talk {
    fn new(hub: Hub, id: SocketId, socket: Socket<TokioIo<Upgraded>>) -> Talk {
        let now = Instant::now();
        let messages = Bucket::new(MESSAGES.0, MESSAGES.1, now);
        let mistakes = Bucket::new(MISTAKES.0, MISTAKES.1, now);
        Talk { hub, id, socket, messages, mistakes, heard: now, join_by: Some(now + JOIN_WITHIN) }
    }

    async fn run(&mut self, mut outgoing: mpsc::Receiver<Outgoing>) -> Goodbye {
        let mut ping = tokio::time::interval(PING);
        loop {
            self.socket.trim().await;
            let result = tokio::select! {
                incoming = self.socket.recv() => match incoming {
                    Some(Ok(message)) => self.hear(message).await,
                    Some(Err(_)) | None => Err(Goodbye::Gone),
                },
                text = outgoing.recv() => match text {
                    Some(text) => self.send_all(text, &mut outgoing).await,
                    None => Err(Goodbye::Done),
                },
                _ = ping.tick() => self.ping().await,
            };
            if let Err(why) = result {
                return why;
            }
        }
    }

    async fn ping(&mut self) -> Result<(), Goodbye> {
        if self.heard.elapsed() >= SILENCE {
            return Err(Goodbye::Silent);
        }
        if self.join_by.is_some_and(|by| by <= Instant::now()) {
            return Err(Goodbye::Done);
        }
        self.send(Message::Ping(Default::default())).await
    }

    async fn hear(&mut self, message: Message) -> Result<(), Goodbye> {
        let now = Instant::now();
        self.heard = now;
        let text = match message {
            Message::Close(_) => return Err(Goodbye::Gone),
            Message::Ping(_) | Message::Pong(_) if self.messages.take(now) => return Ok(()),
            Message::Ping(_) | Message::Pong(_) => {
                return self.refuse("too-fast", TOO_FAST.into(), now).await;
            }
            Message::Binary(_) => {
                return self.refuse("bad-json", "send messages as text, not binary".into(), now).await;
            }
            Message::Text(text) => text,
            // Never heard: the library makes messages of frames.
            Message::Frame(_) => return Ok(()),
        };
        let count = 1 + (text.len().min(MAX_MESSAGE_BYTES) / COUNTS_ONCE) as u32;
        if !self.messages.take_some(now, count) {
            return self.refuse("too-fast", TOO_FAST.into(), now).await;
        }
        if text.len() > MAX_MESSAGE_BYTES {
            let sentence =
                format!("the message has {} bytes; at most {MAX_MESSAGE_BYTES} are taken", text.len());
            return self.refuse("too-large", sentence, now).await;
        }
        match ClientMessage::parse(&text) {
            Ok(message) => {
                if matches!(message, ClientMessage::Join { .. }) {
                    self.join_by = None;
                }
                // It is told to everybody and stored, with all that is stored of a person.
                let is_hand = matches!(message, ClientMessage::RaiseHand { .. });
                if is_hand && !self.messages.take_some(now, HAND_COUNTS) {
                    return self.refuse("too-fast", TOO_FAST.into(), now).await;
                }
                self.hub.message(self.id, message).await;
                Ok(())
            }
            Err(error) => self.refuse(error.code(), error.to_string(), now).await,
        }
    }

    async fn refuse(&mut self, code: &'static str, text: String, now: Instant) -> Result<(), Goodbye> {
        if !self.mistakes.take(now) {
            return Err(Goodbye::Flood);
        }
        self.hub.refuse(self.id, code, text).await;
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), Goodbye> {
        match tokio::time::timeout(SEND_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Goodbye::Gone),
        }
    }

    /// Sends a text and those that wait behind it in one go: a room that fills tells each of its pages
    /// of hundreds, and a write to the kernel for each is what that would cost.
    async fn send_all(
        &mut self,
        first: Outgoing,
        behind: &mut mpsc::Receiver<Outgoing>,
    ) -> Result<(), Goodbye> {
        let send = async {
            let mut next = Some(first);
            while let Some(text) = next {
                self.socket.feed(text).await?;
                next = behind.try_recv().ok();
            }
            self.socket.flush().await
        };
        match tokio::time::timeout(SEND_WITHIN, send).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Goodbye::Gone),
        }
    }

    async fn say_goodbye(&mut self, why: Goodbye) {
        let (code, reason): (u16, _) = match why {
            Goodbye::Gone | Goodbye::Silent => return,
            Goodbye::Done if self.hub.is_over() => (1001, "the server is stopping"),
            Goodbye::Done => (1000, "done"),
            Goodbye::Flood => (1008, "too many messages that were refused"),
        };
        if matches!(why, Goodbye::Flood) {
            let last =
                ServerMessage::error("too-fast", "too many messages were refused; this socket is closed");
            let _ = self.send(Message::text(last.to_json())).await;
        }
        let _ =
            self.send(Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))).await;
        // What is still under way is read and thrown away: closed with it unread, the connection
        // would be reset, and the peer would not see why (RFC 6455 §7.1.1).
        let rest = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = tokio::time::timeout(LAST_WORDS, rest).await;
    }
}

const TOO_FAST: &str = "too many messages in a short time; this one was ignored, wait a moment";
