//! Flags of `tuning`.

use super::seconds;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// `tuning`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Tuning {
    /// Families of knobs, each measured on its own
    #[arg(
        long,
        value_name = "FAMILY",
        value_delimiter = ',',
        default_value = "buffers,udp,busypoll,conntrack,nic"
    )]
    pub(crate) families: Vec<Family>,

    /// Allow families whose knobs are the whole machine's: they are set on it for each run, and put back
    #[arg(long)]
    pub(crate) whole_machine: bool,

    /// The profile of tuning/tune
    #[arg(long, default_value = "10g", value_parser = ["1g", "10g", "25g", "vm"])]
    pub(crate) profile: String,

    /// The tuning tool [default: tuning/tune of the source tree]
    #[arg(long, value_name = "FILE")]
    pub(crate) tune: Option<PathBuf>,

    /// People in the room; all of them publish and watch
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) people: u32,

    /// Bits a second of each picture
    #[arg(long, value_name = "BITS", default_value_t = 500_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bitrate: u32,

    /// Seconds per run
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) seconds: Duration,

    /// Runs before and after, of each family, in turn
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) rounds: u32,
}

/// A family of the tuning tool that can be measured between two networks of one machine.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    Buffers,
    Udp,
    Busypoll,
    Conntrack,
    Nic,
    Cpu,
    Memory,
    Scheduler,
}

impl Family {
    /// As the tool calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Family::Buffers => "buffers",
            Family::Udp => "udp",
            Family::Busypoll => "busypoll",
            Family::Conntrack => "conntrack",
            Family::Nic => "nic",
            Family::Cpu => "cpu",
            Family::Memory => "memory",
            Family::Scheduler => "scheduler",
        }
    }

    /// Whether it is about the machine. The knobs of the others belong to the server's network, and what of
    /// them does not the kernel keeps from being set in there.
    pub(crate) fn is_of_whole_machine(self) -> bool {
        matches!(self, Family::Cpu | Family::Memory | Family::Scheduler)
    }
}
