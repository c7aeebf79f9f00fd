//! What the load engine and each server's signaling agree on.
//!
//! A server's adapter turns a [`Wish`] into [`Association`]s: everything the engine needs to run
//! ICE, DTLS and SRTP with the server's media address. It does all the signaling on its own, also
//! later, when others join the room; the engine recognises what it receives by the stamp in each
//! payload, so it need not be told of new streams.

use anyhow::bail;
use async_trait::async_trait;
use std::net::SocketAddr;
use tokio::sync::mpsc::UnboundedReceiver;

/// One participant of the load: which room, and which number in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Person {
    /// Room, from 0.
    pub(crate) room: u32,
    /// Number in the room, from 0.
    pub(crate) number: u32,
}

/// Sound or picture. The load speaks Opus and VP8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Opus, 48 kHz, 2 channels.
    Audio,
    /// VP8, 90 kHz.
    Video,
}

/// Layers of a picture that is sent in several sizes at once.
pub(crate) const LAYERS: usize = 3;

/// Their RIDs (RFC 8851), the smallest first: those of the server's client library.
const RIDS: [&str; LAYERS] = ["l", "m", "h"];

/// One of the [`LAYERS`] of a picture, by size: 0 is the smallest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Layer(u8);

impl Layer {
    /// All of them, the smallest first.
    pub(crate) const ALL: [Layer; LAYERS] = [Layer(0), Layer(1), Layer(2)];

    /// The layer with this place, if there is one.
    pub(crate) fn at(place: usize) -> Option<Layer> {
        Layer::ALL.get(place).copied()
    }

    /// Its place.
    pub(crate) fn place(self) -> usize {
        usize::from(self.0)
    }

    /// As SDP and header extensions call it.
    pub(crate) fn rid(self) -> &'static str {
        RIDS[self.place()]
    }
}

/// Which layers of somebody's picture the server wants to be sent. Always all that is known, so the
/// last one is the truth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    /// Whose.
    pub(crate) person: Person,
    /// By place; those it does not name are wanted.
    pub(crate) layers: [bool; LAYERS],
}

/// What a participant wants to publish under which SSRCs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Publish {
    /// Sound or picture.
    pub(crate) kind: Kind,
    /// Which of the layers of its picture it is; `None` where there is one encoding.
    pub(crate) layer: Option<Layer>,
    /// The stream's own.
    pub(crate) ssrc: u32,
    /// That of its retransmissions; pictures only.
    pub(crate) rtx_ssrc: Option<u32>,
}

/// What a participant wants of the server.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// Who.
    pub(crate) person: Person,
    /// The streams it publishes.
    pub(crate) publish: Vec<Publish>,
    /// The others in the room that it watches and hears, at most.
    pub(crate) watch: u32,
    /// Participants its room will have in the end.
    pub(crate) room_size: u32,
    /// Whether it tells how loud it is (RFC 6464), so that the server knows who speaks. Where nobody
    /// tells, all are shown alike, which is what a load for a comparison wants.
    pub(crate) tells_loudness: bool,
    /// SHA-256 fingerprint of the load's certificate, as SDP writes it.
    pub(crate) fingerprint: String,
}

/// ICE credentials of one side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Credentials {
    /// ice-ufrag.
    pub(crate) ufrag: String,
    /// ice-pwd.
    pub(crate) password: String,
}

/// A stream as it was negotiated for sending.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sending {
    /// What was wished for.
    pub(crate) publish: Publish,
    /// Payload type.
    pub(crate) payload_type: u8,
    /// Payload type of retransmissions.
    pub(crate) rtx_payload_type: Option<u8>,
    /// The m-line's MID and the id of its header extension, where the server needs it on packets.
    pub(crate) mid: Option<(u8, String)>,
    /// Id of the transport-wide sequence number, where agreed on.
    pub(crate) transport_cc: Option<u8>,
    /// Id of the loudness (RFC 6464), where agreed on.
    pub(crate) audio_level: Option<u8>,
    /// Ids of the RID and of that of retransmissions (RFC 8852), where it is one of several layers.
    pub(crate) rids: Option<(u8, u8)>,
}

/// One ICE, DTLS and SRTP association between the load and the server.
#[derive(Clone, Debug)]
pub(crate) struct Association {
    /// Whose it is.
    pub(crate) person: Person,
    /// The load's side; made up by the adapter.
    pub(crate) local: Credentials,
    /// The server's side.
    pub(crate) remote: Credentials,
    /// Where the server's media is.
    pub(crate) remote_address: SocketAddr,
    /// SHA-256 fingerprint of the server's certificate, as SDP writes it.
    pub(crate) remote_fingerprint: String,
    /// Whether the load nominates (RFC 8445 §6.1.1). It is the DTLS client in any case.
    pub(crate) controlling: bool,
    /// What is sent over it.
    pub(crate) sends: Vec<Sending>,
    /// Payload types of Opus, of VP8 and of VP8's retransmissions in what is received over it.
    pub(crate) receives: Option<Receiving>,
}

/// Payload types of what is received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Receiving {
    /// Opus.
    pub(crate) opus: u8,
    /// VP8.
    pub vp8: u8,
    /// Retransmissions of VP8.
    pub(crate) rtx: Option<u8>,
    /// Id of the transport-wide sequence number, where the server sends one.
    pub(crate) transport_cc: Option<u8>,
}

/// A server's signaling, as the load sees it.
#[async_trait]
pub(crate) trait Signaling: Send + Sync {
    /// Joins and negotiates. Servers that need one association for sending and one for receiving
    /// return two.
    ///
    /// # Errors
    /// What the server refused, in its own words.
    async fn join(&self, wish: Wish) -> anyhow::Result<Vec<Association>>;

    /// Associations that the server makes only after [`join`](Self::join) has returned: when the
    /// first of the others publishes. Whoever runs the load passes them on as they come. `None`
    /// where there are no such, and when it was asked for before.
    fn later(&self) -> Option<UnboundedReceiver<Association>> {
        None
    }

    /// What the server says of layers that are to be sent, as it comes. Whoever runs the load obeys.
    /// `None` where it says nothing of the kind, and when it was asked for before.
    fn wanted(&self) -> Option<UnboundedReceiver<Wanted>> {
        None
    }

    /// Somebody needs no more than so many lines of each picture from now on.
    ///
    /// # Errors
    /// When the server is not told such things, or they are not there.
    fn need(&self, person: Person, lines: u16) -> anyhow::Result<()> {
        let Person { room, number } = person;
        bail!("this server is not told that room {room} person {number} needs {lines} lines of each picture")
    }

    /// Leaves the room.
    ///
    /// # Errors
    /// When the server does not answer.
    async fn leave(&self, person: Person) -> anyhow::Result<()>;
}
