//! Volley's signaling: its WebSocket, and the offers and answers that go over it.
//!
//! Each participant keeps a socket of its own open, as a page does. What the server tells about
//! others is read and ignored: the load recognises people by what they send. What it says of one's own
//! layers is passed on.

mod sdp;
mod whip;

pub(crate) use whip::Whip;

use crate::signal::{Association, Credentials, Layer, Person, Signaling, Wanted, Wish};
use anyhow::{Context as _, anyhow, bail};
use async_trait::async_trait;
use aws_lc_rs::rand;
use futures_util::{SinkExt as _, StreamExt as _};
use sdp::{Answer, Offer};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// Nobody waits longer for a page to join.
const JOIN_WITHIN: Duration = Duration::from_secs(20);
/// Thousands of sockets are open at a time and mostly idle; the default of 128 KiB is for few.
const READ_BUFFER: usize = 4 << 10;
/// A server that is going away need not say goodbye.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// A running Volley.
pub(crate) struct Volley {
    server: SocketAddr,
    rooms: Rooms,
    /// Whether people offer transport-cc.
    has_feedback: bool,
    people: Mutex<HashMap<Person, UnboundedSender<Say>>>,
    wanted: UnboundedSender<Wanted>,
    /// Until somebody asks for it.
    told: Mutex<Option<UnboundedReceiver<Wanted>>>,
}

/// What a participant is to say on its socket.
enum Say {
    /// It needs no more than so many lines of each picture.
    Need(u16),
    /// It goes; the answer comes when the socket is closed.
    Leave(oneshot::Sender<()>),
}

/// How rooms are called.
enum Rooms {
    /// By a prefix, which tells the rooms of one run from those of another, and their numbers.
    Numbered(String),
    /// All are one.
    One(String),
}

impl Volley {
    /// The server whose HTTP port is at `server`; rooms are named after `prefix`.
    pub(crate) fn new(server: SocketAddr, prefix: impl Into<String>) -> Volley {
        Volley::with(server, Rooms::Numbered(prefix.into()))
    }

    /// The same, with everybody in the one room that others may know, too.
    pub(crate) fn in_room(server: SocketAddr, room: impl Into<String>) -> Volley {
        Volley::with(server, Rooms::One(room.into()))
    }

    /// The same for people who offer no transport-cc feedback, to whose links the server does not adapt.
    pub(crate) fn without_feedback(self) -> Volley {
        Volley { has_feedback: false, ..self }
    }

    fn with(server: SocketAddr, rooms: Rooms) -> Volley {
        let (wanted, told) = unbounded_channel();
        let told = Mutex::new(Some(told));
        Volley { server, rooms, has_feedback: true, people: Mutex::default(), wanted, told }
    }

    async fn negotiate(&self, wish: &Wish) -> anyhow::Result<(Talk, Association)> {
        let mut talk = Talk::open(self.server).await?;
        let room = match &self.rooms {
            Rooms::Numbered(prefix) => format!("{prefix}-{}", wish.person.room),
            Rooms::One(name) => name.clone(),
        };
        let name = format!("person {}", wish.person.number);
        talk.send(&json!({ "type": "join", "roomId": room, "participantName": name })).await?;
        talk.hear("joined").await?;
        // Whatever number of seats it asks for: those that are wished for are offered at once.
        talk.hear("request-offer").await?;
        let local = credentials()?;
        let offer = Offer::new(wish, &local)?;
        let offer = if self.has_feedback { offer } else { offer.without_feedback() };
        talk.send(&json!({ "type": "offer", "roomId": room, "sdp": offer.write() })).await?;
        let answer = talk.hear("answer").await?;
        let text = answer["sdp"].as_str().context("the server's answer has no sdp")?;
        let association = Answer::parse(text)?.agree(&offer, self.server)?;
        Ok((talk, association))
    }
}

#[async_trait]
impl Signaling for Volley {
    async fn join(&self, wish: Wish) -> anyhow::Result<Vec<Association>> {
        let Person { room, number } = wish.person;
        let joined = timeout(JOIN_WITHIN, self.negotiate(&wish)).await;
        let (talk, association) = joined
            .map_err(|_| anyhow!("it took more than {} s", JOIN_WITHIN.as_secs()))
            .and_then(|result| result)
            .with_context(|| format!("room {room} person {number} could not join Volley"))?;
        let (say, says) = unbounded_channel();
        let has_layers = wish.publish.iter().any(|publish| publish.layer.is_some());
        tokio::spawn(talk.stay(says, has_layers.then(|| (wish.person, self.wanted.clone()))));
        self.people.lock().unwrap_or_else(PoisonError::into_inner).insert(wish.person, say);
        Ok(vec![association])
    }

    async fn leave(&self, person: Person) -> anyhow::Result<()> {
        let say = self.people.lock().unwrap_or_else(PoisonError::into_inner).remove(&person);
        let Some(say) = say else { return Ok(()) };
        let (done, is_done) = oneshot::channel();
        if say.send(Say::Leave(done)).is_ok() {
            let _ = timeout(LEAVE_WITHIN, is_done).await;
        }
        Ok(())
    }

    fn wanted(&self) -> Option<UnboundedReceiver<Wanted>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn need(&self, person: Person, lines: u16) -> anyhow::Result<()> {
        let people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        let said = people.get(&person).is_some_and(|say| say.send(Say::Need(lines)).is_ok());
        let Person { room, number } = person;
        said.then_some(())
            .with_context(|| format!("room {room} person {number} has no WebSocket to say it on"))
    }
}

