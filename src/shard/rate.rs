//! What each receiver's link carries: its estimator and pacer, fed from feedback and asked when
//! packets leave; and the probes that go with them.

use super::Shard;
use super::counters::Drop;
use super::link::Link;
use super::train::Train;
use super::waiting::MAX_HEADER;
use crate::base::{Bitrate, DATAGRAM_HEADERS, Outbox, Time};
use crate::media::bwe::Estimator;
use crate::media::pacer::Pacer;
use crate::transport::srtp::Payload;
use crate::wire::extension::Stamp;
use crate::wire::rtcp::{Remb, TransportFeedback};
use std::time::Duration;

/// Until somebody says what could be used, this much more than what is sent is looked for, so that
/// a picture may grow; and no less than a small call needs.
const GROWTH: f64 = 1.5;
const LEAST_WANTED: Bitrate = Bitrate::from_kbps(1_000);

/// What allocation keeps free beside the pictures it chose, and headers and encoders take.
const BESIDE: f64 = 1.2;
const SOUND: Bitrate = Bitrate::from_kbps(100);

/// A link without retransmissions cannot be probed: it is tried again with pictures after this.
const UNPROBED: Duration = Duration::from_secs(5);

/// The link is calm when its rate was not lowered for so long: several looks of the estimator.
const CALM_AFTER: Duration = Duration::from_secs(1);

/// Below this rate a sound of 75 kbit/s, sent twice, takes another eighth of the link and more …
const CROWDED: Bitrate = Bitrate::from_kbps(600);

/// … which for so long after it was full loses packets because of what it is sent, and not by itself.
const CROWDED_FOR: Duration = Duration::from_secs(5);

/// Over this what is sent is measured.
const MEASURED_OVER: Duration = Duration::from_secs(1);

/// Padding in a probe's packet: the most its count can say (RFC 3550 §5.1).
const PADDING: u8 = u8::MAX;

/// A probe reaches back for so many packets, one after another: about what one of 25 ms needs.
const PROBES_BACK: u64 = 32;

/// A retransmission of about this size …
const RESENT_PACKET: u64 = 1_200;

/// … leaves beyond what the estimate earns by as much as this. libwebrtc asks no more for what
/// lies before the next whole frame of the lowest layer, and without it shows nothing until a key
/// frame: refused once, a packet of an upper layer stood a picture still for two seconds.
const RESEND_AHEAD: Duration = Duration::from_millis(500);

/// Estimator and pacer of one receiver.
#[derive(Debug)]
pub(super) struct Rate {
    pub(super) estimator: Estimator,
    pacer: Pacer,
    /// What could be used at most, as far as somebody said.
    wanted: Option<Bitrate>,
    /// Whether pictures are part of it.
    wants_pictures: bool,
    /// The link has shown that it does not carry all that is wanted.
    is_bounded: bool,
    /// Since when, and how much: what is sent, measured.
    measured: (Time, u64),
    /// Media of the train that is being sealed.
    in_train: u64,
    /// Bytes of retransmissions that are not earned yet, and when that was looked at.
    resent: (u64, Time),
    /// How far back the last probe reached for a picture.
    probed_back: u64,
}

impl Rate {
    /// Nothing is known yet; the first packet has the transport-wide sequence number `first`.
    pub(super) fn new(now: Time, first: u16) -> Box<Rate> {
        Box::new(Rate {
            estimator: Estimator::new(now, first),
            pacer: Pacer::default(),
            wanted: None,
            wants_pictures: true,
            is_bounded: false,
            measured: (now, 0),
            in_train: 0,
            resent: (0, now),
            probed_back: 0,
        })
    }

    /// Bytes that may leave now; `None`: as many as there are, since the link has not been full of
    /// late.
    pub(super) fn grant(&mut self, now: Time) -> Option<u64> {
        if !self.estimator.is_tight(now) {
            return None;
        }
        // Less than the link carries while its queue is long: at what it carries a full queue stays full, and
        // loses of the key frame that everybody waits for.
        let (target, probe) = (self.estimator.target(now), self.estimator.probe_rate());
        self.pacer.update(now, target, probe, self.estimator.pace(now));
        Some(self.pacer.grant())
    }

    /// When there is a grant again.
    pub(super) fn ready_at(&self) -> Time {
        self.pacer.ready_at()
    }

    /// Whether a retransmission may leave now; takes note if so. They have a debt of their own, which the
    /// estimate earns, so that a full link is not filled with what it lost.
    fn may_resend(&mut self, now: Time) -> bool {
        if self.grant(now).is_none() {
            return true;
        }
        let estimate = self.estimator.estimate();
        let (debt, since) = &mut self.resent;
        *debt = debt.saturating_sub(estimate.bytes_in(now.since(*since)));
        *since = now;
        let may = *debt <= estimate.bytes_in(RESEND_AHEAD);
        *debt += if may { RESENT_PACKET } else { 0 };
        may
    }

