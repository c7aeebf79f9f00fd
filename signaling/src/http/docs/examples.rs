//! One example of every message. Those of pages are texts that must be understood, those of the
//! server are values that are written down; tests hold both against the types.

use crate::access::Pass;
use crate::protocol::{
    IceServerView, LayerView, MediaKind, MediaPath, ParticipantView, Quality, Receive, Recordable,
    ServerMessage, SignalKind, SlotLayer, SlotView, TrackSource, TrackView,
};

pub(super) const FROM_PAGES: [&str; 15] = [
    r#"{"type":"join","roomId":"room-123","participantName":"John Doe"}"#,
    r#"{"type":"offer","roomId":"room-123","sdp":"v=0…","sources":{"0":"microphone","1":"camera"},"muted":["0"]}"#,
    r#"{"type":"start-screen-share","roomId":"room-123","sdp":"v=0…"}"#,
    r#"{"type":"stop-screen-share","roomId":"room-123"}"#,
    r#"{"type":"ice-candidate","candidate":{"candidate":"candidate:…","sdpMLineIndex":0,"sdpMid":"0"}}"#,
    r#"{"type":"mute","trackId":"17"}"#,
    r#"{"type":"unmute","trackId":"17"}"#,
    r#"{"type":"pin","participantId":"12"}"#,
    r#"{"type":"subscribe","participantIds":["12","14"]}"#,
    r#"{"type":"unsubscribe","trackIds":["18"]}"#,
    r#"{"type":"chat","text":"Good morning"}"#,
    r#"{"type":"raise-hand","raised":true}"#,
    r#"{"type":"signal","participantId":"12","kind":"offer","data":"v=0…"}"#,
    r#"{"type":"update-quality","quality":"high","slot":"3","maxHeight":360}"#,
    r#"{"type":"leave"}"#,
];

pub(super) fn from_server() -> Vec<ServerMessage> {
    let text = str::to_owned;
    let microphone = TrackView {
        track_id: text("17"),
        kind: MediaKind::Audio,
        source: TrackSource::Microphone,
        muted: false,
    };
    let jane = ParticipantView {
        participant_id: text("12"),
        participant_name: text("Jane"),
        hidden: false,
        hand_raised: false,
        tracks: vec![microphone.clone()],
    };
    vec![
        ServerMessage::Joined {
            room_id: text("room-123"),
            participant_id: text("20"),
            participant_name: text("John Doe"),
            resume_token: text("x5mE0fKqTR2…"),
            resumed: false,
            mode: MediaPath::Sfu,
            e2ee: false,
            key_epoch: 0,
            ice_servers: vec![],
            grants: Pass::default().grants,
            recording: Some(text("1767225600000-42")),
            recordable: Recordable::NotGranted,
            tracks: vec![],
            silenced: vec![],
            receive: Receive { audio: 3, video: 3 },
            participants: vec![jane],
        },
        ServerMessage::RequestOffer { room_id: text("room-123"), receive: Receive { audio: 3, video: 3 } },
        ServerMessage::Answer { sdp: text("v=0…"), tracks: vec![microphone.clone()] },
        ServerMessage::ParticipantJoined { participant_id: text("12"), participant_name: text("Jane") },
        ServerMessage::ParticipantLeft { participant_id: text("12") },
        ServerMessage::KeyEpoch { key_epoch: 3 },
        ServerMessage::ParticipantHidden { participant_id: text("12"), hidden: true },
        ServerMessage::ActiveSpeakers { participant_ids: vec![text("12"), text("20")] },
        ServerMessage::TrackPublished { participant_id: text("12"), track: microphone },
        ServerMessage::TrackUnpublished { participant_id: text("12"), track_id: text("17") },
        ServerMessage::TrackMuted { participant_id: text("12"), track_id: text("17"), muted: true },
        ServerMessage::Slots { slots: slots() },
        ServerMessage::PublishLayers { track_id: text("18"), layers: layers() },
        ServerMessage::RecordingStarted {
            recording_id: text("1767225600000-42"),
            started_at: 1_767_225_600_000,
        },
        ServerMessage::RecordingFailing { recording_id: text("1767225600000-42"), failing: true },
        ServerMessage::RecordingStopped { recording_id: text("1767225600000-42") },
        ServerMessage::Chat {
            participant_id: text("12"),
            participant_name: text("Jane"),
            text: text("Good morning"),
        },
        ServerMessage::HandRaised { participant_id: text("12"), raised: true },
        ServerMessage::Quality {
            quality: Quality::High,
            track_id: None,
            slot: Some(text("3")),
            max_height: Some(360),
        },
        ServerMessage::Subscriptions {
            everybody_else: false,
            participants: [(text("12"), true), (text("14"), true)].into(),
            tracks: [(text("18"), false)].into(),
        },
        ServerMessage::IceServers { ice_servers: vec![relay()] },
        ServerMessage::ModeChanged { mode: MediaPath::Mesh },
        ServerMessage::Signal {
            participant_id: text("12"),
            kind: SignalKind::Candidate,
            data: text("candidate:1 1 udp 2122260223 192.0.2.7 50123 typ host"),
        },
        ServerMessage::Goodbye {
            in_seconds: 25,
            message: text("the server is stopping; calls on it end in 25 s"),
        },
        ServerMessage::error("room-full", "5 people are in this room, and it takes no more; try again later"),
    ]
}

fn relay() -> IceServerView {
    let [url, username, credential] =
        ["turn:turn.example.org:3478", "1767225600:20", "3QkDAyvPZ…"].map(str::to_owned);
    IceServerView { urls: vec![url], username: Some(username), credential: Some(credential) }
}

fn slots() -> Vec<SlotView> {
    let shown = SlotView {
        mid: "0".to_owned(),
        participant_id: Some("12".to_owned()),
        track_id: Some("17".to_owned()),
        source: Some(TrackSource::Microphone),
        layer: None,
    };
    let seen = SlotView {
        mid: "1".to_owned(),
        track_id: Some("18".to_owned()),
        source: Some(TrackSource::Camera),
        layer: Some(SlotLayer { encoding: 2, spatial: 0, temporal: 2 }),
        ..shown.clone()
    };
    let empty =
        SlotView { mid: "2".to_owned(), participant_id: None, track_id: None, source: None, layer: None };
    vec![shown, seen, empty]
}

fn layers() -> Vec<LayerView> {
    [("q", true), ("h", true), ("f", false)]
        .map(|(rid, active)| LayerView { rid: rid.to_owned(), active })
        .to_vec()
}
