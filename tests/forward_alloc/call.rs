//! One publisher and those who watch, around real shards, in virtual time.

use crate::source::Source;
use crate::train::Trains;
use allocation_counter::measure;
use std::collections::VecDeque;
use std::ops::Sub;
use std::time::Duration;
use volley::base::id::Ssrc;
use volley::base::random::Random;
use volley::base::{Path, RoomId, SocketIndex, Time, WallClock, WorkerId};
use volley::control::tap::Tapped;
use volley::control::types::{Codec, Kind};
use volley::control::{Command, Event};
use volley::shard::{Datagram, MeshBatch, Shard, ShardConfig};
use volley::sim::ledger::Ledger;
use volley::sim::link::LinkOptions;
use volley::sim::payload;
use volley::sim::peer::Observed;
use volley::sim::peer::arrivals::Arrivals;
use volley::sim::peer::format::{Shape, descriptor_len};
use volley::sim::peer::rtcp::{self, Block, Message};
use volley::sim::peer::rtp::{self, Header};
use volley::sim::peer::srtp::Srtp;
use volley::sim::person::{Ids, Person};
use volley::sim::scenario::PersonPlan;
use volley::transport::dtls::Identity;

const WALL: WallClock = WallClock::new(1_700_000_000_000_000_000);

/// One video packet each: about 2 Mbit/s at half a full packet on average.
const STEP: Duration = Duration::from_micros(2_500);
/// Opus comes every 20 ms.
const STEPS_PER_AUDIO: u64 = 8;
const PACKETS_PER_FRAME: u64 = 8;
/// Every so manieth video packet is lost on its way to the shard, another comes late.
const LOST_EVERY: u64 = 97;
const LATE_EVERY: u64 = 31;
/// Retransmissions are asked for every 100 ms, key frames every 2 s, reports are made every second.
const STEPS_PER_NACK: u64 = 40;
const STEPS_PER_KEY_FRAME_WISH: u64 = 800;
const STEPS_PER_REPORT: u64 = 400;
/// Sequence numbers one wish for retransmissions names.
const ASKED_AT_ONCE: usize = 5;

