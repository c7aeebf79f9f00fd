//! The end of a run: what can only be judged when all is over, and the run's hash.

use super::oracle::{Violation, liveness, seats};
use super::seating::Seating;
use super::world::World;
use crate::base::{ParticipantId, RoomId, SlotId, Time, TrackId, TransportId};
use crate::control::types::{Restraint, TransportState};
use crate::shard::counters::Drop;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What must not be.
    pub violations: Vec<Violation>,
    /// The same for every run of the same scenario.
    pub hash: u64,
    /// Whose tracks each participant was sent, whenever it was.
    pub served: BTreeMap<ParticipantId, BTreeSet<TrackId>>,
    /// What each open seat shows at the end.
    pub seats: BTreeMap<SlotId, Option<TrackId>>,
    /// Whom each of the scenario's people who are there is shown at the end.
    pub seen: BTreeMap<usize, BTreeSet<usize>>,
    /// What signaling was told of transports, in order; `stays` tells whose they are.
    pub told: Vec<(Time, TransportId, TransportState)>,
    /// Which of the scenario's people had which transport, in the order of joining.
    pub stays: Vec<(usize, ParticipantId, TransportId)>,
    /// How often a shard was exported and imported.
    pub renewals: u64,
    /// Authentic packets that publishers sent.
    pub packets_in: u64,
    /// Packets that went from one shard to another.
    pub crossed_in: u64,
    /// Checks that came to another shard than they were for.
    pub handed_checks: u64,
    /// Other datagrams that did, and were handed on.
    pub handed_others: u64,
    /// Key frames that publishers were asked for.
    pub key_frame_requests: u64,
    /// Numbers that were left out for each of the scenario's people.
    pub holes: BTreeMap<usize, u64>,
    /// Packets of media that reached somebody.
    pub media_heard: u64,
    /// How many of them reached each of the scenario's people, and a hash of what they were and of when they
    /// came.
    pub heard: BTreeMap<usize, (u64, u64)>,
    /// What was held back of rooms, whenever that changed.
    pub restrained: Vec<(Time, RoomId, Restraint)>,
    /// How often each of the scenario's people was switched from one layer of a track to another.
    pub switches: BTreeMap<usize, u64>,
    /// The last layer each of the scenario's people was sent of each track.
    pub layers: BTreeMap<usize, BTreeMap<TrackId, u8>>,
    /// Which of the encodings of their cameras each of the scenario's people was told to pause.
    pub paused: BTreeMap<usize, Vec<bool>>,
    /// Packets sent again to each of the scenario's people.
    pub resent: BTreeMap<usize, u64>,
    /// Sounds that were found in front of another one when they had been lost.
    pub healed: u64,
    /// Sounds that were sent in front of another one.
    pub redundant: u64,
    /// Packets of pictures that were restored by what came with them.
    pub restored: u64,
    /// What signaling was told of seats and of who speaks.
    pub seating: Seating,
    /// Why shards dropped something, and how often.
    pub drops: BTreeMap<&'static str, u64>,
}

/// Packets of one picture that may be under way at once, out of order.
const LEFT_AT_A_SWITCH: u64 = 6;

