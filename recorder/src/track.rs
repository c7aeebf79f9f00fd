//! A recorded track: of its encodings one is written, from one of its key frames to one of the next's.

use crate::layer::{Came, Layer};
use std::time::Duration;
use volley::base::{Time, TrackId};
use volley::control::tap::{TapWish, TappedPacket};
use volley::control::types::{Kind, MAX_ENCODINGS};

/// A key frame is asked for again after so long: the worker makes one request of many, and a publisher
/// takes some hundred milliseconds.
const ASK_AGAIN: Duration = Duration::from_millis(1_000);

/// See the module.
#[derive(Debug)]
pub struct Track {
    /// Its id.
    pub id: TrackId,
    /// Sound or picture.
    pub kind: Kind,
    layers: Vec<Layer>,
    /// What is written from its next key frame on.
    aim: usize,
    /// What is written.
    current: Option<usize>,
    last_asked: Option<Time>,
    /// Whether nothing comes of it on purpose.
    pub muted: bool,
}

impl Track {
    /// A track of which nothing came yet.
    pub fn new(id: TrackId, kind: Kind, patience: Duration, unix_nanos_at_zero: u64) -> Track {
        let layers = (0..MAX_ENCODINGS).map(|_| Layer::new(kind, patience, unix_nanos_at_zero)).collect();
        Track { id, kind, layers, aim: 0, current: None, last_asked: None, muted: false }
    }

    /// A packet came.
    pub fn on_packet(&mut self, packet: &TappedPacket, bytes: &[u8]) {
        let number = usize::from(packet.layer);
        if packet.is_aim {
            self.aim = number.min(self.layers.len() - 1);
        }
        if let Some(layer) = self.layers.get_mut(number) {
            layer.on_packet(packet, bytes);
        }
    }

    /// The publisher of a layer reported.
    pub fn on_report(&mut self, layer: u8, timestamp: u32, unix_nanos: u64) {
        if let Some(layer) = self.layers.get_mut(usize::from(layer)) {
            layer.on_report(timestamp, unix_nanos);
        }
    }

    /// A layer begins a new sequence.
    pub fn on_restart(&mut self, layer: u8) {
        if let Some(layer) = self.layers.get_mut(usize::from(layer)) {
            layer.restart();
        }
    }

    /// It is muted, or no longer.
    pub fn on_muted(&mut self, muted: bool) {
        self.muted = muted;
        self.layers.iter_mut().for_each(Layer::on_pause);
    }

    /// The next that can be told at `now`.
    pub fn pull(&mut self, now: Time) -> Option<Came> {
        for number in 0..self.layers.len() {
            while let Some(came) = self.layers[number].pull(now) {
                if let Some(came) = self.choose(number, came) {
                    return Some(came);
                }
            }
        }
        None
    }

    /// What the worker is to be asked for now.
    pub fn wish(&mut self, now: Time) -> Option<TapWish> {
        let number = if self.layers[self.aim].needs_key() { self.aim } else { self.current? };
        if self.layers[number].needs_key() { self.ask_of(now, number) } else { None }
    }

    /// A key frame is wanted although all that comes can be written.
    pub fn ask(&mut self, now: Time) -> Option<TapWish> {
        self.ask_of(now, self.current?)
    }

    fn ask_of(&mut self, now: Time, number: usize) -> Option<TapWish> {
        let is_due = self.last_asked.is_none_or(|asked| now.since(asked) >= ASK_AGAIN);
        if self.kind != Kind::Video || self.muted || !is_due {
            return None;
        }
        self.last_asked = Some(now);
        Some(TapWish::KeyFrame { track: self.id, layer: number as u8 })
    }

    /// The file needs a key frame to go on: nothing is written before.
    pub fn begin_anew(&mut self) {
        self.layers.iter_mut().for_each(Layer::need_key);
    }

    /// How many packets wait.
    pub fn waiting(&self) -> usize {
        self.layers.iter().map(Layer::waiting).sum()
    }

    /// Whether something has come that cannot be told yet.
    pub fn is_waiting(&self) -> bool {
        self.layers[self.current.unwrap_or(self.aim)].is_waiting()
    }