macro_rules! counters {
    ($(#[$doc:meta])* $name:ident { $($field:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, Debug)]
        pub(crate) struct $name {
            $(pub(crate) $field: u64,)*
        }

        impl Sub for $name {
            type Output = $name;

            fn sub(self, before: $name) -> $name {
                $name { $($field: self.$field - before.$field,)* }
            }
        }
    };
}

counters! {
    /// Allocations inside calls into the shard, by what the call was for.
    Allocated { rtp, rtcp, stun, dtls, ticks }
}

counters! {
    /// What went in and came out.
    Tally {
        video_in, audio_in, video_out, audio_out, recovered, asked_again, resent, key_frames_asked,
        reports_out, wide_feedback, arrivals_told, probes_out, ticks, checks, recorded,
    }
}

/// Somebody in the call. His peer sees to ICE and DTLS; media and feedback are made here.
struct Member {
    person: Person,
    /// On which shard.
    shard: usize,
    path: Path,
    srtp: Option<Srtp>,
    /// The last sequence numbers of the picture he was sent.
    seen: VecDeque<u16>,
    /// What he has asked for and not got yet.
    asked: Vec<u16>,
    /// What he has not told yet of the arrival of packets.
    arrivals: Arrivals,
}

/// A call at work. The first member publishes, the others watch.
pub(crate) struct Call {
    shards: Vec<Shard>,
    /// What is on its way from one shard to the other, and was given back empty.
    batch: MeshBatch,
    /// Where the shard writes.
    pub(crate) out: Trains,
    /// What the shard allocated so far.
    pub(crate) allocated: Allocated,
    /// Bytes that the shard has allocated and not given back.
    pub(crate) held: i64,
    /// What happened so far.
    pub(crate) tally: Tally,
    members: Vec<Member>,
    sources: Vec<Source>,
    late: Option<Vec<u8>>,
    wide_sequence: u16,
    wants_key: bool,
    step: u64,
    now: Time,
}

impl Call {
    /// A call whose members have all shaken hands.
    pub(crate) fn connected(subscribers: usize) -> Call {
        Call::on_shards(1, subscribers, 1)
    }

    /// The same, and each who watches has so many pairs of seats.
    pub(crate) fn with_seats(subscribers: usize, pairs: usize) -> Call {
        Call::on_shards(1, subscribers, pairs)
    }

    /// The same, but those who watch are on another shard than who publishes.
    pub(crate) fn connected_across(subscribers: usize) -> Call {
        Call::on_shards(2, subscribers, 1)
    }

    fn on_shards(shards: usize, subscribers: usize, pairs: usize) -> Call {
        let identity = Identity::generate().expect("a P-256 key and its certificate can be made");
        let mut call = Call {
            shards: (0..shards).map(|number| shard(number, &identity)).collect(),
            batch: MeshBatch::default(),
            out: Trains::new(),
            allocated: Allocated::default(),
            held: 0,
            tally: Tally::default(),
            members: Vec::new(),
            sources: Vec::new(),
            late: None,
            wide_sequence: 0,
            wants_key: true,
            step: 0,
            now: Time::ZERO,
        };
        call.join(subscribers, pairs);
        for _ in 0..4_000 {
            call.pass_time();
        }
        assert!(call.members.iter().all(|member| member.srtp.is_some()), "all handshakes are done");
        call
    }

    /// Lets the packets of each who watches wait for one another.
    pub(crate) fn gather(&mut self, window: Duration) {
        self.shards.iter_mut().for_each(|shard| shard.set_gathering_window(window));
    }

    /// Forwards only so many sixteenths of the pictures.
    pub(crate) fn shed(&mut self, share: u8) {
        self.shards[0].set_picture_share(share, &mut self.out);
    }

    /// Allocations while the first who watches pins who publishes.
    pub(crate) fn pin(&mut self) -> u64 {
        let [target, viewer] = [0, 1].map(|who| self.members[who].person.participant);
        let pin = Command::Pin { viewer, target: Some(target) };
        let Call { shards, out, now, .. } = self;
        measure(|| shards[0].on_command(*now, pin, out)).count_total
    }

    /// Hands all that is published to a recorder.
    pub(crate) fn record(&mut self) {
        for source in &self.sources {
            let record = Command::Record { track: source.options.track, most_bps: Some(2_500_000) };
            self.shards[0].on_command(self.now, record, &mut self.out);
        }
    }

    /// What the shard says that the room takes, in bytes.
    pub(crate) fn told_memory(&mut self) -> u64 {
        let query = Command::QueryRoom { request: 1, room: RoomId(1) };
        self.shards[0].on_command(self.now, query, &mut self.out);
        let mut told = None;
        while let Some(event) = self.shards[0].poll_event() {
            if let Event::RoomLoad { load, .. } = event {
                told = Some(load.memory_bytes);
            }
        }
        told.expect("it was asked")
    }

    /// Lets the call go on.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.step += 1;
            self.send_video();
            if self.step.is_multiple_of(STEPS_PER_AUDIO) {
                self.send_audio();
            }
            for who in 1..self.members.len() {
                self.send_feedback(who);
            }
            if self.step.is_multiple_of(STEPS_PER_REPORT) {
                self.send_sender_reports();
            }
            self.pass_time();
        }
    }

    fn join(&mut self, subscribers: usize, pairs: usize) {
        let room = RoomId(1);
        for (number, shard) in self.shards.iter_mut().enumerate() {
            shard.on_command(self.now, Command::OpenRoom { room }, &mut self.out);
            for other in (0..number).map(|other| WorkerId(other as u16)) {
                shard.on_command(self.now, Command::SpanRoom { room, worker: other }, &mut self.out);
            }
        }
        let (mut ids, mut ledger, mut random) = (Ids::default(), Ledger::default(), Random::new(5));
        for who in 0..=subscribers {
            let publishes = who == 0;
            let shard = if publishes { 0 } else { self.shards.len() - 1 };
            let address = ([10, 0, 0, 1 + who as u8], 4_000).into();
            let plan = plan(if publishes { 0 } else { pairs });
            let (mut person, commands) =
                Person::join((who, &plan), (0, address), &mut ids, &mut ledger, &mut random, self.now);
            let published: Vec<_> = person.peer.publishers().iter().map(|it| it.options().clone()).collect();
            for options in published {
                person.peer.unpublish(options.track);
                if publishes {
                    self.sources.push(Source::new(options));
                }
            }
            for command in commands {
                if publishes || !matches!(command, Command::Publish(_)) {
                    let (shard, now, out) = (&mut self.shards[shard], self.now, &mut self.out);
                    // What comes in a box becomes the shard's.
                    self.held += measure(|| shard.on_command(now, command.clone(), out)).bytes_current;
                }
            }
            let path = Path { socket: SocketIndex(0), remote: address };
            self.members.push(Member {
                person,
                shard,
                path,
                srtp: None,
                seen: VecDeque::new(),
                asked: Vec::new(),
                arrivals: Arrivals::default(),
            });
        }
        self.sources.sort_by_key(|source| source.options.codec == Codec::Opus);
    }

    /// One step of ICE, DTLS and the shard's timers.
    fn pass_time(&mut self) {
        self.now += STEP;
        for who in 0..self.members.len() {
            if self.members[who].person.peer.next_deadline() <= self.now {
                self.members[who].person.peer.on_timeout(self.now);
            }
            self.after_peer(who);
        }
        for number in 0..self.shards.len() {
            let (shard, now, out) = (&mut self.shards[number], self.now, &mut self.out);
            if shard.next_deadline().is_some_and(|at| at <= now) {
                let allocated = measure(|| {
                    shard.on_timeout(now, out);
                    shard.depart(now, out);
                    shard.steering().for_each(drop);
                });
                self.allocated.ticks += allocated.count_total;
                self.held += allocated.bytes_current;
                self.tally.ticks += 1;
            }
            self.allocated.ticks += self.cross(number);
        }
        self.deliver();
        for shard in &mut self.shards {
            self.held += measure(|| while shard.poll_event().is_some() {}).bytes_current;
        }
    }

    /// Lets the other shard take what waits for it at this one, and answer; what both allocated.
    fn cross(&mut self, from: usize) -> u64 {
        let Call { shards, batch, out, now, held, .. } = self;
        let mut crosses = |from: usize| {
            let mut to = None;
            shards[from].cross(*now, |other, waiting| {
                std::mem::swap(batch, waiting);
                to = Some(usize::from(other.0));
            });
            let Some(to) = to else { return false };
            shards[to].on_mesh(*now, WorkerId(from as u16), batch, out);
            shards[to].depart(*now, out);
            true
        };
        let crossing = measure(|| {
            if crosses(from) {
                crosses(1 - from);
            }
        });
        *held += crossing.bytes_current;
        crossing.count_total
    }

    fn after_peer(&mut self, who: usize) {
        for bytes in self.members[who].person.peer.take_outgoing() {
            self.hand_in(who, &bytes);
        }
        for observed in self.members[who].person.peer.take_observed() {
            if let Observed::Keys(keys) = observed {
                self.members[who].srtp = Some(Srtp::new(&keys));
            }
        }
    }

    fn hand_in(&mut self, who: usize, bytes: &[u8]) {
        let path = self.members[who].path;
        let number = self.members[who].shard;
        let (shard, now, out) = (&mut self.shards[number], self.now, &mut self.out);
        let recorded = &mut self.tally.recorded;
        let allocated = measure(|| {
            shard.on_datagram(now, Datagram { path, arrived: now, bytes }, out);
            shard.drain_tap(|value, _| {
                *recorded += u64::from(matches!(value, Tapped::Packet(_)));
                true
            });
            shard.depart(now, out);
            shard.steering().for_each(drop);
        });
        self.held += allocated.bytes_current;
        let allocated = allocated.count_total + self.cross(number);
        let place = match bytes[0] {
            0..=3 => &mut self.allocated.stun,
            128..=191 if rtp::is_rtcp(bytes) => &mut self.allocated.rtcp,
            128..=191 => &mut self.allocated.rtp,
            _ => &mut self.allocated.dtls,
        };
        *place += allocated;
        self.tally.checks += u64::from(bytes[0] <= 3);
    }

    /// Hands everybody what the shard has for him, until nobody has an answer to it.
    fn deliver(&mut self) {
        loop {
            let sent = self.out.flush();
            if sent.is_empty() {
                return;
            }
            for (path, bytes) in sent {
                let who = self.members.iter().position(|member| member.path == path);
                let who = who.expect("the shard sends to members only");
                match bytes[0] {
                    128..=191 if rtp::is_rtcp(&bytes) => self.on_rtcp(who, &bytes),
                    128..=191 => self.on_rtp(who, &bytes),
                    _ => {
                        self.members[who].person.peer.on_datagram(self.now, &bytes);
                        self.after_peer(who);
                    }
                }
            }
        }
    }

    fn send_video(&mut self) {
        let n = self.sources[0].next;
        let (frame, place) = (n / PACKETS_PER_FRAME, n % PACKETS_PER_FRAME);
        let (first, last) = (place == 0, place + 1 == PACKETS_PER_FRAME);
        let key = first && std::mem::take(&mut self.wants_key);
        let shape = Shape { frame: frame as u32, key, first, last };
        // The remainders of a prime's multiples: all sizes, as many of each in every second.
        let sealed = self.make_packet(0, &shape, (n * 7_919 % 1_050) as usize);
        self.tally.video_in += 1;
        if n % LOST_EVERY == 50 {
            return;
        }
        if n % LATE_EVERY == 7 {
            self.late = Some(sealed);
            return;
        }
        self.hand_in(0, &sealed);
        if let Some(late) = self.late.take() {
            self.hand_in(0, &late);
        }
    }

    fn send_audio(&mut self) {
        let shape = Shape { frame: 0, key: true, first: true, last: true };
        let body = 20 + (self.sources[1].next * 37 % 100) as usize;
        let sealed = self.make_packet(1, &shape, body);
        self.tally.audio_in += 1;
        self.hand_in(0, &sealed);
    }

    fn make_packet(&mut self, source: usize, shape: &Shape, body: usize) -> Vec<u8> {
        let (header, payload) = self.sources[source].produce(self.now, shape, body);
        self.seal(source, header, &payload)
    }

    fn seal(&mut self, source: usize, mut header: Header, payload: &[u8]) -> Vec<u8> {
        let options = &self.sources[source].options;
        self.wide_sequence = self.wide_sequence.wrapping_add(1);
        let level = (options.codec == Codec::Opus).then_some(options.extensions.audio_level).flatten();
        let mut add = |id: Option<u8>, value: &[u8]| {
            header.extensions.extend(id.map(|id| (id, value.to_vec())));
        };
        add(options.extensions.mid, options.mid.as_bytes());
        add(options.extensions.transport_cc, &self.wide_sequence.to_be_bytes());
        add(options.extensions.abs_send_time, &[0, 0, 1]);
        add(level, &[0x9e]);
        self.members[0].srtp().seal_rtp(&header, payload)
    }

    fn send_again(&mut self, sequences: &[u16]) {
        for sequence in sequences {
            let Some((header, payload)) = self.sources[0].wrap(*sequence) else { continue };
            let sealed = self.seal(0, header, &payload);
            self.tally.recovered += 1;
            self.hand_in(0, &sealed);
        }
    }

    /// What a subscriber's seats say; not all subscribers in the same step.
    fn send_feedback(&mut self, who: usize) {
        let (ssrc, step) = (self.members[who].seat(Kind::Video).0, self.step + 3 * who as u64);
        let mut messages = Vec::new();
        if step.is_multiple_of(STEPS_PER_NACK) {
            let sequences: Vec<u16> = self.members[who].seen.drain(..).take(ASKED_AT_ONCE).collect();
            self.tally.asked_again += sequences.len() as u64;
            self.members[who].asked.extend(&sequences);
            messages.push(Message::Nack { media: ssrc, sequences });
        }
        if step.is_multiple_of(STEPS_PER_KEY_FRAME_WISH) {
            messages.push(Message::PictureLoss { media: ssrc });
        }
        if step.is_multiple_of(STEPS_PER_REPORT) {
            let blocks = vec![Block { ssrc, ..Block::default() }];
            messages.push(Message::ReceiverReport { ssrc: Ssrc(9), blocks });
        }
        if self.members[who].arrivals.deadline() <= self.now {
            let packet = self.members[who].arrivals.take(Ssrc(9));
            messages.extend(packet.map(|packet| Message::TransportWide { packet }));
            self.tally.arrivals_told += 1;
        }
        self.send_rtcp(who, &messages);
    }

    fn send_sender_reports(&mut self) {
        let reports = self.sources.iter().map(|source| Message::SenderReport {
            ssrc: source.options.ssrc,
            ntp: WALL.ntp(self.now),
            rtp: source.timestamp(self.now),
            packets: source.next as u32,
            bytes: 0,
            blocks: Vec::new(),
        });
        let reports: Vec<_> = reports.collect();
        self.send_rtcp(0, &reports);
    }

    fn send_rtcp(&mut self, who: usize, messages: &[Message]) {
        if messages.is_empty() {
            return;
        }
        let mut compound = Vec::new();
        messages.iter().for_each(|message| rtcp::write(message, Ssrc(9), &mut compound));
        let sealed = self.members[who].srtp().seal_rtcp(&compound);
        self.hand_in(who, &sealed);
    }

    fn on_rtcp(&mut self, who: usize, bytes: &[u8]) {
        let compound = self.members[who].srtp().open_rtcp(bytes).expect("RTCP is authentic");
        for message in rtcp::read(&compound).expect("RTCP is well-formed") {
            match message {
                Message::Nack { sequences, .. } => self.send_again(&sequences),
                Message::PictureLoss { .. } => {
                    self.wants_key = true;
                    self.tally.key_frames_asked += 1;
                }
                Message::SenderReport { .. } => self.tally.reports_out += 1,
                Message::TransportWide { .. } => self.tally.wide_feedback += 1,
                _ => {}
            }
        }
    }

    /// Counts only what is authentic and says what was published.
    fn on_rtp(&mut self, who: usize, bytes: &[u8]) {
        let member = &mut self.members[who];
        let (packet, _) = member.srtp().open_rtp(bytes).expect("media is authentic");
        let ((video, rtx), (audio, _)) = (member.seat(Kind::Video), member.seat(Kind::Audio));
        let (ssrc, mut media) = (packet.header.ssrc, &packet.payload[..]);
        member.note_arrival(self.now, &packet.header);
        let resent = Some(ssrc) == rtx;
        if resent {
            let original = media.get(..2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
            let wished = member.asked.iter().position(|asked| Some(*asked) == original);
            if let Some(place) = wished {
                member.asked.swap_remove(place);
                self.tally.resent += 1;
            } else {
                self.tally.probes_out += 1;
            }
            let Some(shown) = media.get(2..) else { return };
            media = shown;
        }
        let codec = if ssrc == audio { Codec::Opus } else { Codec::Vp8 };
        let header = descriptor_len(codec, media).expect("a payload begins with its descriptor");
        payload::read(media, header).expect("the payload is what was published");
        self.tally.audio_out += u64::from(ssrc == audio);
        if ssrc == video {
            self.tally.video_out += 1;
            member.seen.push_back(packet.header.sequence);
        }
    }
}

