//! Whose is which core: of those that Volley may use, workers have the isolated ones, and all else keeps to the rest.

use std::fs;

/// The cores that the kernel moves nobody onto or off by itself (`isolcpus=`).
const ISOLATED: &str = "/sys/devices/system/cpu/isolated";

/// Cores by their numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cores {
    /// One of each worker, in their order; empty where it is not known which there are.
    pub workers: Vec<usize>,
    /// Those that signaling may be on.
    pub signaling: Vec<usize>,
    /// Those that the recorder may be on.
    pub recorder: Vec<usize>,
    /// Whether all are isolated, and each has a worker.
    pub is_crowded: bool,
}

impl Cores {
    /// Of those that the calling thread may use. Whoever is pinned already is told of that core alone.
    pub fn share_out(workers: usize) -> Cores {
        let usable = core_affinity::get_core_ids().unwrap_or_default();
        let usable: Vec<usize> = usable.into_iter().map(|core| core.id).collect();
        Cores::among(&usable, &listed(&fs::read_to_string(ISOLATED).unwrap_or_default()), workers)
    }

    /// A thread that is not pinned to an isolated core stays wherever there it began, behind a worker or not. So workers
    /// take those first, and nobody else goes there while there are others.
    fn among(usable: &[usize], isolated: &[usize], workers: usize) -> Cores {
        let (first, others): (Vec<usize>, Vec<usize>) =
            usable.iter().copied().partition(|core| isolated.contains(core));
        let order = [first, others.clone()].concat();
        let (_, left) = order.split_at(workers.min(order.len()));
        let free: Vec<usize> = others.iter().copied().filter(|core| left.contains(core)).collect();
        let signaling = first_of([&others, left, usable]);
        Cores {
            workers: order.iter().copied().cycle().take(workers).collect(),
            recorder: first_of([&free, &signaling]),
            is_crowded: !order.is_empty() && others.is_empty() && left.is_empty(),
            signaling,
        }
    }
}

/// The first of them that has any.
fn first_of<const N: usize>(choices: [&[usize]; N]) -> Vec<usize> {
    choices.into_iter().find(|cores| !cores.is_empty()).unwrap_or_default().to_vec()
}

/// The kernel's lists: `2-3,6`, or an empty line.
fn listed(text: &str) -> Vec<usize> {
    let numbers = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<usize>().ok()?..=last.parse().ok()?)
    };
    text.trim().split(',').filter_map(numbers).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(usable: &[usize], isolated: &[usize], workers: usize) -> [Vec<usize>; 3] {
        let Cores { workers, signaling, recorder, .. } = Cores::among(usable, isolated, workers);
        [workers, signaling, recorder]
    }

    #[test]
    fn without_isolated_cores_workers_take_the_first_and_the_recorder_what_they_leave() {
        let four = [0, 1, 2, 3];
        assert_eq!(shared(&four, &[], 2), [vec![0, 1], four.to_vec(), vec![2, 3]]);
        assert_eq!(shared(&four, &[], 4), [four.to_vec(), four.to_vec(), four.to_vec()]);
        assert_eq!(shared(&four, &[6, 7], 3)[2], [3], "cores that others may use are nothing to us");
        assert_eq!(shared(&[4, 9], &[], 3)[0], [4, 9, 4], "more workers than cores take turns");
        assert_eq!(shared(&[], &[], 2), [vec![], vec![], vec![]]);
    }

    #[test]
    fn workers_have_isolated_cores_and_all_else_keeps_off_them() {
        let four = [0, 1, 2, 3];
        assert_eq!(shared(&four, &[2, 3], 2), [vec![2, 3], vec![0, 1], vec![0, 1]]);
        assert_eq!(shared(&four, &[2, 3], 1), [vec![2], vec![0, 1], vec![0, 1]]);
        assert_eq!(shared(&four, &[2, 3], 3), [vec![2, 3, 0], vec![0, 1], vec![1]]);
        assert_eq!(shared(&four, &[2, 3], 4), [vec![2, 3, 0, 1], vec![0, 1], vec![0, 1]]);
    }

    #[test]
    fn where_all_cores_are_isolated_the_others_have_those_without_a_worker_or_it_is_told() {
        assert_eq!(shared(&[2, 3, 4], &[2, 3, 4], 2), [vec![2, 3], vec![4], vec![4]]);
        assert_eq!(shared(&[2, 3], &[2, 3], 2), [vec![2, 3], vec![2, 3], vec![2, 3]]);
        let is_crowded = |usable: &[usize], isolated: &[usize]| Cores::among(usable, isolated, 2).is_crowded;
        assert!(is_crowded(&[2, 3], &[2, 3]));
        assert!(!is_crowded(&[2, 3, 4], &[2, 3, 4]) && !is_crowded(&[1, 2, 3], &[2, 3]));
        assert!(!is_crowded(&[0, 1], &[]) && !is_crowded(&[], &[]));
    }

    #[test]
    fn the_kernels_lists_are_read() {
        assert_eq!(listed("2-4,7\n"), [2, 3, 4, 7]);
        assert_eq!(listed("\n"), [0; 0]);
        assert_eq!(listed("(null)\n"), [0; 0]);
    }
}
