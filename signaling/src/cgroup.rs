//! What the kernel leaves this program: of memory, before it kills one of its processes, and of the cores, before it
//! stops all of them. Its control group and those above it say so, in both of the kernel's versions of them; a
//! container's limits are some of these.
//!
//! - `memory`, `cpu`: what the files of the two controllers mean.

mod cpu;
mod memory;

pub use cpu::{Throttling, cpu_quota, throttling};
pub use memory::memory_for_us;

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Where the kernel's groups are, as every system and every container has them.
const GROUPS: &str = "sys/fs/cgroup";

/// How the files of a group are called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Version {
    One,
    Two,
}

/// A group that a process is in.
#[derive(PartialEq, Eq, Debug)]
struct Group {
    version: Version,
    folder: PathBuf,
}

impl Group {
    /// A file's text, without the white space around it.
    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(file)).ok().map(|text| text.trim().to_owned())
    }

    /// `None` as well where a word stands for a number (`max`).
    fn number<T: std::str::FromStr>(&self, file: &str) -> Option<T> {
        self.read(file)?.parse().ok()
    }
}

/// The groups in which a controller may hold the process back (`self`, or its number), from its own to the uppermost
/// that can be seen. A system may have both versions at once, each controller in one of them; those of the other have
/// no files of it.
fn groups(root: &Path, process: &str, controller: &str) -> Vec<Group> {
    let told = fs::read_to_string(root.join("proc").join(process).join("cgroup")).unwrap_or_default();
    told.lines().filter_map(|line| hierarchy(line, controller)).flat_map(|found| found.groups(root)).collect()
}

/// One line of proc(5)'s `cgroup`: a tree of groups, and where in it the process is.
struct Hierarchy<'a> {
    version: Version,
    /// Below [`GROUPS`]: of version 1 the controllers that share the tree, and the one alone.
    mounts: Vec<&'a str>,
    group: PathBuf,
}

/// `0::/a` is of version 2, `4:cpu,cpuacct:/a` of version 1.
fn hierarchy<'a>(line: &'a str, controller: &'a str) -> Option<Hierarchy<'a>> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, group) = (parts.next()?, below_ours(parts.next()?));
    if controllers.is_empty() {
        return Some(Hierarchy { version: Version::Two, mounts: vec![""], group });
    }
    let is_here = controllers.split(',').any(|one| one == controller);
    let mounts = if controllers == controller { vec![controller] } else { vec![controllers, controller] };
    is_here.then_some(Hierarchy { version: Version::One, mounts, group })
}

impl Hierarchy<'_> {
    fn groups(&self, root: &Path) -> Vec<Group> {
        let mut places = self.mounts.iter().map(|mount| root.join(GROUPS).join(mount));
        let Some(place) = places.find(|place| place.is_dir()) else { return Vec::new() };
        let group = |group: &Path| Group { version: self.version, folder: place.join(group) };
        self.group.ancestors().map(group).collect()
    }
}

/// The path of a group, to be put behind another. One that is told from outside of this container's own
/// (`/../other`) cannot be seen from in here.
fn below_ours(group: &str) -> PathBuf {
    let parts = || Path::new(group).components();
    let is_outside = parts().any(|part| part == Component::ParentDir);
    parts().filter(|part| matches!(part, Component::Normal(_)) && !is_outside).collect()
}

#[cfg(test)]
mod testing {
    //! A machine of files.

    use std::fs;
    use std::path::PathBuf;

    /// Gone with it.
    pub(super) struct Tree(pub(super) PathBuf);

    impl Tree {
        pub(super) fn of(name: &str, files: &[(&str, &str)]) -> Tree {
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
}

#[cfg(test)]
mod tests {
    use super::testing::Tree;
    use super::*;

    fn found(tree: &Tree, controller: &str) -> Vec<(Version, String)> {
        let below = tree.0.join(GROUPS);
        let shown =
            |group: Group| (group.version, group.folder.strip_prefix(&below).unwrap().display().to_string());
        groups(&tree.0, "self", controller).into_iter().map(shown).collect()
    }

    #[test]
    fn each_controller_is_looked_for_in_its_own_tree() {
        let told = "12:cpu,cpuacct:/a:b\n4:memory:/docker/7\n3:cpuset:/a\n1:name=systemd:/\n0::/user.slice\n";
        let files =
            [("proc/self/cgroup", told), ("sys/fs/cgroup/cpu,cpuacct/x", ""), ("sys/fs/cgroup/memory/x", "")];
        let tree = Tree::of("trees", &files);
        let two = [(Version::Two, String::from("user.slice")), (Version::Two, String::new())];
        let one = |path: &str| (Version::One, path.to_owned());
        let of = |mine: &[(Version, String)]| [mine, &two].concat();
        assert_eq!(found(&tree, "cpu"), of(&[one("cpu,cpuacct/a:b"), one("cpu,cpuacct")]));
        assert_eq!(
            found(&tree, "memory"),
            of(&[one("memory/docker/7"), one("memory/docker"), one("memory")])
        );
        assert_eq!(found(&tree, "cpuset"), of(&[]), "its tree is not there");
    }

    #[test]
    fn controllers_that_share_a_tree_may_stand_there_by_one_name() {
        let files = [("proc/self/cgroup", "2:cpuacct,cpu:/\n"), ("sys/fs/cgroup/cpu/x", "")];
        assert_eq!(found(&Tree::of("named", &files), "cpu"), [(Version::One, String::from("cpu"))]);
    }

    #[test]
    fn what_is_no_line_of_groups_is_none() {
        let files = [("proc/self/cgroup", "nonsense\n4:memory\n\n"), ("sys/fs/cgroup/memory/x", "")];
        assert_eq!(found(&Tree::of("nonsense", &files), "memory"), []);
        assert_eq!(groups(Path::new("/nowhere"), "self", "memory"), []);
    }
}
