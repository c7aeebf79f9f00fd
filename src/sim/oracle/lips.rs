//! Sound and picture of one person can be played in step: by the sender reports of the seats that
//! carry them, the same moment of capture is the same moment on the server's clock.

use super::Violations;
use crate::base::{NtpTime, ParticipantId, SlotId, Time};
use crate::control::types::Kind;
use crate::sim::ledger::Ledger;
use crate::sim::peer::seat::Heard;
use std::collections::BTreeMap;
use std::time::Duration;

/// People notice more than this (ITU-R BT.1359 gives 45 ms early, 125 ms late).
const MAX_SKEW_MS: i64 = 45;

/// What plays has reported within this; what is muted is in step with nothing.
const FRESH: Duration = Duration::from_millis(1_500);

/// A publisher reports each second, and each of its reports is carried over.
const REPORTED_WITHIN: Duration = Duration::from_millis(2_500);

/// Watches the seats of one viewer.
#[derive(Debug, Default)]
pub struct LipsOracle {
    heard: BTreeMap<SlotId, Heard>,
    /// When what plays now was captured first: whoever shook hands late reports late.
    began: BTreeMap<SlotId, Time>,
    reports: BTreeMap<SlotId, Report>,
}

#[derive(Clone, Copy, Debug)]
struct Report {
    at: Time,
    heard: Heard,
    lateness_ms: i64,
}

impl LipsOracle {
    /// A packet of media leaves.
    pub fn on_media(&mut self, heard: &Heard) {
        if self.heard.get(&heard.slot).is_none_or(|before| before.tag.track != heard.tag.track) {
            self.reports.remove(&heard.slot);
            self.began.insert(heard.slot, heard.tag.captured);
        }
        self.heard.insert(heard.slot, *heard);
    }

    /// A sender report of the seat `slot` leaves: from now on its moments of capture have a place
    /// on the server's clock.
    pub fn on_sender_report(&mut self, at: Time, slot: SlotId, ntp: NtpTime, rtp: u32) {
        let Some(heard) = self.heard.get(&slot) else { return };
        let clock_rate = if heard.tag.kind == Kind::Audio { 48 } else { 90 };
        let ahead_ms = i64::from(heard.timestamp.wrapping_sub(rtp) as i32) / clock_rate;
        let shown_ms = (ntp.as_nanos() / 1_000_000) as i64 + ahead_ms;
        let lateness_ms = shown_ms - heard.tag.captured.as_millis() as i64;
        self.reports.insert(slot, Report { at, heard: *heard, lateness_ms });
    }

    /// Compares the seats of each pair, at the end of a run.
    pub fn check(&self, at: Time, viewer: ParticipantId, ledger: &Ledger, violations: &mut Violations) {
        self.check_reports(at, viewer, ledger, violations);
        let fresh =
            |report: &&Report| at.since(report.at) < FRESH && at.since(report.heard.tag.captured) < 2 * FRESH;
        for sound in self.reports.values().filter(fresh) {
            for picture in self.reports.values().filter(fresh) {
                let slots = (ledger.slots.get(&sound.heard.slot), ledger.slots.get(&picture.heard.slot));
                let (Some(a), Some(b)) = slots else { continue };
                let paired = a.stream == b.stream && (a.kind, b.kind) == (Kind::Audio, Kind::Video);
                // A seat that moves to somebody who speaks has its sound before its picture.
                let owner =
                    |heard: &Heard| ledger.tracks.get(&heard.tag.track).map(|track| track.participant);
                let paired = paired && owner(&sound.heard) == owner(&picture.heard);
                let skew = sound.lateness_ms - picture.lateness_ms;
                if paired && skew.abs() > MAX_SKEW_MS {
                    violations.add(at, "lips", || {
                        format!("{viewer:?} sees and hears {skew} ms apart: {sound:?} {picture:?}")
                    });
                }
            }
        }
    }

    /// Whatever plays needs a report now and then, or no receiver can play it in step.
    fn check_reports(&self, at: Time, viewer: ParticipantId, ledger: &Ledger, violations: &mut Violations) {
        for (slot, heard) in &self.heard {
            let Some(entry) = ledger.slots.get(slot).filter(|entry| entry.live) else { continue };
            let began = self.began.get(slot).copied().unwrap_or(at).max(entry.shows.since());
            let settled = at.since(began) > REPORTED_WITHIN;
            let plays = at.since(heard.tag.captured) < FRESH && entry.shows.now() == Some(heard.tag.track);
            let reported = self.reports.get(slot).is_some_and(|report| at.since(report.at) < REPORTED_WITHIN);
            if settled && plays && !reported {
                violations.add(at, "lips", || format!("{viewer:?} gets no reports with {heard:?}"));
            }
        }
    }
}
