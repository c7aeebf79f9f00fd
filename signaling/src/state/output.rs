//! What the state wants done. Executed in this order: first remembered, then told to the media
//! process, then told to pages; so a kill in between loses nothing that anybody was promised.

use crate::protocol::ServerMessage;
use crate::state::journeys::Journey;
use crate::state::socket::SocketId;
use crate::webhooks::Delivery;
use volley::control::Command;
use volley_recorder::desk::ToRecorder;

/// A change of the records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Save {
    /// Remember.
    Put {
        /// What it is about.
        kind: u16,
        /// Which one.
        key: u64,
        /// JSON.
        bytes: Vec<u8>,
    },
    /// Forget.
    Remove {
        /// What it was about.
        kind: u16,
        /// Which one.
        key: u64,
    },
}

/// Everything to be done after some input.
#[derive(Debug, Default)]
pub struct Output {
    /// Changes of the records.
    pub saves: Vec<Save>,
    /// Commands, each to the worker of that number.
    pub commands: Vec<(usize, Command)>,
    /// Messages to sockets, and with `None` the wish to close one.
    pub messages: Vec<(SocketId, Option<ServerMessage>)>,
    /// What the recorder is told.
    pub desk: Vec<ToRecorder>,
    /// Webhooks to be sent, once they are remembered.
    pub deliveries: Vec<Delivery>,
    /// Ways that are over, for traces.
    pub journeys: Vec<Journey>,
    /// When the messages are out, the server ends.
    pub is_over: bool,
}

impl Output {
    pub(crate) fn tell(&mut self, socket: SocketId, message: ServerMessage) {
        self.messages.push((socket, Some(message)));
    }

    pub(crate) fn close(&mut self, socket: SocketId) {
        self.messages.push((socket, None));
    }

    pub(crate) fn command(&mut self, worker: usize, command: Command) {
        self.commands.push((worker, command));
    }
}