    fn choose(&mut self, number: usize, came: Came) -> Option<Came> {
        if let Came::Frame(timed) = &came
            && self.current != Some(number)
            && number == self.aim
            && timed.frame.is_key
            && let Some(left) = self.current.replace(number)
        {
            self.layers[left].restart();
        }
        (self.current == Some(number)).then_some(came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use volley::control::types::Codec;

    const PATIENCE: Duration = Duration::from_secs(1);

    struct Bench {
        track: Track,
        sent: [u64; MAX_ENCODINGS],
    }

    impl Bench {
        fn new() -> Bench {
            let mut track = Track::new(TrackId(1), Kind::Video, PATIENCE, 0);
            (0..MAX_ENCODINGS as u8).for_each(|layer| track.on_report(layer, 0, 0));
            Bench { track, sent: [0; MAX_ENCODINGS] }
        }

        /// A picture of a layer, in one packet; what can be told then.
        fn picture(&mut self, ms: u64, layer: u8, aim: u8, is_key: bool) -> Vec<u64> {
            let index = self.sent[usize::from(layer)];
            self.sent[usize::from(layer)] += 1;
            let mut packet = vec![0x80, 0x80 | 96];
            packet.extend((index as u16).to_be_bytes());
            packet.extend(((ms * 90) as u32).to_be_bytes());
            packet.extend([0; 4]);
            packet.extend([0x10, u8::from(!is_key), 0, 0, layer]);
            let received = Time::from_millis(ms);
            let is_aim = layer == aim;
            let codec = Codec::Vp8;
            let head = TappedPacket {
                track: TrackId(1),
                layer,
                codec,
                starts_key_frame: is_key,
                is_aim,
                index,
                received,
            };
            self.track.on_packet(&head, &packet);
            self.told(ms)
        }

        /// The layers of the frames that can be told now.
        fn told(&mut self, ms: u64) -> Vec<u64> {
            let mut layers = Vec::new();
            while let Some(came) = self.track.pull(Time::from_millis(ms)) {
                if let Came::Frame(timed) = came {
                    layers.push(u64::from(timed.frame.data[3]));
                }
            }
            layers
        }
    }

    #[test]
    fn another_encoding_takes_over_with_its_key_frame_and_none_is_told_twice() {
        let mut bench = Bench::new();
        assert_eq!(bench.picture(0, 0, 0, true), [0]);
        assert_eq!(bench.picture(33, 0, 0, false), [0]);
        assert_eq!(bench.picture(66, 2, 2, false), [0u64; 0], "it is not its turn before a key frame");
        assert_eq!(bench.picture(67, 0, 2, false), [0], "so the old one goes on");
        assert_eq!(bench.picture(100, 2, 2, true), [2]);
        assert_eq!(bench.picture(101, 0, 2, false), [0u64; 0]);
        assert_eq!(bench.picture(133, 2, 2, false), [2]);
    }

    #[test]
    fn a_key_frame_is_asked_for_while_one_is_needed_and_not_too_often() {
        let mut bench = Bench::new();
        let wish = Some(TapWish::KeyFrame { track: TrackId(1), layer: 1 });
        assert_eq!(bench.track.wish(Time::ZERO), None, "nothing came");
        bench.picture(0, 1, 1, false);
        assert_eq!(bench.track.wish(Time::from_millis(1)), wish);
        assert_eq!(bench.track.wish(Time::from_millis(900)), None);
        assert_eq!(bench.track.wish(Time::from_millis(1_001)), wish);
        assert_eq!(bench.picture(1_100, 1, 1, true), [1]);
        assert_eq!(bench.track.wish(Time::from_millis(9_000)), None);
    }

    #[test]
    fn a_muted_track_waits_for_nothing() {
        let mut bench = Bench::new();
        bench.picture(0, 0, 0, true);
        bench.track.on_muted(true);
        assert!(!bench.track.is_waiting());
        assert_eq!(bench.track.wish(Time::from_millis(5_000)), None);
        bench.track.on_muted(false);
        bench.sent[0] += 100;
        assert_eq!(bench.picture(5_000, 0, 0, true), [0]);
    }
}
