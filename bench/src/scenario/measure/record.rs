//! A measured load as JSON tells it.

use super::{Measured, Times};
use crate::host::cpu::CpuUse;
use crate::host::own::Own;
use crate::load::Figures;
use crate::report::format::percent;
use crate::scenario::shape::Size;
use crate::scenario::strays::Strays;
use serde::Serialize;
use volley::control::types::SrtpProfile;

/// Other programs' share of the server's core, above which a run is told to be disturbed.
const MOST_OTHERS: f64 = 0.02;
/// The hypervisor's.
const MOST_STEAL: f64 = 0.03;

/// Who took how much of the time, where it was so much that a run is disturbed.
pub(crate) fn disturbance(others: f64, steal: f64) -> Option<String> {
    let programs = (others > MOST_OTHERS)
        .then(|| format!("other programs took {} of the server's core", percent(others)));
    let hypervisor =
        (steal > MOST_STEAL).then(|| format!("the hypervisor took {} of the time (steal)", percent(steal)));
    let by: Vec<String> = programs.into_iter().chain(hypervisor).collect();
    (!by.is_empty()).then(|| by.join(" and "))
}

/// What one measured load came to, as JSON tells it. Times are seconds, memory is bytes.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    #[serde(flatten)]
    pub(crate) size: Size,
    pub(crate) seconds: f64,
    pub(crate) forwarded: u64,
    pub(crate) forwarded_per_second: f64,
    pub(crate) megabits_per_second: f64,
    pub(crate) per_cpu_second: f64,
    pub(crate) nanos_per_packet: f64,
    pub(crate) mean_train: f64,
    pub(crate) loss: f64,
    pub(crate) lost: u64,
    pub(crate) missing_streams: f64,
    pub(crate) delay: Times,
    /// Half, 95 and 99 of 100 packets left the server at most so long after they had come.
    pub(crate) added_delay: Option<[f64; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) own: Option<Own>,
    pub(crate) longest_gap: f64,
    pub(crate) server_cpu: CpuUse,
    pub(crate) server_busy: f64,
    pub(crate) steal: f64,
    pub(crate) others: f64,
    pub(crate) disturbed: bool,
    pub(crate) memory: u64,
    pub(crate) descriptors: usize,
    pub(crate) generator_busy: f64,
    pub(crate) generator_limited: bool,
    pub(crate) generator_drops: u64,
    pub(crate) server_drops: u64,
    pub(crate) retransmissions: u64,
    pub(crate) profiles: Vec<String>,
    #[serde(flatten)]
    pub(crate) strays: Strays,
    pub(crate) replayed: u64,
    pub(crate) problems: Vec<String>,
}

impl Measured {
    /// Who disturbed it, if anybody did.
    pub(crate) fn disturbance(&self) -> Option<String> {
        disturbance(self.others(), self.server.steal_share())
    }

    /// Share of the time of the server's cores that others had.
    pub(crate) fn taken(&self) -> f64 {
        self.others() + self.server.steal_share()
    }

    /// Everything, for programs.
    pub(crate) fn record(&self) -> Record {
        let figures = &self.figures;
        Record {
            size: self.size,
            seconds: figures.wall.as_secs_f64(),
            forwarded: figures.packets(),
            forwarded_per_second: figures.packets_per_second(),
            megabits_per_second: megabits(figures),
            per_cpu_second: self.per_cpu_second(),
            nanos_per_packet: self.seconds_per_packet() * 1e9,
            mean_train: self.mean_train(),
            loss: self.loss(),
            lost: figures.lost(),
            missing_streams: self.missing_streams(),
            delay: Times::of(&figures.delay),
            added_delay: self
                .added_delay(0.5)
                .zip(self.added_delay(0.95))
                .zip(self.added_delay(0.99))
                .map(|((p50, p95), p99)| [p50, p95, p99]),
            own: self.own.clone(),
            longest_gap: figures.longest_gap().as_secs_f64(),
            server_cpu: self.server,
            server_busy: self.server_busy(),
            steal: self.server.steal_share(),
            others: self.others(),
            disturbed: self.disturbance().is_some(),
            memory: self.usage.resident,
            descriptors: self.usage.descriptors,
            generator_busy: self.generator.busy_share(),
            generator_limited: self.generator_limited(),
            generator_drops: self.generator_drops(),
            server_drops: self.udp.receive_drops + self.server_backlog_drops,
            retransmissions: figures.audio.retransmissions + figures.video.retransmissions,
            profiles: self
                .population
                .profiles
                .iter()
                .map(|(profile, _)| profile_name(*profile).to_owned())
                .collect(),
            strays: self.strays(),
            replayed: figures.replayed,
            problems: self.problems.clone(),
        }
    }
}

fn megabits(figures: &Figures) -> f64 {
    let bytes = (figures.audio.bytes + figures.video.bytes) as f64;
    bytes * 8e-6 / figures.wall.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// As RFC 5764 and RFC 7714 call it.
fn profile_name(profile: SrtpProfile) -> &'static str {
    match profile {
        SrtpProfile::AeadAes128Gcm => "AEAD_AES_128_GCM",
        SrtpProfile::AeadAes256Gcm => "AEAD_AES_256_GCM",
        SrtpProfile::Aes128CmSha1_80 => "AES128_CM_SHA1_80",
    }
}
