//! What the supervisor itself, and the media process, need of the configuration.

use super::Config;
use crate::logging::Logging;
use crate::sockets::{MetricsPort, UdpPorts};
use anyhow::Context as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use volley::control::handover::{GatheringRange, IoChoice};
use volley::control::types::PlayoutBounds;
use volley_recorder::remote::Offload;
use volley_recorder::remote::secret::Secret;
use volley_recorder::settings::{LEAST_PATIENCE, MOST_PATIENCE, Settings as RecorderSettings, StoreSettings};

/// What `auto` may wait: at this the gain of waiting longer is small.
const AUTO_GATHERING: Duration = Duration::from_millis(10);

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
        let is_enabled: bool = self.get("recording.enabled");
        is_enabled.then(|| self.recorder_settings())
    }

    /// What whoever reaches this server may do with recordings, where others than this machine reach it and it asks
    /// nobody who they are.
    pub(crate) fn open_recordings(&self) -> Option<&'static str> {
        let is_behind_proxy = !self.get::<Vec<String>>("security.trusted_proxies").is_empty();
        let is_reached = is_behind_proxy || !self.get::<IpAddr>("server.host").is_loopback();
        let is_open = is_reached && !self.get::<bool>("security.require_auth");
        (is_open && self.recorder().is_some()).then_some(
            "whoever reaches this server may come in, record rooms, and fetch and delete recordings, since \
             security.require_auth is false; VOLLEY_RECORDING__ENABLED=false turns recording off",
        )
    }

    /// What a recorder does that is started by hand.
    pub(crate) fn recorder_settings(&self) -> RecorderSettings {
        let most = Duration::from_millis(self.get("webrtc.jitter_buffer_max"));
        RecorderSettings {
            path: PathBuf::from(self.get::<String>("recording.path")),
            patience: most.clamp(LEAST_PATIENCE, MOST_PATIENCE),
            store: self.store(),
            offload: None,
        }
    }

    /// The recorder on another machine, where recordings are made by one.
    pub(crate) fn offload(&self) -> anyhow::Result<Option<Offload>> {
        let address: String = self.get("recording.offload");
        if address.is_empty() {
            return Ok(None);
        }
        let file: String = self.get("recording.offload_secret_file");
        let secret = Secret::read(Path::new(&file)).context("recording.offload_secret_file")?;
        Ok(Some(Offload { address, secret }))
    }

    /// Where recordings go besides.
    fn store(&self) -> Option<StoreSettings> {
        let is_wanted: bool = self.get("recording.s3_upload");
        let endpoint = Some(self.get::<String>("recording.s3_endpoint")).filter(|url| !url.is_empty());
        let addressing = self.word("recording.s3_addressing");
        is_wanted.then(|| StoreSettings {
            is_path_style: match addressing.as_deref() {
                Some("path") => true,
                Some("host") => false,
                _ => endpoint.is_some(),
            },
            endpoint,
            region: self.get("recording.s3_region"),
            bucket: self.get("recording.s3_bucket"),
            prefix: self.get("recording.s3_prefix"),
            cache_control: self.get("recording.s3_cache_control"),
            keeps_local: self.get("recording.s3_keep_local"),
            spool_bytes: self.get::<u64>("recording.s3_spool_megabytes") << 20,
        })
    }

    /// How many workers to run. Of a control group's quota (`--cpus 2.5`) that is as many as it has whole cores for:
    /// so workers by themselves never use it up, and be stopped with all else until its next period; what is left over
    /// is signaling's and the recorder's.
    pub(crate) fn worker_count(&self) -> u16 {
        // Heeds affinity and quotas of both versions of groups, rounds those down, and is 1 at least.
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
    fn a_store_is_used_where_it_is_wanted_and_named_in_the_path_where_it_has_an_address() {
        let with = |variables: &[(&str, &str)]| {
            let named =
                |(name, value): &(&str, &str)| (format!("VOLLEY_RECORDING__{name}"), (*value).to_owned());
            let variables = variables.iter().map(named).collect();
            Config::build(&Sources { variables, ..Sources::default() }).unwrap()
        };
        let wanted = ("S3_UPLOAD", "true");
        assert_eq!(with(&[wanted, ("ENABLED", "false")]).recorder(), None, "nothing is recorded");
        assert_eq!(with(&[]).recorder().unwrap().store, None);
        let amazon = with(&[wanted]).recorder().unwrap().store.unwrap();
        assert!(!amazon.is_path_style && amazon.endpoint.is_none() && amazon.keeps_local);
        let own = with(&[wanted, ("S3_ENDPOINT", "http://minio:9000")]);
        assert!(own.recorder().unwrap().store.unwrap().is_path_style);
    }

    #[test]
    fn a_recorder_elsewhere_needs_an_address_and_a_secret() {
        let folder = std::env::temp_dir().join(format!("volley-offload-{}", std::process::id()));
        std::fs::write(&folder, "0123456789abcdef0123456789abcdef\n").unwrap();
        let file = folder.display().to_string();
        let offload = |address: &str, file: &str| {
            let named = [("OFFLOAD", address), ("OFFLOAD_SECRET_FILE", file)];
            let variables =
                named.map(|(name, value)| (format!("VOLLEY_RECORDING__{name}"), value.to_owned()));
            Config::build(&Sources { variables: variables.into(), ..Sources::default() })?.offload()
        };
        let told = |address, file| format!("{:#}", offload(address, file).unwrap_err());
        assert!(offload("", "").unwrap().is_none());
        assert_eq!(offload("10.0.0.9:9300", &file).unwrap().unwrap().address, "10.0.0.9:9300");
        assert!(told("10.0.0.9", &file).contains("allowed is HOST:PORT"));
        assert!(told("10.0.0.9:9300", "").contains("recording.offload_secret_file names no file"));
        assert!(told("10.0.0.9:9300", "/nowhere").contains("openssl rand -hex 32 > /nowhere"));
        std::fs::remove_file(&folder).unwrap();
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
