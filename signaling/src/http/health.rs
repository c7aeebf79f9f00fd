//! `GET /health`, for load balancers and people.

use crate::http::problem::Problem;
use crate::hub::Hub;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

pub(crate) async fn health(State(hub): State<Hub>) -> Response {
    let facts =
        hub.call(|state, _| (state.counts(), state.config().max_rooms, state.config().max_participants));
    let Some(((rooms, participants), max_rooms, max_participants)) = facts.await else {
        return Problem::stopping().into_response();
    };
    let reason = hub.health();
    let mut body = json!({
        "status": if reason.is_none() { "healthy" } else { "unhealthy" },
        "rooms": rooms,
        "participants": participants,
        "config": { "max_rooms": max_rooms, "max_participants_per_room": max_participants },
    });
    let status = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    (status, Json(body)).into_response()
}
