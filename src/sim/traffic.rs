//! What goes between the shards and the people: every datagram over its link, seen by the wiretap, the
//! watch and the run's hash on its way.

use super::host::IDENTITY;
use super::outbox::Sent;
use super::peer::seat::Heard;
use super::peer::{Observed, rtp};
use super::world::{Happening, World};
use crate::base::{Path, SocketIndex, Time};
use std::hash::{DefaultHasher, Hash};

/// DTLS datagrams are charged as this long on a link with a rate: signatures differ by some bytes
/// from run to run, and a run must repeat.
const HANDSHAKE_BYTES: usize = 600;

impl World {
    /// From a shard to wherever its datagram goes.
    pub(super) fn route(&mut self, now: Time, shard: usize, sent: Sent) {
        let is_media = sent.bytes.first().is_some_and(|first| (128..=191).contains(first));
        let tally = &mut self.hosts[shard].tally;
        let is_rtcp = is_media && rtp::is_rtcp(&sent.bytes);
        tally.rtp_out += u64::from(is_media && !is_rtcp);
        tally.rtcp_out += u64::from(is_rtcp);
        let Some(&owner) = self.owners.get(&sent.path.remote) else {
            let (to, bytes) = (sent.path.remote, sent.bytes.len());
            return self.amplification.on_answer(now, to, bytes, &mut self.violations);
        };
        let person = &mut self.people[owner];
        if is_media {
            let viewer = (person.participant, &person.peer);
            person.wiretap.on_datagram(now, &sent.bytes, viewer, &self.ledger, &mut self.violations);
            for (at, heard) in person.wiretap.take_heard() {
                (owner, at, "sent").hash(&mut self.hasher);
                hash_heard(&heard, &mut self.hasher);
            }
        }
        if !person.present || person.address != sent.path.remote {
            return;
        }
        let wait = person.down.wait(now);
        let arrivals = person.down.send(now, charged(&sent.bytes));
        if let Some(watch) = self.watch.as_mut().filter(|_| is_media && !is_rtcp) {
            watch.on_sent(now, (person.who, wait), person.peer.seats(), &sent.bytes, &arrivals);
        }
        for at in arrivals {
            let bytes = sent.bytes.clone();
            self.queue.schedule(at, Happening::ToPerson { person: owner, bytes });
        }
    }

    pub(super) fn wake_person(&mut self, now: Time, person: usize) {
        let entry = &mut self.people[person];
        if !entry.present || entry.wakes_at > now {
            return;
        }
        entry.wakes_at = Time::NEVER;
        entry.peer.on_timeout(now);
        self.after_person(now, person);
    }

    /// Sends what a peer has to say, and notes what came out of it.
    pub(super) fn after_person(&mut self, now: Time, person: usize) {
        for bytes in self.people[person].peer.take_outgoing() {
            self.send_up(now, person, bytes);
        }
        for observed in self.people[person].peer.take_observed() {
            self.observe(now, person, observed);
        }
        let entry = &mut self.people[person];
        let at = entry.peer.next_deadline();
        if entry.present && at < entry.wakes_at {
            entry.wakes_at = at.max(now);
            self.queue.schedule(at, Happening::PersonWakes(person));
        }
    }

    fn send_up(&mut self, now: Time, person: usize, bytes: Vec<u8>) {
        let entry = &mut self.people[person];
        let path = Path { socket: SocketIndex(0), remote: entry.address };
        let arrivals = entry.up.send(now, charged(&bytes));
        self.uplink_lost += u64::from(arrivals.is_empty());
        for at in arrivals {
            let bytes = bytes.clone();
            self.queue.schedule(at, Happening::ToShard { shard: self.people[person].shard, path, bytes });
        }
    }

    fn observe(&mut self, now: Time, person: usize, observed: Observed) {
        let entry = &mut self.people[person];
        match observed {
            Observed::Keys(keys) => {
                entry.wiretap.set_keys(&keys);
                if let Some(fault) = &mut self.fault {
                    fault.on_keys(person, &keys);
                }
                if entry.peer.dtls().peer_certificate() != Some(IDENTITY.certificate()) {
                    self.violations.add(now, "peer", || "the server shows another certificate".to_owned());
                }
            }
            Observed::Media(heard) => {
                (person, now, "heard").hash(&mut self.hasher);
                hash_heard(&heard, &mut self.hasher);
                let (packets, hasher) = self.heard.entry(entry.who).or_default();
                *packets += 1;
                now.hash(hasher);
                hash_heard(&heard, hasher);
                self.media_heard += 1;
                if let Some(watch) = &mut self.watch {
                    watch.on_heard(now, entry.who, entry.peer.seats(), heard.slot);
                }
            }
            Observed::Wrong(slot, wrong) => {
                self.violations.add(now, "peer", || format!("{slot:?} gets {wrong:?}"));
            }
            Observed::UnreadableControl => {
                self.violations.add(now, "peer", || "RTCP that cannot be read".to_owned());
            }
            Observed::Control(message) => (person, now, format!("{message:?}")).hash(&mut self.hasher),
        }
    }
}

fn charged(datagram: &[u8]) -> usize {
    if rtp::is_dtls(datagram) { HANDSHAKE_BYTES } else { datagram.len() }
}

fn hash_heard(heard: &Heard, hasher: &mut DefaultHasher) {
    let tag = &heard.tag;
    (heard.slot, heard.index, heard.timestamp, heard.resent).hash(hasher);
    (tag.room, tag.source(), tag.index, tag.captured, tag.frame, tag.key).hash(hasher);
}
