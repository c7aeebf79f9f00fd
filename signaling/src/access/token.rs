//! Room tokens: JSON Web Tokens (RFC 7519), signed with HMAC and SHA-256 (HS256) and with nothing
//! else. One algorithm, so that no token can choose a weaker one (RFC 8725 §3.1); a shared secret,
//! because who hands tokens out is the same who runs the server.

use crate::access::{Grant, Pass};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// Tokens of a few claims have 300 bytes.
const MAX_TOKEN_BYTES: usize = 4 << 10;
/// Longest identity, in characters.
const MAX_IDENTITY_CHARS: usize = 128;
/// Clocks of well-kept machines differ by less than this, in seconds.
pub(crate) const CLOCKS_DIFFER: u64 = 5;

/// What a token says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Who it is for.
    pub sub: String,
    /// The room it opens.
    pub room: String,
    /// What it lets them do there.
    pub grants: Vec<Grant>,
    /// When it ends, in seconds since 1970.
    pub exp: u64,
    /// When it was made.
    #[serde(default)]
    pub iat: u64,
}

/// Why a token opens nothing.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum TokenError {
    /// There is none.
    #[error("this server asks for a token; ask whoever invited you, or make one with `volley token create`")]
    Missing,
    /// It is none of ours.
    #[error("the token is not signed by this server's secret, or says nothing that can be read: {0}")]
    Invalid(String),
    /// It is signed in another way.
    #[error("the token says it is signed with {0}; only HS256 is taken")]
    Algorithm(String),
    /// It is over.
    #[error("the token has expired; ask for a new one")]
    Expired,
    /// It is for another room.
    #[error("the token is for another room")]
    Room,
    /// It does not go so far.
    #[error("the token does not let you {0}; ask for one with this grant")]
    Grant(Grant),
    /// Whom it names was removed.
    #[error("whoever this token names was removed from the room after it was made; ask for a new one")]
    Revoked,
}

impl TokenError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            TokenError::Missing => "token-missing",
            TokenError::Invalid(_) => "token-invalid",
            TokenError::Algorithm(_) => "token-algorithm",
            TokenError::Expired => "token-expired",
            TokenError::Room => "token-room",
            TokenError::Grant(_) => "token-grant",
            TokenError::Revoked => "token-revoked",
        }
    }
}

/// What a token opens in `room`, when it was signed with one of `secrets`.
pub fn verify(token: &str, secrets: &[String], room: &str) -> Result<Pass, TokenError> {
    open(token, secrets, room, Age::Current)
}

/// The same of a token that may have ended since: for what was begun with it, as its end ends no call.
pub fn verify_of_any_age(token: &str, secrets: &[String], room: &str) -> Result<Pass, TokenError> {
    open(token, secrets, room, Age::Any)
}

/// Which tokens are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Age {
    /// Those that have not ended.
    Current,
    /// Those that have, as well.
    Any,
}

fn open(token: &str, secrets: &[String], room: &str, age: Age) -> Result<Pass, TokenError> {
    check_algorithm(token)?;
    let claims = read(token, secrets, age)?;
    if claims.sub.is_empty() || claims.sub.chars().count() > MAX_IDENTITY_CHARS {
        let text = format!("its sub has 1 to {MAX_IDENTITY_CHARS} characters");
        return Err(TokenError::Invalid(text));
    }
    if claims.room != room {
        return Err(TokenError::Room);
    }
    Ok(Pass {
        identity: Some(claims.sub),
        grants: claims.grants.into_iter().collect(),
        expires: Some(claims.exp),
        issued: claims.iat,
    })
}

/// The header is looked at before anything in it is believed, to tell a token of another algorithm
/// (RFC 8725 §2.1: `none` among them) from one that is broken.
fn check_algorithm(token: &str) -> Result<(), TokenError> {
    #[derive(Deserialize)]
    struct Head {
        alg: String,
    }
    let invalid = |text: &str| TokenError::Invalid(text.to_owned());
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Invalid(format!("it has more than {MAX_TOKEN_BYTES} bytes")));
    }
    let head = token.split('.').next().unwrap_or_default();
    let head = URL_SAFE_NO_PAD.decode(head).map_err(|_| invalid("it is no JSON Web Token"))?;
    let Head { alg } = serde_json::from_slice(&head).map_err(|_| invalid("its header names no algorithm"))?;
    if alg == "HS256" { Ok(()) } else { Err(TokenError::Algorithm(alg.chars().take(16).collect())) }
}

