//! VP8 as libwebrtc sends it: frames of varying size, key frames when asked for, packets of equal
//! size within a frame, paced in bursts of 5 ms.

use super::{LATEST, Outline, VideoModel, normal};
use crate::load::stamp::STAMP_LEN;
use crate::load::vp8::LONGEST_HEADER;
use std::collections::VecDeque;
use std::time::Duration;
use volley::base::Time;
use volley::base::random::Random;

/// Payload bytes of a packet at most: libwebrtc's 1,200 less header, extensions and SRTP.
const MAX_PAYLOAD: u32 = 1150;
/// The least a packet needs for what it must carry.
const MIN_PAYLOAD: u32 = (LONGEST_HEADER + STAMP_LEN) as u32;
/// libwebrtc's pacer looks after its queue each 5 ms …
const BURST: Duration = Duration::from_millis(5);
/// … and lets the queue leave at 2.5 times the bitrate.
const PACING_FACTOR: f64 = 2.5;
/// Spread of the logarithm of frame sizes; a talking head in libvpx at a constant rate.
const DEVIATION: f64 = 0.3;
/// A key frame is so many times an ordinary one.
const KEY_FRAME_FACTOR: (f64, f64) = (6.0, 8.0);
/// What a key frame was over its share is saved by the frames behind it, a quarter of each.
const SAVED_PER_FRAME: f64 = 0.25;
/// Requests closer together than this get one key frame, as in libwebrtc.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(300);

/// Time between two frames.
pub(super) fn interval(model: &VideoModel) -> Duration {
    Duration::from_secs(1) / model.frames_per_second.max(1)
}

/// A camera and its encoder.
#[derive(Debug)]
pub(in crate::load) struct VideoSource {
    random: Random,
    interval: Duration,
    /// Mean bytes of a frame.
    mean: f64,
    next_frame: Time,
    frames: u32,
    paused: bool,
    key_wanted: bool,
    last_key: Option<Time>,
    /// Bytes that key frames were over their share.
    debt: f64,
    queue: VecDeque<Frame>,
    next_burst: Time,
    burst_bytes: u32,
    /// Bytes the burst of now may still send.
    allowance: u32,
}

#[derive(Debug)]
struct Frame {
    number: u32,
    captured: Time,
    key: bool,
    bytes: u32,
    packets: u16,
    sent: u16,
}

impl VideoSource {
    pub(super) fn new(model: VideoModel, random: Random, start: Time) -> VideoSource {
        let bytes_per_second = f64::from(model.bits_per_second) / 8.0;
        let interval = interval(&model);
        VideoSource {
            random,
            interval,
            mean: bytes_per_second * interval.as_secs_f64(),
            next_frame: start,
            frames: 0,
            paused: false,
            key_wanted: true,
            last_key: None,
            debt: 0.0,
            queue: VecDeque::new(),
            next_burst: start,
            burst_bytes: (bytes_per_second * PACING_FACTOR * BURST.as_secs_f64()) as u32,
            allowance: 0,
        }
    }

    pub(super) fn want_key_frame(&mut self) {
        self.key_wanted = true;
    }

    pub(super) fn pause(&mut self, paused: bool, now: Time) -> bool {
        if std::mem::replace(&mut self.paused, paused) == paused {
            return false;
        }
        if !paused {
            self.skip_to(now);
            (self.key_wanted, self.last_key, self.debt) = (true, None, 0.0);
        }
        true
    }

    pub(super) fn next_deadline(&self) -> Time {
        let next_frame = if self.paused { Time::NEVER } else { self.next_frame };
        match self.queue.front() {
            Some(_) if self.allowance > 0 => Time::ZERO,
            Some(_) => self.next_burst.min(next_frame),
            None => next_frame,
        }
    }

    pub(super) fn poll(&mut self, now: Time) -> Option<Outline> {
        while !self.paused && self.next_frame <= now {
            self.capture(now);
        }
        if self.allowance == 0 {
            if self.queue.is_empty() || self.next_burst > now {
                return None;
            }
            self.allowance = self.burst_bytes.max(1);
            self.next_burst = now + BURST;
        }
        let Some(frame) = self.queue.front_mut() else {
            self.allowance = 0;
            return None;
        };
        let outline = frame.next_packet();
        if outline.marker {
            self.queue.pop_front();
        }
        self.allowance = self.allowance.saturating_sub(u32::from(outline.len));
        Some(outline)
    }

