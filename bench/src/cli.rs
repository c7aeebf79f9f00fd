//! The command line.

use crate::limit::Mix;
use crate::scenario::contender::Name;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What a forwarded packet costs, here and on other servers.
///
/// Every command makes network namespaces of its own (as root, or in a user namespace), puts the
/// server under test on one core and the load on another, and leaves nothing behind.
#[derive(Parser, Debug)]
#[command(name = "volley-bench", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// One JSON object on the last line of standard output; tables and progress on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Also write JSON, Markdown and SVG plots into this folder
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,

    /// Cores of the server under test
    #[arg(long, global = true, value_name = "CORES", value_delimiter = ',', default_value = "0")]
    pub(crate) server_cores: Vec<usize>,

    /// Core of the load generator
    #[arg(long, global = true, value_name = "CORE", default_value_t = 1)]
    pub(crate) generator_core: usize,

    /// The volley to measure [default: the one beside this program, or a release build]
    #[arg(long, global = true, env = "VOLLEY_BIN", value_name = "FILE")]
    pub(crate) volley_bin: Option<PathBuf>,

    /// A further flag for volley, as in --volley-flag=--io=epoll; may be repeated
    #[arg(long, global = true, value_name = "FLAG")]
    pub(crate) volley_flag: Vec<String>,
}

#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Command {
    /// The floor: seal packets, send them as trains, nothing else
    Limit(Limit),
    /// The same load on several servers in turn: packets forwarded per second of the server's core
    Compare(Compare),
    /// Load on a server, and what comes of it
    Swarm(Swarm),
    /// How many rooms of three, one speaking, a server carries
    Rooms(SmallRooms),
    /// Whether a packet stays as cheap when there are many subscribers
    Growth(Growth),
    /// Many join within a second, while others are in calls
    JoinStorm(JoinStorm),
    /// People come and go for minutes; memory and descriptors must be given back
    Churn(Churn),
    /// Half as much again as a server carries
    Overload(Overload),
}

impl Command {
    /// Whether `volley` has to be found or built before namespaces hide the network.
    pub(crate) fn needs_volley(&self) -> bool {
        match self {
            Command::Limit(_) => false,
            Command::Compare(compare) => compare.servers.contains(&Name::Volley),
            Command::Rooms(rooms) => rooms.servers.contains(&Name::Volley),
            Command::Swarm(swarm) => swarm.server.is_none() && swarm.start == Name::Volley,
            Command::Growth(_) | Command::JoinStorm(_) | Command::Churn(_) | Command::Overload(_) => true,
        }
    }
}

/// `limit`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Limit {
    /// Packets per destination and turn; 1 is single sends
    #[arg(long, value_name = "PACKETS", value_delimiter = ',', default_value = "1,2,4,8,16,32,64",
          value_parser = clap::value_parser!(u16).range(1..=128))]
    pub(crate) train: Vec<u16>,

    /// Packet sizes
    #[arg(
        long,
        value_enum,
        value_name = "MIX",
        value_delimiter = ',',
        default_value = "equal,meeting,meeting-equalised"
    )]
    pub(crate) mix: Vec<Mix>,

    /// Receivers that are sent to in turn
    #[arg(long, value_name = "COUNT", default_value_t = 200,
          value_parser = clap::value_parser!(u16).range(1..=255))]
    pub(crate) destinations: u16,

    /// Seconds per measurement
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) seconds: Duration,

    /// How often everything is measured, one after the other (A B A B)
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// Send with plain `sendmsg` instead of volley's back end, as an independent check
    #[arg(long)]
    pub(crate) plain: bool,
}

