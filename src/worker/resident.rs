//! How much memory the media process has resident, as the kernel counts it: all workers together, since
//! they share one heap.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// How often it is looked at. Rooms grow within seconds; reading it takes some ten microseconds, of a
/// thread that is no worker.
const INTERVAL: Duration = Duration::from_secs(1);

/// The last that is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Resident(Arc<AtomicU64>);

impl Resident {
    /// Begins to look, until the process ends.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub(super) fn watch() -> io::Result<Resident> {
        let resident = Resident::default();
        let seen = resident.clone();
        thread::Builder::new().name(String::from("memory")).spawn(move || {
            loop {
                // Without /proc nobody can say, and limits of the whole do not hold; those of rooms do.
                let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
                seen.0.store(parse(&status), Relaxed);
                thread::sleep(INTERVAL);
            }
        })?;
        Ok(resident)
    }

    /// In bytes; 0 while nobody knows.
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// `VmRSS` of what proc(5) calls `status`.
fn parse(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.map_or(0, |kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_figure_is_read_and_nonsense_is_none() {
        assert_eq!(parse("Name:\tvolley\nVmRSS:\t   52344 kB\nRssAnon:\t 4 kB\n"), 52_344 * 1024);
        assert_eq!((parse("VmRSS: many kB\n"), parse("")), (0, 0));
        let own = fs::read_to_string("/proc/self/status").expect("Linux tells every process of itself");
        assert!(parse(&own) > 1 << 20);
    }
}
