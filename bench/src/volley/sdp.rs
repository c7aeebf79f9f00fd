//! The offer a participant of the load makes to Volley, and what its answer comes to.

use crate::signal::{Association, Credentials, Kind, Layer, Publish, Receiving, Sending, Wish};
use anyhow::{Context as _, bail};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// Payload types as Chromium has them.
const OPUS: u8 = 111;
const VP8: u8 = 96;
const RTX: u8 = 97;
/// What is offered of them, as Chromium offers it.
const SOUND: [&str; 3] =
    ["a=rtpmap:111 opus/48000/2", "a=rtcp-fb:111 transport-cc", "a=fmtp:111 minptime=10;useinbandfec=1"];
const PICTURE: [&str; 7] = [
    "a=rtpmap:96 VP8/90000",
    "a=rtcp-fb:96 transport-cc",
    "a=rtcp-fb:96 ccm fir",
    "a=rtcp-fb:96 nack",
    "a=rtcp-fb:96 nack pli",
    "a=rtpmap:97 rtx/90000",
    "a=fmtp:97 apt=96",
];
/// Ids of the header extensions.
const MID: (u8, &str) = (4, "urn:ietf:params:rtp-hdrext:sdes:mid");
const AUDIO_LEVEL: (u8, &str) = (2, "urn:ietf:params:rtp-hdrext:ssrc-audio-level");
const TRANSPORT_CC: (u8, &str) =
    (3, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01");
const RID: (u8, &str) = (10, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id");
const REPAIRED_RID: (u8, &str) = (11, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id");

/// Volley takes 128 m-lines in an offer: 64 pairs of sound and picture.
const MOST_WATCHED: u32 = 64;

/// What one participant offers: pairs of m-lines, the first with what it publishes.
pub(super) struct Offer<'a> {
    wish: &'a Wish,
    local: &'a Credentials,
    lines: Vec<Line>,
    /// Whether it offers transport-cc both ways, without which the server does not adapt to links.
    has_feedback: bool,
}

/// One m-line; its MID is its number.
struct Line {
    kind: Kind,
    /// One stream, all layers of one picture, or nothing.
    publish: Vec<Publish>,
    receives: bool,
}

impl<'a> Offer<'a> {
    /// The offer that gets what is wished for.
    ///
    /// # Errors
    /// When more is wished for than Volley gives.
    pub(super) fn new(wish: &'a Wish, local: &'a Credentials) -> anyhow::Result<Offer<'a>> {
        if wish.watch > MOST_WATCHED {
            let watch = wish.watch;
            bail!("Volley shows one participant at most {MOST_WATCHED} others, and {watch} are wished for");
        }
        let mut lines = Vec::new();
        for kind in [Kind::Audio, Kind::Video] {
            let publish: Vec<Publish> =
                wish.publish.iter().filter(|publish| publish.kind == kind).copied().collect();
            if publish.len() > 1 && publish.iter().any(|publish| publish.layer.is_none()) {
                bail!("one participant publishes one stream of each kind here, which may have layers");
            }
            if wish.watch > 0 || !publish.is_empty() {
                lines.push(Line { kind, publish, receives: wish.watch > 0 });
            }
        }
        for _ in 1..wish.watch {
            for kind in [Kind::Audio, Kind::Video] {
                lines.push(Line { kind, publish: Vec::new(), receives: true });
            }
        }
        if lines.is_empty() {
            bail!("whoever neither publishes nor watches has nothing to offer");
        }
        Ok(Offer { wish, local, lines, has_feedback: true })
    }

    /// The same without transport-cc.
    pub(super) fn without_feedback(self) -> Offer<'a> {
        Offer { has_feedback: false, ..self }
    }

    /// The description as text.
    pub(super) fn write(&self) -> String {
        let mids: Vec<String> = (0..self.lines.len()).map(|mid| mid.to_string()).collect();
        // RFC 8839 §5.4, RFC 8122 §5, RFC 8842 §5.2: what is the same for all m-lines may stand once.
        let mut text = format!(
            "v=0\r\no=- {}{} 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n\
             a=extmap-allow-mixed\r\na=msid-semantic: WMS *\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n\
             a=fingerprint:sha-256 {}\r\na=setup:actpass\r\n",
            1 + self.wish.person.room,
            1000 + self.wish.person.number,
            mids.join(" "),
            self.local.ufrag,
            self.local.password,
            self.wish.fingerprint,
        );
        for (line, mid) in self.lines.iter().zip(&mids) {
            line.write(mid, self, &mut text);
        }
        text
    }
}

