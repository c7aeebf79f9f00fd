//! A running `volley`, and what a person at the terminal has to look at it.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod socket;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The promises are 3 s and 2 s, and `scripts/e2e kill-signaling` and `start-stop` measure them; here
/// other tests run beside.
pub(crate) const STOPPED_WITHIN: Duration = Duration::from_secs(10);
/// For what has no promise of its own, on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A folder of this test alone, gone with it.
pub(crate) struct Folder(std::path::PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("volley-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running server on free ports; killed when it goes out of scope.
pub(crate) struct Volley {
    pub(crate) process: Child,
    pub(crate) stdout: BufReader<ChildStdout>,
    pub(crate) address: String,
}

impl Volley {
    pub(crate) fn start(arguments: &[&str]) -> Volley {
        Volley::start_with(arguments, Stdio::inherit())
    }

    pub(crate) fn start_with(arguments: &[&str], log: Stdio) -> Volley {
        Volley::start_in(&[], arguments, log)
    }

    /// The same, with variables of the environment.
    pub(crate) fn start_in(variables: &[(&str, &str)], arguments: &[&str], log: Stdio) -> Volley {
        let mut process =
            command(&["--host", "127.0.0.1", "--port", "0", "--udp-port", "0", "--workers", "2"])
                .args(arguments)
                .envs(variables.iter().copied())
                .stdout(Stdio::piped())
                .stderr(log)
                .spawn()
                .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.strip_prefix("Volley is ready: http://").and_then(|rest| rest.strip_suffix("/\n"));
        let address = address.unwrap_or_else(|| panic!("unexpected first line {line:?}")).to_owned();
        Volley { process, stdout, address }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub(crate) fn children(&self, role: &str) -> Vec<Pid> {
        let numbers = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        numbers
            .filter(|&number| is_child(number, self.process.id(), role))
            .filter_map(Pid::from_raw)
            .collect()
    }

    /// The child in that role, once there is one.
    pub(crate) fn child(&self, role: &str) -> Pid {
        let mut found = Vec::new();
        until("the child is there", || {
            found = self.children(role);
            !found.is_empty()
        });
        assert_eq!(found.len(), 1, "one {role} process");
        found[0]
    }

    pub(crate) fn is_well(&self) -> bool {
        self.exchange("GET /health", "").is_some_and(|(status, _)| status == 200)
    }

    /// Asks over HTTP: status and body.
    pub(crate) fn ask(&self, request: &str, body: &str) -> (u16, String) {
        self.exchange(request, body).expect("the server answers")
    }

    pub(crate) fn exchange(&self, request: &str, body: &str) -> Option<(u16, String)> {
        exchange(&self.address, request, body)
    }

    pub(crate) fn ended_within(&mut self, limit: Duration) {
        let since = Instant::now();
        let mut status = None;
        until("it ends", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        assert!(since.elapsed() < limit, "it took {:?}", since.elapsed());
        assert_eq!(status.and_then(|status| status.code()), Some(0));
    }
}

impl Drop for Volley {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks whoever listens at `address` over HTTP: status and body.
pub(crate) fn exchange(address: &str, request: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let head = format!(
        "{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_volley"));
    command.args(arguments).env_remove("LOG_LEVEL").stdin(Stdio::null());
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether a process is a child of `parent` that was started for `role` and still runs.
pub(crate) fn is_child(number: i32, parent: u32, role: &str) -> bool {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{number}/{file}")).unwrap_or_default();
    // After the name, which may hold anything but the last ")": state, then parent.
    let stat = read("stat");
    let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let (state, found) = (fields.next(), fields.next().and_then(|field| field.parse().ok()));
    state != Some("Z") && found == Some(parent) && read("cmdline").split('\0').nth(1) == Some(role)
}

pub(crate) fn is_alive(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    test_kill_process(process).is_ok() && stat.is_ok_and(|stat| !stat.contains(") Z "))
}

pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
