//! Offers as the server reads them, answers as it writes them.

use super::*;
use crate::signal::Person;
use volley_signaling::sdp as server;

const FINGERPRINT: &str = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:\
                           00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

fn local() -> Credentials {
    Credentials { ufrag: "0123abcd".to_owned(), password: "0123456789abcdef0123456789abcdef".to_owned() }
}

fn wish(watch: u32, publishes: bool) -> Wish {
    let publish = [
        Publish { kind: Kind::Audio, layer: None, ssrc: 11, rtx_ssrc: None },
        Publish { kind: Kind::Video, layer: None, ssrc: 12, rtx_ssrc: Some(13) },
    ];
    Wish {
        person: Person { room: 3, number: 4 },
        publish: if publishes { publish.to_vec() } else { Vec::new() },
        watch,
        room_size: 5,
        tells_loudness: false,
        fingerprint: FINGERPRINT.to_owned(),
    }
}

/// What the server makes of an offer.
fn read(wish: &Wish) -> server::Offer {
    let local = local();
    let offer = Offer::new(wish, &local).expect("it is small enough");
    server::Offer::parse(&offer.write()).expect("the server reads it")
}

#[test]
fn the_server_understands_every_line_of_an_offer() {
    let offer = read(&wish(4, true));
    let sections: Vec<_> =
        offer.sections.iter().map(|section| section.rtp.as_ref().expect("it can take part")).collect();
    assert_eq!(sections.len(), 8);
    assert_eq!(sections.iter().filter(|section| section.sends).count(), 2);
    assert!(sections.iter().all(|section| section.receives && section.reduced_size));
    let sources = |section: usize| {
        let encoding = &sections[section].encodings[0];
        (encoding.ssrc.map(|ssrc| ssrc.0), encoding.rtx_ssrc.map(|ssrc| ssrc.0))
    };
    assert_eq!((sources(0), sources(1)), ((Some(11), None), (Some(12), Some(13))));
    assert!(sections.iter().all(|section| section.extensions.len() == 2));
    let video = &sections[1].codecs[0].parameters;
    assert!(video.nack && video.pli && video.fir && video.transport_cc);
    assert_eq!(video.rtx.map(|rtx| rtx.0), Some(RTX));
    let peer = offer.peer.expect("there is a transport");
    assert_eq!((peer.ice.ufrag, peer.ice.password), (local().ufrag, local().password));
    assert_eq!(peer.fingerprint.value[..3], [0x00, 0x11, 0x22]);
}

#[test]
fn who_only_publishes_offers_to_send_and_who_only_watches_to_receive() {
    let sends = read(&wish(0, true));
    assert_eq!(sends.sections.len(), 2);
    assert!(sends.sections.iter().flat_map(|s| &s.rtp).all(|rtp| rtp.sends && !rtp.receives));
    let watches = read(&wish(3, false));
    assert_eq!(watches.sections.len(), 6);
    assert!(watches.sections.iter().flat_map(|s| &s.rtp).all(|rtp| !rtp.sends && rtp.receives));
}

#[test]
fn the_largest_offer_is_still_taken_and_a_larger_one_is_refused_here() {
    assert_eq!(read(&wish(MOST_WATCHED, true)).sections.len(), 128);
    let (too_much, local) = (wish(MOST_WATCHED + 1, true), local());
    let refusal = Offer::new(&too_much, &local).err().expect("65 are too many");
    assert!(refusal.to_string().contains("65"), "{refusal}");
    let line = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:128\r\na=inactive\r\n";
    let largest = wish(MOST_WATCHED, true);
    let longer = Offer::new(&largest, &local).expect("it is small enough").write() + line;
    let refusal = server::Offer::parse(&longer).expect_err("the server takes no more");
    assert!(refusal.to_string().contains("at most 128"), "{refusal}");
}

/// The server's own writer, on what it read of an offer.
fn answer(offer: &server::Offer) -> String {
    let ice = server::LocalIce { ufrag: "serverfrag".into(), password: "server-password-of-24-le".into() };
    let fingerprint = volley::control::types::Fingerprint {
        hash: volley::control::types::FingerprintHash::Sha256,
        value: (0..32).collect(),
    };
    let candidates = ["192.0.2.9:50000", "10.0.0.1:50000", "[2001:db8::1]:50000"]
        .map(|address| server::Candidate::Udp(address.parse().expect("an address")));
    // The load generator speaks UDP alone.
    let tcp = server::Candidate::Tcp("10.0.0.1:8080".parse().expect("an address"));
    let candidates = [&[tcp], &candidates[..]].concat();
    let sections = offer.sections.iter().flat_map(|section| &section.rtp);
    server::Answer {
        session_id: 1,
        version: 1,
        extmap_allow_mixed: true,
        is_bundle: true,
        ice: &ice,
        fingerprint: &fingerprint,
        role: volley::control::types::DtlsRole::Server,
        candidates: &candidates,
        cname: "cname",
        max_bitrate: None,
        sections: sections
            .map(|offered| server::AnswerSection::Accepted { offered, receives: offered.sends, seat: None })
            .collect(),
    }
    .write()
}

