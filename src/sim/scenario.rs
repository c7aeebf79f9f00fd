//! What happens in a run: everything follows from the seed.

use super::link::LinkOptions;
use super::mesh::MeshPlan;
use super::peer::misbehaviour::Lie;
use super::peer::publisher::Rate;
use super::svc::Svc;
use crate::base::Time;
use crate::base::random::Random;
use crate::control::types::{Codec, Kind, Reason, RoomLimits};
use std::time::Duration;

/// Joins, leaves and troubles happen until now.
const TROUBLE_UNTIL_MS: u64 = 3_500;
/// From the healing of the network to the end: what a DTLS retransmission timer that has backed off
/// still waits for, the next probe of a link that was thought thin, 5 s, the time a lowered picture is
/// held, and a key frame.
const QUIET: Duration = Duration::from_millis(8_500);

/// One person's part.
#[derive(Clone, PartialEq, Debug)]
pub struct PersonPlan {
    /// Which room, counted from 0.
    pub room: usize,
    /// Seat pairs with sound and picture.
    pub pairs: usize,
    /// Seats for sound alone.
    pub audio_seats: usize,
    /// What the camera is encoded with; `None`: no camera.
    pub video: Option<Codec>,
    /// How many encodings the camera has.
    pub layers: u8,
    /// Whether retransmissions were agreed on.
    pub rtx: bool,
    /// Whether redundant sound (RFC 2198) was agreed on.
    pub red: bool,
    /// Whether the camera's packets come with what restores lost ones (RFC 5109), where its codec allows.
    pub fec: bool,
    /// How much each layer of the camera sends; otherwise little.
    pub rates: Option<[Rate; 3]>,
    /// Whether the layers are spatial ones of one encoding.
    pub svc: Option<Svc>,
    /// Whether what they say is too quiet to be taken for speech: it moves nobody's seats.
    pub quiet: bool,
    /// Whether their sound says how loud it is (RFC 6464), as that of browsers does.
    pub levels: bool,
    /// Whether SSRCs stand in the signalling; otherwise packets are found by MID.
    pub announces_ssrcs: bool,
    /// Whether DTLS 1.3 is offered.
    pub dtls_13: bool,
    /// Whether transport-wide feedback was agreed on.
    pub transport_cc: bool,
    /// Whether they tell their own estimate of what their link carries, as who has no other feedback does.
    pub remb: bool,
    /// Whether signaling was told of another certificate than DTLS will show.
    pub wrong_fingerprint: bool,
    /// To the server.
    pub up: LinkOptions,
    /// From the server.
    pub down: LinkOptions,
}

/// Something that happens to a call; people are counted from 0.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Somebody comes, or comes again.
    Join(usize),
    /// Somebody goes; politely with close_notify.
    Leave {
        /// Who.
        who: usize,
        /// Whether DTLS is closed and signaling told at once.
        politely: bool,
    },
    /// A track is muted or not any more.
    Mute {
        /// Whose.
        who: usize,
        /// Which.
        kind: Kind,
        /// Muted or not.
        muted: bool,
    },
    /// A track ends.
    Unpublish {
        /// Whose.
        who: usize,
        /// Which.
        kind: Kind,
    },
    /// A NAT gives somebody another address.
    Rebind(usize),
    /// Somebody's network changes.
    Network {
        /// Whose.
        who: usize,
        /// To the server.
        up: Box<LinkOptions>,
        /// From the server.
        down: Box<LinkOptions>,
    },
    /// Somebody's ICE begins anew.
    RestartIce(usize),
    /// Somebody looks at somebody.
    Pin {
        /// Who looks.
        who: usize,
        /// At whom.
        target: usize,
    },
    /// Somebody wants to be shown somebody, or not.
    Want {
        /// Who says it.
        who: usize,
        /// Of whom.
        of: usize,
        /// Wanted or not.
        wanted: bool,
    },
    /// What somebody's path carries, in bits a second; `None`: there is no telling.
    Budget {
        /// Whose.
        who: usize,
        /// How much.
        bits_per_second: Option<u64>,
    },
    /// How many lines somebody's seats for pictures need.
    Limit {
        /// Whose.
        who: usize,
        /// How many; `None`: all there are.
        max_height: Option<u16>,
    },
    /// Somebody's encoder gives up a layer, or takes it up again.
    Fail {
        /// Whose.
        who: usize,
        /// Which layer.
        layer: u8,
        /// Gives up or takes up.
        failing: bool,
    },
    /// Somebody's encoder codes so many spatial layers of one encoding from now on.
    Spatial {
        /// Whose.
        who: usize,
        /// How many.
        layers: usize,
    },
    /// Random bytes from somebody's address.
    Garbage(usize),
    /// Somebody's latest datagrams come again, from his address or from a stranger's.
    Replay {
        /// Whose.
        who: usize,
        /// Whether from a stranger's address.
        from_stranger: bool,
    },
    /// Datagrams like somebody's with changed bytes, from his address.
    Forge(usize),
    /// Somebody sends authentic packets that lie.
    Misbehave(usize),
    /// Somebody tells one certain lie.
    Lie {
        /// Who.
        who: usize,
        /// Which.
        lie: Lie,
    },
    /// Random bytes from a stranger, some of them looking like STUN, DTLS or RTP.
    Strangers,
    /// A shard is exported, thrown away and imported.
    Renew(usize),
    /// All shards forward so many sixteenths of the pictures, as when there is too much to do.
    Shed(u8),
    /// All shards hold rooms to these limits from now on.
    LimitRooms(RoomLimits),
    /// All shards are told that they use so much of their cores, in percent, and whether they are short of
    /// time.
    Busy {
        /// How much.
        percent: u8,
        /// Whether packets wait.
        is_short: bool,
    },
    /// All troubles of the network end.
    Heal,
}

