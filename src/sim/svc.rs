//! Pictures in spatial layers of one encoding, as libwebrtc sends them: what each frame needs, and the
//! dependency descriptor that tells (AV1 RTP specification, appendix A), written and read apart from the
//! server's.

use std::collections::BTreeMap;

/// Spatial layers, each with three temporal ones.
pub const LAYERS: usize = 3;
/// Decode targets: one for each pair of layers.
const TARGETS: u32 = 9;
/// Templates of one spatial layer.
const KINDS: usize = 5;

/// A structure, by the name that pages know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Svc {
    /// `L3T3_KEY`: an upper layer needs the one below in key frames only.
    Key,
    /// `L3T3`: it always does.
    Full,
}

/// Temporal layer, what the frame is to each target, and how far back the frames are that it needs.
type Template = (u32, &'static str, &'static [u16]);

/// libwebrtc's `ScalabilityStructureL3T3Key`, in the order of layers.
const KEY: [Template; LAYERS * KINDS] = [
    (0, "SSSSSSSSS", &[]),
    (0, "SSS------", &[12]),
    (1, "-DS------", &[6]),
    (2, "--D------", &[3]),
    (2, "--D------", &[3]),
    (0, "---SSSSSS", &[1]),
    (0, "---SSS---", &[12]),
    (1, "----DS---", &[6]),
    (2, "-----D---", &[3]),
    (2, "-----D---", &[3]),
    (0, "------SSS", &[1]),
    (0, "------SSS", &[12]),
    (1, "-------DS", &[6]),
    (2, "--------D", &[3]),
    (2, "--------D", &[3]),
];

/// Its `ScalabilityStructureL3T3`.
const FULL: [Template; LAYERS * KINDS] = [
    (0, "SSSRRRRRR", &[12]),
    (0, "SSSSSSSSS", &[]),
    (1, "-DS-RR-RR", &[6]),
    (2, "--D--R--R", &[3]),
    (2, "--D--R--R", &[3]),
    (0, "---SSSRRR", &[12, 1]),
    (0, "---SSSSSS", &[1]),
    (1, "----DS-RR", &[6, 1]),
    (2, "-----D--R", &[3, 1]),
    (2, "-----D--R", &[3, 1]),
    (0, "------SSS", &[12, 1]),
    (0, "------SSS", &[1]),
    (1, "-------DS", &[6, 1]),
    (2, "--------D", &[3, 1]),
    (2, "--------D", &[3, 1]),
];

impl Svc {
    /// What is written in a tag.
    pub fn number(self) -> u8 {
        1 + u8::from(self == Svc::Full)
    }

    /// The one that is written in a tag, if one is.
    pub fn of_number(number: u8) -> Option<Svc> {
        [Svc::Key, Svc::Full].into_iter().find(|svc| svc.number() == number)
    }

    fn templates(self) -> &'static [Template; LAYERS * KINDS] {
        if self == Svc::Key { &KEY } else { &FULL }
    }

    fn template(self, spatial: usize, phase: Phase) -> u8 {
        let kind = match (phase, self) {
            (Phase::Key, Svc::Key) | (Phase::T0, Svc::Full) => 0,
            (Phase::Key, Svc::Full) | (Phase::T0, Svc::Key) => 1,
            (Phase::T1, _) => 2,
            (Phase::T2A, _) => 3,
            (Phase::T2B, _) => 4,
        };
        (spatial * KINDS) as u8 + kind
    }
}

/// A picture's place in the pattern of four.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Key,
    T0,
    T2A,
    T1,
    T2B,
}

/// One frame of a picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Its spatial layer.
    pub spatial: usize,
    /// Its temporal layer.
    pub temporal: u8,
    /// Whether its picture is a key frame.
    pub key: bool,
    /// Counts the frames of all layers.
    pub number: u16,
    template: u8,
    needs: Vec<u16>,
    /// The targets that come, where that is to be told.
    active: Option<u32>,
}

/// An encoder's part: which frames the next picture has.
#[derive(Debug)]
pub struct Encoder {
    svc: Svc,
    next: u16,
    since_key: u64,
    /// By spatial layer, the last frames of the temporal layers 0 and 1.
    kept: [[Option<u16>; 2]; LAYERS],
    active: usize,
    told: usize,
}

impl Encoder {
    /// It begins with a key frame, of as many spatial layers.
    pub fn new(svc: Svc, first: u16) -> Encoder {
        let kept = [[None; 2]; LAYERS];
        Encoder { svc, next: first, since_key: 0, kept, active: LAYERS, told: LAYERS }
    }

