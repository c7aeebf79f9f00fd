//! Who may use REST: with an API key everything, with a room's token what it grants there.

use crate::access::{AccessSettings, Grant, TokenError, client_address};
use crate::http::extract::SLOW_BODY;
use crate::http::origins;
use crate::http::problem::Problem;
use crate::hub::Hub;
use crate::state::RefusedRequest;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, SocketAddr};

/// Where a request came from, put into it by [`guard`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Client(pub(crate) Option<IpAddr>);

impl Client {
    /// For the log.
    pub(crate) fn told(&self) -> String {
        self.0.map_or_else(|| String::from("unknown"), |address| address.to_string())
    }
}

/// Notes whose the request is, and lets in who may.
pub(crate) async fn guard(State(hub): State<Hub>, mut request: Request, next: Next) -> Response {
    let access = hub.access();
    let client = client_of(&request, &access);
    request.extensions_mut().insert(Client(client));
    let need = need_of(request.method(), request.uri().path());
    let path = told(request.uri().path());
    let is_join = matches!(need, Need::Entry(..)) && request.method() == Method::POST;
    let (code, refusal) = match origins::check_request(&access, &request) {
        Err(problem) => (origins::NOT_ALLOWED, problem.into_response()),
        Ok(()) => match authorize(&hub, &access, Shown::by(&request, &access), need).await {
            Err(error) => (error.code(), refuse(&error, &access.auth_token_header)),
            Ok(()) => {
                let answer = next.run(request).await;
                if answer.status() != StatusCode::REQUEST_TIMEOUT {
                    return answer;
                }
                (SLOW_BODY, answer)
            }
        },
    };
    note(&hub, RefusedRequest { path, from: client, code, is_join }).await;
    refusal
}

fn client_of(request: &Request, access: &AccessSettings) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let forwarded = request.headers().get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    peer.map(|peer| client_address(peer, forwarded, &access.trusted_proxies))
}

/// What somebody shows, and where.
struct Shown {
    in_header: Option<String>,
    in_address: Option<String>,
}

impl Shown {
    fn by(request: &Request, access: &AccessSettings) -> Shown {
        let in_header = shown(request.headers(), &access.auth_token_header);
        Shown { in_header, in_address: in_address(request) }
    }
}

/// Whether what they show is enough, where anything is asked for.
async fn authorize(hub: &Hub, access: &AccessSettings, shown: Shown, need: Need) -> Result<(), TokenError> {
    if !access.require_auth || need == Need::Nothing {
        return Ok(());
    }
    let Shown { in_header, in_address } = shown;
    if in_header.as_deref().is_some_and(|shown| access.is_api_key(shown)) {
        return Ok(());
    }
    check(hub, in_header.or(in_address), need).await
}

/// Tells it in the log, as far as that is not flooded.
pub(crate) async fn note(hub: &Hub, refused: RefusedRequest) {
    let _ = hub.call(move |state, now| state.note_refused_request(&refused, now)).await;
}

/// A path as the log may show it: the last part of a session's is a key, and whoever has it ends the call.
fn told(path: &str) -> String {
    let parts: Vec<&str> = path.splitn(4, '/').collect();
    match parts[..] {
        ["", base @ ("whip" | "whep"), room, _] => format!("/{base}/{room}/…"),
        _ => path.to_owned(),
    }
}

/// What a request takes.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Need {
    Nothing,
    /// An API key.
    Key,
    /// Or a token of this room with this grant; one that has ended, of whoever came in with it.
    Grant(String, Grant),
    /// A token that has not ended: a call begins over HTTP.
    Entry(String, Grant),
    /// The same of a call that goes on over HTTP: the token may have ended since it began.
    Session(String, Grant),
}

/// Whether a request must show a key or a token, where any is asked for.
pub(crate) fn is_guarded(method: &Method, path: &str) -> bool {
    need_of(method, path) != Need::Nothing
}

/// Reading a room takes the right to administer it as well: it tells who is in it. OPTIONS asks only
/// what may be asked, and browsers send it without any header of ours (CORS).
fn need_of(method: &Method, path: &str) -> Need {
    let is_ours = ["/api/", "/whip/", "/whep/"].iter().any(|start| path.starts_with(start));
    if !is_ours || path == "/api/openapi.json" || method == Method::OPTIONS {
        return Need::Nothing;
    }
    let parts: Vec<&str> = path.strip_prefix("/api").unwrap_or(path).split('/').skip(1).collect();
    // What is written in another way than rooms are named would be another room to the router.
    let is_plain = |room: &str| !room.is_empty() && !room.contains('%');
    match parts[..] {
        ["rooms", room, "recording" | "recordings", ..] if is_plain(room) => {
            Need::Grant(room.to_owned(), Grant::Record)
        }
        ["rooms", room, ..] if is_plain(room) => Need::Grant(room.to_owned(), Grant::Administer),
        ["whip", room] if is_plain(room) => Need::Entry(room.to_owned(), Grant::Publish),
        ["whep", room] if is_plain(room) => Need::Entry(room.to_owned(), Grant::Subscribe),
        ["whip", room, ..] if is_plain(room) => Need::Session(room.to_owned(), Grant::Publish),
        ["whep", room, ..] if is_plain(room) => Need::Session(room.to_owned(), Grant::Subscribe),
        _ => Need::Key,
    }
}

