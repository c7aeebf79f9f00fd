//! `/whip/{room}` (RFC 9725) and `/whep/{room}` (draft-ietf-wish-whep): calls with nothing but a URL.

use crate::http::extract::unread_body;
use crate::http::guard::{Client, shown};
use crate::http::problem::{self, Problem};
use crate::http::reached::reached;
use crate::hub::Hub;
use crate::protocol::IceServerView;
use crate::state::{BridgeError, BridgeRole, Caller, Origin, Patched};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use serde::Deserialize;
use std::net::IpAddr;
use std::time::Duration;

/// How often is looked whether a worker has made a transport, and for how long.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
const WORKER_WITHIN: Duration = Duration::from_millis(500);

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// What may stand behind the question mark; the rest is for others.
#[derive(Deserialize)]
struct Naming {
    /// What the others in the room see.
    name: Option<String>,
}

type Named = Result<Query<Naming>, QueryRejection>;
type Content = Result<Bytes, BytesRejection>;

/// Both protocols.
pub(crate) fn router() -> Router<Hub> {
    let both = routes("/whip", BridgeRole::Publisher).merge(routes("/whep", BridgeRole::Viewer));
    both.method_not_allowed_fallback(problem::method_not_allowed)
}

fn routes(base: &'static str, role: BridgeRole) -> Router<Hub> {
    let open = async move |State(hub): State<Hub>,
                           Extension(Client(client)): Extension<Client>,
                           room: Result<Path<String>, PathRejection>,
                           named: Named,
                           headers: HeaderMap,
                           body: Content| {
        let address = Address { base, role, room: segment(room)? };
        address.open(&hub, client, named, &headers, body).await
    };
    let patch = async move |State(hub): State<Hub>,
                            path: Result<Path<(String, String)>, PathRejection>,
                            headers: HeaderMap,
                            body: Content| {
        let (room, key) = segment(path)?;
        Address { base, role, room }.patch(&hub, key, &headers, body).await
    };
    let close = async move |State(hub): State<Hub>, path: Result<Path<(String, String)>, PathRejection>| {
        let (room, key) = segment(path)?;
        Address { base, role, room }.close(&hub, key).await
    };
    let endpoint =
        post(open).options(async || options("POST", header::HeaderName::from_static("accept-post"), SDP));
    let session = axum::routing::patch(patch).delete(close).options(async || {
        options("PATCH, DELETE", header::HeaderName::from_static("accept-patch"), FRAGMENT)
    });
    Router::new()
        .route(&format!("{base}/{{room}}"), endpoint)
        .route(&format!("{base}/{{room}}/{{key}}"), session)
}

/// A room as one of the protocols sees it.
struct Address {
    base: &'static str,
    role: BridgeRole,
    room: String,
}

impl Address {
    async fn open(
        &self,
        hub: &Hub,
        client: Option<IpAddr>,
        named: Named,
        headers: &HeaderMap,
        body: Content,
    ) -> Result<Response, Problem> {
        check_type(headers, SDP)?;
        let sdp = text(body)?;
        let name = named.ok().and_then(|Query(naming)| naming.name).unwrap_or_else(|| self.name().to_owned());
        let caller = caller(hub, headers, client);
        let (room, role) = (self.room.clone(), self.role);
        let opened =
            hub.call(move |state, now| state.open_bridge(&room, &name, role, caller, sdp, now)).await;
        let bridge = opened.ok_or_else(Problem::stopping)??;
        self.wait_for_worker(hub, &bridge.key).await;
        let head = [
            (header::CONTENT_TYPE, SDP.to_owned()),
            (header::LOCATION, format!("{}/{}/{}", self.base, self.room, bridge.key)),
            (header::ETAG, bridge.tag),
            (header::HeaderName::from_static("accept-patch"), FRAGMENT.to_owned()),
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ];
        let mut response = (StatusCode::CREATED, head, bridge.sdp).into_response();
        for link in bridge.ice_servers.iter().flat_map(links) {
            response.headers_mut().append(header::LINK, link);
        }
        Ok(response)
    }

