//! The codecs of an m-line that Volley forwards, and how each is answered.

use crate::sdp::h264;
use sdp_types::{Fmtp, Media, RtcpFb, RtcpFbCcm, RtcpFbNack, RtcpFbPt, RtcpFbVal, RtpMap};
use volley::base::id::PayloadType;
use volley::control::types::{Codec, CodecParameters, Correction, Kind, MAX_CODECS};

/// How `a=rtcp-fb` names the receiver's own estimate (draft-alvestrand-rmcat-remb-03 §2.3).
pub(super) const REMB: &str = "goog-remb";

/// A codec of an offer that we forward.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfferedCodec {
    /// What the media process is told of it.
    pub parameters: CodecParameters,
    /// Its name as offered.
    pub name: String,
    /// The format parameters of the answer.
    pub answer_fmtp: Option<String>,
    /// The peer would rather tell its own estimate (draft-alvestrand-rmcat-remb-03) than arrival times.
    pub remb: bool,
}

/// The codecs of `media` that we forward, in the peer's order of preference (RFC 3264 §6.1: the
/// answer keeps it).
pub(super) fn read(media: &Media, kind: Kind) -> Vec<OfferedCodec> {
    let maps: Vec<RtpMap> = media.attributes_typed::<RtpMap>().filter_map(Result::ok).collect();
    let formats: Vec<Fmtp> = media.attributes_typed::<Fmtp>().filter_map(Result::ok).collect();
    let feedback: Vec<RtcpFb> = media.attributes_typed::<RtcpFb>().filter_map(Result::ok).collect();
    let listed = media.fmt.split_ascii_whitespace().filter_map(|format| format.parse::<u8>().ok());
    let mut codecs: Vec<OfferedCodec> = Vec::new();
    for payload_type in listed.filter(|&pt| is_dynamic(pt)) {
        let Some(map) = maps.iter().find(|map| map.payload_type == payload_type) else { continue };
        let fmtp = formats.iter().find(|fmtp| fmtp.fmt == payload_type);
        let Some((codec, format, answer_fmtp)) = recognise(map, fmtp, kind) else { continue };
        if codecs.iter().any(|known| known.parameters.payload_type.0 == payload_type) {
            continue;
        }
        let mut parameters = CodecParameters {
            codec,
            format,
            payload_type: PayloadType(payload_type),
            rtx: find_rtx(&maps, &formats, map),
            red: find_red(&maps, &formats, map),
            clock_rate: map.clock_rate,
            nack: false,
            pli: false,
            fir: false,
            transport_cc: false,
        };
        let remb = read_feedback(&mut parameters, &feedback) && !parameters.transport_cc;
        codecs.push(OfferedCodec { parameters, name: map.encoding_name.clone(), answer_fmtp, remb });
    }
    h264::settle_baseline(&mut codecs);
    codecs.truncate(MAX_CODECS);
    codecs
}

/// RFC 8843 §10.1.2 and RFC 5761 §4: with RTCP on the same port 64–95 cannot be told from RTCP.
fn is_dynamic(payload_type: u8) -> bool {
    payload_type < 64 || (96..128).contains(&payload_type)
}

/// The codec, the number that tells its incompatible formats apart, and our format parameters.
fn recognise(map: &RtpMap, fmtp: Option<&Fmtp>, kind: Kind) -> Option<(Codec, u32, Option<String>)> {
    let name = map.encoding_name.to_ascii_lowercase();
    match (kind, name.as_str(), map.clock_rate) {
        // RFC 7587 §7: always 48000/2, whatever is inside. Our parameters follow from what is
        // configured.
        (Kind::Audio, "opus", 48_000) => {
            let stereo = map.encoding_params.as_deref() == Some("2");
            stereo.then_some((Codec::Opus, 0, None))
        }
        // RFC 7741 §6.1: max-fs and max-fr are limits of a receiver; a forwarder has none.
        (Kind::Video, "vp8", 90_000) => Some((Codec::Vp8, 0, None)),
        // RFC 9628 §6: profile 0 when not said.
        (Kind::Video, "vp9", 90_000) => {
            let profile = number(fmtp, "profile-id", 0)?;
            Some((Codec::Vp9, profile, fmtp.map(|_| format!("profile-id={profile}"))))
        }
        (Kind::Video, "h264", 90_000) => {
            let format = h264::Format::read(fmtp)?;
            Some((Codec::H264, format.number(), Some(format.answer())))
        }
        // AV1 RTP payload format §7.2.1: the profile must be the same on both sides; level and tier
        // are limits of a receiver, which we repeat.
        (Kind::Video, "av1", 90_000) => {
            Some((Codec::Av1, number(fmtp, "profile", 0)?, fmtp.map(repeat).filter(|text| !text.is_empty())))
        }
        _ => None,
    }
}

