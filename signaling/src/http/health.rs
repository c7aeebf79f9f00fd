//! `GET /health`, for load balancers and people; `/health/live` and `/health/ready`, for whoever starts and
//! stops servers.

use crate::http::problem::{Document, Problem};
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
    (status = 503, description = "A worker is gone: `reason` says which; or the server is stopping, which is told as a problem",
        content((Health = "application/json"), (Document = "application/problem+json"))),
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

/// Whether the server may be sent people.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready`, `draining` or `unhealthy`.
    #[schema(example = "ready")]
    status: &'static str,
    /// Why it is unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Whether the process does anything.
#[derive(Serialize, ToSchema)]
pub(crate) struct Liveness {
    /// `live`.
    #[schema(example = "live")]
    status: &'static str,
}

/// Ask whether the process works
///
/// Also while it drains, and while a worker is gone: nobody need restart it for that.
#[utoipa::path(get, path = "/health/live", tag = "Server", responses(
    (status = 200, description = "It does", body = Liveness),
    (status = 503, description = "It is stopping", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn live(State(hub): State<Hub>) -> Result<Json<Liveness>, Problem> {
    hub.call(|_, _| ()).await.ok_or_else(Problem::stopping)?;
    Ok(Json(Liveness { status: "live" }))
}

/// Ask whether the server takes people
///
/// Not while it drains: who is here stays, new rooms belong elsewhere.
#[utoipa::path(get, path = "/health/ready", tag = "Server", responses(
    (status = 200, description = "It does", body = Readiness),
    (status = 503, description = "It drains (`draining`), or a worker is gone (`unhealthy`); or it is at its end, which is told as a problem",
        content((Readiness = "application/json"), (Document = "application/problem+json"))),
))]
pub(crate) async fn ready(State(hub): State<Hub>) -> Result<(StatusCode, Json<Readiness>), Problem> {
    let is_draining = hub.call(|state, _| state.is_draining()).await.ok_or_else(Problem::stopping)?;
    let reason = hub.health();
    let (code, status) = match (is_draining, &reason) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, Some(_)) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
        (false, None) => (StatusCode::OK, "ready"),
    };
    Ok((code, Json(Readiness { status, reason })))
}
