//! Running `volley` as the server under test, and finding or building it.

use super::place::{Place, SERVER_ADDRESS};
use anyhow::{Context as _, bail};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// The port of its WebSocket.
pub(crate) const PORT: u16 = 8080;
/// Tells the inner bench where the program is that the outer one found.
pub(crate) const BINARY: &str = "VOLLEY_BENCH_VOLLEY";
/// The defaults keep a server from being filled by one guest; here that is wanted.
const UNLIMITED: &str = "1000000";
/// It is ready in a tenth of a second; a machine that is busy building is slower.
const READY_TIME: Duration = Duration::from_secs(15);
/// It promises to be gone after two.
const STOP_TIME: Duration = Duration::from_secs(4);

/// The `volley` program: the one named, else the one beside this program, else a release build,
/// made now when there is none.
///
/// # Errors
/// When the one named is not there, or the build fails.
pub(crate) fn find_binary(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        return named
            .canonicalize()
            .with_context(|| format!("--volley-bin {} is not there", named.display()));
    }
    if let Some(found) = env::var_os(BINARY) {
        return Ok(found.into());
    }
    let beside = env::current_exe()?.with_file_name("volley");
    if beside.is_file() && !cfg!(debug_assertions) {
        return Ok(beside);
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the bench stands in a workspace")?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| source.join("target"), PathBuf::from);
    let release = target.join("release/volley");
    if !release.is_file() {
        build(source)?;
    }
    release.canonicalize().with_context(|| format!("{} is not there", release.display()))
}

fn build(source: &Path) -> anyhow::Result<()> {
    eprintln!("volley is not built yet: cargo build --release -p volley-cli (some minutes)");
    let status = std::process::Command::new("cargo")
        .args(["build", "--release", "-p", "volley-cli"])
        .current_dir(source)
        .stdout(Stdio::null())
        .status()
        .context("`cargo` cannot be started; build volley yourself and name it with --volley-bin")?;
    if !status.success() {
        bail!("volley cannot be built here; build it elsewhere and name it with --volley-bin");
    }
    Ok(())
}

/// A running `volley`.
pub(crate) struct VolleyProcess {
    child: Child,
    /// Held, so that it can go on writing.
    _stdout: ChildStdout,
}

impl VolleyProcess {
    /// Starts it and waits for the line that says it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in time; what it said stands on standard error.
    pub(crate) async fn start(
        binary: &Path,
        place: &Place,
        flags: &[String],
        variables: &[(String, String)],
    ) -> anyhow::Result<VolleyProcess> {
        let workers = place.server_cores.len().to_string();
        let mut child = Command::from(place.command(binary))
            .args(["--workers", &workers, "--announce", &SERVER_ADDRESS.to_string()])
            .args(["--port", &PORT.to_string(), "--max-rooms", UNLIMITED, "--max-participants", UNLIMITED])
            .args(flags)
            .env("LOG_LEVEL", "warn")
            .env("VOLLEY_SECURITY__RATE_LIMIT__ENABLED", "false")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", binary.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("its output is a pipe")?).lines();
        let ready = timeout(READY_TIME, lines.next_line()).await;
        match ready {
            Ok(Ok(Some(line))) if line.starts_with("Volley is ready") => {
                Ok(VolleyProcess { child, _stdout: lines.into_inner().into_inner() })
            }
            Ok(Ok(Some(line))) => bail!("volley said {line:?} instead of being ready"),
            Ok(_) => bail!("volley ended before it was ready: {}", child.wait().await?),
            Err(_) => bail!("volley was not ready after {READY_TIME:?}"),
        }
    }

    /// Its supervisor.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) {
        end(&mut self.child, STOP_TIME).await;
    }
}

/// Asks a child to end at once (SIGTERM would let calls go on for a while), and ends it when it does not in
/// time.
pub(crate) async fn end(child: &mut Child, patience: Duration) {
    let pid = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid as i32));
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
    }
    if timeout(patience, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

/// What `volley --version` says, without its name.
///
/// # Errors
/// When it cannot be run.
pub(crate) async fn version(binary: &Path) -> anyhow::Result<String> {
    let output = Command::new(binary).arg("--version").stdin(Stdio::null()).output().await;
    let output = output.with_context(|| format!("{} cannot be run", binary.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().trim_start_matches("volley ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = find_binary(Some(Path::new("/nowhere/volley"))).unwrap_err().to_string();
        assert_eq!(error, "--volley-bin /nowhere/volley is not there");
    }

    #[tokio::test]
    async fn a_child_that_ignores_the_request_is_ended_all_the_same() {
        let mut child = Command::new("sh").args(["-c", "trap '' INT; sleep 60"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        end(&mut child, Duration::from_millis(100)).await;
        assert!(child.wait().await.is_ok_and(|status| !status.success()));
    }
}
