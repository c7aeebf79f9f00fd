//! A peer that is not ours: `str0m` calls another `str0m` through a shard, in virtual time and over
//! links that lose.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::config::{DtlsVersion, Fingerprint};
use str0m::format::{Codec as ForeignCodec, PayloadParams};
use str0m::ice::IceCreds;
use str0m::media::{KeyframeRequestKind, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::{Candidate, Event as ForeignEvent, Input, Output, Rtc, RtcConfig};
use volley::base::id::{PayloadType, Ssrc};
use volley::base::{
    ParticipantId, Path, RoomId, SlotId, SocketIndex, StreamId, Time, TrackId, TransportId, WallClock,
};
use volley::control::message::{OpenSlot, OpenTransport, Publish};
use volley::control::types::{
    self, Codec, CodecParameters, DtlsRole, Encoding, ExtensionIds, FingerprintHash, IceCredentials, Kind,
    Mid, Password, Source, TransportState,
};
use volley::control::{Command, Event};
use volley::shard::{Datagram, Shard, ShardConfig};
use volley::sim::link::{Link, LinkOptions};
use volley::sim::outbox::SimOutbox;
use volley::sim::payload::{self, Tag};
use volley::sim::peer::format::{Shape, descriptor, descriptor_len};
use volley::sim::queue::EventQueue;
use volley::transport::dtls::Identity;

const ROOM: RoomId = RoomId(1);
const STEP: Duration = Duration::from_millis(10);
const AUDIO_SSRC: u32 = 1_000;
const VIDEO_SSRC: u32 = 2_000;
const VIDEO_RTX_SSRC: u32 = 2_001;
const SEAT_AUDIO_SSRC: u32 = 3_000;
const SEAT_VIDEO_SSRC: u32 = 4_000;
const SEAT_VIDEO_RTX_SSRC: u32 = 4_001;

#[test]
fn two_foreign_peers_hear_and_see_each_other_on_a_clean_network() {
    let call = Call::over(LinkOptions::clean(Duration::from_millis(10)), DtlsVersion::Auto).run(4_000);
    for peer in &call.peers {
        assert!(peer.connected, "{} never connected", peer.name);
        peer.assert_heard(Kind::Audio, 1.0);
        peer.assert_heard(Kind::Video, 1.0);
        peer.assert_first_picture_is_a_key_frame();
    }
}

#[test]
fn a_foreign_peer_gets_every_picture_in_spite_of_loss() {
    let lossy = LinkOptions {
        loss: 0.03,
        jitter: Duration::from_millis(5),
        ..LinkOptions::clean(Duration::from_millis(15))
    };
    let call = Call::over(lossy, DtlsVersion::Dtls12).run(7_000);
    for peer in &call.peers {
        assert!(peer.up.lost() > 0 && peer.down.lost() > 0, "nothing was lost on the way");
        peer.assert_heard(Kind::Audio, 0.85);
        peer.assert_heard(Kind::Video, 0.99);
        peer.assert_first_picture_is_a_key_frame();
    }
}

#[test]
fn a_foreign_peer_that_asks_for_a_key_frame_gets_one() {
    let mut call = Call::over(LinkOptions::clean(Duration::from_millis(10)), DtlsVersion::Dtls13);
    call.run_until(2_000);
    let before = call.peers[1].key_frames(TrackId(2));
    let mut api = call.peers[1].rtc.direct_api();
    let stream = api.stream_rx(&SEAT_VIDEO_SSRC.into()).expect("the seat was announced");
    stream.request_keyframe(KeyframeRequestKind::Pli);
    let call = call.run(3_000);
    assert!(call.peers[1].key_frames(TrackId(2)) > before);
}

/// A shard, two peers and the links between.
struct Call {
    start: Instant,
    now: Time,
    shard: Shard,
    outbox: SimOutbox,
    queue: EventQueue<(Destination, Vec<u8>)>,
    peers: Vec<Foreign>,
}

#[derive(Clone, Copy)]
enum Destination {
    Shard(SocketAddr),
    Peer(usize),
}

/// One `str0m` with its links.
struct Foreign {
    name: &'static str,
    rtc: Rtc,
    address: SocketAddr,
    up: Link,
    down: Link,
    connected: bool,
    sent: [u64; 2],
    heard: Vec<Tag>,
    wants_key: bool,
}

impl Call {
    fn over(options: LinkOptions, dtls: DtlsVersion) -> Call {
        str0m::crypto::from_feature_flags().install_process_default();
        let identity = Identity::generate().expect("a certificate can be made");
        let fingerprint = identity.fingerprint_sha256();
        let wall = WallClock::new(1_700_000_000_000_000_000);
        let config = ShardConfig { identity, wall, seed: 1, deterministic_dtls: true, max_transports: 10 };
        let start = Instant::now();
        let mut call = Call {
            start,
            now: Time::ZERO,
            shard: Shard::new(config),
            outbox: SimOutbox::default(),
            queue: EventQueue::default(),
            peers: Vec::new(),
        };
        call.command(Command::OpenRoom { room: ROOM });
        for (number, name) in [(0, "Ada"), (1, "Ben")] {
            let (peer, commands) = Foreign::join(number, name, options, dtls, &fingerprint, start);
            call.peers.push(peer);
            commands.into_iter().for_each(|command| call.command(command));
        }
        call
    }

    fn run(mut self, until_ms: u64) -> Call {
        self.run_until(until_ms);
        self
    }

    fn run_until(&mut self, until_ms: u64) {
        while self.now < Time::from_millis(until_ms) {
            self.publish();
            self.advance(self.now + STEP);
        }
    }

    /// Lets everything happen that happens before `until`.
    fn advance(&mut self, until: Time) {
        while self.queue.next_at().is_some_and(|at| at <= until) {
            let Some((at, (destination, bytes))) = self.queue.pop() else { return };
            self.now = self.now.max(at);
            let instant = self.instant();
            match destination {
                Destination::Shard(from) => {
                    let path = Path { socket: SocketIndex(0), remote: from };
                    self.shard.on_datagram(
                        self.now,
                        Datagram { path, arrived: self.now, bytes: &bytes },
                        &mut self.outbox,
                    );
                }
                Destination::Peer(number) => self.peers[number].receive(instant, &bytes),
            }
            self.flush();
        }
        self.now = until;
        if self.shard.next_deadline().is_some_and(|at| at <= until) {
            self.shard.on_timeout(until, &mut self.outbox);
        }
        self.flush();
    }

    fn instant(&self) -> Instant {
        self.start + self.now.since(Time::ZERO)
    }

    fn command(&mut self, command: Command) {
        self.shard.on_command(self.now, command, &mut self.outbox);
        self.flush();
    }

    fn flush(&mut self) {
        self.shard.depart(self.now, &mut self.outbox);
        while let Some(event) = self.shard.poll_event() {
            let refused = matches!(event, Event::Refused { .. });
            let ended = matches!(event, Event::Transport { state: TransportState::Ended { .. }, .. });
            assert!(!refused && !ended, "{event:?}");
        }
        for sent in self.outbox.flush() {
            let Some(number) = self.peers.iter().position(|peer| peer.address == sent.path.remote) else {
                continue;
            };
            for at in self.peers[number].down.send(self.now, sent.bytes.len()) {
                self.queue.schedule(at, (Destination::Peer(number), sent.bytes.clone()));
            }
        }
        for number in 0..self.peers.len() {
            let (now, instant) = (self.now, self.instant());
            let peer = &mut self.peers[number];
            for bytes in peer.poll(instant) {
                for at in peer.up.send(now, bytes.len()) {
                    self.queue.schedule(at, (Destination::Shard(peer.address), bytes.clone()));
                }
            }
        }
    }

    /// Sound every 20 ms, a picture of two packets every 40 ms.
    fn publish(&mut self) {
        let (now, instant) = (self.now, self.instant());
        let step = now.as_millis() / STEP.as_millis() as u64;
        for peer in self.peers.iter_mut().filter(|peer| peer.connected) {
            if step.is_multiple_of(2) {
                peer.publish(now, instant, Kind::Audio);
            }
            if step.is_multiple_of(4) {
                peer.publish(now, instant, Kind::Video);
            }
        }
        self.flush();
    }
}

impl Foreign {
    fn join(
        number: u64,
        name: &'static str,
        options: LinkOptions,
        dtls: DtlsVersion,
        fingerprint: &[u8; 32],
        start: Instant,
    ) -> (Foreign, Vec<Command>) {
        let theirs = IceCreds { ufrag: format!("foreign{number}"), pass: "p".repeat(24) };
        let ours = IceCreds { ufrag: format!("server{number}"), pass: "s".repeat(24) };
        let config = RtcConfig::new().set_rtp_mode(true).set_dtls_version(dtls);
        let mut rtc = config.set_local_ice_credentials(theirs.clone()).build(start);
        let address = SocketAddr::from(([10, 0, 0, 1 + number as u8], 4_000));
        let local = Candidate::host(address, "udp").expect("an address");
        rtc.add_local_candidate(local);
        rtc.add_remote_candidate(Candidate::host(server_address(), "udp").expect("an address"));
        let mut api = rtc.direct_api();
        api.set_ice_controlling(true);
        api.set_remote_ice_credentials(ours.clone());
        api.set_remote_fingerprint(Fingerprint {
            hash_func: "sha-256".to_owned(),
            bytes: fingerprint.to_vec(),
        });
        api.start_dtls(true).expect("DTLS can start");
        for (mid, kind) in [("0", MediaKind::Audio), ("1", MediaKind::Video)] {
            api.declare_media(mid.into(), kind);
        }
        api.declare_stream_tx(AUDIO_SSRC.into(), None, "0".into(), None);
        api.declare_stream_tx(VIDEO_SSRC.into(), Some(VIDEO_RTX_SSRC.into()), "1".into(), None);
        api.expect_stream_rx(SEAT_AUDIO_SSRC.into(), None, "0".into(), None);
        api.expect_stream_rx(SEAT_VIDEO_SSRC.into(), Some(SEAT_VIDEO_RTX_SSRC.into()), "1".into(), None);
        let fingerprint = api.local_dtls_fingerprint().to_string();
        let commands = commands(number, &rtc, &fingerprint, &ours, &theirs);
        rtc.handle_input(Input::Timeout(start)).expect("time may pass");
        let peer = Foreign {
            name,
            rtc,
            address,
            up: Link::new(options, 2 * number),
            down: Link::new(options, 2 * number + 1),
            connected: false,
            sent: [0; 2],
            heard: Vec::new(),
            wants_key: true,
        };
        (peer, commands)
    }

    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        let contents = bytes.try_into().expect("the server sends what can be told apart");
        let (source, destination) = (server_address(), self.address);
        let receive = Receive { proto: Protocol::Udp, source, destination, contents };
        self.rtc.handle_input(Input::Receive(now, receive)).expect("what the server sends is good");
    }

    fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        loop {
            match self.rtc.poll_output().expect("a good peer") {
                Output::Transmit(transmit) => out.push(transmit.contents.to_vec()),
                Output::Event(event) => self.on_event(event),
                Output::Timeout(at) if at <= now => {
                    self.rtc.handle_input(Input::Timeout(now)).expect("time may pass");
                }
                Output::Timeout(_) => return out,
            }
        }
    }

    fn on_event(&mut self, event: ForeignEvent) {
        match event {
            ForeignEvent::Connected => self.connected = true,
            ForeignEvent::KeyframeRequest(_) => self.wants_key = true,
            ForeignEvent::RtpPacket(packet) if !packet.payload.is_empty() => {
                let ssrc = *packet.header.ssrc;
                let codec = if ssrc == SEAT_AUDIO_SSRC { Codec::Opus } else { Codec::Vp8 };
                let header = descriptor_len(codec, &packet.payload).expect("a descriptor");
                self.heard.push(payload::read(&packet.payload, header).expect("an unchanged payload"));
            }
            _ => {}
        }
    }

    fn track(&self, kind: Kind) -> TrackId {
        let number = u64::from(self.address.ip().to_string().ends_with('2'));
        TrackId(1 + 2 * number + u64::from(kind == Kind::Video))
    }

    fn publish(&mut self, now: Time, instant: Instant, kind: Kind) {
        let params = params(&self.rtc, kind);
        let (ssrc, clock, codec) = match kind {
            Kind::Audio => (AUDIO_SSRC, 48, Codec::Opus),
            Kind::Video => (VIDEO_SSRC, 90, Codec::Vp8),
        };
        let key = kind == Kind::Audio || std::mem::take(&mut self.wants_key);
        let packets = if kind == Kind::Audio { 1 } else { 2 };
        for n in 0..packets {
            let (first, last) = (n == 0, n + 1 == packets);
            let index = self.sent[kind as usize];
            self.sent[kind as usize] += 1;
            let (room, track) = (ROOM, self.track(kind));
            let tag = Tag {
                room,
                track,
                index,
                captured: now,
                frame: 0,
                key,
                first,
                last,
                kind,
                corrected: false,
                layer: 0,
                svc: None,
            };
            let mut payload = descriptor(codec, &Shape { frame: 0, key, first, last });
            payload::write(&mut payload, &tag, if kind == Kind::Audio { 80 } else { 900 });
            let payload: Arc<[u8]> = payload.into();
            let time = (now.as_millis() * clock) as u32;
            let write = RtpWrite::new(params.pt(), (100 + index).into(), time, instant, payload);
            let write = write.marker(last).nackable(kind == Kind::Video).ext_vals(ExtensionValues::default());
            let mut api = self.rtc.direct_api();
            api.stream_tx(&ssrc.into()).expect("a declared stream").write_rtp(write);
        }
    }

    fn heard(&self, kind: Kind) -> impl Iterator<Item = &Tag> {
        self.heard.iter().filter(move |tag| tag.kind == kind)
    }

    /// At least `share` of the other's packets since the first one, the last ones being on their way.
    fn assert_heard(&self, kind: Kind, share: f64) {
        let other =
            self.heard(kind).next().unwrap_or_else(|| panic!("{} heard no {kind:?}", self.name)).track;
        assert_ne!(other, self.track(kind), "{} hears himself", self.name);
        let indices: BTreeSet<u64> = self.heard(kind).map(|tag| tag.index).collect();
        let (Some(first), Some(last)) = (indices.first(), indices.last()) else { return };
        let settled = last - 30;
        let (got, all) = (indices.range(..=settled).count() as f64, (settled + 1 - first) as f64);
        assert!(all >= 50.0, "{} heard {all} packets of {kind:?}", self.name);
        assert!(got >= share * all, "{} heard {got} of {all} packets of {kind:?}", self.name);
    }

    fn assert_first_picture_is_a_key_frame(&self) {
        let earliest = self.heard(Kind::Video).min_by_key(|tag| tag.index).expect("a picture came");
        assert!(earliest.key && earliest.first, "{} began with {earliest:?}", self.name);
    }

    fn key_frames(&self, track: TrackId) -> usize {
        self.heard.iter().filter(|tag| tag.track == track && tag.key && tag.first).count()
    }
}

