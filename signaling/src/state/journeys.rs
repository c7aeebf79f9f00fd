//! The way of somebody who comes, for traces: when they came, offered, had a transport, a path, keys, and
//! sent the first packet. Noted only where traces are wanted; nothing depends on it.

use crate::state::State;
use crate::state::bridge::BridgeRole;
use std::time::Duration;
use volley::base::{ParticipantId, Time};

/// Whoever has not arrived by then is on no way any more.
const LONGEST: Duration = Duration::from_secs(30);

/// Where somebody comes past, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Waypoint {
    /// Their first offer came.
    Offered,
    /// The worker has made their transport.
    Placed,
    /// ICE found a path.
    Reached,
    /// DTLS agreed on keys.
    Secured,
    /// The first packet of media came.
    Heard,
}

/// How a way ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Where it was to end.
    Arrived,
    /// They left, or their media ended, before.
    Left,
    /// It took too long.
    Lost,
}

/// A part of the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leg {
    /// What happened in it.
    pub name: &'static str,
    /// When it began.
    pub from: Time,
    /// When it ended.
    pub to: Time,
}

/// The whole way of somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Journey {
    /// The room.
    pub room: String,
    /// Who.
    pub participant: ParticipantId,
    /// The worker they are on.
    pub worker: Option<usize>,
    /// `websocket`, `whip` or `whep`.
    pub by: &'static str,
    /// When they came.
    pub from: Time,
    /// When it ended.
    pub to: Time,
    /// Its parts, one after another.
    pub legs: Vec<Leg>,
    /// How it ended.
    pub outcome: Outcome,
}

/// A way that is not over.
#[derive(Clone, Debug)]
pub(crate) struct Underway {
    from: Time,
    passed: Vec<(Waypoint, Time)>,
}

impl Waypoint {
    /// What happens until it is passed.
    fn leg(self) -> &'static str {
        match self {
            Waypoint::Offered => "wait for the offer",
            Waypoint::Placed => "hand over to the worker",
            Waypoint::Reached => "ICE",
            Waypoint::Secured => "DTLS",
            Waypoint::Heard => "first media",
        }
    }
}

impl Underway {
    fn legs(&self) -> Vec<Leg> {
        let mut from = self.from;
        let leg = |&(waypoint, to): &(Waypoint, Time)| {
            let leg = Leg { name: waypoint.leg(), from, to };
            from = to;
            leg
        };
        self.passed.iter().map(leg).collect()
    }
}

impl State {
    /// Somebody has come in.
    pub(super) fn sets_out(&mut self, id: ParticipantId, now: Time) {
        if self.config.traces.is_none() {
            return;
        }
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.underway = Some(Box::new(Underway { from: now, passed: Vec::new() }));
        }
    }

    /// Somebody comes past: noted once, and not out of order.
    pub(super) fn passes(&mut self, id: ParticipantId, waypoint: Waypoint, now: Time) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let publishes = participant.tracks().next().is_some();
        let Some(underway) = &mut participant.underway else { return };
        if underway.passed.last().is_some_and(|(last, _)| *last >= waypoint) {
            return;
        }
        underway.passed.push((waypoint, now));
        // Who only watches sends nothing that could be waited for.
        if waypoint == Waypoint::Heard || (waypoint == Waypoint::Secured && !publishes) {
            self.way_ends(id, Outcome::Arrived, now);
        }
    }

    /// Somebody's way is over.
    pub(super) fn way_ends(&mut self, id: ParticipantId, outcome: Outcome, now: Time) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let Some(underway) = participant.underway.take() else { return };
        let journey = Journey {
            room: participant.room.clone(),
            participant: id,
            worker: participant.worker,
            by: match participant.bridge {
                None => "websocket",
                Some(BridgeRole::Publisher) => "whip",
                Some(BridgeRole::Viewer) => "whep",
            },
            from: underway.from,
            to: now,
            legs: underway.legs(),
            outcome,
        };
        self.out.journeys.push(journey);
    }

    /// Ends the ways that lead nowhere.
    pub(super) fn end_long_ways(&mut self, now: Time) {
        if self.config.traces.is_none() {
            return;
        }
        let is_long = |underway: &Underway| now.since(underway.from) >= LONGEST;
        let long = self.participants.values().filter(|p| p.underway.as_deref().is_some_and(is_long));
        for id in long.map(|p| p.id.0).collect::<Vec<_>>() {
            self.way_ends(id, Outcome::Lost, now);
        }
    }
}
