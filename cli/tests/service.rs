//! What systemd and a shell see of Volley: readiness, signs of life, completions and man pages.

mod common;

use common::{Folder, PATIENCE, STOPPED_WITHIN, Volley, run};
use rustix::process::Signal;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Stdio;

/// What is told at the socket next.
fn hear(socket: &UnixDatagram) -> String {
    let mut text = [0; 1024];
    let length = socket.recv(&mut text).expect("systemd is told something");
    String::from_utf8_lossy(&text[..length]).into_owned()
}

fn hear_until(socket: &UnixDatagram, line: &str) -> String {
    std::iter::repeat_with(|| hear(socket)).find(|text| text.lines().any(|found| found == line)).unwrap()
}

#[test]
fn systemd_is_told_when_it_is_ready_that_it_lives_and_that_it_stops() {
    let folder = Folder::new("service");
    let name = format!("{}/notify", folder.path());
    let socket = UnixDatagram::bind(&name).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let variables = [("NOTIFY_SOCKET", name.as_str()), ("WATCHDOG_USEC", "400000")];
    let mut volley = Volley::start_in(&variables, &["--drain-timeout", "90"], Stdio::inherit());
    let ready = hear_until(&socket, "READY=1");
    assert!(ready.contains(&format!("STATUS=Takes people at http://{}/", volley.address)), "{ready}");
    (0..3).for_each(|_| drop(hear_until(&socket, "WATCHDOG=1")));
    let signaling = volley.child("signaling").as_raw_nonzero();
    let environment = std::fs::read_to_string(format!("/proc/{signaling}/environ")).unwrap();
    assert!(!environment.contains("NOTIFY_SOCKET"), "children have nothing to say there");
    volley.signal(Signal::TERM);
    let stopping = hear_until(&socket, "STOPPING=1");
    assert!(stopping.contains("EXTEND_TIMEOUT_USEC=100000000"), "{stopping}");
    volley.signal(Signal::TERM);
    volley.ended_within(STOPPED_WITHIN);
}

#[test]
fn a_socket_without_a_file_is_told_as_well_and_nobody_is_told_signs_of_life_they_did_not_ask_for() {
    let name = format!("volley-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = format!("@{name}");
    let variables = [("NOTIFY_SOCKET", name.as_str()), ("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let _volley = Volley::start_in(&variables, &[], Stdio::inherit());
    assert!(hear(&socket).starts_with("READY=1"), "the first thing it says");
}

#[test]
fn a_socket_that_is_not_there_keeps_nobody_from_a_call() {
    let volley = Volley::start_in(&[("NOTIFY_SOCKET", "/nowhere/notify")], &[], Stdio::null());
    assert!(volley.is_well());
}

#[test]
fn shells_and_man_know_the_commands_and_options() {
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(run(&["completions", shell]).stdout).unwrap();
        assert!(script.contains("token") && script.contains("udp-port"), "{shell}: {script}");
    }
    let page = String::from_utf8(run(&["man"]).stdout).unwrap();
    assert!(page.contains(".TH volley 1") && page.contains("udp\\-port"), "{page}");
    let folder = Folder::new("man");
    assert!(run(&["man", "--into", folder.path()]).status.success());
    for name in ["volley.1", "volley-token-create.1", "volley-config-check.1"] {
        let page = std::fs::read_to_string(format!("{}/{name}", folder.path())).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{name}: {page}");
    }
    assert!(!run(&["man", "--into", "/dev/null/pages"]).status.success());
}
