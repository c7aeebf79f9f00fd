//! What a shard counts: everything that came, and everything that did not go on, by cause.

use crate::media::reception::Reception;
use crate::media::slot::{NotResent, Withheld};
use crate::transport::DropCause;

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident => $label:literal,)*) => {
        /// Why a datagram, a packet or a wish went no further.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(usize)]
        pub enum Drop {
            $($(#[$doc])* $name,)*
        }

        impl Drop {
            /// All of them, in the order of their counters.
            pub const ALL: &'static [Drop] = &[$(Drop::$name,)*];

            /// The name in metrics.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Drop::$name => $label,)*
                }
            }
        }
    };
}

causes! {
    /// None of the protocols that share the port (RFC 7983).
    UnknownProtocol => "unknown-protocol",
    /// DTLS, SRTP or SRTCP from an address no check has validated.
    UnknownAddress => "unknown-address",
    /// Not a STUN message, or one whose lengths lie.
    BadStun => "bad-stun",
    /// A STUN request for credentials nobody has.
    UnknownUfrag => "unknown-ufrag",
    /// Checks of strangers for another worker, more than are handed on.
    CheckFlood => "check-flood",
    /// STUN, but not a Binding request.
    StunNotARequest => "stun-not-a-request",
    /// STUN whose MESSAGE-INTEGRITY is missing or wrong.
    StunBadIntegrity => "stun-bad-integrity",
    /// A captured check, sent again from elsewhere.
    StunReplayed => "stun-replayed",
    /// An answer that could not be written or sent.
    NotAnswered => "not-answered",
    /// DTLS from an address that no check has validated, or after DTLS is gone.
    RefusedDtls => "refused-dtls",
    /// DTLS that would have had to wait behind too much.
    DtlsFlood => "dtls-flood",
    /// For a transport that has ended.
    Ended => "ended",
    /// SRTP or SRTCP before the keys are agreed.
    NoKeys => "no-keys",
    /// Not an RTP packet, or one whose lengths lie.
    BadRtp => "bad-rtp",
    /// SRTP that is not authentic.
    NotAuthentic => "not-authentic",
    /// SRTP that came before, or too late to tell.
    Replayed => "replayed",
    /// SRTP refused for another reason.
    RefusedSrtp => "refused-srtp",
    /// Authentic, but of no published track.
    UnknownTrack => "unknown-track",
    /// Of an SSRC its publisher has left for another.
    RetiredSsrc => "retired-ssrc",
    /// Authentic, in a codec that was not agreed on.
    UnknownCodec => "unknown-codec",
    /// A packet that came before, or too late to tell.
    Duplicate => "duplicate",
    /// A packet of forward error correction whose lengths lie.
    BadFec => "bad-fec",
    /// A retransmission that carries nothing, or names no packet.
    EmptyRtx => "empty-rtx",
    /// RTCP whose lengths lie, after what was right in it.
    BadRtcp => "bad-rtcp",
    /// RTCP about an SSRC that is not ours.
    UnknownRtcp => "unknown-rtcp",
    /// Not forwarded: the track is muted.
    Muted => "muted",
    /// Not forwarded: the picture waits for a key frame.
    WaitingForKeyFrame => "waiting-for-key-frame",
    /// Not forwarded: from before what the seat began with.
    BeforeTheStart => "before-the-start",
    /// Not forwarded: the subscriber does not take the codec.
    CodecNotTaken => "codec-not-taken",
    /// Not forwarded: the core cannot carry all pictures.
    Shed => "shed",
    /// Not forwarded: the seat shows another layer of the track until this one's key frame comes.
    OtherLayer => "other-layer",
    /// Not forwarded: a temporal or spatial layer that the seat does not show.
    Sublayer => "sublayer",
    /// Not forwarded: it carries nothing for a viewer, but corrects what others carry, or is padding.
    Empty => "empty",
    /// Not forwarded: the subscriber is not connected.
    NotConnected => "not-connected",
    /// Not sent: no buffer was free.
    NoBuffer => "no-buffer",
    /// Not sent: it could not be sealed.
    NotSealed => "not-sealed",
    /// A retransmission that the receiver's link cannot carry now.
    LinkFull => "link-full",
    /// A retransmission of a spatial layer that its receiver is not shown any more.
    LayerLeft => "layer-left",
    /// A retransmission that was not agreed on.
    NoRtx => "no-rtx",
    /// A retransmission of what is not kept any more, or was never sent.
    NotKept => "not-kept",
    /// Not told to another worker: too much waits for it already.
    MeshFull => "mesh-full",
    /// From another worker, of a track that nobody here is shown any more.
    MeshStray => "mesh-stray",
    /// A retransmission asked for a moment ago.
    ResentJustNow => "resent-just-now",
    /// Not recorded: the recorder is behind, or away.
    TapFull => "tap-full",
}

impl From<Withheld> for Drop {
    fn from(withheld: Withheld) -> Drop {
        match withheld {
            Withheld::WaitingForKeyFrame => Drop::WaitingForKeyFrame,
            Withheld::BeforeTheStart => Drop::BeforeTheStart,
            Withheld::UnknownCodec => Drop::CodecNotTaken,
            Withheld::Shed => Drop::Shed,
            Withheld::OtherLayer => Drop::OtherLayer,
            Withheld::Sublayer => Drop::Sublayer,
            Withheld::Empty => Drop::Empty,
        }
    }
}

