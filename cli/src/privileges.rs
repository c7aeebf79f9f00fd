//! Gives up what only the start takes.

use rustix::thread::{
    CapabilitySet, capabilities, configure_capability_in_ambient_set, remove_capability_from_bounding_set,
    set_capabilities,
};

/// Gives up CAP_BPF, here and for the children, which are started from this thread. Root without it still
/// has CAP_SYS_ADMIN, which allows the same: who wants less runs Volley as another user.
pub(crate) fn give_up_bpf() {
    // Each fails only where there is nothing to be given up: children have what is inheritable and bounded,
    // or what is ambient.
    let _ = remove_capability_from_bounding_set(CapabilitySet::BPF);
    let _ = configure_capability_in_ambient_set(CapabilitySet::BPF, false);
    let given_up = capabilities(None).and_then(|mut sets| {
        for set in [&mut sets.effective, &mut sets.permitted, &mut sets.inheritable] {
            set.remove(CapabilitySet::BPF);
        }
        set_capabilities(None, sets)
    });
    if let Err(error) = given_up {
        tracing::debug!(%error, "CAP_BPF was not given up");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_is_gone_and_nothing_else_is() {
        // On a thread of its own: capabilities are a thread's.
        let (before, after) = std::thread::spawn(|| {
            let before = capabilities(None).unwrap();
            give_up_bpf();
            (before, capabilities(None).unwrap())
        })
        .join()
        .unwrap();
        assert!(!after.permitted.contains(CapabilitySet::BPF));
        assert!(!after.effective.contains(CapabilitySet::BPF));
        assert_eq!(before.permitted - CapabilitySet::BPF, after.permitted);
    }
}