/// `compare`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Compare {
    /// Who sends to whom
    #[arg(long, value_enum, value_name = "SCENARIO", default_value_t = Scenario::Meeting)]
    pub(crate) scenario: Scenario,

    /// People per room of a meeting
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) people: u32,

    /// Rooms, or `auto`: as many as each server carries
    #[arg(long, value_name = "COUNT", default_value = "auto")]
    pub(crate) rooms: Rooms,

    /// Subscribers of a webinar
    #[arg(long, value_name = "COUNT", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) subscribers: u32,

    /// Speakers in a room of the audio scenario
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) speakers: u32,

    /// Listeners in a room of the audio scenario
    #[arg(long, value_name = "COUNT", default_value_t = 97, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) listeners: u32,

    /// Bits a second of each picture
    #[arg(long, value_name = "BITS", default_value_t = 1_200_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bitrate: u32,

    /// Servers to compare
    #[arg(
        long,
        value_enum,
        value_name = "SERVER",
        value_delimiter = ',',
        default_value = "volley,mediasoup,janus,livekit"
    )]
    pub(crate) servers: Vec<Name>,

    /// Measure volley once with each of these values of its own --gathering
    #[arg(long, value_name = "MS", value_delimiter = ',')]
    pub(crate) gathering: Vec<String>,

    /// Loads to measure, in per cent of the highest that a server carries
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_value = "100",
          value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(crate) loads: Vec<u32>,

    /// Seconds per measured run
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub(crate) seconds: Duration,

    /// How often each server is measured, in turn with the others (A B A B)
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// Most loss of a load that counts as carried, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 0.1)]
    pub(crate) max_loss: f64,

    /// Most P95 delay of a load that counts as carried, in milliseconds
    #[arg(long, value_name = "MS", default_value = "20", value_parser = milliseconds)]
    pub(crate) max_delay: Duration,

    /// Most participants that are tried
    #[arg(long, value_name = "COUNT", default_value_t = 4000)]
    pub(crate) most: u32,

    /// Do not measure the floor beside
    #[arg(long)]
    pub(crate) no_limit: bool,
}

/// `swarm`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Swarm {
    /// HTTP address of a Volley that runs already; without it, one is started in namespaces
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) server: Option<SocketAddr>,

    /// The server to start
    #[arg(long, value_enum, value_name = "SERVER", default_value_t = Name::Volley, conflicts_with = "server")]
    pub(crate) start: Name,

    /// Own address to send from [default: the one the kernel chooses]
    #[arg(long, value_name = "ADDRESS", requires = "server")]
    pub(crate) from: Option<IpAddr>,

    /// Rooms
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rooms: u32,

    /// People in each
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) people: u32,

    /// Of them, how many publish [default: all]
    #[arg(long, value_name = "COUNT")]
    pub(crate) publishers: Option<u32>,

    /// Sound only
    #[arg(long)]
    pub(crate) no_video: bool,

    /// Bits a second of each picture
    #[arg(long, value_name = "BITS", default_value_t = 1_200_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bitrate: u32,

    /// Frames a second of each picture
    #[arg(long, value_name = "FRAMES", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) frames: u32,

    /// Share of the time that a publisher speaks
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    pub(crate) speaks: f64,

    /// Seconds of load, after everybody has joined
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) seconds: Duration,
}

impl Swarm {
    /// People in all.
    pub(crate) fn participants(&self) -> u32 {
        self.rooms * self.people
    }
}

/// `rooms`.
#[derive(Args, Clone, Debug)]
pub(crate) struct SmallRooms {
    /// Search the largest number that is carried (the default, without --rooms)
    #[arg(long, conflicts_with = "rooms")]
    pub(crate) find_max: bool,

    /// Measure this number of rooms
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rooms: Option<u32>,

    /// Where a search begins
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) start: u32,

    /// Most rooms that are tried
    #[arg(long, value_name = "COUNT", default_value_t = 3000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) most: u32,

    /// Servers to compare
    #[arg(
        long,
        value_enum,
        value_name = "SERVER",
        value_delimiter = ',',
        default_value = "volley,mediasoup,janus,livekit"
    )]
    pub(crate) servers: Vec<Name>,

    /// Most loss, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 0.01)]
    pub(crate) max_loss: f64,

    /// Most P95 delay, in milliseconds
    #[arg(long, value_name = "MS", default_value = "5", value_parser = milliseconds)]
    pub(crate) max_delay: Duration,

    /// Seconds of the measured run
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub(crate) seconds: Duration,
}

