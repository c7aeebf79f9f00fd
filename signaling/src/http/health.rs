//! `GET /health`, for load balancers and people.

use crate::http::problem::Problem;
use crate::hub::Hub;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `healthy` or `unhealthy`.
    #[schema(example = "healthy")]
    status: &'static str,
    /// How many there are.
    rooms: usize,
    /// How many are in them.
    participants: usize,
    /// What it allows.
    config: Limits,
    /// Why it is unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What the server allows.
#[derive(Serialize, ToSchema)]
pub(crate) struct Limits {
    /// Rooms at once.
    max_rooms: usize,
    /// People in a room.
    max_participants_per_room: usize,
}

/// Ask how the server is
#[utoipa::path(get, path = "/health", tag = "Server", responses(
    (status = 200, description = "All is well", body = Health),
    (status = 503, description = "A worker is gone: `reason` says which", body = Health),
))]
pub(crate) async fn health(State(hub): State<Hub>) -> Result<(StatusCode, Json<Health>), Problem> {
    let facts =
        hub.call(|state, _| (state.counts(), state.config().max_rooms, state.config().max_participants));
    let ((rooms, participants), max_rooms, max_participants_per_room) =
        facts.await.ok_or_else(Problem::stopping)?;
    let reason = hub.health();
    let (code, status) = match reason {
        None => (StatusCode::OK, "healthy"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
    };
    let config = Limits { max_rooms, max_participants_per_room };
    Ok((code, Json(Health { status, rooms, participants, config, reason })))
}
