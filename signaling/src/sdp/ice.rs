//! The transport part of an offer: ICE credentials, certificate fingerprint, DTLS role.

use crate::sdp::OfferError;
use sdp_types::{HashFunc, Media, Session};
use serde::{Deserialize, Serialize};
use volley::control::types::{
    DtlsRole, Fingerprint, FingerprintHash, IceCredentials, MAX_PASSWORD, MAX_UFRAG, Password,
};

/// ICE credentials as they stand in SDP and in the records.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RemoteIce {
    /// User fragment.
    pub ufrag: String,
    /// Password.
    pub password: String,
}

/// Our own credentials have the same form.
pub type LocalIce = RemoteIce;

impl RemoteIce {
    /// The same for the media process; `None` when longer than it takes.
    pub fn credentials(&self) -> Option<IceCredentials> {
        let ufrag = self.ufrag.as_str().try_into().ok()?;
        Some(IceCredentials { ufrag, password: Password::new(self.password.as_bytes())? })
    }

    /// RFC 8839 §5.4: ice-ufrag has 4 to 256 ice-chars, ice-pwd 22 to 256; our own bounds are lower.
    pub(super) fn is_usable(&self) -> bool {
        let ice_chars =
            |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
        // Browsers keep to the alphabet, older Firefox and some libraries add `-`, `_` and `=`.
        let lenient =
            |text: &str| text.bytes().all(|b| ice_chars(&char::from(b).to_string()) || b"-_=.".contains(&b));
        (4..=MAX_UFRAG).contains(&self.ufrag.len())
            && (22..=MAX_PASSWORD).contains(&self.password.len())
            && lenient(&self.ufrag)
            && lenient(&self.password)
    }
}

/// The other end of a transport.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its credentials.
    pub ice: RemoteIce,
    /// The certificate it will show.
    pub fingerprint: Fingerprint,
    /// What that leaves us in DTLS.
    pub role: DtlsRole,
}

/// Reads what the tagged m-line (RFC 8843 §7.2) or the whole session says of the transport.
pub(super) fn read_peer(session: &Session, media: &Media) -> Result<Peer, OfferError> {
    if session.has_attribute("ice-lite") {
        return Err(OfferError::IceLite);
    }
    let role = read_role(session, media)?;
    let value = |name| value(session, media, name).map(str::to_owned);
    let ice = match (value("ice-ufrag"), value("ice-pwd")) {
        (Some(ufrag), Some(password)) => RemoteIce { ufrag, password },
        _ => return Err(OfferError::NoIce),
    };
    if !ice.is_usable() {
        return Err(OfferError::NoIce);
    }
    let fingerprint = read_fingerprint(session, media).ok_or(OfferError::NoFingerprint)?;
    Ok(Peer { ice, fingerprint, role })
}

/// An m-line's own value, else the session's (RFC 8839 §5.4, RFC 8122 §5, RFC 8842 §5.2).
fn value<'a>(session: &'a Session, media: &'a Media, name: &'a str) -> Option<&'a str> {
    let own = media.get_first_attribute_value(name).flatten();
    own.or_else(|| session.get_first_attribute_value(name).flatten())
}

/// RFC 8842 §5.2: an offer says actpass, and without it RFC 4145 §4 means active. `passive` is what ffmpeg says.
fn read_role(session: &Session, media: &Media) -> Result<DtlsRole, OfferError> {
    let Some(offered) = value(session, media, "setup") else { return Ok(DtlsRole::Server) };
    let is = |role: &str| offered.eq_ignore_ascii_case(role);
    match () {
        () if is("actpass") || is("active") => Ok(DtlsRole::Server),
        () if is("passive") => Ok(DtlsRole::Client),
        () => Err(OfferError::Setup(offered.chars().take(16).collect())),
    }
}

/// RFC 8122 §5.1: of several fingerprints we take the one with the hash we like best; all must
/// match the one certificate anyway.
fn read_fingerprint(session: &Session, media: &Media) -> Option<Fingerprint> {
    let mut all: Vec<_> = media.attributes_typed::<sdp_types::Fingerprint>().filter_map(Result::ok).collect();
    if all.is_empty() {
        all = session.attributes_typed::<sdp_types::Fingerprint>().filter_map(Result::ok).collect();
    }
    [FingerprintHash::Sha256, FingerprintHash::Sha384, FingerprintHash::Sha512].into_iter().find_map(|hash| {
        let (function, length) = match hash {
            FingerprintHash::Sha256 => (HashFunc::Sha256, 32),
            FingerprintHash::Sha384 => (HashFunc::Sha384, 48),
            FingerprintHash::Sha512 => (HashFunc::Sha512, 64),
        };
        let found = all.iter().find(|one| one.hash_func == function && one.fingerprint.len() == length)?;
        Some(Fingerprint { hash, value: found.fingerprint.iter().copied().collect() })
    })
}
