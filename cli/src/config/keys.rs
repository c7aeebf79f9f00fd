//! Every key there is: where it stands, what it may be, what it is when nobody says, and whether it
//! does anything. Files, environment, flags, `--help` and `volley config check` all follow from it.

use super::kind::Kind;

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Section and name, with dots between.
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    /// As it would stand in a file.
    pub(crate) default: &'static str,
    /// The flag without its dashes; the flag's own short variable follows from it.
    pub(crate) flag: Option<&'static str>,
    pub(crate) effect: Effect,
    pub(crate) about: &'static str,
}

/// What a key does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// From the next start on.
    AtStart,
    /// At once, with `SIGHUP`.
    AtOnce,
    /// Nothing, and never will: why.
    Never(&'static str),
}

impl Key {
    /// The variable that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("VOLLEY_{}", self.path.to_ascii_uppercase().replace('.', "__"))
    }

    /// The variable of its flag.
    pub(crate) fn short_variable(&self) -> Option<String> {
        self.flag.map(|flag| format!("VOLLEY_{}", flag.to_ascii_uppercase().replace('-', "_")))
    }

    /// The key at this path.
    pub(crate) fn find(path: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// Whether keys stand below this path.
    pub(crate) fn is_section(path: &str) -> bool {
        KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The key or section that somebody who wrote `path` most likely meant.
    pub(crate) fn nearest(path: &str) -> &'static str {
        let known = KEYS.iter().flat_map(|key| {
            let dots = key.path.match_indices('.').map(|(at, _)| &key.path[..at]);
            dots.chain([key.path])
        });
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let likeness = |known: &str| {
            let whole = strsim::normalized_damerau_levenshtein(path, known);
            // In the wrong section, but with the right name.
            whole.max(0.9 * strsim::normalized_damerau_levenshtein(&last(path), &last(known)))
        };
        known.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default()
    }
}

const ANY: u64 = u32::MAX as u64;
const PORT: Kind = Kind::Number { least: 0, most: 65_535 };
const COUNT: Kind = Kind::Number { least: 1, most: ANY };
/// Below this not even sound passes, above it no browser goes.
const BITRATE: Kind = Kind::Number { least: 10_000, most: 1_000_000_000 };
const MILLIS: Kind = Kind::Number { least: 0, most: 4_000 };
const NO_TRANSCODER: &str = "a forwarder has no encoder";

const fn key(
    path: &'static str,
    kind: Kind,
    default: &'static str,
    effect: Effect,
    about: &'static str,
) -> Key {
    Key { path, kind, default, flag: None, effect, about }
}

const fn flag(
    flag: &'static str,
    path: &'static str,
    kind: Kind,
    default: &'static str,
    effect: Effect,
    about: &'static str,
) -> Key {
    Key { path, kind, default, flag: Some(flag), effect, about }
}

use Effect::{AtOnce, AtStart, Never};

