//! Janus's WebSocket API: a session, handles in it, requests and events. Knows no rooms.

use crate::rivals::socket::{self, Ends, Message};
use anyhow::{Context, anyhow, bail};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

const PLUGIN: &str = "janus.plugin.videoroom";

/// A session. It lasts as long as its WebSocket.
pub(super) struct Session {
    id: u64,
    wire: Wire,
}

impl Session {
    /// Opens one.
    pub(super) async fn open(ends: Ends) -> anyhow::Result<Arc<Session>> {
        let wire = Wire { requests: ends.sender, last: Arc::default(), waiting: Waiting::default() };
        tokio::spawn(hand_out(ends.receiver, wire.waiting.clone()));
        let created = wire.ask(json!({ "janus": "create" })).await?;
        let id = created["data"]["id"].as_u64().context("Janus gave the session no id")?;
        Ok(Arc::new(Session { id, wire }))
    }

    /// A handle of the VideoRoom plugin.
    pub(super) async fn attach(self: &Arc<Self>) -> anyhow::Result<Handle> {
        let request = json!({ "janus": "attach", "session_id": self.id, "plugin": PLUGIN });
        let attached = self.wire.ask(request).await?;
        let id = attached["data"]["id"].as_u64().context("Janus gave the handle no id")?;
        let (sender, events) = unbounded_channel();
        self.wire.waiting.lock().handles.insert(id, sender);
        Ok(Handle { session: Arc::clone(self), id, events: Some(events) })
    }
}

/// A handle: in Janus, one peer connection.
pub(super) struct Handle {
    session: Arc<Session>,
    id: u64,
    events: Option<UnboundedReceiver<Event>>,
}

/// What the plugin says, with a description where there is one.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) data: Value,
    pub(super) sdp: Option<String>,
}

impl Handle {
    /// Asks the plugin something.
    ///
    /// # Errors
    /// What it refused, in its own words.
    pub(super) async fn request(&self, body: Value) -> anyhow::Result<Event> {
        self.negotiate(body, None).await
    }

    /// Asks it something, with a description.
    pub(super) async fn negotiate(&self, body: Value, jsep: Option<(&str, String)>) -> anyhow::Result<Event> {
        let asked = body["request"].clone();
        let mut message =
            json!({ "janus": "message", "session_id": self.session.id, "handle_id": self.id, "body": body });
        if let Some((kind, sdp)) = jsep {
            message["jsep"] = json!({ "type": kind, "sdp": sdp, "trickle": false });
        }
        let reply = self.session.wire.ask(message).await?;
        let event = event(&reply);
        match event.data["error"].as_str() {
            Some(error) => bail!("Janus refused {asked}: {error}"),
            None => Ok(event),
        }
    }

    /// What the plugin says unasked; once.
    pub(super) fn events(&mut self) -> Option<UnboundedReceiver<Event>> {
        self.events.take()
    }

    /// Ends the handle and its peer connection.
    pub(super) async fn detach(&self) -> anyhow::Result<()> {
        let request = json!({ "janus": "detach", "session_id": self.session.id, "handle_id": self.id });
        self.session.wire.ask(request).await?;
        self.session.wire.waiting.lock().handles.remove(&self.id);
        Ok(())
    }
}

struct Wire {
    requests: UnboundedSender<Message>,
    last: Arc<AtomicU64>,
    waiting: Waiting,
}

impl Wire {
    /// Sends a request and waits for what comes of it, beyond the acknowledgement.
    async fn ask(&self, mut request: Value) -> anyhow::Result<Value> {
        let transaction = self.last.fetch_add(1, Ordering::Relaxed).to_string();
        request["transaction"] = Value::String(transaction.clone());
        let (reply, replied) = oneshot::channel();
        self.waiting.lock().transactions.insert(transaction, reply);
        self.requests
            .send(socket::from_json(&request))
            .map_err(|_| anyhow!("Janus has closed its WebSocket"))?;
        let reply = replied.await.map_err(|_| anyhow!("Janus closed its WebSocket; its log says why"))?;
        match reply["error"]["reason"].as_str() {
            Some(reason) => bail!("Janus: {reason}"),
            None => Ok(reply),
        }
    }
}

/// Who waits for what Janus says.
#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    transactions: HashMap<String, oneshot::Sender<Value>>,
    handles: HashMap<u64, UnboundedSender<Event>>,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn hand_out(mut messages: UnboundedReceiver<Message>, waiting: Waiting) {
    while let Some(message) = messages.recv().await {
        let Some(object) = socket::to_json(&message) else { continue };
        // The answer to a request that takes time comes as an event with the same transaction.
        if object["janus"] == "ack" {
            continue;
        }
        let asker = object["transaction"].as_str().and_then(|id| waiting.lock().transactions.remove(id));
        match asker {
            Some(asker) => drop(asker.send(object)),
            None => pass_on(&object, &waiting),
        }
    }
    *waiting.lock() = Table::default();
}

fn pass_on(object: &Value, waiting: &Waiting) {
    let Some(sender) = object["sender"].as_u64() else { return };
    if object["janus"] != "event" {
        tracing::debug!(%object, "from Janus");
        return;
    }
    if let Some(handle) = waiting.lock().handles.get(&sender) {
        let _ = handle.send(event(object));
    }
}

fn event(object: &Value) -> Event {
    Event {
        data: object["plugindata"]["data"].clone(),
        sdp: object["jsep"]["sdp"].as_str().map(str::to_owned),
    }
}
