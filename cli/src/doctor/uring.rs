//! io_uring: whether a worker gets a ring, and if not, what stands in the way. And what the kernel is too
//! old for.

use super::finding::Finding;
use super::host::{Limit, Right, UringRefusal};
use super::{Case, mend};
use rustix::io::Errno;
use volley::control::handover::IoChoice;

/// A worker's ring and its receive buffers' ring: 44 KiB, in whole pages and with room for more entries.
const RING_BYTES: u64 = 64 << 10;
/// From here to there (exclusive) the kernel charges rings to the container's memory and not to RLIMIT_MEMLOCK.
const UNCHARGED: std::ops::Range<(u32, u32)> = (5, 12)..(6, 13);
/// Needed to make a ring as we do (`IORING_SETUP_DEFER_TASKRUN`).
const URING_SINCE: (u32, u32) = (6, 1);
/// Trains in both directions: UDP_SEGMENT came with 4.18, UDP_GRO with this.
const TRAINS_SINCE: (u32, u32) = (5, 0);

/// What stands in the way of io_uring.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    if case.config.io() == IoChoice::Epoll {
        return Vec::new();
    }
    match &case.host.uring {
        Ok(()) => memlock(case),
        Err(refusal) => vec![refused(case, refusal)],
    }
}

/// What this kernel is too old for.
pub(super) fn kernel(case: &Case<'_>) -> Vec<Finding> {
    let Some((major, minor)) = case.host.kernel().filter(|&kernel| kernel < TRAINS_SINCE) else {
        return Vec::new();
    };
    let what = format!(
        "Linux {major}.{minor} cannot send or receive UDP in trains (4.18 and 5.0 began to): each packet costs a \
         walk through the kernel"
    );
    vec![Finding::warning("kernel-old", what, NEWER_KERNEL)]
}

const NEWER_KERNEL: &str = "run a kernel of 6.1 or newer: Debian 12, Ubuntu 24.04, RHEL 10";

fn refused(case: &Case<'_>, UringRefusal { step, error }: &UringRefusal) -> Finding {
    let (check, why, mend) = cause(case, *error);
    let said = error.map_or_else(|| String::from("no reason was given"), |errno| errno.to_string());
    let what = format!("io_uring is refused at {step} ({said}): {why}");
    if case.config.io() == IoChoice::Uring {
        let what = format!("{what}; performance.io is uring, so Volley does not start");
        return Finding::error(check, what, format!("{mend}\nor: --io auto"));
    }
    Finding::warning(check, format!("{what}; Volley goes on with epoll, which costs more of each core"), mend)
}

fn cause(case: &Case<'_>, error: Option<Errno>) -> (&'static str, String, String) {
    let sysctl = case.host.read("proc/sys/kernel/io_uring_disabled");
    let level = sysctl.as_deref().unwrap_or("0");
    let old = case.host.kernel().filter(|&kernel| kernel < URING_SINCE);
    if matches!(error, Some(Errno::PERM | Errno::ACCESS)) && level != "0" {
        let group = if level == "1" { ", or put the user into the group kernel.io_uring_group" } else { "" };
        return (
            "uring-sysctl",
            format!("the sysctl kernel.io_uring_disabled is {level}"),
            format!("sysctl -w kernel.io_uring_disabled=0{group}"),
        );
    }
    if matches!(error, Some(Errno::PERM | Errno::ACCESS | Errno::NOSYS)) && case.host.is_filtered() {
        return (
            "uring-seccomp",
            String::from("a seccomp profile forbids it, as Docker's own does"),
            String::from(
                "allow io_uring_setup, io_uring_enter and io_uring_register in the profile (docker run \
                 --security-opt seccomp=deploy/docker/seccomp.json; systemd, below the unit's other filters: \
                 SystemCallFilter=io_uring_setup io_uring_enter io_uring_register)",
            ),
        );
    }
    if error == Some(Errno::NOMEM) {
        let limit = case.host.limit(case.pid(), LOCKED).and_then(|limit| limit.soft);
        let limit = limit.map_or_else(String::new, |bytes| format!(" is {bytes} bytes and"));
        return (
            "memlock-low",
            format!("the limit on locked memory{limit} does not hold a ring"),
            memlock_mend(),
        );
    }
    if let Some((major, minor)) = old {
        return (
            "uring-kernel",
            format!("Linux {major}.{minor} is too old, 6.1 is the oldest that will do"),
            NEWER_KERNEL.to_owned(),
        );
    }
    if error == Some(Errno::NOSYS) {
        let mend = "run a kernel that was built with CONFIG_IO_URING, or not inside gVisor or the like";
        return ("uring-absent", String::from("this kernel has none"), mend.to_owned());
    }
    ("uring-refused", String::from("the reason is not known"), String::from("--io epoll goes without it"))
}

