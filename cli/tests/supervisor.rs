//! The supervisor from outside: what a person at the terminal and a process killer see of it.

mod common;

use common::{Folder, STOPPED_WITHIN, Volley, command, errors, exchange, is_alive, run, until};
use rustix::process::{Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The promise is 3 s, and `scripts/e2e kill-signaling` measures it; here other tests run beside.
const BACK_WITHIN: Duration = Duration::from_secs(15);

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
        let children = ["media", "signaling", "recorder"].map(|role| volley.child(role));
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
    let children = ["media", "signaling", "recorder"].map(|role| volley.child(role));
    volley.signal(Signal::KILL);
    volley.process.wait().unwrap();
    until("all children are gone", || children.iter().all(|&child| !is_alive(child)));
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
    folder.write(
        "webrtc.yaml",
        "performance: { hardware_acceleration: true }\nrecording: { audio_bitrate: 64000 }\n",
    );
    let mut volley = Volley::start_with(&["--config", folder.path()], Stdio::piped());
    volley.signal(Signal::TERM);
    volley.ended_within(STOPPED_WITHIN);
    let mut log = String::new();
    volley.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    for key in ["performance.hardware_acceleration", "recording.audio_bitrate"] {
        assert_eq!(log.matches(key).count(), 1, "{log}");
    }
}
