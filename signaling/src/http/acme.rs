//! Where an ACME server looks for its proof over HTTP (RFC 8555 §8.3).

use crate::acme::Challenges;
use crate::http::problem::Problem;
use crate::hub::Hub;
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

pub(super) fn router(challenges: Arc<Challenges>) -> Router<Hub> {
    Router::new().route("/.well-known/acme-challenge/{token}", get(show)).layer(Extension(challenges))
}

async fn show(
    Extension(challenges): Extension<Arc<Challenges>>,
    token: Result<Path<String>, PathRejection>,
) -> Response {
    match token.ok().and_then(|Path(token)| challenges.text(&token)) {
        Some(text) => ([(header::CONTENT_TYPE, "application/octet-stream")], text).into_response(),
        None => Problem::nothing_here().into_response(),
    }
}
