//! What memory the group may take.

use super::{Group, Version, groups};
use std::path::Path;

/// Of what the group may take, media and signaling may have so many percent: the kernel's socket buffers, the
/// supervisor and a recorder are in it as well.
const OURS: u64 = 90;

/// Version 1 says no limit by the greatest number of whole pages; this is that of the largest pages there are (64 KiB).
const NO_LIMIT: u64 = i64::MAX as u64 & !0xffff;

/// Bytes that media and signaling may take together for the sake of the control group; `None` where that has no
/// limit. The machine's `proc` and `sys` are looked for below the root.
pub fn memory_for_us(root: &Path) -> Option<u64> {
    memory_max(root).map(|most| most / 100 * OURS)
}

/// The least limit on the way from the group of this process to the uppermost that can be seen.
fn memory_max(root: &Path) -> Option<u64> {
    let limit = |group: &Group| match group.version {
        Version::One => group.number("memory.limit_in_bytes").filter(|&most| most < NO_LIMIT),
        Version::Two => group.number("memory.max"),
    };
    groups(root, "self", "memory").iter().filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tree;
    use super::*;

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
    fn version_1_is_heeded_and_its_word_for_no_limit() {
        let group = ("proc/self/cgroup", "4:memory:/docker/4711\n1:cpu:/\n0::/\n");
        let limited = |name: &str, own: &str, above: &str| {
            let files = [
                group,
                ("sys/fs/cgroup/memory/docker/4711/memory.limit_in_bytes", own),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", above),
            ];
            memory_max(&Tree::of(name, &files).0)
        };
        // No limit, with pages of 4 and of 64 KiB.
        assert_eq!(limited("v1", "2147483648\n", "9223372036854771712\n"), Some(2_147_483_648));
        assert_eq!(limited("v1-above", "9223372036854710272\n", "1073741824\n"), Some(1_073_741_824));
        assert_eq!(limited("v1-none", "9223372036854771712\n", "9223372036854771712\n"), None);
        // In a container its own group stands where the machine's uppermost would.
        let files = [group, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n")];
        assert_eq!(memory_max(&Tree::of("v1-container", &files).0), Some(536_870_912));
    }

    #[test]
    fn without_a_limit_there_is_none() {
        assert_eq!(memory_max(&Tree::of("none", &[SERVICE, (OF_SERVICE, "max\n")]).0), None);
        assert_eq!(memory_max(&Tree::of("older", &[("proc/self/cgroup", "4:memory:/volley\n")]).0), None);
        assert_eq!(memory_max(Path::new("/nowhere")), None);
    }
}