/// As `/proc/PID/limits` calls it.
const LOCKED: &str = "Max locked memory";

/// Whether the limit holds a ring for each worker; this one was tried with a single ring.
fn memlock(case: &Case<'_>) -> Vec<Finding> {
    let is_charged = case.host.kernel().is_none_or(|kernel| !UNCHARGED.contains(&kernel));
    let needed = u64::from(case.config.worker_count()) * RING_BYTES;
    let limit = case.host.limit(case.pid(), LOCKED);
    let Some(Limit { soft: Some(limit), .. }) = limit.filter(|_| !case.host.may(case.pid(), Right::IpcLock))
    else {
        return Vec::new();
    };
    if limit >= needed || !is_charged {
        return Vec::new();
    }
    let what = format!(
        "The limit on locked memory is {limit} bytes; {} workers may need {needed} for their rings, and those that get \
         none go on with epoll",
        case.config.worker_count()
    );
    vec![Finding::warning("memlock-low", what, memlock_mend())]
}

fn memlock_mend() -> String {
    mend(&["systemd: LimitMEMLOCK=64M", "docker run --ulimit memlock=67108864", "a shell: ulimit -l 65536"])
}

#[cfg(test)]
mod tests {
    use super::super::testing::Patient;
    use super::*;

    fn refusing(patient: &mut Patient, error: Errno) {
        patient.host().uring = Err(UringRefusal { step: "io_uring_setup", error: Some(error) });
    }

    fn found(patient: &Patient) -> (&'static str, String) {
        let findings = check(&patient.case());
        assert_eq!(findings.len(), 1, "{findings:?}");
        (findings[0].check, findings[0].mend.clone())
    }

    #[test]
    fn a_sysctl_that_forbids_it_is_named_with_the_line_that_allows_it() {
        let mut patient = Patient::sound();
        refusing(&mut patient, Errno::PERM);
        patient.write("proc/sys/kernel/io_uring_disabled", "2\n");
        assert_eq!(found(&patient), ("uring-sysctl", String::from("sysctl -w kernel.io_uring_disabled=0")));
    }

    #[test]
    fn a_seccomp_profile_is_told_from_a_kernel_without_it() {
        let mut patient = Patient::sound();
        refusing(&mut patient, Errno::NOSYS);
        assert_eq!(found(&patient).0, "uring-absent");
        patient.write("proc/self/status", "CapEff:\t0\nSeccomp:\t2\n");
        let (check, mend) = found(&patient);
        assert_eq!(check, "uring-seccomp");
        assert!(mend.contains("--security-opt seccomp="), "{mend}");
        // Of systemd's groups only @aio has these calls, with others that Volley does not need.
        assert!(mend.contains("SystemCallFilter=io_uring_setup io_uring_enter io_uring_register"), "{mend}");
        assert!(!mend.contains('@'), "{mend}");
    }

    #[test]
    fn an_old_kernel_is_named_with_what_it_lacks() {
        let mut patient = Patient::sound();
        refusing(&mut patient, Errno::INVAL);
        patient.write("proc/sys/kernel/osrelease", "4.15.0-213-generic");
        assert_eq!(found(&patient).0, "uring-kernel");
        assert_eq!(kernel(&patient.case())[0].check, "kernel-old");
        assert!(kernel(&Patient::sound().case()).is_empty());
    }

    #[test]
    fn too_little_locked_memory_is_found_by_trying_and_by_counting() {
        let mut patient = Patient::sound();
        let low = "Max locked memory         65536                65536                bytes\n";
        patient.write("proc/self/limits", low);
        assert!(check(&patient.case()).is_empty(), "6.12 does not charge rings to it");
        patient.write("proc/sys/kernel/osrelease", "6.18.2");
        let (name, mend) = found(&patient);
        assert!(name == "memlock-low" && mend.contains("LimitMEMLOCK=64M"), "{mend}");
        patient.write("proc/self/status", "CapEff:\t0000000000004000\nSeccomp:\t0\n");
        assert!(check(&patient.case()).is_empty(), "CAP_IPC_LOCK has no limit");
        refusing(&mut patient, Errno::NOMEM);
        assert_eq!(found(&patient).0, "memlock-low");
    }

    #[test]
    fn who_asked_for_epoll_misses_nothing_and_who_asked_for_a_ring_cannot_start() {
        let mut patient = Patient::sound();
        refusing(&mut patient, Errno::PERM);
        patient.set("VOLLEY_IO", "epoll");
        assert!(check(&patient.case()).is_empty());
        patient.set("VOLLEY_IO", "uring");
        let findings = check(&patient.case());
        assert_eq!(findings[0].level, super::super::finding::Level::Error);
        assert!(findings[0].mend.ends_with("or: --io auto"));
    }
}
