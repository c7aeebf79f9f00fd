//! The loss-based rate: which bandwidth explains the losses best.
//!
//! A link may lose packets because it is full, or whatever is sent. Of a few candidate bandwidths
//! that one is taken under which the losses of the last seconds were likeliest, each with the
//! inherent loss that suits it best; higher ones are preferred as long as losses are few. After
//! libwebrtc's `LossBasedBweV2`, whose constants these are unless another reason is given.

use super::sent::Spoken;
use crate::base::Bitrate;
use arrayvec::ArrayVec;

/// Observations looked at, and how long one is at least.
const WINDOW: usize = 20;
const LEAST_US: i64 = 250_000;
/// An observation of fewer packets is all luck.
const LEAST_PACKETS: u32 = 10;
/// Weight of an observation against the next younger one.
const FADE: f64 = 0.9;
/// Candidates, by the rate so far.
const STEPS: [f64; 3] = [1.02, 1.0, 0.95];
/// Beyond this loss lower rates are preferred; the softness of the turn.
const TURN: f64 = 0.20;
const TURN_SOFTNESS: f64 = 0.002;
/// How much higher rates are preferred: by kbit/s and by their logarithm.
const BIAS: f64 = 0.0002;
const LOG_BIAS: f64 = 0.02;
/// Loss that may be the path's own: this much, and more at small rates, where a stream must live
/// with it.
const LEAST_INHERENT: f64 = 0.001;
const MOST_INHERENT: f64 = 0.12;
const INHERENT_BALANCE_KBPS: f64 = 75.0;
/// Steps towards the best inherent loss, and how far each goes.
const NEWTON_STEPS: u32 = 2;
const NEWTON_SHARE: f64 = 0.75;
/// The rate rises by this much in one observation at most.
const MOST_RISE: f64 = 1.3;
/// And never falls below this share of what arrives: that much the link does carry.
const FLOOR: f64 = 0.85;

#[derive(Clone, Copy, Debug, Default)]
struct Observation {
    packets: f64,
    lost: f64,
    kbps: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Partial {
    first_us: i64,
    last_us: i64,
    packets: u32,
    lost: u32,
    bytes: u64,
}

/// The loss-based rate of one transport.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    observations: ArrayVec<Observation, WINDOW>,
    partial: Partial,
    inherent: f64,
    /// The rate in kbit/s; `None` while losses set no limit.
    kbps: Option<f64>,
    average: f64,
}

impl Default for Loss {
    fn default() -> Loss {
        Loss {
            observations: ArrayVec::new(),
            partial: Partial::default(),
            inherent: LEAST_INHERENT,
            kbps: None,
            average: 0.0,
        }
    }
}

impl Loss {
    /// Share of packets lost in the last seconds.
    pub(super) fn average(&self) -> f64 {
        self.average
    }

    /// Share of packets lost just now, once there are enough to say.
    pub(super) fn just_now(&self) -> f64 {
        let Partial { packets, lost, .. } = self.partial;
        let (packets, lost) = (f64::from(packets), f64::from(lost));
        let last = self.observations.last().copied().unwrap_or_default();
        (lost + last.lost) / (packets + last.packets).max(f64::from(LEAST_PACKETS))
    }

    /// What was counted last is of another time.
    pub(super) fn forget_the_last(&mut self) {
        self.partial = Partial::default();
        if let Some(last) = self.observations.last_mut() {
            last.lost = 0.0;
        }
    }

    /// The limit that losses set, if they do.
    pub(super) fn limit(&self) -> Option<Bitrate> {
        self.kbps.map(from_kbps)
    }

    /// A probe found that this much gets through.
    pub(super) fn raise(&mut self, rate: Bitrate) {
        self.kbps = self.kbps.map(|kbps| kbps.max(to_kbps(rate)));
    }

    /// Feedback spoke of a packet.
    pub(super) fn on_spoken(&mut self, spoken: &Spoken) {
        let partial = &mut self.partial;
        if spoken.was_lost {
            partial.lost = partial.lost.saturating_sub(1);
            return;
        }
        if partial.packets == 0 {
            (partial.first_us, partial.last_us) = (spoken.sent_us, spoken.sent_us);
        }
        partial.last_us = partial.last_us.max(spoken.sent_us);
        partial.packets += 1;
        partial.bytes += u64::from(spoken.bytes);
        partial.lost += u32::from(spoken.arrived_us.is_none());
    }

    /// Thinks the rate over when an observation is complete. `delay_based` is the rate that the
    /// queue allows, `arriving` what gets through.
    pub(super) fn update(&mut self, delay_based: Bitrate, arriving: Option<Bitrate>) {
        let Partial { first_us, last_us, packets, lost, bytes } = self.partial;
        let lasted_us = last_us - first_us;
        if lasted_us < LEAST_US || packets < LEAST_PACKETS {
            return;
        }
        self.partial = Partial::default();
        if self.observations.is_full() {
            self.observations.remove(0);
        }
        let kbps = bytes as f64 * 8_000.0 / lasted_us as f64;
        self.observations.push(Observation { packets: f64::from(packets), lost: f64::from(lost), kbps });
        self.average = self.weighted_loss();
        if self.average <= 0.0 {
            (self.kbps, self.inherent) = (None, LEAST_INHERENT);
            return;
        }
        self.think(to_kbps(delay_based), arriving.map(to_kbps));
    }