/// All of them, in the order in which they are shown.
#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    flag("host", "server.host", Kind::Address, "0.0.0.0", AtStart, "Address of the page, the REST API and the WebSocket"),
    flag("port", "server.port", PORT, "8080", AtStart, "Port of the page, the REST API and the WebSocket; 0 takes a free one"),
    flag("metrics-port", "server.metrics_port", Kind::WordOrNumber { words: &["auto", "off"], least: 0, most: 65_535 }, "auto", AtStart,
        "Port of Prometheus' metrics: a number, 0 for a free one, off, or auto: 9090, or none when another program has it"),
    flag("udp-port", "server.udp_port", PORT, "50000", AtStart, "UDP port of all media, or with --udp-ports per-worker of the first worker's; 0 takes a free one"),
    flag("udp-ports", "server.udp_ports", Kind::Word(&["one", "per-worker"]), "one", AtStart,
        "How many UDP ports: one, whatever the number of workers, or per-worker: from --udp-port on, for systems whose kernel cannot tell workers apart"),
    flag("ice-tcp", "server.ice_tcp", Kind::Bool, "true", AtStart,
        "Whether media may come over TCP where UDP does not pass: at udp_port's number and at the ports of HTTP and HTTPS"),
    flag("announce", "server.announce", Kind::Addresses, "[]", AtStart,
        "Addresses at which browsers reach this machine, when they differ from those of its interfaces (1:1 NAT)"),
    flag("drain-timeout", "server.drain_timeout", Kind::Number { least: 0, most: 86_400 }, "25", AtOnce,
        "Seconds that calls may go on after SIGTERM, without new rooms; then everybody is told goodbye"),
    flag("log-level", "server.log_level", Kind::LogLevel, "info", AtStart, "What to log: error, warn, info, debug, trace; also LOG_LEVEL"),
    flag("log-format", "server.log_format", Kind::Word(crate::logging::FORMATS), "text", AtStart, "How to log: text, or json, an object for each line; also LOG_FORMAT"),

    flag("tls-port", "tls.port", PORT, "8443", AtStart, "Port of HTTPS and WSS, where there is a certificate; 0 takes a free one"),
    flag("tls-certificate", "tls.certificate", Kind::Text, "", AtOnce, "File with the certificate and its chain, PEM; read again when it changes"),
    flag("tls-key", "tls.key", Kind::Text, "", AtOnce, "File with its private key, PEM"),
    flag("dev", "tls.dev", Kind::Bool, "false", AtStart, "Make a certificate, which browsers will warn of, where none is given"),

    flag("acme-domains", "tls.acme.domains", Kind::Hosts, "[]", AtStart,
        "Names that a certificate is fetched for by ACME, and renewed; naming them agrees to the terms of the server's owner"),
    key("tls.acme.contact", Kind::Text, "", AtStart, "Mail address that the ACME server is told, or nothing"),
    key("tls.acme.directory", Kind::Url, "https://acme-v02.api.letsencrypt.org/directory", AtStart, "Directory of the ACME server"),
    key("tls.acme.folder", Kind::Text, "acme", AtStart, "Folder that keeps its account and certificate"),

    key("webrtc.ice_servers", Kind::IceServers, "[]", AtOnce, "STUN and TURN servers that pages are told in joined"),
    key("webrtc.turn_ttl", Kind::Number { least: 60, most: 604_800 }, "43200", AtOnce, "Seconds for which credentials are good that are made with the secret of a TURN server"),
    key("webrtc.max_bitrate", BITRATE, "5000000", AtStart, "Most a page sends of one picture, all layers together, bit/s"),
    key("webrtc.min_bitrate", BITRATE, "100000", AtStart, "A layer that max_bitrate would cut below this is left out; the lowest stays"),
    key("webrtc.simulcast", Kind::Bool, "true", AtStart, "Whether pages send a picture in several sizes"),
    key("webrtc.jitter_buffer_target", MILLIS, "0", AtStart, "Least milliseconds that browsers hold a picture back; of no effect on recordings"),
    key("webrtc.jitter_buffer_max", MILLIS, "1000", AtStart, "Most milliseconds that they do; a recording waits as long for a lost packet, from 300 to 1000"),
    key("webrtc.dtx", Kind::Bool, "true", AtStart, "Whether publishers of sound may send nothing while nobody speaks"),
    key("webrtc.fec", Kind::Bool, "true", AtStart, "Whether sound and pictures come with what repairs them: Opus' own, RED, ULPFEC"),
    key("webrtc.nack", Kind::Bool, "true", AtStart, "Whether lost packets are asked for again"),

    flag("max-rooms", "rooms.max_rooms", COUNT, "1000", AtOnce, "Most rooms at once; a join that would make another one is refused"),
    flag("max-participants", "rooms.max_participants", COUNT, "100", AtOnce, "Most people in a room, where the room itself does not say"),
    key("rooms.auto_create", Kind::Bool, "true", AtOnce, "Whether joining makes the room; else only REST does"),
    key("rooms.speakers_only", Kind::Bool, "false", AtOnce, "Whether new rooms show those who listen speakers only, where the room itself does not say"),
    key("rooms.idle_timeout", COUNT, "3600", AtOnce, "Seconds after which an empty room made over REST ends"),

    key("recording.enabled", Kind::Bool, "true", AtStart, "Whether rooms may be recorded; without security.require_auth by anybody"),
    key("recording.path", Kind::Text, "recordings", AtStart, "The folder"),
    key("recording.format", Kind::Word(&["webm"]), "webm", AtStart, "The container; H.264 is written as Matroska"),
    key("recording.video_bitrate", BITRATE, "2500000", AtOnce, "Of several encodings the best that takes no more is recorded, bit/s"),
    key("recording.audio_bitrate", BITRATE, "128000", Never(NO_TRANSCODER), "bit/s"),
    key("recording.segment_seconds", Kind::Number { least: 0, most: 86_400 }, "0", AtOnce, "A file that plays so long is followed by another one; 0 for one as long as it goes"),
    key("recording.segment_megabytes", Kind::Number { least: 0, most: 1 << 20 }, "0", AtOnce, "The same for its size"),
    key("recording.offload", Kind::Place, "", AtStart,
        "The recorder on another machine that makes recordings instead, HOST:PORT; `volley recorder --listen` runs there"),
    key("recording.offload_secret_file", Kind::Text, "", AtStart, "File with the secret that both machines share, such as `openssl rand -hex 32` makes"),
    key("recording.s3_upload", Kind::Bool, "false", AtStart,
        "Whether recordings go to S3, or to whatever store speaks it; credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a file or the machine's role"),
    key("recording.s3_bucket", Kind::Text, "recordings", AtStart, "The bucket"),
    key("recording.s3_region", Kind::Text, "us-east-1", AtStart, "Its region"),
    key("recording.s3_endpoint", Kind::Url, "", AtStart, "Address of the store, such as http://minio:9000; without it Amazon's in the region"),
    key("recording.s3_addressing", Kind::Word(&["auto", "path", "host"]), "auto", AtStart,
        "Whether the bucket stands in the path or in the host's name; auto: in the path where s3_endpoint is set"),
    key("recording.s3_prefix", Kind::Text, "", AtStart, "What stands before the names of objects, such as volley/"),
    key("recording.s3_cache_control", Kind::Text, "public, max-age=31536000, immutable", AtStart, "How long others may keep a copy of a file, as Cache-Control says it"),
    key("recording.s3_keep_local", Kind::Bool, "true", AtStart, "Whether files stay on this machine once they are in the store"),
    key("recording.s3_spool_megabytes", Kind::Number { least: 64, most: 1 << 30 }, "10240", AtStart,
        "Where they do not: most that may wait here for the store; beyond it nothing is recorded until there is room"),

    flag("workers", "performance.worker_threads", Kind::WordOrNumber { words: &["auto"], least: 1, most: 1024 }, "auto", AtStart,
        "Media threads, one per core; auto: the cores this process may use, as many whole ones as a container's quota allows"),
    flag("io", "performance.io", Kind::Word(&["auto", "uring", "epoll"]), "auto", AtStart,
        "How datagrams are moved: io_uring, epoll with recvmmsg and sendmmsg, or auto: io_uring if the kernel and the container allow it"),
    flag("gathering", "performance.gathering", Kind::Gathering, "auto", AtStart,
        "How long packets for one receiver wait for one another, to leave in one train: a number of milliseconds, off, or auto, which waits up to 10 ms when a core is busy and not at all otherwise"),
    flag("spread-rooms-over", "performance.spread_rooms_over", COUNT, "100", AtStart,
        "From how many people of a room on one core the next ones go to another, whatever the load"),
    key("performance.max_cpu_per_room", Kind::Number { least: 1, most: 100 }, "25", AtOnce,
        "Per cent of a core that a room may use while the core is short of time and other rooms share it; over it, its highest layers are switched off, then pictures, and nobody else is let in"),
    key("performance.hardware_acceleration", Kind::Bool, "true", Never(NO_TRANSCODER), "For encoding"),
    key("performance.max_memory_per_room", COUNT, "100", AtOnce,
        "Megabytes that a room may take on one worker; over it, its highest layers are switched off, and then nobody else is let in"),
    key("performance.max_memory_total", COUNT, "8192", AtOnce,
        "Megabytes that media and signaling may take together; from 90 % on there are no new rooms and the largest give layers up, at 100 % nobody is let in"),
    key("performance.garbage_collection_interval", COUNT, "60", Never("there is no collector"), "Seconds"),

    key("security.require_auth", Kind::Bool, "false", AtOnce, "Whether joining takes a token, and REST a key or a token"),
    key("security.auth_token_header", Kind::Header, "X-Auth-Token", AtOnce, "The header that carries either over REST"),
    key("security.api_keys", Kind::Secrets { least: 16 }, "[]", AtOnce, "Who shows one of them may do everything over REST"),
    key("security.token_secrets", Kind::Secrets { least: 32 }, "[]", AtOnce, "Room tokens are signed with the first; all are taken"),
    key("security.allowed_origins", Kind::Origins, "[\"*\"]", AtOnce, "Pages of which origins may open a WebSocket and change anything over HTTP; * for all"),
    key("security.trusted_proxies", Kind::Networks, "[]", AtOnce, "Whose X-Forwarded-For is believed"),
    key("security.rate_limit.enabled", Kind::Bool, "true", AtOnce, "Whether one address may take only so much"),
    key("security.rate_limit.max_rooms_per_ip", COUNT, "10", AtOnce, "Rooms made from one address that are still there"),
    key("security.rate_limit.max_participants_per_ip", COUNT, "50", AtOnce, "People from one address at once"),
    key("security.rate_limit.max_joins_per_second", COUNT, "10", AtOnce, "Joins from one address, on average"),
    key("security.rate_limit.max_sockets_per_ip", COUNT, "100", AtOnce, "WebSockets from one address at once, joined or not"),
    key("security.rate_limit.max_handshakes_per_ip", COUNT, "32", AtOnce, "TLS handshakes under way from one address"),
    key("security.rate_limit.max_connections_per_ip", COUNT, "500", AtOnce, "HTTP and HTTPS connections from one address at once, WebSockets among them"),

    key("webhooks.url", Kind::Url, "", AtOnce, "Who is told by HTTP what happens in rooms"),
    key("webhooks.secrets", Kind::Secrets { least: 32 }, "[]", AtOnce, "Each signs what is told"),
    key("webhooks.spool", Kind::Text, "", AtOnce, "File that keeps what still waits when Volley stops; it is sent after the next start"),

    key("telemetry.otlp_endpoint", Kind::Url, "", AtStart, "Base URL of an OpenTelemetry collector that is told how joins went, OTLP over HTTP; also OTEL_EXPORTER_OTLP_ENDPOINT"),

    key("video.codecs", Kind::Codecs(&["VP8", "VP9", "H264", "AV1"]),
        "[{name: VP8, priority: 100}, {name: H264, priority: 100}, {name: VP9, priority: 100}, {name: AV1, priority: 100}]", AtStart,
        "Codecs of pictures; the higher priority is preferred, among equals the browser's own choice holds"),
    key("video.resolutions.preferred.width", Kind::Number { least: 160, most: 7_680 }, "1280", AtStart, "What cameras are asked for, pixels"),
    key("video.resolutions.preferred.height", Kind::Number { least: 90, most: 4_320 }, "720", AtStart, "What cameras are asked for, pixels"),
    key("audio.codecs", Kind::Codecs(&["opus"]), "[{name: opus, priority: 100}]", AtStart, "Codecs of sound"),
    key("audio.processing.echo_cancellation", Kind::Bool, "true", AtStart, "What microphones are asked for"),
    key("audio.processing.noise_suppression", Kind::Bool, "true", AtStart, "What microphones are asked for"),
];