    /// A packet of `bytes` has left under the next transport-wide sequence number.
    pub(super) fn on_sent(&mut self, now: Time, bytes: usize) {
        let bytes = bytes + DATAGRAM_HEADERS;
        self.estimator.on_sent(now, bytes);
        self.pacer.spend(bytes as u64);
        self.in_train += bytes as u64;
    }

    /// A packet of `bytes` has left without such a number: all there is for who tells an estimate of its own.
    pub(super) fn on_unnumbered(&mut self, bytes: usize) {
        if self.estimator.is_remote() {
            let bytes = (bytes + DATAGRAM_HEADERS) as u64;
            self.pacer.spend(bytes);
            self.in_train += bytes;
        }
    }

    /// What left since the last time was media.
    pub(super) fn on_train(&mut self, now: Time) {
        let bytes = std::mem::take(&mut self.in_train);
        self.estimator.on_media(now, bytes);
        self.measured.1 += bytes;
    }

    /// What may be sent: as much as there is, until the link shows that it does not carry it. From then
    /// on the target, until all that is wanted fits again; where nothing can probe, until a while has
    /// passed: then only more pictures tell.
    fn budget(&mut self, now: Time, can_probe: bool) -> Option<u64> {
        // That sound fits says nothing of pictures.
        let fits = self.wants_pictures && self.estimator.estimate() >= self.estimator.wanted();
        self.is_bounded = match can_probe {
            true => (self.is_bounded || self.estimator.is_tight(now)) && !fits,
            false => self.estimator.was_full_within(now, UNPROBED) || self.estimator.is_remote() && !fits,
        };
        self.is_bounded.then(|| self.estimator.target(now).bps())
    }

    /// Whether nothing has said of late that the link is full.
    pub(super) fn is_calm(&self, now: Time) -> bool {
        !self.estimator.was_full_within(now, CALM_AFTER) && self.estimator.is_calm()
    }

    /// Whether something has said of late that the link is full, or the receiver itself says what it takes.
    pub(super) fn is_full(&self, now: Time) -> bool {
        self.estimator.was_full_within(now, CALM_AFTER) || self.estimator.is_remote()
    }

    /// Whether the link is so thin, and was so full of late, that sound sent twice would be what it loses.
    pub(super) fn is_crowded(&self, now: Time) -> bool {
        self.estimator.estimate() < CROWDED && self.estimator.was_full_within(now, CROWDED_FOR)
    }

    /// What could be used at most: so many bits a second of pictures and of sound, what each packet adds aside.
    fn want(&mut self, pictures: u64, sound: u64) {
        let least = if pictures > 0 { LEAST_WANTED } else { Bitrate::ZERO };
        let sound = Bitrate::from_bps(sound).times(BESIDE).max(SOUND);
        let wanted = Bitrate::from_bps(pictures).times(BESIDE).plus(sound).max(least);
        (self.wanted, self.wants_pictures) = (Some(wanted), pictures > 0);
        self.estimator.set_wanted(wanted);
    }

    fn measure(&mut self, now: Time) {
        let (since, bytes) = self.measured;
        let passed = now.since(since);
        if passed < MEASURED_OVER {
            return;
        }
        self.measured = (now, 0);
        let guess = Bitrate::of(bytes, passed).times(GROWTH).max(LEAST_WANTED);
        self.estimator.set_wanted(self.wanted.unwrap_or(guess));
    }
}

impl Shard {
    /// The receiver `link` says what came and when.
    pub(super) fn on_transport_feedback(&mut self, now: Time, link: u32, feedback: &TransportFeedback<'_>) {
        let can_probe = self.can_probe(link);
        let Some(rate) = &mut self.links[link].rate else {
            return self.counters.drop(Drop::UnknownRtcp);
        };
        rate.estimator.on_feedback(now, feedback);
        rate.measure(now);
        rate.estimator.set_can_probe(can_probe);
        rate.estimator.on_timeout(now);
        self.follow_estimate(now, link);
    }

    /// The receiver `link` says what it thinks its link carries.
    pub(super) fn on_remb(&mut self, now: Time, link: u32, remb: &Remb<'_>) {
        let rate = self.links[link].rate.get_or_insert_with(|| Rate::new(now, 0));
        rate.estimator.on_remb(now, Bitrate::from_bps(remb.bitrate_bps));
        self.follow_estimate(now, link);
    }

    /// Sends what is due of a probe, and lets the estimator's time pass.
    pub(super) fn drive_rate(&mut self, now: Time, link: u32, out: &mut impl Outbox) {
        let Some(rate) = self.links[link].rate.as_mut().filter(|rate| rate.estimator.deadline() <= now)
        else {
            return;
        };
        rate.estimator.on_timeout(now);
        while self.links[link].rate.as_ref().is_some_and(|rate| rate.estimator.probe_due(now) > 0) {
            if !self.send_probe(now, link, out) {
                break;
            }
        }
        if let Some(rate) = &mut self.links[link].rate {
            rate.estimator.probe_stepped(now);
        }
        self.follow_estimate(now, link);
    }

