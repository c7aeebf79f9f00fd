//! What is written is read again, and what is not a message is an error.

use super::*;
use crate::base::id::{PayloadType, Ssrc, TransportId};
use crate::base::random::Random;
use crate::control::message::{Command, Event, Publish};
use crate::control::types::{Codec, CodecParameters, Fingerprint, IceCredentials, Mid, Password};
use proptest::prelude::*;

#[test]
fn a_command_begins_with_its_variant_and_is_little_endian() {
    let mut bytes = [0; Command::MAX];
    let command = Command::CloseTransport { transport: TransportId(0x0102_0304_0506_0708) };
    let length = encode(&command, &mut bytes);
    assert_eq!(bytes[..length], [6, 8, 7, 6, 5, 4, 3, 2, 1]);
}

/// With everything at its limit a variant takes exactly what its type says, and the largest
/// variant what the enum says: no bound is too small, none wastes room.
#[test]
fn the_largest_messages_take_exactly_their_bound() {
    let longest = |one: fn(&mut Sampler) -> usize| {
        (0..2_000).map(|seed| one(&mut Sampler { random: Random::new(seed), full: true })).max()
    };
    assert_eq!(longest(|by| written(&Command::sample(by))), Some(Command::MAX));
    let event = longest(|by| written(&Event::sample(by))).unwrap();
    assert_eq!(event, Event::MAX);
}

#[test]
fn every_cause_of_corruption_is_told_apart() {
    let read = |bytes: &[u8]| decode::<Command>(bytes).unwrap_err();
    assert_eq!(read(&[]), Corrupt::Short);
    assert_eq!(read(&[6, 1, 2, 3]), Corrupt::Short);
    assert_eq!(read(&[6, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Corrupt::Leftover);
    assert_eq!(read(&[200]), Corrupt::Tag);
    assert_eq!(decode::<bool>(&[2]), Err(Corrupt::Tag));
    assert_eq!(decode::<Mid>(&[17; 40]), Err(Corrupt::Count));
    assert_eq!(decode::<Mid>(&[2, 0xff, 0xfe]), Err(Corrupt::Text));
    assert_eq!(decode::<PayloadType>(&[128]), Err(Corrupt::Range));
    assert_eq!(decode::<Password>(&[65; 80]), Err(Corrupt::Count));
}

#[test]
fn a_fingerprint_is_as_long_as_its_hash() {
    let mut bytes = [0; 33];
    assert_eq!(decode::<Fingerprint>(&bytes).unwrap().value.len(), 32);
    bytes[0] = 2;
    assert_eq!(decode::<Fingerprint>(&bytes), Err(Corrupt::Short));
}

#[test]
fn a_payload_type_that_does_not_fit_seven_bits_is_found_inside_a_command() {
    let mut by = Sampler { random: Random::new(1), full: true };
    let mut publish = Publish::sample(&mut by);
    publish.codecs.clear();
    publish.codecs.push(CodecParameters {
        codec: Codec::Opus,
        payload_type: PayloadType(200),
        ..codec(&mut by)
    });
    assert_eq!(reread(&Command::Publish(Box::new(publish))), Err(Corrupt::Range));
}

#[test]
fn text_keeps_its_letters() {
    let mid = Mid::from("größe").unwrap();
    let mut bytes = [0; Mid::MAX];
    let length = encode(&mid, &mut bytes);
    assert_eq!(decode(&bytes[..length]), Ok(mid));
}

#[test]
fn credentials_come_back_as_they_were() {
    let credentials = IceCredentials {
        ufrag: "abcd".try_into().unwrap(),
        password: Password::new(b"a password of 24 letters").unwrap(),
    };
    let mut bytes = [0; IceCredentials::MAX];
    let length = encode(&credentials, &mut bytes);
    assert_eq!(length, 1 + 4 + 1 + 24);
    assert_eq!(decode(&bytes[..length]), Ok(credentials));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_command_comes_back_as_it_was(seed: u64, full: bool) {
        let command = Command::sample(&mut Sampler { random: Random::new(seed), full });
        prop_assert_eq!(reread(&command), Ok(command));
    }

    #[test]
    fn every_event_comes_back_as_it_was(seed: u64, full: bool) {
        let event = Event::sample(&mut Sampler { random: Random::new(seed), full });
        prop_assert_eq!(reread(&event), Ok(event));
    }

    /// What is read from any bytes says the same when it is written again: nothing was guessed.
    #[test]
    fn arbitrary_bytes_are_an_error_or_exactly_one_message(
        tag in 0u8..20, rest in proptest::collection::vec(any::<u8>(), 0..600)
    ) {
        let bytes = [&[tag], &rest[..]].concat();
        if let Ok(command) = decode::<Command>(&bytes) {
            prop_assert_eq!(rewritten(&command), bytes.clone());
        }
        if let Ok(event) = decode::<Event>(&bytes) {
            prop_assert_eq!(rewritten(&event), bytes);
        }
    }

    /// As above, but near to real messages, where arbitrary bytes hardly ever come.
    #[test]
    fn a_message_with_one_byte_changed_or_cut_off_never_panics(seed: u64, at: usize, byte: u8, cut: bool) {
        let command = Command::sample(&mut Sampler { random: Random::new(seed), full: false });
        let mut bytes = rewritten(&command);
        let at = at % bytes.len();
        if cut {
            bytes.truncate(at);
            prop_assert_eq!(decode::<Command>(&bytes), Err(Corrupt::Short));
        } else {
            bytes[at] = byte;
            if let Ok(other) = decode::<Command>(&bytes) {
                prop_assert_eq!(rewritten(&other), bytes);
            }
        }
    }
}

#[test]
fn writing_past_the_end_is_noticed() {
    let mut bytes = [0; 3];
    let mut to = Writer::new(&mut bytes);
    Ssrc(1).write(&mut to);
    assert_eq!(to.finish(), None);
}

fn codec(by: &mut Sampler) -> CodecParameters {
    CodecParameters::sample(by)
}

fn rewritten<M: Layout>(message: &M) -> Vec<u8> {
    let mut bytes = vec![0; M::MAX];
    let length = encode(message, &mut bytes);
    bytes.truncate(length);
    bytes
}

fn written<M: Layout>(message: &M) -> usize {
    rewritten(message).len()
}

fn reread<M: Layout>(message: &M) -> Result<M, Corrupt> {
    decode(&rewritten(message))
}
