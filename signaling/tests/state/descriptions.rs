//! Offers that are right, wrong, or nonsense, and what the answers say.

use crate::common::{Lab, fixture};
use proptest::prelude::*;
use volley::control::types::Codec;
use volley_signaling::sdp::{Offer, RtpSection};

const NAMES: [&str; 7] = [
    "example-client",
    "sendrecv-without-tracks",
    "grown-with-screen",
    "ice-restart",
    "recycle-1-before",
    "recycle-2-stopped",
    "recycle-3-added",
];

fn fixtures() -> Vec<String> {
    let browsers = ["chromium", "firefox"];
    browsers.iter().flat_map(|browser| NAMES.map(|name| fixture(&format!("{browser}-{name}")))).collect()
}

fn answer(offer: &str) -> String {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    lab.offer(&page, offer)
}

/// The m-lines of a description, each with its attributes.
fn sections(sdp: &str) -> Vec<&str> {
    let starts: Vec<usize> = sdp.match_indices("\r\nm=").map(|(at, _)| at + 2).collect();
    let ends = starts.iter().skip(1).copied().chain([sdp.len()]);
    starts.iter().zip(ends).map(|(start, end)| &sdp[*start..end]).collect()
}

fn has(section: &str, line: &str) -> bool {
    section.lines().any(|one| one == line)
}

#[test]
fn every_answer_follows_its_offer_line_by_line() {
    for offer in fixtures() {
        let answer = answer(&offer);
        let (offered, answered) = (sections(&offer), sections(&answer));
        assert_eq!(offered.len(), answered.len());
        assert!(answer.starts_with("v=0\r\no=- "), "{answer}");
        assert!(has(&answer, "a=ice-lite"));
        for (offered, answered) in offered.iter().zip(&answered) {
            assert_eq!(offered.split(' ').next(), answered.split(' ').next(), "the medium stays");
            let mid = offered.lines().find(|line| line.starts_with("a=mid:")).unwrap();
            assert!(has(answered, mid), "{answered}");
            let directions =
                [("a=sendrecv", "a=sendrecv"), ("a=sendonly", "a=recvonly"), ("a=recvonly", "a=sendonly")];
            let is_rejected = answered.lines().next().unwrap().split(' ').nth(1) == Some("0");
            for (theirs, ours) in directions {
                assert_eq!(has(offered, theirs) && !is_rejected, has(answered, ours) && !is_rejected);
            }
            if !is_rejected {
                assert!(has(answered, "a=setup:passive") && has(answered, "a=rtcp-mux"), "{answered}");
                assert_eq!(has(offered, "a=rtcp-rsize"), has(answered, "a=rtcp-rsize"));
                assert_eq!(has(offered, "a=sendonly"), !answered.contains("a=msid:"));
            }
            for unwanted in ["goog-remb", "telephone-event", "flexfec", "G722", "a=rid", "a=simulcast"] {
                assert!(!answered.contains(unwanted), "{unwanted}: {answered}");
            }
            let corrects = answered.contains("red/90000") || answered.contains("ulpfec");
            assert!(!corrects || has(answered, "a=recvonly"), "we correct nothing that we send: {answered}");
        }
        let candidates = answer.matches("a=candidate:").count();
        assert_eq!(candidates, 2, "in the first m-line only: {answer}");
        assert!(answer.contains("a=candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host\r\n"), "{answer}");
        assert!(answer.contains(" 2001:db8::1 50000 typ host\r\na=end-of-candidates\r\n"), "{answer}");
        assert!(answer.contains("a=fingerprint:sha-256 00:01:02:03:04"), "{answer}");
    }
}

#[test]
fn payload_types_of_an_answer_are_those_of_the_offer() {
    for offer in fixtures() {
        for line in answer(&offer).lines().filter(|line| line.starts_with("a=rtpmap:")) {
            let same = |one: &str| one.trim_end().eq_ignore_ascii_case(line);
            assert!(offer.lines().any(same), "{line} was not offered");
        }
    }
}

#[test]
fn all_codecs_we_forward_are_taken_and_h264_in_every_format_but_shadowed_baseline() {
    let answer = answer(&fixture("chromium-example-client"));
    let video = sections(&answer)[1];
    assert_eq!(
        video.lines().next().unwrap(),
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97 108 109 114 115 116 117 39 40 45 46 98 99 100 101"
    );
    for line in [
        "a=rtpmap:96 VP8/90000",
        "a=rtcp-fb:96 transport-cc",
        "a=rtcp-fb:96 ccm fir",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=fmtp:97 apt=96",
        "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "a=fmtp:45 level-idx=5;profile=0;tier=0",
        "a=fmtp:98 profile-id=0",
        "a=fmtp:100 profile-id=2",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    ] {
        assert!(has(video, line), "{line} is missing: {video}");
    }
    let audio = sections(&answer)[0];
    assert!(
        has(audio, "m=audio 9 UDP/TLS/RTP/SAVPF 63 111") && has(audio, "a=rtpmap:111 opus/48000/2"),
        "{audio}"
    );
    assert!(has(audio, "a=rtpmap:63 red/48000/2") && has(audio, "a=fmtp:63 111/111"), "{audio}");
}