    /// Its structure.
    pub fn svc(&self) -> Svc {
        self.svc
    }

    /// So many spatial layers are coded from now on. True: that takes a key frame.
    pub fn set_active(&mut self, layers: usize) -> bool {
        let rises = layers > self.active;
        self.kept[layers..].fill([None; 2]);
        self.active = layers;
        rises && self.svc == Svc::Key
    }

    /// The frames of the next picture.
    pub fn picture(&mut self, key: bool) -> Vec<Frame> {
        self.since_key = if key { 0 } else { self.since_key + 1 };
        let phase = match (key, self.since_key % 4) {
            (true, _) => Phase::Key,
            (_, 0) => Phase::T0,
            (_, 1) => Phase::T2A,
            (_, 2) => Phase::T1,
            _ => Phase::T2B,
        };
        let mask = (1 << (3 * self.active)) - 1;
        let told = if key { self.active < LAYERS } else { self.told != self.active };
        self.told = self.active;
        let mut below = None;
        let mut frames = Vec::new();
        for spatial in 0..self.active {
            let Some(needs) = self.needs(spatial, phase, below) else { continue };
            let number = self.next;
            self.next = self.next.wrapping_add(1);
            let template = self.svc.template(spatial, phase);
            let temporal = self.svc.templates()[usize::from(template)].0 as u8;
            if temporal < 2 {
                self.kept[spatial][usize::from(temporal)] = Some(number);
            }
            let needs = needs.into_iter().map(|needed| number.wrapping_sub(needed)).collect();
            let active = told.then_some(mask);
            frames.push(Frame { spatial, temporal, key, number, template, needs, active });
            below = Some(number);
        }
        frames
    }

    /// The frames that one of this layer needs; `None`: it has nothing to go on from.
    fn needs(&self, spatial: usize, phase: Phase, below: Option<u16>) -> Option<Vec<u16>> {
        let before = match phase {
            Phase::Key => None,
            // A layer that comes again begins with what is below it.
            Phase::T0 if below.is_some() => self.kept[spatial][0],
            Phase::T2B => Some(self.kept[spatial][1]?),
            _ => Some(self.kept[spatial][0]?),
        };
        let spatial = below.filter(|_| phase == Phase::Key || self.svc == Svc::Full);
        Some(before.into_iter().chain(spatial).collect())
    }
}

/// The descriptor of a packet.
pub fn descriptor(svc: Svc, frame: &Frame, first: bool, last: bool) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(u32::from(first), 1).put(u32::from(last), 1).put(u32::from(frame.template), 6);
    bits.put(u32::from(frame.number), 16);
    let has_structure = first && frame.key && frame.spatial == 0;
    let own_needs = frame.needs != svc.templates()[usize::from(frame.template)].2;
    if !has_structure && !own_needs && frame.active.is_none() {
        return bits.bytes();
    }
    let flags = [has_structure, frame.active.is_some(), false, own_needs, false];
    flags.iter().for_each(|&flag| bits.flag(flag));
    if has_structure {
        write_structure(svc, &mut bits);
    }
    if let Some(active) = frame.active {
        bits.put(active, TARGETS);
    }
    if own_needs {
        frame.needs.iter().for_each(|&back| {
            bits.put(2, 2).put(u32::from(back - 1), 8);
        });
        bits.put(0, 2);
    }
    bits.bytes()
}

fn write_structure(svc: Svc, bits: &mut Bits) {
    let templates = svc.templates();
    bits.put(0, 6).put(TARGETS - 1, 5);
    for (at, (temporal, ..)) in templates.iter().enumerate() {
        let next = match templates.get(at + 1) {
            None => 3,
            Some(_) if (at + 1) % KINDS == 0 => 2,
            Some(next) => u32::from(next.0 != *temporal),
        };
        bits.put(next, 2);
    }
    let of = |indication| "-DSR".find(indication).expect("one of four") as u32;
    let indications = templates.iter().flat_map(|(_, indications, _)| indications.chars());
    indications.for_each(|indication| {
        bits.put(of(indication), 2);
    });
    for (_, _, needs) in templates {
        needs.iter().for_each(|&back| {
            bits.put(1, 1).put(u32::from(back) - 1, 4);
        });
        bits.put(0, 1);
    }
    // Three chains, ns(10): one for each spatial layer's targets, ns(3); how far back each is tells nothing
    // that the needs do not.
    bits.put(3, 3);
    [(0, 1), (2, 2), (3, 2)].iter().for_each(|&(chain, width)| {
        (0..3).for_each(|_| {
            bits.put(chain, width);
        });
    });
    (0..templates.len() * LAYERS).for_each(|_| {
        bits.put(0, 4);
    });
    bits.put(0, 1);
}

