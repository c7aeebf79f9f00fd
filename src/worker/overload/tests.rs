//! A core that carries less than it is to forward, with key frames, bursts and a host that stops it at times.

use super::*;

/// Lets 25 ms intervals go by in which datagrams wait for `waited`.
fn pass(overload: &mut Overload, now: &mut Time, intervals: u32, waited: Duration) {
    for _ in 0..intervals {
        *now += INTERVAL;
        overload.note(waited);
        overload.adapt(*now, Forwarded::default(), || now.since(Time::ZERO));
    }
}

#[test]
fn a_core_is_short_of_time_when_packets_wait_often_or_pictures_are_shed() {
    let (mut overload, mut now) = (Overload::new(), Time::ZERO);
    assert!(!overload.was_short(), "nothing was seen yet");
    pass(&mut overload, &mut now, 25, Duration::from_millis(2));
    pass(&mut overload, &mut now, 15, Duration::from_millis(25));
    assert!(!overload.was_short(), "less than half of the time");
    pass(&mut overload, &mut now, 15, Duration::from_millis(2));
    pass(&mut overload, &mut now, 25, Duration::from_millis(25));
    assert!(overload.was_short() && overload.share == ALL);
    pass(&mut overload, &mut now, 20, Duration::from_millis(60));
    overload.was_short();
    pass(&mut overload, &mut now, 1, Duration::from_millis(2));
    assert!(overload.was_short(), "it is prompt because pictures are shed");
}

#[test]
fn lateness_that_nothing_helps_sheds_all_pictures_in_half_a_second_and_no_more() {
    let (mut overload, mut now) = (Overload::new(), Time::ZERO);
    pass(&mut overload, &mut now, 20, Duration::from_millis(60));
    assert_eq!(overload.share, 0);
    pass(&mut overload, &mut now, 20, Duration::from_millis(60));
    assert_eq!(overload.share, 0);
}

#[test]
fn a_pause_of_the_host_after_which_waits_sink_sheds_nothing() {
    let (mut overload, mut now) = (Overload::new(), Time::ZERO);
    pass(&mut overload, &mut now, 20, Duration::from_millis(3));
    for waited in (40..180).rev().step_by(4) {
        pass(&mut overload, &mut now, 1, Duration::from_millis(waited));
    }
    assert_eq!(overload.share, ALL);
}

#[test]
fn a_worker_that_has_little_to_do_on_a_core_that_others_keep_sheds_nothing() {
    let (mut overload, mut now) = (Overload::new(), Time::ZERO);
    let mut pass = |overload: &mut Overload, slept: Duration| {
        now += INTERVAL;
        overload.note(Duration::from_millis(90));
        overload.note_sleep(slept);
        overload.adapt(now, Forwarded::default(), || now.since(Time::ZERO) / 10);
    };
    for _ in 0..400 {
        pass(&mut overload, INTERVAL / 2);
        assert_eq!(overload.share, ALL);
    }
    (0..100).for_each(|_| pass(&mut overload, Duration::ZERO));
    assert_eq!(
        overload.share, 0,
        "who is given a tenth of a core and never sleeps has too much to do for it"
    );
}

#[test]
fn a_storm_of_joins_sheds_nothing_unless_it_lasts() {
    let (mut overload, mut now) = (Overload::new(), Time::ZERO);
    let mut core = Core::that_carries(0.6, (0.25, 8));
    for interval in 0..40 {
        overload.note_handshakes(100);
        core.pass(&mut overload, &mut now);
        assert_eq!(overload.share, ALL, "after {interval} intervals");
    }
    for _ in 0..40 {
        overload.note_handshakes(100);
        core.pass(&mut overload, &mut now);
    }
    assert!(overload.share < ALL, "two seconds are no storm");
}

