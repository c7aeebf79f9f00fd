//! SFrame (RFC 9605) as pages seal with it: `AES_128_GCM_SHA256_128`, and keys of a passphrase. What stands in
//! a KID, and why, is told in `signaling/client/src/e2ee/README.md`.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::pbkdf2;
use icu_normalizer::ComposingNormalizerBorrowed;
use std::collections::HashMap;
use std::num::NonZeroU32;

/// RFC 9605 §8.1: the suite's number.
const SUITE: u16 = 0x0004;
const KEY_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const BASE_BYTES: usize = 32;

/// What the page does with a passphrase (`keys.ts`).
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).expect("it is not zero");

/// Of a KID the lowest 12 bits: how often keys were turned on when somebody left.
const EPOCH_BITS: u32 = 12;

/// Keys of senders that are kept: some for each epoch of each source of a hundred people.
const MOST_KEYS: usize = 65_536;

/// Why a frame stays closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Closed {
    /// It is not sealed, or not as pages do.
    Unsealed,
    /// Another passphrase sealed it, or it was changed.
    Forged,
}

/// What stands before the ciphertext (§4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    kid: u64,
    counter: u64,
    length: usize,
}

/// Opens what was sealed in one room with one passphrase.
pub(super) struct Opener {
    /// Of each epoch, from which those of senders follow.
    bases: Vec<[u8; BASE_BYTES]>,
    keys: HashMap<u64, (LessSafeKey, [u8; NONCE_BYTES])>,
}

impl Opener {
    /// Takes a quarter of a second: so does every guess of somebody who tries words.
    pub(super) fn new(passphrase: &str, room: &str) -> Opener {
        Opener::with(passphrase, room, ROUNDS)
    }

    fn with(passphrase: &str, room: &str, rounds: NonZeroU32) -> Opener {
        let words = ComposingNormalizerBorrowed::new_nfc().normalize(passphrase);
        let salt = [b"volley e2ee 1 room ", room.as_bytes()].concat();
        let mut base = [0; BASE_BYTES];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, words.as_bytes(), &mut base);
        Opener { bases: vec![base], keys: HashMap::new() }
    }

    /// What was sealed. `metadata`: what is authenticated beside it.
    pub(super) fn open(&mut self, sealed: &[u8], metadata: u8) -> Result<Vec<u8>, Closed> {
        let header = Header::read(sealed).ok_or(Closed::Unsealed)?;
        let (front, body) = sealed.split_at(header.length);
        if body.len() < TAG_BYTES {
            return Err(Closed::Unsealed);
        }
        let (key, salt) = self.key(header.kid);
        let mut nonce = *salt;
        for (byte, counted) in nonce[NONCE_BYTES - 8..].iter_mut().zip(header.counter.to_be_bytes()) {
            *byte ^= counted;
        }
        let mut bytes = body.to_vec();
        let associated = [front, &[metadata]].concat();
        let plain = key
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(associated), &mut bytes)
            .map_err(|_| Closed::Forged)?
            .len();
        bytes.truncate(plain);
        Ok(bytes)
    }

    /// §4.4.2.
    fn key(&mut self, kid: u64) -> &(LessSafeKey, [u8; NONCE_BYTES]) {
        let base = self.base(kid & ((1 << EPOCH_BITS) - 1));
        if self.keys.len() >= MOST_KEYS {
            self.keys.clear();
        }
        self.keys.entry(kid).or_insert_with(|| {
            let label = |what: &str| {
                let start = format!("SFrame 1.0 Secret {what} ");
                [start.as_bytes(), &kid.to_be_bytes(), &SUITE.to_be_bytes()].concat()
            };
            let key: [u8; KEY_BYTES] = expand(&base, &label("key"));
            let key = UnboundKey::new(&AES_128_GCM, &key).expect("the key is as long as the cipher wants it");
            (LessSafeKey::new(key), expand(&base, &label("salt")))
        })
    }

    /// §5.1: each epoch's key is made of the one before.
    fn base(&mut self, epoch: u64) -> [u8; BASE_BYTES] {
        let mut last = self.bases[self.bases.len() - 1];
        while self.bases.len() as u64 <= epoch {
            last = expand(&last, b"SFrame 1.0 Ratchet");
            self.bases.push(last);
        }
        self.bases[epoch as usize]
    }
}

impl Header {
    /// One of a page: its KID always has eight bytes and begins with a one.
    fn read(bytes: &[u8]) -> Option<Header> {
        let config = *bytes.first()?;
        if config >> 4 != 0x0f {
            return None;
        }
        let kid = u64::from_be_bytes(*bytes.get(1..)?.first_chunk()?);
        let (counter, length) = match config & 0x0f {
            small @ 0..=7 => (u64::from(small), 9),
            long => {
                let length = usize::from(long & 7) + 1;
                let counted = bytes.get(9..9 + length)?;
                (counted.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), 9 + length)
            }
        };
        (kid >> 63 == 1).then_some(Header { kid, counter, length })
    }
}

