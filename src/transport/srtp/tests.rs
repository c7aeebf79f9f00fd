//! The transforms against the vectors of the RFCs, and what the two ends do with bad packets.

use super::cipher::{Cipher, counter_key, counter_mode};
use super::keys::{Protocol, SessionKeys};
use super::*;
use crate::base::random::Random;
use zeroize::Zeroizing;

const PROFILES: [SrtpProfile; 3] =
    [SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm, SrtpProfile::Aes128CmSha1_80];

const RTP_SSRC: u32 = 0x5501_a0b2;
const RTP_INDEX: u64 = 0xf17b;
const RTP_PLAIN: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973
    20646976 69736120 696e2070 61727465 73207472 6573";
const RTCP_SSRC: u32 = 0x4d61_7273;
const RTCP_INDEX: u32 = 0x5d4;
const RTCP_PLAIN: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
    deadbeef deadbeef deadbeef deadbeef deadbeef";

struct AeadVector {
    profile: SrtpProfile,
    rtp: &'static str,
    rtcp: &'static str,
    rtcp_clear_trailer: &'static str,
}

/// RFC 7714 §16.1.1, §16.2.1 (RTP), §17.1, §17.2 (RTCP), §17.3, §17.4 (RTCP, only authenticated).
const AEAD_VECTORS: [AeadVector; 2] = [
    AeadVector {
        profile: SrtpProfile::AeadAes128Gcm,
        rtp: "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f
            42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
        rtcp: "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1
            730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        rtcp_clear_trailer: "841dd968 3dd78ec9 2ae58790 125f62b3 000005d4",
    },
    AeadVector {
        profile: SrtpProfile::AeadAes256Gcm,
        rtp: "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3
            b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        rtcp: "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1
            110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
        rtcp_clear_trailer: "91db4afb feee5a97 8fab4393 ed2615fe 000005d4",
    },
];

#[test]
fn aes_counter_mode_gives_the_key_stream_of_rfc_3711_b_2() {
    let key = counter_key(&hex("2B7E151628AED2A6ABF7158809CF4F3C"));
    let iv = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().expect("16 bytes");
    let mut stream = vec![0; 1_044_512];
    counter_mode(&key, iv, &mut stream);
    let start = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB
        41E95B3BB0A2E8DD477901E4FCA894C0";
    let end = "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE
        6A2CC3787889374FBEB4C81B17BA6C44";
    assert_eq!(stream[..48], hex(start));
    assert_eq!(stream[0xfeff * 16..][..48], hex(end));
}

