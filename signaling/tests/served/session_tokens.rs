//! Tokens at the addresses of WHIP and WHEP: what begins takes one that holds now, what goes on one that once did. So
//! does REST, of whoever came in with it.

use crate::common::server::{Server, media_process};
use crate::common::{config, fixture};
use serde_json::Value;
use volley_signaling::access::{AccessSettings, Claims, Grant, sign, unix_now};
use volley_signaling::link::MediaLink;
use volley_signaling::settings::Settings;
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;

const SECRET: &str = "a secret that only this test knows of";
const KEY: &str = "an API key of this test alone";
const FRAGMENT: &str = "a=mid:0\r\na=end-of-candidates\r\n";

async fn guarded() -> Server {
    let access = AccessSettings {
        require_auth: true,
        token_secrets: vec![SECRET.to_owned()],
        api_keys: vec![KEY.to_owned()],
        ..Default::default()
    };
    let config = Config { settings: Settings { access, ..config().settings }, ..config() };
    let (link, carrier) = MediaLink::new(2);
    tokio::spawn(media_process(carrier));
    Server::configured(MemoryStore::default(), link, config).await
}

/// A token for `room` made and ending so many seconds from now.
fn token(room: &str, grant: Grant, iat: i64, exp: i64) -> String {
    let at = |seconds: i64| unix_now().saturating_add_signed(seconds);
    let (sub, room) = (String::from("ada"), room.to_owned());
    sign(&Claims { sub, room, grants: vec![grant], iat: at(iat), exp: at(exp) }, SECRET).unwrap()
}

/// The status, the code of a problem, and where the session is.
async fn ask(server: &Server, request: &str, token: Option<&str>) -> (u16, String, String) {
    let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let (kind, body) = match request.split(' ').next() {
        Some("POST") => ("content-type: application/sdp\r\n", fixture("chromium-example-client")),
        Some("PATCH") => {
            ("content-type: application/trickle-ice-sdpfrag\r\nif-match: *\r\n", FRAGMENT.to_owned())
        }
        _ => ("", String::new()),
    };
    let (status, head, body) = server.http(request, &format!("{bearer}{kind}"), &body).await;
    let code = serde_json::from_str(&body).map(|problem: Value| problem["code"].as_str().map(str::to_owned));
    let session = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default();
    (status, code.ok().flatten().unwrap_or_default(), session.to_owned())
}

async fn refused(server: &Server, request: &str, token: Option<&str>) -> (u16, String) {
    let (status, code, _) = ask(server, request, token).await;
    (status, code)
}

fn problem(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_session_goes_on_and_ends_when_its_token_has_ended() {
    let server = guarded().await;
    for (base, grant) in [("whip", Grant::Publish), ("whep", Grant::Subscribe)] {
        let room = format!("of-{base}");
        let (valid, ended) = (token(&room, grant, -60, 60), token(&room, grant, -7200, -3600));
        let post = format!("POST /{base}/{room}");
        assert_eq!(
            refused(&server, &post, Some(&ended)).await,
            problem(401, "token-expired"),
            "nobody begins"
        );
        for shown in [&valid, &ended] {
            let (status, _, session) = ask(&server, &post, Some(&valid)).await;
            assert_eq!(status, 201, "{base}");
            assert_eq!(refused(&server, &format!("PATCH {session}"), Some(shown)).await, problem(204, ""));
            assert_eq!(refused(&server, &format!("DELETE {session}"), Some(shown)).await, problem(200, ""));
            assert_eq!(ask(&server, &format!("PATCH {session}"), Some(shown)).await.0, 404, "it is over");
        }
    }
}

#[tokio::test]
async fn what_never_let_anybody_in_there_does_not_move_a_session() {
    let server = guarded().await;
    let valid = token("room", Grant::Publish, -60, 60);
    let (_, _, session) = ask(&server, "POST /whip/room", Some(&valid)).await;
    let other_secret = Claims {
        sub: String::from("ada"),
        room: String::from("room"),
        grants: vec![Grant::Publish],
        iat: 0,
        exp: unix_now() + 60,
    };
    let forged = sign(&other_secret, "a secret that this server has never seen").unwrap();
    for (shown, status, code) in [
        (None, 401, "token-missing"),
        (Some(token("room", Grant::Subscribe, -60, 60)), 403, "token-grant"),
        (Some(token("room", Grant::Subscribe, -7200, -3600)), 403, "token-grant"),
        (Some(token("other", Grant::Publish, -60, 60)), 403, "token-room"),
        (Some(forged), 401, "token-invalid"),
    ] {
        for method in ["PATCH", "DELETE"] {
            let request = format!("{method} {session}");
            assert_eq!(refused(&server, &request, shown.as_deref()).await, problem(status, code), "{method}");
        }
    }
    let wrong = token("room", Grant::Subscribe, -60, 60);
    assert_eq!(refused(&server, "POST /whip/room", Some(&wrong)).await, problem(403, "token-grant"));
    assert_eq!(ask(&server, &format!("DELETE {session}"), Some(&valid)).await.0, 200, "it went on meanwhile");
}

#[tokio::test]
async fn whoever_was_removed_has_no_session_and_begins_none_with_any_token_from_before() {
    let server = guarded().await;
    let short = token("room", Grant::Publish, -60, 60);
    let long = token("room", Grant::Publish, -50, 86_400);
    let (_, _, session) = ask(&server, "POST /whip/room", Some(&short)).await;
    let id = session.rsplit('/').next().and_then(|key| key.split('-').next()).unwrap();
    let removal = format!("DELETE /api/rooms/room/participants/{id}");
    assert_eq!(ask(&server, &removal, Some(KEY)).await.0, 204);
    for shown in [&short, &long, &token("room", Grant::Publish, -7200, -3600)] {
        for method in ["PATCH", "DELETE"] {
            let answer = refused(&server, &format!("{method} {session}"), Some(shown)).await;
            assert_eq!(answer, problem(403, "token-revoked"));
        }
    }
    for shown in [&short, &long] {
        assert_eq!(refused(&server, "POST /whip/room", Some(shown)).await, problem(403, "token-revoked"));
    }
    assert_eq!(ask(&server, &format!("PATCH {session}"), Some(KEY)).await.0, 404);
    let new = token("room", Grant::Publish, 60, 120);
    assert_eq!(ask(&server, "POST /whip/room", Some(&new)).await.0, 201, "who is invited anew comes in");
}

#[tokio::test]
async fn who_came_in_with_a_token_runs_the_room_when_it_has_ended_and_begins_nothing() {
    let server = guarded().await;
    // What clocks may differ by is let pass, too.
    let (sub, room, now) = (String::from("ada"), String::from("room"), unix_now());
    let grants = vec![Grant::Publish, Grant::Administer];
    let host = sign(&Claims { sub, room, grants, exp: now - 1, iat: now - 3600 }, SECRET).unwrap();
    let (status, _, session) = ask(&server, "POST /whip/room", Some(&host)).await;
    assert_eq!(status, 201);
    let bearer = format!("authorization: Bearer {host}\r\n");
    while server.http("POST /whip/room", &bearer, "of no type").await.0 == 415 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(refused(&server, "POST /whip/room", Some(&host)).await, problem(401, "token-expired"));
    assert_eq!(refused(&server, "GET /api/rooms/room", Some(&host)).await, problem(200, ""));
    assert_eq!(refused(&server, &format!("DELETE {session}"), Some(&host)).await, problem(200, ""));
    assert_eq!(refused(&server, "GET /api/rooms/room", Some(&host)).await, problem(401, "token-expired"));
}
