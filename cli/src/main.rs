//! The `volley` program: the supervisor, and the three processes it starts from the same binary.

mod addresses;
mod child;
mod config;
mod doctor;
mod environment;
mod flags;
mod identity;
mod logging;
mod manual;
mod privileges;
mod process;
mod recording;
mod recordings;
mod service;
mod sockets;
mod steering;
mod supervisor;
mod tls;

use anyhow::Context as _;
use config::{Config, Sources};
use flags::{Cli, Deed, Flags, Role, TokenWish};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use volley_signaling::{access, cgroup};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Cli { deed, flags, env_file } = Cli::parse();
    let outcome = match env_file {
        Some(file) => Err(environment::begin_again_with(&file)),
        None => act(deed, &flags),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("volley: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(deed: Deed, flags: &Flags) -> anyhow::Result<ExitCode> {
    let well = |()| ExitCode::SUCCESS;
    match deed {
        Deed::Serve => serve(flags).map(well),
        Deed::Child(role) => be_child(role).map(well),
        Deed::Listen(wish) => child::listening_recorder(flags, &wish).map(well),
        Deed::CheckConfig => check_config(flags).map(well),
        Deed::CreateToken(wish) => create_token(flags, wish).map(well),
        Deed::Recordings(deed) => load(flags).and_then(|config| recordings::run(&config, &deed)),
        Deed::Examine(wish) => doctor::run(flags, &wish),
        Deed::Completions(shell) => {
            manual::print_completions(shell);
            Ok(ExitCode::SUCCESS)
        }
        Deed::Man(folder) => manual::write_pages(folder.as_deref()).map(well),
    }
}

fn serve(flags: &Flags) -> anyhow::Result<()> {
    let config = load(flags)?;
    config.logging().start()?;
    config.log_what_does_nothing();
    config.open_recordings().iter().for_each(|told| tracing::warn!("{told}"));
    if let Some(told) = quota_told(&config) {
        tracing::warn!("{told}");
    }
    supervisor::run(config, flags)
}

/// A child is told by its supervisor what to log.
fn be_child(role: Role) -> anyhow::Result<()> {
    logging::Logging::inherited().start()?;
    match role {
        Role::Media => child::media(),
        Role::Signaling => child::signaling(),
        Role::Recorder => child::recorder(),
    }
}

fn check_config(flags: &Flags) -> anyhow::Result<()> {
    let config = load(flags)?;
    let text = config.describe();
    config::strangers().iter().for_each(|told| eprintln!("volley: {told}"));
    let memory_told = config.memory_of_group(cgroup::memory_for_us(Path::new("/")));
    for told in [memory_told, quota_told(&config)].into_iter().flatten() {
        eprintln!("volley: {told}");
    }
    // Who reads only the first lines closes the pipe; that is no mistake.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// What is to be said of a quota on the cores' time, where there is one.
fn quota_told(config: &Config) -> Option<String> {
    let cores = rustix::thread::sched_getaffinity(None).map_or(1, |cores| cores.count());
    config.quota_of_group(cgroup::cpu_quota(Path::new("/"), None), cores as usize)
}

fn create_token(flags: &Flags, wish: TokenWish) -> anyhow::Result<()> {
    let secrets: Vec<String> = load(flags)?.get("security.token_secrets");
    let secret = secrets.first().context(
        "there is no security.token_secrets to sign with; make one with `openssl rand -hex 32`, and give it to this \
         command and to the server as VOLLEY_SECURITY__TOKEN_SECRETS",
    )?;
    let iat = access::unix_now();
    let TokenWish { room, identity: sub, grants, ttl } = wish;
    let claims = access::Claims { sub, room, grants, exp: iat.saturating_add(ttl.as_secs()), iat };
    writeln!(std::io::stdout(), "{}", access::sign(&claims, secret)?)?;
    Ok(())
}

/// The configuration as everything that says something has it now.
fn load(flags: &Flags) -> anyhow::Result<Config> {
    let sources = Sources::gather(flags.config.as_deref(), &flags.values)?;
    Ok(Config::build(&sources)?)
}