#[test]
fn session_keys_are_those_of_rfc_3711_b_3() {
    let key = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
    let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
    let master = MasterKey::new(SrtpProfile::Aes128CmSha1_80, &key, &salt).expect("the right lengths");
    let session = SessionKeys::derive(&master, Protocol::Rtp);
    assert_eq!(session.key[..session.key_len], hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(session.salt[..], hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(session.mac_key[..], hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

#[test]
fn rtp_is_sealed_and_opened_as_in_rfc_7714_16() {
    for vector in &AEAD_VECTORS {
        let (cipher, plain, sealed) = (rfc_7714_cipher(vector.profile), hex(RTP_PLAIN), hex(vector.rtp));
        // The payload in one piece, with a head, and with a tail take different ways.
        for (head, tail) in [(0, 0), (2, 0), (0, 3), (2, 3)] {
            let (body_at, tail_at) = (12 + head, plain.len() - tail);
            let parts = [&plain[12..body_at], &plain[body_at..tail_at], &plain[tail_at..]];
            let mut out = vec![0; sealed.len()];
            out[..12].copy_from_slice(&plain[..12]);
            cipher.seal_rtp(RTP_SSRC, RTP_INDEX, 12, parts, &mut out).expect("there is room");
            assert_eq!(out, sealed, "{:?} with {head} and {tail}", vector.profile);
        }
        let mut out = vec![0; plain.len()];
        assert_eq!(cipher.open_rtp(RTP_SSRC, RTP_INDEX, &sealed, 12, &mut out), Ok(plain.len()));
        assert_eq!(out, plain);
    }
}

#[test]
fn rtcp_is_sealed_and_opened_as_in_rfc_7714_17() {
    for vector in &AEAD_VECTORS {
        let (cipher, plain, sealed) = (rfc_7714_cipher(vector.profile), hex(RTCP_PLAIN), hex(vector.rtcp));
        let mut out = vec![0; sealed.len()];
        cipher.seal_rtcp(RTCP_SSRC, RTCP_INDEX, &plain, &mut out).expect("there is room");
        assert_eq!(out, sealed);
        let mut out = vec![0; sealed.len()];
        assert_eq!(cipher.open_rtcp(RTCP_SSRC, &sealed, &mut out), Ok(plain.len()));
        assert_eq!(out[..plain.len()], plain);
        assert_eq!(cipher.rtcp_index(&sealed), RTCP_INDEX);
    }
}

#[test]
fn rtcp_that_is_only_authenticated_is_opened_as_in_rfc_7714_17() {
    for vector in &AEAD_VECTORS {
        let (cipher, plain) = (rfc_7714_cipher(vector.profile), hex(RTCP_PLAIN));
        let mut packet = [plain.clone(), hex(vector.rtcp_clear_trailer)].concat();
        let mut out = vec![0; packet.len()];
        assert_eq!(cipher.open_rtcp(RTCP_SSRC, &packet, &mut out), Ok(plain.len()));
        assert_eq!(out[..plain.len()], plain);
        packet[20] ^= 1;
        assert_eq!(cipher.open_rtcp(RTCP_SSRC, &packet, &mut out), Err(SrtpError::NotAuthentic));
    }
}

#[test]
fn the_exporter_gives_client_and_server_each_their_key() {
    for profile in PROFILES {
        let exported: Vec<u8> = (0..exporter_len(profile) as u8).collect();
        let ours = MasterKeys::from_exporter(profile, &exported, Role::Server).expect("the right length");
        let theirs = MasterKeys::from_exporter(profile, &exported, Role::Client).expect("the right length");
        assert_eq!((&ours.local, &ours.remote), (&theirs.remote, &theirs.local));
        let key_len = ours.local.key().len() as u8;
        assert_eq!((theirs.local.key()[0], ours.local.key()[0]), (0, key_len));
        assert_eq!(theirs.local.salt()[0], 2 * key_len);
        assert_eq!(ours.local.salt()[0], 2 * key_len + theirs.local.salt().len() as u8);
        assert_eq!(MasterKeys::from_exporter(profile, &exported[1..], Role::Server), None);
    }
}

#[test]
fn keys_are_not_printed() {
    assert_eq!(format!("{:?}", master(SrtpProfile::AeadAes128Gcm)), "MasterKey(AeadAes128Gcm, …)");
}

#[test]
fn every_flipped_bit_is_noticed_and_moves_nothing() {
    for profile in PROFILES {
        let (sender, mut receiver) = pair(profile);
        let packet = sealed(&sender, 77, 5);
        let mut out = [0; 200];
        // Not the first byte: its version and counts are checked before authentication.
        for bit in 8..packet.len() * 8 {
            let mut forged = packet.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(receiver.open_rtp(&forged, 12, &mut out), Err(SrtpError::NotAuthentic));
        }
        assert_eq!(receiver.export().streams, []);
        assert_eq!(receiver.open_rtp(&packet, 12, &mut out).map(|opened| opened.index), Ok(77));
        assert_eq!(receiver.open_rtp(&packet, 12, &mut out), Err(SrtpError::Replayed));
    }
}

#[test]
fn every_flipped_bit_of_rtcp_is_noticed_and_moves_nothing() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut packet = [0; 200];
        let len = sender.seal_rtcp(&hex(RTCP_PLAIN), &mut packet).expect("there is room");
        let mut out = [0; 200];
        for bit in 8..len * 8 {
            let mut forged = packet;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(receiver.open_rtcp(&forged[..len], &mut out), Err(SrtpError::NotAuthentic));
        }
        assert_eq!(receiver.export().streams, []);
        assert_eq!(receiver.open_rtcp(&packet[..len], &mut out), Ok(len - sender.rtcp_overhead()));
        assert_eq!(receiver.open_rtcp(&packet[..len], &mut out), Err(SrtpError::Replayed));
    }
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let packet = sealed(&sender, 1, 1);
        let mut out = [0; 200];
        for len in 0..packet.len() {
            let expected =
                if len < 12 + rtp_overhead(profile) { SrtpError::Short } else { SrtpError::NotAuthentic };
            assert_eq!(receiver.open_rtp(&packet[..len], 12, &mut out), Err(expected));
        }
        let body_end = packet.len() - rtp_overhead(profile);
        assert_eq!(receiver.open_rtp(&packet, body_end + 1, &mut out), Err(SrtpError::Short));
        assert_eq!(receiver.open_rtp(&packet, 11, &mut out), Err(SrtpError::Short));
        assert_eq!(receiver.open_rtp(&packet, 12, &mut out[..body_end - 1]), Err(SrtpError::NoRoom));
        assert_eq!(receiver.open_rtp(&[0x40; 60], 12, &mut out), Err(SrtpError::UnknownVersion));
        assert_eq!(sender.seal_rtp(0, 12, &[0; 50][..], &mut [0; 60]), Err(SrtpError::NoRoom));
        assert_eq!(sender.seal_rtcp(&[0x80; 7], &mut out), Err(SrtpError::Short));
        for len in 0..8 + rtcp_overhead(profile) {
            assert_eq!(receiver.open_rtcp(&[0x80; 60][..len], &mut out), Err(SrtpError::Short));
        }
    }
}

#[test]
fn forged_packets_never_take_the_place_of_a_stream() {
    let (sender, mut receiver) = pair(SrtpProfile::AeadAes128Gcm);
    let mut out = [0; 200];
    for ssrc in 0..MAX_STREAMS as u32 {
        let mut forged = sealed(&sender, 9, 1_000_000 + ssrc);
        forged[30] ^= 1;
        assert_eq!(receiver.open_rtp(&forged, 12, &mut out), Err(SrtpError::NotAuthentic));
        receiver.open_rtp(&sealed(&sender, 9, ssrc), 12, &mut out).expect("it is authentic");
    }
    let one_more = sealed(&sender, 9, 5_000);
    assert_eq!(receiver.open_rtp(&one_more, 12, &mut out), Err(SrtpError::TooManyStreams));
    receiver.open_rtp(&sealed(&sender, 10, 0), 12, &mut out).expect("the first stream goes on");
}

#[test]
fn indices_end_and_are_not_used_again() {
    let (mut sender, _) = pair(SrtpProfile::AeadAes128Gcm);
    let mut out = [0; 200];
    assert_eq!(sender.seal_rtp(1 << 48, 12, &[][..], &mut out), Err(SrtpError::Exhausted));
    let mut state = sender.export();
    state.next_rtcp_index = MAX_RTCP_INDEX;
    sender = SrtpSender::import(&state).expect("the last index is still one");
    assert!(sender.seal_rtcp(&hex(RTCP_PLAIN), &mut out).is_ok());
    assert_eq!(sender.seal_rtcp(&hex(RTCP_PLAIN), &mut out), Err(SrtpError::Exhausted));
}

#[test]
fn an_imported_state_goes_on_where_the_exported_one_stood() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut out = [0; 200];
        let mut rtcp = [0; 200];
        for index in [65_000, 66_000, 90_000, 115_000, 131_500, 131_490] {
            receiver.open_rtp(&sealed(&sender, index, 3), 12, &mut out).expect("it is new");
        }
        let len = sender.seal_rtcp(&hex(RTCP_PLAIN), &mut rtcp).expect("there is room");
        receiver.open_rtcp(&rtcp[..len], &mut out).expect("it is new");

        let state = SrtpState::export(&receiver, &sender);
        let (mut receiver, mut sender) = state.import().expect("it is of this version");
        assert_eq!(SrtpState::export(&receiver, &sender), state);
        assert_eq!(receiver.open_rtp(&sealed(&sender, 131_490, 3), 12, &mut out), Err(SrtpError::Replayed));
        assert_eq!(receiver.open_rtp(&sealed(&sender, 130_000, 3), 12, &mut out), Err(SrtpError::TooOld));
        assert!(receiver.open_rtp(&sealed(&sender, 131_491, 3), 12, &mut out).is_ok());
        assert_eq!(receiver.open_rtcp(&rtcp[..len], &mut out), Err(SrtpError::Replayed));
        let len = sender.seal_rtcp(&hex(RTCP_PLAIN), &mut rtcp).expect("there is room");
        assert!(receiver.open_rtcp(&rtcp[..len], &mut out).is_ok());
    }
}

