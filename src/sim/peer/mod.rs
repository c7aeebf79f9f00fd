//! A simulated WebRTC peer: a browser's part of a call, sans-IO and in virtual time.
//!
//! Independent of the server's code where that matters: ICE, STUN, RTP and RTCP are written a
//! second time here. It knows nothing of rooms beyond what stands in its options, and it is told
//! nothing by the simulator that a page would not know.

pub mod arrivals;
pub mod decoder;
pub mod dtls;
pub mod format;
pub mod ice;
pub mod misbehaviour;
pub mod publisher;
pub mod remb;
pub mod rtcp;
pub mod rtp;
pub mod seat;
pub mod srtp;
pub mod stun;

use crate::base::id::Ssrc;
use crate::base::random::Random;
use crate::base::{SlotId, Time, TrackId, WallClock};
use crate::control::types::{IceCredentials, Kind};
use arrivals::Arrivals;
use dtls::{DtlsClient, Keys};
use ice::IceAgent;
use publisher::{Outgoing, Publisher, PublisherOptions};
use remb::Remb;
use rtcp::Message;
use seat::{Heard, Seat, SeatOptions, Wrong};
use srtp::Srtp;
use std::collections::VecDeque;
use std::time::Duration;

/// Between reports (libwebrtc's own for video).
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Between looks at what is missing.
const REQUEST_INTERVAL: Duration = Duration::from_millis(20);
/// Sealed packets kept for tracks whose retransmissions are the packets themselves.
const KEPT_SEALED: usize = 200;

/// What a peer is made with.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    /// Its ICE credentials.
    pub local: IceCredentials,
    /// The server's.
    pub remote: IceCredentials,
    /// Whether it offers DTLS 1.3.
    pub dtls_13: bool,
    /// Its wall clock, which is not the server's.
    pub wall: WallClock,
    /// The SSRC it reports under.
    pub ssrc: Ssrc,
    /// Where its luck comes from.
    pub seed: u64,
    /// Whether its sound is never loud enough to be speech.
    pub quiet: bool,
    /// Whether it tells its own estimate of what its link carries.
    pub remb: bool,
}

/// Something that came out of the peer for whoever watches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Observed {
    /// The handshake agreed on keys.
    Keys(Keys),
    /// A packet of media.
    Media(Heard),
    /// A packet that is wrong.
    Wrong(Option<SlotId>, Wrong),
    /// What the server says in RTCP.
    Control(Message),
    /// RTCP that was authentic and unreadable.
    UnreadableControl,
}

/// One end of a call.
#[derive(Debug)]
pub struct Peer {
    options: PeerOptions,
    random: Random,
    ice: IceAgent,
    dtls: DtlsClient,
    dtls_started: bool,
    srtp: Option<Srtp>,
    publishers: Vec<Publisher>,
    seats: Vec<Seat>,
    wide_sequence: u16,
    arrivals: Arrivals,
    remb: Option<Remb>,
    next_report: Time,
    next_requests: Time,
    sealed: VecDeque<(Ssrc, u16, Vec<u8>)>,
    outgoing: Vec<Vec<u8>>,
    observed: Vec<Observed>,
    published_bytes: u64,
}

impl Peer {
    /// A peer that begins to connect at `now`.
    pub fn new(options: PeerOptions, now: Time) -> Peer {
        let mut random = Random::new(options.seed);
        let ice = IceAgent::new(options.local.clone(), options.remote.clone(), random.next_u64(), now);
        let dtls = DtlsClient::new(random.next_u64(), options.dtls_13, now);
        Peer {
            ice,
            dtls,
            dtls_started: false,
            srtp: None,
            publishers: Vec::new(),
            seats: Vec::new(),
            wide_sequence: random.next_u32() as u16,
            arrivals: Arrivals::default(),
            remb: options.remb.then(Remb::default),
            next_report: now + REPORT_INTERVAL,
            next_requests: Time::NEVER,
            sealed: VecDeque::new(),
            outgoing: Vec::new(),
            observed: Vec::new(),
            published_bytes: 0,
            options,
            random,
        }
    }