impl From<DropCause> for Drop {
    fn from(cause: DropCause) -> Drop {
        match cause {
            DropCause::StunNotARequest => Drop::StunNotARequest,
            DropCause::StunUnknownUser => Drop::UnknownUfrag,
            DropCause::StunBadIntegrity => Drop::StunBadIntegrity,
            DropCause::StunReplayed => Drop::StunReplayed,
            DropCause::DtlsUnproved | DropCause::DtlsGone => Drop::RefusedDtls,
            DropCause::Ended => Drop::Ended,
            DropCause::NoRoom => Drop::NotAnswered,
        }
    }
}

impl From<NotResent> for Drop {
    fn from(not: NotResent) -> Drop {
        match not {
            NotResent::NoRtx => Drop::NoRtx,
            NotResent::Unknown => Drop::NotKept,
            NotResent::TooSoon => Drop::ResentJustNow,
        }
    }
}

/// A shard's counters since it began.
#[derive(Clone, Debug)]
pub struct Counters {
    drops: [u64; Drop::ALL.len()],
    /// Datagrams offered.
    pub datagrams: u64,
    /// Authentic RTP packets, retransmissions included.
    pub packets_in: u64,
    /// Packets × subscriptions that were due.
    pub owed: u64,
    /// Of those, sealed into a train.
    pub forwarded: u64,
    /// Packets of pictures put on the lists of their receivers.
    pub pictures: u64,
    /// Packets that wait now for their train to leave.
    pub waiting: u64,
    /// Bytes of padding that made packets equal.
    pub padding: u64,
    /// Retransmissions sealed into a train.
    pub resent: u64,
    /// Packets a late joiner was given from the history.
    pub replayed_from_history: u64,
    /// Packets of padding that probed a link.
    pub probes: u64,
    /// Times a train waited for its receiver's link.
    pub held: u64,
    /// Packets of pictures that were held back and then left without their contents: others took their place.
    pub emptied: u64,
    /// Lost sounds that came in front of another one (RFC 2198).
    pub healed: u64,
    /// Sounds that left in front of another one (RFC 2198).
    pub redundant: u64,
    /// Packets of forward error correction (RFC 5109).
    pub fec_in: u64,
    /// Lost packets of pictures that were restored by those.
    pub restored: u64,
    /// Packets told to other workers.
    pub crossed: u64,
    /// Packets taken from other workers.
    pub crossed_in: u64,
    /// Checks that came here and were handed to the worker they name.
    pub handed_checks: u64,
    /// DTLS datagrams that came here and were handed to the worker whose address they came from.
    pub handed_dtls: u64,
    /// Packets and reports, the same.
    pub handed_media: u64,
    /// Datagrams that came to another worker and were handed to this one.
    pub handed_in: u64,
    /// Values handed to the recorder.
    pub tapped: u64,
    /// RTCP datagrams sent.
    pub rtcp_out: u64,
    /// Key frames asked for.
    pub key_frame_requests: u64,
    /// Times it was looked at how the packets of a layer came.
    pub reports: u64,
    /// Packets that were expected by then.
    pub reported_expected: u64,
    /// Of those, had not come.
    pub reported_lost: u64,
    /// The jitter found each time, added up, in microseconds.
    pub reported_jitter_us: u64,
    /// Steps by which rooms were restrained, by the limit they came up against: memory, CPU, the server's
    /// memory.
    pub restrained: [u64; 3],
    /// Rooms of which something is held back now.
    pub rooms_restrained: u64,
    /// Rooms now into which nobody else should be let.
    pub rooms_full: u64,
    /// Bytes that rooms take.
    pub room_memory: u64,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            drops: [0; Drop::ALL.len()],
            datagrams: 0,
            packets_in: 0,
            owed: 0,
            forwarded: 0,
            pictures: 0,
            waiting: 0,
            padding: 0,
            resent: 0,
            replayed_from_history: 0,
            probes: 0,
            held: 0,
            emptied: 0,
            healed: 0,
            redundant: 0,
            fec_in: 0,
            restored: 0,
            crossed: 0,
            crossed_in: 0,
            handed_checks: 0,
            handed_dtls: 0,
            handed_media: 0,
            handed_in: 0,
            tapped: 0,
            rtcp_out: 0,
            key_frame_requests: 0,
            reports: 0,
            reported_expected: 0,
            reported_lost: 0,
            reported_jitter_us: 0,
            restrained: [0; 3],
            rooms_restrained: 0,
            rooms_full: 0,
            room_memory: 0,
        }
    }
}

impl Counters {
    /// Notes how the packets of a layer came since its last report; one that sends nothing says nothing.
    pub(super) fn note_reception(&mut self, reception: &Reception) {
        let (expected, lost) = reception.since_report();
        if expected > 0 {
            self.reports += 1;
            self.reported_expected += expected;
            self.reported_lost += lost;
            self.reported_jitter_us += reception.jitter().as_micros() as u64;
        }
    }

    /// Counts one drop.
    pub fn drop(&mut self, cause: Drop) {
        self.drops[cause as usize] += 1;
    }

    /// How often `cause` was counted.
    pub fn dropped(&self, cause: Drop) -> u64 {
        self.drops[cause as usize]
    }
}
