//! `/docs`: the API in Swagger UI, which is in the binary, and the reference of the WebSocket.

mod examples;
mod reference;
#[cfg(test)]
mod typescript;

use crate::http::page;
use crate::http::problem::Problem;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use std::sync::{Arc, LazyLock};
use utoipa_swagger_ui::Config;

/// Swagger UI styles its elements one by one and draws with pictures of its own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
/// It changes with the server only, and a bundle of 1.5 MB is not for every look at it.
const KEEP: &str = "max-age=3600";

static CONFIG: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/api/openapi.json").try_it_out_enabled(true)));
static REFERENCE: LazyLock<String> = LazyLock::new(reference::page);

/// Its files name one another relative to `/docs/`.
pub(crate) async fn index() -> Redirect {
    Redirect::permanent("/docs/")
}

/// The page of Swagger UI.
pub(crate) async fn swagger() -> Response {
    serve("index.html")
}

/// A file of Swagger UI.
pub(crate) async fn file(path: Option<Path<String>>) -> Response {
    path.map_or_else(|| Problem::nothing_here().into_response(), |Path(path)| serve(&path))
}

/// The reference of the WebSocket.
pub(crate) async fn websocket() -> Response {
    let head = [(header::CONTENT_SECURITY_POLICY, page::POLICY), (header::CACHE_CONTROL, "no-cache")];
    (head, Html(REFERENCE.as_str())).into_response()
}

fn serve(path: &str) -> Response {
    match utoipa_swagger_ui::serve(path, Arc::clone(&CONFIG)) {
        Ok(Some(file)) => {
            let head = [
                (header::CONTENT_TYPE, file.content_type.as_str()),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::CACHE_CONTROL, KEEP),
            ];
            (head, file.bytes.into_owned()).into_response()
        }
        Ok(None) => Problem::nothing_here().into_response(),
        Err(error) => {
            tracing::error!(%error, path, "the pages of /docs cannot be made");
            let text = "this page cannot be made; GET /api/openapi.json has the same";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "broken-docs", text).into_response()
        }
    }
}
