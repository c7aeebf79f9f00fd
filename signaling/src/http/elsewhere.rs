//! Recordings that a recorder on another machine has: it is asked for what it has written, and removes what is
//! to go. Files are fetched there, or from the store: what takes hours of a line does not go through here.

use crate::http::problem::Problem;
use crate::http::recordings::no_such_recording;
use crate::hub::Hub;
use axum::http::StatusCode;
use volley_recorder::answers::{Answer, Question};
use volley_recorder::manifest::Manifest;

/// The address of the recorder that has the files, where they are not here.
pub(crate) async fn recorder(hub: &Hub) -> Result<Option<String>, Problem> {
    let offload =
        hub.call(|state, _| state.config().recording.as_ref().and_then(|one| one.offload.clone())).await;
    offload.ok_or_else(Problem::stopping)
}

/// A part of the recordings of a room, and where the next one begins.
pub(crate) async fn list(
    hub: &Hub,
    room_id: String,
    before: Option<String>,
    limit: u16,
) -> Result<(Vec<Manifest>, Option<String>), Problem> {
    match ask(hub, Question::List { room_id, before, limit }).await? {
        Answer::List { recordings, next_cursor } => Ok((recordings, next_cursor)),
        other => Err(refusal(other)),
    }
}

/// What a recording consists of, and the folder it is in on the recorder's machine.
pub(crate) async fn show(
    hub: &Hub,
    room_id: String,
    recording_id: String,
) -> Result<(Manifest, String), Problem> {
    match ask(hub, Question::Show { room_id, recording_id }).await? {
        Answer::Shown { manifest, path } => Ok((*manifest, path)),
        other => Err(refusal(other)),
    }
}

/// Removes a recording.
pub(crate) async fn remove(hub: &Hub, room_id: String, recording_id: String) -> Result<(), Problem> {
    match ask(hub, Question::Remove { room_id, recording_id }).await? {
        Answer::Removed => Ok(()),
        other => Err(refusal(other)),
    }
}

/// Where a file of a recording is to be had.
pub(crate) fn place_of(
    recorder: &str,
    path: &str,
    recording_id: &str,
    file: &str,
    in_store: bool,
) -> Problem {
    let store = if in_store { ", and in the store that recordings go to" } else { "" };
    let text = format!(
        "recordings are made on another machine: this file is where the recorder at {recorder} runs, at \
         {path}/{recording_id}/{file}{store}"
    );
    Problem::new(StatusCode::GONE, "file-elsewhere", text)
}

async fn ask(hub: &Hub, question: Question) -> Result<Answer, Problem> {
    hub.ask_recorder(question).await.ok_or_else(|| away("it does not answer"))
}

fn refusal(answer: Answer) -> Problem {
    match answer {
        Answer::Missing => no_such_recording(),
        Answer::NotComplete => not_complete(),
        Answer::Away { why } => away(&why),
        Answer::Unreadable { why } => {
            tracing::error!(
                why,
                "the recordings' folder on the recorder's machine cannot be read or changed"
            );
            let text = "the recordings' folder on the recorder's machine cannot be read or changed; its log says why";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "recordings-unreadable", text)
        }
        Answer::List { .. } | Answer::Shown { .. } | Answer::Removed => away("it answered something else"),
    }
}

/// It goes on, or its files are being completed.
pub(crate) fn not_complete() -> Problem {
    let text = "this recording is not complete yet; end it first, then wait a moment";
    Problem::new(StatusCode::CONFLICT, "recording-not-complete", text)
}

fn away(why: &str) -> Problem {
    let text = format!("the recorder, which is on another machine, cannot be asked: {why}");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "recorder-away", text)
}
