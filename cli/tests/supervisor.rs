//! The supervisor from outside: what a person at the terminal and a process killer see of it.

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The promises are 3 s and 2 s, and `scripts/e2e kill-signaling` and `start-stop` measure them; here
/// other tests run beside.
const BACK_WITHIN: Duration = Duration::from_secs(15);
const STOPPED_WITHIN: Duration = Duration::from_secs(10);
/// For what has no promise of its own, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn it_says_where_it_is_when_it_answers_and_nothing_else() {
    let mut volley = Volley::start(&[]);
    assert!(volley.is_well(), "it answers at once after it said so");
    volley.signal(Signal::TERM);
    volley.ended_within(STOPPED_WITHIN);
    let mut rest = String::new();
    volley.stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn ctrl_c_and_sigterm_stop_everything_in_two_seconds() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut volley = Volley::start(&[]);
        let children = [volley.child("media"), volley.child("signaling")];
        volley.signal(signal);
        volley.ended_within(STOPPED_WITHIN);
        assert!(children.iter().all(|&child| !is_alive(child)));
    }
}

#[test]
fn a_child_that_does_not_listen_is_killed_in_time() {
    let mut volley = Volley::start(&[]);
    let media = volley.child("media");
    kill_process(media, Signal::STOP).unwrap();
    volley.signal(Signal::TERM);
    volley.ended_within(STOPPED_WITHIN);
    assert!(!is_alive(media));
}

#[test]
fn signaling_that_is_killed_is_back_on_the_same_port_while_media_lives_on() {
    let volley = Volley::start(&[]);
    let media = volley.child("media");
    for _ in 0..3 {
        let killed = volley.child("signaling");
        kill_process(killed, Signal::KILL).unwrap();
        let since = Instant::now();
        until("signaling is another one", || volley.child("signaling") != killed);
        until("it answers", || volley.is_well());
        assert!(since.elapsed() < BACK_WITHIN, "it took {:?}", since.elapsed());
    }
    assert_eq!(volley.child("media"), media);
}