/// One participant's WebSocket.
struct Talk {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Talk {
    async fn open(server: SocketAddr) -> anyhow::Result<Talk> {
        let url = format!("ws://{server}/ws");
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
        let (socket, _) = connect_async_with_config(&url, Some(config), true)
            .await
            .with_context(|| format!("{url} cannot be opened"))?;
        Ok(Talk { socket })
    }

    async fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        self.socket.send(Message::text(message.to_string())).await.context("the WebSocket was closed")
    }

    /// Reads up to the next message of a type; an `error` before it ends everything.
    async fn hear(&mut self, wanted: &str) -> anyhow::Result<Value> {
        while let Some(message) = self.socket.next().await {
            let Message::Text(text) = message.context("the WebSocket failed")? else { continue };
            let value: Value = serde_json::from_str(&text).context("a message is not JSON")?;
            match value["type"].as_str() {
                Some(kind) if kind == wanted => return Ok(value),
                Some("error") => bail!("the server refused: {} ({})", value["message"], value["code"]),
                _ => {}
            }
        }
        bail!("the server closed the WebSocket instead of sending {wanted:?}")
    }

    /// Reads whatever comes, which also answers pings, and says what there is to say, until it is time
    /// to leave. `layers`: whose layers are told to whom.
    ///
    /// A further `request-offer` says that the room could fill more seats than were wished for, and
    /// a page may leave it at that: it is not asked again for the same need.
    async fn stay(
        mut self,
        mut says: UnboundedReceiver<Say>,
        layers: Option<(Person, UnboundedSender<Wanted>)>,
    ) {
        let done = loop {
            tokio::select! {
                message = self.socket.next() => match message {
                    Some(Ok(message)) => {
                        if let (Some((person, wanted)), Message::Text(text)) = (&layers, &message)
                            && let Some(said) = wanted_layers(*person, text)
                        {
                            // Nobody obeys where no load listens.
                            let _ = wanted.send(said);
                        }
                    }
                    // Media goes on without it; who leaves then leaves by silence.
                    Some(Err(_)) | None => return,
                },
                say = says.recv() => match say {
                    Some(Say::Need(lines)) => {
                        let need = json!({ "type": "update-quality", "quality": "auto", "maxHeight": lines });
                        if self.send(&need).await.is_err() {
                            return;
                        }
                    }
                    Some(Say::Leave(done)) => break Some(done),
                    None => break None,
                },
            }
        };
        let _ = self.send(&json!({ "type": "leave" })).await;
        let _ = self.socket.close(None).await;
        while let Some(Ok(_)) = self.socket.next().await {}
        if let Some(done) = done {
            let _ = done.send(());
        }
    }
}

/// What a `publish-layers` says; `None` of every other message. A participant of the load has one
/// picture in layers, so it is about that.
fn wanted_layers(person: Person, text: &str) -> Option<Wanted> {
    const TYPE: &str = "publish-layers";
    // Nearly all messages are about others, and need not be read.
    let message: Value = text.contains(TYPE).then(|| serde_json::from_str(text).ok())??;
    let said = message["layers"].as_array().filter(|_| message["type"] == TYPE)?;
    let is_wanted = |layer: Layer| said.iter().all(|one| one["rid"] != layer.rid() || one["active"] != false);
    Some(Wanted { person, layers: Layer::ALL.map(is_wanted) })
}

/// New ICE credentials: RFC 8445 §5.3 wants 24 bits for the fragment and 128 for the password.
fn credentials() -> anyhow::Result<Credentials> {
    let mut random = [0; 20];
    rand::fill(&mut random).map_err(|_| anyhow!("the system gives no random numbers"))?;
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (ufrag, password) = random.split_at(4);
    Ok(Credentials { ufrag: hexadecimal(ufrag), password: hexadecimal(password) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use volley_signaling::protocol::{LayerView, ServerMessage};

    const PERSON: Person = Person { room: 2, number: 7 };

    fn told(layers: &[(&str, bool)]) -> Option<Wanted> {
        let layers = layers.iter().map(|&(rid, active)| LayerView { rid: rid.to_owned(), active }).collect();
        let message = ServerMessage::PublishLayers { track_id: "18".to_owned(), layers };
        wanted_layers(PERSON, &serde_json::to_string(&message).expect("it can be written"))
    }

    #[test]
    fn layers_the_server_does_not_want_are_told_by_their_names() {
        let layers = |layers| Some(Wanted { person: PERSON, layers });
        assert_eq!(told(&[("l", true), ("m", false), ("h", true)]), layers([true, false, true]));
        assert_eq!(told(&[("h", false), ("x", false)]), layers([true, true, false]));
        assert_eq!(told(&[]), layers([true; 3]));
    }

    #[test]
    fn other_messages_say_nothing_of_layers() {
        let chat = r#"{"type":"chat","text":"publish-layers","layers":[]}"#;
        for text in [chat, r#"{"type":"goodbye"}"#, "publish-layers", r#"{"type":"publish-layers"}"#] {
            assert_eq!(wanted_layers(PERSON, text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn who_is_not_there_can_need_nothing() {
        let volley = Volley::new("127.0.0.1:1".parse().expect("an address"), "room");
        let refusal = volley.need(PERSON, 180).err().map(|error| error.to_string());
        assert!(refusal.is_some_and(|why| why.contains("room 2 person 7")));
        assert!(volley.wanted().is_some() && volley.wanted().is_none());
    }
}
