//! The few things of SDP that the load needs: an offer of what it publishes, an answer to what a
//! server offers, and what a server's description says of its transport. No media is decided here:
//! an answer accepts all of an offer.

use crate::signal::{Credentials, Kind, Publish, Receiving};
use anyhow::{Context, anyhow};
use sdp_types::{Attribute, Media, Session};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// Payload types of what the load sends, and of what servers send that name none before the first
/// picture: those of Chromium.
pub(super) const OPUS: u8 = 111;
pub(super) const VP8: u8 = 96;
pub(super) const VP8_RTX: u8 = 97;

/// Whom the load's side of a transport speaks for.
pub(super) struct Local<'a> {
    pub(super) credentials: &'a Credentials,
    pub(super) fingerprint: &'a str,
}

/// What a server's description says of its transport.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Remote {
    pub(super) credentials: Credentials,
    pub(super) fingerprint: String,
    pub(super) receives: Receiving,
}

/// An offer to send streams: one m-line each, in their order. Their MIDs are their indices.
pub(super) fn offer(publish: &[Publish], local: &Local<'_>, name: &str) -> String {
    let mids: Vec<String> = (0..publish.len()).map(|mid| mid.to_string()).collect();
    let mut text = head(&mids);
    for (mid, stream) in publish.iter().enumerate() {
        stream_section(&mut text, mid, stream, local, name);
    }
    text
}

/// The `msid` track id that [`offer`] gives to a stream: what LiveKit knows it by.
pub(super) fn track_id(name: &str, mid: usize) -> String {
    format!("{name}-{mid}")
}

/// Accepts all of an offer, receiving what it sends.
///
/// # Errors
/// When it is no SDP.
pub(super) fn answer(offer: &str, local: &Local<'_>) -> anyhow::Result<String> {
    let offered = parse(offer)?;
    let mids: Vec<String> =
        offered.medias.iter().filter_map(|media| value(&media.attributes, "mid")).collect();
    let mut text = head(&mids);
    for media in &offered.medias {
        answer_section(&mut text, media, local);
    }
    Ok(text)
}

/// Reads what a server says of its transport.
///
/// # Errors
/// When something that a connection needs is missing.
pub(super) fn remote(description: &str) -> anyhow::Result<Remote> {
    let session = parse(description)?;
    let first = |name: &str| {
        let places = session.medias.iter().map(|media| &media.attributes).chain([&session.attributes]);
        places.into_iter().find_map(|attributes| value(attributes, name))
    };
    let need = |name: &str| first(name).with_context(|| format!("the server's description has no a={name}"));
    let fingerprint = need("fingerprint")?;
    let fingerprint = fingerprint.strip_prefix("sha-256 ").with_context(|| {
        format!("the server's fingerprint is not of SHA-256, which the load checks: {fingerprint}")
    })?;
    Ok(Remote {
        credentials: Credentials { ufrag: need("ice-ufrag")?, password: need("ice-pwd")? },
        fingerprint: fingerprint.to_owned(),
        receives: payload_types(&session),
    })
}

/// Where a description's first UDP host candidate is.
pub(super) fn candidate(description: &str) -> Option<SocketAddr> {
    let session = parse(description).ok()?;
    let attributes = session.medias.iter().flat_map(|media| &media.attributes).chain(&session.attributes);
    let mut lines = attributes.filter(|a| a.attribute == "candidate").filter_map(|a| a.value.as_deref());
    lines.find_map(udp_host)
}

/// The address in a candidate of RTP's component, when it is UDP and a host's: RFC 8839 §5.1.
pub(super) fn udp_host(line: &str) -> Option<SocketAddr> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let &[_, "1", protocol, _, address, port, "typ", "host", ..] = fields.as_slice() else { return None };
    let address: IpAddr = address.parse().ok()?;
    protocol.eq_ignore_ascii_case("udp").then_some(SocketAddr::new(address, port.parse().ok()?))
}

fn parse(text: &str) -> anyhow::Result<Session> {
    Session::parse(text.as_bytes()).map_err(|error| anyhow!("the server's description is no SDP: {error}"))
}

fn head(mids: &[String]) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=msid-semantic: WMS *\r\n",
        mids.join(" ")
    )
}

/// The load is the DTLS client always, so both its offers and its answers are active.
fn transport(text: &mut String, local: &Local<'_>) {
    let Local { credentials: Credentials { ufrag, password }, fingerprint } = local;
    let _ = write!(
        text,
        "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:active\r\n"
    );
}

fn stream_section(text: &mut String, mid: usize, stream: &Publish, local: &Local<'_>, name: &str) {
    let (kind, formats) = match stream.kind {
        Kind::Audio => ("audio", OPUS.to_string()),
        Kind::Video => ("video", format!("{VP8} {VP8_RTX}")),
    };
    let _ = write!(text, "m={kind} 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\n");
    transport(text, local);
    let track = track_id(name, mid);
    let _ = write!(text, "a=sendonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=msid:{name} {track}\r\n");
    match stream.kind {
        Kind::Audio => {
            let _ = write!(text, "a=rtpmap:{OPUS} opus/48000/2\r\na=fmtp:{OPUS} usedtx=1\r\n");
        }
        Kind::Video => {
            let _ = write!(text, "a=rtpmap:{VP8} VP8/90000\r\n");
            for feedback in ["nack", "nack pli", "ccm fir"] {
                let _ = write!(text, "a=rtcp-fb:{VP8} {feedback}\r\n");
            }
            let _ = write!(text, "a=rtpmap:{VP8_RTX} rtx/90000\r\na=fmtp:{VP8_RTX} apt={VP8}\r\n");
        }
    }
    if let Some(rtx) = stream.rtx_ssrc {
        let _ = write!(text, "a=ssrc-group:FID {} {rtx}\r\n", stream.ssrc);
    }
    for ssrc in [Some(stream.ssrc), stream.rtx_ssrc].into_iter().flatten() {
        let _ = write!(text, "a=ssrc:{ssrc} cname:{name}\r\na=ssrc:{ssrc} msid:{name} {track}\r\n");
    }
}

