//! The cores: more workers than there are, a quota that stops them, and others who take their time.

use super::finding::Finding;
use super::host::Host;
use super::{Case, mend};
use std::time::Duration;
use volley_signaling::cgroup;

/// A worker that misses a twentieth of its time is late by milliseconds, many times a second.
const MUCH_STEAL: f64 = 0.05;
/// Over weeks a good neighbour stays below.
const LASTING_STEAL: f64 = 0.03;
/// Of the last minute, somebody waited for a core for so much of it.
const MUCH_WAITING: f64 = 25.0;
/// Of the periods of a quota. Each time all calls stand still for tens of milliseconds, and there are ten periods a second.
const MUCH_THROTTLING: f64 = 0.01;
/// Between two looks at the cores.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Time of all cores, in the kernel's ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Ticks {
    all: u64,
    stolen: u64,
}

/// As of now.
pub(super) fn ticks(host: &Host) -> Option<Ticks> {
    let text = host.read("proc/stat")?;
    let numbers = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace().map(str::parse);
    // user nice system idle iowait irq softirq steal; what guests take stands in user already.
    let numbers: Vec<u64> = numbers.take(8).collect::<Result<_, _>>().ok()?;
    Some(Ticks { all: numbers.iter().sum(), stolen: *numbers.get(7)? })
}

/// What is wrong with them.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    [oversubscribed(case), throttled(case), stolen(case), waiting(case.host)].into_iter().flatten().collect()
}

fn oversubscribed(case: &Case<'_>) -> Option<Finding> {
    let (workers, cores) = (usize::from(case.config.worker_count()), case.host.cores);
    (workers > cores).then(|| {
        let what = format!("{workers} workers share {cores} cores: each has its core to itself by design, and waits for it now");
        Finding::warning("cores-oversubscribed", what, format!("--workers {cores}, or give it more cores (cpus, CPUQuota=)"))
    })
}

/// Of a server that runs: what became of the group's quota says whether it is enough.
fn throttled(case: &Case<'_>) -> Option<Finding> {
    case.running?;
    // Where nobody sees which process that is, ours would be judged.
    let (root, pid) = (&case.host.root, Some(case.pid()?));
    let (quota, found) = (cgroup::cpu_quota(root, pid)?, cgroup::throttling(root, pid)?);
    let share = found.stopped as f64 / found.periods.max(1) as f64;
    (share >= MUCH_THROTTLING).then(|| {
        let what = format!(
            "The control group may use the time of {quota:.2} cores, and was stopped for wanting more in {:.0} % of its \
             periods: nobody is sent anything until the next begins",
            share * 100.0
        );
        let lines = [
            "no quota, but a share: resources.requests without limits.cpu, docker --cpu-shares, systemd's CPUWeight=",
            "or a larger one (limits.cpu, docker --cpus, CPUQuota=), at least one core above the number of workers",
        ];
        Finding::warning("cpu-throttled", what, mend(&lines))
    })
}

fn stolen(case: &Case<'_>) -> Option<Finding> {
    let [before, after] = case.answers.ticks?;
    let share = |stolen: u64, all: u64| stolen as f64 / all.max(1) as f64;
    let now = share(after.stolen.saturating_sub(before.stolen), after.all.saturating_sub(before.all));
    let ever = share(after.stolen, after.all);
    let mend = "ask for dedicated cores (not shared or burstable ones), or for another host";
    if now >= MUCH_STEAL {
        let what = format!(
            "Other virtual machines took {:.0} % of the cores' time in the last second (steal)",
            now * 100.0
        );
        return Some(Finding::warning("steal", what, mend));
    }
    (ever >= LASTING_STEAL).then(|| {
        let what = format!(
            "Other virtual machines took {:.0} % of the cores' time since the start (steal)",
            ever * 100.0
        );
        Finding::notice("steal", what, mend)
    })
}

fn waiting(host: &Host) -> Option<Finding> {
    let text = host.read("proc/pressure/cpu")?;
    let some = text.lines().find(|line| line.starts_with("some "))?;
    let share: f64 = some.split_whitespace().find_map(|word| word.strip_prefix("avg60="))?.parse().ok()?;
    (share >= MUCH_WAITING).then(|| {
        let what = format!(
            "In {share:.0} % of the last minute something here waited for a core: other programs are busy"
        );
        Finding::notice(
            "cores-busy",
            what,
            "move them elsewhere, or give Volley cores of its own (CPUAffinity= for the others)",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::holders::Holder;
    use super::super::running::Running;
    use super::super::testing::Patient;
    use super::*;

    fn found(patient: &Patient) -> Vec<(Level, &'static str)> {
        check(&patient.case()).iter().map(|finding| (finding.level, finding.check)).collect()
    }

    #[test]
    fn more_workers_than_cores_are_found() {
        let mut patient = Patient::sound();
        assert_eq!(found(&patient), []);
        patient.set("VOLLEY_WORKERS", "5");
        assert_eq!(found(&patient), [(Level::Warning, "cores-oversubscribed")]);
        assert!(check(&patient.case())[0].mend.starts_with("--workers 4"));
    }

    #[test]
    fn a_quota_that_stops_a_server_is_found_by_the_groups_own_count() {
        let mut patient = Patient::sound();
        let holder = Holder { pid: 77, name: String::from("volley") };
        patient.write("proc/77/cgroup", "0::/docker/4711\n");
        patient.write("sys/fs/cgroup/docker/4711/cpu.max", "150000 100000\n");
        let count = |patient: &Patient, stopped: u32| {
            let text = format!("usage_usec 1\nnr_periods 1000\nnr_throttled {stopped}\n");
            patient.write("sys/fs/cgroup/docker/4711/cpu.stat", &text);
        };
        count(&patient, 42);
        assert_eq!(found(&patient), [], "no server runs");
        patient.running = Some(Running { holder: Some(holder), metrics: None });
        assert_eq!(found(&patient), [(Level::Warning, "cpu-throttled")]);
        let finding = &check(&patient.case())[0];
        assert!(finding.what.contains("1.50 cores") && finding.what.contains("4 %"), "{finding:?}");
        count(&patient, 9);
        assert_eq!(found(&patient), [], "once in a while");
        patient.write("sys/fs/cgroup/docker/4711/cpu.max", "max 100000\n");
        count(&patient, 42);
        assert_eq!(found(&patient), [], "before the quota was taken away");
    }

    #[test]
    fn time_that_others_take_is_told_by_how_much_and_when() {
        let mut patient = Patient::sound();
        patient.write("proc/stat", "cpu  100 0 50 800 0 0 40 10 5 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n");
        assert_eq!(ticks(patient.case().host), Some(Ticks { all: 1000, stolen: 10 }));
        let at = |all, stolen| Ticks { all, stolen };
        patient.answers.ticks = Some([at(1000, 10), at(1100, 10)]);
        assert_eq!(found(&patient), []);
        patient.answers.ticks = Some([at(1000, 10), at(1100, 20)]);
        assert_eq!(found(&patient), [(Level::Warning, "steal")]);
        patient.answers.ticks = Some([at(1000, 100), at(1100, 100)]);
        assert_eq!(found(&patient), [(Level::Notice, "steal")]);
    }

    #[test]
    fn a_machine_that_others_keep_busy_is_told_of_it() {
        let patient = Patient::sound();
        patient
            .write("proc/pressure/cpu", "some avg10=1.00 avg60=41.50 avg300=0.00 total=1\nfull avg10=0.00\n");
        assert_eq!(found(&patient), [(Level::Notice, "cores-busy")]);
    }
}