/// What disturbs a core: in every so many intervals one, of which this share is gone.
const UNDISTURBED: (u32, f64) = (1, 0.0);
const SHORT_PAUSES: (u32, f64) = (16, 0.9);
const LONG_PAUSES: (u32, f64) = (120, 6.0);

/// Packets in the socket of a core, and what it makes of them.
struct Core {
    /// Packets a second.
    carries: f64,
    sound: f64,
    /// With all of them shown.
    pictures: f64,
    /// By how much more the pictures are while key frames are among them, and for how many intervals.
    key_frames: (f64, u32),
    key_frames_left: u32,
    pauses: (u32, f64),
    /// Intervals that the host has yet to give back.
    owed: f64,
    passed: u32,
    /// Packets that lie in the socket.
    waiting: f64,
    done: Forwarded,
}

impl Core {
    /// It carries this share of what it is to forward, a quarter of which is sound.
    fn that_carries(share: f64, key_frames: (f64, u32)) -> Core {
        let (sound, pictures) = (50_000.0, 150_000.0);
        Core {
            carries: share * (sound + pictures),
            sound,
            pictures,
            key_frames,
            key_frames_left: 0,
            pauses: UNDISTURBED,
            owed: 0.0,
            passed: 0,
            waiting: 0.0,
            done: Forwarded::default(),
        }
    }

    /// One interval of it.
    fn pass(&mut self, overload: &mut Overload, now: &mut Time) {
        let share = f64::from(overload.share) / f64::from(ALL);
        let more = 1.0 + if self.key_frames_left > 0 { self.key_frames.0 } else { 0.0 };
        self.key_frames_left = self.key_frames_left.saturating_sub(1);
        let seconds = INTERVAL.as_secs_f64();
        // A tenth more and less from one to the next.
        let burst = 1.0 + 0.1 * f64::from(self.passed * 7).sin();
        let pictures = self.pictures * more * burst;
        let wanted = self.sound + pictures * share;
        let there = self.waiting + seconds * wanted;
        let part = self.part_of_an_interval();
        let sent = there.min(seconds * part * self.carries);
        // A socket holds a tenth of a second, what comes then is lost.
        self.waiting = (there - sent).min(0.1 * self.carries);
        self.done.sent += sent as u64;
        self.done.pictures += (sent * (1.0 - self.sound / wanted)) as u64;
        self.done.shed += (sent / wanted * pictures * (1.0 - share)) as u64;
        *now += INTERVAL;
        if part == 0.0 {
            return;
        }
        overload.note(Duration::from_secs_f64(self.waiting / self.carries));
        overload.note_sleep(INTERVAL.mul_f64((part - sent / (seconds * self.carries)).max(0.0)));
        let before = overload.share;
        overload.adapt(*now, self.done, || now.since(Time::ZERO));
        if overload.share > before {
            self.key_frames_left = self.key_frames.1;
        }
    }

    /// What the host leaves of this interval.
    fn part_of_an_interval(&mut self) -> f64 {
        self.passed += 1;
        if self.passed.is_multiple_of(self.pauses.0) {
            self.owed += self.pauses.1;
        }
        let gone = self.owed.min(1.0);
        self.owed -= gone;
        1.0 - gone
    }

    /// The shares after each of so many intervals.
    fn shares(&mut self, overload: &mut Overload, now: &mut Time, intervals: u32) -> Vec<u8> {
        let share = |_| {
            self.pass(overload, now);
            overload.share
        };
        (0..intervals).map(share).collect()
    }

    /// Sixteenths of the pictures that would just fit.
    fn fits(&self) -> f64 {
        let left = 1.0 - self.pauses.1 / f64::from(self.pauses.0);
        ((self.carries * left - self.sound) / self.pictures * f64::from(ALL)).min(f64::from(ALL))
    }
}

fn mean(shares: &[u8]) -> f64 {
    shares.iter().map(|&share| f64::from(share)).sum::<f64>() / shares.len() as f64
}

