//! The machine as the checks see it: files below a root, and what was tried out once.
//!
//! Tests put a prepared folder and prepared facts in its place.

use rustix::net::sockopt::socket_recv_buffer_size;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;
use volley::io::{Io, IoChoice, IoConfig, IoError, bind_media_socket};

/// The machine.
pub(super) struct Host {
    /// Where `proc`, `sys`, `etc` and `run` are.
    pub(super) root: PathBuf,
    /// Cores this process may use, a quota of the container heeded.
    pub(super) cores: usize,
    /// What became of opening a ring as a worker does.
    pub(super) uring: Result<(), UringRefusal>,
    /// Bytes that a media socket may hold back, as the kernel granted them.
    pub(super) receive_buffer: Option<usize>,
    /// Of the interfaces.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) now: SystemTime,
    /// What a program says, where it is installed and ends well.
    pub(super) tool: fn(&str, &[&str]) -> Option<String>,
    /// How much room a file system has.
    pub(super) space: fn(&Path) -> io::Result<Space>,
}

/// Why there is no ring.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct UringRefusal {
    /// What was being done.
    pub(super) step: &'static str,
    /// What the kernel said.
    pub(super) error: Option<rustix::io::Errno>,
}

/// Room on a file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Space {
    /// Bytes that this user may still write.
    pub(super) bytes: u64,
    /// Files that may still be made; `None` where the file system does not count them.
    pub(super) files: Option<u64>,
}

/// A limit of a process, soft and hard; `None` is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limit {
    pub(super) soft: Option<u64>,
    pub(super) hard: Option<u64>,
}

/// Rights of a process (capabilities(7)), by their bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Right {
    NetAdmin = 12,
    IpcLock = 14,
    SysAdmin = 21,
    Bpf = 39,
}

impl Host {
    /// This machine.
    pub(super) fn this() -> Host {
        Host {
            root: PathBuf::from("/"),
            cores: std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            uring: try_uring(),
            receive_buffer: granted_receive_buffer(),
            addresses: crate::addresses::interface_addresses(),
            now: SystemTime::now(),
            tool: run_tool,
            space: space_of,
        }
    }

    /// A file's text, without the white space around it.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok().map(|text| text.trim().to_owned())
    }

    /// The kernel's version, as far as features hang on it.
    pub(super) fn kernel(&self) -> Option<(u32, u32)> {
        let release = self.read("proc/sys/kernel/osrelease")?;
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    }

    /// A limit of the process `pid`, or of this one, as `/proc/PID/limits` names it.
    pub(super) fn limit(&self, pid: Option<u32>, name: &str) -> Option<Limit> {
        let text = self.read(&format!("proc/{}/limits", owner(pid)))?;
        let mut words = text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace();
        let mut next = || words.next().map(|word| word.parse().ok());
        Some(Limit { soft: next()?, hard: next()? })
    }

    /// Whether the process `pid`, or this one, has a right.
    pub(super) fn may(&self, pid: Option<u32>, right: Right) -> bool {
        let set = self.status(pid, "CapEff:").and_then(|text| u64::from_str_radix(&text, 16).ok());
        set.is_some_and(|set| set >> right as u32 & 1 == 1)
    }

    /// Whether system calls are filtered.
    pub(super) fn is_filtered(&self) -> bool {
        self.status(None, "Seccomp:").as_deref() == Some("2")
    }

    fn status(&self, pid: Option<u32>, name: &str) -> Option<String> {
        let text = self.read(&format!("proc/{}/status", owner(pid)))?;
        text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    }
}

fn owner(pid: Option<u32>) -> String {
    pid.map_or_else(|| String::from("self"), |pid| pid.to_string())
}

/// Opens a ring over a socket, as a worker would, and closes it.
fn try_uring() -> Result<(), UringRefusal> {
    let unknown = |step, error: io::Error| UringRefusal {
        step,
        error: error.raw_os_error().map(rustix::io::Errno::from_raw_os_error),
    };
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| unknown("a socket", error))?;
    match Io::new(IoChoice::Uring, vec![socket], &[] as &[OwnedFd], &IoConfig::default()) {
        Ok(_) => Ok(()),
        Err(IoError::UringRefused { step, source, .. }) => Err(unknown(step, source)),
        // Anything else would stand in the way of epoll as well, and shows when Volley starts.
        Err(_) => Ok(()),
    }
}

