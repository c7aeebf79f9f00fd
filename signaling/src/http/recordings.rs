//! `/api/rooms/{id}/recording`, which begins and ends recordings, and `/api/rooms/{id}/recordings`, where
//! they are. A room's recordings stay when it has ended.

use crate::http::answers::{Guarded, OfRoom, WithBody};
use crate::http::elsewhere;
use crate::http::extract::{MaybeBody, Parameters, Segments, whole};
use crate::http::file::{Ranged, serve};
use crate::http::guard::Client;
use crate::http::problem::{Document, Problem};
use crate::hub::Hub;
use crate::state::{RecordingRefusal, RecordingView};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
use volley_recorder::folder::{Folder, Name};
use volley_recorder::manifest::{Manifest, UploadState};
use volley_recorder::settings::Segments as Cut;
use volley_recorder::shelf;
use volley_recorder::store::kept_on_removal;

/// Recordings in one answer where nobody says: each may have a hundred files.
const DEFAULT_LIMIT: u16 = 50;
const MAX_LIMIT: u16 = 100;

/// Each begins with a key frame, and those are asked for once a second at most.
const LEAST_SEGMENT_SECONDS: u64 = 2;
/// A day.
const MOST_SEGMENT_SECONDS: u64 = 86_400;
/// A terabyte.
const MOST_SEGMENT_MEGABYTES: u64 = 1 << 20;

/// How a room is recorded.
#[derive(Deserialize, ToSchema, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewRecording {
    /// A file that plays so long is followed by another one, at the next key frame; without it, what
    /// `recording.segment_seconds` says.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 2, maximum = 86_400, example = 600)]
    segment_seconds: Option<u64>,
    /// The same for its size; without it, what `recording.segment_megabytes` says.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 1_048_576, example = 100)]
    segment_megabytes: Option<u64>,
}

/// Which part of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// Most recordings in the answer.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: u16,
    /// The `nextCursor` of the answer before; without it, from the newest.
    #[serde(default)]
    #[param(pattern = "^[0-9A-Za-z][0-9A-Za-z.-]{0,95}$", min_length = 1, max_length = 96)]
    cursor: Option<String>,
}

fn default_limit() -> u16 {
    DEFAULT_LIMIT
}

/// Recordings of a room.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Recordings {
    /// The newest first.
    recordings: Vec<Manifest>,
    /// Where the next part begins; `null` when this was the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Begin to record a room
