//! Which of the other servers are on this machine. Knows where `rivals/install.sh` puts them.

use super::process::Running;
use super::{Place, janus, livekit, mediasoup};
use anyhow::Context;
use std::fmt;
use std::path::{Path, PathBuf};

/// The script that fetches them, for messages.
const INSTALLER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/rivals/install.sh");

/// Another server to measure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Rival {
    /// mediasoup: one worker process.
    Mediasoup,
    /// Janus with its VideoRoom plugin.
    Janus,
    /// LiveKit.
    LiveKit,
}

impl Rival {
    /// All of them.
    pub(crate) const ALL: [Rival; 3] = [Rival::Mediasoup, Rival::Janus, Rival::LiveKit];

    /// As the command line and reports name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Rival::Mediasoup => "mediasoup",
            Rival::Janus => "janus",
            Rival::LiveKit => "livekit",
        }
    }

    /// Looks for it where `rivals/install.sh` puts it: `VOLLEY_BENCH_RIVALS`, or
    /// `~/.cache/volley-bench`.
    ///
    /// # Errors
    /// That it is not here, and what to do.
    pub(crate) fn find(self) -> Result<Installed, Absent> {
        let absent = |reason: String| Absent { rival: self, reason };
        let root = root().ok_or_else(|| absent("neither VOLLEY_BENCH_RIVALS nor HOME is set".to_owned()))?;
        let folder = root.join(self.name());
        let program = match self {
            Rival::Mediasoup => mediasoup::WORKER,
            Rival::Janus => janus::PROGRAM,
            Rival::LiveKit => livekit::PROGRAM,
        };
        if !folder.join(program).exists() {
            return Err(absent(self.reason(&folder, program)));
        }
        let line = |name| std::fs::read_to_string(folder.join(name)).ok().map(|text| text.trim().to_owned());
        Ok(Installed {
            rival: self,
            version: line("version").unwrap_or_else(|| "unknown".to_owned()),
            note: line("note").filter(|note| !note.is_empty()),
            folder,
        })
    }

    /// What the installer wrote down when it failed, or that it was not run.
    fn reason(self, folder: &Path, program: &str) -> String {
        std::fs::read_to_string(folder.join("absent")).map_or_else(
            |_| format!("{} does not exist", folder.join(program).display()),
            |text| text.trim().to_owned(),
        )
    }
}

fn root() -> Option<PathBuf> {
    let named = std::env::var_os("VOLLEY_BENCH_RIVALS").map(PathBuf::from);
    named.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/volley-bench")))
}

/// A server that can be started.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    /// Which.
    pub(crate) rival: Rival,
    /// Its version, as its distributor writes it.
    pub(crate) version: String,
    /// What a reader of the figures must know about this build.
    pub(crate) note: Option<String>,
    folder: PathBuf,
}

impl Installed {
    /// Starts it and waits until it answers. Its output goes to `<name>.log` in `logs`, which is
    /// made when it does not exist.
    ///
    /// # Errors
    /// When it does not start, with the end of its log.
    pub(crate) async fn start(&self, place: &dyn Place, logs: &Path) -> anyhow::Result<Running> {
        std::fs::create_dir_all(logs).with_context(|| format!("{} cannot be made", logs.display()))?;
        let log = logs.join(format!("{}.log", self.rival.name()));
        match self.rival {
            Rival::Mediasoup => mediasoup::start(&self.folder, place, &log).await,
            Rival::Janus => janus::start(&self.folder, place, &log).await,
            Rival::LiveKit => livekit::start(&self.folder, place, &log).await,
        }
        .with_context(|| format!("{} {} does not start", self.rival.name(), self.version))
    }
}

/// A server that is not here.
#[derive(Clone, Debug)]
pub(crate) struct Absent {
    /// Which.
    pub(crate) rival: Rival,
    /// Why it cannot be run.
    pub(crate) reason: String,
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.rival.name();
        write!(f, "{name} is absent: {}. To install it: {INSTALLER} {name}", self.reason)
    }
}

impl std::error::Error for Absent {}
