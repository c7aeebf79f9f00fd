//! Errors as problem documents (RFC 9457).

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error with a stable code and a sentence that says what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, code, detail: detail.into() }
    }

    pub(crate) fn no_room() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "room-not-found",
            "there is no room with this id; GET /api/rooms lists them",
        )
    }

    pub(crate) fn stopping() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server-busy",
            "the server is stopping; try again in a moment",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({
            // RFC 9457 §3.1.1: a URI that need not be fetched; the last part is the code.
            "type": format!("urn:volley:problem:{}", self.code),
            "title": title,
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        let kind = [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")];
        (self.status, kind, Json(body).into_response().into_body()).into_response()
    }
}

pub(crate) async fn method_not_allowed() -> Problem {
    let text = "this address does not take that method; the Allow header lists those it takes";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", text)
}