/// Which shard a datagram comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ports {
    /// Each shard has a port of its own.
    PerShard,
    /// All share one, and the kernel follows what they say of their addresses; of others it knows nothing.
    OneSteered,
    /// All share one, and a hash of the address decides.
    OneHashed,
}

/// A whole run.
#[derive(Clone, PartialEq, Debug)]
pub struct Scenario {
    /// Where it comes from.
    pub seed: u64,
    /// How many rooms there are.
    pub rooms: usize,
    /// How many shards serve them.
    pub shards: usize,
    /// Whether the people of a room are spread over all shards; otherwise each room is on one.
    pub spreads: bool,
    /// Which shard a datagram comes to.
    pub ports: Ports,
    /// What carries packets between shards.
    pub mesh: MeshPlan,
    /// Datagrams to a shard that come within this are one turn.
    pub turn: Duration,
    /// How long packets wait for one another.
    pub gathering: Duration,
    /// Whether those who listen are shown speakers only.
    pub speakers_only: bool,
    /// Who takes part.
    pub people: Vec<PersonPlan>,
    /// What happens when.
    pub actions: Vec<(Time, Action)>,
    /// Why transports may end in this run.
    pub ends: Vec<Reason>,
    /// When the run is over.
    pub end: Time,
}

impl Scenario {
    /// The scenario of a seed.
    pub fn from_seed(seed: u64) -> Scenario {
        let mut random = Random::new(seed);
        let rooms = 1 + random.below(3) as usize;
        let trouble = random.chance(0.8);
        let count = 2 * rooms + random.below(4) as usize;
        let people: Vec<PersonPlan> =
            (0..count).map(|n| PersonPlan::draw(n % rooms, trouble, &mut random)).collect();
        let turn = Duration::from_micros(if random.chance(0.5) { 0 } else { random.below(2_000) });
        let mut scenario = Scenario {
            seed,
            rooms,
            shards: 1 + random.below(2) as usize,
            spreads: false,
            ports: Ports::PerShard,
            mesh: MeshPlan::CALM,
            turn,
            gathering: Duration::ZERO,
            speakers_only: false,
            people,
            actions: Vec::new(),
            ends: vec![Reason::Asked, Reason::ClosedByPeer],
            end: Time::from_millis(TROUBLE_UNTIL_MS) + QUIET,
        };
        for plan in &mut scenario.people {
            plan.layers = if random.chance(0.5) { 1 } else { 2 + random.below(2) as u8 };
        }
        scenario.draw_actions(&mut random);
        if random.chance(0.5) {
            scenario.gathering = Duration::from_micros(random.below(10_000));
        }
        if random.chance(0.5) {
            (scenario.spreads, scenario.mesh) = (true, MeshPlan::draw(&mut random));
            scenario.shards = 2 + random.below(3) as usize;
        }
        for plan in &mut scenario.people {
            plan.fec = random.chance(0.3);
        }
        scenario
    }

    /// Two people in one room on a network without trouble.
    pub fn simple(seed: u64) -> Scenario {
        let mut scenario = Scenario::from_seed(seed);
        scenario.rooms = 1;
        scenario.shards = 1;
        (scenario.spreads, scenario.mesh) = (false, MeshPlan::CALM);
        scenario.people.truncate(2);
        for plan in &mut scenario.people {
            *plan = PersonPlan {
                room: 0,
                pairs: 1,
                video: Some(Codec::Vp8),
                layers: 1,
                fec: false,
                remb: false,
                ..plan.clone()
            };
            plan.up = LinkOptions::clean(plan.up.delay);
            plan.down = LinkOptions::clean(plan.down.delay);
        }
        scenario.actions = vec![(Time::ZERO, Action::Join(0)), (Time::from_millis(40), Action::Join(1))];
        scenario
    }

    /// The same with people whose speech moves nobody's seats: when who is heard depends on the luck
    /// of packets, and with more people than seats who is seen follows it.
    pub fn quiet(mut self) -> Scenario {
        self.people.iter_mut().for_each(|plan| plan.quiet = true);
        self
    }

