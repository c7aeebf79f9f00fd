//! Janus with its VideoRoom plugin, from Debian's package, unpacked and not installed.
//!
//! Each person has a publisher's handle and, from the first other publisher on, a subscriber's
//! handle with all the others' streams.

mod api;
mod person;

use super::Place;
use super::process::{Process, Running};
use crate::signal::{Association, Person, Signaling, Wish};
use anyhow::{Context, bail};
use api::Session;
use async_trait::async_trait;
use serde_json::json;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Mutex as AsyncMutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The server, in Janus's folder.
pub(super) const PROGRAM: &str = "root/usr/bin/janus";

/// Where Debian puts libraries and Janus's plugins, in Janus's folder.
const LIBRARIES: &str = "root/usr/lib/x86_64-linux-gnu";

const PORT: u16 = 8188;

pub(super) async fn start(folder: &Path, place: &dyn Place, log: &Path) -> anyhow::Result<Running> {
    let address = place.address();
    let settings = folder.join("settings");
    configure(folder, &settings, address)?;
    until_running(place);
    let mut command = place.command(folder.join(PROGRAM).as_os_str());
    command.arg(OsStr::new("--configs-folder")).arg(&settings).env("LD_LIBRARY_PATH", folder.join(LIBRARIES));
    let mut process = Process::spawn(command, log)?;
    let url = format!("ws://{}", SocketAddr::new(address, PORT));
    let ends = process.answers(&url, Some("janus-protocol")).await?;
    let session = Session::open(ends).await?;
    Ok(Running::new(process, Arc::new(Janus::new(session))))
}

/// Janus takes no address of a device that is not `RUNNING` yet, and refuses all calls then; the
/// kernel says so of a new device only after up to a second. On a machine with nothing but loopback
/// this gives up.
fn until_running(place: &dyn Place) {
    const WAIT: &str = "until ip -o link show up | grep -v ' lo:' | grep -q 'state UP'; do sleep 0.05; done";
    let waited = place.command(OsStr::new("timeout")).args(["3", "sh", "-c", WAIT]).status();
    if !waited.is_ok_and(|status| status.success()) {
        tracing::debug!("no network device says that it runs");
    }
}

