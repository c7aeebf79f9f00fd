//! How far it is: a line that changes where a person looks on, else one for each tenth.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// A person sees no more.
const EVERY: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Progress {
    what: String,
    is_seen: bool,
    since: Instant,
    told_at: Option<Instant>,
    tenths: u32,
}

impl Progress {
    pub(super) fn new(what: &str) -> Progress {
        let is_seen = std::io::stderr().is_terminal();
        Progress { what: what.to_owned(), is_seen, since: Instant::now(), told_at: None, tenths: 0 }
    }

    pub(super) fn tell(&mut self, done: f64) {
        let percent = (done * 100.0) as u32;
        if self.is_seen {
            if self.told_at.is_some_and(|at| at.elapsed() < EVERY) {
                return;
            }
            self.told_at = Some(Instant::now());
            let left = self.left(done).map_or(String::new(), |left| format!(", {left} left"));
            eprint!("\rcomposing {}: {percent} %{left}\x1b[K", self.what);
            let _ = std::io::stderr().flush();
        } else if percent / 10 > self.tenths {
            self.tenths = percent / 10;
            eprintln!("composing {}: {percent} %", self.what);
        }
    }

    /// Nothing more is told.
    pub(super) fn end(&self) {
        if self.told_at.is_some() {
            eprint!("\r\x1b[K");
        }
    }

    fn left(&self, done: f64) -> Option<String> {
        // Before that it is a guess.
        let known = (done > 0.02).then(|| self.since.elapsed().as_secs_f64() * (1.0 - done) / done)?;
        let seconds = known as u64;
        Some(format!("{}:{:02}", seconds / 60, seconds % 60))
    }
}
