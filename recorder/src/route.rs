//! Which session the values of a track are for: one look-up for each packet, however many rooms are recorded.

use crate::session::Session;
use std::collections::HashMap;
use volley::base::{Time, TrackId};

/// All sessions, by their names, and whose the tracks are.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_number: HashMap<u32, Session>,
    numbers: HashMap<String, u32>,
    next: u32,
    routes: HashMap<TrackId, Route>,
}

#[derive(Clone, Copy, Debug)]
struct Route {
    session: u32,
    /// By which tap its packets come, once one has.
    tap: Option<usize>,
}

impl Sessions {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    pub(crate) fn has(&self, recording_id: &str) -> bool {
        self.numbers.contains_key(recording_id)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.numbers.keys().map(String::as_str)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Session> {
        self.by_number.values()
    }

    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.by_number.values_mut()
    }

    pub(crate) fn insert(&mut self, recording_id: &str, session: Session) {
        self.numbers.insert(recording_id.to_owned(), self.next);
        self.by_number.insert(self.next, session);
        self.next = self.next.wrapping_add(1);
    }

    pub(crate) fn remove(&mut self, recording_id: &str) -> Option<Session> {
        let number = self.numbers.remove(recording_id)?;
        self.routes.retain(|_, route| route.session != number);
        self.by_number.remove(&number)
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Session> {
        self.numbers.clear();
        self.routes.clear();
        self.by_number.drain().map(|(_, session)| session)
    }

    /// Changes a session, and with it perhaps whose tracks are whose.
    pub(crate) fn change(&mut self, recording_id: &str, change: impl FnOnce(&mut Session)) {
        let Some(&number) = self.numbers.get(recording_id) else { return };
        let Some(session) = self.by_number.get_mut(&number) else { return };
        change(session);
        self.routes.retain(|track, route| route.session != number || session.has(*track));
        for track in session.tracks() {
            self.routes.entry(track).or_insert(Route { session: number, tap: None }).session = number;
        }
    }

    /// Whose a track is.
    pub(crate) fn of(&mut self, track: TrackId) -> Option<&mut Session> {
        let route = self.routes.get(&track)?;
        self.by_number.get_mut(&route.session)
    }

    /// Whose a track is of which a packet came by `tap`.
    pub(crate) fn of_packet(&mut self, track: TrackId, tap: usize) -> Option<&mut Session> {
        let route = self.routes.get_mut(&track)?;
        route.tap = Some(tap);
        self.by_number.get_mut(&route.session)
    }

    /// Where to ask for something of a track.
    pub(crate) fn tap_of(&self, track: TrackId) -> Option<usize> {
        self.routes.get(&track)?.tap
    }

    /// A track has ended.
    pub(crate) fn forget(&mut self, track: TrackId) {
        self.routes.remove(&track);
    }

    /// Nothing more comes of the tracks that came by a tap.
    pub(crate) fn on_worker_gone(&mut self, now: Time, tap: usize) {
        let came = |(track, route): (&TrackId, &Route)| (route.tap == Some(tap)).then_some(*track);
        let gone: Vec<TrackId> = self.routes.iter().filter_map(came).collect();
        gone.iter().for_each(|track| self.forget(*track));
        self.all_mut().for_each(|session| session.on_worker_gone(now, &gone));
    }
}