fn server_address() -> SocketAddr {
    SocketAddr::from(([10, 9, 9, 9], 50_000))
}

fn params(rtc: &Rtc, kind: Kind) -> PayloadParams {
    let codec = if kind == Kind::Audio { ForeignCodec::Opus } else { ForeignCodec::Vp8 };
    *rtc.codec_config().find(|params| params.spec().codec == codec).expect("a default codec")
}

/// What signaling would make of the peer's offer.
fn commands(number: u64, rtc: &Rtc, fingerprint: &str, ours: &IceCreds, theirs: &IceCreds) -> Vec<Command> {
    let (participant, transport) = (ParticipantId(1 + number), TransportId(1 + number));
    let mut commands = vec![
        Command::Join { room: ROOM, participant },
        Command::OpenTransport(Box::new(OpenTransport {
            participant,
            transport,
            local: credentials(ours),
            remote: credentials(theirs),
            fingerprint: parse_fingerprint(fingerprint),
            role: DtlsRole::Server,
            cname: "foreign".try_into().expect("it is short"),
        })),
    ];
    for kind in [Kind::Audio, Kind::Video] {
        let codecs = std::iter::once(parameters(&params(rtc, kind), kind));
        let video = kind == Kind::Video;
        let (ssrc, rtx) = if video { (VIDEO_SSRC, Some(VIDEO_RTX_SSRC)) } else { (AUDIO_SSRC, None) };
        let encoding = Encoding { ssrc: Some(Ssrc(ssrc)), rtx_ssrc: rtx.map(Ssrc), rid: None };
        commands.push(Command::Publish(Box::new(Publish {
            transport,
            track: TrackId(1 + 2 * number + u64::from(video)),
            stream: StreamId(1 + number),
            kind,
            source: if video { Source::Camera } else { Source::Microphone },
            mid: mid(kind),
            muted: false,
            encodings: std::iter::once(encoding).collect(),
            codecs: codecs.clone().collect(),
            correction: None,
            extensions: extensions(),
        })));
        let (ssrc, rtx) =
            if video { (SEAT_VIDEO_SSRC, Some(SEAT_VIDEO_RTX_SSRC)) } else { (SEAT_AUDIO_SSRC, None) };
        commands.push(Command::OpenSlot(Box::new(OpenSlot {
            transport,
            slot: SlotId(1 + 2 * number + u64::from(video)),
            stream: StreamId(10 + number),
            kind,
            mid: mid(kind),
            ssrc: Ssrc(ssrc),
            rtx_ssrc: rtx.map(Ssrc),
            codecs: codecs.collect(),
            extensions: extensions(),
        })));
    }
    commands
}

