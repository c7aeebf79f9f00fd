//! The command line.

mod compare;
mod limit;
mod ports;
mod swarm;
mod volley;

pub(crate) use compare::{Compare, Rooms, Scenario, SmallRooms};
pub(crate) use limit::Limit;
pub(crate) use ports::Ports;
pub(crate) use swarm::{Over, People, Swarm};
pub(crate) use volley::{Arrivals, Churn, Growth, JoinStorm, Overload, Recorded};

use crate::scenario::contender::Name;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
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
    /// People for a room of a Volley that runs already, who speak in turn
    People(People),
    /// How many rooms of three, one speaking, a server carries
    Rooms(SmallRooms),
    /// What a packet costs more where every room is recorded
    Recorded(Recorded),
    /// Whether a packet stays as cheap when there are many subscribers
    Growth(Growth),
    /// Many join within a second, while others are in calls
    JoinStorm(JoinStorm),
    /// Many come within seconds to watch one publisher
    Arrivals(Arrivals),
    /// People come and go for minutes; memory and descriptors must be given back
    Churn(Churn),
    /// Half as much again as a server carries
    Overload(Overload),
    /// What the kernel takes to find a datagram's socket where workers share a port
    Ports(Ports),
}

impl Command {
    /// Whether `volley` has to be found or built before namespaces hide the network.
    pub(crate) fn needs_volley(&self) -> bool {
        match self {
            Command::Limit(_) | Command::People(_) | Command::Ports(_) => false,
            Command::Compare(compare) => compare.servers.include_volley(),
            Command::Rooms(rooms) => rooms.servers.include_volley(),
            Command::Swarm(swarm) => swarm.server.is_none() && swarm.start == Name::Volley,
            Command::Recorded(_)
            | Command::Growth(_)
            | Command::JoinStorm(_)
            | Command::Arrivals(_)
            | Command::Churn(_)
            | Command::Overload(_) => true,
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

/// How many layers a picture is sent in: what browsers do, and what they do not.
fn layers(text: &str) -> Result<u32, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        other => Err(format!("{other:?} is neither 1 nor 3, and browsers send no other number of layers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Mix;
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
        for line in ["--layers 2", "--layers 3 --bitrate 5", "--layers 3 --no-video", "--tiles 180"] {
            assert!(parse(&format!("volley-bench swarm {line}")).is_err(), "{line}");
        }
    }

    fn checked(line: &str) -> Result<(), String> {
        match parse(&format!("volley-bench swarm {line}")).expect("it is well-formed").command {
            Command::Swarm(swarm) => swarm.check().map_err(|error| error.to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn layers_are_for_volley_over_its_websocket() {
        for line in ["--layers 3", "--layers 3 --tiles 180,720", "--start janus", "--layers 1 --over whip"] {
            assert_eq!(checked(line), Ok(()), "{line}");
        }
        let refusal = |line| checked(line).expect_err("it is refused");
        assert!(refusal("--layers 3 --start janus").contains("janus"));
        assert!(refusal("--layers 3 --over whip").contains("--over websocket"));
    }
}