const KEY_FRAMES: [(f64, u32); 4] = [(0.25, 8), (0.25, 24), (0.8, 8), (1.3, 4)];

#[test]
fn under_a_load_that_stays_too_much_what_is_forwarded_does_not_swing() {
    for carried in [0.97, 0.85, 0.7, 0.5] {
        for key_frames in KEY_FRAMES {
            let (mut overload, mut now) = (Overload::new(), Time::ZERO);
            let mut core = Core::that_carries(carried, key_frames);
            let shares = core.shares(&mut overload, &mut now, 2_400);
            let settled = &shares[800..];
            let sheddings = settled.windows(2).filter(|pair| pair[1] < pair[0]).count();
            assert!(sheddings <= 5, "{sheddings} in 40 s, {carried} {key_frames:?}");
            let (mean, least) = (mean(settled), 0.8 * core.fits() - 1.0);
            assert!(mean > least, "{mean} of 16, {least} wanted, {carried} {key_frames:?}");
            let lowest = f64::from(*shares.iter().min().expect("there are shares"));
            let wanted = 0.7 * core.fits() - f64::from(STEP);
            assert!(lowest >= wanted, "{lowest} of 16 at one time, {carried} {key_frames:?}");
        }
    }
}

#[test]
fn pauses_of_the_host_alone_shed_next_to_nothing() {
    for pauses in [SHORT_PAUSES, LONG_PAUSES] {
        for carried in [1.4, 1.25, 1.15] {
            let (mut overload, mut now) = (Overload::new(), Time::ZERO);
            let mut core = Core { pauses, ..Core::that_carries(carried, (0.8, 8)) };
            let mean = mean(&core.shares(&mut overload, &mut now, 2_400));
            assert!(mean > 15.0, "{mean} of 16, {carried} {pauses:?}");
        }
    }
}

#[test]
fn under_too_much_pauses_of_the_host_cost_little_more_than_their_time() {
    for pauses in [SHORT_PAUSES, LONG_PAUSES] {
        for carried in [0.97, 0.85, 0.7] {
            let (mut overload, mut now) = (Overload::new(), Time::ZERO);
            let mut core = Core { pauses, ..Core::that_carries(carried, (0.8, 8)) };
            let mean = mean(&core.shares(&mut overload, &mut now, 2_400));
            let least = 0.8 * core.fits() - 1.0;
            assert!(mean > least, "{mean} of 16, {least} wanted, {carried} {pauses:?}");
        }
    }
}

#[test]
fn all_is_back_within_seconds_of_others_having_left_the_core() {
    for (carried, within) in [(1.2, 780), (1.5, 120), (3.0, 120)] {
        let (mut overload, mut now) = (Overload::new(), Time::ZERO);
        let mut core = Core::that_carries(carried, (0.25, 8));
        let alone = core.carries;
        for _ in 0..5 {
            core.carries = 0.6 * alone / carried;
            core.shares(&mut overload, &mut now, 200);
            assert!(overload.share < ALL);
            core.carries = alone;
            let shares = core.shares(&mut overload, &mut now, 800);
            assert!(shares[within..].iter().all(|&share| share == ALL), "{carried}: {shares:?}");
        }
    }
}

#[test]
fn all_is_back_within_a_second_of_half_of_the_people_having_left() {
    for carried in [0.9, 0.66, 0.55] {
        let (mut overload, mut now) = (Overload::new(), Time::ZERO);
        let mut core = Core::that_carries(carried, (0.25, 8));
        core.shares(&mut overload, &mut now, 1_200);
        assert!(overload.share < ALL);
        let left = core.carries / (core.sound + core.pictures) * 0.6;
        (core.sound, core.pictures) = (core.sound * left, core.pictures * left);
        let gone = now;
        while overload.share < ALL {
            core.pass(&mut overload, &mut now);
            assert!(now.since(gone) <= Duration::from_secs(1), "{carried}: {overload:?}");
        }
    }
}
