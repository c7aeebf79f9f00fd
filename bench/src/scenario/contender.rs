//! Servers under test: which there are, whether they are here, and running one.

use crate::host::own::{self, Own};
use crate::host::place::{Place, SERVER_ADDRESS};
use crate::host::volley::{self as program, VolleyProcess};
use crate::report::progress::Progress;
use crate::rivals::{self, Installed, Rival};
use crate::signal::Signaling;
use crate::volley::Volley;
use anyhow::Context as _;
use clap::ValueEnum;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// A server by the name that people call it.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Name {
    /// This project's own
    Volley,
    /// mediasoup, one worker
    Mediasoup,
    /// Janus with its VideoRoom plugin
    Janus,
    /// LiveKit
    Livekit,
}

impl Name {
    /// As people write it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Name::Volley => "volley",
            Name::Mediasoup => "mediasoup",
            Name::Janus => "janus",
            Name::Livekit => "livekit",
        }
    }
}

/// A server that is here and can be started.
pub(crate) struct Contender {
    /// Which.
    pub(crate) name: Name,
    /// Its name, and what tells it from another of the same name.
    pub(crate) label: String,
    /// Its version.
    pub(crate) version: String,
    /// What a reader must know about this build.
    pub(crate) note: Option<String>,
    /// A P95 delay in seconds that is asked of it alone, in place of that asked of all.
    pub(crate) delay: Option<f64>,
    /// Its `--gathering`, where that is one of the things compared.
    pub(crate) gathering: Option<String>,
    /// `false` where it is measured without the feedback by which it adapts to people's links.
    pub(crate) adapts: bool,
    kind: Kind,
}

enum Kind {
    Volley { binary: PathBuf, choice: VolleyChoice },
    Rival(Installed),
}

impl Contender {
    /// Looks for it. `volley` is the program, if one was named, and further flags for it.
    ///
    /// # Errors
    /// Why it cannot be measured here.
    pub(crate) async fn find(name: Name, volley: &VolleyChoice) -> anyhow::Result<Contender> {
        let label = name.text().to_owned();
        if name == Name::Volley {
            let binary = program::find_binary(volley.binary.as_deref())?;
            let version = program::version(&binary).await?;
            let kind = Kind::Volley { binary, choice: volley.clone() };
            let (note, delay, gathering) = (None, None, None);
            return Ok(Contender { name, label, version, note, delay, gathering, adapts: true, kind });
        }
        let rival = Rival::ALL.into_iter().find(|rival| rival.name() == name.text());
        let installed = rival.context("this bench cannot speak to it yet")?.find()?;
        let (version, note) = (installed.version.clone(), installed.note.clone());
        let kind = Kind::Rival(installed);
        let (delay, gathering) = (None, None);
        Ok(Contender { name, label, version, note, delay, gathering, adapts: true, kind })
    }

    /// One that cannot be started, to be told of.
    #[cfg(test)]
    pub(crate) fn unstarted(name: Name) -> Contender {
        let kind = Kind::Volley { binary: PathBuf::new(), choice: VolleyChoice::default() };
        let (label, version) = (name.text().to_owned(), String::new());
        Contender { name, label, version, note: None, delay: None, gathering: None, adapts: true, kind }
    }

    /// Starts it and waits until it takes calls.
    ///
    /// # Errors
    /// What it said when it did not start.
    pub(crate) async fn start(&self, place: &Place) -> anyhow::Result<Running> {
        match &self.kind {
            Kind::Volley { binary, choice } => {
                let VolleyChoice { flags, variables, .. } = choice;
                let process = VolleyProcess::start(binary, place, flags, variables).await?;
                let signaling = Volley::new(volley_address(), "bench");
                let signaling = if self.adapts { signaling } else { signaling.without_feedback() };
                let signaling = Arc::new(signaling);
                Ok(Running::Volley { process, signaling })
            }
            Kind::Rival(installed) => {
                let logs = std::env::temp_dir().join("volley-bench");
                Ok(Running::Rival(installed.start(place, &logs).await?))
            }
        }
    }
}

/// Where the HTTP of a Volley is that was started here.
pub(crate) fn volley_address() -> SocketAddr {
    SocketAddr::new(SERVER_ADDRESS.into(), program::PORT)
}

/// Starts Volley, does `work` with it and stops it, whatever came of the work.
///
/// # Errors
/// When it is not here or does not start, and what `work` fails with.
pub(crate) async fn with_volley<T>(
    volley: &VolleyChoice,
    place: &Place,
    work: impl AsyncFnOnce(&Running) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let running = Contender::find(Name::Volley, volley).await?.start(place).await?;
    let outcome = work(&running).await;
    running.stop().await;
    outcome
}

/// A server that is not here.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Absent {
    /// Which.
    pub(crate) server: Name,
    /// Why, and how to change that.
    pub(crate) reason: String,
}

impl Absent {
    /// For people.
    pub(crate) fn note(&self) -> String {
        format!("{} is absent: {}", self.server.text(), self.reason)
    }
}

