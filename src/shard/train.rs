//! One receiver's train: what it is owed, planned into packets of equal size and sealed.
//!
//! The only place where media leaves the shard. After the plan there is no decision left.

use super::counters::{Counters, Drop};
use super::link::{Link, Sent, Srtp};
use super::rate::Rate;
use super::redundancy::{Head, Older};
use super::waiting::{Owed, Waiting};
use crate::base::slab::Slab;
use crate::base::{Outbox, Path, Push, Time, TrainId};
use crate::media::track::Track;
use crate::media::train_plan::{MAX_PLANNED, Wagon, plan};
use crate::transport::srtp::{Payload, SrtpSender};
use crate::wire::extension::{AbsSendTime, Stamp, stamp_send_time, stamp_transport_sequence};
use arrayvec::ArrayVec;

/// Departures of one turn that are noted at most; more say nothing more.
pub(super) const MOST_NOTED: usize = 4096;

/// One receiver's train.
pub(super) struct Train<'a> {
    id: TrainId,
    path: Path,
    sender: &'a SrtpSender,
    rate: Option<&'a mut Rate>,
    sent: &'a mut Sent,
    /// When it leaves.
    at: Time,
}

impl<'a> Train<'a> {
    /// The train of the receiver under `key` that leaves at `now`, once it is connected.
    pub(super) fn to(now: Time, key: u32, link: &'a mut Link) -> Option<Train<'a>> {
        let Link { srtp, transport, rate, sent, .. } = link;
        let Some(Srtp { sender, .. }) = srtp else { return None };
        Some(Train {
            id: TrainId(key),
            path: transport.path()?,
            sender,
            rate: rate.as_deref_mut(),
            sent,
            at: now,
        })
    }

    /// All of it was media.
    pub(super) fn end(self) {
        if let Some(rate) = self.rate {
            rate.on_train(self.at);
        }
    }

    /// Seals all of `waiting` that is still in the histories. Allocates nothing.
    pub(super) fn load(
        &mut self,
        waiting: &Waiting,
        tracks: &Slab<Track>,
        counters: &mut Counters,
        noted: &mut Option<Vec<Time>>,
        out: &mut impl Outbox,
    ) {
        let size = |owed: &Owed| owed.size() as u16;
        let wagons: ArrayVec<Wagon, MAX_PLANNED> =
            waiting.owed.iter().map(|owed| Wagon { size: size(owed), stream: owed.slot }).collect();
        for place in plan(&wagons) {
            let owed = &waiting.owed[usize::from(place.wagon)];
            let Some((payload, received)) = payload_of(owed, tracks) else {
                counters.drop(Drop::NotKept);
                continue;
            };
            if let Some(noted) = noted.as_mut().filter(|noted| !owed.replayed && noted.len() < MOST_NOTED) {
                noted.extend(received);
            }
            let older = owed.older.map(|older| head_of(older, owed, tracks));
            let head = match &older {
                None => owed.head.bytes(),
                Some(Some(head)) => head,
                // The header says that there is one.
                Some(None) => {
                    counters.drop(Drop::NotKept);
                    continue;
                }
            };
            let payload = Payload { head, body: payload, padding: place.padding };
            if self.seal(owed.index, waiting.header(owed), payload, owed.stamp, counters, out) {
                counters.padding += u64::from(place.padding);
                counters.redundant += u64::from(owed.older.is_some());
                let sent =
                    if owed.replayed { &mut counters.replayed_from_history } else { &mut counters.forwarded };
                *sent += 1;
            }
        }
    }

    /// Reserves room in the train and seals header and payload into it.
    pub(super) fn seal(
        &mut self,
        index: u64,
        header: &[u8],
        payload: Payload<'_>,
        stamp: Stamp,
        counters: &mut Counters,
        out: &mut impl Outbox,
    ) -> bool {
        let capacity = header.len() + payload.len() + self.sender.overhead();
        let rate = self.rate.as_deref_mut();
        let numbered = rate.as_ref().filter(|_| stamp == Stamp::Sequence);
        let number = numbered.map(|rate| rate.estimator.next_sequence());
        let leaves = AbsSendTime::from_nanos(self.at.as_nanos());
        let pushed = out.push(self.id, &self.path, capacity, |room| {
            room[..header.len()].copy_from_slice(header);
            if let Some(number) = number {
                stamp_transport_sequence(&mut room[..header.len()], number);
            } else if stamp == Stamp::SendTime {
                stamp_send_time(&mut room[..header.len()], leaves);
            }
            self.sender.seal_rtp(index, header.len(), payload, room).ok()
        });
        match pushed {
            Push::Committed => {
                self.sent.packets += 1;
                self.sent.bytes += capacity as u64;
                match (rate, number) {
                    (Some(rate), Some(_)) => rate.on_sent(self.at, capacity),
                    (Some(rate), None) => rate.on_unnumbered(capacity),
                    (None, _) => {}
                }
                return true;
            }
            Push::RolledBack => counters.drop(Drop::NotSealed),
            Push::Full => counters.drop(Drop::NoBuffer),
        }
        false
    }
}

/// What is sent of a packet, and when it came, if it is kept. Of one without content nothing need be: what it
/// was made from may be gone.
fn payload_of<'a>(owed: &Owed, tracks: &'a Slab<Track>) -> Option<(&'a [u8], Option<Time>)> {
    if owed.is_empty() {
        return Some((&[], None));
    }
    let (bytes, stored) =
        tracks.get(owed.track)?.layers[usize::from(owed.layer)].history.get(owed.published)?;
    let (start, len) = (usize::from(owed.payload.0), usize::from(owed.payload.1));
    Some((bytes.get(start..start + len)?, Some(stored.received)))
}

fn head_of(older: Older, owed: &Owed, tracks: &Slab<Track>) -> Option<Head> {
    let track = tracks.get(owed.track)?;
    let layer = &track.layers[usize::from(owed.layer)];
    older.head(layer, owed.published)
}