/// What a receiver reads in the descriptor of a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// Its frame begins with it.
    pub first: bool,
    /// Its frame ends with it.
    pub last: bool,
    /// Its frame.
    pub number: u16,
    /// The frame's spatial layer.
    pub spatial: u8,
    /// It brings the structure, as the first packet of a key frame does.
    pub has_structure: bool,
    /// The frames that its frame needs.
    pub needs: Vec<u16>,
}

/// Reads a descriptor of a stream with this structure; `None` when it is none.
pub fn read(svc: Svc, data: &[u8]) -> Option<Read> {
    let mut bits = Reader { data, at: 0 };
    let (first, last) = (bits.take(1)? == 1, bits.take(1)? == 1);
    let (template, number) = (bits.take(6)? as usize, bits.take(16)? as u16);
    let mut needs = svc.templates().get(template)?.2.to_vec();
    let mut has_structure = false;
    if data.len() > 3 {
        let [structure, active, _, own_needs, _] = [(); 5].map(|()| bits.take(1) == Some(1));
        has_structure = structure;
        if active && !structure {
            bits.take(TARGETS)?;
        }
        if own_needs {
            needs.clear();
            while bits.take(2)? == 2 {
                needs.push(bits.take(8)? as u16 + 1);
            }
        }
    }
    let needs = needs.into_iter().map(|back| number.wrapping_sub(back)).collect();
    Some(Read { first, last, number, spatial: (template / KINDS) as u8, has_structure, needs })
}

#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn flag(&mut self, flag: bool) {
        self.0.push(flag);
    }

    fn put(&mut self, value: u32, count: u32) -> &mut Bits {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at))
        };
        self.0.chunks(8).map(byte).collect()
    }
}

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| {
            let byte = self.data.get(self.at / 8)?;
            let bit = byte >> (7 - self.at % 8) & 1;
            self.at += 1;
            Some(value << 1 | u32::from(bit))
        })
    }
}

/// A frame of which all has come.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Whole {
    needs: Vec<i64>,
    timestamp: u32,
    spatial: u8,
    ends_picture: bool,
}

/// A receiver's part, as libwebrtc plays it: frames are put together from packets, pictures from frames up
/// to the marker, and one is decoded when all it needs was.
#[derive(Clone, Debug, Default)]
pub struct Viewer {
    packets: BTreeMap<u64, (Read, u32, bool)>,
    frames: BTreeMap<i64, Whole>,
    decoded: BTreeMap<i64, ()>,
    newest: Option<i64>,
}

/// Packets and frames that are kept: more than a second of them.
const KEPT: usize = 1_000;

impl Viewer {
    /// A packet came at this place of the seat's sequence, or one that carries nothing. Tells the highest
    /// spatial layer of a picture that can be shown now, the newest of several.
    pub fn on_packet(&mut self, index: u64, read: Read, timestamp: u32, marker: bool) -> Option<u8> {
        self.packets.insert(index, (read, timestamp, marker));
        while self.packets.len() > KEPT {
            self.packets.pop_first();
        }
        if !self.put_together(index) {
            return None;
        }
        let mut shown = None;
        while let Some(spatial) = self.decode_next() {
            shown = Some(spatial);
        }
        shown
    }

    /// Makes a frame of the packets around `index`, if all of it is there.
    fn put_together(&mut self, index: u64) -> bool {
        let (mut from, mut to) = (index, index);
        while from > 0 && self.packets.get(&from).is_some_and(|packet| !packet.0.first) {
            from -= 1;
        }
        while self.packets.get(&to).is_some_and(|packet| !packet.0.last) {
            to += 1;
        }
        let (Some((first, timestamp, _)), Some((.., marker))) =
            (self.packets.get(&from), self.packets.get(&to))
        else {
            return false;
        };
        let number = self.unwrap(first.number);
        let needs = first.needs.iter().map(|&needed| number - i64::from(first.number.wrapping_sub(needed)));
        let whole = Whole {
            needs: needs.collect(),
            timestamp: *timestamp,
            spatial: first.spatial,
            ends_picture: *marker,
        };
        self.newest = self.newest.max(Some(number));
        if self.decoded.last_key_value().is_some_and(|(&last, ())| number <= last) {
            return false;
        }
        self.frames.insert(number, whole);
        while self.frames.len() > KEPT {
            self.frames.pop_first();
        }
        true
    }

