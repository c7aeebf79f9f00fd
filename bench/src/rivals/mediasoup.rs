//! mediasoup: one worker behind the small node server of `bench/rivals/mediasoup`.

use super::process::{Process, Running};
use super::socket::{self, Message};
use super::{Place, credentials};
use crate::signal::{Association, Credentials, Kind, Person, Publish, Receiving, Sending, Signaling, Wish};
use anyhow::{Context, anyhow};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

/// The worker, in mediasoup's folder.
pub(super) const WORKER: &str = "mediasoup-worker";

/// The signalling server is part of this program; its libraries are what the installer fetched.
const SERVER: &str = include_str!("../../rivals/mediasoup/server.js");

const PORT: u16 = 4443;
const MEDIA_PORT: u16 = 44444;

pub(super) async fn start(folder: &Path, place: &dyn Place, log: &Path) -> anyhow::Result<Running> {
    let script = folder.join("server.js");
    std::fs::write(&script, SERVER).with_context(|| format!("{} cannot be written", script.display()))?;
    let address = place.address();
    let mut command = place.command(OsStr::new("node"));
    command
        .arg(&script)
        .env("MEDIASOUP_WORKER_BIN", folder.join(WORKER))
        .env("VOLLEY_BENCH_IP", address.to_string())
        .env("VOLLEY_BENCH_PORT", PORT.to_string())
        .env("VOLLEY_BENCH_MEDIA_PORT", MEDIA_PORT.to_string());
    let mut process = Process::spawn(command, log)?;
    let ends = process.answers(&format!("ws://{}", SocketAddr::new(address, PORT)), None).await?;
    let waiting = Waiting::default();
    tokio::spawn(hand_out(ends.receiver, waiting.clone()));
    let signaling = Mediasoup { requests: ends.sender, waiting, last: AtomicU64::new(0) };
    Ok(Running::new(process, Arc::new(signaling)))
}

/// The signaling of a running server.
struct Mediasoup {
    requests: UnboundedSender<Message>,
    waiting: Waiting,
    last: AtomicU64,
}

#[async_trait]
impl Signaling for Mediasoup {
    async fn join(&self, wish: Wish) -> anyhow::Result<Vec<Association>> {
        let publish: Vec<Value> = wish.publish.iter().map(described).collect();
        let joined = self.ask(json!({
            "method": "join",
            "room": wish.person.room,
            "person": wish.person.number,
            "publish": publish,
            "watch": wish.watch,
            "fingerprint": wish.fingerprint,
        }));
        let Joined { types, send, receive } = serde_json::from_value(joined.await?)?;
        let send = send.map(|end| end.association(wish.person, types.sends(&wish.publish), None));
        let receive = receive.map(|end| end.association(wish.person, Vec::new(), Some(types.receives())));
        send.into_iter().chain(receive).collect()
    }

    async fn leave(&self, person: Person) -> anyhow::Result<()> {
        self.ask(json!({ "method": "leave", "room": person.room, "person": person.number })).await?;
        Ok(())
    }
}

impl Mediasoup {
    async fn ask(&self, mut request: Value) -> anyhow::Result<Value> {
        let id = self.last.fetch_add(1, Ordering::Relaxed);
        request["id"] = id.into();
        let (reply, replied) = oneshot::channel();
        self.waiting.lock().insert(id, reply);
        self.requests
            .send(socket::from_json(&request))
            .map_err(|_| anyhow!("mediasoup's signalling server is gone"))?;
        let reply =
            replied.await.map_err(|_| anyhow!("mediasoup's signalling server ended; its log says why"))?;
        match reply.error {
            Some(error) => Err(anyhow!("mediasoup: {error}")),
            None => Ok(reply.ok),
        }
    }
}

/// Requests without an answer yet.
#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<HashMap<u64, oneshot::Sender<Reply>>>>);

impl Waiting {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Reply>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Reply {
    id: u64,
    #[serde(default)]
    ok: Value,
    error: Option<String>,
}

async fn hand_out(mut replies: UnboundedReceiver<Message>, waiting: Waiting) {
    while let Some(message) = replies.recv().await {
        let Some(object) = socket::to_json(&message) else { continue };
        let Ok(reply) = serde_json::from_value::<Reply>(object) else { continue };
        if let Some(asker) = waiting.lock().remove(&reply.id) {
            let _ = asker.send(reply);
        }
    }
    // Whoever still waits learns that no answer comes.
    waiting.lock().clear();
}

fn described(publish: &Publish) -> Value {
    let kind = match publish.kind {
        Kind::Audio => "audio",
        Kind::Video => "video",
    };
    json!({ "kind": kind, "ssrc": publish.ssrc, "rtxSsrc": publish.rtx_ssrc })
}

#[derive(Deserialize)]
struct Joined {
    types: Types,
    send: Option<End>,
    receive: Option<End>,
}

/// Payload types, the same in both directions.
#[derive(Clone, Copy, Deserialize)]
struct Types {
    opus: u8,
    vp8: u8,
    rtx: u8,
}

impl Types {
    fn sends(self, publish: &[Publish]) -> Vec<Sending> {
        let sending = |&publish: &Publish| Sending {
            publish,
            payload_type: if publish.kind == Kind::Audio { self.opus } else { self.vp8 },
            rtx_payload_type: publish.rtx_ssrc.map(|_| self.rtx),
            // The server is told the SSRCs, and is not offered transport-cc.
            mid: None,
            transport_cc: None,
            audio_level: None,
            rids: None,
        };
        publish.iter().map(sending).collect()
    }

    fn receives(self) -> Receiving {
        Receiving { opus: self.opus, vp8: self.vp8, rtx: Some(self.rtx), transport_cc: None }
    }
}

/// The server's end of a transport.
#[derive(Deserialize)]
struct End {
    ufrag: String,
    password: String,
    address: IpAddr,
    port: u16,
    fingerprint: String,
}

impl End {
    fn association(
        self,
        person: Person,
        sends: Vec<Sending>,
        receives: Option<Receiving>,
    ) -> anyhow::Result<Association> {
        Ok(Association {
            person,
            local: credentials::fresh()?,
            remote: Credentials { ufrag: self.ufrag, password: self.password },
            remote_address: SocketAddr::new(self.address, self.port),
            remote_fingerprint: self.fingerprint,
            // mediasoup is ICE-lite.
            controlling: true,
            sends,
            receives,
        })
    }
}