#[test]
fn redundant_sound_is_taken_only_when_it_says_that_it_is_of_the_same_codec() {
    let offer = fixture("chromium-example-client");
    for other in ["a=fmtp:63 111/9", "a=fmtp:63 9/9", "a=ptime:20"] {
        let answer = answer(&offer.replace("a=fmtp:63 111/111", other));
        assert!(has(sections(&answer)[0], "m=audio 9 UDP/TLS/RTP/SAVPF 111"), "{other}: {answer}");
    }
}

#[test]
fn what_restores_pictures_is_taken_from_who_only_sends_them() {
    let offer = fixture("chromium-example-client");
    let both = answer(&offer);
    assert!(!both.contains("ulpfec"), "{both}");
    let answer = answer(&offer.replace("a=sendrecv", "a=sendonly"));
    let video = sections(&answer)[1];
    let names = |line: &str| offer.lines().find(|offered| offered.contains(line)).unwrap().to_owned();
    let (red, ulpfec) = (names(" red/90000"), names(" ulpfec/90000"));
    assert!(has(video, &red) && has(video, &ulpfec), "{video}");
    let payload_type = red.trim_start_matches("a=rtpmap:").split(' ').next().unwrap();
    assert!(video.contains(&format!(" apt={payload_type}\r\n")), "it is sent again as well: {video}");
}

#[test]
fn arrival_times_are_told_both_ways() {
    let offer = fixture("chromium-grown-with-screen");
    let answer = answer(&offer);
    for (offered, answered) in sections(&offer).iter().zip(sections(&answer)) {
        let told = " transport-cc\r\n";
        let rejected = answered.lines().next().unwrap().contains(" 0 ");
        assert_eq!(!rejected && offered.contains(told), answered.contains(told), "{answered}");
    }
    assert!(sections(&answer)[7].starts_with("m=application 0 "), "data channels are not taken: {answer}");
}

#[test]
fn who_cannot_tell_arrival_times_may_tell_his_own_estimate() {
    let offer = fixture("chromium-grown-with-screen").replace(" transport-cc\r\n", " x-none\r\n");
    let answer = answer(&offer);
    let sending = sections(&answer).into_iter().filter(|section| has(section, "a=sendonly"));
    let pictures: Vec<_> = sending.filter(|section| section.starts_with("m=video 9 ")).collect();
    assert!(!pictures.is_empty(), "{answer}");
    assert!(pictures.iter().all(|section| section.contains(" goog-remb\r\n")), "{answer}");
}

#[test]
fn an_extension_that_goes_one_way_is_answered_the_other_way() {
    let answer = answer(&fixture("firefox-example-client"));
    let line = "a=extmap:6/sendonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
    assert!(has(&answer, line), "{answer}");
}

#[test]
fn a_bundle_only_m_line_with_port_zero_is_alive() {
    let offer = fixture("chromium-example-client").replace("m=video 9 ", "m=video 0 ");
    assert!(sections(&answer(&offer))[1].starts_with("m=video 0 "));
    let offer = offer.replace("a=mid:1", "a=bundle-only\r\na=mid:1");
    assert!(sections(&answer(&offer))[1].starts_with("m=video 9 "));
}

#[test]
fn m_lines_that_would_need_their_own_transport_are_refused() {
    let whole = fixture("chromium-example-client");
    for (from, to) in [
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"),
        ("a=group:BUNDLE 0 1\r\n", ""),
        ("UDP/TLS/RTP/SAVPF 96", "UDP/TLS/RTP/SAVP 96"),
        ("VP8/90000", "THEORA/90000"),
    ] {
        let mut offer = whole.replace(from, to);
        if to.contains("THEORA") {
            for codec in ["H264", "AV1", "VP9"] {
                offer = offer.replace(codec, "THEORA");
            }
        }
        let answer = answer(&offer);
        assert!(sections(&answer)[0].starts_with("m=audio 9 "), "{from}: {answer}");
        assert!(sections(&answer)[1].starts_with("m=video 0 "), "{from}: {answer}");
        assert_eq!(answer.contains("a=group:BUNDLE 0\r\n"), offer.contains("BUNDLE"), "{from}: {answer}");
    }
    let answer = answer(&whole.replace("a=rtcp-mux\r\n", ""));
    assert!(!answer.contains("BUNDLE") && !answer.contains("candidate"), "{answer}");
}