#[test]
fn a_state_that_contradicts_itself_is_refused() {
    let (sender, mut receiver) = pair(SrtpProfile::AeadAes128Gcm);
    receiver.open_rtp(&sealed(&sender, 7, 3), 12, &mut [0; 200]).expect("it is new");
    let good = SrtpState::export(&receiver, &sender);
    let spoilt: [fn(&mut SrtpState); 5] = [
        |state| state.version += 1,
        |state| state.receiver.streams.push(state.receiver.streams[0].clone()),
        |state| state.receiver.streams[0].rtp.seen.push(0),
        |state| state.receiver.streams[0].rtp.next = (1 << 48) + 1,
        |state| state.sender.next_rtcp_index = u32::MAX,
    ];
    for spoil in spoilt {
        let mut state = good.clone();
        spoil(&mut state);
        assert_eq!(state.import().err(), Some(SrtpError::BadState));
    }
}

#[test]
fn padding_is_sealed_with_its_count_and_its_bit() {
    for profile in PROFILES {
        for head in [&b""[..], b"\x12\x34"] {
            let (sender, mut receiver) = pair(profile);
            let mut packet = [0; 400];
            header(9, 1, &mut packet);
            let payload = Payload { head, body: b"voice", padding: 255 };
            let len = sender.seal_rtp(9, 12, payload, &mut packet).expect("there is room");
            assert_eq!(len, 12 + payload.len() + sender.overhead());
            let mut out = [0; 400];
            let opened = receiver.open_rtp(&packet[..len], 12, &mut out).expect("it is authentic");
            let view = crate::wire::rtp::RtpView::parse(&out[..opened.len]).expect("it is RTP");
            assert_eq!((view.payload(), view.padding_len()), (&[head, b"voice"].concat()[..], 255));
        }
    }
}

