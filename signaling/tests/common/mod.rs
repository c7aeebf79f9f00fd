//! A state with pretended pages, a pretended media process, and time that is told.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod server;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use volley::base::{ParticipantId, Time, TransportId};
use volley::control::message::{OpenSlot, Publish};
use volley::control::types::{DtlsVersion, Fingerprint, FingerprintHash, SrtpProfile, TransportState};
use volley::control::{Command, Event};
use volley_recorder::desk::ToRecorder;
use volley_signaling::protocol::{ClientMessage, ServerMessage, is_error_code};
use volley_signaling::settings::Settings;
use volley_signaling::state::{Config, Journey, Origin, SocketId, State};
use volley_signaling::store::{MemoryStore, Store};
use volley_signaling::webhooks::Delivery;

pub(crate) struct Lab {
    pub(crate) state: State,
    pub(crate) now: Time,
    pub(crate) store: MemoryStore,
    pub(crate) commands: Vec<(usize, Command)>,
    inboxes: HashMap<SocketId, Vec<ServerMessage>>,
    pub(crate) closed: Vec<SocketId>,
    /// Everybody was told goodbye.
    pub(crate) is_over: bool,
    /// Webhooks that were sent.
    pub(crate) deliveries: Vec<Delivery>,
    /// Ways that are over.
    pub(crate) journeys: Vec<Journey>,
    /// What the recorder was told.
    pub(crate) desk: Vec<ToRecorder>,
}

pub(crate) fn config() -> Config {
    Config {
        fingerprint: Fingerprint { hash: FingerprintHash::Sha256, value: (0..32).collect() },
        candidates: vec![
            vec!["192.0.2.1:50000".parse().unwrap(), "[2001:db8::1]:50000".parse().unwrap()],
            vec!["192.0.2.1:50001".parse().unwrap()],
        ],
        tcp_candidates: vec![],
        media_start: 1,
        started_ms: 1,
        settings: Settings { max_rooms: 3, max_participants: 5, spread_rooms_over: 5, ..Settings::default() },
    }
}

impl Lab {
    pub(crate) fn new() -> Lab {
        Lab::after(MemoryStore::default(), config())
    }

    /// A process that finds what one before has left.
    pub(crate) fn after(store: MemoryStore, config: Config) -> Lab {
        let now = Time::from_millis(1000);
        let state = State::load(config, &store.load(), now);
        let mut lab = Lab {
            state,
            now,
            store,
            commands: vec![],
            inboxes: HashMap::new(),
            closed: vec![],
            is_over: false,
            deliveries: vec![],
            journeys: vec![],
            desk: vec![],
        };
        lab.turn();
        lab
    }

    /// The process dies; another one begins.
    pub(crate) fn kill(self) -> Lab {
        let config = self.state.config().clone();
        Lab::after(self.store, config)
    }

    pub(crate) fn turn(&mut self) {
        let output = self.state.finish();
        output.saves.iter().for_each(|save| self.store.apply(save));
        self.is_over |= output.is_over;
        self.deliveries.extend(output.deliveries);
        self.journeys.extend(output.journeys);
        self.desk.extend(output.desk);
        self.commands.extend(output.commands);
        for (socket, message) in output.messages {
            if let Some(ServerMessage::Error { code, .. }) = &message {
                assert!(is_error_code(code), "{code} is not explained in ERROR_CODES");
            }
            match message {
                Some(message) => self.inboxes.entry(socket).or_default().push(message),
                None => self.closed.push(socket),
            }
        }
    }

    pub(crate) fn open(&mut self, socket: u64) -> SocketId {
        self.state.socket_opened(SocketId(socket), Origin::default());
        self.turn();
        SocketId(socket)
    }

    pub(crate) fn close(&mut self, socket: SocketId) {
        self.state.socket_closed(socket, self.now);
        self.turn();
    }

    pub(crate) fn say(&mut self, socket: SocketId, json: serde_json::Value) {
        let message = ClientMessage::parse(&json.to_string()).expect("the test's own message is right");
        self.state.message(socket, message, self.now);
        self.turn();
    }

    pub(crate) fn event(&mut self, worker: usize, event: Event) {
        self.state.event(worker, &event, self.now);
        self.turn();
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.state.tick(self.now);
        self.turn();
    }

    /// What the page on a socket was told since last asked.
    pub(crate) fn heard(&mut self, socket: SocketId) -> Vec<ServerMessage> {
        self.inboxes.remove(&socket).unwrap_or_default()
    }

    /// Nobody asks any more what was said so far.
    pub(crate) fn forget(&mut self) {
        (self.inboxes, self.commands) = (HashMap::new(), vec![]);
        (self.deliveries, self.journeys, self.desk) = (vec![], vec![], vec![]);
    }

