//! `/api/rooms/{id}/recording`, which begins and ends recordings, and `/api/rooms/{id}/recordings`, where
//! they are. A room's recordings stay when it has ended.

use crate::http::answers::{Guarded, OfRoom};
use crate::http::extract::Segments;
use crate::http::file::{Ranged, serve};
use crate::http::problem::{Document, Problem};
use crate::hub::Hub;
use crate::state::{RecordingRefusal, RecordingView};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use std::io;
use utoipa::ToSchema;
use volley_recorder::folder::{Folder, Name};
use volley_recorder::manifest::{self, Manifest};

/// Recordings in one answer: each may have a hundred files.
const MOST_LISTED: usize = 500;

/// Recordings of a room.
#[derive(Serialize, ToSchema)]
pub(crate) struct Recordings {
    /// The newest first, 500 at most.
    recordings: Vec<Manifest>,
}

/// Begin to record a room
///
/// Everybody in it is told (`recording-started`). People who come later are recorded as well; it ends by
/// itself when nobody is in the room any more.
#[utoipa::path(post, path = "/api/rooms/{id}/recording/start", tag = "Recordings",
    params(("id" = String, Path, description = "The room's id")), responses(
    OfRoom, Guarded,
    (status = 201, description = "The recording", body = RecordingView),
    (status = 409, description = "It is recorded already, or this server does not record", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn start(
    State(hub): State<Hub>,
    Segments(id): Segments<String>,
) -> Result<(StatusCode, Json<RecordingView>), Problem> {
    let started = hub.call(move |state, _| state.start_recording(&id)).await;
    Ok((StatusCode::CREATED, Json(started.ok_or_else(Problem::stopping)??)))
}

/// End the recording of a room
///
/// Everybody in it is told (`recording-stopped`). Its files are complete a moment later: `state` is then
/// `complete`, and the webhook `recording-ready` says so.
#[utoipa::path(post, path = "/api/rooms/{id}/recording/stop", tag = "Recordings",
    params(("id" = String, Path, description = "The room's id")), responses(
    OfRoom, Guarded,
    (status = 200, description = "The recording as it was", body = RecordingView),
    (status = 409, description = "It is not recorded", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn stop(
    State(hub): State<Hub>,
    Segments(id): Segments<String>,
) -> Result<Json<RecordingView>, Problem> {
    let stopped = hub.call(move |state, _| state.stop_recording(&id)).await;
    Ok(Json(stopped.ok_or_else(Problem::stopping)??))
}

/// Show how the recording of a room goes
#[utoipa::path(get, path = "/api/rooms/{id}/recording", tag = "Recordings",
    params(("id" = String, Path, description = "The room's id")), responses(
    OfRoom, Guarded,
    (status = 200, description = "The recording, as it was about a second ago", body = RecordingView),
    (status = 409, description = "It is not recorded", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn progress(
    State(hub): State<Hub>,
    Segments(id): Segments<String>,
) -> Result<Json<RecordingView>, Problem> {
    let recording = hub.call(move |state, _| state.recording_of(&id)).await;
    Ok(Json(recording.ok_or_else(Problem::stopping)??))
}

/// List the recordings of a room
///
/// Those that go on as well. A room that never was has none.
#[utoipa::path(get, path = "/api/rooms/{id}/recordings", tag = "Recordings",
    params(("id" = String, Path, description = "The room's id")), responses(
    Guarded,
    (status = 200, description = "What each consists of", body = Recordings),
    (status = 500, description = "The recordings' folder cannot be read", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn list(
    State(hub): State<Hub>,
    Segments(id): Segments<String>,
) -> Result<Json<Recordings>, Problem> {
    let Some(folder) = folder(&hub).await? else { return Ok(Json(Recordings { recordings: vec![] })) };
    let found = blocking(move || {
        let mut names = folder.list()?;
        names.reverse();
        let manifests = names.iter().filter_map(|name| Manifest::load(&folder.open(name).ok()?).ok());
        Ok(manifests.filter(|manifest| manifest.room.id == id).take(MOST_LISTED).collect())
    });
    Ok(Json(Recordings { recordings: found.await.map_err(|error| unreadable(&error))? }))
}

/// Show a recording
#[utoipa::path(get, path = "/api/rooms/{id}/recordings/{recordingId}", tag = "Recordings",
    params(("id" = String, Path, description = "The room's id"), ("recordingId" = String, Path, description = "The recording's id")), responses(
    Guarded,
    (status = 200, description = "Who, when, which files, and what is missing in them", body = Manifest),
    (status = 404, description = "The room has no such recording", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn show(
    State(hub): State<Hub>,
    Segments((room, recording)): Segments<(String, String)>,
) -> Result<Json<Manifest>, Problem> {
    Ok(Json(find(&hub, room, recording).await?.2))
}

/// Delete a recording
///
/// With all its files, for good.
#[utoipa::path(delete, path = "/api/rooms/{id}/recordings/{recordingId}", tag = "Recordings",
    params(("id" = String, Path, description = "The room's id"), ("recordingId" = String, Path, description = "The recording's id")), responses(
    Guarded,
    (status = 204, description = "It is gone"),
    (status = 404, description = "The room has no such recording", body = Document, content_type = "application/problem+json"),
    (status = 409, description = "It goes on, or is not complete yet", body = Document, content_type = "application/problem+json"),
    (status = 500, description = "It cannot be removed", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn delete(
    State(hub): State<Hub>,
    Segments((room, recording)): Segments<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (folder, name, manifest) = find(&hub, room, recording).await?;
    if manifest.state != manifest::State::Complete {
        let text = "this recording is not complete yet; end it first, then wait a moment";
        return Err(Problem::new(StatusCode::CONFLICT, "recording-not-complete", text));
    }
    blocking(move || folder.remove(&name)).await.map_err(|error| unreadable(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Fetch a file of a recording
///
/// Also while it is written: then what there is of it. Parts of it where `Range` asks for them. A player, which
/// cannot send a header, may say its token in the address (RFC 6750 §2.3).
#[utoipa::path(get, path = "/api/rooms/{id}/recordings/{recordingId}/files/{name}", tag = "Recordings",
    params(("id" = String, Path, description = "The room's id"), ("recordingId" = String, Path, description = "The recording's id"), ("name" = String, Path, description = "The file's name"), ("access_token" = Option<String>, Query, description = "A room's token or an API key, where there is none in a header")), responses(
    Guarded, Ranged,
    (status = 404, description = "The room has no such recording, or that has no such file", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn fetch(
    State(hub): State<Hub>,
    Segments((room, recording, file)): Segments<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (folder, name, manifest) = find(&hub, room, recording).await?;
    let known = manifest.files.into_iter().find(|known| known.name == file).ok_or_else(no_file)?;
    let of = Name::new(&known.name).ok_or_else(no_file)?;
    let opened = blocking(move || folder.open(&name)?.read(&of)).await.map_err(|_| no_file())?;
    serve(opened, &known.name, known.sha256.as_deref(), &headers).await
}

/// The folder of all recordings, the recording's name in it, and what it consists of.
async fn find(hub: &Hub, room: String, recording: String) -> Result<(Folder, Name, Manifest), Problem> {
    let missing = || {
        let text = "the room has no such recording; GET /api/rooms/{id}/recordings lists those it has";
        Problem::new(StatusCode::NOT_FOUND, "recording-not-found", text)
    };
    let folder = folder(hub).await?.ok_or_else(missing)?;
    let name = Name::new(&recording).ok_or_else(missing)?;
    let found = blocking(move || {
        let manifest = Manifest::load(&folder.open(&name)?)?;
        Ok((folder, name, manifest))
    });
    let found = found.await.map_err(|_| missing())?;
    if found.2.room.id == room { Ok(found) } else { Err(missing()) }
}

async fn folder(hub: &Hub) -> Result<Option<Folder>, Problem> {
    let path = hub.call(|state, _| state.config().recording.as_ref().map(|one| one.path.clone())).await;
    Ok(path.ok_or_else(Problem::stopping)?.map(Folder::new))
}

/// Files are read beside the pages' messages, not before them.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn unreadable(error: &io::Error) -> Problem {
    tracing::error!(%error, "the recordings' folder cannot be read or changed");
    let text = "the recordings' folder cannot be read or changed; the server's log says why";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "recordings-unreadable", text)
}

fn no_file() -> Problem {
    let text = "the recording has no such file; its files stand in it";
    Problem::new(StatusCode::NOT_FOUND, "file-not-found", text)
}

impl From<RecordingRefusal> for Problem {
    fn from(refusal: RecordingRefusal) -> Problem {
        let (status, code) = match refusal {
            RecordingRefusal::NoRoom => (StatusCode::NOT_FOUND, "room-not-found"),
            RecordingRefusal::Off => (StatusCode::CONFLICT, "recording-off"),
            RecordingRefusal::Encrypted => (StatusCode::CONFLICT, "room-encrypted"),
            RecordingRefusal::Already => (StatusCode::CONFLICT, "already-recording"),
            RecordingRefusal::NotRecording => (StatusCode::CONFLICT, "not-recording"),
        };
        Problem::new(status, code, refusal.to_string())
    }
}