/// A format parameter; names are case-insensitive.
pub(super) fn parameter<'a>(fmtp: Option<&'a Fmtp>, name: &str) -> Option<&'a str> {
    let parameters = &fmtp?.format_specific_params;
    parameters.iter().find(|one| one.param.eq_ignore_ascii_case(name))?.val.as_deref().map(str::trim)
}

/// A small number, or `default` when it is not there; `None` when it makes no sense.
pub(super) fn number(fmtp: Option<&Fmtp>, name: &str, default: u32) -> Option<u32> {
    match parameter(fmtp, name) {
        None => Some(default),
        Some(text) => text.parse().ok().filter(|&number| number < 256),
    }
}

fn repeat(fmtp: &Fmtp) -> String {
    let plain = |text: &str| text.len() <= 32 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let known = fmtp.format_specific_params.iter().filter_map(|one| {
        let value = one.val.as_deref()?;
        (plain(&one.param) && plain(value)).then(|| format!("{}={value}", one.param))
    });
    known.collect::<Vec<_>>().join(";")
}

/// RFC 4588 §8.6: the payload type whose `apt` names the codec's own, at the same clock rate.
fn find_rtx(maps: &[RtpMap], formats: &[Fmtp], codec: &RtpMap) -> Option<PayloadType> {
    let of_codec = |map: &&RtpMap| {
        map.encoding_name.eq_ignore_ascii_case("rtx")
            && map.clock_rate == codec.clock_rate
            && is_dynamic(map.payload_type)
            && formats.iter().any(|fmtp| {
                fmtp.fmt == map.payload_type
                    && number(Some(fmtp), "apt", 255) == Some(u32::from(codec.payload_type))
            })
    };
    maps.iter().find(of_codec).map(|map| PayloadType(map.payload_type))
}

/// RFC 2198 §5: the payload type whose format parameters list the codec's own and nothing else, at the
/// same clock rate. Only for sound: browsers' `red` for pictures is another thing, see [`correction`].
fn find_red(maps: &[RtpMap], formats: &[Fmtp], codec: &RtpMap) -> Option<PayloadType> {
    let own = codec.payload_type.to_string();
    let of_codec = |map: &&RtpMap| {
        let only_own = |fmtp: &Fmtp| {
            let [one] = &fmtp.format_specific_params[..] else { return false };
            one.val.is_none() && one.param.split('/').all(|listed| listed.trim() == own)
        };
        map.encoding_name.eq_ignore_ascii_case("red")
            && codec.encoding_name.eq_ignore_ascii_case("opus")
            && map.clock_rate == codec.clock_rate
            && is_dynamic(map.payload_type)
            && formats.iter().any(|fmtp| fmtp.fmt == map.payload_type && only_own(fmtp))
    };
    maps.iter().find(of_codec).map(|map| PayloadType(map.payload_type))
}

/// What the peer offers to restore its pictures with (RFC 5109 §14.1), as browsers do it: ULPFEC and every
/// picture in packets of RED, whatever the codec. FlexFEC is behind a trial in Chromium, and in no other
/// browser.
pub(super) fn correction(media: &Media) -> Option<Correction> {
    let maps: Vec<RtpMap> = media.attributes_typed::<RtpMap>().filter_map(Result::ok).collect();
    let formats: Vec<Fmtp> = media.attributes_typed::<Fmtp>().filter_map(Result::ok).collect();
    let named = |name: &str| {
        maps.iter().find(|map| {
            map.encoding_name.eq_ignore_ascii_case(name)
                && map.clock_rate == 90_000
                && is_dynamic(map.payload_type)
        })
    };
    let (red, ulpfec) = (named("red")?, named("ulpfec")?);
    Some(Correction {
        red: PayloadType(red.payload_type),
        red_rtx: find_rtx(&maps, &formats, red),
        ulpfec: PayloadType(ulpfec.payload_type),
    })
}

/// Whether REMB is offered is returned: the media process reads it wherever it comes.
fn read_feedback(parameters: &mut CodecParameters, feedback: &[RtcpFb]) -> bool {
    let mut remb = false;
    for one in feedback {
        let ours = match one.pt {
            RtcpFbPt::Fmt(pt) => pt == parameters.payload_type.0,
            RtcpFbPt::Wildcard => true,
        };
        if !ours {
            continue;
        }
        match one.val {
            RtcpFbVal::Nack(None) => parameters.nack = true,
            RtcpFbVal::Nack(Some(RtcpFbNack::Pli)) => parameters.pli = true,
            RtcpFbVal::Ccm(RtcpFbCcm::Fir) => parameters.fir = true,
            RtcpFbVal::TransportCc => parameters.transport_cc = true,
            RtcpFbVal::Other(ref name) if name == REMB => remb = true,
            _ => {}
        }
    }
    remb
}
