//! The wire: a veth pair between the two networks, receive work of each end steered to its core.
//!
//! A veth hands a packet to its other end on the core that sends it. Receive packet steering (RPS)
//! moves what follows to the core of the receiver, so that each side pays for its own work, as with
//! a network card between them.

use super::place::{GENERATOR_ADDRESS, Place, SERVER_ADDRESS, SERVER_SPACE};
use anyhow::{Context as _, bail};
use nix::sched::{CloneFlags, setns};
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

/// Both ends have this name, each in its own network.
pub(crate) const DEVICE: &str = "wire";

/// Builds the wire. It is gone with the namespaces.
pub(super) fn build(place: &Place) -> anyhow::Result<()> {
    // Names of network namespaces stand in /run/netns: private to our mount namespace.
    sh("mount -t tmpfs tmpfs /run")?;
    fs::create_dir_all("/run/netns").context("/run/netns cannot be made")?;
    sh("mount -t sysfs sysfs /sys")?;
    sh(&format!("ip netns add {SERVER_SPACE}"))?;
    // One queue each way: steering is then one mask, and order is kept.
    sh(&format!(
        "ip link add name {DEVICE} numtxqueues 1 numrxqueues 1 type veth \
         peer name {DEVICE} numtxqueues 1 numrxqueues 1 netns {SERVER_SPACE}"
    ))?;
    bring_up("ip", GENERATOR_ADDRESS)?;
    bring_up(&format!("ip -n {SERVER_SPACE}"), SERVER_ADDRESS)?;
    steer("", &[place.generator_core])?;
    steer_server(place)
}

/// Steers what comes to the server's end to its cores.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn steer_server(place: &Place) -> anyhow::Result<()> {
    steer(&format!("ip netns exec {SERVER_SPACE} "), &place.server_cores)
}

fn bring_up(ip: &str, own: Ipv4Addr) -> anyhow::Result<()> {
    sh(&format!("{ip} link set lo up"))?;
    sh(&format!("{ip} addr add {own}/24 dev {DEVICE}"))?;
    sh(&format!("{ip} link set {DEVICE} up"))
}

fn steer(prefix: &str, cores: &[usize]) -> anyhow::Result<()> {
    let path = format!("/sys/class/net/{DEVICE}/queues/rx-0/rps_cpus");
    let line = format!("{prefix}sh -c");
    let mut words = line.split(' ');
    let script = format!("echo {} > {path}", cpu_mask(cores));
    let mut command = Command::new(words.next().unwrap_or("sh"));
    command.args(words).arg(&script);
    run(command, &script)
}

/// The kernel's form of a set of cores: hexadecimal words of 32, highest first.
fn cpu_mask(cores: &[usize]) -> String {
    let words = cores.iter().max().map_or(0, |highest| highest / 32) + 1;
    let word = |index: usize| {
        cores.iter().filter(|&&core| core / 32 == index).fold(0_u32, |mask, core| mask | 1 << (core % 32))
    };
    (0..words).rev().map(|index| format!("{:x}", word(index))).collect::<Vec<_>>().join(",")
}

/// Moves the calling thread into the server's network.
pub(super) fn enter_server_space() -> anyhow::Result<()> {
    let path = format!("/run/netns/{SERVER_SPACE}");
    let space = File::open(&path).with_context(|| format!("{path} cannot be opened"))?;
    setns(space, CloneFlags::CLONE_NEWNET).context("the server's network cannot be entered")
}

fn sh(line: &str) -> anyhow::Result<()> {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    run(command, line)
}

fn run(mut command: Command, line: &str) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| {
        format!("`{line}` cannot be run; the bench needs Debian's iproute2 and util-linux")
    })?;
    if !output.status.success() {
        bail!("`{line}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_cores_is_written_as_the_kernel_reads_it() {
        assert_eq!(cpu_mask(&[0]), "1");
        assert_eq!(cpu_mask(&[1]), "2");
        assert_eq!(cpu_mask(&[0, 5]), "21");
        assert_eq!(cpu_mask(&[33]), "2,0");
        assert_eq!(cpu_mask(&[1, 40]), "100,2");
    }

    #[test]
    fn a_failing_command_is_told_in_its_own_words() {
        let error = sh("ls /nowhere/at/all").unwrap_err().to_string();
        assert!(error.contains("`ls /nowhere/at/all` failed") && error.contains("No such file"), "{error}");
    }
}
