//! One person's stay in a call: the signalling that a page and the signaling process would do, and
//! the peer, the links and the wiretap that go with it.

use super::ledger::{History, Ledger, SlotEntry, TrackEntry};
use super::link::Link;
use super::peer::dtls::DtlsClient;
use super::peer::publisher::PublisherOptions;
use super::peer::seat::SeatOptions;
use super::peer::{Peer, PeerOptions};
use super::scenario::PersonPlan;
use super::wiretap::Wiretap;
use crate::base::id::{PayloadType, Ssrc, StreamId};
use crate::base::random::Random;
use crate::base::{ParticipantId, RoomId, SlotId, Time, TrackId, TransportId, WallClock, WorkerId};
use crate::control::Command;
use crate::control::message::{OpenSlot, OpenTransport, Publish};
use crate::control::types::{
    Codec, CodecParameters, Correction, DtlsRole, Encoding, ExtensionIds, IceCredentials, Kind, MAX_CODECS,
    Mid, Password, Source,
};
use arrayvec::{ArrayString, ArrayVec};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// A person who is, or was, in a call.
#[derive(Debug)]
pub struct Person {
    /// Which of the scenario's people.
    pub who: usize,
    /// In which room.
    pub room: RoomId,
    /// On which shard.
    pub shard: usize,
    /// As the shard knows him.
    pub participant: ParticipantId,
    /// His transport.
    pub transport: TransportId,
    /// His browser.
    pub peer: Peer,
    /// Where his datagrams come from.
    pub address: SocketAddr,
    /// To the server.
    pub up: Link,
    /// From the server.
    pub down: Link,
    /// What the server sends him, opened.
    pub wiretap: Wiretap,
    /// When his peer is woken next.
    pub wakes_at: Time,
    /// What of his arrived lately, for those who replay it.
    pub recent: VecDeque<Vec<u8>>,
    /// His tracks.
    pub tracks: Vec<(Kind, TrackId)>,
    /// Whether he is there.
    pub present: bool,
    random: Random,
}

/// Gives out ids; in the order of asking, so that they repeat.
#[derive(Debug, Default)]
pub struct Ids {
    last: u64,
}

impl Ids {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

/// How one m-line's codecs are numbered by one person: everybody numbers otherwise.
#[derive(Clone, Debug)]
struct Numbering {
    first_payload_type: u8,
    first_extension: u8,
    rtx: bool,
    red: bool,
    fec: bool,
    levels: bool,
    transport_cc: bool,
}

const VIDEO_CODECS: [Codec; 4] = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];

/// Datagrams kept for those who replay them.
const MAX_RECENT: usize = 40;

impl Person {
    /// Somebody comes: the commands signaling would send, the ledger's entries and his peer.
    pub fn join(
        (who, plan): (usize, &PersonPlan),
        (shard, address): (usize, SocketAddr),
        ids: &mut Ids,
        ledger: &mut Ledger,
        random: &mut Random,
        now: Time,
    ) -> (Person, Vec<Command>) {
        let mut random = Random::new(random.next_u64());
        let (participant, transport) = (ParticipantId(ids.next()), TransportId(ids.next()));
        let room = RoomId(1 + plan.room as u64);
        let (local, remote) = (own_credentials(shard, &mut random), credentials(&mut random));
        let wall = WallClock::new(1_700_000_000_000_000_000 + random.below(1 << 40));
        let options = PeerOptions {
            local: remote.clone(),
            remote: local.clone(),
            dtls_13: plan.dtls_13,
            wall,
            ssrc: Ssrc(random.next_u32()),
            seed: random.next_u64(),
            quiet: plan.quiet,
            remb: plan.remb,
        };
        let mut person = Person {
            who,
            room,
            shard,
            participant,
            transport,
            peer: Peer::new(options, now),
            address,
            up: Link::new(plan.up, random.next_u64()),
            down: Link::new(plan.down, random.next_u64()),
            wiretap: Wiretap::default(),
            wakes_at: Time::NEVER,
            recent: VecDeque::new(),
            tracks: Vec::new(),
            present: true,
            random,
        };
        ledger.rooms.insert(participant, room);
        let cname = ArrayString::from("simulated").expect("it is short");
        let mut fingerprint = DtlsClient::fingerprint();
        fingerprint.value[0] ^= u8::from(plan.wrong_fingerprint);
        ledger.owners.insert(transport, participant);
        let role = DtlsRole::Server;
        let open = OpenTransport { participant, transport, local, remote, fingerprint, role, cname };
        let mut commands = vec![Command::Join { room, participant }, Command::OpenTransport(Box::new(open))];
        let numbering = Numbering::draw(plan, &mut person.random);
        person.publish_all(plan, &numbering, ids, ledger, now, &mut commands);
        person.open_seats(plan, &numbering, ids, ledger, now, &mut commands);
        (person, commands)
    }

