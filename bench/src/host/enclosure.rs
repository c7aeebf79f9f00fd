//! Namespaces around the whole bench: made before anything else, gone when it ends, however it ends.
//!
//! The program starts itself a second time as the first process of a process namespace. When that
//! one ends, the kernel ends everything in the namespace and takes the networks away. It ends when
//! its standard input does, which the outer process holds open as long as it lives.

use anyhow::{Context as _, bail};
use std::env;
use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdin, Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Tells the inner program that it is the inner one.
const INSIDE: &str = "VOLLEY_BENCH_INSIDE";

/// What a program that was ended by Ctrl-C returns.
const INTERRUPTED: i32 = 130;

/// Whether this process already stands in namespaces of its own.
pub(crate) fn is_inside() -> bool {
    env::var_os(INSIDE).is_some() && std::process::id() == 1
}

/// Runs this program again with the same arguments in new namespaces, and returns what it returned.
///
/// # Errors
/// When this user may not make namespaces here.
pub(crate) fn run_inside(variables: &[(&str, &OsStr)]) -> anyhow::Result<ExitCode> {
    let become_root = become_root()?;
    let signals = Signals::caught().context("signals cannot be caught")?;
    let mut inner = Command::new("unshare")
        .args(become_root)
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(env::current_exe().context("this program's own file cannot be found")?)
        .args(env::args_os().skip(1))
        .env(INSIDE, "1")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        // What a terminal sends at Ctrl-C, or when it is closed, is for this process, which tells the inner one.
        .process_group(0)
        .spawn()
        .context("`unshare` (Debian package util-linux) cannot be started")?;
    // Not `wait`ed with the pipe closed: std closes a child's input before it waits.
    signals.close_at_first(inner.stdin.take());
    let status = inner.wait().context("the inner process cannot be waited for")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Those by which this process would end.
struct Signals {
    runtime: Runtime,
    caught: [Signal; 3],
}

impl Signals {
    fn caught() -> io::Result<Signals> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let caught = [
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ];
        drop(entered);
        Ok(Signals { runtime, caught })
    }

    /// Closes the inner process's input at the first of them. It does what is still to be done then, and ends; this
    /// one, which waits for it, does afterwards.
    fn close_at_first(self, input: Option<ChildStdin>) {
        let Signals { runtime, caught: [mut interrupt, mut terminate, mut hangup] } = self;
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
            });
            drop(input);
        });
    }
}

/// What is to be done before.
type Last = Box<dyn FnOnce() + Send>;
static LAST: Mutex<Option<Last>> = Mutex::new(None);

/// Ends this process when the outer one is gone. To be called first of all inside.
pub(crate) fn end_with_outer() {
    std::thread::spawn(|| {
        let mut byte = [0];
        while std::io::stdin().read(&mut byte).is_ok_and(|len| len > 0) {}
        if let Some(last) = LAST.lock().unwrap_or_else(PoisonError::into_inner).take() {
            last();
        }
        std::process::exit(INTERRUPTED);
    });
}

/// What is still to be done when this process is ended from outside, for what outlives the namespaces. The last one
/// that was named is.
pub(crate) fn at_the_end(last: impl FnOnce() + Send + 'static) {
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(last));
}

/// What `unshare` needs beside, for somebody who is not root.
fn become_root() -> anyhow::Result<&'static [&'static str]> {
    const USER: &[&str] = &["--user", "--map-root-user"];
    if rustix::process::geteuid().is_root() {
        return Ok(&[]);
    }
    let works = Command::new("unshare").args(USER).arg("true").stderr(Stdio::null()).status();
    if !works.is_ok_and(|status| status.success()) {
        bail!(
            "the bench makes network namespaces: run it as root, or allow user namespaces with\n  \
             sudo sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0"
        );
    }
    Ok(USER)
}