    /// The same on another number of shards.
    pub fn on_shards(mut self, shards: usize) -> Scenario {
        (self.shards, self.spreads) = (shards, false);
        self
    }

    /// The same with the people of each room spread over so many shards.
    pub fn spread_over(mut self, shards: usize, mesh: MeshPlan) -> Scenario {
        (self.shards, self.spreads, self.mesh) = (shards, true, mesh);
        self
    }

    /// The same with one port for all shards, or one each.
    pub fn behind(mut self, ports: Ports) -> Scenario {
        self.ports = ports;
        self
    }

    fn draw_actions(&mut self, random: &mut Random) {
        for who in 0..self.people.len() {
            let at = random.below(1_000);
            self.act(at, Action::Join(who));
        }
        for _ in 0..random.below(3 * self.people.len() as u64) {
            let at = 500 + random.below(TROUBLE_UNTIL_MS - 500);
            let who = random.below(self.people.len() as u64) as usize;
            self.draw_action(at, who, random);
        }
        self.act(TROUBLE_UNTIL_MS, Action::Heal);
        self.actions.sort_by_key(|(at, _)| *at);
    }

    fn draw_action(&mut self, at: u64, who: usize, random: &mut Random) {
        let kind = if random.chance(0.5) { Kind::Audio } else { Kind::Video };
        match random.below(23) {
            0 | 1 => {
                self.act(at, Action::Leave { who, politely: random.chance(0.5) });
                if random.chance(0.7) {
                    self.act(at + 100 + random.below(500), Action::Join(who));
                }
            }
            2 | 3 => {
                self.act(at, Action::Mute { who, kind, muted: true });
                if random.chance(0.7) {
                    self.act(at + random.below(800), Action::Mute { who, kind, muted: false });
                }
            }
            4 => self.act(at, Action::Unpublish { who, kind }),
            5 | 6 => self.act(at, Action::Rebind(who)),
            7 | 8 => {
                let [up, down] = [(); 2].map(|()| Box::new(LinkOptions::troubled(random)));
                self.act(at, Action::Network { who, up, down });
            }
            9 => self.act(at, Action::RestartIce(who)),
            10 => {
                let target = random.below(self.people.len() as u64) as usize;
                self.act(at, Action::Pin { who, target });
            }
            11 => self.act(at, Action::Garbage(who)),
            12 => self.act(at, Action::Replay { who, from_stranger: random.chance(0.5) }),
            13 => self.act(at, Action::Forge(who)),
            14 => self.act(at, Action::Strangers),
            15 | 16 => self.act(at, Action::Misbehave(who)),
            17 | 18 => self.draw_budget(at, who, random),
            19 | 20 => {
                let lines = [0, 180, 360, 720][random.below(4) as usize];
                self.act(at, Action::Limit { who, max_height: Some(lines) });
            }
            21 => {
                let layer = random.below(3) as u8;
                self.act(at, Action::Fail { who, layer, failing: true });
                self.act(at + 300 + random.below(900), Action::Fail { who, layer, failing: false });
            }
            // Neither a second SSRC (on a path that reorders, the same packet may be taken under
            // both) nor leaps (two in one outage put both sides on different roll-over counters, RFC
            // 3711 §3.3.1, which no receiver can heal): both are scripted calls.
            _ => self.act(at, Action::Renew(random.below(self.shards as u64) as usize)),
        }
    }

    /// A path whose estimate goes up and down.
    fn draw_budget(&mut self, at: u64, who: usize, random: &mut Random) {
        for step in 0..1 + random.below(6) {
            let bits_per_second = Some(20_000 + random.below(600_000));
            // Whatever comes before the network is healed is healed with it.
            self.act((at + 50 * step).min(TROUBLE_UNTIL_MS - 1), Action::Budget { who, bits_per_second });
        }
    }

    fn act(&mut self, at_ms: u64, action: Action) {
        self.actions.push((Time::from_millis(at_ms), action));
    }
}

impl PersonPlan {
    fn draw(room: usize, trouble: bool, random: &mut Random) -> PersonPlan {
        let codecs = [Codec::Vp8, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];
        let video = codecs[random.below(5) as usize];
        let mut link = || {
            if trouble { LinkOptions::troubled(random) } else { LinkOptions::clean(Duration::from_millis(5)) }
        };
        let (up, down) = (link(), link());
        PersonPlan {
            room,
            pairs: 1 + random.below(3) as usize,
            audio_seats: random.below(2) as usize,
            video: random.chance(0.85).then_some(video),
            layers: 1,
            rtx: random.chance(0.8),
            red: random.chance(0.6),
            fec: false,
            rates: None,
            svc: None,
            quiet: false,
            levels: true,
            announces_ssrcs: random.chance(0.6),
            dtls_13: random.chance(0.6),
            transport_cc: random.chance(0.8),
            remb: false,
            wrong_fingerprint: false,
            up,
            down,
        }
    }
}