    /// ffmpeg checks once, as soon as it has the answer, and never again: until then the worker must know of
    /// it. That takes microseconds, or on a machine that is busy some milliseconds.
    async fn wait_for_worker(&self, hub: &Hub, key: &str) {
        let placed = async {
            loop {
                let (room, key, role) = (self.room.clone(), key.to_owned(), self.role);
                if hub.call(move |state, _| state.is_bridge_placed(&room, &key, role)).await != Some(false) {
                    return;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        // Whoever checks more often needs no more than the answer.
        let _ = tokio::time::timeout(WORKER_WITHIN, placed).await;
    }

    async fn patch(
        &self,
        hub: &Hub,
        key: String,
        headers: &HeaderMap,
        body: Content,
    ) -> Result<Response, Problem> {
        check_type(headers, FRAGMENT)?;
        let fragment = text(body)?;
        let tag = headers.get(header::IF_MATCH).map(|tag| tag.to_str().unwrap_or_default().to_owned());
        let (room, role) = (self.room.clone(), self.role);
        let patched =
            hub.call(move |state, _| state.patch_bridge(&room, &key, role, tag.as_deref(), &fragment)).await;
        Ok(match patched.ok_or_else(Problem::stopping)?? {
            Patched::Taken => StatusCode::NO_CONTENT.into_response(),
            Patched::Restarted { fragment, tag } => {
                let head = [(header::CONTENT_TYPE, FRAGMENT.to_owned()), (header::ETAG, tag)];
                (head, fragment).into_response()
            }
        })
    }

    async fn close(&self, hub: &Hub, key: String) -> Result<StatusCode, Problem> {
        let (room, role) = (self.room.clone(), self.role);
        let closed = hub.call(move |state, now| state.close_bridge(&room, &key, role, now)).await;
        if closed.ok_or_else(Problem::stopping)? { Ok(StatusCode::OK) } else { Err(BridgeError::Gone.into()) }
    }

    /// What the others see of somebody who gave no name.
    fn name(&self) -> &'static str {
        match self.role {
            BridgeRole::Publisher => "Stream",
            BridgeRole::Viewer => "Viewer",
        }
    }
}

impl From<BridgeError> for Problem {
    fn from(error: BridgeError) -> Problem {
        let (status, code) = match &error {
            BridgeError::Gone => (StatusCode::NOT_FOUND, "session-not-found"),
            BridgeError::NoTag => (StatusCode::PRECONDITION_REQUIRED, "precondition-required"),
            BridgeError::WrongTag => (StatusCode::PRECONDITION_FAILED, "precondition-failed"),
            BridgeError::BadFragment => (StatusCode::BAD_REQUEST, "bad-fragment"),
            BridgeError::Refused(code, _) => (status_of(code), *code),
        };
        Problem::new(status, code, error.to_string())
    }
}

/// What a page is told as `error`, as HTTP tells it.
fn status_of(code: &str) -> StatusCode {
    match code {
        "too-large" => StatusCode::PAYLOAD_TOO_LARGE,
        "no-media" => StatusCode::UNPROCESSABLE_ENTITY,
        "room-full" | "room-encrypted" => StatusCode::CONFLICT,
        "server-busy" | "server-draining" | "room-limit" => StatusCode::SERVICE_UNAVAILABLE,
        "room-not-found" => StatusCode::NOT_FOUND,
        "too-fast" | "too-many-participants" | "too-many-rooms" => StatusCode::TOO_MANY_REQUESTS,
        "token-room" | "token-grant" | "token-revoked" => StatusCode::FORBIDDEN,
        code if code.starts_with("token-") => StatusCode::UNAUTHORIZED,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Whether they may is looked at before (`guard`); here it becomes what they may do.
fn caller(hub: &Hub, headers: &HeaderMap, address: Option<IpAddr>) -> Caller {
    let from = Origin { address, reached: reached(headers) };
    let access = hub.access();
    let shown = shown(headers, &access.auth_token_header);
    let is_trusted = shown.as_deref().is_some_and(|shown| access.is_api_key(shown));
    Caller { token: shown.filter(|_| !is_trusted), from, is_trusted }
}

fn segment<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    path.map(|Path(path)| path).map_err(|_| Problem::nothing_here())
}

fn check_type(headers: &HeaderMap, wanted: &'static str) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let text = format!("the body must be {wanted}, and Content-Type say so");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", text))
}

fn text(body: Content) -> Result<String, Problem> {
    let body = body.map_err(|rejection| unread_body(&rejection))?;
    String::from_utf8(body.into())
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "bad-body", "the body is not UTF-8 text"))
}

/// RFC 9725 §4.6: a header for each address of a STUN or TURN server. One that no header can carry is
/// left out.
fn links(server: &IceServerView) -> impl Iterator<Item = HeaderValue> {
    let quoted = |name: &str, value: &Option<String>| {
        let value = value.as_ref()?.replace('\\', "\\\\").replace('"', "\\\"");
        Some(format!("; {name}=\"{value}\""))
    };
    let secrets = [quoted("username", &server.username), quoted("credential", &server.credential)];
    let kind = server.credential.as_ref().map(|_| String::from("; credential-type=\"password\""));
    let parameters: String = secrets.into_iter().chain([kind]).flatten().collect();
    let link = move |url: &String| {
        let mut link = HeaderValue::try_from(format!("<{url}>; rel=\"ice-server\"{parameters}")).ok()?;
        link.set_sensitive(true);
        Some(link)
    };
    server.urls.iter().filter_map(link)
}

/// What a browser asks before it lets a page of elsewhere speak to us (RFC 9725 §4.6).
fn options(methods: &'static str, accepts: header::HeaderName, kind: &'static str) -> Response {
    let head = [
        (header::ALLOW, methods),
        (accepts, kind),
        (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, if-match"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, head).into_response()
}