impl Line {
    fn write(&self, mid: &str, offer: &Offer<'_>, text: &mut String) {
        let (media, formats) = match self.kind {
            Kind::Audio => ("audio", format!("{OPUS}")),
            Kind::Video => ("video", format!("{VP8} {RTX}")),
        };
        let direction = match (!self.publish.is_empty(), self.receives) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, _) => "recvonly",
        };
        let mut line = |content: std::fmt::Arguments<'_>| {
            text.write_fmt(content).and_then(|()| text.write_str("\r\n")).expect("a String takes everything");
        };
        line(format_args!("m={media} 9 UDP/TLS/RTP/SAVPF {formats}"));
        line(format_args!("c=IN IP4 0.0.0.0"));
        line(format_args!("a=mid:{mid}"));
        line(format_args!("a={direction}"));
        let loudness = (self.kind == Kind::Audio && offer.wish.tells_loudness).then_some(AUDIO_LEVEL);
        let rids: Vec<&str> =
            self.publish.iter().filter_map(|publish| publish.layer).map(Layer::rid).collect();
        let layered = [RID, REPAIRED_RID].into_iter().filter(|_| !rids.is_empty());
        let feedback = offer.has_feedback.then_some(TRANSPORT_CC);
        for (id, uri) in [MID].into_iter().chain(feedback).chain(loudness).chain(layered) {
            line(format_args!("a=extmap:{id} {uri}"));
        }
        line(format_args!("a=rtcp-mux"));
        line(format_args!("a=rtcp-rsize"));
        let codec = match self.kind {
            Kind::Audio => &SOUND[..],
            Kind::Video => &PICTURE,
        };
        let offered =
            codec.iter().filter(|attribute| offer.has_feedback || !attribute.ends_with("transport-cc"));
        offered.for_each(|attribute| line(format_args!("{attribute}")));
        let Some(first) = self.publish.first() else { return };
        line(format_args!("a=msid:load {media}"));
        if !rids.is_empty() {
            // RFC 8853 §5.2. Chromium names no SSRCs then: packets tell which layer they are of.
            rids.iter().for_each(|rid| line(format_args!("a=rid:{rid} send")));
            return line(format_args!("a=simulcast:send {}", rids.join(";")));
        }
        if let Some(rtx) = first.rtx_ssrc {
            line(format_args!("a=ssrc-group:FID {} {rtx}", first.ssrc));
        }
        for ssrc in [Some(first.ssrc), first.rtx_ssrc].into_iter().flatten() {
            line(format_args!("a=ssrc:{ssrc} cname:load"));
        }
    }
}

/// What matters of Volley's answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    remote: Credentials,
    fingerprint: String,
    candidates: Vec<SocketAddr>,
    sections: Vec<Section>,
}

/// What was answered to one m-line.
#[derive(Debug, PartialEq, Eq, Default)]
struct Section {
    rejected: bool,
    payload_types: Vec<u8>,
    extensions: Vec<(u8, String)>,
    /// The layers it takes.
    rids: Vec<String>,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// When it lacks what a transport needs.
    pub(super) fn parse(text: &str) -> anyhow::Result<Answer> {
        let value = |name: &str| {
            let mut values = text.lines().filter_map(|line| line.strip_prefix("a=")?.strip_prefix(name));
            values.next().map(|value| value.trim().to_owned())
        };
        let missing = |name| format!("Volley's answer has no {name}: {text}");
        let remote = Credentials {
            ufrag: value("ice-ufrag:").with_context(|| missing("ice-ufrag"))?,
            password: value("ice-pwd:").with_context(|| missing("ice-pwd"))?,
        };
        let fingerprint = value("fingerprint:sha-256 ").with_context(|| missing("SHA-256 fingerprint"))?;
        let mut sections: Vec<Section> = Vec::new();
        for line in text.lines() {
            if let Some(media) = line.strip_prefix("m=") {
                sections.push(Section::open(media));
            } else if let Some(section) = sections.last_mut() {
                section.extensions.extend(line.strip_prefix("a=extmap:").and_then(extension));
                section.rids.extend(line.strip_prefix("a=simulcast:recv ").into_iter().flat_map(layers));
            }
        }
        let candidates =
            text.lines().filter_map(|line| candidate(line.strip_prefix("a=candidate:")?)).collect();
        Ok(Answer { remote, fingerprint, candidates, sections })
    }

