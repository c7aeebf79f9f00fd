//! Flags of the commands that compare servers.

use super::{milliseconds, seconds};
use crate::scenario::contender::Name;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::str::FromStr;
use std::time::Duration;

/// Which servers are compared.
#[derive(Args, Clone, Debug)]
pub(crate) struct Servers {
    /// Servers to compare
    #[arg(
        long,
        value_enum,
        value_name = "SERVER",
        value_delimiter = ',',
        default_value = "volley,mediasoup,janus,livekit"
    )]
    pub(crate) servers: Vec<Name>,
}

impl Servers {
    /// Whether this project's own is among them.
    pub(crate) fn include_volley(&self) -> bool {
        self.servers.contains(&Name::Volley)
    }
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

    #[command(flatten)]
    pub(crate) servers: Servers,

    /// Measure volley once with each of these values of its own --gathering. A searched load needs a --max-delay
    /// of 5/3 of the longest: 34 for 20
    #[arg(long, value_name = "MS", value_delimiter = ',')]
    pub(crate) gathering: Vec<String>,

    /// Search volley's load once within each of these P95 delays, with a gathering time to suit
    /// [default for meetings: 5,10,20]
    #[arg(long, value_name = "MS", value_delimiter = ',', conflicts_with = "gathering",
          value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) delays: Vec<u32>,

    /// Measure volley in turn with the same without transport-cc feedback (A B A B), at the same load: what its
    /// adaptation to links costs a packet. Meetings only
    #[arg(long)]
    pub(crate) cost_of_adaptation: bool,

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

    #[command(flatten)]
    pub(crate) servers: Servers,

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