    /// The code of the one error it was told.
    pub(crate) fn error(&mut self, socket: SocketId) -> &'static str {
        match self.heard(socket).as_slice() {
            [ServerMessage::Error { code, message }] => {
                assert!(message.len() > 10, "{message}");
                code
            }
            other => panic!("one error was expected, not {other:?}"),
        }
    }

    pub(crate) fn commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands).into_iter().map(|(_, command)| command).collect()
    }

    /// Opens a socket and joins; its id, resume token and socket.
    pub(crate) fn join(&mut self, socket: u64, room: &str, name: &str) -> Page {
        let socket = self.open(socket);
        self.say(socket, serde_json::json!({"type":"join","roomId":room,"participantName":name}));
        let heard = self.heard(socket);
        let [
            ServerMessage::Joined { participant_id, resume_token, .. },
            ServerMessage::RequestOffer { .. },
            ..,
        ] = heard.as_slice()
        else {
            panic!("joined and request-offer were expected, not {heard:?}");
        };
        Page { socket, id: participant_id.clone(), token: resume_token.clone(), room: room.to_owned() }
    }

    /// Sends an offer; the answer.
    pub(crate) fn offer(&mut self, page: &Page, sdp: &str) -> String {
        self.say(page.socket, serde_json::json!({"type":"offer","roomId":page.room,"sdp":sdp}));
        let heard = self.heard(page.socket);
        let answer = heard.iter().find_map(|message| match message {
            ServerMessage::Answer { sdp, .. } => Some(sdp.clone()),
            _ => None,
        });
        answer.unwrap_or_else(|| panic!("an answer was expected, not {heard:?}"))
    }

    pub(crate) fn resume(&mut self, socket: u64, page: &Page) -> (Page, Vec<ServerMessage>) {
        let socket = self.open(socket);
        self.say(
            socket,
            serde_json::json!({"type":"join","roomId":page.room,"participantName":"whoever",
                "participantId":page.id,"resumeToken":page.token}),
        );
        let heard = self.heard(socket);
        (Page { socket, id: page.id.clone(), token: page.token.clone(), room: page.room.clone() }, heard)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) socket: SocketId,
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) room: String,
}

impl Page {
    pub(crate) fn participant(&self) -> ParticipantId {
        ParticipantId(self.id.parse().unwrap())
    }
}

pub(crate) fn connected() -> TransportState {
    TransportState::Connected {
        profile: SrtpProfile::AeadAes128Gcm,
        dtls: DtlsVersion::Dtls13,
        remote: "192.0.2.9:4000".parse().unwrap(),
    }
}

/// The real offers of Chromium 156 and Firefox ESR 153 in `tests/sdp`.
pub(crate) fn fixture(name: &str) -> String {
    let path = format!("{}/tests/sdp/{name}.sdp", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One word per command, to see what happened at a glance.
pub(crate) fn names(commands: &[Command]) -> Vec<&'static str> {
    let name = |command: &Command| match command {
        Command::OpenRoom { .. } => "open-room",
        Command::CloseRoom { .. } => "close-room",
        Command::SpanRoom { .. } => "span-room",
        Command::ShowSpeakersOnly { .. } => "show-speakers-only",
        Command::Join { .. } => "join",
        Command::Leave { .. } => "leave",
        Command::OpenTransport(_) => "open-transport",
        Command::RestartIce { .. } => "restart-ice",
        Command::CloseTransport { .. } => "close-transport",
        Command::Publish(_) => "publish",
        Command::Unpublish { .. } => "unpublish",
        Command::Mute { .. } => "mute",
        Command::OpenSlot(_) => "open-slot",
        Command::CloseSlot { .. } => "close-slot",
        Command::BindSlot { .. } => "bind-slot",
        Command::Pin { .. } => "pin",
        Command::QueryRoom { .. } => "query-room",
        Command::Resync { .. } => "resync",
        Command::Want(_) => "want",
        Command::Limit { .. } => "limit",
        Command::Record { .. } => "record",
        Command::LimitRooms { .. } => "limit-rooms",
    };
    commands.iter().map(name).collect()
}

impl Lab {
    /// Joins "room" and offers a fixture.
    pub(crate) fn call(&mut self, socket: u64, offer: &str) -> Page {
        let page = self.join(socket, "room", "one");
        self.offer(&page, &fixture(offer));
        page
    }

    /// The last transport opened.
    pub(crate) fn transport(&self) -> TransportId {
        let opened = self.commands.iter().rev().find_map(|(_, command)| match command {
            Command::OpenTransport(open) => Some(open.transport),
            _ => None,
        });
        opened.expect("a transport was opened")
    }
}

pub(crate) fn slots(commands: &[Command]) -> Vec<OpenSlot> {
    let slot = |command: &Command| match command {
        Command::OpenSlot(slot) => Some((**slot).clone()),
        _ => None,
    };
    commands.iter().filter_map(slot).collect()
}

pub(crate) fn tracks(commands: &[Command]) -> Vec<Publish> {
    let track = |command: &Command| match command {
        Command::Publish(track) => Some((**track).clone()),
        _ => None,
    };
    commands.iter().filter_map(track).collect()
}

pub(crate) fn all_ids(commands: &[Command]) -> BTreeSet<u64> {
    let id = |command: &Command| match command {
        Command::OpenTransport(open) => Some(open.transport.0),
        Command::Publish(publish) => Some(publish.track.0),
        Command::OpenSlot(slot) => Some(slot.slot.0),
        Command::Join { participant, .. } => Some(participant.0),
        _ => None,
    };
    commands.iter().filter_map(id).collect()
}

pub(crate) fn is_request(heard: &[ServerMessage], pairs: usize) -> bool {
    heard
        .iter()
        .filter(|message| match message {
            ServerMessage::RequestOffer { receive, .. } => receive.audio == pairs && receive.video == pairs,
            _ => false,
        })
        .count()
        == 1
}

pub(crate) fn error_code(message: &ServerMessage) -> Option<&'static str> {
    match message {
        ServerMessage::Error { code, .. } => Some(code),
        _ => None,
    }
}

pub(crate) fn value<'a>(sdp: &'a str, prefix: &str) -> &'a str {
    sdp.lines().find_map(|line| line.strip_prefix(prefix)).expect("the line is there").trim_end()
}
