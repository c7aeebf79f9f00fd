//! Identifiers as types. Signaling gives them out; the media process only compares them.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub u64);
    )*};
}

ids! {
    /// A room.
    RoomId;
    /// One person (or device) in a room.
    ParticipantId;
    /// One ICE + DTLS + SRTP association; a participant may own several.
    TransportId;
    /// One published medium: a camera, a microphone, a screen.
    TrackId;
    /// One receive seat: a receiving m-line of one transport.
    SlotId;
    /// What must play in step: the tracks of one participant that share a stream, or the seats of
    /// one pair. Unique among a participant's tracks, and among a transport's slots.
    StreamId;
}

/// Synchronisation source (RFC 3550 §3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Ssrc(pub u32);

/// RTP payload type, 0–127.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PayloadType(pub u8);

/// One of the media process's workers, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct WorkerId(pub u16);