    /// Publishes a track from now on.
    pub fn publish(&mut self, options: PublisherOptions, now: Time) {
        let seed = self.random.next_u64();
        self.publishers.push(Publisher::new(options, seed, now));
    }

    /// Ends a track.
    pub fn unpublish(&mut self, track: TrackId) {
        self.publishers.retain(|publisher| publisher.options().track != track);
    }

    /// Mutes or unmutes a track.
    pub fn set_muted(&mut self, track: TrackId, muted: bool) {
        let encodings = self.publishers.iter_mut().filter(|publisher| publisher.options().track == track);
        encodings.for_each(|publisher| publisher.set_muted(muted));
    }

    /// The server says which layers of a track are watched; as a page does it, others are paused.
    pub fn set_wanted(&mut self, track: TrackId, wanted: u8) {
        for publisher in self.publishers.iter_mut().filter(|publisher| publisher.options().track == track) {
            let is_wanted = wanted >> publisher.options().layer & 1 == 1;
            publisher.set_paused(!is_wanted, publisher.paused().1);
        }
    }

    /// Which of the encodings of its pictures are paused because nobody watches them.
    pub fn paused_layers(&self) -> Vec<bool> {
        let pictures = self.publishers.iter().filter(|publisher| publisher.kind() == Kind::Video);
        pictures.map(|publisher| publisher.paused().0).collect()
    }

    /// An encoder gives up one of several layers, or takes it up again.
    pub fn set_failing(&mut self, layer: u8, failing: bool) {
        let is_it =
            |publisher: &&mut Publisher| publisher.options().is_layered && publisher.options().layer == layer;
        for publisher in self.publishers.iter_mut().filter(is_it) {
            publisher.set_paused(publisher.paused().0, failing);
        }
    }

    /// The encoder of the camera codes so many spatial layers from now on.
    pub fn set_spatial(&mut self, layers: usize) {
        self.publishers.iter_mut().for_each(|publisher| publisher.set_spatial(layers));
    }

    /// Takes part in a receive seat.
    pub fn open_seat(&mut self, options: SeatOptions) {
        self.seats.push(Seat::new(options));
    }

    /// Begins ICE anew.
    pub fn restart_ice(&mut self, local: IceCredentials, remote: IceCredentials, now: Time) {
        self.ice.restart(local, remote, now);
    }

    /// Closes DTLS, as a page does that is left properly.
    pub fn close(&mut self) {
        if self.srtp.is_some() {
            self.dtls.close(&mut self.outgoing);
        }
    }

    /// Whether media may flow.
    pub fn is_connected(&self) -> bool {
        self.srtp.is_some()
    }

    /// Its ICE agent.
    pub fn ice(&self) -> &IceAgent {
        &self.ice
    }

    /// Its DTLS client.
    pub fn dtls(&self) -> &DtlsClient {
        &self.dtls
    }

    /// Its receive seats.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// Its tracks.
    pub fn publishers(&self) -> &[Publisher] {
        &self.publishers
    }

