//! RFC 5769 vectors, and what no bytes may do.

use super::*;
use proptest::prelude::*;

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const TRANSACTION: TransactionId = *b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";

/// RFC 5769 §2.1.
const REQUEST: &[u8] = b"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
    \x80\x22\x00\x10STUN test client\
    \x00\x24\x00\x04\x6e\x00\x01\xff\
    \x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36\
    \x00\x06\x00\x09evtj:h6vY\x20\x20\x20\
    \x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2\
    \x80\x28\x00\x04\xe5\x7a\x3b\xcf";

/// RFC 5769 §2.2.
const RESPONSE_V4: &[u8] =
    b"\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
    \x80\x22\x00\x0btest vector\x20\
    \x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43\
    \x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7\xd7\
    \x80\x28\x00\x04\xc0\x7d\x4c\x96";

/// RFC 5769 §2.3.
const RESPONSE_V6: &[u8] =
    b"\x01\x01\x00\x48\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
    \x80\x22\x00\x0btest vector\x20\
    \x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9\
    \x00\x08\x00\x14\xa3\x82\x95\x4e\x4b\xe6\x7b\xf1\x17\x84\xc9\x7c\x82\x92\xc2\x75\xbf\xe3\xed\x41\
    \x80\x28\x00\x04\xc8\xfb\x0b\x4c";

/// RFC 5769 §2.4.
const LONG_TERM: &[u8] = b"\x00\x01\x00\x60\x21\x12\xa4\x42\x78\xad\x34\x33\xc6\xad\x72\xc0\x29\xda\x41\x2e\
    \x00\x06\x00\x12\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9\x00\x00\
    \x00\x15\x00\x1cf//499k954d6OL34oL9FSTvy64sA\
    \x00\x14\x00\x0bexample.org\x00\
    \x00\x08\x00\x14\xf6\x70\x24\x65\x6d\xd6\x4a\x3e\x02\xb8\xe0\x71\x2e\x85\xc9\xa2\x8c\xa8\x96\x66";

/// MD5 of `マトリックス:example.org:TheMatrIX` (RFC 8489 §9.2.2).
const LONG_TERM_KEY: [u8; 16] = *b"\xe8\xca\x7a\xd5\x9d\x5e\xb0\x51\x8e\x31\x29\x11\xd2\xda\xb2\xa9";

#[test]
fn the_sample_request_of_rfc_5769_is_read() {
    let view = StunView::parse(REQUEST).expect("a valid message");
    assert_eq!((view.class(), view.method()), (Class::Request, BINDING));
    assert_eq!(view.transaction_id(), TRANSACTION);
    assert_eq!(view.software(), Some(&b"STUN test client"[..]));
    assert_eq!(view.priority(), Some(0x6e00_01ff));
    assert_eq!(view.role(), Some(Role::Controlled(0x932f_f9b1_5126_3b36)));
    assert_eq!(view.username(), Some(&b"evtj:h6vY"[..]));
    assert_eq!(view.local_ufrag(), Some(&b"evtj"[..]));
    assert!(view.has_fingerprint());
    assert!(view.is_authentic(PASSWORD));
    assert!(!view.is_authentic(b"VOkJxbRl1RmTxUk/WvJxBT"));
    assert!(view.unknown_required().is_empty());
}

