//! A server's process: started in a group of its own, ended with everything it started.

use super::socket;
use crate::signal::Signaling;
use anyhow::{Context, anyhow, bail};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpgid};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Janus and mediasoup answer within one second; a busy machine gets some patience.
const START_WITHIN: Duration = Duration::from_secs(20);

/// How long a server may take to end by itself before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(3);

const POLL: Duration = Duration::from_millis(50);

/// A server that answers. It is ended when this is dropped.
pub(crate) struct Running {
    process: Process,
    signaling: Arc<dyn Signaling>,
}

impl Running {
    pub(super) fn new(process: Process, signaling: Arc<dyn Signaling>) -> Running {
        Running { process, signaling }
    }

    /// How the load joins its rooms.
    pub(crate) fn signaling(&self) -> Arc<dyn Signaling> {
        Arc::clone(&self.signaling)
    }

    /// The server's processes: the first one and all it started.
    pub(crate) fn processes(&self) -> Vec<u32> {
        members(self.process.group())
    }

    /// Ends it, with everything it started.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

/// A child in a process group of its own.
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it with both outputs in the log.
    pub(super) fn spawn(mut command: Command, log: &Path) -> anyhow::Result<Process> {
        let file = File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stderr(file.try_clone()?)
            .stdout(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{} cannot be run", command.get_program().to_string_lossy()))?;
        Ok(Process { child, log: log.to_owned() })
    }

    /// Waits until a WebSocket can be opened.
    pub(super) async fn answers(
        &mut self,
        url: &str,
        protocol: Option<&str>,
    ) -> anyhow::Result<socket::Ends> {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended at once ({status}); {}", self.last_words());
            }
            match socket::open(url, protocol).await {
                Ok(ends) => return Ok(ends),
                Err(error) if Instant::now() > deadline => {
                    let silent =
                        anyhow!("{url} did not answer within {START_WITHIN:?}; {}", self.last_words());
                    return Err(error.context(silent.to_string()));
                }
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("{} ends with: {}", self.log.display(), lines[lines.len().saturating_sub(5)..].join(" | "))
    }

    fn group(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) {
        // The group is gone when the signal finds nobody, which is what is wanted.
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }

    /// Orphans of the server become children of this process where it is the first of its process
    /// namespace; nobody else would take note of their end.
    fn bury(&self) {
        let group = Pid::from_child(&self.child);
        while let Ok(Some(_)) = waitpgid(group, WaitOptions::NOHANG) {}
    }

    fn is_over(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None)) && members(self.child.id()).is_empty()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + STOP_WITHIN;
        while !self.is_over() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        self.signal(Signal::KILL);
        let _ = self.child.wait();
        let deadline = Instant::now() + STOP_WITHIN;
        // A killed process ends when it next has a core.
        while !members(self.group()).is_empty() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        self.bury();
    }
}

/// The living processes of a group.
fn members(group: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|&id| group_of(id) == Some(group)).collect()
}

/// proc_pid_stat(5): after the name in brackets come state, parent and group. A zombie is no member.
fn group_of(id: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let alive = fields.next()? != "Z";
    fields.nth(1)?.parse().ok().filter(|_| alive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_started_ends_with_it() {
        let log = std::env::temp_dir().join(format!("volley-bench-process-{}.log", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & trap '' TERM; sleep 1000"]);
        let process = Process::spawn(command, &log).expect("sh runs");
        let group = process.group();
        let deadline = Instant::now() + START_WITHIN;
        while members(group).len() < 3 && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        assert_eq!(members(group).len(), 3);
        drop(process);
        assert!(members(group).is_empty());
        let _ = std::fs::remove_file(log);
    }
}
