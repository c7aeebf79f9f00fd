//! The answer: what was made of each m-line, written down.

use crate::sdp::codec::REMB;
use crate::sdp::simulcast;
use crate::sdp::{Candidate, LocalIce, OfferedCodec, RtpSection, Section};
use sdp_types::{Attribute, Bandwidth, Connection, Media, Origin, Session, Time};
use std::net::{IpAddr, Ipv4Addr};
use volley::control::types::{Correction, DtlsRole, Fingerprint, Kind};

/// Everything an answer says.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// Our session id: the same for all answers to one peer connection.
    pub session_id: u64,
    /// Counts the answers (RFC 8829 §5.3.2).
    pub version: u64,
    /// Whether both header forms of RFC 8285 may be mixed.
    pub extmap_allow_mixed: bool,
    /// Whether the offer grouped its m-lines.
    pub is_bundle: bool,
    /// Our credentials.
    pub ice: &'a LocalIce,
    /// What we are in DTLS.
    pub role: DtlsRole,
    /// Our certificate's.
    pub fingerprint: &'a Fingerprint,
    /// Where we are reached, best first.
    pub candidates: &'a [Candidate],
    /// The canonical name of everything we send (RFC 3550 §6.5.1).
    pub cname: &'a str,
    /// Most we want to receive on one m-line with a picture, bit/s.
    pub max_bitrate: Option<u32>,
    /// The m-lines of the offer, in order, and what became of them.
    pub sections: Vec<AnswerSection<'a>>,
}

/// What was made of one m-line.
#[derive(Clone, Debug)]
pub enum AnswerSection<'a> {
    /// Port zero.
    Rejected(&'a Section),
    /// Taken.
    Accepted {
        /// What was offered.
        offered: &'a RtpSection,
        /// Whether we receive on it.
        receives: bool,
        /// What we send on it.
        seat: Option<Seat>,
    },
}

/// What we send on an m-line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seat {
    /// msid stream: what is played in step (RFC 8830 §2).
    pub stream: String,
    /// msid track.
    pub track: String,
    /// Its source.
    pub ssrc: u32,
    /// That of its retransmissions.
    pub rtx_ssrc: Option<u32>,
}

