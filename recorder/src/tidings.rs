//! What signaling must hear, beside what it hears once a second anyway: said when it listens, and again when it was
//! perhaps lost, until signaling says that its records hold it.

use crate::desk::{FromRecorder, Tiding, to_bytes};
use crate::source::Source;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use volley::base::Time;

/// What signaling has not been told yet, since it does not listen; recordings that ended, mostly.
const MOST: usize = 10_000;

/// What was said to a signaling that was killed since is said again when the next one has not noted it so long after it
/// began: what still waits for it, it reads and notes within a moment.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Tidings {
    /// What must be said and was not.
    unsaid: VecDeque<FromRecorder>,
    /// What was said and may still be lost with the connection, with its number.
    on_the_way: VecDeque<(u64, FromRecorder)>,
    /// What signaling's records do not hold yet, as far as is known here.
    unnoted: BTreeMap<(String, Tiding), Unnoted>,
}

#[derive(Debug)]
struct Unnoted {
    message: FromRecorder,
    /// When to say it again, once signaling has begun anew.
    again_at: Option<Time>,
}

impl Tidings {
    /// This must be said; what was said and is not noted yet is not said by this.
    pub(crate) fn add(&mut self, message: FromRecorder) {
        if let Some((recording, tiding)) = message.tiding() {
            let key = (recording.to_owned(), tiding);
            if self.unnoted.contains_key(&key) {
                return;
            }
            if self.unnoted.len() == MOST {
                self.unnoted.pop_first();
            }
            self.unnoted.insert(key, Unnoted { message: message.clone(), again_at: None });
        }
        self.add_unsaid(message);
    }

    /// Signaling's records hold it.
    pub(crate) fn on_noted(&mut self, recording_id: &str, tiding: Tiding) {
        self.unnoted.remove(&(recording_id.to_owned(), tiding));
    }

    /// Another line, with another clock: what was lost with the one before is said again.
    pub(crate) fn begin_anew(&mut self) {
        let lost = self.on_the_way.drain(..).rev().map(|(_, message)| message);
        lost.for_each(|message| self.unsaid.push_front(message));
        // Nobody waits for those any more.
        self.unsaid.retain(|message| !matches!(message, FromRecorder::Answer { .. }));
        self.unnoted.values_mut().for_each(|one| one.again_at = None);
    }

    /// Signaling has begun: the one before may have died with what it was told.
    pub(crate) fn on_signaling_began(&mut self, now: Time) {
        self.unnoted.values_mut().for_each(|one| one.again_at = Some(now + AGAIN_AFTER));
    }

    /// Says what is due, as far as somebody listens.
    pub(crate) fn say(&mut self, now: Time, source: &mut Source) {
        self.take_up_lost(now);
        while let Some(first) = self.unsaid.pop_front() {
            if !source.say(&to_bytes(&first)) {
                self.unsaid.push_front(first);
                break;
            }
            let (said, heard) = source.said_and_heard();
            if said > heard {
                self.on_the_way.push_back((said, first));
            }
        }
        let (_, heard) = source.said_and_heard();
        while self.on_the_way.front().is_some_and(|(number, _)| *number <= heard) {
            self.on_the_way.pop_front();
        }
    }

    fn take_up_lost(&mut self, now: Time) {
        // Where something waits to be said, nobody has read what was said before.
        if !self.unsaid.is_empty() {
            return;
        }
        for one in self.unnoted.values_mut() {
            if one.again_at.take_if(|at| now >= *at).is_some() {
                self.unsaid.push_back(one.message.clone());
            }
        }
    }

    fn add_unsaid(&mut self, message: FromRecorder) {
        if self.unsaid.len() == MOST {
            self.unsaid.pop_front();
            tracing::error!("signaling does not listen, and too much waits for it: something is said later");
        }
        self.unsaid.push_back(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::source::Local;
    use std::os::fd::OwnedFd;
    use volley::control::desk;

    struct Bench {
        tidings: Tidings,
        source: Source,
        signaling: OwnedFd,
    }

    impl Bench {
        fn new() -> Bench {
            let (signaling, desk) = desk::pair().unwrap();
            let source = Source::Local(Local { taps: Vec::new(), desk });
            let mut tidings = Tidings::default();
            tidings.add(FromRecorder::ended(&fixture::manifest()));
            Bench { tidings, source, signaling }
        }

        /// How often it was said by that time, in seconds.
        fn heard(&mut self, at: u64) -> usize {
            self.tidings.say(Time::from_millis(at * 1_000), &mut self.source);
            std::iter::from_fn(|| desk::receive(&self.signaling).unwrap()).count()
        }
    }

    #[test]
    fn what_died_with_signaling_is_said_again_to_the_next_one() {
        let mut bench = Bench::new();
        assert_eq!(bench.heard(1), 1);
        bench.tidings.add(FromRecorder::ended(&fixture::manifest()));
        assert_eq!(bench.heard(3_600), 0, "it may still read what it was told");
        bench.tidings.on_signaling_began(Time::from_millis(3_600_000));
        assert_eq!((bench.heard(3_601), bench.heard(3_631), bench.heard(9_999)), (0, 1, 0));
    }

    #[test]
    fn what_is_noted_is_not_said_again() {
        let mut bench = Bench::new();
        assert_eq!(bench.heard(1), 1);
        bench.tidings.on_signaling_began(Time::from_millis(1_000));
        bench.tidings.on_noted("rec-1", Tiding::Ended);
        assert_eq!((bench.heard(100), bench.tidings.unnoted.len()), (0, 0));
    }
}