    fn capture(&mut self, now: Time) {
        if now.since(self.next_frame) > LATEST {
            return self.skip_to(now);
        }
        let captured = self.next_frame;
        self.next_frame += self.interval;
        let key = self.key_wanted && self.last_key.is_none_or(|last| captured.since(last) >= KEY_FRAME_PAUSE);
        let bytes = if key { self.key_frame_bytes(captured) } else { self.frame_bytes() };
        let bytes = (bytes as u32).max(MIN_PAYLOAD);
        let packets = bytes.div_ceil(MAX_PAYLOAD) as u16;
        self.queue.push_back(Frame { number: self.frames, captured, key, bytes, packets, sent: 0 });
        self.frames = self.frames.wrapping_add(1);
    }

    /// Passes over what the camera took before `now`, and keeps its beat: layers stay in step.
    fn skip_to(&mut self, now: Time) {
        let missed = now.since(self.next_frame).as_nanos().div_ceil(self.interval.as_nanos().max(1));
        self.next_frame += self.interval * missed as u32;
    }

    fn key_frame_bytes(&mut self, captured: Time) -> f64 {
        self.key_wanted = false;
        self.last_key = Some(captured);
        let (least, most) = KEY_FRAME_FACTOR;
        let bytes = self.mean * (least + (most - least) * self.random.below(1000) as f64 / 1000.0);
        self.debt += bytes - self.mean;
        bytes
    }

    fn frame_bytes(&mut self) -> f64 {
        // The mean of a log-normal distribution is e^(σ²/2) times its median.
        let factor = (DEVIATION * normal(&mut self.random) - DEVIATION * DEVIATION / 2.0).exp();
        let saved = self.debt.min(self.mean * SAVED_PER_FRAME);
        self.debt -= saved;
        (self.mean - saved) * factor
    }
}