#[test]
fn the_sample_responses_of_rfc_5769_are_read() {
    for (bytes, address) in
        [(RESPONSE_V4, "192.0.2.1:32853"), (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
    {
        let view = StunView::parse(bytes).expect("a valid message");
        assert_eq!(view.class(), Class::Success);
        assert_eq!(view.xor_mapped_address(), address.parse().ok());
        assert!(view.is_authentic(PASSWORD) && view.has_fingerprint());
    }
}

#[test]
fn the_long_term_request_of_rfc_5769_is_read() {
    let view = StunView::parse(LONG_TERM).expect("a valid message");
    assert_eq!(view.username(), Some("マトリックス".as_bytes()));
    assert!(view.is_authentic(&LONG_TERM_KEY));
    assert!(!view.has_fingerprint());
    assert!(view.unknown_required().is_empty());
}

/// The vectors pad with spaces, the writer with zeros: the value behind SOFTWARE's end differs, so
/// the padding is written as part of the value and its length then corrected.
#[test]
fn the_sample_responses_of_rfc_5769_are_written_byte_for_byte() {
    for (bytes, address) in
        [(RESPONSE_V4, "192.0.2.1:32853"), (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
    {
        let mut buffer = [0; 128];
        let mut writer = StunWriter::new(&mut buffer, Class::Success, &TRANSACTION)
            .attribute(attribute::SOFTWARE, b"test vector ");
        writer.patch(HEADER_LEN + 3, 11);
        let len = writer
            .xor_mapped_address(address.parse().expect("an address"))
            .integrity(PASSWORD)
            .fingerprint()
            .expect("room enough");
        assert_eq!(&buffer[..len], bytes);
    }
}

#[test]
fn the_sample_request_of_rfc_5769_is_written_byte_for_byte() {
    let mut buffer = [0; 128];
    let mut writer = StunWriter::new(&mut buffer, Class::Request, &TRANSACTION)
        .attribute(attribute::SOFTWARE, b"STUN test client")
        .attribute(attribute::PRIORITY, &0x6e00_01ff_u32.to_be_bytes())
        .attribute(attribute::ICE_CONTROLLED, &0x932f_f9b1_5126_3b36_u64.to_be_bytes())
        .attribute(attribute::USERNAME, b"evtj:h6vY   ");
    writer.patch(HEADER_LEN + 20 + 8 + 12 + 3, 9);
    let len = writer.integrity(PASSWORD).fingerprint().expect("room enough");
    assert_eq!(&buffer[..len], REQUEST);
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    for bit in 0..REQUEST.len() * 8 {
        let mut bytes = REQUEST.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(
            !StunView::parse(&bytes).is_ok_and(|view| view.is_authentic(PASSWORD) && view.has_fingerprint()),
            "bit {bit}"
        );
    }
}

#[test]
fn without_a_fingerprint_a_flipped_bit_breaks_the_integrity() {
    for bit in 0..LONG_TERM.len() * 8 {
        let mut bytes = LONG_TERM.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!StunView::parse(&bytes).is_ok_and(|view| view.is_authentic(&LONG_TERM_KEY)), "bit {bit}");
    }
}

#[test]
fn what_stands_behind_the_integrity_does_not_count() {
    let mut buffer = [0; 128];
    let len = StunWriter::new(&mut buffer, Class::Request, &TRANSACTION)
        .integrity(PASSWORD)
        .attribute(attribute::USE_CANDIDATE, &[])
        .attribute(attribute::USERNAME, b"a:b")
        .attribute(0x7fff, &[])
        .fingerprint()
        .expect("room enough");
    let view = StunView::parse(&buffer[..len]).expect("a valid message");
    assert!(view.is_authentic(PASSWORD));
    assert!(!view.use_candidate() && view.username().is_none() && view.unknown_required().is_empty());
}

#[test]
fn the_first_of_two_equal_attributes_counts() {
    let mut buffer = [0; 128];
    let len = StunWriter::new(&mut buffer, Class::Request, &TRANSACTION)
        .attribute(attribute::USERNAME, b"first:x")
        .attribute(attribute::USERNAME, b"second:x")
        .finish()
        .expect("room enough");
    let view = StunView::parse(&buffer[..len]).expect("a valid message");
    assert_eq!(view.local_ufrag(), Some(&b"first"[..]));
}

#[test]
fn unknown_attributes_are_listed_only_when_they_must_be_understood() {
    let mut buffer = [0; 128];
    let mut writer = StunWriter::new(&mut buffer, Class::Request, &TRANSACTION);
    for kind in [0x8fff, 0x0030, 0x7fff, 0xc057, 0x0031, 0x0032, 0x0033] {
        writer = writer.attribute(kind, &[1]);
    }
    let len = writer.finish().expect("room enough");
    let view = StunView::parse(&buffer[..len]).expect("a valid message");
    assert_eq!(view.unknown_required(), [0x0030, 0x7fff, 0x0031, 0x0032]);
}

#[test]
fn an_error_is_read_as_it_was_written() {
    let mut buffer = [0; 128];
    let len = StunWriter::new(&mut buffer, Class::Error, &TRANSACTION)
        .error_code(487)
        .unknown_attributes(&[1, 2, 3, 4, 5, 6])
        .fingerprint()
        .expect("room enough");
    let view = StunView::parse(&buffer[..len]).expect("a valid message");
    assert_eq!((view.class(), view.error_code()), (Class::Error, Some(487)));
}

#[test]
fn a_buffer_too_small_yields_no_message_at_any_size() {
    let write = |buffer: &mut [u8]| {
        StunWriter::new(buffer, Class::Success, &TRANSACTION)
            .xor_mapped_address("[::1]:7".parse().expect("an address"))
            .integrity(PASSWORD)
            .fingerprint()
    };
    let full = write(&mut [0; 128]).expect("room enough");
    for size in 0..full {
        assert_eq!(write(&mut vec![0; size]), None, "{size}");
    }
    assert_eq!(write(&mut vec![0; full]), Some(full));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        touch(&bytes);
    }

    #[test]
    fn no_attributes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..50)
        .prop_map(|words| words.into_iter().flat_map(|word| [0, word, 0, word % 24]).collect::<Vec<u8>>()),
        kind in 0u16..0x4000,
    ) {
        let mut message = kind.to_be_bytes().to_vec();
        message.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
        message.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
        message.extend_from_slice(&TRANSACTION);
        message.append(&mut bytes);
        touch(&message);
    }

    #[test]
    fn addresses_survive(ip in any::<std::net::IpAddr>(), port in any::<u16>(), id in any::<TransactionId>()) {
        let mut buffer = [0; 64];
        let address = SocketAddr::new(ip, port);
        let len = StunWriter::new(&mut buffer, Class::Success, &id).xor_mapped_address(address).fingerprint();
        let view = StunView::parse(&buffer[..len.expect("room enough")]).expect("a valid message");
        prop_assert_eq!(view.xor_mapped_address(), Some(address));
    }
}

