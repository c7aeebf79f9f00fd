//! One person in a LiveKit room: its WebSocket, what it publishes, and what the server offers it.

use super::messages::{
    AddTrack, Leave, Ping, Request, Response, SessionDescription, SignalRequest, SignalResponse, Target,
    TrackSource, TrackType, Trickle,
};
use crate::rivals::credentials;
use crate::rivals::sdp::{self, Local};
use crate::rivals::socket::{self, Ends, Message};
use crate::signal::{Association, Credentials, Kind, Publish, Sending, Wish};
use anyhow::{Context, anyhow, bail};
use prost::Message as _;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// LiveKit's own clients give up then.
const JOIN_WITHIN: Duration = Duration::from_secs(15);

/// As often as LiveKit's clients.
const PING_EVERY: Duration = Duration::from_secs(5);

/// The version of the signalling that these messages are of: two transports, the subscriber's from
/// the start.
const PROTOCOL: u32 = 12;

/// Where a person's WebSocket is opened.
pub(super) fn address(server: SocketAddr, token: &str, subscribe: bool) -> String {
    let subscribe = u8::from(subscribe);
    format!("ws://{server}/rtc?access_token={token}&protocol={PROTOCOL}&auto_subscribe={subscribe}")
}

/// A person that has joined.
pub(super) struct Handle {
    talking: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Handle {
    /// Says goodbye and closes the WebSocket.
    pub(super) async fn leave(self) -> anyhow::Result<()> {
        // When the server has ended the talk itself, there is nobody to tell.
        let _ = self.stop.send(());
        self.talking.await.context("the talk with LiveKit broke off")
    }
}

/// Joins, publishes, and waits for the server's first offer.
pub(super) async fn join(url: &str, wish: Wish) -> anyhow::Result<(Handle, Vec<Association>)> {
    let ends = socket::open(url, None).await?;
    let mut talk =
        Talk { ends, wish, publisher: Transport::new()?, subscriber: Transport::new()?, unpublished: 0 };
    let associations = tokio::time::timeout(JOIN_WITHIN, talk.until_agreed())
        .await
        .with_context(|| format!("LiveKit did not finish a join within {JOIN_WITHIN:?}"))??;
    let (stop, stopped) = oneshot::channel();
    let talking = tokio::spawn(talk.run(stopped));
    Ok((Handle { talking, stop }, associations))
}

struct Talk {
    ends: Ends,
    wish: Wish,
    publisher: Transport,
    subscriber: Transport,
    /// Tracks that the server has been told of and has not confirmed.
    unpublished: usize,
}

/// What is known of one of the two.
struct Transport {
    credentials: Credentials,
    description: Option<String>,
    address: Option<SocketAddr>,
}

impl Transport {
    fn new() -> anyhow::Result<Transport> {
        Ok(Transport { credentials: credentials::fresh()?, description: None, address: None })
    }

    fn described(&mut self, sdp: String) {
        self.address = self.address.or_else(|| sdp::candidate(&sdp));
        self.description = Some(sdp);
    }

    fn is_agreed(&self) -> bool {
        self.description.is_some() && self.address.is_some()
    }
}

impl Talk {
    async fn until_agreed(&mut self) -> anyhow::Result<Vec<Association>> {
        let publishes = !self.wish.publish.is_empty();
        let watches = self.wish.watch > 0;
        while (publishes && !self.publisher.is_agreed()) || (watches && !self.subscriber.is_agreed()) {
            let message = self.ends.receiver.recv().await;
            self.heard(&message.context("LiveKit closed the WebSocket; its log says why")?)?;
        }
        let mut associations = Vec::new();
        if publishes {
            let sends = self.wish.publish.iter().map(sending).collect();
            associations.push(self.association(&self.publisher, sends, false)?);
        }
        if watches {
            associations.push(self.association(&self.subscriber, Vec::new(), true)?);
        }
        Ok(associations)
    }

    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut pings = tokio::time::interval(PING_EVERY);
        loop {
            let heard = tokio::select! {
                _ = &mut stopped => break,
                _ = pings.tick() => self.send(Request::Ping(Ping { timestamp: milliseconds() })),
                message = self.ends.receiver.recv() => match message {
                    Some(message) => self.heard(&message),
                    None => Err(anyhow!("it closed the WebSocket; its log says why")),
                },
            };
            if let Err(error) = heard {
                tracing::warn!(person = ?self.wish.person, %error, "LiveKit ends a talk");
                return;
            }
        }
        let _ = self.send(Request::Leave(Leave { reason: 0 }));
    }