impl Answer<'_> {
    /// The description as text.
    pub fn write(&self) -> String {
        let origin = Origin::with_ip_addr(self.session_id, self.version, IpAddr::V4(Ipv4Addr::LOCALHOST));
        let mut session = Session::new(origin, "-");
        session.times.push(Time::new(0, 0));
        session.attributes = self.session_attributes();
        let tagged =
            self.sections.iter().position(|section| matches!(section, AnswerSection::Accepted { .. }));
        for (index, section) in self.sections.iter().enumerate() {
            session.medias.push(match section {
                AnswerSection::Rejected(offered) => rejected(offered),
                AnswerSection::Accepted { offered, receives, seat } => {
                    self.accepted(offered, *receives, seat.as_ref(), tagged == Some(index))
                }
            });
        }
        let mut text = Vec::new();
        session.write(&mut text).expect("writing to memory does not fail");
        String::from_utf8(text).expect("every part of it is text")
    }

    fn session_attributes(&self) -> Vec<Attribute> {
        let mids: Vec<&str> = self.sections.iter().filter_map(AnswerSection::mid).collect();
        let mut attributes = vec![];
        if self.is_bundle && !mids.is_empty() {
            // RFC 8843 §7.3: what we reject leaves the group.
            attributes.push(Attribute::with_value("group", format!("BUNDLE {}", mids.join(" "))));
        }
        // RFC 8839 §5.3: session level only.
        attributes.push(Attribute::new("ice-lite"));
        if self.extmap_allow_mixed {
            attributes.push(Attribute::new("extmap-allow-mixed"));
        }
        attributes.push(Attribute::with_value("msid-semantic", " WMS *"));
        attributes
    }

    fn accepted(&self, offered: &RtpSection, receives: bool, seat: Option<&Seat>, tagged: bool) -> Media {
        let mut lines = Lines::default();
        self.write_transport(&mut lines, tagged);
        lines.value("mid", offered.mid);
        for extension in &offered.extensions {
            let direction = extension.answer_direction.map(|d| format!("/{d}")).unwrap_or_default();
            lines.value("extmap", format!("{}{direction} {}", extension.id, extension.uri));
        }
        // RFC 3264 §6.1: our direction, as seen from here.
        lines.flag(match (seat.is_some(), receives) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        });
        if let Some(seat) = seat {
            lines.value("msid", format!("{} {}", seat.stream, seat.track));
        }
        lines.flag("rtcp-mux");
        if offered.reduced_size {
            lines.flag("rtcp-rsize");
        }
        offered.codecs.iter().for_each(|codec| write_codec(&mut lines, codec, seat.is_some()));
        let correction = offered.correction.filter(|_| receives);
        correction.iter().for_each(|correction| write_correction(&mut lines, correction));
        // On an m-line that rests as well: an answer without them takes all encodings but one from a browser for good
        // (WebRTC §4.4.1.5), and whoever shares a screen again would send the smallest alone.
        simulcast::answer(&offered.encodings).iter().for_each(|(name, value)| lines.value(name, value));
        if let Some(seat) = seat {
            self.write_sources(&mut lines, seat);
        }
        Media {
            media: if offered.kind == Kind::Audio { "audio" } else { "video" }.to_owned(),
            // RFC 8840 §4.1.1 allows the discard port; every candidate stands below.
            port: 9,
            num_ports: None,
            proto: "UDP/TLS/RTP/SAVPF".to_owned(),
            fmt: payload_types(&offered.codecs, correction),
            media_title: None,
            connections: vec![nowhere()],
            bandwidths: self.bandwidth(offered, receives),
            key: None,
            attributes: lines.0,
        }
    }

    /// RFC 3890 §6.2: a limit of what we receive, without the headers of lower layers.
    fn bandwidth(&self, offered: &RtpSection, receives: bool) -> Vec<Bandwidth> {
        let limit = self.max_bitrate.filter(|_| receives && offered.kind == Kind::Video);
        let line = |bitrate: u32| Bandwidth { bwtype: "TIAS".to_owned(), bandwidth: bitrate.into() };
        limit.map(line).into_iter().collect()
    }

    fn write_transport(&self, lines: &mut Lines, tagged: bool) {
        lines.value("ice-ufrag", &self.ice.ufrag);
        lines.value("ice-pwd", &self.ice.password);
        lines.value("fingerprint", fingerprint_text(self.fingerprint));
        // RFC 8842 §5.3: to actpass or active we answer passive; a peer that insists on that is answered active.
        lines.value(
            "setup",
            match self.role {
                DtlsRole::Server => "passive",
                DtlsRole::Client => "active",
            },
        );
        // RFC 8843 §7.1.3: candidates stand in the tagged m-line only.
        if tagged {
            for (index, candidate) in self.candidates.iter().enumerate() {
                lines.value("candidate", candidate.text(index));
            }
            // RFC 8840 §8.2.
            lines.flag("end-of-candidates");
        }
    }

    /// RFC 5576 §4.1: both sources and that one repairs the other. Browsers need the `cname`.
    fn write_sources(&self, lines: &mut Lines, seat: &Seat) {
        if let Some(rtx) = seat.rtx_ssrc {
            lines.value("ssrc-group", format!("FID {} {rtx}", seat.ssrc));
        }
        for ssrc in [Some(seat.ssrc), seat.rtx_ssrc].into_iter().flatten() {
            lines.value("ssrc", format!("{ssrc} cname:{}", self.cname));
            lines.value("ssrc", format!("{ssrc} msid:{} {}", seat.stream, seat.track));
        }
    }
}

impl<'a> AnswerSection<'a> {
    fn mid(&self) -> Option<&str> {
        match self {
            AnswerSection::Accepted { offered, .. } => Some(&offered.mid),
            AnswerSection::Rejected(_) => None,
        }
    }
}

#[derive(Default)]
struct Lines(Vec<Attribute>);

