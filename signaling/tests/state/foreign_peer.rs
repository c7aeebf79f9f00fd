//! `str0m`, a WebRTC peer that is not ours, offers; it must take our answers.

use crate::common::{Lab, names};
use std::time::Instant;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind};
use str0m::{Candidate, Rtc};

fn peer() -> Rtc {
    let mut rtc = Rtc::builder().build(Instant::now());
    let address = "192.0.2.77:4444".parse().unwrap();
    rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
    rtc
}

fn offer(rtc: &mut Rtc, media: &[(MediaKind, Direction)]) -> (String, SdpPendingOffer) {
    let mut changes = rtc.sdp_api();
    for (kind, direction) in media {
        changes.add_media(*kind, *direction, None, None, None);
    }
    let (offer, pending) = changes.apply().expect("there is something to offer");
    (offer.to_sdp_string(), pending)
}

fn accept(rtc: &mut Rtc, pending: SdpPendingOffer, answer: &str) {
    let parsed = SdpAnswer::from_sdp_string(answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
    rtc.sdp_api().accept_answer(pending, parsed).unwrap_or_else(|error| panic!("{error}: {answer}"));
}

#[test]
fn str0m_takes_our_answers_from_the_first_to_the_grown_one() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    let mut rtc = peer();
    let both = [(MediaKind::Audio, Direction::SendRecv), (MediaKind::Video, Direction::SendRecv)];
    let (sdp, pending) = offer(&mut rtc, &both);
    let answer = lab.offer(&page, &sdp);
    accept(&mut rtc, pending, &answer);
    let commands = lab.commands();
    assert_eq!(names(&commands)[2..], ["open-transport", "publish", "open-slot", "publish", "open-slot"]);

    let more = [(MediaKind::Audio, Direction::RecvOnly), (MediaKind::Video, Direction::RecvOnly)];
    let (sdp, pending) = offer(&mut rtc, &more);
    let answer = lab.offer(&page, &sdp);
    accept(&mut rtc, pending, &answer);
    assert_eq!(names(&lab.commands()), ["open-slot", "open-slot"], "{sdp}");
    assert_eq!(answer.matches("a=sendonly").count(), 2, "{answer}");
}

#[test]
fn str0m_restarts_ice() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "one");
    let mut rtc = peer();
    let (sdp, pending) = offer(&mut rtc, &[(MediaKind::Video, Direction::SendOnly)]);
    accept(&mut rtc, pending, &lab.offer(&page, &sdp));
    lab.commands();
    let mut changes = rtc.sdp_api();
    changes.ice_restart(true);
    let (again, pending) = changes.apply().expect("a restart is something to offer");
    accept(&mut rtc, pending, &lab.offer(&page, &again.to_sdp_string()));
    assert_eq!(names(&lab.commands()), ["restart-ice"]);
}
