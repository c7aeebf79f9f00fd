//! A peer's offer, checked once: what each m-line could become.

use crate::sdp::Section;
use crate::sdp::ice::{self, Peer};
use sdp_types::{Group, Session};

/// Longest session description taken. With 49 pairs of seats Chromium's has 145 KiB, of which our page keeps
/// all but the first nine pairs short; two screens and what stopped fit beside them.
const MAX_SDP_BYTES: usize = 192 << 10;
/// Most m-lines of an offer: 49 pairs of seats, six published tracks, and as many stopped ones.
const MAX_SECTIONS: usize = 128;

/// Why an offer cannot be answered. The sentences are for the developer of the page.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum OfferError {
    /// The description is too long.
    #[error("the SDP has {0} bytes; at most {MAX_SDP_BYTES} are taken")]
    TooLong(usize),
    /// The description has too many m-lines.
    #[error(
        "the offer has {0} m-lines; at most {MAX_SECTIONS} are taken, so stop transceivers you do not need"
    )]
    TooManySections(usize),
    /// It is not SDP.
    #[error("the SDP cannot be read: {0}")]
    Syntax(String),
    /// Two m-lines share an identification tag.
    #[error("a=mid:{0} stands on two m-lines; each needs its own (RFC 8843 §7.1)")]
    DuplicateMid(String),
    /// Nobody would begin the handshake.
    #[error("a=setup:{0} was offered; offer actpass, active or passive (RFC 8842 §5.2)")]
    Setup(String),
    /// No usable ICE credentials.
    #[error("the offer has no usable a=ice-ufrag and a=ice-pwd (RFC 8839 §5.4)")]
    NoIce,
    /// The peer is ICE-lite like us, so nobody would send checks.
    #[error(
        "the offer says a=ice-lite; Volley is ICE-lite itself, so the peer must be a full agent (RFC 8445 §2.5)"
    )]
    IceLite,
    /// No usable certificate fingerprint.
    #[error("the offer has no a=fingerprint of sha-256, sha-384 or sha-512 (RFC 8122 §5)")]
    NoFingerprint,
}

impl OfferError {
    /// The code of the `error` message a page gets.
    pub fn code(&self) -> &'static str {
        match self {
            OfferError::TooLong(_) => "too-large",
            _ => "bad-sdp",
        }
    }
}

/// What a peer offers.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The session id of the o= line: the same for all offers of one peer connection
    /// (RFC 8829 §5.2.2).
    pub session_id: String,
    /// `a=extmap-allow-mixed` (RFC 8285 §6).
    pub extmap_allow_mixed: bool,
    /// Whether it groups m-lines; an answer groups only then (RFC 5888 §9.2).
    pub is_bundle: bool,
    /// How the transport is reached and recognised; `None` when no m-line could use it.
    pub peer: Option<Peer>,
    /// The m-lines, in order.
    pub sections: Vec<Section>,
}

impl Offer {
    /// Reads and checks an offer.
    pub fn parse(sdp: &str) -> Result<Offer, OfferError> {
        if sdp.len() > MAX_SDP_BYTES {
            return Err(OfferError::TooLong(sdp.len()));
        }
        let session =
            Session::parse(sdp.as_bytes()).map_err(|error| OfferError::Syntax(error.to_string()))?;
        if session.medias.len() > MAX_SECTIONS {
            return Err(OfferError::TooManySections(session.medias.len()));
        }
        let group = bundle_group(&session);
        let is_bundle = group.is_some();
        let bundled = group.map_or_else(|| lone_mid(&session), |group| group.mid_tags);
        let sections: Vec<Section> =
            session.medias.iter().map(|media| Section::read(&session, media, &bundled)).collect();
        check_mids(&sections)?;
        let tagged = sections.iter().position(|section| section.rtp.is_some());
        let peer = tagged.map(|index| ice::read_peer(&session, &session.medias[index])).transpose()?;
        let extmap_allow_mixed = session.has_attribute("extmap-allow-mixed");
        Ok(Offer {
            session_id: session.origin.sess_id.clone(),
            extmap_allow_mixed,
            is_bundle,
            peer,
            sections,
        })
    }

    /// Whether there is no m-line that carries or could carry media.
    pub fn has_no_media(&self) -> bool {
        self.sections.iter().all(|section| section.rtp.is_none())
    }
}

fn bundle_group(session: &Session) -> Option<Group> {
    let mut groups = session.attributes_typed::<Group>().filter_map(Result::ok);
    groups.find(|group| group.semantics.as_str().eq_ignore_ascii_case("BUNDLE"))
}

/// Without a group the first m-line is served and the others are not: they would need transports of
/// their own, which we do not have (RFC 8843 §7.3).
fn lone_mid(session: &Session) -> Vec<String> {
    let first = session.medias.iter().find(|media| media.port != 0);
    first.and_then(|media| media.get_first_attribute_value("mid")?).map(str::to_owned).into_iter().collect()
}

fn check_mids(sections: &[Section]) -> Result<(), OfferError> {
    let mut seen = std::collections::HashSet::new();
    for section in sections.iter().filter(|section| section.rtp.is_some()) {
        if let Some(mid) = section.mid.as_deref().filter(|mid| !seen.insert(*mid)) {
            return Err(OfferError::DuplicateMid(mid.to_owned()));
        }
    }
    Ok(())
}
