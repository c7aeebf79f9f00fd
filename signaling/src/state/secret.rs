//! Random texts that must not be guessed, and their comparison.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Text of `N` random bytes in base64 of the ICE alphabet (RFC 8839 §5.1: letters, digits, + and /).
pub(crate) fn ice_text<const N: usize>() -> String {
    STANDARD_NO_PAD.encode(bytes::<N>())
}

/// Text of `N` random bytes that may stand in a URL.
pub(crate) fn token<const N: usize>() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<N>())
}

/// Any number.
pub(crate) fn number() -> u64 {
    u64::from_le_bytes(bytes())
}

/// Whether two texts are equal, in a time that does not tell where they differ.
pub(crate) fn same(a: &str, b: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The generator of aws-lc fails only when the kernel has no random numbers to give.
    aws_lc_rs::rand::fill(&mut bytes).expect("a machine without random numbers cannot be secure");
    bytes
}