    /// What it sends since it was asked last.
    pub fn take_outgoing(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.outgoing)
    }

    /// What came out of it since it was asked last.
    pub fn take_observed(&mut self) -> Vec<Observed> {
        std::mem::take(&mut self.observed)
    }

    /// When [`on_timeout`](Self::on_timeout) is due.
    pub fn next_deadline(&self) -> Time {
        let mut at = self.ice.next_deadline();
        if self.dtls_started {
            at = at.min(self.dtls.next_deadline());
        }
        if self.srtp.is_some() {
            let media = self.publishers.iter().map(Publisher::next_deadline).min();
            at = at.min(media.unwrap_or(Time::NEVER)).min(self.next_report).min(self.next_requests);
            at = at.min(self.arrivals.deadline());
        }
        at
    }

    /// Does what is due.
    pub fn on_timeout(&mut self, now: Time) {
        self.outgoing.extend(self.ice.check(now));
        if self.dtls_started && now >= self.dtls.next_deadline() {
            self.dtls.on_timeout(now, &mut self.outgoing);
            self.note_keys();
        }
        if self.srtp.is_none() {
            return;
        }
        self.send_media(now);
        if now >= self.next_requests {
            self.send_requests(now);
        }
        if now >= self.arrivals.deadline() {
            let packet = self.arrivals.take(self.options.ssrc);
            let message = packet.map(|packet| Message::TransportWide { packet });
            self.send_compound(message.as_slice());
        }
        if now >= self.next_report {
            self.next_report = now + REPORT_INTERVAL;
            self.send_reports(now);
        }
    }

    /// Takes a datagram (RFC 7983: the first byte tells what it is).
    pub fn on_datagram(&mut self, now: Time, datagram: &[u8]) {
        match datagram.first() {
            Some(0..=3) => self.on_stun(now, datagram),
            Some(20..=63) => {
                self.dtls.on_datagram(now, datagram, &mut self.outgoing);
                self.note_keys();
            }
            Some(128..=191) if rtp::is_rtcp(datagram) => self.on_rtcp(now, datagram),
            Some(128..=191) => self.on_rtp(now, datagram),
            _ => {}
        }
    }

    fn on_stun(&mut self, now: Time, datagram: &[u8]) {
        if self.ice.on_answer(datagram) && !self.dtls_started {
            self.dtls_started = true;
            self.dtls.on_timeout(now, &mut self.outgoing);
        }
    }

    fn note_keys(&mut self) {
        if let Some(keys) = self.dtls.take_keys() {
            self.srtp = Some(Srtp::new(&keys));
            self.observed.push(Observed::Keys(keys));
        }
    }

    fn on_rtp(&mut self, now: Time, datagram: &[u8]) {
        let Some((packet, index)) = self.srtp.as_mut().and_then(|srtp| srtp.open_rtp(datagram)) else {
            return;
        };
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.takes(packet.header.ssrc)) else {
            return self.observed.push(Observed::Wrong(None, Wrong::Mid));
        };
        let wide = packet.header.extension(seat.options().extensions.transport_cc);
        if let Some(sequence) = wide.and_then(|wide| wide.try_into().ok()) {
            self.arrivals.on_packet(now, u16::from_be_bytes(sequence));
        }
        if let Some(remb) = self.remb.as_mut().filter(|_| packet.header.ssrc == seat.options().ssrc) {
            let clock_rate = if seat.options().kind == Kind::Audio { 48_000 } else { 90_000 };
            let stream = (packet.header.ssrc, clock_rate);
            remb.on_packet(now, stream, packet.header.timestamp, datagram.len());
        }
        match seat.on_packet(now, &packet, index) {
            Ok(Some(heard)) => self.observed.push(Observed::Media(heard)),
            Ok(None) => {}
            Err(wrong) => self.observed.push(Observed::Wrong(Some(seat.options().slot), wrong)),
        }
        if seat.is_impatient() && self.next_requests == Time::NEVER {
            self.next_requests = now + REQUEST_INTERVAL;
        }
        if let Some(bits_per_second) = self.remb.as_mut().and_then(|remb| remb.take(now)) {
            let ssrcs = self.seats.iter().map(|seat| seat.options().ssrc).collect();
            self.send_compound(&[Message::Remb { bits_per_second, ssrcs }]);
        }
    }

    fn on_rtcp(&mut self, now: Time, datagram: &[u8]) {
        let Some(compound) = self.srtp.as_mut().and_then(|srtp| srtp.open_rtcp(datagram)) else { return };
        let Some(messages) = rtcp::read(&compound) else {
            return self.observed.push(Observed::UnreadableControl);
        };
        for message in messages {
            self.on_control(now, &message);
            self.observed.push(Observed::Control(message));
        }
    }

    fn on_control(&mut self, now: Time, message: &Message) {
        match message {
            Message::SenderReport { ssrc, ntp, .. } => {
                if let Some(seat) = self.seats.iter_mut().find(|seat| seat.takes(*ssrc)) {
                    seat.on_sender_report(now, ntp.middle());
                }
            }
            Message::Nack { media, sequences } => {
                let again = self.publisher(*media).map(|publisher| publisher.on_nack(sequences));
                self.send_again(now, again.unwrap_or_default());
            }
            Message::PictureLoss { media } | Message::FullIntra { media, .. } => {
                if let Some(publisher) = self.publisher(*media) {
                    publisher.on_key_frame_request();
                }
            }
            _ => {}
        }
    }

    fn publisher(&mut self, ssrc: Ssrc) -> Option<&mut Publisher> {
        self.publishers.iter_mut().find(|publisher| publisher.options().ssrc == ssrc)
    }

    fn send_media(&mut self, now: Time) {
        for at in 0..self.publishers.len() {
            for packet in self.publishers[at].produce(now) {
                self.send_packet(now, at, packet);
            }
        }
    }

    fn send_again(&mut self, now: Time, packets: Vec<Outgoing>) {
        for packet in packets {
            let (ssrc, sequence) = (packet.header.ssrc, packet.header.sequence);
            let is_it = |publisher: &Publisher| publisher.options().rtx_ssrc == Some(ssrc);
            if let Some(at) = self.publishers.iter().position(is_it) {
                self.send_packet(now, at, packet);
                continue;
            }
            // The very same bytes: the same index must not be sealed with another content.
            let kept = self.sealed.iter().find(|kept| (kept.0, kept.1) == (ssrc, sequence));
            self.outgoing.extend(kept.map(|kept| kept.2.clone()));
        }
    }

    fn send_packet(&mut self, now: Time, at: usize, mut packet: Outgoing) {
        let Some(srtp) = &mut self.srtp else { return };
        let publisher = &self.publishers[at];
        let ids = publisher.options().extensions;
        let mut add = |id: Option<u8>, value: &[u8]| {
            packet.header.extensions.extend(id.map(|id| (id, value.to_vec())));
        };
        add(ids.mid, publisher.options().mid.as_bytes());
        if let Some(rid) = publisher.options().rid {
            let repairs = Some(packet.header.ssrc) == publisher.options().rtx_ssrc;
            add(if repairs { ids.repaired_rid } else { ids.rid }, rid.as_bytes());
        }
        add(ids.transport_cc, &self.wide_sequence.to_be_bytes());
        add(ids.abs_send_time, &[0, 0, 1]);
        if publisher.kind() == Kind::Audio {
            let level = if publisher.talks(now) && !self.options.quiet { 30 } else { 127 };
            add(ids.audio_level, &[0x80 | level]);
        }
        if ids.transport_cc.is_some() {
            self.wide_sequence = self.wide_sequence.wrapping_add(1);
        }
        self.publishers[at].correct(&mut packet);
        let publisher = &self.publishers[at];
        let sealed = srtp.seal_rtp(&packet.header, &packet.payload);
        if publisher.options().rtx_ssrc.is_none() {
            if self.sealed.len() == KEPT_SEALED {
                self.sealed.pop_front();
            }
            self.sealed.push_back((packet.header.ssrc, packet.header.sequence, sealed.clone()));
        }
        self.published_bytes += sealed.len() as u64;
        self.outgoing.push(sealed);
    }

    fn send_requests(&mut self, now: Time) {
        let messages: Vec<Message> = self.seats.iter_mut().flat_map(|seat| seat.requests(now)).collect();
        let impatient = self.seats.iter().any(Seat::is_impatient);
        self.next_requests = if impatient { now + REQUEST_INTERVAL } else { Time::NEVER };
        // RFC 5506: feedback may go by itself.
        self.send_compound(&messages);
    }

    fn send_reports(&mut self, now: Time) {
        let (ssrc, wall) = (self.options.ssrc, self.options.wall);
        let reports = self.publishers.iter().filter_map(|publisher| publisher.sender_report(now, &wall));
        let mut messages: Vec<Message> = reports.collect();
        let blocks: Vec<_> = self.seats.iter_mut().filter_map(|seat| seat.report(now)).collect();
        // RFC 3550 §6.4.2: at most 31 blocks in one report.
        for blocks in blocks.chunks(31) {
            messages.push(Message::ReceiverReport { ssrc, blocks: blocks.to_vec() });
        }
        self.send_compound(&messages);
    }

    fn send_compound(&mut self, messages: &[Message]) {
        let Some(srtp) = &mut self.srtp else { return };
        if messages.is_empty() {
            return;
        }
        let mut compound = Vec::new();
        messages.iter().for_each(|message| rtcp::write(message, self.options.ssrc, &mut compound));
        self.outgoing.push(srtp.seal_rtcp(&compound));
    }
}
