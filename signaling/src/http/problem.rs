//! Errors as problem documents (RFC 9457).

use crate::state::{Missing, RoomRefusal};
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Longest address taken. None of ours has 200 bytes; browsers and proxies take about as much.
const MAX_ADDRESS_BYTES: usize = 8 << 10;

/// Whoever is told that the server is full or stopping should not knock every second (RFC 9110 §10.2.3;
/// RFC 9725 §4.2 asks for it).
const TRY_AGAIN_AFTER_SECONDS: &str = "5";

/// An error with a stable code and a sentence that says what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

/// What went wrong (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document {
    /// RFC 9457 §3.1.1: a URI that need not be fetched; its last part is the code.
    #[schema(example = "urn:volley:problem:room-not-found")]
    r#type: String,
    /// The status in words.
    title: &'static str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// Stable, for programs.
    #[schema(example = "room-not-found")]
    code: &'static str,
    /// For people: what is wrong, and what to do.
    detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, code, detail: detail.into() }
    }

    pub(crate) fn nothing_here() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this address")
    }

    pub(crate) fn stopping() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server-busy",
            "the server is stopping; try again in a moment",
        )
    }
}

impl From<Missing> for Problem {
    fn from(missing: Missing) -> Problem {
        let code = match missing {
            Missing::Room => "room-not-found",
            Missing::Participant => "participant-not-found",
            Missing::Track => "track-not-found",
        };
        Problem::new(StatusCode::NOT_FOUND, code, missing.to_string())
    }
}

impl From<RoomRefusal> for Problem {
    fn from(refusal: RoomRefusal) -> Problem {
        let (status, code) = match refusal {
            RoomRefusal::TooManyFromAddress => (StatusCode::TOO_MANY_REQUESTS, "too-many-rooms"),
            RoomRefusal::TooMany | RoomRefusal::NoMemory => (StatusCode::SERVICE_UNAVAILABLE, "server-busy"),
            RoomRefusal::Draining => (StatusCode::SERVICE_UNAVAILABLE, "server-draining"),
            RoomRefusal::BadName | RoomRefusal::BadSize => (StatusCode::UNPROCESSABLE_ENTITY, "bad-room"),
        };
        Problem::new(status, code, refusal.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Document {
            r#type: format!("urn:volley:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
        };
        let kind = [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")];
        let mut response = (self.status, kind, Json(body).into_response().into_body()).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let pause = HeaderValue::from_static(TRY_AGAIN_AFTER_SECONDS);
            response.headers_mut().insert(header::RETRY_AFTER, pause);
        }
        if self.status == StatusCode::REQUEST_TIMEOUT {
            // RFC 9110 §15.5.9: what else of the body comes is read by nobody.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

pub(crate) async fn method_not_allowed() -> Problem {
    let text = "this address does not take that method; the Allow header lists those it takes";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", text)
}

/// Refuses addresses that are too long.
pub(crate) async fn limit_address(request: Request, next: Next) -> Response {
    let uri = request.uri();
    let length = uri.path_and_query().map_or(0, |address| address.as_str().len());
    if length <= MAX_ADDRESS_BYTES {
        return next.run(request).await;
    }
    let text = format!("the address has {length} bytes; at most {MAX_ADDRESS_BYTES} are taken");
    Problem::new(StatusCode::URI_TOO_LONG, "address-too-long", text).into_response()
}