/// HKDF without a salt (RFC 5869).
fn expand<const LENGTH: usize>(secret: &[u8], info: &[u8]) -> [u8; LENGTH] {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut out = [0; LENGTH];
    let pseudo = Salt::new(HKDF_SHA256, &[]).extract(secret);
    let info = [info];
    let filled = pseudo.expand(&info, Length(LENGTH)).and_then(|made| made.fill(&mut out));
    filled.expect("HKDF gives 8,160 bytes, and some tens are wanted");
    out
}

/// What pages do, for tests.
#[cfg(test)]
pub(super) mod sealing {
    use super::*;

    /// Few rounds: tests need not wait.
    pub(in crate::sealed) fn quick(passphrase: &str, room: &str) -> Opener {
        Opener::with(passphrase, room, NonZeroU32::new(2).unwrap())
    }

    impl Opener {
        /// As `sframe.ts` seals.
        pub(in crate::sealed) fn seal(
            &mut self,
            kid: u64,
            counter: u64,
            metadata: u8,
            plain: &[u8],
        ) -> Vec<u8> {
            let mut front = vec![0xf0];
            front.extend(kid.to_be_bytes());
            if counter < 8 {
                front[0] |= counter as u8;
            } else {
                let counted = counter.to_be_bytes();
                let from = counted.iter().position(|byte| *byte != 0).unwrap();
                front[0] |= 8 | (7 - from) as u8;
                front.extend(&counted[from..]);
            }
            let (key, salt) = self.key(kid);
            let mut nonce = *salt;
            nonce[4..].iter_mut().zip(counter.to_be_bytes()).for_each(|(byte, counted)| *byte ^= counted);
            let mut body = plain.to_vec();
            let associated = [&front[..], &[metadata]].concat();
            key.seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated),
                &mut body,
            )
            .unwrap();
            [front, body].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KID: u64 = 1 << 63 | 5 << 14 | 1 << 12;

    #[test]
    fn what_was_sealed_is_opened_in_every_epoch_and_with_every_length_of_counter() {
        let mut page = sealing::quick("open sesame", "room");
        let mut holder = sealing::quick("open sesame", "room");
        for (epoch, counter) in [(0, 0), (0, 7), (0, 8), (3, 255), (3, 256), (4095, 1 << 40)] {
            let sealed = page.seal(KID | epoch, counter, 1, b"a frame");
            assert_eq!(holder.open(&sealed, 1), Ok(b"a frame".to_vec()), "epoch {epoch}, counter {counter}");
        }
    }

    /// Made by the page's own code (`keys.ts`, `sframe.ts`) with this passphrase and room, in epochs 0 and 2.
    #[test]
    fn what_the_page_itself_sealed_is_opened() {
        let mut holder = Opener::new("open sesame", "room");
        for sealed in [
            "f3800000000c0e50001666be5a9818cc2c5647447da395e3187bb034343c9e30",
            "f9800000000c0e5002012c4a7130e3e00affa00c4aba85330824b4c523ff7d15a40e",
        ] {
            let byte = |at: usize| u8::from_str_radix(&sealed[at..at + 2], 16).unwrap();
            let sealed: Vec<u8> = (0..sealed.len()).step_by(2).map(byte).collect();
            assert_eq!(holder.open(&sealed, 1), Ok(b"a frame".to_vec()));
        }
    }

    #[test]
    fn another_passphrase_room_codec_or_byte_opens_nothing() {
        let mut page = sealing::quick("open sesame", "room");
        let mut sealed = page.seal(KID, 9, 1, b"a frame");
        for (passphrase, room, metadata) in
            [("open", "room", 1), ("open sesame", "other", 1), ("open sesame", "room", 2)]
        {
            assert_eq!(sealing::quick(passphrase, room).open(&sealed, metadata), Err(Closed::Forged));
        }
        *sealed.last_mut().unwrap() ^= 1;
        assert_eq!(page.open(&sealed, 1), Err(Closed::Forged));
        for short in [&b""[..], b"\xf0", b"a plain frame that is long enough", &sealed[..20]] {
            assert_eq!(page.open(short, 1), Err(Closed::Unsealed));
        }
    }

    #[test]
    fn a_passphrase_is_the_same_however_its_letters_are_written() {
        let sealed = sealing::quick("caf\u{e9}", "room").seal(KID, 0, 0, b"a frame");
        assert!(sealing::quick("cafe\u{301}", "room").open(&sealed, 0).is_ok());
    }
}
