//! What is served under `/api`, and its description: one list for both.

use crate::http::problem::{Document, Problem};
use crate::http::{guard, health, participants, recordings, rooms};
use crate::hub::Hub;
use axum::extract::State;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Volley",
        description = "Rooms and people over HTTP. Calls themselves are made over the WebSocket: \
            [its reference](/docs/websocket). Programs without a page publish by WHIP (RFC 9725) at \
            `/whip/{room}` and watch by WHEP at `/whep/{room}`. Every refusal is a problem document (RFC 9457) with a stable `code`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
        contact(),
    ),
    servers((url = "/")),
    components(schemas(Document)),
    tags(
        (name = "Rooms", description = "Where people meet"),
        (name = "Participants", description = "Who is in a room"),
        (name = "Recordings", description = "What is kept of a room"),
        (name = "Server", description = "The server itself"),
    ),
    external_docs(url = "/docs/websocket", description = "The WebSocket: every message"),
)]
struct Description;

/// All of it, with the description that was made from it.
pub(crate) fn router() -> Router<Hub> {
    let (router, description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(rooms::list, rooms::create))
        .routes(routes!(rooms::show, rooms::delete))
        .routes(routes!(rooms::stats))
        .routes(routes!(participants::show, participants::remove))
        .routes(routes!(participants::mute))
        .routes(routes!(participants::unmute))
        .routes(routes!(recordings::progress))
        .routes(routes!(recordings::start))
        .routes(routes!(recordings::stop))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::show, recordings::delete))
        .routes(routes!(recordings::fetch))
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .split_for_parts();
    let description = serde_json::to_value(description).expect("a description has only texts as keys");
    let description: Arc<Value> = Arc::new(description);
    let show = async move |State(hub): State<Hub>| show(&hub, &description).await;
    router.route("/api/openapi.json", routing::get(show))
}

/// The names of the two ways to say who one is.
const IN_HEADER: &str = "header";
const AS_BEARER: &str = "bearer";

/// Says what requests must show, and which do; asked of the guard, so that both are always of one mind.
fn secure(description: &mut Value, header: &str) {
    let text = "An API key, or a room's token (HS256) that grants what is asked for";
    description["components"]["securitySchemes"] = json!({
        IN_HEADER: {"type": "apiKey", "in": "header", "name": header, "description": text},
        AS_BEARER: {"type": "http", "scheme": "bearer", "description": text},
    });
    let Some(paths) = description["paths"].as_object_mut() else { return };
    for (path, operations) in paths {
        for (method, operation) in operations.as_object_mut().into_iter().flatten() {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else { continue };
            if guard::is_guarded(&method, path) && operation.is_object() {
                // Either suffices.
                operation["security"] = json!([{IN_HEADER: []}, {AS_BEARER: []}]);
            }
        }
    }
}

/// The description, with the limits of this server in it, and what it asks of those who come.
async fn show(hub: &Hub, description: &Value) -> Result<Response, Problem> {
    let most = hub.call(|state, _| state.config().max_participants).await.ok_or_else(Problem::stopping)?;
    let mut description = description.clone();
    let size = description.pointer_mut("/components/schemas/NewRoom/properties/maxParticipants");
    if let Some(Value::Object(size)) = size {
        size.insert("maximum".to_owned(), most.into());
    }
    let access = hub.access();
    if access.require_auth {
        secure(&mut description, &access.auth_token_header);
    }
    // The registered type of OpenAPI 3.1 documents is plain JSON to everybody who asks.
    Ok(([(CONTENT_TYPE, "application/json")], Json(description)).into_response())
}
