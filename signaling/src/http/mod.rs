//! HTTP: what is served where.

mod guard;
mod health;
pub(crate) mod metrics;
mod page;
mod problem;
mod rate;
mod rooms;
mod settings;
mod socket;

use crate::hub::Hub;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get};

/// Longest body taken: a room's description is a hundred bytes.
const MAX_BODY_BYTES: usize = 64 << 10;

/// Everything that is served.
pub(crate) fn router(hub: Hub) -> Router {
    Router::new()
        .route("/ws", get(socket::open))
        .route("/health", get(health::health))
        .route("/api/rooms", get(rooms::list).post(rooms::create))
        .route("/api/rooms/{id}", get(rooms::show).delete(rooms::delete))
        .route("/api/rooms/{id}/participants/{participant}", delete(rooms::remove_participant))
        .route("/api/rooms/{id}/stats", get(rooms::stats))
        .route("/settings.js", get(settings::show))
        .route("/", get(page::index))
        .route("/r/{room}", get(page::index))
        .fallback(page::asset)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(hub.clone(), guard::guard))
        .with_state(hub)
}
