//! The command line.

use crate::logging;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;
use std::time::Duration;
use volley::control::handover::{GatheringRange, IoChoice};

/// Volley: a WebRTC SFU for bare-metal Linux.
///
/// Without a subcommand it binds its ports, starts the media and the signaling process, and starts
/// either again when it dies. Open the address it prints in a browser to make a call.
#[derive(Parser, Debug)]
#[command(name = "volley", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

#[derive(Subcommand, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// The process that forwards packets; started by `volley`, not by hand
    Media,
    /// The process that speaks HTTP and WebSocket; started by `volley`, not by hand
    Signaling,
}

#[derive(Args, Debug)]
pub(crate) struct Flags {
    /// Address of the page, the REST API and the WebSocket
    #[arg(long, env = "VOLLEY_HOST", value_name = "ADDRESS", default_value = "0.0.0.0")]
    pub(crate) host: IpAddr,

    /// Port of the page, the REST API and the WebSocket; 0 takes a free one
    #[arg(long, env = "VOLLEY_PORT", value_name = "PORT", default_value_t = 8080)]
    pub(crate) port: u16,

    /// Port of Prometheus' metrics: a number, 0 for a free one, or off [default: 9090, or none when
    /// another program has it]
    #[arg(long, env = "VOLLEY_METRICS_PORT", value_name = "PORT")]
    pub(crate) metrics_port: Option<MetricsPort>,

    /// UDP port of the first worker's media, the next worker has the next port; 0 takes free ones
    #[arg(long, env = "VOLLEY_UDP_PORT", value_name = "PORT", default_value_t = 50000)]
    pub(crate) udp_port: u16,

    /// Media threads, one per core [default: the cores this process may use]
    #[arg(long, env = "VOLLEY_WORKERS", value_name = "COUNT")]
    pub(crate) workers: Option<NonZeroU16>,

    /// How datagrams are moved
    #[arg(long, env = "VOLLEY_IO", value_enum, value_name = "BACK-END", default_value_t = Io::Auto)]
    pub(crate) io: Io,

    /// How long packets for one receiver wait for one another, to leave in one train: a number of
    /// milliseconds, off, or auto, which waits up to 5 ms when a core is busy and not at all otherwise
    #[arg(long, env = "VOLLEY_GATHERING", value_name = "MS", default_value = "auto")]
    pub(crate) gathering: Gathering,

    /// Addresses at which browsers reach this machine, when they differ from its own (1:1 NAT)
    /// [default: all addresses of its interfaces]
    #[arg(long, env = "VOLLEY_ANNOUNCE", value_name = "ADDRESS", value_delimiter = ',')]
    pub(crate) announce: Vec<IpAddr>,

    /// Most rooms at once; a join that would make another one is refused
    #[arg(long, env = "VOLLEY_MAX_ROOMS", value_name = "COUNT", default_value_t = volley_signaling::MAX_ROOMS,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_rooms: u32,

    /// Most people in a room, where the room itself does not say
    #[arg(long, env = "VOLLEY_MAX_PARTICIPANTS", value_name = "COUNT",
          default_value_t = volley_signaling::MAX_PARTICIPANTS, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_participants: u32,

    /// From how many people of a room on one core the next ones go to another, whatever the load
    #[arg(long, env = "VOLLEY_SPREAD_ROOMS_OVER", value_name = "COUNT",
          default_value_t = volley_signaling::SPREAD_ROOMS_OVER, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) spread_rooms_over: u32,

    /// What to log: error, warn, info, debug, trace; also LOG_LEVEL [default: info]
    #[arg(long, env = "VOLLEY_LOG_LEVEL", value_name = "LEVEL")]
    log_level: Option<String>,
}

impl Flags {
    /// How many workers to run.
    pub(crate) fn worker_count(&self) -> u16 {
        let usable = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
        self.workers.map_or_else(|| u16::try_from(usable()).unwrap_or(u16::MAX), NonZeroU16::get)
    }

