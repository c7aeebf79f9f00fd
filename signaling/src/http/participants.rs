//! `/api/rooms/{id}/participants/{participantId}`: looking at people, muting them, taking them out.

use crate::http::answers::{Guarded, OfParticipant, WithBody};
use crate::http::extract::{Body, Segments};
use crate::http::guard::Client;
use crate::http::problem::Problem;
use crate::hub::Hub;
use crate::protocol::{MediaKind, ParticipantView};
use crate::state::Selection;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::ToSchema;

/// Which tracks: those that match all that is said, so `{}` means every one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Tracks {
    /// Sounds or pictures.
    #[serde(default)]
    kind: Option<MediaKind>,
    /// One track.
    #[serde(default)]
    track_id: Option<String>,
}

/// Show a participant
#[utoipa::path(get, path = "/api/rooms/{id}/participants/{participantId}", tag = "Participants",
    params(("id" = String, Path, description = "The room's id"), ("participantId" = String, Path, description = "The participant's id")), responses(
    OfParticipant, Guarded,
    (status = 200, description = "The participant", body = ParticipantView),
))]
pub(crate) async fn show(
    State(hub): State<Hub>,
    Segments((room, id)): Segments<(String, String)>,
) -> Result<Json<ParticipantView>, Problem> {
    let view = hub.call(move |state, _| state.view_of_participant(&room, &id)).await;
    Ok(Json(view.ok_or_else(Problem::stopping)??))
}

/// Take a participant out of the room
///
/// Their page is told (`error` with the code `removed`) and their media ends.
#[utoipa::path(delete, path = "/api/rooms/{id}/participants/{participantId}", tag = "Participants",
    params(("id" = String, Path, description = "The room's id"), ("participantId" = String, Path, description = "The participant's id")), responses(
    OfParticipant, Guarded,
    (status = 204, description = "They are out"),
))]
pub(crate) async fn remove(
    State(hub): State<Hub>,
    by: Extension<Client>,
    Segments((room, id)): Segments<(String, String)>,
) -> Result<StatusCode, Problem> {
    let who = (room.clone(), id.clone());
    let removed = hub.call(move |state, now| state.put_out(&who.0, &who.1, now)).await;
    removed.ok_or_else(Problem::stopping)??;
    tracing::info!(room, participant = id, address = by.told(), "somebody was taken out over REST");
    Ok(StatusCode::NO_CONTENT)
}

/// Mute tracks of a participant
///
/// The server stops forwarding them, and everybody is told (`track-muted`), the participant too, who may
/// unmute them again.
#[utoipa::path(post, path = "/api/rooms/{id}/participants/{participantId}/mute", tag = "Participants", request_body = Tracks,
    params(("id" = String, Path, description = "The room's id"), ("participantId" = String, Path, description = "The participant's id")), responses(
    OfParticipant, WithBody, Guarded,
    (status = 200, description = "The participant as they are now", body = ParticipantView),
))]
pub(crate) async fn mute(
    State(hub): State<Hub>,
    by: Extension<Client>,
    Segments(who): Segments<(String, String)>,
    Body(tracks): Body<Tracks>,
) -> Result<Json<ParticipantView>, Problem> {
    set_muted(hub, who, tracks, true, by).await
}

/// Unmute tracks of a participant
///
/// The server forwards them again. A page whose microphone or camera is off stays silent: nobody is
/// switched on by others.
#[utoipa::path(post, path = "/api/rooms/{id}/participants/{participantId}/unmute", tag = "Participants", request_body = Tracks,
    params(("id" = String, Path, description = "The room's id"), ("participantId" = String, Path, description = "The participant's id")), responses(
    OfParticipant, WithBody, Guarded,
    (status = 200, description = "The participant as they are now", body = ParticipantView),
))]
pub(crate) async fn unmute(
    State(hub): State<Hub>,
    by: Extension<Client>,
    Segments(who): Segments<(String, String)>,
    Body(tracks): Body<Tracks>,
) -> Result<Json<ParticipantView>, Problem> {
    set_muted(hub, who, tracks, false, by).await
}

async fn set_muted(
    hub: Hub,
    (room, id): (String, String),
    tracks: Tracks,
    muted: bool,
    by: Extension<Client>,
) -> Result<Json<ParticipantView>, Problem> {
    let which = Selection { kind: tracks.kind, track_id: tracks.track_id };
    let who = (room.clone(), id.clone());
    let view = hub.call(move |state, _| state.moderate(&who.0, &who.1, &which, muted)).await;
    let view = view.ok_or_else(Problem::stopping)??;
    tracing::info!(
        room,
        participant = id,
        muted,
        address = by.told(),
        "somebody was muted or unmuted over REST"
    );
    Ok(Json(view))
}