fn touch(bytes: &[u8]) {
    if let Ok(view) = StunView::parse(bytes) {
        assert_eq!(view.len(), bytes.len());
        let _ =
            (view.local_ufrag(), view.is_authentic(PASSWORD), view.transaction_id(), view.unknown_required());
    }
}

#[test]
fn attributes_that_ice_has_no_use_for_are_found_by_their_kind() {
    let view = StunView::parse(LONG_TERM).expect("a valid message");
    assert_eq!(view.attribute(attr::REALM), Some(&b"example.org"[..]));
    assert_eq!(view.attribute(attr::NONCE), Some(&b"f//499k954d6OL34oL9FSTvy64sA"[..]));
    assert_eq!(view.attribute(attr::MESSAGE_INTEGRITY), None, "it ends what is vouched for");
    assert_eq!(view.xor_relayed_address(), None);
}

#[test]
fn a_message_of_another_method_is_written_and_read() {
    let mut buffer = [0; 64];
    let relayed = [0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
    let len = StunWriter::of_method(&mut buffer, Class::Success, 3, &TRANSACTION)
        .attribute(attr::XOR_RELAYED_ADDRESS, &relayed)
        .finish()
        .expect("it fits");
    let view = StunView::parse(&buffer[..len]).expect("a valid message");
    assert_eq!((view.class(), view.method()), (Class::Success, 3));
    assert_eq!(view.xor_relayed_address(), Some("192.0.2.1:32853".parse().expect("an address")));
}