impl Lines {
    fn flag(&mut self, name: &str) {
        self.0.push(Attribute::new(name));
    }

    fn value(&mut self, name: &str, value: impl ToString) {
        self.0.push(Attribute::with_value(name, value));
    }
}

/// RFC 3264 §6: port zero; the formats are repeated because there must be some. The mid stays, as
/// RFC 8829 §5.3.1 has it.
fn rejected(offered: &Section) -> Media {
    let mut lines = Lines::default();
    if let Some(mid) = &offered.mid {
        lines.value("mid", mid);
    }
    lines.flag("inactive");
    Media {
        media: offered.media.clone(),
        port: 0,
        num_ports: None,
        proto: offered.protocol.clone(),
        fmt: offered.formats.clone(),
        media_title: None,
        connections: vec![nowhere()],
        bandwidths: vec![],
        key: None,
        attributes: lines.0,
    }
}

fn nowhere() -> Connection {
    Connection::from_ip_addr(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

fn payload_types(codecs: &[OfferedCodec], correction: Option<Correction>) -> String {
    let each = codecs.iter().flat_map(|codec| {
        let parameters = &codec.parameters;
        // In front of its codec: what comes first in an answer is what publishers send.
        parameters.red.into_iter().chain([parameters.payload_type]).chain(parameters.rtx)
    });
    let corrects = correction.into_iter().flat_map(|correction| {
        let Correction { red, red_rtx, ulpfec } = correction;
        [Some(red), red_rtx, Some(ulpfec)].into_iter().flatten()
    });
    each.chain(corrects).map(|payload_type| payload_type.0.to_string()).collect::<Vec<_>>().join(" ")
}

fn write_codec(lines: &mut Lines, codec: &OfferedCodec, sends: bool) {
    let parameters = &codec.parameters;
    let (pt, clock) = (parameters.payload_type.0, parameters.clock_rate);
    let channels = if parameters.codec == volley::control::types::Codec::Opus { "/2" } else { "" };
    lines.value("rtpmap", format!("{pt} {}/{clock}{channels}", codec.name));
    let feedback = [
        (parameters.transport_cc, "transport-cc"),
        (codec.remb && sends, REMB),
        (parameters.fir, "ccm fir"),
        (parameters.nack, "nack"),
        (parameters.pli, "nack pli"),
    ];
    for (_, name) in feedback.iter().filter(|(agreed, _)| *agreed) {
        lines.value("rtcp-fb", format!("{pt} {name}"));
    }
    if let Some(fmtp) = &codec.answer_fmtp {
        lines.value("fmtp", format!("{pt} {fmtp}"));
    }
    if let Some(red) = parameters.red {
        lines.value("rtpmap", format!("{} red/{clock}{channels}", red.0));
        lines.value("fmtp", format!("{} {pt}/{pt}", red.0));
    }
    if let Some(rtx) = parameters.rtx {
        lines.value("rtpmap", format!("{} rtx/{clock}", rtx.0));
        lines.value("fmtp", format!("{} apt={pt}", rtx.0));
    }
}

/// RFC 5109 §14.1, as browsers write it: RED without format parameters.
fn write_correction(lines: &mut Lines, correction: &Correction) {
    let Correction { red, red_rtx, ulpfec } = correction;
    lines.value("rtpmap", format!("{} red/90000", red.0));
    if let Some(rtx) = red_rtx {
        lines.value("rtpmap", format!("{} rtx/90000", rtx.0));
        lines.value("fmtp", format!("{} apt={}", rtx.0, red.0));
    }
    lines.value("rtpmap", format!("{} ulpfec/90000", ulpfec.0));
}

/// RFC 8122 §5: upper-case hexadecimal pairs with colons.
fn fingerprint_text(fingerprint: &Fingerprint) -> String {
    use volley::control::types::FingerprintHash::{Sha256, Sha384, Sha512};
    let hash = match fingerprint.hash {
        Sha256 => "sha-256",
        Sha384 => "sha-384",
        Sha512 => "sha-512",
    };
    let pairs: Vec<String> = fingerprint.value.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{hash} {}", pairs.join(":"))
}
