//! Commands from signaling to a worker and events back.
//!
//! The fields of the short variants are named after their types; the longer ones are structs.
#![allow(missing_docs, reason = "a variant's fields are documented by the variant")]

use super::types::{
    CodecParameters, Correction, DtlsRole, Encoding, ExtensionIds, Fingerprint, IceCredentials, Kind,
    LinkStats, MAX_CODECS, MAX_ENCODINGS, Mid, Reason, Restraint, RoomLimits, RoomLoad, ShownLayer, Source,
    TrackStats, TransportState, Wish,
};
use crate::base::id::{ParticipantId, RoomId, SlotId, Ssrc, StreamId, TrackId, TransportId, WorkerId};
use arrayvec::{ArrayString, ArrayVec};

/// Longest canonical name (RFC 3550 §6.5.1) a seat sends; a random 96-bit name in base64 has 16.
pub const MAX_CNAME: usize = 32;

/// What signaling tells a worker. Everything named here is known only after the command that
/// makes it; a command that cannot be carried out is answered by [`Event::Refused`].
#[derive(Clone, PartialEq, Debug)]
#[allow(clippy::large_enum_variant, reason = "commands are few and each lives for one turn")]
pub enum Command {
    /// Makes a room.
    OpenRoom { room: RoomId },
    /// Ends a room and everything in it.
    CloseRoom { room: RoomId },
    /// The room has people on another worker too: both workers are told, each of the other. Said
    /// twice it changes nothing.
    SpanRoom { room: RoomId, worker: WorkerId },
    /// In this room those who listen are shown what speakers publish and nothing else, or everybody is
    /// shown to everybody. Said twice it changes nothing.
    ShowSpeakersOnly { room: RoomId, only: bool },
    /// Puts a participant into a room.
    Join { room: RoomId, participant: ParticipantId },
    /// Takes a participant out, with all transports, tracks and seats.
    Leave { participant: ParticipantId },
    /// Makes a transport; ICE checks to `local.ufrag` are answered from now on.
    OpenTransport(Box<OpenTransport>),
    /// New ICE credentials on both sides (RFC 8445 §9); DTLS and SRTP stay.
    RestartIce { transport: TransportId, local: IceCredentials, remote: IceCredentials },
    /// Ends a transport with its tracks and seats.
    CloseTransport { transport: TransportId },
    /// Publishes a track.
    Publish(Box<Publish>),
    /// Ends a track; seats that showed it become free.
    Unpublish { track: TrackId },
    /// Stops or resumes the forwarding of a track.
    Mute { track: TrackId, muted: bool },
    /// Adds a receive seat.
    OpenSlot(Box<OpenSlot>),
    /// Takes a receive seat away.
    CloseSlot { slot: SlotId },
    /// Points a seat at a track for good (`Some`), or gives it back to the room's choice (`None`).
    BindSlot { slot: SlotId, track: Option<TrackId> },
    /// Shows `target` to `viewer` before anybody else (`None`: nobody in particular).
    Pin { viewer: ParticipantId, target: Option<ParticipantId> },
    /// What a viewer wants to be shown, word by word. As long as nothing was said, everybody is wanted.
    Want(Box<Want>),
    /// A seat needs no more lines than `max_height`, whatever it shows; 0: nothing is to be seen of it.
    Limit { slot: SlotId, max_height: Option<u16> },
    /// Asks for one [`Event::TrackStats`] per track of the room, one [`Event::LinkStats`] per transport, an
    /// [`Event::RoomLoad`] and an [`Event::Answered`].
    QueryRoom { request: u64, room: RoomId },
    /// Hands a track to the recorder, in the encoding that needs no more than `most_bps`; `None`: no longer.
    /// Said twice it changes nothing.
    Record { track: TrackId, most_bps: Option<u32> },
    /// What each room may take of the worker from now on.
    LimitRooms { limits: RoomLimits },
    /// Asks for the state of everything, as events, then an [`Event::Answered`]: sent by a
    /// signaling process that has just come back.
    Resync { request: u64 },
}

/// See [`Command::OpenTransport`].
#[derive(Clone, PartialEq, Debug)]
pub struct OpenTransport {
    /// Whose.
    pub participant: ParticipantId,
    /// Its id.
    pub transport: TransportId,
    /// Our credentials; `ufrag` is unique on the worker.
    pub local: IceCredentials,
    /// The peer's.
    pub remote: IceCredentials,
    /// The certificate the peer must show.
    pub fingerprint: Fingerprint,
    /// What we are in DTLS.
    pub role: DtlsRole,
    /// The canonical name under which all its seats' sender reports go.
    pub cname: ArrayString<MAX_CNAME>,
}

