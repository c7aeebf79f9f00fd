//! What whoever runs a server sees of it: signals, health, logs, and many sockets.

mod common;

use common::socket::Socket;
use common::{PATIENCE, STOPPED_WITHIN, Volley, is_alive, until};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What signaling may take with a thousand idle sockets and fifty that never read, in MiB.
const MOST_MEMORY: u64 = 150;

#[test]
fn a_hang_up_sent_to_the_children_is_told_in_the_log_and_nothing_else() {
    let mut volley = Volley::start_with(&[], Stdio::piped());
    let children = [volley.child("media"), volley.child("signaling")];
    children.iter().for_each(|&child| kill_process(child, Signal::HUP).unwrap());
    let log = listen(&mut volley);
    let told = |role| log.lock().unwrap().matches(&format!("SIGHUP came to the {role} process")).count();
    until("both have told", || told("media") > 0 && told("signaling") > 0);
    assert!(children.iter().all(|&child| is_alive(child)) && volley.is_well());
    assert_eq!((told("media"), told("signaling")), (1, 1), "{}", log.lock().unwrap());
}

#[test]
fn a_call_goes_on_while_the_server_drains_and_ends_it_by_leaving() {
    let mut volley = Volley::start(&["--drain-timeout", "600"]);
    let mut page = Socket::join(&volley.address, "meeting", "ada");
    assert_eq!(volley.ask("GET /health/ready", "").0, 200);
    volley.signal(Signal::TERM);
    assert!(page.hear("goodbye").unwrap()["inSeconds"].as_u64().unwrap() > 500);
    let (status, ready) = volley.ask("GET /health/ready", "");
    assert_eq!((status, ready.as_str()), (503, r#"{"status":"draining"}"#));
    assert_eq!((volley.ask("GET /health/live", "").0, volley.ask("GET /health", "").0), (200, 200));
    let (status, refusal) = volley.ask("POST /api/rooms", r#"{"name":"late"}"#);
    assert!(status == 503 && refusal.contains("server-draining"), "{refusal}");
    let killed = volley.child("signaling");
    kill_process(killed, Signal::KILL).unwrap();
    until("signaling is another one", || volley.child("signaling") != killed);
    until("it answers", || volley.exchange("GET /health/ready", "").is_some_and(|(status, _)| status == 503));
    // Whoever does not come back after that is gone in half a minute; this one does, and leaves.
    let mut page = Socket::join(&volley.address, "meeting", "ada again");
    page.say(r#"{"type":"leave"}"#);
    // The first one may still come back: a server that did not wait for them would have gone with the second.
    until("one is left", || {
        let answer =
            volley.exchange("GET /health", "").and_then(|(_, health)| serde_json::from_str(&health).ok());
        answer.is_some_and(|health: Value| health["participants"] == 1)
    });
    volley.signal(Signal::TERM);
    volley.ended_within(STOPPED_WITHIN);
}

#[test]
fn everybody_is_told_goodbye_when_the_time_is_over() {
    let mut volley = Volley::start(&["--drain-timeout", "1"]);
    let mut page = Socket::join(&volley.address, "meeting", "ada");
    volley.signal(Signal::TERM);
    let told: Vec<u64> = std::iter::from_fn(|| page.hear("goodbye")?["inSeconds"].as_u64()).collect();
    // On a machine where everything takes long the time is over before the first word.
    assert!(matches!(told.as_slice(), [1, 0] | [0]), "{told:?}");
    volley.ended_within(STOPPED_WITHIN);
}

#[test]
fn who_interrupts_is_not_kept_waiting_and_pages_are_told_all_the_same() {
    let mut volley = Volley::start(&["--drain-timeout", "600"]);
    let mut page = Socket::join(&volley.address, "meeting", "ada");
    volley.signal(Signal::INT);
    assert_eq!(page.hear("goodbye").unwrap()["inSeconds"], 0);
    volley.ended_within(STOPPED_WITHIN);
}

#[test]
fn the_server_ends_by_itself_when_the_last_one_leaves() {
    let mut volley = Volley::start(&["--drain-timeout", "600"]);
    let mut page = Socket::join(&volley.address, "meeting", "ada");
    volley.signal(Signal::TERM);
    page.hear("goodbye").unwrap();
    page.say(r#"{"type":"leave"}"#);
    volley.ended_within(STOPPED_WITHIN);
}

#[test]
fn a_line_of_the_log_is_an_object_and_names_room_and_participant_together() {
    let mut volley = Volley::start_with(&["--log-format", "json"], Stdio::piped());
    let mut page = Socket::join(&volley.address, "meeting", "ada");
    page.say(r#"{"type":"leave"}"#);
    // Who is told to end in between has not heard it.
    until("the room is over", || volley.ask("GET /api/rooms/meeting", "").0 == 404);
    let log = log_of(&mut volley);
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect();
    let about = |text: &str| lines.iter().find(|line| line["message"] == text);
    for text in ["somebody joined", "somebody left"] {
        let line = about(text).unwrap_or_else(|| panic!("{text:?} is not in {log}"));
        assert!(line["room"] == "meeting" && line["participant"].is_u64(), "{line}");
    }
    let alone = lines.iter().find(|line| line["participant"].is_u64() && !line["room"].is_string());
    assert_eq!(alone, None);
    assert!(about("the room begins").is_some_and(|line| line["room"] == "meeting"));
}

#[test]
fn a_thousand_idle_sockets_and_fifty_that_never_read_cost_little_and_nobody_waits_for_them() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let volley = Volley::start(&[]);
    let mut idle: Vec<Socket> = (0..1000).map(|_| Socket::open(&volley.address)).collect();
    let deaf: Vec<Socket> =
        (0..50).map(|number| Socket::join(&volley.address, "loud", &format!("deaf {number}"))).collect();
    // Eight people who each say as much at once as one may: 6 MB for each of those who do not read it.
    let text = "\u{1f50a}".repeat(2000);
    let chat = format!(r#"{{"type":"chat","text":"{text}"}}"#);
    for number in 0..8 {
        let mut speaker = Socket::join(&volley.address, "loud", &format!("speaker {number}"));
        (0..90).for_each(|_| speaker.say(&chat));
        // All of it has been heard when this is answered.
        speaker.say(r#"{"type":"dance"}"#);
        speaker.hear("error").unwrap();
    }
    let since = Instant::now();
    Socket::join(&volley.address, "quiet", "newcomer");
    assert!(since.elapsed() < PATIENCE / 4, "a join took {:?}", since.elapsed());
    let memory = resident_mib(volley.child("signaling"));
    assert!(memory <= MOST_MEMORY, "signaling takes {memory} MiB");
    for socket in &mut idle {
        socket.say(r#"{"type":"dance"}"#);
        socket.hear("error").expect("it was there all the time");
    }
    drop(deaf);
}

/// What the kernel says that a process has in memory.
fn resident_mib(process: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

/// What it writes to its log from now on.
fn listen(volley: &mut Volley) -> Arc<Mutex<String>> {
    let (log, lines) = (Arc::default(), BufReader::new(volley.process.stderr.take().unwrap()).lines());
    let heard: Arc<Mutex<String>> = Arc::clone(&log);
    std::thread::spawn(move || {
        lines.map_while(Result::ok).for_each(|line| *heard.lock().unwrap() += &(line + "\n"))
    });
    log
}

/// Stops it; all it has logged.
fn log_of(volley: &mut Volley) -> String {
    volley.signal(Signal::INT);
    volley.ended_within(STOPPED_WITHIN);
    let mut log = String::new();
    volley.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    log
}
