//! A modelled sender to one receiver: estimator, pacer and what waits for them.

use super::plan::{Content, Plan};
use super::source::{SOUND_BYTES, Source};
use super::viewer::{Part, Viewer};
use crate::base::Time;
use crate::media::bwe::{Estimator, PADDING_PACKET};
use crate::media::pacer::{MOST_WAIT, Pacer};
use crate::wire::rtcp::{Compound, RtcpPacket};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A packet's payload, and what its headers add.
const PAYLOAD: u64 = 1_100;
const HEADERS: u64 = 60;
/// What was sent this long ago is not sent again.
const TOO_LATE: Duration = Duration::from_millis(600);

/// A packet that waits or is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    pub(super) bytes: u64,
    pub(super) part: Option<Part>,
    /// When it came from the publisher.
    pub(super) came: Time,
    pub(super) kind: Kind,
}

/// What it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Sound,
    Picture,
    Again,
    Probe,
}

/// One receiver's side of a server, and the receiver.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) estimator: Estimator,
    pub(super) pacer: Pacer,
    pub(super) source: Source,
    pub(super) viewer: Viewer,
    sound: VecDeque<Packet>,
    again: VecDeque<Packet>,
    pictures: VecDeque<Packet>,
    under_way: BTreeMap<u16, Packet>,
    next_picture: u64,
    /// The last key frame: pictures before it are not sent again.
    last_key: u64,
    pub(super) top_since: Option<Time>,
}

impl Flow {
    pub(super) fn new(now: Time, content: Content, seed: u64) -> Flow {
        Flow {
            estimator: Estimator::new(now, 0),
            pacer: Pacer::default(),
            source: Source::new(content, seed),
            viewer: Viewer::default(),
            sound: VecDeque::new(),
            again: VecDeque::new(),
            last_key: 0,
            pictures: VecDeque::new(),
            under_way: BTreeMap::new(),
            next_picture: 0,
            top_since: None,
        }
    }

    /// Sound comes.
    pub(super) fn sound(&mut self, now: Time) {
        self.sound.push_back(Packet { bytes: SOUND_BYTES, part: None, came: now, kind: Kind::Sound });
    }

    /// A picture comes, if it is its turn.
    pub(super) fn picture(&mut self, now: Time, plan: &Plan) {
        let publisher = plan.publisher_at(now);
        self.estimator.set_wanted(self.source.wanted(publisher));
        if self.viewer.asks(now) {
            self.source.want_key();
        }
        let target = self.estimator.target(now);
        let Some(picture) = self.source.picture(now, target, publisher) else { return };
        match self.source.is_at_top() {
            true => drop(self.top_since.get_or_insert(now)),
            false => self.top_since = None,
        }
        if picture.key {
            self.last_key = self.next_picture;
            if plan.content == Content::Layers {
                // Another layer begins: what waits of the one before leaves without its contents.
                self.pictures.clear();
            }
        }
        let parts = picture.bytes.div_ceil(PAYLOAD);
        for part in 0..parts {
            let bytes = picture.bytes / parts + HEADERS;
            let part =
                Part { picture: self.next_picture, part: part as u16, parts: parts as u16, key: picture.key };
            self.pictures.push_back(Packet { bytes, part: Some(part), came: now, kind: Kind::Picture });
        }
        self.next_picture += 1;
    }

    /// What leaves now.
    pub(super) fn depart(&mut self, now: Time) -> Vec<(u16, Packet)> {
        self.drop_the_late(now);
        self.estimator.on_timeout(now);
        let tight = self.estimator.is_tight(now);
        self.pacer.update(
            now,
            self.estimator.estimate(),
            self.estimator.probe_rate(),
            self.estimator.pace(now),
        );
        let mut departing = Vec::new();
        while let Some(packet) = self.sound.pop_front() {
            self.send(now, packet, &mut departing);
        }
        while (self.pacer.grant() > 0 || !tight)
            && let Some(packet) = self.again.pop_front().or_else(|| self.pictures.pop_front())
        {
            self.send(now, packet, &mut departing);
        }
        while self.estimator.probe_due(now) > 0 {
            let packet = Packet { bytes: PADDING_PACKET, part: None, came: now, kind: Kind::Probe };
            self.send(now, packet, &mut departing);
        }
        self.estimator.probe_stepped(now);
        departing
    }

    fn send(&mut self, now: Time, packet: Packet, departing: &mut Vec<(u16, Packet)>) {
        self.pacer.spend(packet.bytes);
        let sequence = self.estimator.on_sent(now, packet.bytes as usize);
        if packet.kind != Kind::Probe {
            self.estimator.on_media(now, packet.bytes);
            self.under_way.insert(sequence, packet);
        }
        departing.push((sequence, packet));
    }

    /// What waited too long goes, and all behind it: it could not be shown without.
    fn drop_the_late(&mut self, now: Time) {
        let last_key = self.last_key;
        self.again.retain(|packet| {
            now.since(packet.came) < TOO_LATE && packet.part.is_some_and(|part| part.picture >= last_key)
        });
        let late = self.pictures.front().is_some_and(|packet| now.since(packet.came) > MOST_WAIT);
        if late {
            self.pictures.clear();
            self.source.want_key();
        }
    }

    /// When there is something to do, besides what comes from the publisher.
    pub(super) fn deadline(&self, now: Time) -> Time {
        let paced = if self.pictures.is_empty() && self.again.is_empty() {
            Time::NEVER
        } else {
            self.pacer.ready_at()
        };
        paced.min(self.estimator.deadline()).max(now + Duration::from_millis(1))
    }

    /// Feedback came.
    pub(super) fn on_feedback(&mut self, now: Time, bytes: &[u8]) {
        for message in Compound::parse(bytes).into_iter().flatten() {
            let RtcpPacket::TransportFeedback(feedback) = message else { continue };
            self.estimator.on_feedback(now, &feedback);
            for status in feedback.packets() {
                let Some(packet) = self.under_way.remove(&status.sequence) else { continue };
                if status.arrival_ticks.is_none() && packet.kind != Kind::Sound {
                    self.again.push_back(Packet { kind: Kind::Again, ..packet });
                }
            }
        }
    }
}
