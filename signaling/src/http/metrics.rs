//! `GET /metrics`, on a port of its own.

use crate::http::problem::Problem;
use crate::hub::Hub;
use crate::metrics::{self, Census, TEXT_FORMAT};
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use volley::control::channel::CounterView;

#[derive(Clone)]
struct Sources {
    hub: Hub,
    workers: Arc<[CounterView]>,
}

/// What the metrics port serves.
pub(crate) fn router(hub: Hub, workers: Vec<CounterView>) -> Router {
    Router::new().route("/metrics", get(show)).with_state(Sources { hub, workers: workers.into() })
}

async fn show(State(sources): State<Sources>) -> Response {
    let census = sources.hub.call(|state, _| {
        let (rooms, participants) = state.counts();
        let (audio_tracks, video_tracks) = state.published();
        Census { rooms, participants, audio_tracks, video_tracks }
    });
    let Some(census) = census.await else {
        return Problem::stopping().into_response();
    };
    match metrics::render(&sources.workers, census) {
        Ok(text) => ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