/// See [`Command::Publish`].
#[derive(Clone, PartialEq, Debug)]
pub struct Publish {
    /// The transport its packets come in on.
    pub transport: TransportId,
    /// Its id.
    pub track: TrackId,
    /// What it plays in step with.
    pub stream: StreamId,
    /// Sound or picture.
    pub kind: Kind,
    /// What it shows.
    pub source: Source,
    /// Its m-line.
    pub mid: Mid,
    /// Whether it begins muted.
    pub muted: bool,
    /// Its encodings, lowest quality first; at least one.
    pub encodings: ArrayVec<Encoding, MAX_ENCODINGS>,
    /// The codecs agreed on for it, at least one.
    pub codecs: ArrayVec<CodecParameters, MAX_CODECS>,
    /// What restores lost packets of a picture, if that was agreed on.
    pub correction: Option<Correction>,
    /// The header extensions agreed on for it.
    pub extensions: ExtensionIds,
}

/// See [`Command::OpenSlot`].
#[derive(Clone, PartialEq, Debug)]
pub struct OpenSlot {
    /// The transport it sends on.
    pub transport: TransportId,
    /// Its id.
    pub slot: SlotId,
    /// The pair it belongs to: seats under one stream id always carry one participant's stream.
    pub stream: StreamId,
    /// Sound or picture.
    pub kind: Kind,
    /// Its m-line.
    pub mid: Mid,
    /// The SSRC announced for it.
    pub ssrc: Ssrc,
    /// The SSRC announced for its retransmissions, when RTX was agreed on.
    pub rtx_ssrc: Option<Ssrc>,
    /// The codecs its owner takes, at least one.
    pub codecs: ArrayVec<CodecParameters, MAX_CODECS>,
    /// The header extensions its owner takes.
    pub extensions: ExtensionIds,
}

/// So many words in one command: each command gives out the viewer's seats anew.
pub const MAX_WISHES_AT_ONCE: usize = 32;

/// See [`Command::Want`].
#[derive(Clone, PartialEq, Debug)]
pub struct Want {
    /// Whose wishes.
    pub viewer: ParticipantId,
    /// In the order in which they were said.
    pub wishes: ArrayVec<Wish, MAX_WISHES_AT_ONCE>,
}

/// Sixteenths of the pictures that a worker forwards when it has no more to do than it can.
pub const ALL_PICTURES: u8 = 16;

/// What a worker tells signaling.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The worker takes commands; sent once after it started.
    Ready { worker: u16 },
    /// A command was not carried out. `id` is the raw id of what it would have made or changed.
    Refused { id: u64, reason: Reason },
    /// A transport's state changed.
    Transport { transport: TransportId, state: TransportState },
    /// A seat shows another track, or none.
    Slot { slot: SlotId, track: Option<TrackId> },
    /// Of the picture that a seat shows another part is sent than was told before, or nothing of it. Looked
    /// at once a second; with each [`Event::Slot`] nothing has been told yet.
    SlotLayer { slot: SlotId, layer: Option<ShownLayer> },
    /// Counters of one track, as an answer to [`Command::QueryRoom`].
    TrackStats { request: u64, track: TrackId, stats: TrackStats },
    /// What goes to one of the room's transports, as an answer to [`Command::QueryRoom`].
    LinkStats { request: u64, transport: TransportId, stats: LinkStats },
    /// Everything the request asked for was sent.
    Answered { request: u64 },
    /// Events before this one were lost because nobody read them: signaling must resync.
    Lost { events: u64 },
    /// Somebody begins or ends to speak.
    Speaks { participant: ParticipantId, speaks: bool },
    /// Of the pictures that viewers are shown, so many sixteenths are forwarded: fewer than
    /// [`ALL_PICTURES`] when the core cannot carry more. `busy` is the share of its core that the
    /// worker uses, in percent.
    Load { pictures: u8, busy: u8 },
    /// Of a track with several layers those are watched whose bits are set, the lowest first; the
    /// others need not be sent until this is said anew.
    Layers { track: TrackId, wanted: u8 },
    /// The first authentic packet of media came over a transport.
    Media { transport: TransportId },
    /// What is held back of a room has changed, since it takes more of the worker than it may, or no
    /// longer does.
    Restrained { room: RoomId, restraint: Restraint },
    /// What a room takes of the worker, as an answer to [`Command::QueryRoom`].
    RoomLoad { request: u64, load: RoomLoad },
}
