//! What memory the kernel leaves this program before it kills one of its processes: that of its control group
//! (version 2) and of those above it. A container's limit is one of them.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Of what the group may take, media and signaling may have so many percent: the kernel's socket buffers, the
/// supervisor and a recorder are in it as well.
const OURS: u64 = 90;

/// Bytes that media and signaling may take together for the sake of the control group; `None` where that has no
/// limit. The machine's `proc` and `sys` are looked for below the root.
pub fn memory_for_us(root: &Path) -> Option<u64> {
    memory_max(root).map(|most| most / 100 * OURS)
}

/// The least `memory.max` on the way from the group of this process to the uppermost that can be seen.
fn memory_max(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let group = below_ours(groups.lines().find_map(|line| line.strip_prefix("0::"))?);
    let limit = |group: &Path| {
        let text = fs::read_to_string(root.join("sys/fs/cgroup").join(group).join("memory.max")).ok()?;
        // "max" is none.
        text.trim().parse().ok()
    };
    group.ancestors().filter_map(limit).min()
}

/// The path of a group, to be put behind another. One that is told from outside of this container's own
/// (`/../other`) cannot be seen from in here.
fn below_ours(group: &str) -> PathBuf {
    let parts = || Path::new(group).components();
    let is_outside = parts().any(|part| part == Component::ParentDir);
    parts().filter(|part| matches!(part, Component::Normal(_)) && !is_outside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine of these files, gone with it.
    struct Tree(PathBuf);

    impl Tree {
        fn of(name: &str, files: &[(&str, &str)]) -> Tree {
            let root = std::env::temp_dir().join(format!("volley-cgroup-{}-{name}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Tree(root)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const SERVICE: (&str, &str) = ("proc/self/cgroup", "0::/system.slice/volley.service\n");
    const OF_SERVICE: &str = "sys/fs/cgroup/system.slice/volley.service/memory.max";
    const OF_SLICE: &str = "sys/fs/cgroup/system.slice/memory.max";

    #[test]
    fn the_least_of_the_groups_above_holds() {
        let tree = Tree::of("slice", &[SERVICE, (OF_SERVICE, "4000000000\n"), (OF_SLICE, "2000000000\n")]);
        assert_eq!(memory_max(&tree.0), Some(2_000_000_000));
        assert_eq!(memory_for_us(&tree.0), Some(1_800_000_000));
        let tree = Tree::of("service", &[SERVICE, (OF_SERVICE, "1000000000\n"), (OF_SLICE, "max\n")]);
        assert_eq!(memory_max(&tree.0), Some(1_000_000_000));
    }

    #[test]
    fn in_a_container_its_own_group_is_the_uppermost() {
        let own = ("sys/fs/cgroup/memory.max", "2147483648\n");
        for (name, group) in
            [("own", "0::/\n"), ("outside", "0::/../other\n"), ("unseen", "0::/docker/4711\n")]
        {
            let other = ("sys/fs/cgroup/other/memory.max", "5\n");
            let tree = Tree::of(name, &[("proc/self/cgroup", group), own, other]);
            assert_eq!(memory_max(&tree.0), Some(2_147_483_648), "{group}");
        }
    }

    #[test]
    fn without_a_limit_there_is_none() {
        assert_eq!(memory_max(&Tree::of("none", &[SERVICE, (OF_SERVICE, "max\n")]).0), None);
        assert_eq!(memory_max(&Tree::of("older", &[("proc/self/cgroup", "4:memory:/volley\n")]).0), None);
        assert_eq!(memory_max(Path::new("/nowhere")), None);
    }
}