/// Attributes of an offered section that stand unchanged in its answer.
const KEPT: [&str; 7] = ["mid", "rtpmap", "fmtp", "rtcp-fb", "rtcp-mux", "sctp-port", "max-message-size"];

fn answer_section(text: &mut String, media: &Media, local: &Local<'_>) {
    let Media { media: kind, proto, fmt, attributes, .. } = media;
    // A section that is offered with port 0 is over, or bundled without a port of its own.
    let closed = media.port == 0 && !has(attributes, "bundle-only");
    let port = if closed { 0 } else { 9 };
    let _ = write!(text, "m={kind} {port} {proto} {fmt}\r\nc=IN IP4 0.0.0.0\r\n");
    transport(text, local);
    for attribute in attributes.iter().filter(|attribute| KEPT.contains(&attribute.attribute.as_str())) {
        let _ = match &attribute.value {
            Some(value) => write!(text, "a={}:{value}\r\n", attribute.attribute),
            None => write!(text, "a={}\r\n", attribute.attribute),
        };
    }
    if kind != "application" {
        let _ = write!(text, "a={}\r\n", if has(attributes, "inactive") { "inactive" } else { "recvonly" });
    }
}

fn payload_types(session: &Session) -> Receiving {
    let maps = || {
        let attributes = session.medias.iter().flat_map(|media| &media.attributes);
        let values = attributes.filter(|a| a.attribute == "rtpmap").filter_map(|a| a.value.as_deref());
        values.filter_map(|value| value.split_once(' '))
    };
    let number = |encoding: &str| {
        let mut found = maps().filter(|(_, name)| name.to_ascii_lowercase().starts_with(encoding));
        found.find_map(|(number, _)| number.parse().ok())
    };
    let vp8 = number("vp8/");
    Receiving {
        opus: number("opus/").unwrap_or(OPUS),
        vp8: vp8.unwrap_or(VP8),
        rtx: number("rtx/").or_else(|| vp8.is_none().then_some(VP8_RTX)),
        transport_cc: None,
    }
}

fn has(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| attribute.attribute == name)
}

fn value(attributes: &[Attribute], name: &str) -> Option<String> {
    attributes.iter().find(|attribute| attribute.attribute == name)?.value.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials { ufrag: "load".to_owned(), password: "p".repeat(32) }
    }

    fn streams() -> [Publish; 2] {
        [
            Publish { kind: Kind::Audio, layer: None, ssrc: 1, rtx_ssrc: None },
            Publish { kind: Kind::Video, layer: None, ssrc: 2, rtx_ssrc: Some(3) },
        ]
    }

    #[test]
    fn an_offer_names_every_stream_and_its_retransmissions() {
        let credentials = credentials();
        let local = Local { credentials: &credentials, fingerprint: "AA:BB" };
        let session = parse(&offer(&streams(), &local, "1-2")).expect("an SDP");
        assert_eq!(session.medias.len(), 2);
        let groups: Vec<_> =
            session.medias.iter().filter_map(|m| value(&m.attributes, "ssrc-group")).collect();
        assert_eq!(groups, ["FID 2 3"]);
        assert!(session.medias.iter().all(|m| has(&m.attributes, "sendonly")));
        assert_eq!(value(&session.medias[1].attributes, "msid").as_deref(), Some("1-2 1-2-1"));
    }

    #[test]
    fn an_answer_takes_every_section_and_is_the_dtls_client() {
        let credentials = credentials();
        let local = Local { credentials: &credentials, fingerprint: "AA:BB" };
        let offered = offer(&streams(), &local, "1-2").replace("setup:active", "setup:actpass");
        let answered = parse(&answer(&offered, &local).expect("an answer")).expect("an SDP");
        assert_eq!(answered.medias.len(), 2);
        for media in &answered.medias {
            assert_eq!(value(&media.attributes, "setup").as_deref(), Some("active"));
            assert!(has(&media.attributes, "recvonly"));
            assert_eq!(media.port, 9);
        }
        assert_eq!(
            payload_types(&answered),
            Receiving { opus: 111, vp8: 96, rtx: Some(97), transport_cc: None }
        );
    }

    #[test]
    fn a_servers_transport_is_read_from_its_description() {
        let text = "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\n\
            m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 10.0.0.1\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n\
            a=fingerprint:sha-256 0A:0B\r\na=candidate:1 1 tcp 1 10.0.0.1 9 typ host tcptype passive\r\n\
            a=candidate:2 1 udp 2015363327 10.0.0.1 20042 typ host\r\n";
        let remote = remote(text).expect("complete");
        assert_eq!(candidate(text), Some("10.0.0.1:20042".parse().expect("an address")));
        assert_eq!(
            remote.credentials,
            Credentials { ufrag: "abcd".to_owned(), password: "secret".to_owned() }
        );
        assert_eq!(remote.fingerprint, "0A:0B");
    }

    #[test]
    fn what_a_connection_needs_is_missed_by_name() {
        let text = "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
            a=ice-ufrag:abcd\r\na=fingerprint:sha-256 0A:0B\r\n";
        let error = remote(text).expect_err("no password");
        assert!(error.to_string().contains("ice-pwd"), "{error}");
        assert_eq!(candidate(text), None);
    }
}