    /// New credentials on both sides.
    pub fn restart_ice(&mut self, now: Time) -> Command {
        let (local, remote) = (own_credentials(self.shard, &mut self.random), credentials(&mut self.random));
        self.peer.restart_ice(remote.clone(), local.clone(), now);
        Command::RestartIce { transport: self.transport, local, remote }
    }

    /// Remembers what arrived.
    pub fn note_arrived(&mut self, datagram: &[u8]) {
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(datagram.to_vec());
    }

    fn publish_all(
        &mut self,
        plan: &PersonPlan,
        numbering: &Numbering,
        ids: &mut Ids,
        ledger: &mut Ledger,
        now: Time,
        commands: &mut Vec<Command>,
    ) {
        let stream = StreamId(ids.next());
        let codecs = [Some(Codec::Opus), plan.video];
        for (line, codec) in codecs.into_iter().enumerate().filter_map(|(line, codec)| Some((line, codec?))) {
            let track = TrackId(ids.next());
            let kind = kind_of(codec);
            let layers = if kind == Kind::Video { plan.layers.max(1) } else { 1 };
            let encodings: Vec<PublisherOptions> = (0..layers)
                .map(|layer| self.publisher_options(line, codec, (track, layer, layers), numbering, plan))
                .collect();
            commands.push(Command::Publish(Box::new(self.publish(&encodings, stream, numbering, plan))));
            let entry = TrackEntry {
                participant: self.participant,
                room: self.room,
                stream,
                kind,
                codec,
                muted: History::new(now, false),
                live: true,
            };
            ledger.tracks.insert(track, entry);
            self.tracks.push((kind, track));
            encodings.into_iter().for_each(|options| self.peer.publish(options, now));
        }
    }

    fn publisher_options(
        &mut self,
        line: usize,
        codec: Codec,
        (track, layer, layers): (TrackId, u8, u8),
        numbering: &Numbering,
        plan: &PersonPlan,
    ) -> PublisherOptions {
        let parameters = numbering.parameters(codec);
        let rtx_ssrc = parameters.rtx.map(|_| Ssrc(self.random.next_u32()));
        PublisherOptions {
            room: self.room,
            track,
            mid: mid(line),
            codec,
            ssrc: Ssrc(self.random.next_u32()),
            rtx_ssrc,
            payload_type: parameters.payload_type,
            rtx_payload_type: parameters.rtx,
            red_payload_type: parameters.red,
            correction: numbering.correction(codec),
            extensions: numbering.extensions(),
            rate: plan.rates.map(|rates| rates[usize::from(layer)]),
            svc: plan.svc.zip(plan.rates).filter(|_| kind_of(codec) == Kind::Video),
            layer,
            is_layered: layers > 1,
            rid: (layers > 1 && !plan.announces_ssrcs).then(|| rid(layer)),
        }
    }

    fn publish(
        &self,
        encodings: &[PublisherOptions],
        stream: StreamId,
        numbering: &Numbering,
        plan: &PersonPlan,
    ) -> Publish {
        let announced = plan.announces_ssrcs;
        let encoding = |options: &PublisherOptions| Encoding {
            ssrc: announced.then_some(options.ssrc),
            rtx_ssrc: options.rtx_ssrc.filter(|_| announced),
            rid: options.rid,
        };
        let options = &encodings[0];
        let kind = kind_of(options.codec);
        Publish {
            transport: self.transport,
            track: options.track,
            stream,
            kind,
            source: if kind == Kind::Audio { Source::Microphone } else { Source::Camera },
            mid: options.mid,
            muted: false,
            encodings: encodings.iter().map(encoding).collect(),
            codecs: numbering.codecs(kind),
            correction: options.correction,
            extensions: numbering.extensions(),
        }
    }

    fn open_seats(
        &mut self,
        plan: &PersonPlan,
        numbering: &Numbering,
        ids: &mut Ids,
        ledger: &mut Ledger,
        now: Time,
        commands: &mut Vec<Command>,
    ) {
        let mut line = 2;
        for pair in 0..plan.pairs + plan.audio_seats {
            let stream = StreamId(ids.next());
            let both = [Kind::Audio, Kind::Video];
            let kinds = if pair < plan.pairs { &both[..] } else { &both[..1] };
            for kind in kinds {
                let options = self.seat_options(line, stream, *kind, SlotId(ids.next()), numbering);
                line += 1;
                commands.push(Command::OpenSlot(Box::new(open_slot(self.transport, &options))));
                let entry = SlotEntry {
                    participant: self.participant,
                    stream,
                    kind: *kind,
                    shows: History::new(now, None),
                    live: true,
                };
                ledger.slots.insert(options.slot, entry);
                self.peer.open_seat(options);
            }
        }
    }