/// The profile that a publisher names is the one that viewers must name, too.
#[test]
fn what_ffmpeg_calls_baseline_is_shown_to_browsers_that_know_the_constrained_one() {
    let formats = |name| -> Vec<u32> {
        let offer = Offer::parse(&fixture(name)).expect(name);
        let sections = offer.sections.iter().filter_map(|section| section.rtp.as_ref());
        let codecs = sections.flat_map(|section| &section.codecs).map(|codec| &codec.parameters);
        codecs.filter(|codec| codec.codec == Codec::H264).map(|codec| codec.format).collect()
    };
    let [format] = formats("ffmpeg")[..] else { panic!("{:?}", formats("ffmpeg")) };
    let of_browser = formats("chromium-example-client");
    assert!(of_browser.contains(&format), "{format}: {of_browser:?}");
}

#[test]
fn offers_that_cannot_be_served_say_why() {
    let whole = fixture("chromium-example-client");
    let cases = [
        (whole.replace("setup:actpass", "setup:holdconn"), "actpass, active or passive"),
        (whole.replace("a=ice-pwd", "a=x-pwd"), "a=ice-ufrag and a=ice-pwd"),
        (whole.replace("a=ice-ufrag:", "a=ice-ufrag:a b"), "a=ice-ufrag and a=ice-pwd"),
        (whole.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1"), "a=fingerprint"),
        (whole.replace("a=mid:1", "a=mid:0"), "two m-lines"),
        (whole.replace("a=group", "a=ice-lite\r\na=group"), "ice-lite"),
        (whole.replace("v=0", "v=7"), "cannot be read"),
        (format!("{whole}{}", "a=x\r\n".repeat(50_000)), "bytes"),
        (format!("{whole}{}", "m=audio 0 RTP/AVP 0\r\n".repeat(130)), "m-lines"),
        (String::new(), "cannot be read"),
    ];
    for (offer, part) in cases {
        let error = Offer::parse(&offer).expect_err(part).to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn retransmissions_are_known_by_their_group() {
    let offer = Offer::parse(&fixture("chromium-example-client")).unwrap();
    let video = offer.sections[1].rtp.as_ref().unwrap();
    assert_eq!(ssrcs(video), [(Some(1_818_868_531), Some(3_312_848_929))]);
    let offer = Offer::parse(&fixture("firefox-example-client")).unwrap();
    let video = offer.sections[1].rtp.as_ref().unwrap();
    assert_eq!(ssrcs(video), [(Some(324_809_098), Some(1_930_402_641))]);
}

fn ssrcs(section: &RtpSection) -> Vec<(Option<u32>, Option<u32>)> {
    let number = |ssrc: Option<volley::base::id::Ssrc>| ssrc.map(|ssrc| ssrc.0);
    section.encodings.iter().map(|one| (number(one.ssrc), number(one.rtx_ssrc))).collect()
}

/// Puts any description through the whole way, and what comes out through the parser again.
fn survives(sdp: &str) {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    lab.say(page.socket, serde_json::json!({"type":"offer","sdp":sdp}));
    for message in lab.heard(page.socket) {
        if let volley_signaling::protocol::ServerMessage::Answer { sdp, .. } = message {
            sdp_types::Session::parse(sdp.as_bytes()).expect("an answer is SDP");
        }
    }
    lab.say(page.socket, serde_json::json!({"type":"offer","sdp":fixture("firefox-grown-with-screen")}));
    lab.kill();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_brings_the_process_down(text in "\\PC{0,200}") {
        survives(&text);
    }

    #[test]
    fn no_mixed_up_offer_brings_the_process_down(
        which in 0usize..14,
        edits in prop::collection::vec((0usize..300, 0usize..300, 0u8..5, "[ -~]{0,12}"), 1..12),
    ) {
        let sdp = fixtures().swap_remove(which);
        let mut lines: Vec<String> = sdp.lines().map(str::to_owned).collect();
        for (at, from, how, text) in edits {
            let (at, from) = (at % lines.len(), from % lines.len());
            match how {
                0 => drop(lines.remove(at)),
                1 => lines[at] = lines[from].clone(),
                2 => lines.insert(at, lines[from].clone()),
                3 => lines[at].push_str(&text),
                _ => {
                    let cut = text.len().min(lines[at].len());
                    lines[at].replace_range(..cut, &text[..cut]);
                }
            }
            if lines.is_empty() {
                break;
            }
        }
        survives(&(lines.join("\r\n") + "\r\n"));
    }
}
