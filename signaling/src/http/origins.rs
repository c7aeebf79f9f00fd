//! Pages of other sites: which may change anything over HTTP, and which may read what they are answered (CORS).
//!
//! A browser sends by itself from where a page is (`Origin`); programs that are no browser send nothing of it, and
//! are not asked.

use crate::access::AccessSettings;
use crate::http::problem::Problem;
use crate::hub::Hub;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The code of whoever is refused for where their page is.
pub(crate) const NOT_ALLOWED: &str = "origin-not-allowed";

/// A browser asks again after so many seconds: which origins are listed may have changed.
const PREFLIGHT_HOLDS: &str = "600";

/// Refuses a page of an origin that may not talk to this server.
pub(crate) fn check(access: &AccessSettings, headers: &HeaderMap) -> Result<(), Problem> {
    let (origin, host) = (text(headers, header::ORIGIN), text(headers, header::HOST));
    if access.allows_origin(origin, host) { Ok(()) } else { Err(refusal()) }
}

/// The same of REST, which asks for more where no token does: see [`AccessSettings::shares_rest_with`]. A page that
/// may not read an answer can still send what a form can, such as the end of a recording.
fn check_rest(access: &AccessSettings, headers: &HeaderMap) -> Result<(), Problem> {
    let (origin, host) = (text(headers, header::ORIGIN), text(headers, header::HOST));
    let may = origin.is_none_or(|origin| access.shares_rest_with(origin, host));
    if may { Ok(()) } else { Err(refusal()) }
}

fn refusal() -> Problem {
    let text =
        "pages of this origin may not talk to this server; list it in security.allowed_origins, by its name";
    Problem::new(StatusCode::FORBIDDEN, NOT_ALLOWED, text)
}

/// The same of a request that may change something. Who must show a token to WHIP or WHEP is let in by that alone,
/// wherever their player stands: no browser sends it by itself.
pub(crate) fn check_request(access: &AccessSettings, request: &Request) -> Result<(), Problem> {
    let path = request.uri().path();
    match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS => Ok(()),
        _ if is_rest(path) => check_rest(access, request.headers()),
        _ if is_call(path) && !access.require_auth => check(access, request.headers()),
        _ => Ok(()),
    }
}

/// Tells browsers which pages may read the answer. Outermost, so that refusals can be read as well.
pub(crate) async fn share(State(hub): State<Hub>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if is_call(path) {
        return share_call(next.run(request).await);
    }
    if !is_rest(path) {
        return next.run(request).await;
    }
    let access = hub.access();
    let (headers, host) = (request.headers(), text(request.headers(), header::HOST));
    let shares = |origin: &&HeaderValue| origin.to_str().is_ok_and(|one| access.shares_rest_with(one, host));
    let origin = headers.get(header::ORIGIN).filter(shares).cloned();
    let is_preflight = request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && origin.is_some();
    let response = if is_preflight { preflight(&access.auth_token_header) } else { next.run(request).await };
    share_rest(response, origin)
}

fn is_rest(path: &str) -> bool {
    path.starts_with("/api/")
}

fn is_call(path: &str) -> bool {
    path.starts_with("/whip/") || path.starts_with("/whep/")
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    // What cannot be read is nobody's that is listed, and not the same as nothing.
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// What a page may ask of REST.
fn preflight(token_header: &str) -> Response {
    let head = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            &format!("authorization, content-type, range, {token_header}"),
        ),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_HOLDS),
    ];
    (StatusCode::NO_CONTENT, head).into_response()
}

fn share_rest(mut response: Response, origin: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    // RFC 9110 §12.5.5: a cache must not give to one page what was meant for another.
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let readable = "location, etag, accept-ranges, content-range, retry-after, www-authenticate";
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(readable));
    }
    response
}

/// Pages of everywhere may read what WHIP and WHEP answer, refusals among it (RFC 9725 §4.6).
fn share_call(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let readable = "location, etag, link, accept-post, accept-patch, retry-after, www-authenticate";
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(readable));
    response
}