    /// What to log.
    pub(crate) fn log_level(&self) -> String {
        let variable = || std::env::var(logging::VARIABLE).ok().filter(|level| !level.is_empty());
        self.log_level.clone().or_else(variable).unwrap_or_else(|| String::from("info"))
    }
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Io {
    /// io_uring if the kernel and the container allow it, else epoll
    Auto,
    /// io_uring, or refuse to start
    Uring,
    /// epoll with recvmmsg and sendmmsg
    Epoll,
}

impl From<Io> for IoChoice {
    fn from(io: Io) -> IoChoice {
        match io {
            Io::Auto => IoChoice::Auto,
            Io::Uring => IoChoice::Uring,
            Io::Epoll => IoChoice::Epoll,
        }
    }
}

/// The flag `--metrics-port`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MetricsPort {
    Off,
    At(u16),
}

impl FromStr for MetricsPort {
    type Err = String;

    fn from_str(word: &str) -> Result<MetricsPort, String> {
        match word {
            "off" => Ok(MetricsPort::Off),
            number => number
                .parse()
                .map(MetricsPort::At)
                .map_err(|_| String::from("expected off or a port from 0 to 65535")),
        }
    }
}

/// The flag `--gathering`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gathering(pub(crate) GatheringRange);

/// Beyond this, packets wait longer than it takes to speak a syllable's start.
const MOST_GATHERING_MS: f64 = 20.0;

/// What `auto` may wait: at this the gain of waiting longer is small.
const AUTO_GATHERING: Duration = Duration::from_millis(5);

impl FromStr for Gathering {
    type Err = String;

    fn from_str(word: &str) -> Result<Gathering, String> {
        let (least, most) = match word {
            "auto" => (Duration::ZERO, AUTO_GATHERING),
            "off" => (Duration::ZERO, Duration::ZERO),
            number => {
                let ms: f64 = number
                    .parse()
                    .ok()
                    .filter(|ms| (0.0..=MOST_GATHERING_MS).contains(ms))
                    .ok_or(format!("expected auto, off or milliseconds from 0 to {MOST_GATHERING_MS}"))?;
                let fixed = Duration::from_secs_f64(ms / 1_000.0);
                (fixed, fixed)
            }
        };
        Ok(Gathering(GatheringRange { least, most }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(arguments: &[&str]) -> Flags {
        Cli::try_parse_from([&["volley"], arguments].concat()).unwrap().flags
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn several_addresses_are_announced_with_a_comma_between_them() {
        let flags = parse(&["--announce", "203.0.113.7,2001:db8::7"]);
        assert_eq!(flags.announce, ["203.0.113.7", "2001:db8::7"].map(|ip| ip.parse::<IpAddr>().unwrap()));
    }

    #[test]
    fn metrics_have_a_port_or_are_off() {
        assert_eq!(parse(&[]).metrics_port, None);
        assert_eq!(parse(&["--metrics-port", "off"]).metrics_port, Some(MetricsPort::Off));
        assert_eq!(parse(&["--metrics-port", "9100"]).metrics_port, Some(MetricsPort::At(9100)));
        assert!(Cli::try_parse_from(["volley", "--metrics-port", "70000"]).is_err());
    }

    #[test]
    fn packets_wait_within_bounds() {
        let bounds = |word| {
            let Gathering(GatheringRange { least, most }) = parse(&["--gathering", word]).gathering;
            (least.as_micros(), most.as_micros())
        };
        assert_eq!(bounds("auto"), (0, 5_000));
        assert_eq!(bounds("off"), (0, 0));
        assert_eq!(bounds("2.5"), (2_500, 2_500));
        for word in ["21", "-1", "soon"] {
            assert!(Cli::try_parse_from(["volley", &format!("--gathering={word}")]).is_err(), "{word}");
        }
    }

    #[test]
    fn there_is_no_such_thing_as_no_workers() {
        assert!(Cli::try_parse_from(["volley", "--workers", "0"]).is_err());
        assert_eq!(parse(&["--workers", "3"]).worker_count(), 3);
        assert!(parse(&[]).worker_count() >= 1);
    }
}