///
/// Everybody in it is told (`recording-started`). People who come later are recorded as well; it ends by
/// itself when nobody is in the room any more.
#[utoipa::path(post, path = "/api/rooms/{id}/recording/start", tag = "Recordings",
    params(("id" = String, Path, description = "The room's id")), request_body = Option<NewRecording>, responses(
    OfRoom, WithBody, Guarded,
    (status = 201, description = "The recording", body = RecordingView),
    (status = 409, description = "It is recorded already, or this server does not record", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn start(
    State(hub): State<Hub>,
    Segments(id): Segments<String>,
    MaybeBody(recording): MaybeBody<NewRecording>,
) -> Result<(StatusCode, Json<RecordingView>), Problem> {
    let asked = recording.segments()?;
    let started = hub.call(move |state, _| state.start_recording_in(&id, asked)).await;
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
/// Those that go on as well, in parts: `nextCursor` asks for the next one. A room that never was has none.
#[utoipa::path(get, path = "/api/rooms/{id}/recordings", tag = "Recordings",
    params(("id" = String, Path, description = "The room's id"), Page), responses(
    Guarded,
    (status = 400, description = "What is asked for is no part of a list", body = Document, content_type = "application/problem+json"),
    (status = 200, description = "What each consists of", body = Recordings),
    (status = 500, description = "The recordings' folder cannot be read", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn list(
    State(hub): State<Hub>,
    Segments(id): Segments<String>,
    Parameters(Page { limit, cursor }): Parameters<Page>,
) -> Result<Json<Recordings>, Problem> {
    let bad = |text: &str| Problem::new(StatusCode::BAD_REQUEST, "bad-query", text);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(bad(&format!("limit is {limit}; allowed is 1 to {MAX_LIMIT}")));
    }
    let is_cursor =
        |cursor: String| Name::new(&cursor).ok_or_else(|| bad("cursor is none that was given out here"));
    let before = cursor.map(is_cursor).transpose()?;
    if elsewhere::recorder(&hub).await?.is_some() {
        let before = before.map(|name| name.to_string());
        let (recordings, next_cursor) = elsewhere::list(&hub, id, before, limit).await?;
        return Ok(Json(Recordings { recordings, next_cursor }));
    }
    let Some(folder) = folder(&hub).await? else {
        return Ok(Json(Recordings { recordings: vec![], next_cursor: None }));
    };
    let shelf = hub.shelf();
    let found = blocking(move || {
        let part = shelf.part(&folder, &id, before.as_ref(), usize::from(limit))?;
        let next_cursor = part.names.last().filter(|_| part.has_more).map(ToString::to_string);
        let manifest = |name: &Name| Manifest::load(&folder.open(name)?);
        let recordings = part.names.iter().filter_map(|name| {
            let unread =
                |error: &io::Error| tracing::warn!(recording = %name, %error, "a recording is not listed");
            manifest(name).inspect_err(unread).ok()
        });
        Ok(Recordings { recordings: recordings.collect(), next_cursor })
    });
    Ok(Json(found.await.map_err(|error| unreadable(&error))?))
}

/// Show a recording
#[utoipa::path(get, path = "/api/rooms/{id}/recordings/{recordingId}", tag = "Recordings",
    params(("id" = String, Path, description = "The room's id"), ("recordingId" = String, Path, description = "The recording's id")), responses(
    Guarded,
    (status = 200, description = "Who, when, which files, and what is missing in them", body = Manifest),
    (status = 500, description = "It cannot be read", body = Document, content_type = "application/problem+json"),
    (status = 404, description = "The room has no such recording", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn show(
    State(hub): State<Hub>,
    Segments((room, recording)): Segments<(String, String)>,
) -> Result<Json<Manifest>, Problem> {
    if elsewhere::recorder(&hub).await?.is_some() {
        return elsewhere::show(&hub, room, recording).await.map(|(manifest, _)| Json(manifest));
    }
    let (folder, name) = find(&hub, room, recording).await?;
    Ok(Json(
        blocking(move || Manifest::load(&folder.open(&name)?)).await.map_err(|error| unreadable(&error))?,
    ))
}

/// Delete a recording
///
/// With all its files, for good; in the store too, where it is in one, a moment later.
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
    by: Extension<Client>,
    Segments((room, recording)): Segments<(String, String)>,
) -> Result<StatusCode, Problem> {
    remove(&hub, room.clone(), recording.clone()).await?;
    tracing::info!(room, recording, address = by.told(), "a recording was deleted over REST");
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(hub: &Hub, room: String, recording: String) -> Result<(), Problem> {
    let goes_on = hub.call({
        let recording = recording.clone();
        move |state, _| state.is_recording(&recording)
    });
    let goes_on = goes_on.await.ok_or_else(Problem::stopping)?;
    if elsewhere::recorder(hub).await?.is_some() {
        if goes_on {
            return Err(elsewhere::not_complete());
        }
        return elsewhere::remove(hub, room, recording).await;
    }
    let (folder, name) = find(hub, room, recording).await?;
    let has_store =
        hub.call(|state, _| state.config().recording.as_ref().is_some_and(|one| one.has_store)).await;
    let keep = has_store.ok_or_else(Problem::stopping)?.then(kept_on_removal);
    let removed = blocking(move || {
        if goes_on {
            return Ok(false);
        }
        shelf::remove(&folder, &name, keep.as_ref())
    });
    if removed.await.map_err(|error| unreadable(&error))? { Ok(()) } else { Err(elsewhere::not_complete()) }
}

/// Fetch a file of a recording
///
/// Also while it is written: then what there is of it. Parts of it where `Range` asks for them. A player, which
/// cannot send a header, may say its token in the address (RFC 6750 §2.3).
#[utoipa::path(get, path = "/api/rooms/{id}/recordings/{recordingId}/files/{name}", tag = "Recordings",
    params(("id" = String, Path, description = "The room's id"), ("recordingId" = String, Path, description = "The recording's id"), ("name" = String, Path, description = "The file's name"), ("access_token" = Option<String>, Query, description = "A room's token that grants `record`, where there is none in a header; API keys are taken in headers alone")), responses(
    Guarded, Ranged,
    (status = 404, description = "The room has no such recording, or that has no such file", body = Document, content_type = "application/problem+json"),
    (status = 410, description = "The file is not on this server: in the store alone, or on the recorder's own machine", body = Document, content_type = "application/problem+json"),
    (status = 500, description = "The recording cannot be read", body = Document, content_type = "application/problem+json"),
))]
pub(crate) async fn fetch(
    State(hub): State<Hub>,
    Segments((room, recording, file)): Segments<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(recorder) = elsewhere::recorder(&hub).await? {
        let (manifest, path) = elsewhere::show(&hub, room, recording).await?;
        let known = manifest.files.iter().find(|known| known.name == file).ok_or_else(no_file)?;
        let upload = known.upload.as_ref();
        if upload.is_some_and(|upload| !upload.is_local) {
            return Err(in_store());
        }
        let is_stored = upload.is_some_and(|upload| upload.state == UploadState::Done);
        return Err(elsewhere::place_of(&recorder, &path, &manifest.recording_id, &known.name, is_stored));
    }
    let (folder, name) = find(&hub, room, recording).await?;
    let of = (folder.clone(), name.clone());
    let manifest = blocking(move || Manifest::load(&of.0.open(&of.1)?)).await;
    let manifest = manifest.map_err(|error| unreadable(&error))?;
    let known = manifest.files.into_iter().find(|known| known.name == file).ok_or_else(no_file)?;
    if known.upload.as_ref().is_some_and(|upload| !upload.is_local) {
        return Err(in_store());
    }
    let of = Name::new(&known.name).ok_or_else(no_file)?;
    let opened = blocking(move || folder.open(&name)?.read(&of)).await.map_err(|_| no_file())?;
    serve(opened, &known.name, known.sha256.as_deref(), &headers).await
}

/// The folder of all recordings, and the recording's name in it.
async fn find(hub: &Hub, room: String, recording: String) -> Result<(Folder, Name), Problem> {
    let folder = folder(hub).await?.ok_or_else(no_such_recording)?;
    let shelf = hub.shelf();
    let found = blocking(move || Ok(shelf.find(&folder, &room, &recording).map(|name| (folder, name))));
    found.await.ok().flatten().ok_or_else(no_such_recording)
}

pub(crate) fn no_such_recording() -> Problem {
    let text = "the room has no such recording; GET /api/rooms/{id}/recordings lists those it has";
    Problem::new(StatusCode::NOT_FOUND, "recording-not-found", text)
}

fn in_store() -> Problem {
    let text = "this file is in the store that recordings go to, and on this server no longer";
    Problem::new(StatusCode::GONE, "file-in-store", text)
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

impl NewRecording {
    /// What is asked for; `None` where nothing is.
    fn segments(&self) -> Result<Cut, Problem> {
        let within = |what: &str, value: Option<u64>, least: u64, most: u64| match value {
            Some(value) if !(least..=most).contains(&value) => {
                let text = format!("{what} is {value}; allowed is {least} to {most}");
                Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-body", text))
            }
            value => Ok(value),
        };
        let seconds =
            within("segmentSeconds", self.segment_seconds, LEAST_SEGMENT_SECONDS, MOST_SEGMENT_SECONDS)?;
        let megabytes = within("segmentMegabytes", self.segment_megabytes, 1, MOST_SEGMENT_MEGABYTES)?;
        Ok(Cut {
            lasting: seconds.map(Duration::from_secs),
            bytes: megabytes.map(|megabytes| megabytes << 20),
        })
    }
}

impl From<RecordingRefusal> for Problem {
    fn from(refusal: RecordingRefusal) -> Problem {
        let (status, code) = match refusal {
            RecordingRefusal::NoRoom => (StatusCode::NOT_FOUND, "room-not-found"),
            RecordingRefusal::Off => (StatusCode::CONFLICT, "recording-off"),
            RecordingRefusal::Already => (StatusCode::CONFLICT, "already-recording"),
            RecordingRefusal::NotRecording => (StatusCode::CONFLICT, "not-recording"),
        };
        Problem::new(status, code, refusal.to_string())
    }
}
