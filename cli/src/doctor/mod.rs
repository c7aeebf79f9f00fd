//! `volley doctor`: reads the host and the configuration, and says, worst first, what will hurt and what
//! mends it.
//!
//! Each file here is one family of checks, and each check is a function from a [`Case`] to what it found.
//! What takes time or the network is asked beforehand, all at once; what follows from the answers is judged
//! without either. It changes nothing, and asks nobody but the servers that are configured or were named.

mod addresses;
mod certificate;
mod clock;
mod cores;
mod disk;
mod finding;
mod firewall;
mod holders;
mod host;
mod limits;
mod offload;
mod offloads;
mod ports;
mod relays;
mod report;
mod running;
mod store;
mod stun;
#[cfg(test)]
mod testing;
mod uring;

use crate::config::{Config, Mistakes, Sources};
use crate::flags::Flags;
use finding::Finding;
use host::Host;
pub(crate) use relays::stun_url;
use report::Report;
use running::Running;
use std::io::Write as _;
use std::net::IpAddr;
use std::process::ExitCode;
use volley_recorder::store::Probed;

/// How it is asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct DoctorWish {
    /// For programs instead of people.
    pub(crate) json: bool,
    /// A STUN server to ask besides, `HOST:PORT`.
    pub(crate) stun: Option<String>,
    /// An NTP server to ask instead of the machine's own.
    pub(crate) ntp: Option<String>,
}

/// All that a check may look at.
struct Case<'a> {
    host: &'a Host,
    config: &'a Config,
    answers: &'a Answers,
    running: Option<&'a Running>,
}

/// What took time to learn.
#[derive(Clone, PartialEq, Debug, Default)]
struct Answers {
    asked: Vec<relays::Asked>,
    seen: Vec<Seen>,
    time: Option<clock::Heard>,
    /// `None` where recordings go to no store.
    store: Option<Probed>,
    /// Why the recorder on another machine would take nothing; `None` where it would, or there is none.
    offload: Option<String>,
    /// Before and after a second.
    ticks: Option<[cores::Ticks; 2]>,
}

/// How somebody out there sees this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    by: String,
    address: IpAddr,
}

const CHECKS: [fn(&Case<'_>) -> Vec<Finding>; 17] = [
    ports::check,
    firewall::check,
    addresses::check,
    |case| relays::judge(&case.answers.asked),
    certificate::check,
    clock::check,
    uring::check,
    uring::kernel,
    limits::files,
    limits::buffers,
    limits::steering,
    offloads::check,
    cores::check,
    disk::check,
    store::check,
    offload::check,
    running::check,
];

impl Case<'_> {
    /// Whose limits hold: those of the server that runs, or what a server started from here would have.
    fn pid(&self) -> Option<u32> {
        Some(self.running?.holder.as_ref()?.pid)
    }

    fn has_https(&self) -> bool {
        let is_named = !self.config.get::<String>("tls.certificate").is_empty();
        is_named || self.config.acme().is_some() || self.config.get("tls.dev")
    }
}

/// Looks at everything and tells what it found; the exit code is how bad the worst of it is.
pub(crate) fn run(flags: &Flags, wish: &DoctorWish) -> anyhow::Result<ExitCode> {
    let sources = Sources::gather(flags.config.as_deref(), &flags.values);
    let findings = match sources.and_then(|sources| Config::build(&sources)) {
        Ok(config) => examine(&config, wish)?,
        Err(Mistakes(mistakes)) => mistakes.into_iter().map(mistaken).collect(),
    };
    let report = Report::new(findings);
    let text = if wish.json { report.json() } else { report.text() };
    // Who reads only the first lines closes the pipe; that is no mistake.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::from(report.exit_code()))
}

fn mistaken(mistake: String) -> Finding {
    let mend = mend(&[
        "correct it where it says; `volley config check` shows what is in force, config/*.example.yaml what is allowed",
        "where a service has secrets in a file of systemd's, give that: --env-file /etc/volley/volley.env",
    ]);
    Finding::error(
        "config",
        format!("The configuration has a mistake, and Volley does not start: {mistake}"),
        mend,
    )
}

fn examine(config: &Config, wish: &DoctorWish) -> anyhow::Result<Vec<Finding>> {
    let host = Host::this();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (running, answers) = runtime.block_on(async {
        let running = running::find(&host, config).await;
        (running, ask(&host, config, wish).await)
    });
    // A name that is still being looked up must not hold up the rest.
    runtime.shutdown_background();
    let case = Case { host: &host, config, answers: &answers, running: running.as_ref() };
    Ok(CHECKS.iter().flat_map(|check| check(&case)).collect())
}

async fn ask(host: &Host, config: &Config, wish: &DoctorWish) -> Answers {
    let before = cores::ticks(host);
    let time = async {
        match clock::server(host, wish.ntp.as_deref()) {
            Some(server) => Some(clock::ask(server).await),
            None => None,
        }
    };
    let relays = relays::ask(relays::told(config, wish.stun.as_deref()));
    let store = store::ask(config.recorder().and_then(|recorder| recorder.store));
    let offload = offload::ask(config);
    let look = tokio::time::sleep(cores::LOOK);
    let (asked, time, store, offload, ()) = tokio::join!(relays, time, store, offload, look);
    let ticks = before.zip(cores::ticks(host)).map(|(before, after)| [before, after]);
    Answers { seen: relays::seen(&asked), asked, time, store, offload, ticks }
}

/// Several ways to mend one thing, a line each.
fn mend(lines: &[&str]) -> String {
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::finding::Level;
    use super::testing::Patient;
    use super::*;

    #[test]
    fn nothing_is_said_to_hurt_on_a_sound_host() {
        let patient = Patient::sound();
        let findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&patient.case())).collect();
        let bad = |finding: &&Finding| finding.level <= Level::Warning;
        assert_eq!(findings.iter().find(bad), None);
    }

    #[test]
    fn every_mistake_of_the_configuration_is_an_error_of_its_own() {
        let sources = Sources { flags: vec![("port", String::from("many"))], ..Sources::default() };
        let Err(Mistakes(mistakes)) = Config::build(&sources) else { panic!("it is one") };
        let finding = mistaken(mistakes[0].clone());
        assert_eq!((finding.level, finding.check), (Level::Error, "config"));
        assert!(finding.what.contains("--port: \"many\" is not allowed"), "{finding:?}");
    }
}
