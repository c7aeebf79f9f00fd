//! Where things run: the cores of server and generator, and their two ends of the wire.

use super::wire;
use crate::rivals;
use anyhow::{Context as _, bail};
use core_affinity::CoreId;
use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};

/// The server's address.
pub(crate) const SERVER_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);
/// The generator's address.
pub(crate) const GENERATOR_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 2);
/// The name of the server's network namespace. The generator has the bench's own.
pub(crate) const SERVER_SPACE: &str = "server";

/// Cores and networks, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Cores the server runs on; its receive work is steered to the first.
    pub(crate) server_cores: Vec<usize>,
    /// The core of the generator, and of the bench itself.
    pub(crate) generator_core: usize,
}

impl Place {
    /// Pins this process to the generator's core and builds the wire.
    ///
    /// # Errors
    /// When there are not enough cores, or the wire cannot be built.
    pub(crate) fn build(server_cores: Vec<usize>, generator_core: usize) -> anyhow::Result<Place> {
        let place = Place { server_cores, generator_core };
        place.check_cores()?;
        pin(generator_core)?;
        wire::build(&place)?;
        Ok(place)
    }

    fn check_cores(&self) -> anyhow::Result<()> {
        let usable: Vec<usize> =
            core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect();
        for core in self.server_cores.iter().chain([&self.generator_core]) {
            if !usable.contains(core) {
                bail!("core {core} cannot be used; this process may use the cores {usable:?}");
            }
        }
        if self.server_cores.is_empty() || self.server_cores.contains(&self.generator_core) {
            bail!("server and generator need a core each, the server has {:?}", self.server_cores);
        }
        Ok(())
    }

    /// A command that will run in the server's network, on the server's cores. What it starts
    /// becomes `program` itself, under the same process id.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let cores: Vec<String> = self.server_cores.iter().map(ToString::to_string).collect();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", SERVER_SPACE, "taskset", "--cpu-list", &cores.join(",")]);
        command.arg(program).stdin(Stdio::null());
        command
    }

    /// Runs `work` on a thread that stands in the server's network, and on its first core.
    ///
    /// # Errors
    /// When the thread may not go there.
    pub(crate) fn as_server<T: Send>(&self, work: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
        let core = self.server_cores[0];
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                pin(core)?;
                wire::enter_server_space()?;
                Ok(work())
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl rivals::Place for Place {
    fn command(&self, program: &OsStr) -> Command {
        Place::command(self, program)
    }

    fn address(&self) -> IpAddr {
        SERVER_ADDRESS.into()
    }
}

/// Pins the calling thread, and those it will start.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn pin(core: usize) -> anyhow::Result<()> {
    core_affinity::set_for_current(CoreId { id: core })
        .then_some(())
        .with_context(|| format!("this process may not be pinned to core {core}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(server_cores: &[usize], generator_core: usize) -> Place {
        Place { server_cores: server_cores.to_vec(), generator_core }
    }

    #[test]
    fn server_and_generator_never_share_a_core() {
        let error = place(&[0], 0).check_cores().unwrap_err().to_string();
        assert!(error.contains("a core each"), "{error}");
    }

    #[test]
    fn a_core_that_is_not_there_is_named() {
        let error = place(&[0], 4711).check_cores().unwrap_err().to_string();
        assert!(error.starts_with("core 4711 cannot be used"), "{error}");
    }

    #[test]
    fn a_server_command_runs_in_its_network_on_its_cores() {
        let place = place(&[2, 3], 0);
        let command = place.command("janus");
        let words: Vec<_> = command.get_args().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(words, ["netns", "exec", "server", "taskset", "--cpu-list", "2,3", "janus"]);
    }
}