    /// What offer and answer come to. Of the server's addresses the one that its HTTP is at is
    /// taken, since that can be reached.
    ///
    /// # Errors
    /// When something that was wished for was rejected.
    pub(super) fn agree(self, offer: &Offer<'_>, server: SocketAddr) -> anyhow::Result<Association> {
        let same = self.candidates.iter().find(|candidate| candidate.ip() == server.ip());
        let &remote_address =
            same.or(self.candidates.first()).context("Volley's answer has no UDP candidate")?;
        let mut sends = Vec::new();
        for (mid, line) in offer.lines.iter().enumerate() {
            let section = self.sections.get(mid).filter(|section| section.takes(line.kind));
            let section = section.with_context(|| format!("Volley rejected m-line {mid} of the offer"))?;
            for &publish in &line.publish {
                sends.push(section.sending(mid, publish)?);
            }
        }
        let transport_cc = offer.has_feedback.then_some(TRANSPORT_CC.0);
        let receiving = Receiving { opus: OPUS, vp8: VP8, rtx: Some(RTX), transport_cc };
        Ok(Association {
            person: offer.wish.person,
            local: offer.local.clone(),
            remote: self.remote,
            remote_address,
            remote_fingerprint: self.fingerprint,
            // RFC 8445 §6.1.1: the server is lite, so whoever is not controls.
            controlling: true,
            sends,
            receives: (offer.wish.watch > 0).then_some(receiving),
        })
    }
}

impl Section {
    /// From what follows `m=`.
    fn open(media: &str) -> Section {
        let mut words = media.split_ascii_whitespace().skip(1);
        let rejected = words.next() == Some("0");
        let payload_types = words.skip(1).filter_map(|word| word.parse().ok()).collect();
        Section { rejected, payload_types, ..Section::default() }
    }

    fn takes(&self, kind: Kind) -> bool {
        let wanted = match kind {
            Kind::Audio => OPUS,
            Kind::Video => VP8,
        };
        !self.rejected && self.payload_types.contains(&wanted)
    }

    fn sending(&self, mid: usize, publish: Publish) -> anyhow::Result<Sending> {
        let agreed = |(id, uri): (u8, &str)| {
            self.extensions.iter().any(|(known, name)| *known == id && name == uri).then_some(id)
        };
        let (payload_type, rtx) = match publish.kind {
            Kind::Audio => (OPUS, None),
            Kind::Video => (VP8, publish.rtx_ssrc.and(Some(RTX))),
        };
        let rids = agreed(RID).zip(agreed(REPAIRED_RID));
        if let Some(layer) = publish.layer
            && (rids.is_none() || !self.rids.iter().any(|rid| rid == layer.rid()))
        {
            bail!("Volley does not take the layer {:?} of the picture on m-line {mid}", layer.rid());
        }
        Ok(Sending {
            publish,
            payload_type,
            rtx_payload_type: rtx.filter(|rtx| self.payload_types.contains(rtx)),
            mid: agreed(MID).map(|id| (id, mid.to_string())),
            transport_cc: agreed(TRANSPORT_CC),
            audio_level: agreed(AUDIO_LEVEL),
            rids: rids.filter(|_| publish.layer.is_some()),
        })
    }
}

/// `<id>[/<direction>] <uri>` (RFC 8285 §8).
fn extension(value: &str) -> Option<(u8, String)> {
    let (id, uri) = value.split_once(' ')?;
    let id = id.split('/').next()?.parse().ok()?;
    Some((id, uri.split_ascii_whitespace().next()?.to_owned()))
}

/// RFC 8853 §5.2: `l;m;h`, as the server writes it, without alternatives and without pauses.
fn layers(list: &str) -> impl Iterator<Item = String> {
    list.trim().split(';').map(str::to_owned)
}

/// RFC 8839 §5.1; UDP candidates of component 1.
fn candidate(value: &str) -> Option<SocketAddr> {
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    let [_, "1", protocol, _, ip, port, "typ", ..] = words[..] else { return None };
    protocol
        .eq_ignore_ascii_case("udp")
        .then(|| Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?)))?
}

#[cfg(test)]
mod tests;