/// `growth`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Growth {
    /// Numbers of subscribers
    #[arg(long, value_name = "COUNT", value_delimiter = ',', default_value = "50,200,500,1000,2000",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) subscribers: Vec<u32>,

    /// Bits a second of the picture
    #[arg(long, value_name = "BITS", default_value_t = 1_200_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bitrate: u32,

    /// volley's --gathering, the same for all sizes
    #[arg(long, value_name = "MS", default_value = "5")]
    pub(crate) gathering: String,

    /// Seconds per run
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub(crate) seconds: Duration,

    /// How often each size is measured, in turn with the others
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
}

/// `join-storm`.
#[derive(Args, Clone, Debug)]
pub(crate) struct JoinStorm {
    /// How many join within one second
    #[arg(long, value_name = "COUNT", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) joins: u32,

    /// How many are in calls before
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) before: u32,

    /// Bits a second of each picture
    #[arg(long, value_name = "BITS", default_value_t = 300_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bitrate: u32,
}

/// `churn`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Churn {
    /// How long people come and go
    #[arg(long, value_name = "MINUTES", default_value_t = 5.0)]
    pub(crate) minutes: f64,

    /// A full house
    #[arg(long, value_name = "COUNT", default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) people: u32,

    /// Bits a second of each picture
    #[arg(long, value_name = "BITS", default_value_t = 300_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bitrate: u32,
}

impl Churn {
    /// How long people come and go.
    pub(crate) fn time(&self) -> Duration {
        Duration::try_from_secs_f64(self.minutes * 60.0).unwrap_or_default()
    }
}

/// `overload`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Overload {
    /// Load, in per cent of what is carried
    #[arg(long, value_name = "PERCENT", default_value_t = 150, value_parser = clap::value_parser!(u32).range(101..=1000))]
    pub(crate) percent: u32,

    /// How many are carried [default: searched first]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) carried: Option<u32>,

    /// Most participants that the search tries
    #[arg(long, value_name = "COUNT", default_value_t = 2000)]
    pub(crate) most: u32,

    /// Bits a second of each picture
    #[arg(long, value_name = "BITS", default_value_t = 1_200_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bitrate: u32,

    /// Seconds of overload
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub(crate) seconds: Duration,
}

/// Who sends to whom.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scenario {
    /// Rooms in which everybody sees everybody
    Meeting,
    /// One sends, many watch
    Webinar,
    /// Few speak, many listen
    Audio,
}

/// How many rooms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rooms {
    /// As many as are carried.
    Auto,
    /// So many.
    Count(u32),
}

impl FromStr for Rooms {
    type Err = String;

    fn from_str(text: &str) -> Result<Rooms, String> {
        match text.parse() {
            Ok(count) if count > 0 => Ok(Rooms::Count(count)),
            _ if text == "auto" => Ok(Rooms::Auto),
            _ => Err(format!("{text:?} is neither a number of rooms nor `auto`")),
        }
    }
}

/// A duration in milliseconds.
fn milliseconds(text: &str) -> Result<Duration, String> {
    let milliseconds: f64 = text.parse().map_err(|_| format!("{text:?} is not a number of milliseconds"))?;
    Duration::try_from_secs_f64(milliseconds / 1e3).map_err(|error| error.to_string())
}

/// A duration in seconds, with a fraction if one likes.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text:?} is not a number of seconds"))?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err(String::from("nothing can be measured in no time")) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lists_are_written_with_commas_and_times_in_seconds() {
        let cli = parse("volley-bench limit --train 1,16 --mix equal,audio --seconds 0.2 --json").unwrap();
        assert!(cli.common.json);
        let Command::Limit(limit) = cli.command else { panic!("{:?}", cli.command) };
        assert_eq!((limit.train, limit.mix), (vec![1, 16], vec![Mix::Equal, Mix::Audio]));
        assert_eq!(limit.seconds, Duration::from_millis(200));
    }

    #[test]
    fn nonsense_is_refused() {
        for line in
            ["limit --train 0", "limit --seconds 0", "limit --seconds x", "limit --destinations 300", ""]
        {
            assert!(parse(&format!("volley-bench {line}")).is_err(), "{line}");
        }
    }
}