fn granted_receive_buffer() -> Option<usize> {
    let socket = bind_media_socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).ok()?;
    // The kernel counts its own overhead in and therefore doubles what was asked for (socket(7)).
    socket_recv_buffer_size(&socket).ok().map(|doubled| doubled / 2)
}

/// A person's PATH often lacks the folders of the tools that look at a machine.
fn run_tool(program: &str, arguments: &[&str]) -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn space_of(path: &Path) -> io::Result<Space> {
    let found = rustix::fs::statvfs(path)?;
    let files = (found.f_files > 0).then_some(found.f_favail);
    Ok(Space { bytes: found.f_bavail.saturating_mul(found.f_frsize), files })
}

#[cfg(test)]
pub(super) mod prepared {
    //! A machine made for a test.

    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, UNIX_EPOCH};

    static NEXT: AtomicU32 = AtomicU32::new(0);

    /// A host over a folder that is gone with it.
    pub(in crate::doctor) struct Prepared(pub(in crate::doctor) Host);

    impl Prepared {
        /// A machine that nothing is wrong with.
        pub(in crate::doctor) fn sound() -> Prepared {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let root = std::env::temp_dir().join(format!("volley-doctor-{}-{number}", std::process::id()));
            let host = Host {
                root,
                cores: 4,
                uring: Ok(()),
                receive_buffer: Some(8 << 20),
                addresses: vec![IpAddr::from([192, 168, 7, 5])],
                now: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
                tool: sound_tool,
                space: |_| Ok(Space { bytes: 500 << 30, files: Some(1 << 20) }),
            };
            let prepared = Prepared(host);
            prepared.write("proc/sys/kernel/osrelease", "6.12.38+deb13-amd64\n");
            prepared.write("proc/self/limits", SOUND_LIMITS);
            prepared.write(
                "proc/self/status",
                "Name:\tvolley\nCapEff:\t0000000000000000\nSeccomp:\t0\nSeccomp_filters:\t0\n",
            );
            prepared.write("proc/net/route", "Iface\tDestination\tGateway\neth0\t00000000\t0107A8C0\n");
            prepared.write("proc/sys/net/core/rmem_max", "8388608\n");
            prepared
        }

        pub(in crate::doctor) fn write(&self, path: &str, text: &str) {
            let path = self.0.root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// The same, as symbolic link.
        pub(in crate::doctor) fn link(&self, path: &str, target: &str) {
            let path = self.0.root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(target, path).unwrap();
        }
    }

    impl Drop for Prepared {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0.root);
        }
    }

    const SOUND_LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max open files            1024                 1048576              files     \n\
         Max locked memory         8388608              unlimited            bytes     \n";

    fn sound_tool(program: &str, _: &[&str]) -> Option<String> {
        match program {
            "ethtool" => Some(String::from(
                "Features for eth0:\nrx-checksumming: on\ntx-checksumming: on\n\
                 generic-segmentation-offload: on\ngeneric-receive-offload: on\n",
            )),
            "timedatectl" => Some(String::from("NTP=yes\nNTPSynchronized=yes\n")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::prepared::Prepared;
    use super::*;

    #[test]
    fn limits_rights_and_the_kernel_are_read_as_the_kernel_writes_them() {
        let prepared = Prepared::sound();
        prepared.write(
            "proc/77/limits",
            "Max locked memory         65536                65536                bytes\n",
        );
        prepared.write("proc/77/status", "CapEff:\t0000000000004000\n");
        let host = &prepared.0;
        assert_eq!(host.kernel(), Some((6, 12)));
        let unlimited = Limit { soft: Some(8_388_608), hard: None };
        assert_eq!(host.limit(None, "Max locked memory"), Some(unlimited));
        let low = Limit { soft: Some(65_536), hard: Some(65_536) };
        assert_eq!(host.limit(Some(77), "Max locked memory"), Some(low));
        assert_eq!(host.limit(None, "Max nonsense"), None);
        assert!(host.may(Some(77), Right::IpcLock) && !host.may(Some(77), Right::SysAdmin));
        assert!(!host.may(None, Right::IpcLock) && !host.is_filtered());
    }

    #[test]
    fn this_machine_can_be_looked_at() {
        let host = Host::this();
        assert!(host.cores > 0 && host.kernel().is_some() && host.receive_buffer.is_some());
        assert!(host.limit(None, "Max open files").is_some());
        assert!((host.space)(Path::new("/")).is_ok_and(|space| space.bytes < u64::MAX));
    }
}
