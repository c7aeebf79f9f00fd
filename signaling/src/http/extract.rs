//! What requests carry. What is wrong with it is told as a problem document, whoever noticed.

use crate::http::problem::Problem;
use crate::serving::SlowBody;
use crate::state::Missing;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// The code of 408.
pub(crate) const SLOW_BODY: &str = "body-too-slow";

/// A JSON body.
pub(crate) struct Body<T>(pub T);

/// A JSON body, or none.
pub(crate) struct MaybeBody<T>(pub T);

/// The variable segments of the path; all of them begin with a room.
pub(crate) struct Segments<T>(pub T);

/// What stands behind the question mark.
pub(crate) struct Parameters<T>(pub T);

/// JSON knows no integers: 50.0 is the same number as 50, and some programs write it so.
pub(crate) fn whole<'de, D: Deserializer<'de>>(value: D) -> Result<Option<u64>, D::Error> {
    /// Up to here a double is exact; nothing counted here is more.
    const MOST: f64 = 9_007_199_254_740_992.0;
    let number = Option::<f64>::deserialize(value)?;
    if number.is_some_and(|number| number.fract() != 0.0 || !(0.0..=MOST).contains(&number)) {
        return Err(serde::de::Error::custom("a whole number is wanted, 1 or more"));
    }
    Ok(number.map(|number| number as u64))
}

/// A JSON object: serde by itself takes an array for a structure as well, its fields in their order.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Object<T>, D::Error> {
        value.deserialize_map(OfMap(PhantomData)).map(Object)
    }
}

struct OfMap<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMap<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Problem> {
        let body = Json::from_request(request, state).await;
        body.map(|Json(Object(body))| Body(body)).map_err(|rejection| bad_body(&rejection))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<MaybeBody<T>, Problem> {
        let read = Bytes::from_request(request, state).await;
        let bytes = read.map_err(|rejection| unread_body(&rejection))?;
        if bytes.is_empty() {
            return Ok(MaybeBody(T::default()));
        }
        let body: Result<Json<Option<Object<T>>>, _> = Json::from_bytes(&bytes);
        body.map(|Json(body)| MaybeBody(body.map_or_else(T::default, |Object(body)| body)))
            .map_err(|rejection| bad_body(&rejection))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Segments<T>, Problem> {
        let path = Path::from_request_parts(parts, state).await;
        // Only what is no text is refused here, and no room is named so.
        path.map(|Path(path)| Segments(path)).map_err(|_| Missing::Room.into())
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Parameters<T>, Problem> {
        let query = Query::from_request_parts(parts, state).await;
        query
            .map(|Query(query)| Parameters(query))
            .map_err(|rejection| Problem::new(StatusCode::BAD_REQUEST, "bad-query", rejection.body_text()))
    }
}

/// Why a body was not read to its end: 408, 413, or 400 where it broke off.
pub(crate) fn unread_body(rejection: &BytesRejection) -> Problem {
    if let Some(slow) = SlowBody::find(rejection) {
        return Problem::new(StatusCode::REQUEST_TIMEOUT, SLOW_BODY, slow.to_string());
    }
    let is_long = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
    let code = if is_long { "too-large" } else { "bad-body" };
    Problem::new(rejection.status(), code, rejection.body_text())
}

/// 415 and 422 as axum tells them apart, and 400 for what is no JSON.
fn bad_body(rejection: &JsonRejection) -> Problem {
    if let JsonRejection::BytesRejection(rejection) = rejection {
        return unread_body(rejection);
    }
    let status = rejection.status();
    let code = match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported-media-type",
        StatusCode::UNPROCESSABLE_ENTITY => "bad-body",
        _ => "bad-json",
    };
    Problem::new(status, code, rejection.body_text())
}
