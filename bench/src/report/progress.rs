//! Progress while a command runs, on standard error: a bar for people, lines for logs.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::Duration;

/// Parts of the bar: a tenth of a per cent is finer than any terminal shows.
const PARTS: f64 = 1000.0;

/// Says what is being done and how much of it is.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    last: Mutex<String>,
}

impl Progress {
    /// A bar where there is a terminal.
    pub(crate) fn new() -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(PARTS as u64), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{elapsed:>4} [{bar:30}] {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
            bar.enable_steady_tick(Duration::from_secs(1));
            bar
        });
        Progress { bar, last: Mutex::new(String::new()) }
    }

    /// What is done now, and which share of all is done.
    pub(crate) fn at(&self, share: f64, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position((share.clamp(0.0, 1.0) * PARTS) as u64);
        }
        self.say(what);
    }

    /// What is done now.
    pub(crate) fn say(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => {
                let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if *last != what {
                    eprintln!("{what}");
                    what.clone_into(&mut last);
                }
            }
        }
    }

    /// Something worth keeping on the screen.
    pub(crate) fn keep(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