#[test]
fn rooms_outlive_the_signaling_process() {
    let volley = Volley::start(&[]);
    let (status, made) = volley.ask("POST /api/rooms", r#"{"name":"kept"}"#);
    assert_eq!(status, 201, "{made}");
    let killed = volley.child("signaling");
    kill_process(killed, Signal::KILL).unwrap();
    until("signaling is another one", || volley.child("signaling") != killed);
    until("it answers", || volley.is_well());
    let (status, found) = volley.ask("GET /api/rooms", "");
    assert_eq!(status, 200);
    assert!(found.contains("kept"), "{found}");
}

#[test]
fn metrics_of_workers_and_rooms_are_served_on_a_port_of_their_own() {
    // Taken and given back, so that it is known: nobody else asks for it in between, or the test
    // says so by failing to start.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let volley = Volley::start(&["--metrics-port", &port.to_string()]);
    assert_eq!(volley.ask("POST /api/rooms", r#"{"name":"seen"}"#).0, 201);
    let metrics = || exchange(&format!("127.0.0.1:{port}"), "GET /metrics", "");
    let has = |line: &str| metrics().is_some_and(|(_, text)| text.lines().any(|have| have == line));
    assert_eq!(metrics().map(|(status, _)| status), Some(200));
    assert!(has("webrtc_rooms_total 1"));
    until("both workers have turned", || {
        [0, 1].iter().all(|worker| !has(&format!("volley_turns_total{{worker=\"{worker}\"}} 0")))
    });
    assert!(has("volley_dropped_total{worker=\"1\",cause=\"bad-stun\"} 0"));
    kill_process(volley.child("signaling"), Signal::KILL).unwrap();
    until("signaling is back and so are the metrics", || has("webrtc_rooms_total 1"));
}

#[test]
fn media_that_is_killed_comes_back_with_a_signaling_process_that_knows_it() {
    let volley = Volley::start(&[]);
    let before = (volley.child("media"), volley.child("signaling"));
    kill_process(before.0, Signal::KILL).unwrap();
    until("both are others", || {
        volley.children("media").iter().any(|&child| child != before.0)
            && volley.children("signaling").iter().any(|&child| child != before.1)
    });
    until("it answers", || volley.is_well());
}

#[test]
fn a_new_media_process_goes_on_with_the_one_port_and_what_steers_it() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let volley = Volley::start(&["--metrics-port", &port.to_string()]);
    let metrics = || exchange(&format!("127.0.0.1:{port}"), "GET /metrics", "");
    let has = |line: &str| metrics().is_some_and(|(_, text)| text.lines().any(|have| have == line));
    let turned = || [0, 1].iter().all(|worker| !has(&format!("volley_turns_total{{worker=\"{worker}\"}} 0")));
    let steered = || [0, 1].map(|worker| has(&format!("volley_udp_steered{{worker=\"{worker}\"}} 1")));
    until("both workers have turned", turned);
    if steered() == [false, false] {
        eprintln!("skipped: the kernel does not let this user steer");
        return;
    }
    assert_eq!(steered(), [true, true]);
    let killed = volley.child("media");
    kill_process(killed, Signal::KILL).unwrap();
    until("media is another one", || volley.children("media").iter().any(|&child| child != killed));
    until("it is steered again", || turned() && steered() == [true, true]);
}

#[test]
fn no_child_outlives_a_supervisor_that_is_killed() {
    let mut volley = Volley::start(&[]);
    let children = [volley.child("media"), volley.child("signaling")];
    volley.signal(Signal::KILL);
    volley.process.wait().unwrap();
    until("both children are gone", || children.iter().all(|&child| !is_alive(child)));
}

#[test]
fn a_taken_http_port_is_named_with_its_cause_and_the_way_out() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let output = run(&["--host", "127.0.0.1", "--port", &port, "--udp-port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    let expected =
        format!("TCP port {port} is taken by another program; stop it, or choose another with --port");
    assert!(errors(&output).contains(&expected), "{}", errors(&output));
}

#[test]
fn a_taken_udp_port_is_named_with_its_cause_and_the_way_out() {
    let holder = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let output = run(&["--host", "127.0.0.1", "--port", "0", "--workers", "1", "--udp-port", &port]);
    assert_eq!(output.status.code(), Some(1));
    let expected =
        format!("UDP port {port} is taken by another program; stop it, or choose another with --udp-port");
    assert!(errors(&output).contains(&expected), "{}", errors(&output));
}

#[test]
fn a_child_that_is_started_by_hand_says_that_it_should_not_be() {
    for role in ["media", "signaling"] {
        let output = run(&[role]);
        assert_eq!(output.status.code(), Some(1));
        assert!(errors(&output).contains("started by `volley`, not by hand"), "{}", errors(&output));
    }
}

#[test]
fn a_log_level_that_means_nothing_is_refused() {
    let output = run(&["--log-level", "volley=loud"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("volley=loud"), "{}", errors(&output));
}

#[test]
fn a_hang_up_lets_other_limits_hold_and_keeps_calls() {
    let folder = Folder::new("reload");
    folder.write("webrtc.yaml", "rooms: { max_rooms: 7 }\n");
    let volley = Volley::start(&["--config", folder.path()]);
    let children = (volley.child("media"), volley.child("signaling"));
    let holds = |limit: &str| volley.ask("GET /health", "").1.contains(&format!("\"max_rooms\":{limit}"));
    assert!(holds("7"));
    folder.write("webrtc.yaml", "rooms: { max_rooms: many }\n");
    volley.signal(Signal::HUP);
    folder.write("webrtc.yaml", "rooms: { max_rooms: 8 }\n");
    until("the new limit holds", || {
        volley.signal(Signal::HUP);
        holds("8")
    });
    // Whoever comes after a death hears what holds now, not what held at the start.
    kill_process(children.1, Signal::KILL).unwrap();
    until("signaling is another one", || volley.child("signaling") != children.1);
    until("it answers", || volley.is_well());
    assert!(holds("8"));
    assert_eq!(volley.child("media"), children.0);
}

#[test]
fn a_check_tells_what_is_configured_and_by_whom() {
    let folder = Folder::new("check");
    folder.write("webrtc.yaml", "server:\n  port: 8123\nrooms:\n  max_rooms: 5\n");
    let output = command(&["config", "check", "--config", folder.path(), "--max-rooms", "6"])
        .env("VOLLEY_WEBRTC__DTX", "false")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |key: &str| {
        let found = text.lines().find(|line| line.split_whitespace().next() == Some(key));
        found
            .unwrap_or_else(|| panic!("{key} is not in {text}"))
            .split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
    };
    assert_eq!(line("server.port"), ["8123", &format!("{}/webrtc.yaml:2", folder.path())]);
    assert_eq!(line("rooms.max_rooms"), ["6", "--max-rooms"]);
    assert_eq!(line("webrtc.dtx"), ["false", "VOLLEY_WEBRTC__DTX"]);
    assert_eq!(line("webrtc.nack"), ["true", "default"]);
}

#[test]
fn a_mistake_in_a_file_keeps_it_from_starting_and_names_the_line() {
    let folder = Folder::new("mistake");
    folder.write("webrtc.yaml", "webrtc:\n  max_bitrat: 1\n");
    let output = run(&["--config", folder.path()]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "webrtc.yaml:2: there is no key webrtc.max_bitrat; the nearest is webrtc.max_bitrate";
    assert!(errors(&output).contains(expected), "{}", errors(&output));
    let output = run(&["--config", "/nowhere/at/all"]);
    assert!(errors(&output).contains("/nowhere/at/all: cannot be read"), "{}", errors(&output));
}

#[test]
fn a_page_is_served_over_tls_when_somebody_tries_things_out() {
    let mut volley = Volley::start_with(&["--dev", "--tls-port", "0"], Stdio::piped());
    let log = BufReader::new(volley.process.stderr.take().unwrap());
    let address = log.lines().find_map(|line| {
        let line = line.unwrap();
        line.split_once("https://").and_then(|(_, rest)| Some(rest.split_once('/')?.0.to_owned()))
    });
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &address.unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = b"GET /health HTTP/1.1\r\nhost: volley\r\nconnection: close\r\n\r\n";
    client.stdin.as_mut().unwrap().write_all(request).unwrap();
    let mut answer = String::new();
    client.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
    client.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_certificate_that_is_not_there_keeps_it_from_starting() {
    let output =
        run(&["--host", "127.0.0.1", "--tls-certificate", "/nowhere/c.pem", "--tls-key", "/nowhere/k.pem"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("tls.certificate: /nowhere/c.pem cannot be read"),
        "{}",
        errors(&output)
    );
    let output = run(&["--tls-certificate", "/nowhere/c.pem"]);
    assert!(errors(&output).contains("stand together"), "{}", errors(&output));
}

#[test]
fn a_token_is_printed_when_there_is_a_secret_to_sign_it_with() {
    let wish = ["token", "create", "--room", "meeting", "--identity", "ada"];
    let output = run(&wish);
    assert!(errors(&output).contains("VOLLEY_SECURITY__TOKEN_SECRETS"), "{}", errors(&output));
    let secret = "0123456789abcdef0123456789abcdef";
    let output = command(&wish).env("VOLLEY_SECURITY__TOKEN_SECRETS", secret).output().unwrap();
    let token = String::from_utf8(output.stdout).unwrap();
    let pass = volley_signaling::access::verify(token.trim(), &[secret.to_owned()], "meeting").unwrap();
    assert_eq!(pass.identity.as_deref(), Some("ada"));
}

#[test]
fn a_key_that_does_nothing_is_told_in_the_log() {
    let folder = Folder::new("idle");
    folder
        .write("webrtc.yaml", "performance: { hardware_acceleration: true }\nrecording: { enabled: true }\n");
    let mut volley = Volley::start_with(&["--config", folder.path()], Stdio::piped());
    volley.signal(Signal::TERM);
    volley.ended_within(STOPPED_WITHIN);
    let mut log = String::new();
    volley.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    for key in ["performance.hardware_acceleration", "recording.enabled"] {
        assert_eq!(log.matches(key).count(), 1, "{log}");
    }
}

/// A folder of this test alone, gone with it.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("volley-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running server on free ports; killed when it goes out of scope.
struct Volley {
    process: Child,
    stdout: BufReader<ChildStdout>,
    address: String,
}

impl Volley {
    fn start(arguments: &[&str]) -> Volley {
        Volley::start_with(arguments, Stdio::inherit())
    }

    fn start_with(arguments: &[&str], log: Stdio) -> Volley {
        let mut process =
            command(&["--host", "127.0.0.1", "--port", "0", "--udp-port", "0", "--workers", "2"])
                .args(arguments)
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

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    fn children(&self, role: &str) -> Vec<Pid> {
        let numbers = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        numbers
            .filter(|&number| is_child(number, self.process.id(), role))
            .filter_map(Pid::from_raw)
            .collect()
    }

    /// The child in that role, once there is one.
    fn child(&self, role: &str) -> Pid {
        let mut found = Vec::new();
        until("the child is there", || {
            found = self.children(role);
            !found.is_empty()
        });
        assert_eq!(found.len(), 1, "one {role} process");
        found[0]
    }

    fn is_well(&self) -> bool {
        self.exchange("GET /health", "").is_some_and(|(status, _)| status == 200)
    }

    /// Asks over HTTP: status and body.
    fn ask(&self, request: &str, body: &str) -> (u16, String) {
        self.exchange(request, body).expect("the server answers")
    }

    fn exchange(&self, request: &str, body: &str) -> Option<(u16, String)> {
        exchange(&self.address, request, body)
    }

    fn ended_within(&mut self, limit: Duration) {
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
fn exchange(address: &str, request: &str, body: &str) -> Option<(u16, String)> {
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

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_volley"));
    command.args(arguments).env_remove("LOG_LEVEL").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether a process is a child of `parent` that was started for `role` and still runs.
fn is_child(number: i32, parent: u32, role: &str) -> bool {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{number}/{file}")).unwrap_or_default();
    // After the name, which may hold anything but the last ")": state, then parent.
    let stat = read("stat");
    let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let (state, found) = (fields.next(), fields.next().and_then(|field| field.parse().ok()));
    state != Some("Z") && found == Some(parent) && read("cmdline").split('\0').nth(1) == Some(role)
}

fn is_alive(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    test_kill_process(process).is_ok() && stat.is_ok_and(|stat| !stat.contains(") Z "))
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