    fn heard(&mut self, message: &Message) -> anyhow::Result<()> {
        let Message::Binary(bytes) = message else { return Ok(()) };
        let response = SignalResponse::decode(bytes.as_ref()).context("no message of LiveKit's")?;
        match response.message {
            Some(Response::Join(_)) => self.add_tracks(),
            Some(Response::TrackPublished(_)) => self.published(),
            Some(Response::Answer(answer)) => {
                self.publisher.described(answer.sdp);
                Ok(())
            }
            Some(Response::Offer(offer)) => self.accept(offer),
            Some(Response::Trickle(trickle)) => {
                self.candidate(&trickle);
                Ok(())
            }
            Some(Response::Leave(leave)) => {
                bail!("LiveKit sent the person away, for reason {} of its protocol", leave.reason)
            }
            Some(Response::Outcome(outcome)) if outcome.reason != 0 => {
                bail!("LiveKit refused a request: {} ({})", outcome.message, outcome.reason)
            }
            _ => Ok(()),
        }
    }

    fn add_tracks(&mut self) -> anyhow::Result<()> {
        let name = self.name();
        self.unpublished = self.wish.publish.len();
        for (mid, stream) in self.wish.publish.iter().enumerate() {
            let video = stream.kind == Kind::Video;
            let (kind, source) = match stream.kind {
                Kind::Audio => (TrackType::Audio, TrackSource::Microphone),
                Kind::Video => (TrackType::Video, TrackSource::Camera),
            };
            self.send(Request::AddTrack(AddTrack {
                cid: sdp::track_id(&name, mid),
                kind: kind.into(),
                width: if video { 1280 } else { 0 },
                height: if video { 720 } else { 0 },
                source: source.into(),
                disable_red: true,
            }))?;
        }
        Ok(())
    }

    /// Offers as soon as the server knows every track.
    fn published(&mut self) -> anyhow::Result<()> {
        self.unpublished = self.unpublished.saturating_sub(1);
        if self.unpublished > 0 {
            return Ok(());
        }
        let sdp = sdp::offer(&self.wish.publish, &self.local(&self.publisher), &self.name());
        self.send(Request::Offer(SessionDescription { kind: "offer".to_owned(), sdp, id: 1 }))
    }

    fn accept(&mut self, offer: SessionDescription) -> anyhow::Result<()> {
        let sdp = sdp::answer(&offer.sdp, &self.local(&self.subscriber))?;
        self.subscriber.described(offer.sdp);
        self.send(Request::Answer(SessionDescription { kind: "answer".to_owned(), sdp, id: offer.id }))
    }

    fn candidate(&mut self, trickle: &Trickle) {
        let transport = match trickle.target() {
            Target::Publisher => &mut self.publisher,
            Target::Subscriber => &mut self.subscriber,
        };
        let init: Option<Value> = serde_json::from_str(&trickle.candidate).ok();
        let line = init.as_ref().and_then(|init| init["candidate"].as_str());
        transport.address = transport.address.or_else(|| sdp::udp_host(line?));
    }

    fn association(
        &self,
        transport: &Transport,
        sends: Vec<Sending>,
        receiving: bool,
    ) -> anyhow::Result<Association> {
        let description = transport.description.as_deref().context("LiveKit described no transport")?;
        let remote = sdp::remote(description)?;
        Ok(Association {
            person: self.wish.person,
            local: transport.credentials.clone(),
            remote: remote.credentials,
            remote_address: transport.address.context("LiveKit named no candidate")?,
            remote_fingerprint: remote.fingerprint,
            // LiveKit is configured to be ICE-lite.
            controlling: true,
            sends,
            receives: receiving.then_some(remote.receives),
        })
    }

    fn local<'a>(&'a self, transport: &'a Transport) -> Local<'a> {
        Local { credentials: &transport.credentials, fingerprint: &self.wish.fingerprint }
    }

    fn name(&self) -> String {
        format!("{}-{}", self.wish.person.room, self.wish.person.number)
    }

    fn send(&self, request: Request) -> anyhow::Result<()> {
        let bytes = SignalRequest { message: Some(request) }.encode_to_vec();
        let sent = self.ends.sender.send(Message::binary(bytes));
        sent.map_err(|_| anyhow!("LiveKit closed the WebSocket; its log says why"))
    }
}

fn sending(&publish: &Publish) -> Sending {
    Sending {
        publish,
        payload_type: if publish.kind == Kind::Audio { sdp::OPUS } else { sdp::VP8 },
        rtx_payload_type: publish.rtx_ssrc.map(|_| sdp::VP8_RTX),
        // The offer names the SSRCs, and no header extension.
        mid: None,
        transport_cc: None,
        audio_level: None,
        rids: None,
    }
}

fn milliseconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