    fn think(&mut self, delay_based: f64, arriving: Option<f64>) {
        let before = self.kbps.unwrap_or(delay_based).min(delay_based);
        let steps = STEPS.iter().map(|step| before * step);
        let candidates =
            steps.chain([delay_based]).chain(arriving).filter(|kbps| *kbps <= delay_based.max(before));
        let judged = candidates.map(|kbps| {
            let inherent = self.best_inherent(kbps);
            (self.likelihood(kbps, inherent), kbps, inherent)
        });
        let best = judged.max_by(|one, other| one.0.total_cmp(&other.0));
        let Some((_, mut kbps, inherent)) = best else { return };
        self.inherent = inherent;
        kbps = kbps.min(before * MOST_RISE);
        if kbps < before {
            kbps = kbps.max(before.min(arriving.unwrap_or(0.0) * FLOOR));
        }
        self.kbps = (kbps < delay_based * 0.999).then_some(kbps);
    }

    /// Observations from the youngest on, with their weights.
    fn weighted(&self) -> impl Iterator<Item = (f64, &Observation)> {
        let mut weight = 1.0 / FADE;
        self.observations.iter().rev().map(move |observation| {
            weight *= FADE;
            (weight, observation)
        })
    }

    fn weighted_loss(&self) -> f64 {
        let (lost, packets) = self.weighted().fold((0.0, 0.0), |sum, (weight, observation)| {
            (sum.0 + weight * observation.lost, sum.1 + weight * observation.packets)
        });
        if packets > 0.0 { lost / packets } else { 0.0 }
    }

    /// The inherent loss under which a link of `kbps` explains the losses best, nearly: some steps
    /// of Newton's from the one before. The function is concave.
    fn best_inherent(&self, kbps: f64) -> f64 {
        let most = (MOST_INHERENT + INHERENT_BALANCE_KBPS / kbps.max(1.0)).min(0.9);
        let mut inherent = self.inherent.clamp(LEAST_INHERENT, most);
        for _ in 0..NEWTON_STEPS {
            let (mut first, mut second) = (0.0, 0.0);
            for (weight, observation) in self.weighted() {
                let free = 1.0 - overflow(observation.kbps, kbps);
                let (loss, kept) = (1.0 - (1.0 - inherent) * free, 1.0 - inherent);
                let (lost, came) = (observation.lost, observation.packets - observation.lost);
                first += weight * (lost * free / loss - came / kept);
                second -= weight * (lost * free * free / (loss * loss) + came / (kept * kept));
            }
            inherent = (inherent - NEWTON_SHARE * first / second.min(-1e-9)).clamp(LEAST_INHERENT, most);
        }
        inherent
    }

    fn likelihood(&self, kbps: f64, inherent: f64) -> f64 {
        let room = TURN - self.average;
        let turned = room / (TURN_SOFTNESS + room.abs());
        let bias = turned * (BIAS * kbps + LOG_BIAS * (1.0 + kbps).ln());
        self.weighted().fold(0.0, |sum, (weight, observation)| {
            let kept = (1.0 - inherent) * (1.0 - overflow(observation.kbps, kbps));
            let kept = kept.clamp(1e-6, 1.0 - 1e-6);
            let came = observation.packets - observation.lost;
            let explained = observation.lost * (1.0 - kept).ln() + came * kept.ln();
            sum + weight * (explained + bias * observation.packets)
        })
    }
}

/// Share of what is sent at `rate` that a link of `kbps` cannot take.
fn overflow(rate: f64, kbps: f64) -> f64 {
    if rate > kbps { (rate - kbps) / rate } else { 0.0 }
}

fn to_kbps(rate: Bitrate) -> f64 {
    rate.bps() as f64 / 1_000.0
}

fn from_kbps(kbps: f64) -> Bitrate {
    Bitrate::from_bps((kbps * 1_000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    /// Ten seconds of sending what the loss-based rate allows over a link of `capacity` kbit/s
    /// that loses `inherent` besides; the rate at the end.
    fn settle(capacity: f64, inherent: f64) -> f64 {
        let (mut loss, mut random) = (Loss::default(), Random::new(7));
        let (mut now_us, mut came) = (0i64, 0u32);
        let delay_based = 4_000.0;
        for _ in 0..200 {
            let rate = loss.kbps.unwrap_or(delay_based);
            let packets = (rate * 50.0 / 8.0 / 1_200.0 * 1_000.0 / 1_000.0).max(1.0) as i64;
            for n in 0..packets {
                let drops = inherent + (1.0 - inherent) * overflow(rate, capacity);
                let arrived_us = (!random.chance(drops)).then_some(0);
                came += u32::from(arrived_us.is_some());
                let sent_us = now_us + n * 50_000 / packets;
                loss.on_spoken(&Spoken { sent_us, arrived_us, bytes: 1_200, probe: 0, was_lost: false });
            }
            now_us += 50_000;
            let arriving = rate.min(capacity) * (1.0 - inherent);
            loss.update(from_kbps(delay_based), Some(from_kbps(arriving)));
        }
        assert!(came > 0);
        loss.kbps.unwrap_or(delay_based)
    }

    #[test]
    fn a_link_that_loses_nothing_is_not_limited() {
        assert_eq!(settle(10_000.0, 0.0), 4_000.0);
    }

    #[test]
    fn a_few_percent_of_the_paths_own_loss_cost_no_rate() {
        let kbps = settle(10_000.0, 0.02);
        assert!(kbps > 3_600.0, "{kbps}");
    }

    #[test]
    fn a_link_that_polices_is_found_out() {
        let kbps = settle(1_000.0, 0.0);
        assert!((800.0..2_000.0).contains(&kbps), "{kbps}");
    }

    #[test]
    fn heavy_loss_brings_the_rate_down_and_not_to_nothing() {
        let kbps = settle(10_000.0, 0.3);
        assert!((200.0..2_000.0).contains(&kbps), "{kbps}");
    }
}
