//! When a publisher is asked for a key frame: coalesced over all who want one.

use crate::base::Time;
use std::time::Duration;

/// Requests are at least this far apart: a key frame costs a publisher several times a delta frame,
/// and twice a second is what many receivers joining at once may cause. A tenth above half a second,
/// or three would fall into one second at the publisher whenever the first was a little late. A request
/// that brought nothing is repeated no sooner: it or its key frame may be lost, and a key frame takes a
/// frame's time to make and a round trip to come.
const PAUSE: Duration = Duration::from_millis(550);

/// The key frame wishes of one layer.
#[derive(Clone, Debug, Default)]
pub struct KeyRequests {
    wanted: bool,
    last_sent: Option<Time>,
}

impl KeyRequests {
    /// Somebody needs a key frame.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// A key frame came: whoever waited is served.
    pub fn served(&mut self) {
        self.wanted = false;
    }

    /// When the next request is due; `Time::NEVER` when none is wanted.
    pub fn deadline(&self) -> Time {
        match (self.wanted, self.last_sent) {
            (false, _) => Time::NEVER,
            (true, None) => Time::ZERO,
            (true, Some(sent)) => sent + PAUSE,
        }
    }

    /// There is nobody to ask yet: tries again later.
    pub fn postpone(&mut self, now: Time) {
        if self.wanted {
            self.last_sent = Some(now);
        }
    }

    /// Whether a request is to be sent now; takes note that it is.
    pub fn take_due(&mut self, now: Time) -> bool {
        let due = self.deadline() <= now;
        if due {
            self.last_sent = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_wishes_make_one_request() {
        let mut requests = KeyRequests::default();
        requests.want();
        assert!(requests.take_due(Time::from_millis(0)));
        for at in 1..500 {
            requests.want();
            assert!(!requests.take_due(Time::from_millis(at)));
        }
    }

    #[test]
    fn a_second_has_at_most_two_requests_though_the_way_to_the_publisher_varies() {
        let mut requests = KeyRequests::default();
        let mut came = Vec::new();
        for at in 0..10_000 {
            requests.want();
            // Every other one takes 40 ms longer.
            let way = if came.len() % 2 == 0 { 60 } else { 20 };
            came.extend(requests.take_due(Time::from_millis(at)).then_some(at + way));
        }
        assert!(came.windows(3).all(|three| three[2] - three[0] >= 1_000), "{came:?}");
    }

    #[test]
    fn a_request_that_brought_nothing_is_repeated_until_served() {
        let mut requests = KeyRequests::default();
        requests.want();
        assert!(requests.take_due(Time::from_millis(0)));
        assert!(!requests.take_due(Time::from_millis(500)));
        assert!(requests.take_due(Time::from_millis(550)));
        requests.served();
        assert_eq!(requests.deadline(), Time::NEVER);
        assert!(!requests.take_due(Time::from_millis(5_000)));
    }
}
