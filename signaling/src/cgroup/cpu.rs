//! How much of the cores the group may use. A quota is no share: when a period's time (100 ms mostly) is used up, all
//! threads of the group stand still until the next begins, in the middle of whatever they do.

use super::{Group, Version, groups};
use std::path::Path;

/// How often a group was stopped, since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Throttling {
    /// Periods in which it wanted any time.
    pub periods: u64,
    /// Of those, in which it wanted more than its quota.
    pub stopped: u64,
}

/// Cores whose time the group of a process, or of this one, may use: the least quota on the way to the uppermost group
/// that can be seen, 1.5 for one core and a half. `None` where it may use all that there are.
pub fn cpu_quota(root: &Path, process: Option<u32>) -> Option<f64> {
    let all = groups(root, &name(process), "cpu");
    all.iter().filter_map(quota).min_by(f64::total_cmp)
}

/// How often it was stopped for that; `None` where no group has a quota. Of several that have one, the one that was
/// stopped most.
pub fn throttling(root: &Path, process: Option<u32>) -> Option<Throttling> {
    let all = groups(root, &name(process), "cpu");
    let limited = all.iter().filter(|group| quota(group).is_some());
    limited.filter_map(stopped).max_by_key(|found| found.stopped)
}

fn name(process: Option<u32>) -> String {
    process.map_or_else(|| String::from("self"), |process| process.to_string())
}

fn quota(group: &Group) -> Option<f64> {
    let (time, period): (f64, f64) = match group.version {
        // -1 is none.
        Version::One => (group.number("cpu.cfs_quota_us")?, group.number("cpu.cfs_period_us")?),
        // "max 100000" is none.
        Version::Two => {
            let text = group.read("cpu.max")?;
            let (time, period) = text.split_once(' ')?;
            (time.parse().ok()?, period.parse().ok()?)
        }
    };
    (time > 0.0 && period > 0.0).then_some(time / period)
}

fn stopped(group: &Group) -> Option<Throttling> {
    let text = group.read("cpu.stat")?;
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    Some(Throttling { periods: value("nr_periods ")?, stopped: value("nr_throttled ")? })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tree;
    use super::*;

    const STAT: &str = "usage_usec 9\nnr_periods 1000\nnr_throttled 40\nthrottled_usec 5\n";

    #[test]
    fn the_least_quota_of_the_groups_above_holds() {
        let files = [
            ("proc/self/cgroup", "0::/a/b\n"),
            ("proc/77/cgroup", "0::/a\n"),
            ("sys/fs/cgroup/a/b/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/a/b/cpu.stat", STAT),
            ("sys/fs/cgroup/a/cpu.max", "100000 50000\n"),
            ("sys/fs/cgroup/a/cpu.stat", "nr_periods 9\nnr_throttled 7\n"),
            ("sys/fs/cgroup/cpu.stat", "usage_usec 9\n"),
        ];
        let tree = Tree::of("quota", &files);
        assert_eq!(cpu_quota(&tree.0, None), Some(1.5));
        assert_eq!(throttling(&tree.0, None), Some(Throttling { periods: 1000, stopped: 40 }));
        assert_eq!(cpu_quota(&tree.0, Some(77)), Some(2.0));
        assert_eq!(throttling(&tree.0, Some(77)), Some(Throttling { periods: 9, stopped: 7 }));
    }

    #[test]
    fn version_1_says_it_by_two_files() {
        let of = |name: &str, quota: &str| {
            let files = [
                ("proc/self/cgroup", "5:cpu,cpuacct:/docker/7\n0::/\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", quota),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.stat", "nr_periods 4\nnr_throttled 1\nthrottled_time 9\n"),
            ];
            let tree = Tree::of(name, &files);
            (cpu_quota(&tree.0, None), throttling(&tree.0, None))
        };
        assert_eq!(of("half", "50000\n"), (Some(0.5), Some(Throttling { periods: 4, stopped: 1 })));
        assert_eq!(of("all", "-1\n"), (None, None));
    }

    #[test]
    fn without_a_quota_there_is_none() {
        let files = [("proc/self/cgroup", "0::/a\n"), ("sys/fs/cgroup/a/cpu.max", "max 100000\n")];
        let tree = Tree::of("no-quota", &[files[0], files[1], ("sys/fs/cgroup/a/cpu.stat", STAT)]);
        assert_eq!((cpu_quota(&tree.0, None), throttling(&tree.0, None)), (None, None));
        assert_eq!(cpu_quota(Path::new("/nowhere"), None), None);
    }
}
