//! The RTP header extensions of an m-line that Volley knows (RFC 8285).

use sdp_types::{Direction, ExtMap, Media, Session};
use volley::control::types::ExtensionIds;

/// A header extension of an offer that we know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfferedExtension {
    /// Its name.
    pub uri: &'static str,
    /// Its id on the m-line.
    pub id: u8,
    /// The peer may put it into what it sends.
    pub in_sent: bool,
    /// The peer takes it in what it receives.
    pub in_received: bool,
    /// How the answer says the direction, when the offer said one.
    pub answer_direction: Option<&'static str>,
}

/// Which way packets go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Toward {
    /// From the peer to us.
    Server,
    /// From us to the peer.
    Peer,
}

type Field = fn(&mut ExtensionIds) -> &mut Option<u8>;

const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";

const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

/// Those of [`ExtensionIds`].
const KNOWN: [(&str, Field); 12] = [
    ("urn:ietf:params:rtp-hdrext:sdes:mid", |ids| &mut ids.mid),
    (RID, |ids| &mut ids.rid),
    (REPAIRED_RID, |ids| &mut ids.repaired_rid),
    (TRANSPORT_CC, |ids| &mut ids.transport_cc),
    (ABS_SEND_TIME, |ids| &mut ids.abs_send_time),
    ("urn:ietf:params:rtp-hdrext:ssrc-audio-level", |ids| &mut ids.audio_level),
    ("urn:3gpp:video-orientation", |ids| &mut ids.video_orientation),
    ("http://www.webrtc.org/experiments/rtp-hdrext/playout-delay", |ids| &mut ids.playout_delay),
    ("https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension", |ids| {
        &mut ids.dependency_descriptor
    }),
    ("http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time", |ids| &mut ids.abs_capture_time),
    ("http://www.webrtc.org/experiments/rtp-hdrext/video-content-type", |ids| &mut ids.video_content_type),
    ("http://www.webrtc.org/experiments/rtp-hdrext/color-space", |ids| &mut ids.color_space),
];

/// The ids of packets that go one way. What we send is always one encoding, so it has no RID.
pub fn extension_ids(extensions: &[OfferedExtension], toward: Toward) -> ExtensionIds {
    let mut ids = ExtensionIds::default();
    for extension in extensions {
        let goes_there = match toward {
            Toward::Server => extension.in_sent,
            Toward::Peer => extension.in_received && ![RID, REPAIRED_RID].contains(&extension.uri),
        };
        if let Some((_, field)) = KNOWN.iter().find(|(uri, _)| *uri == extension.uri).filter(|_| goes_there) {
            *field(&mut ids) = Some(extension.id);
        }
    }
    ids
}

/// The extensions that the m-line or the session offers (RFC 8285 §5); each name and id once.
pub(super) fn read(session: &Session, media: &Media) -> Vec<OfferedExtension> {
    let own = media.attributes_typed::<ExtMap>();
    let of_all = session.attributes_typed::<ExtMap>();
    let mut found: Vec<OfferedExtension> = Vec::new();
    for map in own.chain(of_all).filter_map(Result::ok) {
        // RFC 8285 §4.2: 15 is reserved in one-byte headers, 0 is padding.
        let usable = map.id != 0 && map.id != 15;
        let Some((uri, _)) = KNOWN.iter().find(|(uri, _)| *uri == map.uri).filter(|_| usable) else {
            continue;
        };
        if found.iter().any(|known| known.id == map.id || known.uri == *uri) {
            continue;
        }
        let (in_sent, in_received, answer_direction) = turn_around(map.direction);
        found.push(OfferedExtension { uri, id: map.id, in_sent, in_received, answer_direction });
    }
    // Numbers tell more than times do, and a time that is written after FEC was made of a packet spoils what
    // that restores.
    if found.iter().any(|extension| extension.uri == TRANSPORT_CC) {
        found.retain(|extension| extension.uri != ABS_SEND_TIME);
    }
    found
}

/// RFC 8285 §5: the answer says the direction as seen from our side.
fn turn_around(direction: Option<Direction>) -> (bool, bool, Option<&'static str>) {
    match direction {
        None => (true, true, None),
        Some(Direction::SendRecv) => (true, true, Some("sendrecv")),
        Some(Direction::SendOnly) => (true, false, Some("recvonly")),
        Some(Direction::RecvOnly) => (false, true, Some("sendonly")),
        Some(Direction::Inactive) => (false, false, Some("inactive")),
    }
}
