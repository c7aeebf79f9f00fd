//! Opus: a packet each 20 ms while somebody speaks, one each 400 ms while nobody does.

use super::{AudioModel, LATEST, Outline, normal, random_below};
use crate::load::stamp::STAMP_LEN;
use std::time::Duration;
use volley::base::Time;
use volley::base::random::Random;

/// One Opus packet (RFC 7587 §4.2: 20 ms is what everybody sends).
pub(super) const FRAME: Duration = Duration::from_millis(20);
/// In silence libopus sends one packet in twenty, to keep the comfort noise alive.
const DTX_FRAME: Duration = Duration::from_millis(400);
/// Speech at some 36 kbit/s, variable rate: 60 to 120 bytes.
const SHORTEST: f64 = 60.0;
const LONGEST: f64 = 120.0;
const DEVIATION: f64 = 15.0;
/// A silent packet: one byte of Opus, and the stamp it would not have in life.
const SILENT: u16 = 1 + STAMP_LEN as u16;
/// A turn in a conversation.
const TALK: Duration = Duration::from_secs(3);

const _: () = assert!(SHORTEST as usize > 1 + STAMP_LEN);

/// A microphone.
#[derive(Debug)]
pub(in crate::load) struct AudioSource {
    model: AudioModel,
    random: Random,
    next: Time,
    packets: u32,
    speaks: bool,
    /// When speech ends or begins.
    turn_ends: Time,
}

impl AudioSource {
    pub(super) fn new(model: AudioModel, random: Random, start: Time) -> AudioSource {
        let mut source =
            AudioSource { model, random, next: start, packets: 0, speaks: false, turn_ends: start };
        if let Some(turns) = model.turns {
            (source.speaks, source.turn_ends) = turns.at(start);
            return source;
        }
        source.speaks = source.random.chance(model.speaks.clamp(0.0, 1.0));
        source.begin_turn(start);
        source
    }

    pub(super) fn next_deadline(&self) -> Time {
        self.next
    }

    pub(super) fn poll(&mut self, now: Time) -> Option<Outline> {
        if self.next > now {
            return None;
        }
        if now.since(self.next) > LATEST {
            self.next = now;
        }
        let captured = self.next;
        let starts = self.turn_ends <= captured && self.change_turn(captured);
        let len = if self.speaks { self.speech_len() } else { SILENT };
        let pauses = self.model.turns.is_some() || self.model.speaks < 1.0;
        let ends = self.speaks && self.turn_ends <= captured + FRAME && pauses;
        self.next += if self.speaks { FRAME } else { DTX_FRAME };
        if self.model.turns.is_some() {
            // Whoever has waited for their turn does not wait for the comfort noise as well.
            self.next = self.next.min(self.turn_ends.max(captured + FRAME));
        }
        self.packets = self.packets.wrapping_add(1);
        Some(Outline {
            len,
            first: true,
            marker: starts,
            key_frame: false,
            speech: self.speaks,
            silence_follows: ends || !self.speaks,
            frame: self.packets.wrapping_sub(1),
            packets_in_frame: 1,
            captured,
        })
    }

    /// Begins or ends to speak; true when speech begins.
    fn change_turn(&mut self, at: Time) -> bool {
        if let Some(turns) = self.model.turns {
            (self.speaks, self.turn_ends) = turns.at(at);
            return self.speaks;
        }
        self.speaks = match self.model.speaks {
            always if always >= 1.0 => true,
            never if never <= 0.0 => false,
            _ => !self.speaks,
        };
        self.begin_turn(at);
        self.speaks
    }

    /// Turns of speech and of silence last so long that their shares are right.
    fn begin_turn(&mut self, at: Time) {
        let speaks = self.model.speaks.clamp(0.01, 0.99);
        let mean = if self.speaks { TALK } else { TALK.mul_f64((1.0 - speaks) / speaks) };
        self.turn_ends = at + mean / 2 + random_below(&mut self.random, mean);
    }

    fn speech_len(&mut self) -> u16 {
        let mean = f64::midpoint(SHORTEST, LONGEST);
        (mean + DEVIATION * normal(&mut self.random)).clamp(SHORTEST, LONGEST) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::media::Turns;

    fn outlines(speaks: f64, seconds: u64) -> Vec<Outline> {
        let mut source = AudioSource::new(AudioModel { speaks, turns: None }, Random::new(3), Time::ZERO);
        let end = Time::from_millis(seconds * 1000);
        let mut outlines = Vec::new();
        while source.next_deadline() < end {
            let now = source.next_deadline();
            outlines.extend(source.poll(now));
        }
        outlines
    }

    #[test]
    fn who_speaks_sends_fifty_packets_a_second_of_60_to_120_bytes() {
        let outlines = outlines(1.0, 10);
        assert_eq!(outlines.len(), 500);
        assert!(outlines.iter().all(|outline| (60..=120).contains(&outline.len)));
        assert!(outlines.iter().any(|outline| outline.len < 80));
        assert!(outlines.iter().any(|outline| outline.len > 100));
        assert!(outlines.iter().all(|outline| !outline.silence_follows));
    }

    #[test]
    fn who_is_silent_sends_a_packet_each_400_ms() {
        let outlines = outlines(0.0, 10);
        assert_eq!(outlines.len(), 25);
        assert!(outlines.iter().all(|outline| outline.silence_follows && outline.len == SILENT));
    }

    #[test]
    fn pauses_stand_between_packets_that_announce_them() {
        let outlines = outlines(0.4, 600);
        for pair in outlines.windows(2) {
            let pause = pair[1].captured.since(pair[0].captured);
            assert!(pause == FRAME || pair[0].silence_follows, "{pair:?}");
        }
        let speech = outlines.iter().filter(|outline| outline.len != SILENT).count();
        let share = speech as f64 * FRAME.as_secs_f64() / 600.0;
        assert!((0.3..0.5).contains(&share), "{share}");
    }

    #[test]
    fn a_turn_begins_with_the_first_frame_of_speech_and_ends_in_time() {
        let turns = Turns { begin: Time::ZERO, each: Duration::from_secs(1), of: 3, number: 1 };
        let model = AudioModel { speaks: 0.0, turns: Some(turns) };
        let mut source = AudioSource::new(model, Random::new(3), Time::from_millis(7));
        let mut speech = Vec::new();
        while source.next_deadline() < Time::from_millis(6_000) {
            let outline = source.poll(source.next_deadline()).expect("its time has come");
            speech.extend(outline.speech.then_some(outline.captured.as_millis()));
        }
        let (first, second): (Vec<u64>, Vec<u64>) = speech.into_iter().partition(|&at| at < 3_000);
        for (turn, begins) in [(first, 1_000), (second, 4_000)] {
            assert_eq!(turn[0], begins);
            assert_eq!(turn.len(), 50);
        }
    }

    #[test]
    fn a_late_source_goes_on_from_now() {
        let mut source =
            AudioSource::new(AudioModel { speaks: 1.0, turns: None }, Random::new(3), Time::ZERO);
        let late = Time::from_millis(10_000);
        assert_eq!(source.poll(late).map(|outline| outline.captured), Some(late));
        assert_eq!(source.poll(late), None);
    }
}
