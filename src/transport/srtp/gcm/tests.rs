//! Which library seals must not show: each of them is tried on every processor.

use super::*;
use crate::base::random::Random;

fn by_both(key: &[u8]) -> [GcmKey; 2] {
    [GcmKey::by_aws_lc(key), GcmKey::by_ring(key)]
}

fn bytes(random: &mut Random, len: u64) -> Vec<u8> {
    (0..len).map(|_| random.next_u32() as u8).collect()
}

#[test]
fn what_one_library_seals_is_what_the_other_seals_and_opens() {
    let mut random = Random::new(5);
    for turn in 0..2_000 {
        let key = bytes(&mut random, if turn % 2 == 0 { 16 } else { 32 });
        let nonce: Nonce = bytes(&mut random, NONCE_LEN as u64).try_into().expect("the nonce's length");
        let aad_len = random.below(60);
        let aad = bytes(&mut random, aad_len);
        let lens =
            [random.below(4) * random.below(9), random.below(1_300), random.below(2) * random.below(256)];
        let parts = lens.map(|len| bytes(&mut random, len));
        let payload = [&parts[0][..], &parts[1], &parts[2]];
        let plain = payload.concat();

        let keys = by_both(&key);
        let sealed = keys.each_ref().map(|key| {
            let mut out = vec![0; plain.len() + TAG_LEN];
            key.seal(nonce, &aad, payload, &mut out).expect("there is room");
            out
        });
        assert_eq!(sealed[0], sealed[1], "{lens:?} and {aad_len} bytes of associated data");
        for key in &keys {
            let mut in_place = plain.clone();
            let mut tag = [0; TAG_LEN];
            key.seal_in_place(nonce, &aad, &mut in_place, &mut tag).expect("there is room");
            assert_eq!([&in_place[..], &tag].concat(), sealed[0]);

            let mut opened = vec![0; plain.len()];
            assert_eq!(key.open(nonce, &aad, &sealed[0], &mut opened), Ok(()));
            assert_eq!(opened, plain);

            let mut forged = sealed[0].clone();
            let bit = random.below(forged.len() as u64 * 8) as usize;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(nonce, &aad, &forged, &mut opened), Err(SrtpError::NotAuthentic));
        }
    }
}

/// RFC 7714 §16.1.1, whose plain text is a payload of 38 bytes behind a header of 12.
#[test]
fn both_seal_as_in_rfc_7714() {
    let key: Vec<u8> = (0..16).collect();
    let nonce = [0x51, 0x75, 0x3c, 0x65, 0x80, 0xc2, 0x72, 0x6f, 0x20, 0x71, 0x84, 0x14];
    let header = [0x80, 0x40, 0xf1, 0x7b, 0x80, 0x41, 0xf8, 0xd3, 0x55, 0x01, 0xa0, 0xb2];
    for key in by_both(&key) {
        let mut out = [0; 38 + TAG_LEN];
        key.seal(nonce, &header, [b"", b"Gallia est omnis divisa in partes tres", b""], &mut out)
            .expect("there is room");
        assert_eq!(out[..8], [0xf2, 0x4d, 0xe3, 0xa3, 0xfb, 0x34, 0xde, 0x6c]);
        assert_eq!(out[38..46], [0x89, 0x9d, 0x7f, 0x27, 0xbe, 0xb1, 0x6a, 0x91]);
        assert_eq!(out[46..], [0x52, 0xcf, 0x76, 0x5e, 0xe4, 0x39, 0x0c, 0xce]);
    }
}