impl World {
    /// Runs to the end and judges.
    pub fn judge(mut self) -> Verdict {
        self.run();
        let now = self.scenario.end;
        (0..self.hosts.len()).for_each(|shard| self.end_turn(now, shard));
        for host in std::mem::take(&mut self.hosts) {
            self.retire(now, &host);
        }
        for stay in self.current.iter().flatten() {
            let person = &self.people[*stay];
            if self.ledger.has_ended(person.transport) {
                continue;
            }
            let viewer = person.participant;
            seats::check(now, viewer, &self.ledger, &mut self.violations);
            liveness::check(now, viewer, &person.peer, &self.ledger, &mut self.violations);
            person.wiretap.lips.check(now, viewer, &self.ledger, &mut self.violations);
        }
        self.check_holes();
        self.drops.retain(|_, count| *count > 0);
        self.drops.hash(&mut self.hasher);
        let open = self.ledger.slots.iter().filter(|(_, slot)| slot.live);
        Verdict {
            seats: open.map(|(id, slot)| (*id, slot.shows.now())).collect(),
            served: self.served(),
            seen: self.seen(),
            seating: self.seating(),
            paused: self.people.iter().map(|one| (one.who, one.peer.paused_layers())).collect(),
            resent: self.resent(),
            switches: self.people.iter().map(|one| (one.who, one.wiretap.sequence.switches())).collect(),
            layers: self.people.iter().map(|one| (one.who, one.wiretap.layers().clone())).collect(),
            hash: self.hasher.finish(),
            told: self.ledger.told,
            restrained: self.ledger.restrained,
            heard: self.heard.iter().map(|(who, (count, hash))| (*who, (*count, hash.finish()))).collect(),
            stays: self
                .people
                .iter()
                .map(|person| (person.who, person.participant, person.transport))
                .collect(),
            violations: self.violations.found().to_vec(),
            packets_in: self.packets_in,
            crossed_in: self.crossed_in,
            handed_checks: self.handed_checks,
            handed_others: self.handed_others,
            key_frame_requests: self.key_frame_requests,
            holes: self.people.iter().map(|person| (person.who, person.wiretap.sequence.holes())).collect(),
            media_heard: self.media_heard,
            healed: self.healed,
            redundant: self.redundant,
            restored: self.restored,
            drops: self.drops,
            renewals: self.renewals,
        }
    }

    fn seen(&self) -> BTreeMap<usize, BTreeSet<usize>> {
        let who = |participant: ParticipantId| {
            self.people.iter().find(|one| one.participant == participant).map(|one| one.who)
        };
        let seen_by = |viewer: ParticipantId| {
            let seats =
                self.ledger.slots.values().filter(move |slot| slot.live && slot.participant == viewer);
            seats.filter_map(|slot| who(self.ledger.shown(slot)?.1.participant)).collect()
        };
        let there = self.current.iter().flatten().map(|stay| &self.people[*stay]);
        there.map(|person| (person.who, seen_by(person.participant))).collect()
    }

    /// A number that is never sent stands for a packet that never came, came from an address that
    /// was not proved yet, lied, or came late and found that its seat had moved or its track had
    /// begun anew.
    fn check_holes(&mut self) {
        let refused = [
            Drop::UnknownAddress,
            Drop::NoKeys,
            Drop::BadRtp,
            Drop::UnknownCodec,
            Drop::RetiredSsrc,
            Drop::BeforeTheStart,
            // Asked for again; but not all of it comes when the track is muted or its home renewed.
            Drop::MeshFull,
        ];
        let refused: u64 = refused.map(Drop::label).iter().filter_map(|cause| self.drops.get(cause)).sum();
        for person in &self.people {
            let seats = self.ledger.slots.values().filter(|slot| slot.participant == person.participant);
            let moves: usize = seats.map(|slot| slot.shows.changes()).sum();
            // A layer is left in the middle of a picture: what of it was under way comes too late.
            let left = LEFT_AT_A_SWITCH * person.wiretap.sequence.switches();
            let missing = self.uplink_lost + refused + moves as u64 + left;
            let holes = person.wiretap.sequence.holes();
            if holes > missing {
                self.violations.add(self.scenario.end, "sequence", || {
                    format!(
                        "{holes} numbers were left out for {:?}, {missing} packets missing",
                        person.participant
                    )
                });
            }
        }
    }

    fn resent(&self) -> BTreeMap<usize, u64> {
        let mut resent = BTreeMap::new();
        for person in &self.people {
            *resent.entry(person.who).or_default() += person.wiretap.resends.count();
        }
        resent
    }

    fn served(&self) -> BTreeMap<ParticipantId, BTreeSet<TrackId>> {
        self.people.iter().map(|person| (person.participant, person.wiretap.tracks().clone())).collect()
    }
}
