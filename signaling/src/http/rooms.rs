//! `/api/rooms`.

use crate::http::answers::{Guarded, OfRoom, WithBody};
use crate::http::extract::{Body, Parameters, Segments, whole};
use crate::http::guard::Client;
use crate::http::problem::{Document, Problem};
use crate::hub::{Hub, PersonReport, RoomReport, TrackReport};
use crate::protocol::RoomMode;
use crate::state::{Missing, RoomPage, RoomView};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use volley::control::types::RoomLoad;

/// Rooms in one answer, unless asked for fewer or more.
const DEFAULT_LIMIT: u16 = 50;
/// Most rooms in one answer: each may have a hundred people.
const MAX_LIMIT: u16 = 100;

/// A room to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewRoom {
    /// For people: not blank, without line breaks.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "Conference Room"
    )]
    name: String,
    /// Most people in it; without it, as many as the server allows.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 1, example = 50)]
    max_participants: Option<u64>,
    /// How media may go. Between people who talk directly each learns the other's addresses.
    #[serde(default)]
    mode: RoomMode,
    /// Whether what people send is encrypted end to end, with keys that the server does not have. WHIP and
    /// WHEP are of no use there.
    #[serde(default)]
    e2ee: bool,
    /// Whether it is recorded whenever somebody publishes in it. Where nothing may be recorded, no room is made.
    #[serde(default)]
    record: bool,
    /// Whether those who listen are sent only what speakers publish (those who speak or spoke last, and shared
    /// screens), while speakers are sent everybody; without it, as `rooms.speakers_only` has it. All media
    /// goes through the server then.
    speakers_only: Option<bool>,
}

/// Which part of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// Most rooms in the answer.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: u16,
    /// The `nextCursor` of the answer before; without it, from the beginning.
    #[serde(default)]
    #[param(pattern = "^[0-9]{1,19}$", min_length = 1, max_length = 19)]
    cursor: Option<String>,
}

/// What comes of each track of a room, and what is forwarded of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoomStats {
    /// The room.
    id: String,
    /// How many people are in it.
    participants: usize,
    /// Bytes of memory that it takes, of all workers it is on.
    memory_bytes: u64,
    /// What it uses of their cores, in percent of one, over the last second.
    cpu_percent: u8,
    /// All that is published.
    tracks: Vec<TrackReport>,
    /// Everybody whose media has been agreed on, with what comes from them and what goes to them.
    people: Vec<PersonReport>,
}

fn default_limit() -> u16 {
    DEFAULT_LIMIT
}

/// Make a room
///
/// It stays when it is empty, until nobody was in it for `rooms.idle_timeout`.
#[utoipa::path(post, path = "/api/rooms", tag = "Rooms", request_body = NewRoom, responses(
    WithBody, Guarded,
    (status = 201, description = "The room", body = RoomView, headers(("location" = String, description = "Its address"))),
    (status = 409, description = "It is to be recorded, and this server does not record", body = Document, content_type = "application/problem+json"),
    (status = 429, description = "As many rooms as one address may have were made from yours", body = Document, content_type = "application/problem+json"),
    (status = 503, description = "The server has as many rooms as it takes, or no memory for another one, or is stopping", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn create(
    State(hub): State<Hub>,
    Extension(Client(client)): Extension<Client>,
    Body(room): Body<NewRoom>,
) -> Result<Response, Problem> {
    let made = hub
        .call(move |state, now| {
            if room.record {
                state.check_recording()?;
            }
            let made = state.create_room_from(client, &room.name, room.max_participants, now)?;
            if room.e2ee {
                state.encrypt_room(&made.id);
            }
            state.set_records_itself(&made.id, room.record);
            if let Some(only) = room.speakers_only {
                state.set_speakers_only(&made.id, only);
            }
            Ok::<_, Problem>(state.set_mode(&made.id, room.mode).unwrap_or(made))
        })
        .await;
    let view = made.ok_or_else(Problem::stopping)??;
    let location = format!("/api/rooms/{}", view.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(view)).into_response())
}

/// List rooms
///
/// The oldest first, in parts: `nextCursor` asks for the next one.
#[utoipa::path(get, path = "/api/rooms", tag = "Rooms", params(Page), responses(
    Guarded,
    (status = 200, description = "Some of the rooms", body = RoomPage),
    (status = 400, description = "limit or cursor is not as it should be", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn list(
    State(hub): State<Hub>,
    Parameters(page): Parameters<Page>,
) -> Result<Json<RoomPage>, Problem> {
    let bad = |text: String| Problem::new(StatusCode::BAD_REQUEST, "bad-query", text);
    if !(1..=MAX_LIMIT).contains(&page.limit) {
        return Err(bad(format!("limit is {}; it must be 1 to {MAX_LIMIT}", page.limit)));
    }
    let digits = |text: &String| text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit());
    let cursor = match page.cursor {
        None => 0,
        Some(text) => text.parse().ok().filter(|_| digits(&text)).ok_or_else(|| {
            bad("cursor is not one that an answer of this list gave as nextCursor".to_owned())
        })?,
    };
    let rooms = hub.call(move |state, _| state.room_page(cursor, page.limit.into())).await;
    Ok(Json(rooms.ok_or_else(Problem::stopping)?))
}

/// Show a room
#[utoipa::path(get, path = "/api/rooms/{id}", tag = "Rooms",
    params(("id" = String, Path, description = "The room's id")), responses(
    OfRoom, Guarded,
    (status = 200, description = "The room and who is in it", body = RoomView),
))]
pub(crate) async fn show(
    State(hub): State<Hub>,
    Segments(id): Segments<String>,
) -> Result<Json<RoomView>, Problem> {
    let view = hub.call(move |state, _| state.view_of_room(&id)).await.ok_or_else(Problem::stopping)?;
    Ok(Json(view.ok_or(Missing::Room)?))
}

/// End a room
///
/// Everybody in it is sent out.
#[utoipa::path(delete, path = "/api/rooms/{id}", tag = "Rooms",
    params(("id" = String, Path, description = "The room's id")), responses(
    OfRoom, Guarded,
    (status = 204, description = "It is gone"),
))]
pub(crate) async fn delete(
    State(hub): State<Hub>,
    by: Extension<Client>,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    let room = id.clone();
    let deleted =
        hub.call(move |state, now| state.delete_room(&id, now)).await.ok_or_else(Problem::stopping)?;
    if !deleted {
        return Err(Missing::Room.into());
    }
    tracing::info!(room, address = by.told(), "a room was ended over REST");
    Ok(StatusCode::NO_CONTENT)
}

/// Count what comes and goes
#[utoipa::path(get, path = "/api/rooms/{id}/stats", tag = "Rooms",
    params(("id" = String, Path, description = "The room's id")), responses(
    OfRoom, Guarded,
    (status = 200, description = "Counters of every track and every participant", body = RoomStats),
    (status = 503, description = "The media process does not answer, or the server is stopping", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn stats(
    State(hub): State<Hub>,
    Segments(id): Segments<String>,
) -> Result<Json<RoomStats>, Problem> {
    let key = id.clone();
    let view = hub.call(move |state, _| state.view_of_room(&key)).await.ok_or_else(Problem::stopping)?;
    let participants = view.ok_or(Missing::Room)?.participants.len();
    let RoomReport { tracks, people, load } = hub.stats(id.clone()).await.ok_or_else(|| {
        let text = "the media process did not answer; try again in a moment";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "media-silent", text)
    })?;
    let RoomLoad { memory_bytes, cpu_percent } = load;
    Ok(Json(RoomStats { id, participants, memory_bytes, cpu_percent, tracks, people }))
}
