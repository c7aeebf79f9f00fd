//! `GET /metrics`, on a port of its own.

use crate::http::problem::Problem;
use crate::hub::Hub;
use crate::metrics::{self, Census, LOOK_EVERY, Recent, TEXT_FORMAT};
use crate::sockets;
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use volley::control::channel::CounterView;

#[derive(Clone)]
struct Sources {
    hub: Hub,
    workers: Arc<[CounterView]>,
    udp_ports: Arc<BTreeSet<u16>>,
    recent: Arc<Mutex<Recent>>,
}

impl Sources {
    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the workers' counters for as long as the runtime lives.
    async fn look(self) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            look.tick().await;
            metrics::look(&self.workers, &mut self.recent());
        }
    }
}

/// What the metrics port serves. Must be called inside the runtime.
pub(crate) fn router(hub: Hub, workers: Vec<CounterView>, udp_ports: BTreeSet<u16>) -> Router {
    let (workers, udp_ports) = (workers.into(), Arc::new(udp_ports));
    let sources = Sources { hub, workers, udp_ports, recent: Arc::default() };
    tokio::spawn(sources.clone().look());
    Router::new().route("/metrics", get(show)).with_state(sources)
}

async fn show(State(sources): State<Sources>) -> Response {
    let Some(census) = sources.hub.call(|state, _| state.census()).await else {
        return Problem::stopping().into_response();
    };
    let udp_drops = sockets::drops(&sources.udp_ports);
    let census = Census { spans: sources.hub.spans(), udp_drops, ..census };
    match metrics::render(&sources.workers, &census, &sources.recent()) {
        Ok(text) => ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
