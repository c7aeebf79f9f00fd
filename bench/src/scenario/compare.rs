//! `compare`: the same load, cores and wire for several servers in turn.

mod curves;
mod entry;
mod result;

use super::contender::{Contender, Variant, VolleyChoice, find_all};
use super::measure::Measured;
use super::probe::{Bounds, Prober, Tried};
use super::search::{Found, Range, Verdict};
use super::shape::Shape;
use super::trial::Trial;
use crate::cli::{self, Rooms, Scenario};
use crate::host::place::Place;
use crate::limit::{self, LimitPlan, LimitResult, Mix, Way};
use crate::report::Report;
use crate::report::progress::Progress;
use entry::Entry;
use result::Comparison;
use std::time::Duration;

/// The search tells loads apart no finer than this.
const PRECISION: f64 = 0.03;
/// A measured run that loses what the short trials did not is repeated at this share of the load.
const STEP_BACK: f64 = 0.95;
/// So often; then it is reported as it is, and marked as outside its bounds.
const STEPS_BACK: u32 = 3;
/// Limit runs are few and steady.
const LIMIT_TIME: Duration = Duration::from_secs(2);

/// Compares.
///
/// # Errors
/// When the bench itself fails, or is asked for what cannot be; a server that fails is reported as such.
pub(crate) async fn run(
    flags: &cli::Compare,
    volley: &VolleyChoice,
    place: &Place,
    progress: &Progress,
) -> anyhow::Result<Report> {
    check_delay_allows(flags)?;
    check_adapts(flags)?;
    let comparison = Compare { flags, place, progress, shape: shape(flags) };
    let (contenders, absent) = find_all(&flags.servers.servers, &variants(flags), volley, progress).await;
    let mut entries: Vec<Entry> = contenders.into_iter().map(Entry::new).collect();
    comparison.find_loads(&mut entries).await;
    comparison.measure_all(&mut entries).await;
    let limit = if flags.no_limit { None } else { Some(comparison.limit()?) };
    let result = Comparison {
        scenario: flags.scenario,
        shape: comparison.shape,
        bounds: comparison.bounds(),
        rounds: flags.rounds,
        entries,
        absent,
        limit,
        mix: comparison.mix(),
    };
    result.report(place)
}

/// In a meeting trains are what a packet's waiting makes of them, so there the ratio is a curve over delay.
const MEETING_DELAYS: [u32; 3] = [5, 10, 20];

fn variants(flags: &cli::Compare) -> Vec<Variant> {
    let variants = adapting_variants(flags);
    if !flags.cost_of_adaptation {
        return variants;
    }
    variants.into_iter().flat_map(Variant::with_and_without_feedback).collect()
}

fn adapting_variants(flags: &cli::Compare) -> Vec<Variant> {
    if !flags.gathering.is_empty() {
        return flags.gathering.iter().map(|time| Variant::gathering(time)).collect();
    }
    let by_default = flags.delays.is_empty() && flags.scenario == Scenario::Meeting;
    let delays = if by_default { &MEETING_DELAYS[..] } else { &flags.delays };
    delays.iter().map(|&delay| Variant::within(delay)).collect()
}

/// Whether packets that Volley gathers for so long are reckoned to come within the delay that is asked of a load:
/// else no load at all would count as carried, and that would look like a result.
fn check_delay_allows(flags: &cli::Compare) -> anyhow::Result<()> {
    if flags.rooms != Rooms::Auto || !flags.servers.include_volley() {
        return Ok(());
    }
    for time in &flags.gathering {
        let Ok(gathering) = time.parse::<f64>() else { continue };
        // What a division leaves behind the point is no millisecond more.
        let needed = (gathering / Variant::GATHERING_OF_DELAY - 1e-6).ceil();
        anyhow::ensure!(
            Duration::from_millis(needed as u64) <= flags.max_delay,
            "packets that are gathered for {time} ms are not reckoned to leave within --max-delay {}: give a \
             --max-delay of at least {needed}, or less of --gathering",
            flags.max_delay.as_micros() as f64 / 1e3
        );
    }
    Ok(())
}

/// Other servers are never given feedback, and only in meetings Volley stands there in variants.
fn check_adapts(flags: &cli::Compare) -> anyhow::Result<()> {
    anyhow::ensure!(
        !flags.cost_of_adaptation || (flags.scenario == Scenario::Meeting && flags.servers.include_volley()),
        "--cost-of-adaptation is measured of volley in meetings: give --scenario meeting and --servers volley"
    );
    Ok(())
}

struct Compare<'a> {
    flags: &'a cli::Compare,
    place: &'a Place,
    progress: &'a Progress,
    shape: Shape,
}

fn shape(flags: &cli::Compare) -> Shape {
    match flags.scenario {
        Scenario::Meeting => Shape::meeting(flags.people, flags.bitrate),
        Scenario::Webinar => Shape::webinar(flags.subscribers, flags.bitrate),
        Scenario::Audio => Shape::audio(flags.listeners + flags.speakers, flags.speakers),
    }
}