/// One of the ways in which Volley stands in a comparison.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Variant {
    /// Its `--gathering`.
    pub(crate) gathering: String,
    /// The P95 delay in seconds that is asked of it, if not that asked of all.
    pub(crate) delay: Option<f64>,
    /// Whether people give it transport-cc feedback.
    pub(crate) adapts: bool,
}

impl Variant {
    /// Of the P95 delay that is asked, this goes to gathering: a packet also waits for the turn before its own
    /// and for its place in the turn.
    pub(crate) const GATHERING_OF_DELAY: f64 = 0.6;

    /// With this `--gathering`.
    pub(crate) fn gathering(time: &str) -> Variant {
        Variant { gathering: time.to_owned(), delay: None, adapts: true }
    }

    /// Within this delay, in milliseconds.
    pub(crate) fn within(delay: u32) -> Variant {
        let gathering = (f64::from(delay) * Variant::GATHERING_OF_DELAY).floor().max(1.0);
        Variant { gathering: gathering.to_string(), delay: Some(f64::from(delay) / 1e3), adapts: true }
    }

    /// It, and the same without feedback, to be measured in turn.
    pub(crate) fn with_and_without_feedback(self) -> [Variant; 2] {
        let without = Variant { adapts: false, ..self.clone() };
        [self, without]
    }

    fn label(&self) -> String {
        let feedback = if self.adapts { "" } else { ", no feedback" };
        match self.delay {
            Some(delay) => format!("volley within {:.0} ms{feedback}", delay * 1e3),
            None => format!("volley, gathering {}{feedback}", self.gathering),
        }
    }
}

/// Those of the servers that are here, and why the others are not. Volley stands there once for
/// each of its variants, if there are any.
pub(crate) async fn find_all(
    names: &[Name],
    variants: &[Variant],
    volley: &VolleyChoice,
    progress: &Progress,
) -> (Vec<Contender>, Vec<Absent>) {
    let (mut here, mut absent) = (Vec::new(), Vec::new());
    for &server in names {
        match find_variants(server, variants, volley).await {
            Ok(found) => here.extend(found),
            Err(error) => {
                let gone = Absent { server, reason: format!("{error:#}") };
                progress.keep(&gone.note());
                absent.push(gone);
            }
        }
    }
    (here, absent)
}

async fn find_variants(
    name: Name,
    variants: &[Variant],
    volley: &VolleyChoice,
) -> anyhow::Result<Vec<Contender>> {
    if name != Name::Volley || variants.is_empty() {
        return Ok(vec![Contender::find(name, volley).await?]);
    }
    let mut found = Vec::new();
    for variant in variants {
        let mut choice = volley.clone();
        choice.flags.extend([String::from("--gathering"), variant.gathering.clone()]);
        let contender = Contender::find(name, &choice).await?;
        let gathering = Some(variant.gathering.clone());
        let (label, delay, adapts) = (variant.label(), variant.delay, variant.adapts);
        found.push(Contender { label, delay, gathering, adapts, ..contender });
    }
    Ok(found)
}

/// Which `volley` is measured, and how it is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct VolleyChoice {
    /// The program, if one was named.
    pub(crate) binary: Option<PathBuf>,
    /// Flags beside those the bench needs.
    pub(crate) flags: Vec<String>,
    /// What is configured by environment, because there is no flag for it.
    pub(crate) variables: Vec<(String, String)>,
}

/// A server that takes calls.
pub(crate) enum Running {
    /// This project's own.
    Volley {
        /// Its supervisor.
        process: VolleyProcess,
        /// The way to ask it for calls.
        signaling: Arc<Volley>,
    },
    /// Another one.
    Rival(rivals::Running),
}

impl Running {
    /// The way to ask it for calls.
    pub(crate) fn signaling(&self) -> Arc<dyn Signaling> {
        match self {
            Running::Volley { signaling, .. } => Arc::clone(signaling) as Arc<dyn Signaling>,
            Running::Rival(running) => running.signaling(),
        }
    }

    /// What it says it has counted itself; `None` of servers that do not.
    ///
    /// # Errors
    /// When it should and does not.
    pub(crate) async fn own_figures(&self) -> anyhow::Result<Option<Own>> {
        match self {
            Running::Volley { .. } => {
                Own::scrape(SocketAddr::new(SERVER_ADDRESS.into(), own::PORT)).await.map(Some)
            }
            Running::Rival(_) => Ok(None),
        }
    }

    /// Its processes; their children are to be counted with them.
    pub(crate) fn pids(&self) -> Vec<u32> {
        match self {
            Running::Volley { process, .. } => process.pid().into_iter().collect(),
            Running::Rival(running) => running.processes(),
        }
    }

    /// A process of it.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.pids().first().copied().context("the server has ended; what it said stands above")
    }

    /// Ends it and waits for its end.
    pub(crate) async fn stop(self) {
        match self {
            Running::Volley { process, .. } => process.stop().await,
            Running::Rival(running) => running.stop(),
        }
    }
}