#[test]
fn an_answer_says_where_and_with_whom_and_what_is_sent() {
    let (wish, local) = (wish(2, true), local());
    let offer = Offer::new(&wish, &local).expect("it is small enough");
    let text = answer(&read(&wish));
    let reached = "10.0.0.1:8080".parse().expect("an address");
    let agreed = Answer::parse(&text).and_then(|answer| answer.agree(&offer, reached)).expect(&text);
    assert_eq!(agreed.remote_address.to_string(), "10.0.0.1:50000");
    assert_eq!(agreed.remote.ufrag, "serverfrag");
    assert!(agreed.remote_fingerprint.starts_with("00:01:02:"));
    assert!(agreed.controlling);
    let [sound, picture] = &agreed.sends[..] else { panic!("two are sent: {:?}", agreed.sends) };
    assert_eq!((sound.payload_type, sound.rtx_payload_type), (OPUS, None));
    assert_eq!((picture.payload_type, picture.rtx_payload_type), (VP8, Some(RTX)));
    assert_eq!(picture.mid, Some((MID.0, "1".to_owned())));
    assert_eq!(picture.transport_cc, Some(TRANSPORT_CC.0));
    let elsewhere = "203.0.113.5:8080".parse().expect("an address");
    let agreed = Answer::parse(&text).and_then(|answer| answer.agree(&offer, elsewhere)).expect(&text);
    assert_eq!(agreed.remote_address.to_string(), "192.0.2.9:50000", "the server's first");
}

#[test]
fn without_feedback_neither_side_numbers_packets_for_it() {
    let (wish, local) = (wish(2, true), local());
    let offer = Offer::new(&wish, &local).expect("it is small enough").without_feedback();
    let read = server::Offer::parse(&offer.write()).expect("the server reads it");
    for section in &read.sections {
        let rtp = section.rtp.as_ref().expect("it can take part");
        assert_eq!(rtp.extensions.len(), 1, "the MID alone");
        assert!(rtp.codecs.iter().all(|codec| !codec.parameters.transport_cc));
    }
    assert!(read.sections[1].rtp.as_ref().is_some_and(|video| video.codecs[0].parameters.nack));
    let reached = "10.0.0.1:8080".parse().expect("an address");
    let agreed = Answer::parse(&answer(&read)).and_then(|answer| answer.agree(&offer, reached));
    let agreed = agreed.expect("it is agreed");
    assert!(agreed.sends.iter().all(|sending| sending.transport_cc.is_none()));
    assert!(agreed.receives.is_some_and(|receiving| receiving.transport_cc.is_none()));
}

#[test]
fn a_rejected_line_is_an_error_that_names_it() {
    let (wish, local) = (wish(1, true), local());
    let offer = Offer::new(&wish, &local).expect("it is small enough");
    let text = answer(&read(&wish)).replace("m=video 9", "m=video 0");
    let reached = "10.0.0.1:8080".parse().expect("an address");
    let error = Answer::parse(&text).and_then(|answer| answer.agree(&offer, reached)).err();
    assert!(error.is_some_and(|error| error.to_string().contains("m-line 1")));
    assert!(Answer::parse("v=0\r\n").is_err());
}

/// Who publishes a picture in layers, and sound.
fn layered() -> Wish {
    let layers = Layer::ALL.map(|layer| {
        let ssrc = 20 + 2 * layer.place() as u32;
        Publish { kind: Kind::Video, layer: Some(layer), ssrc, rtx_ssrc: Some(ssrc + 1) }
    });
    let sound = Publish { kind: Kind::Audio, layer: None, ssrc: 11, rtx_ssrc: None };
    Wish { publish: [&[sound], &layers[..]].concat(), ..wish(0, false) }
}

#[test]
fn layers_are_offered_by_name_and_without_sources() {
    let offer = read(&layered());
    assert_eq!(offer.sections.len(), 2);
    let picture = offer.sections[1].rtp.as_ref().expect("it can take part");
    let rids: Vec<_> =
        picture.encodings.iter().map(|one| one.rid.map(|rid| rid.to_string()).unwrap_or_default()).collect();
    assert_eq!(rids, ["l", "m", "h"]);
    assert!(picture.encodings.iter().all(|one| one.ssrc.is_none() && one.rtx_ssrc.is_none()));
    let uris: Vec<&str> = picture.extensions.iter().map(|extension| extension.uri).collect();
    assert!(uris.contains(&RID.1) && uris.contains(&REPAIRED_RID.1), "{uris:?}");
    assert_eq!(offer.sections[0].rtp.as_ref().map(|sound| sound.extensions.len()), Some(2));
}

#[test]
fn an_answer_to_layers_says_under_which_ids_they_are_told_apart() {
    let (wish, local) = (layered(), local());
    let offer = Offer::new(&wish, &local).expect("it is small enough");
    let text = answer(&read(&wish));
    let agree = |text: &str| {
        let reached = "10.0.0.1:8080".parse().expect("an address");
        Answer::parse(text).and_then(|answer| answer.agree(&offer, reached))
    };
    let agreed = agree(&text).expect(&text);
    let [sound, layers @ ..] = &agreed.sends[..] else { panic!("{:?}", agreed.sends) };
    assert_eq!(sound.rids, None);
    assert_eq!(layers.len(), 3);
    for (layer, sending) in Layer::ALL.into_iter().zip(layers) {
        assert_eq!((sending.publish.layer, sending.rids), (Some(layer), Some((RID.0, REPAIRED_RID.0))));
        assert_eq!(sending.mid, Some((MID.0, "1".to_owned())));
    }
    let refusal = agree(&text.replace("recv l;m;h", "recv l;m")).err().map(|error| error.to_string());
    assert!(refusal.is_some_and(|why| why.contains("\"h\"")));
}
