//! What the supervisor itself, and the media process, need of the configuration.

use super::Config;
use crate::logging::Logging;
use crate::sockets::{MetricsPort, UdpPorts};
use std::path::PathBuf;
use std::time::Duration;
use volley::control::handover::{GatheringRange, IoChoice};
use volley::control::types::PlayoutBounds;
use volley_recorder::settings::Settings as RecorderSettings;

/// What `auto` may wait: at this the gain of waiting longer is small.
const AUTO_GATHERING: Duration = Duration::from_millis(10);

/// A recording waits for a lost packet at least as long as it takes to be asked for and sent again some
/// times over a bad link.
const LEAST_PATIENCE: Duration = Duration::from_millis(300);

/// … and no longer than it is asked for at all.
const MOST_PATIENCE: Duration = Duration::from_secs(1);

impl Config {
    /// How logs are written, by the children too.
    pub(crate) fn logging(&self) -> Logging {
        Logging { level: self.get("server.log_level"), format: self.get("server.log_format") }
    }

    /// Where metrics are wanted.
    pub(crate) fn metrics_port(&self) -> MetricsPort {
        match (self.number("server.metrics_port"), self.word("server.metrics_port").as_deref()) {
            (Some(port), _) => MetricsPort::At(port),
            (None, Some("off")) => MetricsPort::Off,
            (None, _) => MetricsPort::Usual,
        }
    }

    /// What the recorder does; `None`: nothing may be recorded.
    pub(crate) fn recorder(&self) -> Option<RecorderSettings> {
        let most = Duration::from_millis(self.get("webrtc.jitter_buffer_max"));
        let is_enabled: bool = self.get("recording.enabled");
        is_enabled.then(|| RecorderSettings {
            path: PathBuf::from(self.get::<String>("recording.path")),
            patience: most.clamp(LEAST_PATIENCE, MOST_PATIENCE),
        })
    }

    /// How many workers to run.
    pub(crate) fn worker_count(&self) -> u16 {
        let usable = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let count = self.number("performance.worker_threads");
        count.unwrap_or_else(|| u16::try_from(usable()).unwrap_or(u16::MAX))
    }

    /// How many UDP ports there are.
    pub(crate) fn udp_ports(&self) -> UdpPorts {
        match self.word("server.udp_ports").as_deref() {
            Some("per-worker") => UdpPorts::PerWorker,
            _ => UdpPorts::One,
        }
    }

    /// How datagrams are moved.
    pub(crate) fn io(&self) -> IoChoice {
        match self.word("performance.io").as_deref() {
            Some("uring") => IoChoice::Uring,
            Some("epoll") => IoChoice::Epoll,
            _ => IoChoice::Auto,
        }
    }

    /// How long receivers may hold pictures back.
    pub(crate) fn playout(&self) -> PlayoutBounds {
        let millis = |key| Duration::from_millis(self.get(key));
        let most = millis("webrtc.jitter_buffer_max");
        PlayoutBounds { least: millis("webrtc.jitter_buffer_target").min(most), most }
    }

    /// How long packets may wait for one another.
    pub(crate) fn gathering(&self) -> GatheringRange {
        let fixed = |time| GatheringRange { least: time, most: time };
        match (self.number::<f64>("performance.gathering"), self.word("performance.gathering").as_deref()) {
            (Some(ms), _) => fixed(Duration::from_secs_f64(ms / 1_000.0)),
            (None, Some("off")) => fixed(Duration::ZERO),
            (None, _) => GatheringRange { least: Duration::ZERO, most: AUTO_GATHERING },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn configured(flag: &'static str, value: &str) -> Config {
        Config::build(&Sources { flags: vec![(flag, value.to_owned())], ..Sources::default() }).unwrap()
    }

    #[test]
    fn packets_wait_as_long_as_was_said() {
        let bounds = |value| {
            let range = configured("gathering", value).gathering();
            (range.least.as_micros(), range.most.as_micros())
        };
        assert_eq!(bounds("auto"), (0, 10_000));
        assert_eq!(bounds("off"), (0, 0));
        assert_eq!(bounds("2.5"), (2_500, 2_500));
    }

    #[test]
    fn metrics_and_workers_are_counted_or_left_to_the_machine() {
        let port = |value| configured("metrics-port", value).metrics_port();
        assert_eq!(port("auto"), MetricsPort::Usual);
        assert_eq!(port("off"), MetricsPort::Off);
        assert_eq!(port("9100"), MetricsPort::At(9100));
        assert_eq!(configured("workers", "3").worker_count(), 3);
        assert!(configured("workers", "auto").worker_count() >= 1);
        assert_eq!(configured("io", "epoll").io(), IoChoice::Epoll);
        assert_eq!(configured("udp-ports", "one").udp_ports(), UdpPorts::One);
        assert_eq!(configured("udp-ports", "per-worker").udp_ports(), UdpPorts::PerWorker);
    }
}