    fn unwrap(&self, number: u16) -> i64 {
        let newest = self.newest.unwrap_or(i64::from(number));
        newest + i64::from(number.wrapping_sub(newest as u16) as i16)
    }

    /// Decodes the first picture that can be; those before it are not shown any more.
    fn decode_next(&mut self) -> Option<u8> {
        let mut picture: Vec<i64> = Vec::new();
        for (&number, frame) in &self.frames {
            if picture.first().is_some_and(|first| self.frames[first].timestamp != frame.timestamp) {
                picture.clear();
            }
            picture.push(number);
            let is_met = |needed: &i64| self.decoded.contains_key(needed) || picture.contains(needed);
            let is_decodable = || picture.iter().all(|number| self.frames[number].needs.iter().all(&is_met));
            if frame.ends_picture && is_decodable() {
                let spatial = frame.spatial;
                self.frames = self.frames.split_off(&(number + 1));
                self.decoded.extend(picture.iter().map(|&number| (number, ())));
                while self.decoded.len() > KEPT {
                    self.decoded.pop_first();
                }
                return Some(spatial);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dependency::{Described, Structure};

    #[test]
    fn what_is_written_is_read_by_both_sides_as_it_was_meant() {
        for svc in [Svc::Key, Svc::Full] {
            let mut encoder = Encoder::new(svc, 65_530);
            let mut structure = None;
            for picture in 0..40 {
                if picture == 10 {
                    assert!(!encoder.set_active(2));
                }
                let wants_key = picture == 20 && encoder.set_active(3);
                for frame in encoder.picture(picture == 0 || wants_key) {
                    let bytes = descriptor(svc, &frame, true, false);
                    structure = Structure::read(&bytes).or(structure);
                    let known = structure.as_ref().expect("the first frame brings it");
                    let described = Described::read(&bytes, known).expect("it is whole");
                    let own = read(svc, &bytes).expect("it is whole");
                    assert_eq!((described.begins, described.ends), (own.first, own.last));
                    assert_eq!((described.number, own.number), (frame.number, frame.number));
                    assert_eq!((described.spatial, described.temporal), (own.spatial, frame.temporal));
                    assert_eq!(described.active, frame.active);
                    let backs = own.needs.iter().map(|&needed| frame.number.wrapping_sub(needed));
                    let sent = backs.fold(0u64, |sent, back| sent | 1 << (back - 1));
                    assert!(described.needs.are_met(sent), "{svc:?} {frame:?}");
                    assert!(sent == 0 || !described.needs.are_met(0), "{svc:?} {frame:?}");
                }
            }
        }
    }

    #[test]
    fn a_viewer_shows_a_picture_when_all_it_needs_was_shown_and_its_end_has_come() {
        let mut encoder = Encoder::new(Svc::Full, 7);
        let mut viewer = Viewer::default();
        let mut index = 0;
        let mut shown = |frames: &[Frame], up_to: usize, marks: bool| {
            let sent = frames.iter().filter(|frame| frame.spatial <= up_to);
            sent.filter_map(|frame| {
                index += 1;
                let bytes = descriptor(Svc::Full, frame, true, true);
                let marker = marks && frame.spatial == up_to;
                let read = read(Svc::Full, &bytes).expect("it is whole");
                viewer.on_packet(index, read, u32::from(frames[0].number), marker)
            })
            .last()
        };
        assert_eq!(shown(&encoder.picture(true), 2, true), Some(2));
        assert_eq!(shown(&encoder.picture(false), 1, true), Some(1), "T2");
        assert_eq!(shown(&encoder.picture(false), 1, false), None, "T1, without an end");
        assert_eq!(shown(&encoder.picture(false), 1, true), None, "T2, which needs it");
        assert_eq!(shown(&encoder.picture(false), 1, true), Some(1), "T0");
        assert_eq!(shown(&encoder.picture(false), 2, true), None, "its upper layer needs what was left out");
        assert_eq!(shown(&encoder.picture(false), 1, true), Some(1), "T1");
        assert_eq!(shown(&encoder.picture(true), 0, true), Some(0));
        assert_eq!(shown(&encoder.picture(false), 1, true), None, "what it needs is missing");
    }
}
