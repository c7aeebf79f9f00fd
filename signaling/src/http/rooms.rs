//! `/api/rooms`.

use crate::http::guard::Client;
use crate::http::problem::Problem;
use crate::hub::Hub;
use crate::state::RoomRefusal;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;
use volley::base::ParticipantId;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewRoom {
    name: String,
    #[serde(default)]
    max_participants: Option<u64>,
}

pub(crate) async fn create(
    State(hub): State<Hub>,
    Extension(Client(client)): Extension<Client>,
    body: Result<Json<NewRoom>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(room) = body.map_err(|rejection| bad_body(&rejection))?;
    let made = hub
        .call(move |state, now| state.create_room_from(client, &room.name, room.max_participants, now))
        .await;
    let view = made.ok_or_else(Problem::stopping)?.map_err(refusal)?;
    let location = format!("/api/rooms/{}", view.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(view)).into_response())
}

pub(crate) async fn list(State(hub): State<Hub>) -> Result<Response, Problem> {
    let rooms = hub.call(|state, _| state.room_views()).await.ok_or_else(Problem::stopping)?;
    Ok(Json(json!({ "rooms": rooms })).into_response())
}

pub(crate) async fn show(
    State(hub): State<Hub>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = room_id(id)?;
    let view = hub.call(move |state, _| state.view_of_room(&id)).await.ok_or_else(Problem::stopping)?;
    Ok(Json(view.ok_or_else(Problem::no_room)?).into_response())
}

pub(crate) async fn delete(
    State(hub): State<Hub>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let id = room_id(id)?;
    let deleted =
        hub.call(move |state, now| state.delete_room(&id, now)).await.ok_or_else(Problem::stopping)?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::no_room()) }
}

/// Takes somebody out; their token, if they came with one, is worth nothing from then on.
pub(crate) async fn remove_participant(
    State(hub): State<Hub>,
    ids: Result<Path<(String, String)>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let nobody = || {
        Problem::new(StatusCode::NOT_FOUND, "participant-not-found", "nobody with this id is in this room")
    };
    let Path((room, participant)) = ids.map_err(|_| nobody())?;
    let participant = participant.parse().map(ParticipantId).map_err(|_| nobody())?;
    let removed = hub.call(move |state, now| state.remove_and_revoke(&room, participant, now)).await;
    if removed.ok_or_else(Problem::stopping)? { Ok(StatusCode::NO_CONTENT) } else { Err(nobody()) }
}

pub(crate) async fn stats(
    State(hub): State<Hub>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = room_id(id)?;
    let key = id.clone();
    let view = hub.call(move |state, _| state.view_of_room(&key)).await.ok_or_else(Problem::stopping)?;
    let participants = view.ok_or_else(Problem::no_room)?.participants.len();
    let tracks = hub.stats(id.clone()).await.ok_or_else(|| {
        let text = "the media process did not answer; try again in a moment";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "media-silent", text)
    })?;
    Ok(Json(json!({ "id": id, "participants": participants, "tracks": tracks })).into_response())
}

fn room_id(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    path.map(|Path(id)| id).map_err(|_| Problem::no_room())
}

/// 413, 415 and 422 as axum tells them apart, and 400 for what is no JSON.
fn bad_body(rejection: &JsonRejection) -> Problem {
    let status = rejection.status();
    let code = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "too-large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported-media-type",
        StatusCode::UNPROCESSABLE_ENTITY => "bad-room",
        _ => "bad-json",
    };
    Problem::new(status, code, rejection.body_text())
}

fn refusal(refusal: RoomRefusal) -> Problem {
    let (status, code) = match refusal {
        RoomRefusal::TooManyFromAddress => (StatusCode::TOO_MANY_REQUESTS, "too-many-rooms"),
        RoomRefusal::TooMany => (StatusCode::SERVICE_UNAVAILABLE, "server-busy"),
        RoomRefusal::BadName | RoomRefusal::BadSize => (StatusCode::UNPROCESSABLE_ENTITY, "bad-room"),
    };
    Problem::new(status, code, refusal.to_string())
}
