//! The `volley` program: the supervisor, and the two processes it starts from the same binary.

mod addresses;
mod child;
mod flags;
mod identity;
mod logging;
mod process;
mod sockets;
mod supervisor;

use clap::Parser;
use flags::{Cli, Role};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Cli { role, flags } = Cli::parse();
    let outcome = logging::start(&flags.log_level()).and_then(|()| match role {
        None => supervisor::run(&flags),
        Some(Role::Media) => child::media(),
        Some(Role::Signaling) => child::signaling(),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("volley: {error:#}");
            ExitCode::FAILURE
        }
    }
}