    fn seat_options(
        &mut self,
        line: usize,
        stream: StreamId,
        kind: Kind,
        slot: SlotId,
        numbering: &Numbering,
    ) -> SeatOptions {
        let codecs = numbering.codecs::<MAX_CODECS>(kind).to_vec();
        let rtx = codecs.iter().any(|codec| codec.rtx.is_some());
        SeatOptions {
            slot,
            stream,
            kind,
            mid: mid(line),
            ssrc: Ssrc(self.random.next_u32()),
            rtx_ssrc: rtx.then(|| Ssrc(self.random.next_u32())),
            codecs,
            extensions: numbering.extensions(),
        }
    }
}

/// Behind Opus and four video codecs with their retransmissions.
const RED_PLACE: u8 = 9;
/// The three payload types of what restores pictures.
const CORRECTION_PLACE: u8 = 10;

impl Numbering {
    fn draw(plan: &PersonPlan, random: &mut Random) -> Numbering {
        Numbering {
            first_payload_type: 96 + random.below(20) as u8,
            first_extension: 1 + random.below(9) as u8,
            rtx: plan.rtx,
            red: plan.red,
            fec: plan.fec,
            levels: plan.levels,
            transport_cc: plan.transport_cc,
        }
    }

    fn parameters(&self, codec: Codec) -> CodecParameters {
        let video = VIDEO_CODECS.iter().position(|video| *video == codec);
        let place = video.map_or(0, |video| 1 + 2 * video as u8);
        let payload_type = self.first_payload_type + place;
        CodecParameters {
            codec,
            format: 0,
            payload_type: PayloadType(payload_type),
            rtx: (self.rtx && video.is_some()).then_some(PayloadType(payload_type + 1)),
            red: (self.red && video.is_none()).then_some(PayloadType(self.first_payload_type + RED_PLACE)),
            clock_rate: if video.is_some() { 90_000 } else { 48_000 },
            nack: video.is_some(),
            pli: video.is_some(),
            fir: false,
            transport_cc: self.transport_cc,
        }
    }

    /// Browsers send it with pictures that have numbers.
    fn correction(&self, codec: Codec) -> Option<Correction> {
        let payload_type = |place| PayloadType(self.first_payload_type + CORRECTION_PLACE + place);
        (self.fec && matches!(codec, Codec::Vp8 | Codec::Vp9)).then(|| Correction {
            red: payload_type(0),
            red_rtx: self.rtx.then(|| payload_type(1)),
            ulpfec: payload_type(2),
        })
    }

    fn codecs<const N: usize>(&self, kind: Kind) -> ArrayVec<CodecParameters, N> {
        let codecs = match kind {
            Kind::Audio => &[Codec::Opus][..],
            Kind::Video => &VIDEO_CODECS[..],
        };
        codecs.iter().map(|codec| self.parameters(*codec)).collect()
    }

    fn extensions(&self) -> ExtensionIds {
        let id = |n| Some(self.first_extension + n);
        ExtensionIds {
            mid: id(0),
            transport_cc: id(1).filter(|_| self.transport_cc),
            abs_send_time: id(2),
            audio_level: id(3).filter(|_| self.levels),
            rid: id(4),
            repaired_rid: id(5),
            // One-byte ids end with 14.
            dependency_descriptor: Some(if self.first_extension > 1 { self.first_extension - 1 } else { 7 }),
            ..ExtensionIds::default()
        }
    }
}

fn open_slot(transport: TransportId, options: &SeatOptions) -> OpenSlot {
    OpenSlot {
        transport,
        slot: options.slot,
        stream: options.stream,
        kind: options.kind,
        mid: options.mid,
        ssrc: options.ssrc,
        rtx_ssrc: options.rtx_ssrc,
        codecs: options.codecs.iter().cloned().collect(),
        extensions: options.extensions,
    }
}

fn kind_of(codec: Codec) -> Kind {
    if codec == Codec::Opus { Kind::Audio } else { Kind::Video }
}

fn mid(line: usize) -> Mid {
    Mid::from(&line.to_string()).expect("a number of m-lines has few digits")
}

fn rid(layer: u8) -> Mid {
    Mid::from(["l", "m", "h"][usize::from(layer)]).expect("it is short")
}

/// The server's: they begin with the name of the shard, as signaling's do.
fn own_credentials(shard: usize, random: &mut Random) -> IceCredentials {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    credentials_as(random, |drawn| {
        let digits = (0..5).map(|place| char::from(DIGITS[(drawn >> (5 * place)) as usize % DIGITS.len()]));
        WorkerId(shard as u16).name().into_iter().map(char::from).chain(digits).collect()
    })
}

fn credentials(random: &mut Random) -> IceCredentials {
    credentials_as(random, |drawn| format!("{drawn:08x}"))
}

fn credentials_as(random: &mut Random, fragment: impl FnOnce(u32) -> String) -> IceCredentials {
    let ufrag = fragment(random.next_u32());
    let password = format!("{:016x}{:08x}", random.next_u64(), random.next_u32());
    IceCredentials {
        ufrag: ArrayString::from(&ufrag).expect("eight characters fit"),
        password: Password::new(password.as_bytes()).expect("twenty-four characters fit"),
    }
}