impl Compare<'_> {
    fn bounds(&self) -> Bounds {
        Bounds { loss: self.flags.max_loss / 100.0, delay: self.flags.max_delay.as_secs_f64() }
    }

    fn bounds_of(&self, contender: &Contender) -> Bounds {
        let bounds = self.bounds();
        Bounds { delay: contender.delay.unwrap_or(bounds.delay), ..bounds }
    }

    fn trial(&self) -> Trial<'_> {
        Trial { place: self.place, shape: self.shape, progress: self.progress }
    }

    /// The sizes of the floor that is nearest to this load.
    fn mix(&self) -> Mix {
        match self.flags.scenario {
            Scenario::Meeting => Mix::MeetingEqualised,
            Scenario::Webinar => Mix::Equal,
            Scenario::Audio => Mix::Audio,
        }
    }

    async fn find_loads(&self, entries: &mut [Entry]) {
        // Without feedback it has the load of the same with feedback.
        for entry in entries.iter_mut().filter(|entry| entry.contender.adapts) {
            match self.flags.rooms {
                Rooms::Count(rooms) => {
                    entry.found = Found { load: rooms * self.shape.people, bound: Verdict::Carried };
                }
                Rooms::Auto => match self.search(&entry.contender).await {
                    Ok((found, tried)) => {
                        entry.strays += tried.iter().map(|tried| tried.strays).sum();
                        (entry.found, entry.tried) = (found, tried);
                    }
                    Err(error) => entry.fail(self.progress, &error),
                },
            }
        }
    }

    async fn search(&self, contender: &Contender) -> anyhow::Result<(Found, Vec<Tried>)> {
        let range = Range {
            start: self.shape.people,
            most: self.flags.most.max(self.shape.people),
            precision: PRECISION,
        };
        let prober = Prober {
            place: self.place,
            shape: self.shape,
            bounds: self.bounds_of(contender),
            step: 1,
            range,
            progress: self.progress,
        };
        prober.search(contender).await
    }

    /// A B A B: what changes on the machine meanwhile changes for all.
    async fn measure_all(&self, entries: &mut [Entry]) {
        let loads = &self.flags.loads;
        for round in 0..self.flags.rounds {
            for &load in loads {
                for index in 0..entries.len() {
                    if !entries[index].contender.adapts {
                        entries[index].found = entries[index - 1].found;
                    }
                    let entry = &mut entries[index];
                    if !entry.runs() {
                        continue;
                    }
                    let share = f64::from(load) / 100.0;
                    let outcome = self.measured_run(entry, share, round == 0).await;
                    match outcome {
                        Ok(run) => entry.add(load, run),
                        Err(error) => entry.fail(self.progress, &error),
                    }
                }
            }
        }
    }

    /// One run; in the first round at full load, less of it as long as too much is lost.
    async fn measured_run(&self, entry: &mut Entry, share: f64, first: bool) -> anyhow::Result<Measured> {
        let searched = self.flags.rooms == Rooms::Auto;
        let may_step = searched && first && share >= 1.0 && entry.contender.adapts;
        let mut steps = if may_step { STEPS_BACK } else { 0 };
        loop {
            let participants =
                ((f64::from(entry.found.load) * share) as u32).max(self.shape.publishers.min(2) + 1);
            let run = self.trial().run(&entry.contender, participants, self.flags.seconds).await?;
            entry.strays += run.strays();
            if steps == 0 || self.bounds_of(&entry.contender).judge(&run) == Verdict::Carried {
                return Ok(run);
            }
            steps -= 1;
            entry.found.load = (f64::from(entry.found.load) * STEP_BACK) as u32;
        }
    }

    fn limit(&self) -> anyhow::Result<LimitResult> {
        let plan = LimitPlan {
            trains: vec![1, 2, 4, 8, 16, 32],
            mixes: vec![self.mix()],
            destinations: 200,
            time: LIMIT_TIME,
            rounds: 2,
            way: Way::BackEnd,
        };
        limit::run(self.place, &plan, self.progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    fn compare(line: &str) -> cli::Compare {
        let words = format!("volley-bench compare {line}");
        match Cli::try_parse_from(words.split_whitespace()).expect("it is well-formed").command {
            Command::Compare(compare) => compare,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(line: &str) -> Option<String> {
        check_delay_allows(&compare(line)).err().map(|error| error.to_string())
    }

    #[test]
    fn a_gathering_time_needs_a_delay_to_fit_and_the_one_that_is_named_does() {
        let refused = refusal("--gathering off,5,10,20").expect("20 ms do not fit into 20");
        assert!(refused.contains("for 20 ms") && refused.contains("--max-delay 20:"), "{refused}");
        assert!(refused.contains("at least 34,"), "{refused}");
        assert!(refusal("--gathering 20 --max-delay 33.9").is_some_and(|why| why.contains("33.9:")));
        for fits in ["20 --max-delay 34", "off,5,10,20 --max-delay 34", "3 --max-delay 5", "12", "auto"] {
            assert_eq!(refusal(&format!("--gathering {fits}")), None, "{fits}");
        }
    }

    #[test]
    fn adaptation_is_measured_of_volley_in_meetings_in_turn() {
        let flags = compare("--cost-of-adaptation --delays 5,20");
        assert!(check_adapts(&flags).is_ok());
        let adapts: Vec<_> = variants(&flags).iter().map(|one| (one.delay, one.adapts)).collect();
        let delays = [Some(0.005), Some(0.02)];
        assert_eq!(adapts, [(delays[0], true), (delays[0], false), (delays[1], true), (delays[1], false)]);
        for line in ["--scenario webinar", "--servers janus"] {
            let refused = check_adapts(&compare(&format!("--cost-of-adaptation {line}")));
            assert!(refused.is_err_and(|why| why.to_string().contains("--scenario meeting")), "{line}");
        }
        assert!(variants(&compare("--delays 5,20")).iter().all(|one| one.adapts));
    }

    #[test]
    fn a_delay_is_asked_only_of_a_volley_whose_load_is_searched() {
        assert_eq!(refusal("--gathering 20 --rooms 3"), None);
        assert_eq!(refusal("--gathering 20 --servers janus,mediasoup"), None);
    }
}
