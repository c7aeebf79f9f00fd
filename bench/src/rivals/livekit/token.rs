//! Access tokens of LiveKit: JSON Web Tokens with HMAC-SHA-256 (RFC 7519, RFC 7515).

use anyhow::Context;
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// The API key that LiveKit is configured with.
pub(super) const KEY: &str = "volley-bench";

/// A token lasts longer than any run.
const SECONDS: u64 = 24 * 3600;

/// Lets `identity` publish and subscribe in `room`.
pub(super) fn token(secret: &str, room: &str, identity: &str) -> anyhow::Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?.as_secs();
    let grant = json!({ "roomJoin": true, "room": room, "canPublish": true, "canSubscribe": true });
    Ok(signed(secret, &json!({ "iss": KEY, "sub": identity, "exp": now + SECONDS, "video": grant })))
}

fn signed(secret: &str, claims: &Value) -> String {
    let head = json!({ "alg": "HS256", "typ": "JWT" });
    let text = format!("{}.{}", encoded(head.to_string()), encoded(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(HMAC_SHA256, secret.as_bytes()), text.as_bytes());
    format!("{text}.{}", encoded(tag))
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_signed_over_its_head_and_claims() {
        let token = token("secret", "room", "person").expect("a token");
        let (text, tag) = token.rsplit_once('.').expect("three parts");
        let tag = URL_SAFE_NO_PAD.decode(tag).expect("base64");
        let key = hmac::Key::new(HMAC_SHA256, b"secret");
        hmac::verify(&key, text.as_bytes(), &tag).expect("the signature");
        let claims = URL_SAFE_NO_PAD.decode(text.split_once('.').expect("two parts").1).expect("base64");
        let claims: Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!((&claims["sub"], &claims["video"]["room"]), (&json!("person"), &json!("room")));
    }
}
