//! `/admin`: an operator's page. It asks REST with the key or token it is given, and so shows what that may see.

use crate::http::page::POLICY;
use crate::http::problem::Problem;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};

const PAGE: &str = include_str!("../../admin/index.html");
const FILES: [(&str, &str, &str); 3] = [
    ("admin.css", "text/css; charset=utf-8", include_str!("../../admin/admin.css")),
    ("admin.js", "text/javascript; charset=utf-8", include_str!("../../admin/admin.js")),
    ("figures.js", "text/javascript; charset=utf-8", include_str!("../../admin/figures.js")),
];

/// The page itself.
pub(crate) async fn index() -> Response {
    serve("text/html; charset=utf-8", PAGE)
}

/// What it is made of.
pub(crate) async fn file(uri: Uri) -> Response {
    let name = uri.path().strip_prefix("/admin/").unwrap_or_default();
    match FILES.iter().find(|file| file.0 == name) {
        Some((_, kind, text)) => serve(kind, text),
        None => Problem::nothing_here().into_response(),
    }
}

fn serve(kind: &'static str, text: &'static str) -> Response {
    let head = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (head, text).into_response()
}
