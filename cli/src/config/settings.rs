//! What the signaling process needs of the configuration.

use super::Config;
use std::time::Duration;
use volley_recorder::settings::Segments;
use volley_signaling::access::{AccessSettings, AddressLimits};
use volley_signaling::acme::AcmeSettings;
use volley_signaling::settings::{
    CodecSettings, Limits, PageSettings, RecordingSettings, Settings, TraceSettings,
};
use volley_signaling::webhooks::WebhookSettings;

impl Config {
    /// Signaling's part, but for the certificate, which is not in the configuration itself.
    pub(crate) fn signaling(&self) -> Settings {
        Settings {
            max_rooms: self.get("rooms.max_rooms"),
            max_participants: self.get("rooms.max_participants"),
            spread_rooms_over: self.get("performance.spread_rooms_over"),
            limits: Limits {
                cpu_per_room: self.get("performance.max_cpu_per_room"),
                memory_per_room: self.get("performance.max_memory_per_room"),
                memory_total: self.get("performance.max_memory_total"),
            },
            auto_create: self.get("rooms.auto_create"),
            speakers_only: self.get("rooms.speakers_only"),
            idle_timeout: Duration::from_secs(self.get("rooms.idle_timeout")),
            ice_servers: self.get("webrtc.ice_servers"),
            turn_ttl: Duration::from_secs(self.get("webrtc.turn_ttl")),
            ice_tcp: self.get("server.ice_tcp"),
            codecs: CodecSettings {
                video: self.get("video.codecs"),
                audio: self.get("audio.codecs"),
                dtx: self.get("webrtc.dtx"),
                fec: self.get("webrtc.fec"),
                nack: self.get("webrtc.nack"),
            },
            page: PageSettings {
                max_bitrate: self.get("webrtc.max_bitrate"),
                min_bitrate: self.get("webrtc.min_bitrate"),
                simulcast: self.get("webrtc.simulcast"),
                width: self.get("video.resolutions.preferred.width"),
                height: self.get("video.resolutions.preferred.height"),
                echo_cancellation: self.get("audio.processing.echo_cancellation"),
                noise_suppression: self.get("audio.processing.noise_suppression"),
            },
            access: self.access(),
            tls: None,
            acme: self.acme(),
            webhooks: self.webhooks(),
            traces: self.traces(),
            drain_until: None,
            recording: self.recorder().map(|recorder| RecordingSettings {
                path: recorder.path,
                video_bitrate: self.get("recording.video_bitrate"),
                segments: self.segments(),
                has_store: recorder.store.is_some(),
                offload: Some(self.get("recording.offload")).filter(|address: &String| !address.is_empty()),
            }),
        }
    }

    /// How recordings are cut; 0 is not at all.
    fn segments(&self) -> Segments {
        let some = |key| Some(self.get::<u64>(key)).filter(|value| *value > 0);
        Segments {
            lasting: some("recording.segment_seconds").map(Duration::from_secs),
            bytes: some("recording.segment_megabytes").map(|megabytes| megabytes << 20),
        }
    }

    /// Where certificates are fetched.
    pub(crate) fn acme(&self) -> Option<AcmeSettings> {
        let domains: Vec<String> = self.get("tls.acme.domains");
        (!domains.is_empty()).then(|| AcmeSettings {
            domains,
            contact: self.get("tls.acme.contact"),
            directory: self.get("tls.acme.directory"),
            folder: self.get("tls.acme.folder"),
        })
    }

    fn traces(&self) -> Option<TraceSettings> {
        let endpoint: String = self.get("telemetry.otlp_endpoint");
        (!endpoint.is_empty()).then_some(TraceSettings { endpoint })
    }

    fn webhooks(&self) -> Option<WebhookSettings> {
        let url: String = self.get("webhooks.url");
        let spool: String = self.get("webhooks.spool");
        let spool = (!spool.is_empty()).then_some(spool);
        (!url.is_empty()).then(|| WebhookSettings { url, secrets: self.get("webhooks.secrets"), spool })
    }

    fn access(&self) -> AccessSettings {
        let limits = AddressLimits {
            rooms: self.get("security.rate_limit.max_rooms_per_ip"),
            participants: self.get("security.rate_limit.max_participants_per_ip"),
            joins_per_second: self.get("security.rate_limit.max_joins_per_second"),
            sockets: self.get("security.rate_limit.max_sockets_per_ip"),
            handshakes: self.get("security.rate_limit.max_handshakes_per_ip"),
            connections: self.get("security.rate_limit.max_connections_per_ip"),
        };
        AccessSettings {
            require_auth: self.get("security.require_auth"),
            auth_token_header: self.get("security.auth_token_header"),
            api_keys: self.get("security.api_keys"),
            token_secrets: self.get("security.token_secrets"),
            allowed_origins: self.get("security.allowed_origins"),
            trusted_proxies: self.get("security.trusted_proxies"),
            limits: Some(limits).filter(|_| self.get("security.rate_limit.enabled")),
        }
    }
}