/// Writes Janus's configuration. Ports, plugins and logs are as the load needs them; what concerns
/// forwarding is as it comes, except that there is no limit of bit rate (see [`Janus::room`]).
fn configure(folder: &Path, settings: &Path, address: IpAddr) -> anyhow::Result<()> {
    std::fs::create_dir_all(settings).with_context(|| format!("{} cannot be made", settings.display()))?;
    let libraries = folder.join(LIBRARIES).join("janus");
    let libraries = libraries.display();
    let disabled = |names: &[&str]| {
        let files: Vec<String> = names.iter().map(|name| format!("libjanus_{name}.so")).collect();
        files.join(",")
    };
    let plugins = disabled(&[
        "audiobridge",
        "duktape",
        "echotest",
        "lua",
        "nosip",
        "recordplay",
        "sip",
        "streaming",
        "textroom",
        "videocall",
        "voicemail",
    ]);
    let transports = disabled(&["http", "mqtt", "nanomsg", "pfunix", "rabbitmq"]);
    let janus = format!(
        "general: {{\n\
         \tplugins_folder = \"{libraries}/plugins\"\n\
         \ttransports_folder = \"{libraries}/transports\"\n\
         \tevents_folder = \"{libraries}/events\"\n\
         \tloggers_folder = \"{libraries}/loggers\"\n\
         \tdebug_level = 3\n\
         \tdebug_colors = false\n\
         \tsession_timeout = 0\n\
         \tevent_loops = {EVENT_LOOPS}\n\
         \tserver_name = \"volley-bench\"\n\
         }}\n\
         media: {{\n\
         \tipv6 = false\n\
         \trtp_port_range = \"10000-60000\"\n\
         }}\n\
         nat: {{\n\
         \tice_lite = true\n\
         \tice_tcp = false\n\
         \tfull_trickle = false\n\
         \tice_enforce_list = \"{address}\"\n\
         }}\n\
         plugins: {{\n\tdisable = \"{plugins}\"\n}}\n\
         transports: {{\n\tdisable = \"{transports}\"\n}}\n"
    );
    let websockets = format!(
        "general: {{\n\tjson = \"compact\"\n\tws = true\n\tws_port = {PORT}\n\tws_ip = \"{address}\"\n\twss = false\n}}\n\
         admin: {{\n\tadmin_ws = false\n\tadmin_wss = false\n}}\n"
    );
    let files = [
        ("janus.jcfg", janus.as_str()),
        ("janus.transport.websockets.jcfg", websockets.as_str()),
        ("janus.plugin.videoroom.jcfg", "general: {\n}\n"),
    ];
    for (name, text) in files {
        let file = settings.join(name);
        std::fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

/// Threads that move media, where 0 means two for each participant. One core runs one best.
const EVENT_LOOPS: u32 = 1;

/// The signaling of a running server.
struct Janus {
    session: Arc<Session>,
    people: Mutex<HashMap<Person, person::Handle>>,
    rooms: AsyncMutex<HashMap<u32, u32>>,
    later: UnboundedSender<Association>,
    arrivals: Mutex<Option<UnboundedReceiver<Association>>>,
}

impl Janus {
    fn new(session: Arc<Session>) -> Janus {
        let (later, arrivals) = unbounded_channel();
        Janus {
            session,
            people: Mutex::default(),
            rooms: AsyncMutex::default(),
            later,
            arrivals: Mutex::new(Some(arrivals)),
        }
    }

    /// Makes a room when the first person comes. Nothing holds senders back: no limit of bit rate,
    /// and no key frames that nobody asked for.
    async fn room(&self, wish: &Wish) -> anyhow::Result<()> {
        let mut rooms = self.rooms.lock().await;
        let people = rooms.entry(wish.person.room).or_insert(0);
        if *people == 0 {
            let handle = self.session.attach().await?;
            let made = handle.request(json!({
                "request": "create",
                "room": room_id(wish.person),
                "publishers": wish.room_size.max(1),
                "bitrate": 0,
                "fir_freq": 0,
                "audiocodec": "opus",
                "videocodec": "vp8",
                "audiolevel_ext": false,
                "videoorient_ext": false,
                "playoutdelay_ext": false,
                "transport_wide_cc_ext": false,
            }));
            made.await.with_context(|| format!("room {} cannot be made", wish.person.room))?;
            handle.detach().await?;
        }
        *people += 1;
        Ok(())
    }

    async fn left(&self, person: Person) -> anyhow::Result<()> {
        let mut rooms = self.rooms.lock().await;
        let Some(people) = rooms.get_mut(&person.room) else { return Ok(()) };
        *people -= 1;
        if *people == 0 {
            rooms.remove(&person.room);
            let handle = self.session.attach().await?;
            handle.request(json!({ "request": "destroy", "room": room_id(person) })).await?;
            handle.detach().await?;
        }
        Ok(())
    }
}

/// Janus's rooms are numbered from 1.
fn room_id(person: Person) -> u64 {
    u64::from(person.room) + 1
}

#[async_trait]
impl Signaling for Janus {
    async fn join(&self, wish: Wish) -> anyhow::Result<Vec<Association>> {
        let person = wish.person;
        self.room(&wish).await?;
        let (handle, associations) = person::join(&self.session, wish, self.later.clone()).await?;
        self.people.lock().unwrap_or_else(PoisonError::into_inner).insert(person, handle);
        Ok(associations)
    }

    fn later(&self) -> Option<UnboundedReceiver<Association>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn leave(&self, person: Person) -> anyhow::Result<()> {
        let left = self.people.lock().unwrap_or_else(PoisonError::into_inner).remove(&person);
        let Some(handle) = left else { bail!("{person:?} is in no room of Janus") };
        handle.leave().await?;
        self.left(person).await
    }
}
