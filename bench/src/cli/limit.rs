//! Flags of `limit`.

use super::seconds;
use crate::limit::{Mix, Way};
use clap::Args;
use std::time::Duration;

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

    /// How packets are sent
    #[arg(long, value_enum, value_name = "WAY", default_value_t = Way::BackEnd)]
    pub(crate) way: Way,
}
