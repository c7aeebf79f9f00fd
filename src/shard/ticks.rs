//! What the passing of time makes due: one deadline per transport, the earliest of all its own.

use super::Shard;
use crate::base::{Outbox, Time};

impl Shard {
    /// Does all that is due at `now` but departures, which end the turn. Each transport is looked at
    /// once however much it is behind. Of DTLS only a little is worked off: while more waits,
    /// [`next_deadline`](Self::next_deadline) has passed.
    pub fn on_timeout(&mut self, now: Time, out: &mut impl Outbox) {
        while let Some(link) = self.timers.pop_due(now) {
            if self.links.get(link).is_some() {
                self.tick(now, link, out);
            }
        }
        self.look_at_rooms(now, out);
        self.look_at_shown(now);
        self.ask_homes(now);
        self.work_aside(now, out);
    }

    fn tick(&mut self, now: Time, link: u32, out: &mut impl Outbox) {
        if self.links[link].arrivals.deadline() <= now {
            self.send_arrivals(link, out);
        }
        for place in 0..self.links[link].tracks.len() {
            let track = self.links[link].tracks[place];
            self.send_requests(now, track, out);
        }
        self.allocate_if_due(now, link, out);
        if self.links[link].next_report <= now {
            self.listen_for_silence(now, link, out);
            self.look_at_all(now, link);
            self.send_receiver_reports(now, link, out);
        }
        self.drive_rate(now, link, out);
        self.put_timer_aside(now, link);
        self.links[link].transport.on_timeout(now);
        self.drive(link, out);
    }

    /// Sets the transport's deadline anew.
    pub(super) fn schedule(&mut self, link: u32) {
        let entry = &self.links[link];
        let tracks = entry.tracks.iter().map(|&track| self.tracks[track].deadline());
        let report = if entry.tracks.is_empty() { Time::NEVER } else { entry.next_report };
        let rate = entry.rate.as_ref().map_or(Time::NEVER, |rate| rate.estimator.deadline());
        let own = entry.transport.next_deadline().min(entry.arrivals.deadline()).min(report).min(rate);
        let own = own.min(entry.allocate_at);
        self.timers.set(link, tracks.min().unwrap_or(Time::NEVER).min(own));
    }
}
