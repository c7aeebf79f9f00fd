//! Pages of other sites over HTTP: which may change anything, and which may read what they are answered.

use crate::common::server::{Server, media_process};
use crate::common::{config, fixture};
use serde_json::Value;
use volley_signaling::access::{AccessSettings, Claims, Grant, sign, unix_now};
use volley_signaling::link::MediaLink;
use volley_signaling::settings::Settings;
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;

const SECRET: &str = "a secret that only this test knows of";
const LISTED: &str = "origin: https://app.example\r\n";
const OTHER: &str = "origin: https://evil.example\r\n";
const SDP: &str = "content-type: application/sdp\r\n";

async fn server(allowed: &str, require_auth: bool) -> Server {
    let access = AccessSettings {
        require_auth,
        allowed_origins: vec![allowed.to_owned()],
        token_secrets: vec![SECRET.to_owned()],
        ..AccessSettings::default()
    };
    let settings = Settings { access, ..config().settings };
    let (link, carrier) = MediaLink::new(2);
    tokio::spawn(media_process(carrier));
    Server::configured(MemoryStore::default(), link, Config { settings, ..config() }).await
}

fn bearer(grants: Vec<Grant>) -> String {
    let (sub, room, now) = (String::from("ada"), String::from("room"), unix_now());
    let token = sign(&Claims { sub, room, grants, exp: now + 60, iat: now }, SECRET).unwrap();
    format!("authorization: Bearer {token}\r\n")
}

/// The status and the code of a problem.
async fn ask(server: &Server, request: &str, head: &str, body: &str) -> (u16, String) {
    let (status, _, body) = server.http(request, head, body).await;
    let code =
        serde_json::from_str::<Value>(&body).ok().and_then(|body| Some(body["code"].as_str()?.to_owned()));
    (status, code.unwrap_or_default())
}

/// The value of a line of the answer's head.
async fn answered(server: &Server, request: &str, head: &str, name: &str) -> Option<String> {
    let (_, answer, _) = server.http(request, head, "").await;
    answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
}

#[tokio::test]
async fn a_page_of_an_origin_that_is_not_listed_changes_nothing_where_no_token_is_asked_for() {
    let server = server("https://app.example", false).await;
    let offer = fixture("chromium-example-client");
    let (_, head, _) = server.http("POST /whip/room", SDP, &offer).await;
    let session = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let id = session.rsplit('/').next().and_then(|key| key.split('-').next()).unwrap();
    for request in [
        "POST /api/rooms",
        "POST /api/rooms/room/recording/start",
        "DELETE /api/rooms/room",
        &format!("DELETE /api/rooms/room/participants/{id}"),
        "POST /whip/room",
        "POST /whep/room",
        &format!("PATCH {session}"),
        &format!("DELETE {session}"),
    ] {
        for origin in [OTHER, "origin: null\r\n", "origin: \u{fc}\r\n"] {
            let answer = ask(&server, request, &format!("{origin}{SDP}"), &offer).await;
            assert_eq!(answer, (403, String::from("origin-not-allowed")), "{request} {origin}");
        }
    }
    let (status, room) = server.json("GET /api/rooms/room", None).await;
    assert_eq!(
        (status, room["participants"].as_array().map(Vec::len)),
        (200, Some(1)),
        "nobody came or went"
    );
    for origin in [LISTED, "origin: http://volley\r\n", ""] {
        let head = format!("{origin}{SDP}");
        assert_eq!(server.http("POST /whep/room", &head, &offer).await.0, 201, "{origin}");
        assert_eq!(ask(&server, "POST /api/rooms/none/recording/stop", origin, "").await.0, 404, "{origin}");
    }
    assert_eq!(server.http(&format!("DELETE {session}"), LISTED, "").await.0, 200);
}

#[tokio::test]
async fn a_player_that_shows_a_token_may_stand_anywhere() {
    let server = server("https://app.example", true).await;
    let offer = fixture("chromium-example-client");
    let head = format!("{OTHER}{SDP}");
    assert_eq!(ask(&server, "POST /whep/room", &head, &offer).await, (401, String::from("token-missing")));
    let head = format!("{head}{}", bearer(vec![Grant::Subscribe]));
    assert_eq!(ask(&server, "POST /whep/room", &head, &offer).await.0, 201);
    let head = format!("{OTHER}{}", bearer(vec![Grant::Administer]));
    let refused = ask(&server, "DELETE /api/rooms/room", &head, "").await;
    assert_eq!(refused, (403, String::from("origin-not-allowed")), "REST is not for players");
}

#[tokio::test]
async fn without_a_list_pages_of_everywhere_publish_and_watch_and_change_nothing_over_rest() {
    let server = server("*", false).await;
    let head = format!("{OTHER}{SDP}");
    for request in ["POST /whip/room", "POST /whep/room"] {
        assert_eq!(server.http(request, &head, &fixture("chromium-example-client")).await.0, 201);
    }
    // No browser asks before it sends these, as it does before a DELETE.
    for request in ["POST /api/rooms/room/recording/start", "POST /api/rooms/room/recording/stop"] {
        let refused = (403, String::from("origin-not-allowed"));
        assert_eq!(ask(&server, request, OTHER, "").await, refused, "{request}");
        assert_ne!(ask(&server, request, "origin: http://volley\r\n", "").await.0, 403, "{request}");
    }
}

#[tokio::test]
async fn a_page_of_a_listed_origin_asks_rest_and_reads_what_it_is_answered() {
    let server = server("https://app.example", true).await;
    let person = "/api/rooms/room/participants/7";
    let asks = "access-control-request-method: DELETE\r\naccess-control-request-headers: authorization\r\n";
    let (status, head, _) = server.http(&format!("OPTIONS {person}"), &format!("{LISTED}{asks}"), "").await;
    assert_eq!(status, 204);
    for line in [
        "access-control-allow-origin: https://app.example\r\n",
        "access-control-allow-methods: GET, POST, DELETE\r\n",
        "access-control-allow-headers: authorization, content-type, range, X-Auth-Token\r\n",
        "vary: origin\r\n",
    ] {
        assert!(head.contains(line), "{line}{head}");
    }
    let shared = "access-control-allow-origin";
    for (head, status) in
        [(LISTED.to_owned(), 401), (format!("{LISTED}{}", bearer(vec![Grant::Administer])), 404)]
    {
        let request = format!("DELETE {person}");
        assert_eq!(ask(&server, &request, &head, "").await.0, status, "not refused for its origin");
        assert_eq!(answered(&server, &request, &head, shared).await.as_deref(), Some("https://app.example"));
    }
    let asks = format!("{OTHER}{asks}");
    assert_eq!(answered(&server, &format!("OPTIONS {person}"), &asks, shared).await, None);
    assert_eq!(answered(&server, "GET /api/rooms", OTHER, shared).await, None);
}

#[tokio::test]
async fn a_list_of_everybody_shares_rest_only_where_a_token_is_asked_for() {
    let shared = async |require_auth| {
        let server = server("*", require_auth).await;
        answered(&server, "GET /api/rooms", OTHER, "access-control-allow-origin").await
    };
    assert_eq!(shared(true).await.as_deref(), Some("https://evil.example"));
    assert_eq!(
        shared(false).await,
        None,
        "any page in a browser of a closed network could delete all it has"
    );
}
