//! The signature: HMAC-SHA256 over id, time and body, so that none of them can be another's.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A secret as other programs write it: this, and base64.
const PREFIX: &str = "whsec_";

/// What stands in `webhook-signature`: one signature for each secret, with spaces between.
pub(super) fn signatures(secrets: &[String], id: &str, timestamp: u64, body: &str) -> String {
    let signed = format!("{id}.{timestamp}.{body}");
    let signature = |secret: &String| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key(secret));
        format!("v1,{}", STANDARD.encode(hmac::sign(&key, signed.as_bytes())))
    };
    secrets.iter().map(signature).collect::<Vec<_>>().join(" ")
}

/// A secret that is written in no special way is its own bytes.
fn key(secret: &str) -> Vec<u8> {
    let encoded = secret.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
    encoded.unwrap_or_else(|| secret.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `printf '7.1700000000.{}' | openssl dgst -sha256 -mac HMAC -macopt key:KEY -binary | base64`,
    /// and the same with `hexkey:` of the decoded secret.
    #[test]
    fn what_openssl_makes_of_the_same_is_the_same() {
        let plain = String::from("0123456789abcdef0123456789abcdef");
        let encoded = format!("whsec_{}", STANDARD.encode(&plain));
        let one = "v1,XhKQTN8yVx4osW+VrK7Oiv/mcvr3ZFDxz7vbDoDlFHk=";
        assert_eq!(signatures(std::slice::from_ref(&plain), "7", 1_700_000_000, "{}"), one);
        assert_eq!(signatures(&[plain, encoded], "7", 1_700_000_000, "{}"), format!("{one} {one}"));
    }
}
