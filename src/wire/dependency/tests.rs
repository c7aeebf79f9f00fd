//! Descriptors as the appendix says they are written, read again; and nonsense.

use super::*;
use proptest::prelude::*;

#[derive(Default)]
struct Written(Vec<bool>);

impl Written {
    fn put(&mut self, value: u32, count: u32) -> &mut Written {
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

/// Spatial and temporal layer, indications, and how far back what it needs is.
type Kind = (u8, u8, &'static str, &'static [u32]);

/// Two spatial and two temporal layers; the upper spatial layer needs the lower one in key frames
/// only.
const L2T2_KEY: [Kind; 6] = [
    (0, 0, "SSSS", &[]),
    (0, 0, "SS--", &[4]),
    (0, 1, "-D--", &[2]),
    (1, 0, "--SS", &[1]),
    (1, 0, "--SS", &[4]),
    (1, 1, "---D", &[2]),
];

const OFFSET: u32 = 60;

fn mandatory(template: u32, number: u32) -> Written {
    let mut written = Written::default();
    written.put(1, 1).put(0, 1).put((template + OFFSET) % 64, 6).put(number, 16);
    written
}

fn bits_of(indication: char) -> u32 {
    "-DSR".find(indication).expect("one of four") as u32
}

/// The first packet of a key frame, with chains and resolutions.
fn key_frame(kinds: &[Kind], number: u32) -> Vec<u8> {
    let mut written = mandatory(0, number);
    let targets = kinds[0].2.len() as u32;
    written.put(0b10000, 5).put(OFFSET, 6).put(targets - 1, 5);
    for (at, (spatial, temporal, ..)) in kinds.iter().enumerate() {
        let next = match kinds.get(at + 1) {
            None => 3,
            Some(next) if next.0 != *spatial => 2,
            Some(next) => u32::from(next.1 != *temporal),
        };
        written.put(next, 2);
    }
    for (_, _, indications, _) in kinds {
        indications.chars().for_each(|indication| {
            written.put(bits_of(indication), 2);
        });
    }
    for (.., needs) in kinds {
        needs.iter().for_each(|back| {
            written.put(1, 1).put(back - 1, 4);
        });
        written.put(0, 1);
    }
    // One chain: ns(5) of 1 is two bits, ns(1) none; four bits for each template.
    written.put(1, 2);
    kinds.iter().for_each(|_| {
        written.put(2, 4);
    });
    written.put(1, 1);
    (0..=kinds.iter().map(|kind| kind.0).max().unwrap_or(0)).for_each(|_| {
        written.put(0x013f_00b3, 32);
    });
    written.bytes()
}

#[test]
fn a_structure_tells_what_each_frame_is_for() {
    let bytes = key_frame(&L2T2_KEY, 65_535);
    let structure = Structure::read(&bytes).expect("it is whole");
    let first = Described::read(&bytes, &structure).expect("it is whole");
    assert_eq!((first.begins, first.ends, first.number), (true, false, 65_535));
    assert!(first.needs.are_met(0) && (0..4).all(|target| first.indication(target) == Indication::Switch));

    let upper = Described::read(&mandatory(5, 3).bytes(), &structure).expect("it is whole");
    assert_eq!((upper.spatial, upper.temporal, upper.number), (1, 1, 3));
    assert_eq!(upper.indication(3), Indication::Discardable);
    assert_eq!(upper.indication(2), Indication::NotPresent);
    assert!(upper.needs.are_met(0b10) && !upper.needs.are_met(0b01));
}

#[test]
fn the_best_target_up_to_given_layers_is_found() {
    let structure = Structure::read(&key_frame(&L2T2_KEY, 0)).expect("it is whole");
    let target = |spatial, temporal| structure.target(spatial, temporal);
    assert_eq!([target(0, 0), target(0, 7), target(1, 0), target(7, 7)], [0, 1, 2, 3]);
    assert_eq!([0, 1, 2, 3].map(|target| structure.spatial_of(target)), [0, 0, 1, 1]);
}

/// The upper layer needs the lower one.
const L2T1: [Kind; 4] = [(0, 0, "SR", &[2]), (0, 0, "SS", &[]), (1, 0, "-S", &[2, 1]), (1, 0, "-S", &[1])];

#[test]
fn one_target_is_within_another_where_all_of_it_is_sent_for_that_one_too() {
    let within = |kinds: &[Kind], inner, outer| {
        Structure::read(&key_frame(kinds, 0)).expect("it is whole").is_within(inner, outer)
    };
    assert!(within(&L2T1, 0, 1) && !within(&L2T1, 1, 0));
    assert!(!within(&L2T2_KEY, 0, 2) && within(&L2T2_KEY, 0, 1) && within(&L2T2_KEY, 2, 3));
}

#[test]
fn of_targets_that_an_encoder_has_paused_the_best_below_is_taken_where_it_is_not_within_them() {
    let mut key = Structure::read(&key_frame(&L2T2_KEY, 0)).expect("it is whole");
    key.activate(0b0011, 70);
    assert_eq!(([key.target(7, 7), key.target(7, 0)], key.has_paused()), ([1, 0], true));
    key.activate(0b1111, 69);
    assert_eq!(key.target(7, 7), 1, "that was said before");
    key.activate(0b1111, 71);
    assert_eq!((key.target(7, 7), key.has_paused()), (3, false));
    let mut full = Structure::read(&key_frame(&L2T1, 0)).expect("it is whole");
    full.activate(0b01, 70);
    assert_eq!(full.target(7, 7), 1, "what comes is still all of it that there is");

    let mut written = mandatory(1, 9);
    written.put(0b01000, 5).put(0b0011, 4);
    let frame = Described::read(&written.bytes(), &key).expect("it is whole");
    assert_eq!(frame.active, Some(0b0011));
}

#[test]
fn a_frame_may_have_indications_and_needs_of_its_own() {
    let structure = Structure::read(&key_frame(&L2T2_KEY, 0)).expect("it is whole");
    let mut written = mandatory(1, 9);
    written.put(0b01110, 5).put(0b0011, 4);
    "R-SD".chars().for_each(|indication| {
        written.put(bits_of(indication), 2);
    });
    written.put(1, 2).put(6, 4).put(2, 2).put(99, 8).put(0, 2);
    let frame = Described::read(&written.bytes(), &structure).expect("it is whole");
    let indications = [0, 1, 2, 3].map(|target| frame.indication(target));
    use Indication::{Discardable, NotPresent, Required, Switch};
    assert_eq!(indications, [Required, NotPresent, Switch, Discardable]);
    assert!(!frame.needs.are_met(u64::MAX), "a hundred frames back is more than anybody remembers");
}

#[test]
fn a_template_of_another_structure_is_nobodys() {
    let structure = Structure::read(&key_frame(&L2T2_KEY, 0)).expect("it is whole");
    assert_eq!(Described::read(&mandatory(6, 1).bytes(), &structure), None);
    assert_eq!(Structure::read(&mandatory(1, 1).bytes()), None);
}

#[test]
fn only_the_number_changes_with_the_number() {
    let mut bytes = key_frame(&L2T2_KEY, 7);
    let structure = Structure::read(&bytes).expect("it is whole");
    Described::renumber(&mut bytes, 0x1234);
    assert_eq!(Described::number_of(&bytes), Some(0x1234));
    assert_eq!(Structure::read(&bytes), Some(structure));
    Described::renumber(&mut [1, 2], 5);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        data in prop::collection::vec(any::<u8>(), 0..120), flips in prop::collection::vec((0usize..40, any::<u8>()), 0..6),
    ) {
        let mut whole = key_frame(&L2T2_KEY, 7);
        for (at, flip) in flips {
            let at = at % whole.len();
            whole[at] ^= flip;
        }
        for bytes in [&data, &whole] {
            let known = Structure::read(&key_frame(&L2T2_KEY, 0)).expect("it is whole");
            let own = Structure::read(bytes).unwrap_or(known);
            if let Some(frame) = Described::read(bytes, &own) {
                (0..=255).for_each(|target| { frame.indication(target); own.spatial_of(target); });
                frame.needs.are_met(5);
            }
            (0..=255).for_each(|layer| { own.target(layer, layer); });
        }
    }
}