fn parse_fingerprint(text: &str) -> types::Fingerprint {
    let value = text.strip_prefix("sha-256 ").expect("str0m hashes with SHA-256");
    let bytes = value.split(':').map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal"));
    types::Fingerprint { hash: FingerprintHash::Sha256, value: bytes.collect() }
}

fn credentials(creds: &IceCreds) -> IceCredentials {
    IceCredentials {
        ufrag: creds.ufrag.as_str().try_into().expect("it is short"),
        password: Password::new(creds.pass.as_bytes()).expect("it is short"),
    }
}

fn mid(kind: Kind) -> Mid {
    let mid = if kind == Kind::Audio { "0" } else { "1" };
    mid.try_into().expect("it is short")
}

fn parameters(params: &PayloadParams, kind: Kind) -> CodecParameters {
    let video = kind == Kind::Video;
    CodecParameters {
        codec: if video { Codec::Vp8 } else { Codec::Opus },
        format: 0,
        payload_type: PayloadType(*params.pt()),
        rtx: params.resend().map(|pt| PayloadType(*pt)),
        red: None,
        clock_rate: if video { 90_000 } else { 48_000 },
        nack: video,
        pli: video,
        fir: video,
        transport_cc: true,
    }
}

/// As `ExtensionMap::standard()` of `str0m` has them.
fn extensions() -> ExtensionIds {
    ExtensionIds {
        mid: Some(4),
        transport_cc: Some(3),
        abs_send_time: Some(2),
        audio_level: Some(1),
        ..ExtensionIds::default()
    }
}
