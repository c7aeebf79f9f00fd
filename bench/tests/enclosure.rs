//! The program itself: it measures in namespaces of its own and leaves nothing behind.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const BENCH: &str = env!("CARGO_BIN_EXE_volley-bench");

/// Where namespaces or a second core are not to be had, there is nothing to test.
fn possible() -> bool {
    let user: &[&str] =
        if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    let made = Command::new("unshare").args(user).args(["--net", "--pid", "--fork", "true"]).status();
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let possible = made.is_ok_and(|status| status.success()) && cores >= 2;
    if !possible {
        eprintln!("no namespaces or one core only: not tried");
    }
    possible
}

#[test]
fn the_floor_is_measured_and_told_as_one_line_of_json() {
    if !possible() {
        return;
    }
    let arguments =
        ["limit", "--json", "--seconds", "0.2", "--rounds", "1", "--train", "1,8", "--mix", "equal"];
    let output = Command::new(BENCH).args(arguments).output().expect("the bench starts");
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let last: Value =
        serde_json::from_str(told.lines().last().unwrap_or_default()).expect("the last line is JSON");
    let rows = last["rows"].as_array().expect("there are rows");
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert!(row["perCpuSecond"].as_f64().is_some_and(|rate| rate > 1000.0), "{row}");
        assert!(row["delivered"].as_f64().is_some_and(|share| share > 0.0), "{row}");
        let (train, sent_as) = (row["train"].as_f64(), row["meanTrain"].as_f64());
        assert!(train.zip(sent_as).is_some_and(|(train, sent_as)| (train - sent_as).abs() < 0.5), "{row}");
    }
}

#[test]
fn when_the_bench_is_killed_everything_it_started_ends() {
    if !possible() {
        return;
    }
    let mut outer = Command::new(BENCH)
        .args(["limit", "--seconds", "60", "--train", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the bench starts");
    let inner = || descendants(outer.id());
    assert!(until(|| inner().len() >= 2), "unshare and the inner bench");
    let started = inner();
    let pid = Pid::from_child(&outer);
    kill_process(pid, Signal::KILL).expect("it runs");
    outer.wait().expect("it was a child");
    assert!(until(|| started.iter().all(|&pid| !lives(pid))), "{started:?} still live");
}

/// Stands for the tuning tool, and for the server that would be measured: what it sets is a file, and takes a while to
/// be put back.
const TOOL: &str = "#!/bin/sh
cd \"${0%/*}\"
case $1 in
    --version) echo volley 0.0.0 ;;
    apply) touch is-set; sleep 0.3; echo 'set      knob: it = 1 (was 0)' ;;
    revert) if [ -e is-set ]; then sleep 0.7; rm is-set; fi ;;
esac
";

#[test]
fn what_is_set_for_the_whole_machine_is_put_back_before_the_bench_ends() {
    if !possible() {
        return;
    }
    for (number, signal) in [Signal::INT, Signal::TERM, Signal::HUP].into_iter().enumerate() {
        let folder = std::env::temp_dir().join(format!("volley-bench-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("there is a place for temporary files");
        let tool = folder.join("tool");
        std::fs::write(&tool, TOOL).expect("it can be written");
        std::fs::set_permissions(&tool, PermissionsExt::from_mode(0o755)).expect("it is ours");
        let mut outer = Command::new(BENCH)
            .args(["tuning", "--whole-machine", "--families", "memory", "--tune"])
            .arg(&tool)
            .arg("--volley-bin")
            .arg(&tool)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the bench starts");
        let is_set = || folder.join("is-set").exists();
        assert!(until(is_set), "{signal:?}: it was never set");
        kill_process(Pid::from_child(&outer), signal).expect("it runs");
        let status = outer.wait().expect("it was a child");
        assert!(!is_set() && status.code() == Some(130), "{signal:?}: {status}");
        std::fs::remove_dir_all(&folder).expect("it is ours");
    }
}

fn until(condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

fn descendants(root: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{root}/task/{root}/children")).unwrap_or_default();
    let children: Vec<u32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    let below: Vec<u32> = children.iter().flat_map(|&child| descendants(child)).collect();
    [children, below].concat()
}

fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
