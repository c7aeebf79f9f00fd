//! Flags of `swarm`.

use super::{layers, seconds};
use crate::scenario::contender::Name;
use anyhow::bail;
use clap::{Args, ValueEnum};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How a swarm joins.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Over {
    /// As pages do.
    Websocket,
    /// Publishers by WHIP, viewers by WHEP, which shows one person: with --publishers 1
    Whip,
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

    /// How Volley is spoken to
    #[arg(long, value_enum, value_name = "PROTOCOL", default_value_t = Over::Websocket)]
    pub(crate) over: Over,

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

    /// Layers of each picture: 1, or the 3 that browsers send of a camera, with their sizes and rates.
    /// Viewers are shown one of them. For Volley, over its WebSocket
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = layers,
          conflicts_with_all = ["bitrate", "frames", "no_video"])]
    pub(crate) layers: u32,

    /// Lines that viewers need of each picture, in turn; every 3 seconds each goes on to the next
    /// [default: all there are]
    #[arg(long, value_name = "LINES", value_delimiter = ',', requires = "layers",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) tiles: Vec<u16>,

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

    /// Whether all that is asked for can be had together.
    ///
    /// # Errors
    /// What cannot, and what could.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let layers = self.layers;
        if layers > 1 && self.start != Name::Volley {
            bail!("--layers {layers} is for volley; {} is sent one layer", self.start.text());
        }
        if layers > 1 && self.over != Over::Websocket {
            bail!("--layers {layers} takes --over websocket: over WHIP nobody is told which layers to pause");
        }
        Ok(())
    }
}

/// `people`.
#[derive(Args, Clone, Debug)]
pub(crate) struct People {
    /// HTTP address of the Volley that runs
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) server: SocketAddr,

    /// Own address to send from [default: the one the kernel chooses]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<IpAddr>,

    /// The room they join, as its link names it
    #[arg(long, value_name = "NAME")]
    pub(crate) room: String,

    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,

    /// Each speaks for so long, then the next
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) speakers_in_turn: Duration,

    /// Sound only
    #[arg(long)]
    pub(crate) no_video: bool,

    /// Bits a second of each picture
    #[arg(long, value_name = "BITS", default_value_t = 150_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bitrate: u32,

    /// Frames a second of each picture
    #[arg(long, value_name = "FRAMES", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) frames: u32,

    /// How long they stay
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) seconds: Duration,
}
