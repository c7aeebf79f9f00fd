//! One m-line of an offer.

use crate::sdp::codec::{self, OfferedCodec};
use crate::sdp::extension::{self, OfferedExtension};
use crate::sdp::simulcast;
use arrayvec::ArrayVec;
use sdp_types::{Direction, GroupSemantics, Media, Session, SsrcGroup};
use volley::base::id::Ssrc;
use volley::control::types::{Correction, Encoding, Kind, MAX_ENCODINGS, MAX_MID, Mid};

/// One m-line of an offer.
#[derive(Clone, Debug)]
pub struct Section {
    /// "audio", "video", "application" or something we do not know.
    pub media: String,
    /// As offered; an answer repeats it (RFC 3264 §6).
    pub protocol: String,
    /// As offered; a rejected m-line repeats it.
    pub formats: String,
    /// `a=mid`.
    pub mid: Option<String>,
    /// What it could carry; `None` when it is stopped or we cannot take part in it.
    pub rtp: Option<RtpSection>,
}

/// What an m-line we can take part in offers.
#[derive(Clone, Debug)]
pub struct RtpSection {
    /// Its identification tag.
    pub mid: Mid,
    /// Sound or picture.
    pub kind: Kind,
    /// Whether the peer wants to send on it.
    pub sends: bool,
    /// Whether the peer wants to receive on it.
    pub receives: bool,
    /// Those of its codecs that we forward, in the peer's order; never empty.
    pub codecs: Vec<OfferedCodec>,
    /// What the peer restores its pictures with, on an m-line on which it does nothing but send: as a
    /// receiver it would wait less for what is sent again, and we restore nothing on its way.
    pub correction: Option<Correction>,
    /// Those of its header extensions that we know.
    pub extensions: Vec<OfferedExtension>,
    /// The encodings the peer will send, the lowest quality first; one at least. Those of simulcast
    /// have RIDs, or SSRCs where it is the old kind; a single one has an SSRC if the peer says so.
    pub encodings: ArrayVec<Encoding, MAX_ENCODINGS>,
    /// `a=rtcp-rsize` (RFC 5506 §5).
    pub reduced_size: bool,
}

impl Section {
    pub(super) fn read(session: &Session, media: &Media, bundled: &[String]) -> Section {
        let mid = media.get_first_attribute_value("mid").flatten().map(str::to_owned);
        // RFC 8843 §6: port zero rejects or stops an m-line, unless it says `bundle-only`.
        let open = media.port != 0 || media.has_attribute("bundle-only");
        let in_bundle = mid.as_ref().is_some_and(|mid| bundled.contains(mid));
        let rtp = if open && in_bundle { RtpSection::read(session, media) } else { None };
        Section {
            media: media.media.clone(),
            protocol: media.proto.clone(),
            formats: media.fmt.clone(),
            mid,
            rtp,
        }
    }
}

impl RtpSection {
    fn read(session: &Session, media: &Media) -> Option<RtpSection> {
        let kind = match media.media.as_str() {
            "audio" => Kind::Audio,
            "video" => Kind::Video,
            _ => return None,
        };
        // RFC 8834 §3 and RFC 5764 §4.1: DTLS-SRTP with feedback. RFC 8858: RTCP is always on the
        // RTP port, so a peer that does not offer a=rtcp-mux cannot be served.
        if media.proto != "UDP/TLS/RTP/SAVPF" || !media.has_attribute("rtcp-mux") {
            return None;
        }
        let codecs = codec::read(media, kind);
        if codecs.is_empty() {
            return None;
        }
        let (sends, receives) = directions(session, media);
        let layers = if kind == Kind::Video { simulcast::read(media) } else { ArrayVec::new() };
        Some(RtpSection {
            mid: read_mid(media)?,
            kind,
            sends,
            receives,
            codecs,
            correction: codec::correction(media).filter(|_| kind == Kind::Video && sends && !receives),
            extensions: extension::read(session, media),
            encodings: if layers.is_empty() { sources(media) } else { layers },
            reduced_size: media.has_attribute("rtcp-rsize"),
        })
    }
}

/// RFC 8843 §15 wants a token; RFC 8285 §4.2 lets a packet carry no more than 16 bytes of it.
fn read_mid(media: &Media) -> Option<Mid> {
    let mid = media.get_first_attribute_value("mid").flatten()?;
    let token = mid.bytes().all(|b| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(&b));
    if mid.is_empty() || mid.len() > MAX_MID || !token {
        return None;
    }
    mid.try_into().ok()
}

/// RFC 8866 §6.7: the m-line's own direction, else the session's, else sendrecv.
fn directions(session: &Session, media: &Media) -> (bool, bool) {
    let names = |name: &str| match name {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::SendOnly),
        "recvonly" => Some(Direction::RecvOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    };
    let own = media.attributes.iter().find_map(|attribute| names(&attribute.attribute));
    let of_all = || session.attributes.iter().find_map(|attribute| names(&attribute.attribute));
    match own.or_else(of_all).unwrap_or_default() {
        Direction::SendRecv => (true, true),
        Direction::SendOnly => (true, false),
        Direction::RecvOnly => (false, true),
        Direction::Inactive => (false, false),
    }
}

/// The sources of the old kind of simulcast (`a=ssrc-group:SIM`, the lowest first), or the first
/// source there is; and from the FID groups (RFC 4588 §8.8) those of their retransmissions.
fn sources(media: &Media) -> ArrayVec<Encoding, MAX_ENCODINGS> {
    let groups: Vec<SsrcGroup> = media.attributes_typed::<SsrcGroup>().filter_map(Result::ok).collect();
    let is_old_simulcast =
        |group: &&SsrcGroup| matches!(&group.semantics, GroupSemantics::Other(name) if name == "SIM");
    let first = media
        .get_attribute_values("ssrc")
        .find_map(|value| value?.split_ascii_whitespace().next()?.parse().ok());
    let layers = groups.iter().find(is_old_simulcast).map(|group| group.ssrc_ids.clone());
    let layers = layers.unwrap_or_else(|| first.into_iter().collect());
    let repairs = |ssrc: u32| {
        let mut pairs = groups.iter().filter(|group| group.semantics == GroupSemantics::FID);
        let pair = pairs.find(|group| group.ssrc_ids.len() == 2 && group.ssrc_ids[0] == ssrc)?;
        Some(Ssrc(pair.ssrc_ids[1]))
    };
    let encoding = |ssrc: u32| Encoding { ssrc: Some(Ssrc(ssrc)), rtx_ssrc: repairs(ssrc), rid: None };
    let encodings: ArrayVec<_, MAX_ENCODINGS> =
        layers.into_iter().take(MAX_ENCODINGS).map(encoding).collect();
    if encodings.is_empty() { std::iter::once(Encoding::default()).collect() } else { encodings }
}
