//! The messages of LiveKit's signalling that the load sends and reads, by the field numbers of
//! `livekit_rtc.proto`. What it does not read is passed over.

use prost::{Message, Oneof};

/// From the load.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SignalRequest {
    #[prost(oneof = "Request", tags = "1, 2, 4, 8, 16")]
    pub(super) message: Option<Request>,
}

/// What it asks.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Request {
    /// Of the publisher's transport.
    #[prost(message, tag = "1")]
    Offer(SessionDescription),
    /// Of the subscriber's transport.
    #[prost(message, tag = "2")]
    Answer(SessionDescription),
    #[prost(message, tag = "4")]
    AddTrack(AddTrack),
    #[prost(message, tag = "8")]
    Leave(Leave),
    #[prost(message, tag = "16")]
    Ping(Ping),
}

/// From the server.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SignalResponse {
    #[prost(oneof = "Response", tags = "1, 2, 3, 4, 6, 8, 22")]
    pub(super) message: Option<Response>,
}

/// What it says.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Response {
    #[prost(message, tag = "1")]
    Join(Joined),
    /// Of the publisher's transport.
    #[prost(message, tag = "2")]
    Answer(SessionDescription),
    /// Of the subscriber's transport.
    #[prost(message, tag = "3")]
    Offer(SessionDescription),
    #[prost(message, tag = "4")]
    Trickle(Trickle),
    #[prost(message, tag = "6")]
    TrackPublished(TrackPublished),
    #[prost(message, tag = "8")]
    Leave(Leave),
    #[prost(message, tag = "22")]
    Outcome(Outcome),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Joined {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionDescription {
    /// `offer` or `answer`.
    #[prost(string, tag = "1")]
    pub(super) kind: String,
    #[prost(string, tag = "2")]
    pub(super) sdp: String,
    /// An answer carries that of its offer.
    #[prost(uint32, tag = "3")]
    pub(super) id: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AddTrack {
    /// The track's id in the offer's `msid`.
    #[prost(string, tag = "1")]
    pub(super) cid: String,
    #[prost(enumeration = "TrackType", tag = "3")]
    pub(super) kind: i32,
    #[prost(uint32, tag = "4")]
    pub(super) width: u32,
    #[prost(uint32, tag = "5")]
    pub(super) height: u32,
    #[prost(enumeration = "TrackSource", tag = "8")]
    pub(super) source: i32,
    #[prost(bool, tag = "13")]
    pub(super) disable_red: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub(super) enum TrackType {
    Audio = 0,
    Video = 1,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub(super) enum TrackSource {
    Unknown = 0,
    Camera = 1,
    Microphone = 2,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TrackPublished {
    #[prost(string, tag = "1")]
    pub(super) cid: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Trickle {
    /// The JSON of an `RTCIceCandidateInit`.
    #[prost(string, tag = "1")]
    pub(super) candidate: String,
    #[prost(enumeration = "Target", tag = "2")]
    pub(super) target: i32,
}

/// Which of a participant's transports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Target {
    Publisher = 0,
    Subscriber = 1,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Leave {
    /// A `DisconnectReason`.
    #[prost(int32, tag = "2")]
    pub(super) reason: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Ping {
    /// Milliseconds.
    #[prost(int64, tag = "1")]
    pub(super) timestamp: i64,
}

/// What became of a request.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Outcome {
    /// 0 is good.
    #[prost(int32, tag = "2")]
    pub(super) reason: i32,
    #[prost(string, tag = "3")]
    pub(super) message: String,
}