impl Member {
    fn srtp(&mut self) -> &mut Srtp {
        self.srtp.as_mut().expect("the handshake is done")
    }

    fn note_arrival(&mut self, now: Time, header: &Header) {
        let mut seats = self.person.peer.seats().iter().map(|seat| seat.options());
        let id = seats.find_map(|seat| seat.extensions.transport_cc);
        let wide = header.extension(id).expect("every packet has a transport-wide sequence number");
        let wide = wide.try_into().expect("of two bytes");
        self.arrivals.on_packet(now, u16::from_be_bytes(wide));
    }

    /// The SSRCs of his seat of a kind.
    fn seat(&self, kind: Kind) -> (Ssrc, Option<Ssrc>) {
        let mut seats = self.person.peer.seats().iter().map(|seat| seat.options());
        let seat = seats.find(|seat| seat.kind == kind).expect("he has one of each");
        (seat.ssrc, seat.rtx_ssrc)
    }
}

fn shard(number: usize, identity: &Identity) -> Shard {
    let mut shard = Shard::new(ShardConfig {
        identity: identity.clone(),
        wall: WALL,
        seed: 1 + number as u64,
        deterministic_dtls: true,
        max_transports: 100,
    });
    shard.join_mesh(WorkerId(number as u16), 2);
    shard
}

/// Somebody with so many pairs of seats, or who publishes.
fn plan(pairs: usize) -> PersonPlan {
    let publishes = pairs == 0;
    let clean = LinkOptions::clean(Duration::ZERO);
    PersonPlan {
        room: 0,
        pairs,
        audio_seats: 0,
        video: publishes.then_some(Codec::Vp8),
        layers: 1,
        rtx: true,
        red: true,
        fec: false,
        rates: None,
        svc: None,
        remb: false,
        quiet: false,
        levels: true,
        announces_ssrcs: true,
        dtls_13: false,
        transport_cc: true,
        wrong_fingerprint: false,
        up: clean,
        down: clean,
    }
}
