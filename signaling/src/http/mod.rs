//! HTTP: what is served where.

mod acme;
mod admin;
mod answers;
mod api;
mod docs;
mod elsewhere;
mod extract;
mod file;
mod guard;
mod gzip;
mod health;
pub(crate) mod metrics;
mod origins;
mod page;
mod participants;
mod problem;
mod rate;
mod reached;
mod recordings;
mod rooms;
mod settings;
mod socket;
mod upgrade;
mod whip;

use crate::acme::Challenges;
use crate::hub::Hub;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Router, middleware};
use std::sync::Arc;

/// Longest body taken: a session description of 64 KiB; a room's description is a hundred bytes.
const MAX_BODY_BYTES: usize = 64 << 10;

/// Everything that is served.
pub(crate) fn router(hub: Hub, challenges: Arc<Challenges>) -> Router {
    api::router()
        .merge(whip::router())
        .merge(acme::router(challenges))
        .route("/ws", get(socket::open))
        .route("/docs", get(docs::index))
        .route("/docs/", get(docs::swagger))
        .route("/docs/websocket", get(docs::websocket))
        .route("/docs/{*file}", get(docs::file))
        .route("/settings.js", get(settings::show))
        .route("/admin", get(admin::index))
        .route("/admin/{file}", get(admin::file))
        .route("/", get(page::index))
        .route("/r/{room}", get(page::index))
        .route("/check", get(page::check))
        .fallback(page::asset)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(hub.clone(), guard::guard))
        .layer(middleware::from_fn(problem::limit_address))
        // Outermost: a page of elsewhere must be able to read why it is refused, too.
        .layer(middleware::from_fn_with_state(hub.clone(), origins::share))
        .with_state(hub)
}