/// What stands in the header of the configured name, or as a bearer token (RFC 6750 §2.1).
pub(crate) fn shown(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let bearer = || {
        let (scheme, token) = text(header::AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    };
    text(name).or_else(bearer).filter(|shown| !shown.is_empty()).map(str::to_owned)
}

/// RFC 6750 §2.3, for what a player or a download asks for: neither can be given a header. Files of recordings
/// alone, and a room's token alone, for addresses stand in logs.
fn in_address(request: &Request) -> Option<String> {
    let parts: Vec<&str> = request.uri().path().split('/').skip(1).collect();
    let is_file = matches!(parts[..], ["api", "rooms", _, "recordings", _, "files", _]);
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut pairs = request.uri().query().filter(|_| is_file && is_read)?.split('&');
    pairs.find_map(|pair| pair.strip_prefix("access_token=")).map(str::to_owned)
}

async fn check(hub: &Hub, shown: Option<String>, need: Need) -> Result<(), TokenError> {
    let token = shown.ok_or(TokenError::Missing)?;
    let stopped = || TokenError::Invalid(String::from("the server is stopping"));
    let (pass, grant) = match need {
        Need::Grant(room, grant) => {
            (hub.call(move |state, _| state.pass_over_rest(&token, &room)).await, grant)
        }
        Need::Entry(room, grant) => (hub.call(move |state, _| state.pass(Some(&token), &room)).await, grant),
        Need::Session(room, grant) => {
            (hub.call(move |state, _| state.pass_of_session(&token, &room)).await, grant)
        }
        Need::Nothing | Need::Key => {
            let text = "this takes an API key; tokens are for one room";
            return Err(TokenError::Invalid(String::from(text)));
        }
    };
    if pass.ok_or_else(stopped)??.may(grant) { Ok(()) } else { Err(TokenError::Grant(grant)) }
}

fn refuse(error: &TokenError, name: &str) -> Response {
    let status = match error {
        TokenError::Room | TokenError::Grant(_) | TokenError::Revoked => StatusCode::FORBIDDEN,
        _ => StatusCode::UNAUTHORIZED,
    };
    let text = match error {
        TokenError::Missing => format!("send an API key or a room's token in the header {name}"),
        other => other.to_string(),
    };
    let problem = Problem::new(status, error.code(), text);
    // RFC 9110 §11.6.1: a 401 says how to do better.
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    if status == StatusCode::UNAUTHORIZED {
        (challenge, problem).into_response()
    } else {
        problem.into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_takes_what_it_tells_or_changes() {
        let need_of = |path| need_of(&Method::POST, path);
        let grant = |grant| Need::Grant(String::from("a"), grant);
        assert_eq!(need_of("/health"), Need::Nothing);
        assert_eq!(need_of("/api/openapi.json"), Need::Nothing);
        assert_eq!(need_of("/api/rooms"), Need::Key);
        assert_eq!(need_of("/api/rooms/"), Need::Key);
        assert_eq!(need_of("/api/anything"), Need::Key);
        assert_eq!(need_of("/api/rooms/%61"), Need::Key);
        assert_eq!(super::need_of(&Method::OPTIONS, "/api/rooms"), Need::Nothing);
        assert_eq!(need_of("/api/rooms/a"), grant(Grant::Administer));
        assert_eq!(need_of("/api/rooms/a/participants/7"), grant(Grant::Administer));
        assert_eq!(need_of("/api/rooms/a/recording/start"), grant(Grant::Record));
        assert_eq!(need_of("/api/rooms/a/recordings/1/files/2"), grant(Grant::Record));
        assert_eq!(
            (need_of("/whip/a"), need_of("/whep/a/7")),
            (
                Need::Entry(String::from("a"), Grant::Publish),
                Need::Session(String::from("a"), Grant::Subscribe)
            )
        );
        assert_eq!((need_of("/whip/"), need_of("/")), (Need::Key, Need::Nothing));
    }

    #[test]
    fn the_log_is_told_no_key_of_a_session() {
        assert_eq!(told("/whip/room/7-secret"), "/whip/room/…");
        assert_eq!(told("/whep/room/7-secret/more"), "/whep/room/…");
        for whole in ["/whip/room", "/api/rooms/room/participants/7", "/"] {
            assert_eq!(told(whole), whole);
        }
    }

    #[test]
    fn a_token_in_the_address_opens_files_of_recordings_and_nothing_else() {
        let shown = |method: Method, path: &str| {
            let request = axum::http::Request::builder().method(method).uri(path);
            in_address(&request.body(axum::body::Body::empty()).unwrap())
        };
        let file = "/api/rooms/a/recordings/1/files/2.webm?part=1&access_token=a.b-c";
        assert_eq!(shown(Method::GET, file).as_deref(), Some("a.b-c"));
        assert_eq!(shown(Method::DELETE, file), None);
        for path in ["/api/rooms/a/recordings/1?access_token=a", "/api/rooms/a/recordings/1/files/2?access=a"]
        {
            assert_eq!(shown(Method::GET, path), None, "{path}");
        }
    }
}