#[test]
fn no_bytes_make_a_receiver_panic() {
    let mut random = Random::new(11);
    for profile in PROFILES {
        let (_, mut receiver) = pair(profile);
        for _ in 0..5_000 {
            let mut packet: Vec<u8> = (0..random.below(120)).map(|_| random.next_u32() as u8).collect();
            if let (Some(first), true) = (packet.first_mut(), random.chance(0.9)) {
                *first = *first & 0x3f | 0x80;
            }
            let header_len = random.below(130) as usize;
            assert!(receiver.open_rtp(&packet, header_len, &mut [0; 120]).is_err());
            assert!(receiver.open_rtcp(&packet, &mut [0; 120]).is_err());
        }
    }
}

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// RFC 7714 §16 and §17 give session keys, not master keys.
fn rfc_7714_cipher(profile: SrtpProfile) -> Cipher {
    let mut session = SessionKeys {
        key: Zeroizing::default(),
        key_len: if profile == SrtpProfile::AeadAes128Gcm { 16 } else { 32 },
        mac_key: Zeroizing::default(),
        salt: Zeroizing::default(),
    };
    session.key.iter_mut().zip(0..).for_each(|(byte, value)| *byte = value);
    session.salt[..12].copy_from_slice(b"Quid pro quo");
    Cipher::with_session_keys(profile, &session)
}

fn master(profile: SrtpProfile) -> MasterKey {
    let keys = MasterKeys::from_exporter(profile, &vec![0x5a; exporter_len(profile)], Role::Server);
    keys.expect("the right length").local
}

fn pair(profile: SrtpProfile) -> (SrtpSender, SrtpReceiver) {
    let master = master(profile);
    (SrtpSender::new(&master), SrtpReceiver::new(&master))
}

fn header(index: u64, ssrc: u32, out: &mut [u8]) {
    let header = crate::wire::rtp::RtpHeader {
        sequence: index as u16,
        ssrc: crate::base::id::Ssrc(ssrc),
        ..Default::default()
    };
    assert_eq!(header.write(&[], out), Some(12));
}

fn sealed(sender: &SrtpSender, index: u64, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0; 100];
    header(index, ssrc, &mut packet);
    let len = sender.seal_rtp(index, 12, &b"twenty bytes of data"[..], &mut packet).expect("there is room");
    packet.truncate(len);
    packet
}
