//! Credentials for a TURN server that last as long as a call: the server and we share a secret, so none
//! of them is ever stored or sent between us. As coturn's `use-auth-secret` has it, and
//! draft-uberti-behave-turn-rest-00 §2.2.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A user name and its password. The server takes them for new relays until `expires`, in seconds since
/// 1970; `name` tells users apart in its log and its quotas.
pub fn turn_credentials(secret: &str, name: &str, expires: u64) -> (String, String) {
    let username = format!("{expires}:{name}");
    // SHA-1 is what TURN servers compute; HMAC does not need it to be free of collisions.
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let password = STANDARD.encode(hmac::sign(&key, username.as_bytes()));
    (username, password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_that_coturn_computes() {
        // `printf 1433895918:ada | openssl dgst -sha1 -hmac north -binary | base64`
        let (username, password) = turn_credentials("north", "ada", 1_433_895_918);
        assert_eq!((&*username, &*password), ("1433895918:ada", "KJ5PTMBeGkZIwdEVUss3BPdY8wE="));
    }
}