    /// One packet under the retransmission SSRC of a seat, as libwebrtc probes, so that the sequence of
    /// what is shown stays whole: something shown of late once more, or else padding. False when no
    /// seat can.
    fn send_probe(&mut self, now: Time, link: u32, out: &mut impl Outbox) -> bool {
        let sent = self.probe_with_pictures(now, link, out) || self.probe_with_padding(now, link, out);
        self.counters.probes += u64::from(sent);
        if let Some(rate) = &mut self.links[link].rate {
            rate.in_train = 0;
        }
        sent
    }

    /// Pictures are four times as large as padding: as many bytes in a quarter of the packets, and now
    /// and then one that was lost.
    fn probe_with_pictures(&mut self, now: Time, link: u32, out: &mut impl Outbox) -> bool {
        let Link { rate: Some(rate), slots, .. } = &mut self.links[link] else { return false };
        rate.probed_back = (rate.probed_back + 1) % PROBES_BACK;
        let able = slots.iter().copied().find(|&slot| self.slots[slot].can_probe_with_pictures());
        let Some(slot) = able else { return false };
        let Some(index) = self.slots[slot].to_probe_with(now, rate.probed_back) else { return false };
        self.send_again(now, slot, index, out).is_ok_and(|sent| sent)
    }

    fn probe_with_padding(&mut self, now: Time, link: u32, out: &mut impl Outbox) -> bool {
        let slots = &self.links[link].slots;
        let able = slots.iter().copied().find(|&slot| self.slots[slot].can_probe());
        let Some((slot, outgoing)) = able.and_then(|slot| Some((slot, self.slots[slot].probe()?))) else {
            return false;
        };
        let mut header = [0; MAX_HEADER];
        let Some(len) = self.slots[slot].write_bare_header(&outgoing, &mut header) else { return false };
        let Some(mut train) = Train::to(now, link, &mut self.links[link]) else { return false };
        let payload = Payload { padding: PADDING, ..Payload::default() };
        train.seal(outgoing.index, &header[..len], payload, Stamp::Sequence, &mut self.counters, out)
    }

    /// Whether a retransmission may leave to `link`; it is counted if not.
    pub(super) fn may_resend(&mut self, now: Time, link: u32) -> bool {
        let Some(rate) = &mut self.links[link].rate else { return true };
        let may = rate.may_resend(now);
        if !may {
            self.counters.drop(Drop::LinkFull);
        }
        may
    }

    /// All that `link` could be shown takes so many bits a second of pictures, and it hears so many of sound.
    pub(super) fn set_wanted(&mut self, link: u32, pictures: u64, sound: u64) {
        if let Some(rate) = &mut self.links[link].rate {
            rate.want(pictures, sound);
        }
    }

    /// Whether a seat of `link` has something to probe with.
    fn can_probe(&self, link: u32) -> bool {
        self.links[link].slots.iter().any(|&slot| self.slots[slot].can_probe())
    }

    fn follow_estimate(&mut self, now: Time, link: u32) {
        let can_probe = self.can_probe(link);
        let Some(rate) = &mut self.links[link].rate else { return };
        let (budget, deadline) = (rate.budget(now, can_probe), rate.estimator.deadline());
        let is_probing = rate.estimator.is_probing();
        self.timers.set_at_most(link, deadline);
        // What a series of probes has found so far may be too much, and pictures that rise and fall
        // again are worse than ones that wait for the end of it.
        let rises = self.links[link].budget.is_some_and(|now| budget.is_none_or(|budget| budget > now));
        if self.links[link].is_budget_assumed || rises && is_probing {
            return;
        }
        self.set_budget(link, budget);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_hears_sound_alone_is_not_looked_for_more_than_that_and_stays_bounded() {
        let mut rate = Rate::new(Time::ZERO, 0);
        rate.is_bounded = true;
        rate.want(0, 40_000);
        assert_eq!(rate.estimator.wanted(), SOUND);
        assert!(rate.estimator.wanted() < rate.estimator.estimate(), "nothing to be probed for");
        assert!(rate.budget(Time::ZERO, true).is_some(), "a picture is not to fill the link at once");
        rate.want(0, 300_000);
        assert_eq!(rate.estimator.wanted(), Bitrate::from_kbps(360), "all of whom they hear");
        rate.want(150_000, 40_000);
        assert_eq!(rate.estimator.wanted(), LEAST_WANTED);
        rate.is_bounded = false;
        rate.want(0, 40_000);
        assert_eq!(rate.budget(Time::ZERO, true), None);
    }
}