impl Frame {
    /// All packets are equal but for one byte, the longer ones last, as libwebrtc cuts them.
    fn next_packet(&mut self) -> Outline {
        let packets = u32::from(self.packets);
        let (each, longer) = (self.bytes / packets, self.bytes % packets);
        let is_longer = u32::from(self.sent) >= packets - longer;
        self.sent += 1;
        Outline {
            len: (each + u32::from(is_longer)) as u16,
            first: self.sent == 1,
            marker: self.sent == self.packets,
            key_frame: self.key,
            speech: false,
            silence_follows: false,
            frame: self.number,
            packets_in_frame: self.packets,
            captured: self.captured,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bits_per_second: u32) -> VideoSource {
        let model = VideoModel { bits_per_second, frames_per_second: 30 };
        VideoSource::new(model, Random::new(11), Time::ZERO)
    }

    /// What is sent up to `end`, and when.
    fn run(source: &mut VideoSource, end: Time) -> Vec<(Time, Outline)> {
        let mut sent = Vec::new();
        while source.next_deadline() < end {
            let now = source.next_deadline();
            while let Some(outline) = source.poll(now) {
                sent.push((now, outline));
            }
        }
        sent
    }

    fn frames(sent: &[(Time, Outline)]) -> Vec<Vec<Outline>> {
        let mut frames: Vec<Vec<Outline>> = Vec::new();
        for (_, outline) in sent {
            if outline.first {
                frames.push(Vec::new());
            }
            frames.last_mut().expect("a frame begins with its first packet").push(*outline);
        }
        frames
    }

    #[test]
    fn the_bitrate_is_kept_over_a_minute_with_key_frames_in_it() {
        let mut source = source(1_200_000);
        let mut sent = Vec::new();
        for second in 1..=60 {
            sent.extend(run(&mut source, Time::from_millis(second * 1000)));
            if second % 10 == 0 {
                source.want_key_frame();
            }
        }
        let bits = 8.0 * sent.iter().map(|(_, outline)| f64::from(outline.len)).sum::<f64>() / 60.0;
        assert!((1_140_000.0..1_260_000.0).contains(&bits), "{bits}");
        assert!((1_799..=1_801).contains(&frames(&sent).len()));
    }

    #[test]
    fn packets_of_a_frame_differ_by_one_byte_and_frames_by_many() {
        let mut source = source(1_200_000);
        let mut frames = frames(&run(&mut source, Time::from_millis(10_000)));
        frames.pop_if(|last| last.iter().all(|packet| !packet.marker));
        for frame in &frames {
            let (least, most) = frame
                .iter()
                .fold((u16::MAX, 0), |(low, high), packet| (low.min(packet.len), high.max(packet.len)));
            assert!(most - least <= 1 && u32::from(most) <= MAX_PAYLOAD);
            assert!(frame.iter().all(|packet| usize::from(packet.packets_in_frame) == frame.len()));
            assert_eq!(frame.iter().filter(|packet| packet.marker).count(), 1);
        }
        let sizes: std::collections::HashSet<u16> = frames.iter().map(|frame| frame[0].len).collect();
        assert!(sizes.len() > 100, "{}", sizes.len());
    }

    #[test]
    fn the_first_frame_is_a_key_frame_six_to_eight_times_as_large() {
        let mut source = source(1_200_000);
        let frames = frames(&run(&mut source, Time::from_millis(5_000)));
        let bytes = |frame: &[Outline]| frame.iter().map(|packet| u32::from(packet.len)).sum::<u32>();
        assert!(frames[0][0].key_frame);
        assert!((30_000..=40_000).contains(&bytes(&frames[0])), "{}", bytes(&frames[0]));
        assert!(frames[1..].iter().all(|frame| !frame[0].key_frame));
    }

    #[test]
    fn requests_in_a_row_get_one_key_frame() {
        let mut source = source(1_200_000);
        run(&mut source, Time::from_millis(1_000));
        source.want_key_frame();
        let first = run(&mut source, Time::from_millis(1_100));
        source.want_key_frame();
        let second = run(&mut source, Time::from_millis(1_200));
        let later = run(&mut source, Time::from_millis(1_600));
        let keys = |sent: &[(Time, Outline)]| {
            sent.iter().filter(|(_, outline)| outline.first && outline.key_frame).count()
        };
        assert_eq!((keys(&first), keys(&second), keys(&later)), (1, 0, 1));
    }

    #[test]
    fn a_paused_picture_ends_with_a_whole_frame_and_goes_on_with_a_key_frame_on_the_beat() {
        let mut source = source(1_200_000);
        let before = run(&mut source, Time::from_millis(1_002));
        assert!(!before.last().expect("it was sending").1.marker, "a frame is under way");
        assert!(
            source.pause(true, Time::from_millis(1_002)) && !source.pause(true, Time::from_millis(1_002))
        );
        let rest = run(&mut source, Time::from_millis(60_000));
        assert!(rest.last().is_some_and(|(at, last)| last.marker && *at < Time::from_millis(1_050)));
        assert_eq!(rest.iter().filter(|(_, outline)| outline.first).count(), 0);
        assert_eq!(source.next_deadline(), Time::NEVER);
        assert!(source.pause(false, Time::from_millis(60_010)));
        let after = run(&mut source, Time::from_millis(61_000));
        let (at, first) = after[0];
        assert!(first.first && first.key_frame && first.frame == before.last().unwrap().1.frame + 1);
        assert_eq!(first.captured.as_nanos() % interval(&VideoModel::default()).as_nanos() as u64, 0);
        assert!((60_010..60_044).contains(&at.as_millis()), "{at:?}");
    }

    #[test]
    fn a_source_that_is_far_too_late_goes_on_from_now_and_on_the_beat() {
        let mut source = source(1_200_000);
        assert_eq!(source.poll(Time::from_millis(10_000)), None, "it waits for the next picture");
        let due = source.next_deadline();
        assert!(due >= Time::from_millis(10_000) && due < Time::from_millis(10_034), "{due:?}");
        assert_eq!(due.as_nanos() % interval(&VideoModel::default()).as_nanos() as u64, 0);
    }

    #[test]
    fn a_key_frame_leaves_in_bursts_of_a_few_packets() {
        let mut source = source(1_200_000);
        let sent = run(&mut source, Time::from_millis(33));
        let mut times: Vec<Time> = sent.iter().map(|(at, _)| *at).collect();
        times.dedup();
        assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) == BURST), "{times:?}");
        let largest = times.iter().map(|time| sent.iter().filter(|(at, _)| at == time).count()).max();
        assert!(largest.is_some_and(|packets| (2..=3).contains(&packets)), "{largest:?}");
    }
}
