//! Flags of the commands that measure Volley alone.

use super::{layers, seconds};
use clap::Args;
use std::time::Duration;

/// `growth`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Growth {
    /// Numbers of subscribers
    #[arg(long, value_name = "COUNT", value_delimiter = ',', default_value = "50,200,500,1000,2000",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) subscribers: Vec<u32>,

    /// Bits a second of the picture
    #[arg(long, value_name = "BITS", default_value_t = 400_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bitrate: u32,

    /// volley's --gathering, the same for all sizes
    #[arg(long, value_name = "MS", default_value = "10")]
    pub(crate) gathering: String,

    /// Seconds per run
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub(crate) seconds: Duration,

    /// How often each size is measured, in turn with the others
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
}

/// `recorded`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Recorded {
    /// Rooms of three, in which everybody sends and everybody watches
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rooms: u32,

    /// Bits a second of each picture
    #[arg(long, value_name = "BITS", default_value_t = 300_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bitrate: u32,

    /// Seconds per run
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub(crate) seconds: Duration,

    /// How often the rooms are measured without and with recording, in turn (A B A B)
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
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

    /// How many of five newcomers publish; they come in rooms of five
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5))]
    pub(crate) publishers: u32,

    /// Bits a second of each picture
    #[arg(long, value_name = "BITS", default_value_t = 300_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bitrate: u32,
}

/// `arrivals`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arrivals {
    /// How many come to watch one publisher
    #[arg(long, value_name = "COUNT", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) receivers: u32,

    /// Within how many seconds
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub(crate) seconds: Duration,

    /// Bits a second of the picture
    #[arg(long, value_name = "BITS", default_value_t = 1_200_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bitrate: u32,

    /// Layers of the picture: 1, or the 3 that browsers send of a camera, with their sizes and rates
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = layers, conflicts_with = "bitrate")]
    pub(crate) layers: u32,
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
