//! The web page and the client library, embedded in the binary, plain and compressed.

use crate::http::gzip;
use crate::http::problem::Problem;
use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use std::fmt::Write as _;

/// As `scripts/page` made them. A debug build reads them from the source tree at each request.
#[derive(RustEmbed)]
#[folder = "web/dist/"]
struct Files;

/// RFC 9111 §5.2.2.4: keep it, but ask each time: a new server means a new page at once.
const ASK: &str = "no-cache";
/// What has a name of its own for each content need not be asked for again (RFC 8246).
const KEEP: &str = "public, max-age=31536000, immutable";
/// Where such files are.
const KEPT: &str = "assets/";
/// The library and its types, which pages of other sites may import: what they may do is `allowed_origins`' matter.
const LIBRARY: [&str; 2] = ["client.js", "client.d.ts"];

/// Nothing but what we serve ourselves: a script that somebody smuggles into a name or a chat does
/// not run. `blob:` and `mediastream:` are for pictures of cameras.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    media-src 'self' blob: mediastream:; connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; child-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// The page itself; which room it opens it reads from its address.
pub(crate) async fn index(headers: HeaderMap) -> Response {
    serve("index.html", &headers)
}

/// The page that looks whether calls from there would work.
pub(crate) async fn check(headers: HeaderMap) -> Response {
    serve("check.html", &headers)
}

/// A file of the page, or nothing.
pub(crate) async fn asset(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let is_file = !path.contains("..") && Files::get(path).is_some();
    match method {
        Method::GET | Method::HEAD if is_file => serve(path, &headers),
        _ => Problem::nothing_here().into_response(),
    }
}

fn serve(path: &str, headers: &HeaderMap) -> Response {
    let Some(file) = Files::get(path) else {
        return Problem::new(StatusCode::NOT_FOUND, "not-found", "this server was built without its page")
            .into_response();
    };
    let packed = gzip::packed(path);
    let sent = packed.filter(|_| gzip::is_taken(headers));
    let tag = entity_tag(&file, sent.is_some());
    let caching = if path.starts_with(KEPT) { KEEP } else { ASK };
    let origins = LIBRARY.contains(&path).then_some([(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")]);
    // RFC 9110 §12.5.5: of the plain file too, or a cache would hand it to everybody.
    let varies = packed.map(|_| [(header::VARY, "accept-encoding")]);
    let common = [
        (header::CACHE_CONTROL, caching),
        (header::ETAG, tag.as_str()),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
        return (StatusCode::NOT_MODIFIED, origins, varies, common).into_response();
    }
    let coding = sent.map(|_| [(header::CONTENT_ENCODING, "gzip")]);
    let body = sent.map_or_else(|| Body::from(file.data), Body::from);
    (origins, varies, coding, common, [(header::CONTENT_TYPE, content_type(path))], body).into_response()
}

/// RFC 9110 §8.8.3.3: what is sent in another coding has another tag.
fn entity_tag(file: &EmbeddedFile, is_packed: bool) -> String {
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..12] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag + if is_packed { "-gzip\"" } else { "\"" }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        // The registered type of `.ts` is a film's.
        Some("ts") => "text/plain; charset=utf-8",
        Some("json" | "webmanifest") => "application/json",
        _ => "application/octet-stream",
    }
}
