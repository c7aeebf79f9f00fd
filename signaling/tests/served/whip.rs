//! WHIP (RFC 9725) and WHEP: publishing and watching with nothing but a URL.

use crate::common::server::{Server, join, media_process};
use crate::common::{Lab, Page, config, connected, fixture, names, value};
use serde_json::{Value, json};
use volley::control::types::{DtlsRole, Reason, TransportState};
use volley::control::{Command, Event};
use volley_signaling::access::turn_credentials;
use volley_signaling::link::MediaLink;
use volley_signaling::protocol::ServerMessage;
use volley_signaling::settings::IceServer;
use volley_signaling::state::{Bridge, BridgeError, BridgeRole, Caller, Patched};
use volley_signaling::store::MemoryStore;

const SDP: &str = "content-type: application/sdp\r\n";
const FRAGMENT: &str = "content-type: application/trickle-ice-sdpfrag\r\n";
const NEW_CREDENTIALS: &str = "a=ice-ufrag:fresh\r\na=ice-pwd:a-password-of-24-letters\r\n";

/// The value of a line of a head.
fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {head}"))
}

#[tokio::test]
async fn who_publishes_with_nothing_but_a_url_is_somebody_in_the_room() {
    let server = Server::start(MemoryStore::default()).await;
    let (mut page, _) = join(&server, "page").await;
    let offer = fixture("chromium-example-client");
    let (status, head, answer) = server.http("POST /whip/room-123?name=Studio", SDP, &offer).await;
    assert_eq!((status, header(&head, "content-type")), (201, "application/sdp"), "{answer}");
    assert_eq!(
        (answer.matches("a=recvonly").count(), answer.matches("a=sendrecv").count()),
        (2, 0),
        "{answer}"
    );
    assert_eq!(header(&head, "etag"), format!("\"{}\"", value(&answer, "a=ice-ufrag:")));
    let joined = page.hear("participant-joined").await;
    assert_eq!(joined["participantName"], "Studio");
    for source in ["microphone", "camera"] {
        let published = page.hear("track-published").await;
        assert_eq!(
            (&published["participantId"], &published["track"]["source"]),
            (&joined["participantId"], &json!(source))
        );
    }
    let session = header(&head, "location").to_owned();
    assert!(session.starts_with("/whip/room-123/"), "{session}");
    assert_eq!(server.http(&format!("DELETE {session}"), "", "").await.0, 200);
    assert_eq!(page.hear("participant-left").await["participantId"], joined["participantId"]);
    assert_eq!(server.http(&format!("DELETE {session}"), "", "").await.0, 404);
}

/// ffmpeg 9.0 without `-whip_flags dtls_active`.
#[tokio::test]
async fn a_publisher_that_must_be_the_server_of_dtls_is_answered_that_we_begin() {
    let server = Server::start(MemoryStore::default()).await;
    let (status, _, answer) = server.http("POST /whip/room", SDP, &fixture("ffmpeg")).await;
    assert_eq!((status, answer.matches("a=setup:active").count()), (201, 2), "{answer}");
    assert!(answer.contains("m=video 9 UDP/TLS/RTP/SAVPF 106 105"), "{answer}");
    let mut lab = Lab::new();
    let opened = lab.state.open_bridge(
        "room",
        "ffmpeg",
        BridgeRole::Publisher,
        Caller::default(),
        fixture("ffmpeg"),
        lab.now,
    );
    opened.unwrap();
    lab.turn();
    let role = lab.commands().into_iter().find_map(|command| match command {
        Command::OpenTransport(open) => Some(open.role),
        _ => None,
    });
    assert_eq!(role, Some(DtlsRole::Client));
}