fn read(token: &str, secrets: &[String], age: Age) -> Result<Claims, TokenError> {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.leeway = CLOCKS_DIFFER;
    rules.validate_exp = age == Age::Current;
    rules.validate_nbf = true;
    rules.validate_aud = false;
    rules.set_required_spec_claims(&["exp", "sub"]);
    let mut why = TokenError::Invalid(String::from("this server has no token_secrets"));
    for secret in secrets {
        let key = DecodingKey::from_secret(secret.as_bytes());
        let error = match jsonwebtoken::decode::<Claims>(token, &key, &rules) {
            Ok(token) => return Ok(token.claims),
            Err(error) => error,
        };
        match error.kind() {
            // Of another secret, perhaps.
            ErrorKind::InvalidSignature => why = TokenError::Invalid(String::from("its signature is wrong")),
            ErrorKind::ExpiredSignature => return Err(TokenError::Expired),
            _ => return Err(TokenError::Invalid(error.to_string())),
        }
    }
    Err(why)
}

/// A token that says `claims`.
pub fn sign(claims: &Claims, secret: &str) -> Result<String, jsonwebtoken::errors::Error> {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::unix_now;

    const OLD: &str = "an old secret, which is 32 bytes long";
    const NEW: &str = "a newer secret that is also long enough";

    fn claims() -> Claims {
        let now = unix_now();
        let grants = vec![Grant::Publish];
        Claims { sub: String::from("ada"), room: String::from("room"), grants, exp: now + 60, iat: now }
    }

    fn check(token: &str) -> Result<Pass, &'static str> {
        let secrets = [NEW.to_owned(), OLD.to_owned()];
        verify(token, &secrets, "room").map_err(|error| error.code())
    }

    /// With a header of somebody's own making.
    fn forged(header: &str, claims: &Claims) -> String {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        format!("{}.{}.", part(header.as_bytes()), part(&serde_json::to_vec(claims).unwrap()))
    }

    #[test]
    fn a_token_of_either_secret_opens_its_room_as_far_as_it_goes() {
        for secret in [OLD, NEW] {
            let pass = check(&sign(&claims(), secret).unwrap()).unwrap();
            assert_eq!(pass.identity.as_deref(), Some("ada"));
            assert!(pass.may(Grant::Publish) && !pass.may(Grant::Subscribe));
        }
    }

    #[test]
    fn one_that_has_ended_is_taken_where_its_age_is_no_matter_and_nothing_else_about_it_changes() {
        let secrets = [NEW.to_owned()];
        let check = |change: fn(&mut Claims), secret| {
            let mut claims = claims();
            claims.exp -= 3600;
            change(&mut claims);
            let token = sign(&claims, secret).unwrap();
            verify_of_any_age(&token, &secrets, "room").map(|_| ()).map_err(|error| error.code())
        };
        assert_eq!(check(|_| {}, NEW), Ok(()));
        assert_eq!(check(|claims| claims.room = String::from("other"), NEW), Err("token-room"));
        assert_eq!(check(|_| {}, "a secret that nobody here has ever seen"), Err("token-invalid"));
    }

    #[test]
    fn every_kind_of_wrong_token_has_its_own_code() {
        let signed = |change: fn(&mut Claims)| {
            let mut claims = claims();
            change(&mut claims);
            check(&sign(&claims, NEW).unwrap()).map(|_| ())
        };
        assert_eq!(signed(|claims| claims.exp -= 120), Err("token-expired"));
        assert_eq!(signed(|claims| claims.room = String::from("other")), Err("token-room"));
        assert_eq!(signed(|claims| claims.sub.clear()), Err("token-invalid"));
        let other = sign(&claims(), "a secret that nobody here has ever seen").unwrap();
        assert_eq!(check(&other), Err("token-invalid"));
        assert_eq!(check(&forged(r#"{"alg":"none"}"#, &claims())), Err("token-algorithm"));
        assert_eq!(check(&forged(r#"{"alg":"RS256"}"#, &claims())), Err("token-algorithm"));
        assert_eq!(check(&forged(r#"{"alg":"HS256"}"#, &claims())), Err("token-invalid"));
        for nonsense in ["", "...", "a.b.c", "e30.e30.", &"x".repeat(MAX_TOKEN_BYTES + 1)] {
            assert_eq!(check(nonsense), Err("token-invalid"), "{nonsense}");
        }
    }

    #[test]
    fn hs384_with_the_right_secret_is_refused() {
        let key = EncodingKey::from_secret(NEW.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS384), &claims(), &key).unwrap();
        assert_eq!(check(&token), Err("token-algorithm"));
    }

    #[test]
    fn a_token_without_an_end_or_with_an_unknown_grant_opens_nothing() {
        let key = EncodingKey::from_secret(NEW.as_bytes());
        for wrong in [
            serde_json::json!({"sub":"ada","room":"room","grants":["publish"]}),
            serde_json::json!({"sub":"ada","room":"room","grants":["fly"],"exp":unix_now() + 60}),
        ] {
            let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &wrong, &key).unwrap();
            assert_eq!(check(&token), Err("token-invalid"), "{wrong}");
        }
    }

    #[test]
    fn without_a_secret_nothing_is_taken() {
        assert!(matches!(verify(&sign(&claims(), NEW).unwrap(), &[], "room"), Err(TokenError::Invalid(_))));
    }
}
