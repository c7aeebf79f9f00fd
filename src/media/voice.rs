//! Whether somebody speaks, by the loudness that each packet of sound carries (RFC 6464), so that
//! nothing has to be decoded and encrypted sound can be followed as well.

use crate::base::Time;
use crate::wire::extension::AudioLevel;
use std::time::Duration;

/// Quieter than this is no speech: a voice at arm's length gives −20 to −40 dBov, a room −55 and less.
const QUIET: u8 = 50;

/// Louder than this counts though the sender hears no speech in it: music, laughter.
const LOUD: u8 = 30;

/// So much sound in a row begins: longer than a key that is struck, shorter than a word.
const BEGINS_AFTER: Duration = Duration::from_millis(80);

/// A silence up to this long is a pause between words.
const PAUSE: Duration = Duration::from_millis(60);

/// Who was silent for so long has ended; people take breath within it.
const ENDS_AFTER: Duration = Duration::from_millis(1_200);

/// One track's voice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Voice {
    speaks: bool,
    /// When the sound began that has not been interrupted since.
    began: Option<Time>,
    last_heard: Time,
}

impl Voice {
    /// Of somebody whom a process before has heard: who goes on is not interrupted, who does not ends.
    pub fn resumed(now: Time, speaks: bool) -> Voice {
        if speaks { Voice { speaks, began: None, last_heard: now } } else { Voice::default() }
    }

    /// Whether somebody speaks now.
    pub fn speaks(&self) -> bool {
        self.speaks
    }

    /// A packet came. `Some` when somebody begins or ends with it.
    pub fn on_packet(&mut self, now: Time, level: AudioLevel) -> Option<bool> {
        let heard = level.minus_dbov < QUIET && (level.voice || level.minus_dbov < LOUD);
        let silent = now.since(self.last_heard);
        if heard {
            let began = self.began.filter(|_| silent <= PAUSE).unwrap_or(now);
            (self.began, self.last_heard) = (Some(began), now);
            let begins = !self.speaks && now.since(began) >= BEGINS_AFTER;
            self.speaks |= begins;
            return begins.then_some(true);
        }
        let ends = self.speaks && silent >= ENDS_AFTER;
        self.speaks &= !ends;
        ends.then_some(false)
    }

    /// Nothing may have come for long. True when somebody ends with it.
    pub fn on_silence(&mut self, now: Time) -> bool {
        let ends = self.speaks && now.since(self.last_heard) >= ENDS_AFTER;
        self.speaks &= !ends;
        ends
    }

    /// The track was muted. True when somebody was speaking.
    pub fn mute(&mut self) -> bool {
        std::mem::take(self).speaks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One packet each 20 ms; tells when somebody began and ended, in milliseconds.
    fn heard(levels: impl IntoIterator<Item = AudioLevel>) -> Vec<(u64, bool)> {
        let mut voice = Voice::default();
        let at = |place: usize| 10_000 + 20 * place as u64;
        let change = |(place, level)| {
            Some((at(place) - 10_000, voice.on_packet(Time::from_millis(at(place)), level)?))
        };
        levels.into_iter().enumerate().filter_map(change).collect()
    }

    fn level(minus_dbov: u8, voice: bool) -> AudioLevel {
        AudioLevel { voice, minus_dbov }
    }

    fn packets(level: AudioLevel, count: usize) -> impl Iterator<Item = AudioLevel> {
        std::iter::repeat_n(level, count)
    }

    #[test]
    fn a_word_begins_within_a_tenth_of_a_second_and_ends_after_a_breath() {
        let talk = packets(level(35, true), 50).chain(packets(level(127, false), 100));
        assert_eq!(heard(talk), [(80, true), (49 * 20 + 1_200, false)]);
    }

    #[test]
    fn pauses_between_words_and_breaths_end_nothing() {
        let sentence = (0..200).map(|place| level(if place % 50 < 20 { 30 } else { 80 }, true));
        assert_eq!(heard(sentence), [(80, true)]);
    }

    #[test]
    fn a_struck_key_and_a_noisy_room_are_nobody_speaking() {
        assert_eq!(heard(packets(level(20, true), 3).chain(packets(level(90, false), 50))), []);
        assert_eq!(heard(packets(level(45, false), 500)), [], "hiss in which the sender hears no speech");
        assert_eq!(heard(packets(level(60, true), 500)), [], "a voice in another room");
    }

    #[test]
    fn who_stops_sending_in_mid_word_ends_as_well() {
        let mut voice = Voice::default();
        for place in 0..10 {
            voice.on_packet(Time::from_millis(1_000 + place * 20), level(20, true));
        }
        assert!(!voice.on_silence(Time::from_millis(2_000)) && voice.speaks());
        assert!(voice.on_silence(Time::from_millis(2_400)) && !voice.speaks());
        assert!(!voice.on_silence(Time::from_millis(3_000)));
    }

    #[test]
    fn who_was_heard_by_a_process_before_ends_unless_they_go_on() {
        let mut voice = Voice::resumed(Time::from_millis(1_000), true);
        assert_eq!(voice.on_packet(Time::from_millis(1_020), level(20, true)), None, "no news");
        assert!(!voice.on_silence(Time::from_millis(2_000)));
        assert!(voice.on_silence(Time::from_millis(2_300)));
        assert!(!Voice::resumed(Time::from_millis(1_000), false).on_silence(Time::from_millis(9_000)));
    }

    #[test]
    fn who_is_muted_speaks_no_more() {
        let mut voice = Voice::default();
        for place in 0..10 {
            voice.on_packet(Time::from_millis(1_000 + place * 20), level(20, true));
        }
        assert!(voice.speaks() && voice.mute());
        assert!(!voice.speaks() && !voice.mute());
    }
}
