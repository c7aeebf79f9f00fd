//! What the process is allowed: open files, and how much its sockets hold back.

use super::finding::Finding;
use super::host::{Limit, Right};
use super::{Case, mend};

/// A page is one file, with another while it connects; below this a thousand people and a scan of the port
/// at the same time end in refusals.
const FEWEST_FILES: u64 = 8_192;
/// What a media socket asks for; see `volley::io`.
const WANTED_BUFFER: usize = 8 << 20;
/// 8 ms of 1 Gbit/s: a worker that the kernel puts off for less loses nothing.
const LEAST_BUFFER: usize = 1 << 20;

/// The limit on open files, which Volley raises from the soft to the hard one itself.
pub(super) fn files(case: &Case<'_>) -> Vec<Finding> {
    let limit = case.host.limit(case.pid(), "Max open files");
    let Some(Limit { hard: Some(limit), .. }) =
        limit.filter(|limit| limit.hard.is_some_and(|hard| hard < FEWEST_FILES))
    else {
        return Vec::new();
    };
    let what =
        format!("At most {limit} files may be open, and each WebSocket is one: more people are refused");
    let lines =
        ["systemd: LimitNOFILE=1048576", "docker run --ulimit nofile=1048576", "a shell: ulimit -n 1048576"];
    vec![Finding::warning("files-low", what, mend(&lines))]
}

/// How much may wait in a media socket while its worker is busy.
pub(super) fn buffers(case: &Case<'_>) -> Vec<Finding> {
    let Some(granted) = granted(case).filter(|&granted| granted < WANTED_BUFFER) else {
        return Vec::new();
    };
    let what = format!(
        "A media socket may hold {} of the {} KiB it wants: what comes while its worker is busy is lost beyond that",
        granted >> 10,
        WANTED_BUFFER >> 10
    );
    let lines = [
        "sysctl -w net.core.rmem_max=8388608 net.core.wmem_max=8388608",
        "systemd: AmbientCapabilities=CAP_NET_ADMIN and CapabilityBoundingSet=CAP_NET_ADMIN",
    ];
    let level = if granted < LEAST_BUFFER { Finding::warning } else { Finding::notice };
    vec![level("socket-buffers", what, mend(&lines))]
}

/// What a server would be granted: past `rmem_max` with the right to, which whoever runs the doctor by sudo has, and
/// neither the unit nor a container. A server that runs shows which; one that would be started does not.
fn granted(case: &Case<'_>) -> Option<usize> {
    let most = || case.host.read("proc/sys/net/core/rmem_max")?.parse().ok();
    if case.pid().is_some_and(|pid| case.host.may(Some(pid), Right::NetAdmin)) {
        return Some(WANTED_BUFFER);
    }
    let ours = case.host.receive_buffer?;
    Some(most().map_or(ours, |most: usize| ours.min(most)))
}

/// Whether datagrams can be steered to the workers they are for.
pub(super) fn steering(case: &Case<'_>) -> Vec<Finding> {
    let shares = case.config.worker_count() > 1 && case.config.udp_ports() == crate::sockets::UdpPorts::One;
    // A running server has given the right up after its start, and says by its metrics how it went.
    if !shares
        || case.running.is_some()
        || [Right::Bpf, Right::SysAdmin].into_iter().any(|one| case.host.may(None, one))
    {
        return Vec::new();
    }
    let what = "All workers share one UDP port, and without CAP_BPF the kernel cannot tell whose a datagram is: \
                workers hand on what is another's, which costs both time";
    let lines = [
        "systemd: AmbientCapabilities=CAP_BPF",
        "docker run --user 0 --cap-add BPF",
        "or a port for each: --udp-ports per-worker",
    ];
    vec![Finding::notice("not-steered", what, mend(&lines))]
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::holders::Holder;
    use super::super::running::Running;
    use super::super::testing::Patient;
    use super::*;

    #[test]
    fn few_files_are_found_by_the_limit_that_cannot_be_raised() {
        let patient = Patient::sound();
        assert!(files(&patient.case()).is_empty(), "1024 is the soft one");
        patient.write(
            "proc/self/limits",
            "Max open files            1024                 4096                 files\n",
        );
        let findings = files(&patient.case());
        assert!(
            findings[0].what.contains("4096") && findings[0].mend.contains("LimitNOFILE="),
            "{findings:?}"
        );
    }

    #[test]
    fn tiny_socket_buffers_are_a_warning_and_middling_ones_a_notice() {
        let mut patient = Patient::sound();
        assert!(buffers(&patient.case()).is_empty());
        patient.host().receive_buffer = Some(212_992);
        let findings = buffers(&patient.case());
        assert_eq!((findings[0].level, findings[0].check), (Level::Warning, "socket-buffers"));
        assert!(findings[0].mend.starts_with("sysctl -w net.core.rmem_max=8388608"));
        patient.host().receive_buffer = Some(4 << 20);
        assert_eq!(buffers(&patient.case())[0].level, Level::Notice);
    }

    #[test]
    fn what_the_doctor_is_granted_by_sudo_the_server_is_not() {
        let mut patient = Patient::sound();
        patient.write("proc/self/status", "CapEff:\t000001ffffffffff\n");
        patient.write("proc/sys/net/core/rmem_max", "212992\n");
        let findings = buffers(&patient.case());
        assert_eq!(findings[0].level, Level::Warning);
        assert!(findings[0].what.contains("208 of the 8192 KiB"), "{findings:?}");
        let holder = Some(Holder { pid: 77, name: String::from("volley") });
        patient.running = Some(Running { holder, metrics: None });
        patient.write("proc/77/status", "CapEff:\t0000000000000000\n");
        assert_eq!(buffers(&patient.case()).len(), 1, "nor is it the one that runs");
        patient.write("proc/77/status", "CapEff:\t0000000000001000\n");
        assert!(buffers(&patient.case()).is_empty(), "unless that may go past it");
    }

    #[test]
    fn several_workers_on_one_port_want_the_right_to_steer() {
        let mut patient = Patient::sound();
        let finding = &steering(&patient.case())[0];
        assert_eq!(finding.check, "not-steered");
        assert!(
            finding.mend.contains("docker run --user 0 --cap-add BPF"),
            "who is not root is given no right"
        );
        patient.set("VOLLEY_WORKERS", "1");
        assert!(steering(&patient.case()).is_empty());
        patient.set("VOLLEY_WORKERS", "2");
        patient.write("proc/self/status", "CapEff:\t0000008000000000\n");
        assert!(steering(&patient.case()).is_empty());
    }
}