#[tokio::test]
async fn who_watches_with_nothing_but_a_url_has_seats_and_sends_nothing() {
    let server = Server::start(MemoryStore::default()).await;
    let (mut page, _) = join(&server, "page").await;
    let (status, head, answer) =
        server.http("POST /whep/room-123", SDP, &fixture("firefox-example-client")).await;
    assert_eq!((status, answer.matches("a=sendonly").count()), (201, 2), "{answer}");
    assert!(answer.contains("a=ssrc:") && answer.contains("a=msid:s"), "{answer}");
    assert!(header(&head, "location").starts_with("/whep/room-123/"), "{head}");
    assert_eq!(page.hear("participant-joined").await["participantName"], "Viewer");
    let (_, room) = server.json("GET /api/rooms/room-123", None).await;
    assert_eq!(room["participants"][1]["tracks"], json!([]));
    let publisher = header(&head, "location").replace("/whep/", "/whip/");
    assert_eq!(server.http(&format!("DELETE {publisher}"), "", "").await.0, 404, "it is no publisher's");
}

#[tokio::test]
async fn new_credentials_restart_ice_and_old_tags_are_refused() {
    let server = Server::start(MemoryStore::default()).await;
    let (_, head, _) = server.http("POST /whip/room", SDP, &fixture("chromium-example-client")).await;
    let (session, tag) = (header(&head, "location").to_owned(), header(&head, "etag").to_owned());
    let patch = async |if_match: &str, body: &str| {
        let head = format!("{FRAGMENT}if-match: {if_match}\r\n");
        server.http(&format!("PATCH {session}"), &head, body).await
    };
    assert_eq!(patch(&tag, "a=mid:0\r\na=end-of-candidates\r\n").await.0, 204);
    let (status, head, body) = patch("*", NEW_CREDENTIALS).await;
    let new = header(&head, "etag");
    assert_eq!((status, header(&head, "content-type")), (200, "application/trickle-ice-sdpfrag"));
    assert!(new != tag && new == format!("\"{}\"", value(&body, "a=ice-ufrag:")), "{body}");
    assert!(body.contains("a=group:BUNDLE ") && body.contains("a=candidate:"), "{body}");
    assert_eq!(patch(&tag, "a=end-of-candidates\r\n").await.0, 412);
    assert_eq!(patch(new, NEW_CREDENTIALS).await.0, 204, "these are known now");
    let others = NEW_CREDENTIALS.replace("fresh", "later");
    assert_eq!(patch("\"*\"", &others).await.0, 200, "as the draft of WHEP shows it");
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_with_a_problem_document_of_its_own() {
    let server = Server::start(MemoryStore::default()).await;
    let offer = fixture("chromium-example-client");
    let (_, head, _) = server.http("POST /whip/room", SDP, &offer).await;
    let session = header(&head, "location");
    let patch = format!("PATCH {session}");
    let tagged = format!("{FRAGMENT}if-match: {}\r\n", header(&head, "etag"));
    let silent = offer.replace("a=sendrecv", "a=recvonly");
    let deaf = offer.replace("a=sendrecv", "a=sendonly");
    let long = "v".repeat(70_000);
    for (request, head, body, status, code) in [
        ("POST /whip/room", "", &*offer, 415, "unsupported-media-type"),
        ("POST /whip/room", SDP, "hello", 400, "bad-sdp"),
        ("POST /whip/room", SDP, "", 400, "bad-sdp"),
        ("POST /whip/room", SDP, &silent, 422, "no-media"),
        ("POST /whep/room", SDP, &deaf, 422, "no-media"),
        ("POST /whip/room", SDP, &long, 413, "too-large"),
        ("POST /whip/not%20a%20room", SDP, &offer, 400, "bad-room-id"),
        ("POST /whip/%ff", SDP, &offer, 404, "not-found"),
        ("POST /whip/room?name=%0a", SDP, &offer, 400, "bad-name"),
        ("GET /whip/room", "", "", 405, "method-not-allowed"),
        ("PUT /whep/room/1-x", "", "", 405, "method-not-allowed"),
        ("DELETE /whip/room/1-guessed", "", "", 404, "session-not-found"),
        ("PATCH /whip/room/none", &*tagged, "a=end-of-candidates", 404, "session-not-found"),
        (&*patch, "", "a=end-of-candidates", 415, "unsupported-media-type"),
        (&*patch, FRAGMENT, "a=end-of-candidates", 428, "precondition-required"),
        (&*patch, &*tagged, "nonsense", 400, "bad-fragment"),
    ] {
        let (got, head, body) = server.http(request, head, body).await;
        let problem: Value =
            serde_json::from_str(&body).unwrap_or_else(|_| panic!("{request}: {got} {body:?}"));
        assert_eq!((got, problem["code"].as_str()), (status, Some(code)), "{request}: {body}");
        assert_eq!(header(&head, "access-control-allow-origin"), "*", "{request}");
    }
    let (_, room) = server.json("GET /api/rooms/room", None).await;
    assert_eq!(room["participants"].as_array().unwrap().len(), 1, "whoever was refused left nothing behind");
}

#[tokio::test]
async fn pages_of_elsewhere_may_ask_what_is_taken() {
    let server = Server::start(MemoryStore::default()).await;
    for (address, name, kind) in [
        ("/whip/room", "accept-post", "application/sdp"),
        ("/whep/room/1-x", "accept-patch", "application/trickle-ice-sdpfrag"),
    ] {
        let (status, head, _) =
            server.http(&format!("OPTIONS {address}"), "origin: https://example.org\r\n", "").await;
        assert_eq!((status, header(&head, name)), (204, kind));
        assert_eq!(header(&head, "access-control-allow-origin"), "*");
        assert!(header(&head, "access-control-allow-headers").contains("if-match"), "{head}");
    }
}

fn publish(lab: &mut Lab) -> Result<Bridge, BridgeError> {
    let offer = fixture("chromium-example-client");
    let opened =
        lab.state.open_bridge("room", "Studio", BridgeRole::Publisher, Caller::default(), offer, lab.now);
    lab.turn();
    opened
}

fn has_left(heard: &[ServerMessage]) -> bool {
    heard.iter().any(|message| matches!(message, ServerMessage::ParticipantLeft { .. }))
}

#[test]
fn a_session_is_placed_when_its_worker_says_so_or_when_it_is_over() {
    let mut lab = Lab::new();
    let bridge = publish(&mut lab).unwrap();
    let placed = |lab: &Lab| lab.state.is_bridge_placed("room", &bridge.key, BridgeRole::Publisher);
    assert!(!placed(&lab));
    lab.event(0, Event::Transport { transport: lab.transport(), state: TransportState::New });
    assert!(placed(&lab));
    lab.state.close_bridge("room", &bridge.key, BridgeRole::Publisher, lab.now);
    assert!(placed(&lab), "nobody is waited for");
}

#[test]
fn a_publisher_is_gone_with_their_media_and_when_none_comes() {
    let mut lab = Lab::new();
    let page = lab.join(1, "room", "page");
    let bridge = publish(&mut lab).unwrap();
    let transport = lab.transport();
    lab.event(0, Event::Transport { transport, state: connected() });
    lab.pass(120_000);
    assert!(!has_left(&lab.heard(page.socket)), "media shows that they are there");
    lab.event(0, Event::Transport { transport, state: TransportState::Ended { reason: Reason::Silent } });
    assert!(has_left(&lab.heard(page.socket)), "nobody can come back over HTTP");
    let closed = lab.state.close_bridge("room", &bridge.key, BridgeRole::Publisher, lab.now);
    assert!(!closed);

    publish(&mut lab).unwrap();
    lab.heard(page.socket);
    lab.pass(31_000);
    assert!(has_left(&lab.heard(page.socket)), "no packet ever came");
}

#[test]
fn a_session_outlives_the_process_that_opened_it() {
    let mut lab = Lab::new();
    let bridge = publish(&mut lab).unwrap();
    lab.event(0, Event::Transport { transport: lab.transport(), state: connected() });
    let mut lab = lab.kill();
    lab.commands();
    let role = BridgeRole::Publisher;
    let patched = lab.state.patch_bridge("room", &bridge.key, role, Some(&bridge.tag), NEW_CREDENTIALS);
    lab.turn();
    assert!(matches!(patched, Ok(Patched::Restarted { .. })), "{patched:?}");
    assert_eq!(names(&lab.commands()), ["restart-ice"]);
    assert!(lab.state.close_bridge("room", &bridge.key, role, lab.now));
    lab.turn();
    assert_eq!(names(&lab.commands()), ["leave", "close-room"]);
}

#[test]
fn the_key_of_a_session_lets_no_page_in() {
    let mut lab = Lab::new();
    let bridge = publish(&mut lab).unwrap();
    let (id, token) = bridge.key.split_once('-').unwrap();
    let page = lab.join(1, "room", "page");
    let thief = Page { id: id.into(), token: token.into(), ..page };
    let (thief, heard) = lab.resume(2, &thief);
    assert!(
        matches!(heard[..], [ServerMessage::Error { code: "bad-resume-token", .. }]),
        "{thief:?}: {heard:?}"
    );
}

#[test]
fn a_full_room_takes_nobody_over_http_either() {
    let mut lab = Lab::new();
    let opened: Vec<_> = (0..6).map(|_| publish(&mut lab).map(drop)).collect();
    assert!(opened[..5].iter().all(Result::is_ok), "{opened:?}");
    assert!(matches!(opened[5], Err(BridgeError::Refused("room-full", _))), "{opened:?}");
}

#[test]
fn who_came_to_watch_takes_no_seats_of_others() {
    let mut lab = Lab::new();
    let page = lab.call(1, "chromium-example-client");
    lab.heard(page.socket);
    for _ in 0..3 {
        let offer = fixture("firefox-example-client");
        lab.state
            .open_bridge("room", "Viewer", BridgeRole::Viewer, Caller::default(), offer, lab.now)
            .unwrap();
        lab.turn();
    }
    let heard = lab.heard(page.socket);
    assert!(!heard.iter().any(|message| matches!(message, ServerMessage::RequestOffer { .. })), "{heard:?}");
}

#[tokio::test]
async fn who_has_nothing_but_a_url_is_told_of_stun_and_turn_servers() {
    let server =
        |url: &str| IceServer { urls: vec![url.to_owned()], username: None, credential: None, secret: None };
    let fixed = IceServer {
        username: Some(String::from("ada \"the first\"")),
        credential: Some(String::from("back\\slash")),
        ..server("turns:turn.example.org")
    };
    let made =
        IceServer { secret: Some(String::from("north")), ..server("turn:turn.example.org?transport=udp") };
    let mut config = config();
    config.settings.ice_servers = vec![server("stun:stun.example.org"), fixed, made];
    let (link, carrier) = MediaLink::new(2);
    tokio::spawn(media_process(carrier));
    let server = Server::configured(MemoryStore::default(), link, config).await;
    let (status, head, _) = server.http("POST /whip/room", SDP, &fixture("chromium-example-client")).await;
    assert_eq!(status, 201);
    let links: Vec<&str> = head.lines().filter_map(|line| line.strip_prefix("link: ")).collect();
    assert_eq!(links[0], "<stun:stun.example.org>; rel=\"ice-server\"");
    assert_eq!(
        links[1],
        "<turns:turn.example.org>; rel=\"ice-server\"; username=\"ada \\\"the first\\\"\"; \
         credential=\"back\\\\slash\"; credential-type=\"password\""
    );
    let username = links[2].split('"').nth(3).expect("a user name");
    let (expires, name) = username.split_once(':').expect("an end and a name");
    let (_, credential) = turn_credentials("north", name, expires.parse().expect("seconds"));
    assert_eq!(
        links[2],
        format!(
            "<turn:turn.example.org?transport=udp>; rel=\"ice-server\"; username=\"{username}\"; \
             credential=\"{credential}\"; credential-type=\"password\""
        )
    );
}
