//! Flags of `ports`.

use clap::Args;

/// `ports`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Ports {
    /// People whose addresses are known
    #[arg(long, value_name = "COUNT", default_value_t = 4_000, value_parser = clap::value_parser!(u16).range(64..=16_000))]
    pub(crate) people: u16,

    /// Workers that share the port
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..=64))]
    pub(crate) workers: u16,

    /// Junk datagrams a second to tell the cost of
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    pub(crate) junk: u32,

    /// How often everything is measured, one after the other; the quickest counts
    #[arg(long, value_name = "COUNT", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rounds: u32,
}
