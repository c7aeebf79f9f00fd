//! What media and signaling have resident together, looked at once a second.

use crate::cgroup;
use crate::hub::Hub;
use crate::metrics;
use std::path::Path;
use std::time::Duration;
use volley::control::channel::CounterView;

/// The media process tells its part about as often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tells the state what is taken, for as long as there is one.
pub(crate) async fn watch(hub: Hub, media: CounterView) {
    let of_group = cgroup::memory_for_us(Path::new("/"));
    if hub.call(move |state, _| state.bound_memory(of_group)).await.is_none() {
        return;
    }
    let mut tick = tokio::time::interval(LOOK_EVERY);
    loop {
        tick.tick().await;
        let status = tokio::fs::read_to_string("/proc/self/status").await.unwrap_or_default();
        let bytes = metrics::resident(&media) + anonymous(&status);
        if hub.call(move |state, _| state.note_memory(bytes)).await.is_none() {
            return;
        }
    }
}

/// `RssAnon` of what proc(5) calls `status`: what is shared with the media process counts there.
fn anonymous(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.map_or(0, |kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_is_nobody_elses_is_read() {
        assert_eq!(anonymous("VmRSS:\t  900 kB\nRssAnon:\t     512 kB\nRssFile:\t 9 kB\n"), 512 * 1024);
        assert_eq!(anonymous("RssAnon:\n"), 0);
    }
}
