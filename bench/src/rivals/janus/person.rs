//! One person in a VideoRoom: publishes on one handle, and watches the others on another, which is
//! told of each publisher that comes.

use super::api::{Event, Handle as Connection, Session};
use super::room_id;
use crate::rivals::credentials;
use crate::rivals::sdp::{self, Local};
use crate::signal::{Association, Credentials, Kind, Publish, Receiving, Sending, Wish};
use anyhow::Context;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A person that has joined.
pub(super) struct Handle {
    publisher: Connection,
    watching: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Handle {
    /// Ends both connections.
    pub(super) async fn leave(self) -> anyhow::Result<()> {
        let _ = self.stop.send(());
        let _ = self.watching.await;
        self.publisher.detach().await
    }
}

/// Joins, publishes, and watches whoever publishes already. Whoever comes afterwards is watched
/// too; when there was nobody before, the association for that is handed to `later`.
pub(super) async fn join(
    session: &Arc<Session>,
    wish: Wish,
    later: UnboundedSender<Association>,
) -> anyhow::Result<(Handle, Vec<Association>)> {
    let mut publisher = session.attach().await?;
    let events = publisher.events().context("a handle has events")?;
    let joined = publisher
        .request(json!({ "request": "join", "ptype": "publisher", "room": room_id(wish.person) }))
        .await?;
    let mut associations = Vec::new();
    if !wish.publish.is_empty() {
        associations.push(publish(&publisher, &wish).await?);
    }
    let mut watcher = Watcher::new(Arc::clone(session), wish, later);
    watcher.note(&joined.data);
    associations.extend(watcher.update().await?);
    let (stop, stopped) = oneshot::channel();
    let watching = tokio::spawn(watcher.run(events, stopped));
    Ok((Handle { publisher, watching, stop }, associations))
}

async fn publish(publisher: &Connection, wish: &Wish) -> anyhow::Result<Association> {
    let credentials = credentials::fresh()?;
    let local = Local { credentials: &credentials, fingerprint: &wish.fingerprint };
    let name = format!("{}-{}", wish.person.room, wish.person.number);
    let offer = sdp::offer(&wish.publish, &local, &name);
    let published = publisher.negotiate(json!({ "request": "publish" }), Some(("offer", offer))).await?;
    let answer = published.sdp.context("Janus did not answer the offer to publish")?;
    let sends = wish.publish.iter().map(sending).collect();
    association(wish, credentials, &answer, sends, false)
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

fn association(
    wish: &Wish,
    local: Credentials,
    description: &str,
    sends: Vec<Sending>,
    receiving: bool,
) -> anyhow::Result<Association> {
    let remote = sdp::remote(description)?;
    let receives: Option<Receiving> = receiving.then_some(remote.receives);
    Ok(Association {
        person: wish.person,
        local,
        remote: remote.credentials,
        remote_address: sdp::candidate(description).context("Janus names no UDP host candidate")?,
        remote_fingerprint: remote.fingerprint,
        // Janus is configured to be ICE-lite.
        controlling: true,
        sends,
        receives,
    })
}

/// Keeps a subscriber's handle in step with who publishes.
struct Watcher {
    session: Arc<Session>,
    wish: Wish,
    later: UnboundedSender<Association>,
    subscriber: Option<Subscriber>,
    wanted: BTreeSet<u64>,
    watched: BTreeSet<u64>,
}

struct Subscriber {
    handle: Connection,
    events: UnboundedReceiver<Event>,
    credentials: Credentials,
}

impl Watcher {
    fn new(session: Arc<Session>, wish: Wish, later: UnboundedSender<Association>) -> Watcher {
        Watcher { session, wish, later, subscriber: None, wanted: BTreeSet::new(), watched: BTreeSet::new() }
    }

    /// Reads who has come and gone from an event of the publisher's handle.
    fn note(&mut self, data: &Value) {
        let publishers = data["publishers"].as_array().into_iter().flatten();
        for feed in publishers.filter_map(|publisher| publisher["id"].as_u64()) {
            if (self.wanted.len() as u64) < u64::from(self.wish.watch) {
                self.wanted.insert(feed);
            }
        }
        for gone in ["leaving", "unpublished"] {
            if let Some(feed) = data[gone].as_u64() {
                self.wanted.remove(&feed);
                self.watched.remove(&feed);
            }
        }
    }

    async fn run(mut self, mut events: UnboundedReceiver<Event>, mut stopped: oneshot::Receiver<()>) {
        loop {
            let done = tokio::select! {
                _ = &mut stopped => break,
                event = events.recv() => self.heard(event, &mut events).await,
                event = from(&mut self.subscriber) => self.offered(event).await,
            };
            match done {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(person = ?self.wish.person, %error, "Janus does not let it watch")
                }
            }
        }
        if let Some(subscriber) = self.subscriber.take()
            && let Err(error) = subscriber.handle.detach().await
        {
            tracing::debug!(%error, "a subscriber's handle of Janus was gone");
        }
    }

    /// Takes all that is there at once: when a room fills, many come in a row.
    async fn heard(
        &mut self,
        event: Option<Event>,
        events: &mut UnboundedReceiver<Event>,
    ) -> anyhow::Result<bool> {
        let Some(event) = event else { return Ok(false) };
        self.note(&event.data);
        while let Ok(event) = events.try_recv() {
            self.note(&event.data);
        }
        if let Some(association) = self.update().await? {
            let _ = self.later.send(association);
        }
        Ok(true)
    }

    /// Janus offers anew by itself when a publisher has gone.
    async fn offered(&mut self, event: Option<Event>) -> anyhow::Result<bool> {
        let Some(event) = event else { return Ok(false) };
        if let (Some(offer), Some(subscriber)) = (event.sdp, &self.subscriber) {
            self.accept(subscriber, &offer).await?;
        }
        Ok(true)
    }

    /// Subscribes to whom it does not watch yet. The first time, that makes an association.
    async fn update(&mut self) -> anyhow::Result<Option<Association>> {
        let new: Vec<u64> = self.wanted.difference(&self.watched).copied().collect();
        if new.is_empty() {
            return Ok(None);
        }
        let streams: Vec<Value> = new.iter().map(|feed| json!({ "feed": feed })).collect();
        self.watched.extend(new);
        if let Some(subscriber) = &self.subscriber {
            let updated =
                subscriber.handle.request(json!({ "request": "update", "subscribe": streams })).await?;
            if let Some(offer) = updated.sdp {
                self.accept(subscriber, &offer).await?;
            }
            return Ok(None);
        }
        self.subscribe(streams).await.map(Some)
    }

    async fn subscribe(&mut self, streams: Vec<Value>) -> anyhow::Result<Association> {
        let mut handle = self.session.attach().await?;
        let events = handle.events().context("a handle has events")?;
        let room = room_id(self.wish.person);
        let body = json!({ "request": "join", "ptype": "subscriber", "room": room, "streams": streams });
        let offer = handle.request(body).await?.sdp.context("Janus offered a subscriber nothing")?;
        let subscriber = Subscriber { handle, events, credentials: credentials::fresh()? };
        self.accept(&subscriber, &offer).await?;
        let association = association(&self.wish, subscriber.credentials.clone(), &offer, Vec::new(), true)?;
        self.subscriber = Some(subscriber);
        Ok(association)
    }

    async fn accept(&self, subscriber: &Subscriber, offer: &str) -> anyhow::Result<()> {
        let local = Local { credentials: &subscriber.credentials, fingerprint: &self.wish.fingerprint };
        let answer = sdp::answer(offer, &local)?;
        subscriber.handle.negotiate(json!({ "request": "start" }), Some(("answer", answer))).await?;
        Ok(())
    }
}

/// The next event of the subscriber's handle; never, as long as there is none.
async fn from(subscriber: &mut Option<Subscriber>) -> Option<Event> {
    match subscriber {
        Some(subscriber) => subscriber.events.recv().await,
        None => std::future::pending().await,
    }
}
