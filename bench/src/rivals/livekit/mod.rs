//! LiveKit, built from its Go module.
//!
//! Each person has a WebSocket, a transport for what it publishes, and one for what it watches; the
//! server subscribes everybody to all others by itself.

mod messages;
mod person;
mod token;

use super::process::{Process, Running};
use super::{Place, credentials};
use crate::signal::{Association, Person, Signaling, Wish};
use anyhow::{Context, bail};
use async_trait::async_trait;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The server, in LiveKit's folder.
pub(super) const PROGRAM: &str = "livekit-server";

const PORT: u16 = 7880;
const MEDIA_PORT: u16 = 7882;

pub(super) async fn start(folder: &Path, place: &dyn Place, log: &Path) -> anyhow::Result<Running> {
    let server = SocketAddr::new(place.address(), PORT);
    let secret = credentials::fresh()?.password;
    let settings = folder.join("livekit.yaml");
    std::fs::write(&settings, configuration(server.ip(), &secret))
        .with_context(|| format!("{} cannot be written", settings.display()))?;
    let mut command = place.command(folder.join(PROGRAM).as_os_str());
    command.arg(OsStr::new("--config")).arg(&settings);
    let mut process = Process::spawn(command, log)?;
    let probe = token::token(&secret, "probe", "probe")?;
    drop(process.answers(&person::address(server, &probe, false), None).await?);
    Ok(Running::new(process, Arc::new(LiveKit { server, secret, people: Mutex::default() })))
}

/// LiveKit's configuration: one UDP port with batched writes, ICE-lite, and no bandwidth estimation
/// that would hold tracks back.
fn configuration(address: IpAddr, secret: &str) -> String {
    let prefix = if address.is_ipv4() { 32 } else { 128 };
    let loopback = address.is_loopback();
    format!(
        "port: {PORT}\n\
         bind_addresses: ['{address}']\n\
         keys:\n  {key}: {secret}\n\
         logging:\n  level: warn\n\
         rtc:\n  \
           node_ip: '{address}'\n  \
           use_external_ip: false\n  \
           use_ice_lite: true\n  \
           udp_port: {MEDIA_PORT}\n  \
           tcp_port: 0\n  \
           enable_loopback_candidate: {loopback}\n  \
           ips:\n    includes: ['{address}/{prefix}']\n  \
           congestion_control:\n    enabled: false\n    allow_pause: false\n  \
           batch_io:\n    batch_size: 128\n    max_flush_interval: 2ms\n\
         room:\n  auto_create: true\n  max_participants: 0\n  empty_timeout: 5\n  departure_timeout: 1\n",
        key = token::KEY,
    )
}

/// The signaling of a running server.
struct LiveKit {
    server: SocketAddr,
    secret: String,
    people: Mutex<HashMap<Person, person::Handle>>,
}

#[async_trait]
impl Signaling for LiveKit {
    async fn join(&self, wish: Wish) -> anyhow::Result<Vec<Association>> {
        let person = wish.person;
        let room = format!("room-{}", person.room);
        let token = token::token(&self.secret, &room, &format!("person-{}", person.number))?;
        let url = person::address(self.server, &token, wish.watch > 0);
        let (handle, associations) = person::join(&url, wish).await?;
        self.people.lock().unwrap_or_else(PoisonError::into_inner).insert(person, handle);
        Ok(associations)
    }

    async fn leave(&self, person: Person) -> anyhow::Result<()> {
        let left = self.people.lock().unwrap_or_else(PoisonError::into_inner).remove(&person);
        let Some(handle) = left else { bail!("{person:?} is in no room of LiveKit") };
        handle.leave().await
    }
}
