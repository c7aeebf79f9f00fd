//! The real listener: WebSocket, REST and page, with a pretended media process behind them.

mod common;

use common::server::{Server, join, media_process};
use common::{config, fixture};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use volley::control::types::TrackStats;
use volley::control::{Command, Event};
use volley_signaling::access::{AccessSettings, AddressLimits, Claims, Grant, sign, unix_now};
use volley_signaling::link::MediaLink;
use volley_signaling::settings::Settings;
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;

#[tokio::test]
async fn two_pages_join_offer_and_hear_of_each_other() {
    let server = Server::start(MemoryStore::default()).await;
    let (mut one, joined) = join(&server, "John Doe").await;
    assert_eq!(joined["resumed"], false);
    assert_eq!(joined["mode"], "sfu");
    assert_eq!(one.hear("request-offer").await["receive"], json!({"audio":1,"video":1}));
    one.say(json!({"type":"offer","roomId":"room-123","sdp":fixture("chromium-example-client")})).await;
    let answer = one.hear("answer").await;
    assert!(answer["sdp"].as_str().unwrap().contains("a=ice-lite"));
    let (mut two, joined) = join(&server, "Jane").await;
    assert_eq!(joined["participants"][0]["tracks"].as_array().unwrap().len(), 2);
    assert_eq!(one.hear("participant-joined").await["participantName"], "Jane");
    two.say(json!({"type":"offer","roomId":"room-123","sdp":fixture("firefox-example-client")})).await;
    assert_eq!(one.hear("track-published").await["track"]["source"], "microphone");
    two.say(json!({"type":"leave"})).await;
    one.hear("participant-left").await;
}

#[tokio::test]
async fn bad_input_is_told_and_the_socket_stays_open() {
    let server = Server::start(MemoryStore::default()).await;
    let mut page = server.socket().await;
    for (text, code) in [
        ("{".to_owned(), "bad-json"),
        (r#"{"type":"dance"}"#.to_owned(), "unknown-type"),
        (r#"{"type":"join","roomId":7}"#.to_owned(), "bad-message"),
        (format!("\"{}\"", "x".repeat(300 << 10)), "too-large"),
        (r#"{"type":"leave"}"#.to_owned(), "not-joined"),
    ] {
        page.0.send(Message::text(text)).await.unwrap();
        assert_eq!(page.hear("error").await["code"], code);
    }
    page.0.send(Message::binary(vec![0, 255])).await.unwrap();
    assert_eq!(page.hear("error").await["code"], "bad-json");
    page.say(json!({"type":"join","roomId":"room-123","participantName":"still here"})).await;
    page.hear("joined").await;
}

#[tokio::test]
async fn whoever_floods_is_warned_and_then_cut_off() {
    let server = Server::start(MemoryStore::default()).await;
    let (_bystander, _) = join(&server, "bystander").await;
    let mut page = server.socket().await;
    for _ in 0..2000 {
        if page.0.feed(Message::text("{}")).await.is_err() {
            break;
        }
    }
    let _ = page.0.flush().await;
    let mut warned = false;
    let ended = tokio::time::timeout(Duration::from_secs(30), async {
        while let Some(Ok(message)) = page.0.next().await {
            warned |= message.to_text().is_ok_and(|text| text.contains("too-fast"));
        }
    });
    ended.await.expect("the socket is closed");
    assert!(warned);
    let (mut other, _) = join(&server, "other").await;
    other.hear("request-offer").await;
}

#[tokio::test]
async fn rooms_are_made_listed_shown_and_deleted() {
    let server = Server::start(MemoryStore::default()).await;
    let new = json!({"name":"Conference Room","maxParticipants":3.0});
    let (status, made) = server.json("POST /api/rooms", Some(new)).await;
    assert_eq!(status, 201);
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!((&made["name"], &made["maxParticipants"]), (&json!("Conference Room"), &json!(3)));
    let (status, list) = server.json("GET /api/rooms", None).await;
    assert_eq!((status, list["rooms"][0]["id"].as_str()), (200, Some(&*id)));
    assert_eq!(server.json(&format!("GET /api/rooms/{id}"), None).await, (200, made));
    let (status, stats) = server.json(&format!("GET /api/rooms/{id}/stats"), None).await;
    assert_eq!((status, &stats["tracks"]), (200, &json!([])));
    assert_eq!(server.json(&format!("DELETE /api/rooms/{id}"), None).await.0, 204);
    for request in ["GET", "DELETE"] {
        let (status, problem) = server.json(&format!("{request} /api/rooms/{id}"), None).await;
        assert_eq!((status, &problem["code"]), (404, &json!("room-not-found")));
    }
}

#[tokio::test]
async fn rooms_are_listed_in_parts() {
    let server = Server::start(MemoryStore::default()).await;
    let mut made = vec![];
    for name in ["one", "two", "three"] {
        made.push(server.json("POST /api/rooms", Some(json!({"name":name}))).await.1["id"].clone());
    }
    let (_, first) = server.json("GET /api/rooms?limit=2", None).await;
    assert_eq!((&first["rooms"][0]["id"], &first["rooms"][1]["id"]), (&made[0], &made[1]));
    let next = format!("GET /api/rooms?limit=2&cursor={}", first["nextCursor"].as_str().unwrap());
    let (_, second) = server.json(&next, None).await;
    assert_eq!((second["rooms"].as_array().unwrap().len(), &second["rooms"][0]["id"]), (1, &made[2]));
    assert_eq!(second["nextCursor"], Value::Null);
    let (_, all) = server.json("GET /api/rooms", None).await;
    assert_eq!((all["rooms"].as_array().unwrap().len(), &all["nextCursor"]), (3, &Value::Null));
}

#[tokio::test]
async fn a_full_server_says_when_to_come_again() {
    let server = Server::start(MemoryStore::default()).await;
    for _ in 0..3 {
        assert_eq!(server.json("POST /api/rooms", Some(json!({"name":"one"}))).await.0, 201);
    }
    let offer = fixture("chromium-example-client");
    let (status, head, body) =
        server.http("POST /whip/fourth", "content-type: application/sdp\r\n", &offer).await;
    assert!(status == 503 && head.contains("\r\nretry-after: 5\r\n"), "{head}");
    assert!(body.contains("server-busy"), "{body}");
}

#[tokio::test]
async fn people_are_shown_muted_and_taken_out_over_rest() {
    let server = Server::start(MemoryStore::default()).await;
    let (mut one, joined) = join(&server, "one").await;
    one.say(json!({"type":"offer","sdp":fixture("chromium-example-client")})).await;
    let tracks = one.hear("answer").await["tracks"].clone();
    let (mut two, _) = join(&server, "two").await;
    let id = joined["participantId"].as_str().unwrap();
    let address = format!("/api/rooms/room-123/participants/{id}");

    let (status, shown) = server.json(&format!("GET {address}"), None).await;
    assert_eq!((status, &shown["participantName"], &shown["tracks"]), (200, &json!("one"), &tracks));
    let (status, muted) = server.json(&format!("POST {address}/mute"), Some(json!({"kind":"audio"}))).await;
    assert_eq!(
        (status, &muted["tracks"][0]["muted"], &muted["tracks"][1]["muted"]),
        (200, &json!(true), &json!(false))
    );
    for page in [&mut one, &mut two] {
        let told = page.hear("track-muted").await;
        assert_eq!(
            (&told["trackId"], &told["muted"]),
            (&tracks[0]["trackId"], &json!(true)),
            "who is muted hears it, too"
        );
    }
    let which = json!({"trackId":tracks[0]["trackId"]});
    assert_eq!(server.json(&format!("POST {address}/unmute"), Some(which)).await.1["tracks"], tracks);
    let (status, problem) =
        server.json(&format!("POST {address}/mute"), Some(json!({"trackId":"7000"}))).await;
    assert_eq!((status, &problem["code"]), (404, &json!("track-not-found")));

    assert_eq!(server.json(&format!("DELETE {address}"), None).await.0, 204);
    assert_eq!(one.hear("error").await["code"], "removed");
    assert_eq!(two.hear("participant-left").await["participantId"], id);
    let (status, problem) = server.json(&format!("DELETE {address}"), None).await;
    assert_eq!((status, &problem["code"]), (404, &json!("participant-not-found")));
}

#[tokio::test]
async fn the_api_describes_itself_and_the_limits_of_this_server() {
    let server = Server::start(MemoryStore::default()).await;
    let (status, api) = server.json("GET /api/openapi.json", None).await;
    assert_eq!((status, &api["openapi"]), (200, &json!("3.1.0")));
    assert_eq!(api["components"]["schemas"]["NewRoom"]["properties"]["maxParticipants"]["maximum"], 5);
    for address in ["/health", "/api/rooms", "/api/rooms/{id}", "/api/rooms/{id}/stats"] {
        assert!(api["paths"][address]["get"].is_object(), "{address} is not described");
    }
    let (status, head, _) = server.http("GET /docs", "", "").await;
    assert!(status == 308 && head.contains("location: /docs/"), "{head}");
    let (status, _, page) = server.http("GET /docs/", "", "").await;
    assert!(status == 200 && page.contains("swagger-ui"), "{page}");
    let (_, _, script) = server.http("GET /docs/swagger-initializer.js", "", "").await;
    assert!(script.contains("/api/openapi.json"), "{script}");
    let (status, _, page) = server.http("GET /docs/websocket", "", "").await;
    assert!(status == 200 && page.contains("id=\"server-request-offer\""), "{page}");
    for file in ["reference.css", "example.js", "run.js"] {
        assert_eq!(server.http(&format!("GET /reference/{file}"), "", "").await.0, 200, "{file}");
    }
}

#[tokio::test]
async fn what_takes_a_key_says_so_in_its_description() {
    let server = Server::start(MemoryStore::default()).await;
    let (_, description) = server.json("GET /api/openapi.json", None).await;
    let mut guarded = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, route) in methods.as_object().unwrap() {
            let answers = route["responses"].as_object().unwrap();
            let is_guarded = ["401", "403"].iter().all(|status| answers.contains_key(*status));
            assert_eq!(is_guarded, path.starts_with("/api/"), "{method} {path}");
            guarded += usize::from(is_guarded);
        }
    }
    assert!(guarded > 8, "{guarded}");
    assert!(description["components"]["schemas"]["Problem"]["properties"]["code"].is_object());
}

#[tokio::test]
async fn the_operator_s_page_is_all_there_and_runs_nothing_of_elsewhere() {
    let server = Server::start(MemoryStore::default()).await;
    let (status, head, page) = server.http("GET /admin", "", "").await;
    assert_eq!(status, 200);
    assert!(head.contains("script-src 'self';") && head.contains("text/html"), "{head}");
    for file in ["/admin/admin.css", "/admin/admin.js"] {
        assert!(page.contains(file), "{file}");
        assert_eq!(server.http(&format!("GET {file}"), "", "").await.0, 200, "{file}");
    }
    assert_eq!(server.http("GET /admin/figures.js", "", "").await.0, 200);
    assert_eq!(server.http("GET /admin/%2e%2e", "", "").await.0, 404);
}

#[tokio::test]
async fn statistics_are_those_of_the_room_s_tracks() {
    let server = Server::start(MemoryStore::default()).await;
    let (mut page, joined) = join(&server, "one").await;
    page.say(json!({"type":"offer","sdp":fixture("chromium-example-client")})).await;
    page.hear("answer").await;
    let (status, stats) = server.json("GET /api/rooms/room-123/stats", None).await;
    assert_eq!((status, &stats["participants"]), (200, &json!(1)));
    let tracks = stats["tracks"].as_array().unwrap();
    assert_eq!(tracks.len(), 2, "{stats}");
    assert_eq!(tracks[0]["participantId"], joined["participantId"]);
    assert_eq!((&tracks[0]["packets"], &tracks[0]["jitterMs"]), (&json!(7), &json!(1.5)));
    let person = &stats["people"][0];
    assert_eq!(person["participantName"], joined["participantName"]);
    assert_eq!((&person["uplink"]["packets"], &person["uplink"]["jitterMs"]), (&json!(14), &json!(1.5)));
    let downlink = json!({"packets":9,"bytes":900,"estimateBps":500_000,"roundTripMs":20.0,"lossRate":0.01});
    assert_eq!(person["downlink"], downlink);
}

#[tokio::test]
async fn statistics_of_a_room_on_two_workers_are_those_of_both() {
    let (link, carrier) = MediaLink::new(2);
    let (sender, mut published) = tokio::sync::watch::channel(None);
    for (worker, mut commands) in carrier.commands.into_iter().enumerate() {
        let (events, sender) = (carrier.events.clone(), sender.clone());
        tokio::spawn(async move {
            while let Some(command) = commands.recv().await {
                let Command::QueryRoom { request, .. } = command else {
                    if let Command::Publish(publish) = command {
                        sender.send_replace(Some(publish.track));
                    }
                    continue;
                };
                // Its own worker tells all of a track, the other what it forwards of it, and later.
                tokio::time::sleep(Duration::from_millis(50 * worker as u64)).await;
                let track = *sender.borrow();
                let packets = if worker == 0 { 7 } else { 0 };
                let stats = TrackStats { packets, forwarded: 10 + worker as u64, ..TrackStats::default() };
                let told = track.map(|track| Event::TrackStats { request, track, stats });
                for event in told.into_iter().chain([Event::Answered { request }]) {
                    events.send((worker, event)).await.unwrap();
                }
            }
        });
    }
    let settings = Settings { spread_rooms_over: 1, ..config().settings };
    let spread = Config { settings, ..config() };
    let server = Server::configured(MemoryStore::default(), link, spread).await;
    let (mut page, _) = join(&server, "one").await;
    let (_other, _) = join(&server, "two").await;
    page.say(json!({"type":"offer","sdp":fixture("chromium-example-client")})).await;
    published.wait_for(Option::is_some).await.unwrap();
    let (status, stats) = server.json("GET /api/rooms/room-123/stats", None).await;
    let tracks = stats["tracks"].as_array().unwrap();
    assert_eq!((status, tracks.len()), (200, 1), "{stats}");
    assert_eq!((&tracks[0]["packets"], &tracks[0]["packetsForwarded"]), (&json!(7), &json!(21)));
}

#[tokio::test]
async fn every_refusal_is_a_problem_document() {
    let server = Server::start(MemoryStore::default()).await;
    let json_type = "content-type: application/json\r\n";
    let far = format!("GET /{}", "x".repeat(10_000));
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(70_000));
    for (request, head, body, status, code) in [
        ("GET /api/nothing", "", "", 404, "not-found"),
        ("GET /../Cargo.toml", "", "", 404, "not-found"),
        ("GET /api/rooms/%ff", "", "", 404, "room-not-found"),
        ("GET /api/rooms/none/stats", "", "", 404, "room-not-found"),
        ("PUT /api/rooms", "", "", 405, "method-not-allowed"),
        ("POST /api/rooms", "", "{}", 415, "unsupported-media-type"),
        ("POST /api/rooms", json_type, "{", 400, "bad-json"),
        ("POST /api/rooms", json_type, "{}", 422, "bad-body"),
        ("POST /api/rooms", json_type, r#"["x"]"#, 422, "bad-body"),
        ("POST /api/rooms/none/recording/start", json_type, "[null, null]", 422, "bad-body"),
        ("POST /api/rooms", json_type, r#"{"name":"x","maxPeople":3}"#, 422, "bad-body"),
        ("POST /api/rooms", json_type, r#"{"name":""}"#, 422, "bad-room"),
        ("POST /api/rooms", json_type, r#"{"name":"x","maxParticipants":0}"#, 422, "bad-room"),
        ("POST /api/rooms", json_type, r#"{"name":"x","maxParticipants":1000000}"#, 422, "bad-room"),
        ("POST /api/rooms", json_type, r#"{"name":"x","maxParticipants":2.5}"#, 422, "bad-body"),
        ("POST /api/rooms", json_type, &long, 413, "too-large"),
        ("GET /ws", "", "", 400, "not-a-websocket"),
        ("GET /api/rooms?limit=0", "", "", 400, "bad-query"),
        ("GET /api/rooms?limit=101", "", "", 400, "bad-query"),
        ("GET /api/rooms?limit=many", "", "", 400, "bad-query"),
        ("GET /api/rooms?cursor=x", "", "", 400, "bad-query"),
        ("GET /api/rooms?page=2", "", "", 400, "bad-query"),
        ("GET /api/rooms/none/participants/1", "", "", 404, "room-not-found"),
        ("DELETE /api/rooms/none/participants/1", "", "", 404, "room-not-found"),
        ("POST /api/rooms/none/participants/1/mute", json_type, "{}", 404, "room-not-found"),
        ("POST /api/rooms/none/participants/1/mute", json_type, r#"{"kind":"smell"}"#, 422, "bad-body"),
        ("POST /api/rooms/none/participants/1/mute", "", "", 415, "unsupported-media-type"),
        ("GET /docs/nothing.js", "", "", 404, "not-found"),
        (&*far, "", "", 414, "address-too-long"),
    ] {
        let (got, head, body) = server.http(request, head, body).await;
        let problem: Value =
            serde_json::from_str(&body).unwrap_or_else(|_| panic!("{request}: {got} {head} {body:?}"));
        assert_eq!(
            (got, problem["code"].as_str(), problem["status"].as_u64()),
            (status, Some(code), Some(status.into())),
            "{request}"
        );
        assert!(head.contains("content-type: application/problem+json"), "{head}");
    }
    let (_, head, _) = server.http("PUT /api/rooms", "", "").await;
    assert!(head.contains("\r\nallow: "), "{head}");
}

#[tokio::test]
async fn the_page_is_served_at_its_addresses_with_its_policy() {
    let server = Server::start(MemoryStore::default()).await;
    for address in ["/", "/r/room-123"] {
        let (status, head, body) = server.http(&format!("GET {address}"), "", "").await;
        assert_eq!(status, 200);
        assert!(body.contains("<title>Volley</title>"), "{body}");
        assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
        assert!(head.contains("script-src 'self';"), "{head}");
    }
}

#[tokio::test]
async fn files_whose_names_change_with_them_are_kept_and_others_are_asked_for_again() {
    let server = Server::start(MemoryStore::default()).await;
    let (_, _, page) = server.http("GET /", "", "").await;
    let (_, rest) = page.split_once("src=\"").expect("the page has a script");
    let script = rest.split('"').next().unwrap();
    let (status, head, _) = server.http(&format!("GET {script}"), "", "").await;
    assert!(status == 200 && head.contains("content-type: text/javascript"), "{head}");
    assert!(head.contains("immutable") && !head.contains("access-control-allow-origin"), "{head}");
    let (status, head, body) = server.http("GET /client.js", "", "").await;
    assert!(status == 200 && body.contains("export"), "{head}");
    assert!(head.contains("no-cache") && head.contains("access-control-allow-origin: *"), "{head}");
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let (status, _, body) = server.http("GET /client.js", &format!("if-none-match: {tag}\r\n"), "").await;
    assert_eq!((status, body.as_str()), (304, ""));
}

#[tokio::test]
async fn health_counts_and_notices_a_worker_that_is_gone() {
    let server = Server::start(MemoryStore::default()).await;
    let (_page, _) = join(&server, "one").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let healthy = json!({"status":"healthy","rooms":1,"participants":1,
        "config":{"max_rooms":3,"max_participants_per_room":5}});
    assert_eq!(server.json("GET /health", None).await, (200, healthy));
    assert_eq!(server.json("GET /health/ready", None).await, (200, json!({"status":"ready"})));
    assert_eq!(server.json("GET /health/live", None).await, (200, json!({"status":"live"})));

    let (link, _nobody) = MediaLink::new(1);
    let dead = Server::start_with(MemoryStore::default(), link).await;
    let (status, body) = dead.json("GET /health", None).await;
    assert_eq!((status, body["status"].as_str()), (503, Some("unhealthy")));
    assert!(body["reason"].as_str().unwrap().contains("worker"), "{body}");
    assert_eq!(dead.json("GET /health/ready", None).await.0, 503);
    assert_eq!(dead.json("GET /health/live", None).await.0, 200, "to start it anew would mend nothing");
}

#[tokio::test]
async fn a_server_that_comes_back_knows_names_and_tokens() {
    let first = Server::start(MemoryStore::default()).await;
    let (mut page, joined) = join(&first, "one").await;
    page.say(json!({"type":"offer","sdp":fixture("chromium-bare")})).await;
    page.hear("answer").await;
    let second = Server::start(first.store.clone()).await;
    let mut page = second.socket().await;
    page.say(json!({"type":"join","roomId":"room-123","participantName":"another",
        "participantId":joined["participantId"],"resumeToken":joined["resumeToken"]}))
        .await;
    let back = page.hear("joined").await;
    assert_eq!((&back["resumed"], &back["participantName"]), (&json!(true), &json!("one")));
    assert_eq!(back["resumeToken"], joined["resumeToken"]);
}

const SECRET: &str = "a secret that only this test knows of";
const KEY: &str = "a-key-for-everything";

async fn guarded(change: impl FnOnce(&mut AccessSettings)) -> Server {
    let mut access = AccessSettings {
        require_auth: true,
        token_secrets: vec![SECRET.to_owned()],
        api_keys: vec![KEY.to_owned()],
        ..AccessSettings::default()
    };
    change(&mut access);
    let settings = Settings { access, ..config().settings };
    let (link, carrier) = MediaLink::new(2);
    tokio::spawn(media_process(carrier));
    Server::configured(MemoryStore::default(), link, Config { settings, ..config() }).await
}

fn host_token(room: &str, grant: Grant) -> String {
    let (now, room) = (unix_now(), room.to_owned());
    sign(&Claims { sub: "ada".into(), room, grants: vec![grant], exp: now + 60, iat: now }, SECRET).unwrap()
}

#[tokio::test]
async fn rest_takes_a_key_for_everything_and_a_token_for_what_it_grants() {
    let server = guarded(|access| access.auth_token_header = "X-Our-Key".into()).await;
    let ask = async |request: &str, head: &str| {
        let (status, head, body) = server.http(request, head, "").await;
        let code = serde_json::from_str::<Value>(&body).map(|body| body["code"].clone()).unwrap_or_default();
        (status, code.as_str().unwrap_or_default().to_owned(), head)
    };
    let (status, code, head) = ask("GET /api/rooms", "").await;
    assert_eq!((status, code.as_str()), (401, "token-missing"));
    assert!(head.contains("www-authenticate: Bearer") && head.contains("application/problem+json"), "{head}");
    assert_eq!(ask("GET /api/rooms", "x-our-key: wrong\r\n").await.1, "token-invalid");
    assert_eq!(ask("GET /api/rooms", &format!("x-auth-token: {KEY}\r\n")).await.0, 401, "another header");
    assert_eq!(ask("GET /api/rooms", &format!("x-our-key: {KEY}\r\n")).await.0, 200);
    assert_eq!(ask("GET /api/rooms", &format!("authorization: Bearer {KEY}\r\n")).await.0, 200);
    let host = format!("x-our-key: {}\r\n", host_token("room", Grant::Administer));
    assert_eq!(ask("DELETE /api/rooms/room", &host).await.0, 404, "let in, but there is none");
    assert_eq!(ask("DELETE /api/rooms/other", &host).await.1, "token-room");
    assert_eq!(ask("GET /api/rooms", &host).await.0, 401);
    let guest = format!("x-our-key: {}\r\n", host_token("room", Grant::Publish));
    let (status, code, _) = ask("DELETE /api/rooms/room", &guest).await;
    assert_eq!((status, code.as_str()), (403, "token-grant"));
    assert_eq!(ask("GET /health", "").await.0, 200);
    assert_eq!(ask("GET /", "").await.0, 200);
}

#[tokio::test]
async fn pages_of_origins_that_are_not_listed_open_no_websocket() {
    let server = guarded(|access| access.allowed_origins = vec!["https://app.example".into()]).await;
    let ask = async |origin: &str| {
        let head = format!(
            "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{origin}"
        );
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(format!("GET /ws HTTP/1.1\r\nhost: volley\r\n{head}\r\n").as_bytes()).await.unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        String::from_utf8_lossy(&status[9..]).into_owned()
    };
    assert_eq!(ask("origin: https://evil.example\r\n").await, "403");
    assert_eq!(ask("origin: https://app.example\r\n").await, "101");
    assert_eq!(ask("origin: https://volley\r\n").await, "101");
    assert_eq!(ask("").await, "101");
}

#[tokio::test]
async fn a_trusted_proxy_says_for_whom_it_speaks_and_limits_hold_for_those() {
    let limits = AddressLimits { rooms: 1, ..AddressLimits::default() };
    let proxied = guarded(|access| {
        access.require_auth = false;
        access.limits = Some(limits);
        access.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let direct = guarded(|access| (access.require_auth, access.limits) = (false, Some(limits)));
    let make = async |server: &Server, client: &str| {
        let head = format!("content-type: application/json\r\nx-forwarded-for: {client}\r\n");
        server.http("POST /api/rooms", &head, r#"{"name":"Meeting"}"#).await.0
    };
    let proxied = proxied.await;
    assert_eq!(make(&proxied, "203.0.113.1").await, 201);
    assert_eq!(make(&proxied, "203.0.113.1").await, 429);
    assert_eq!(
        make(&proxied, "6.6.6.6, 203.0.113.1").await,
        429,
        "what the client itself wrote is no matter"
    );
    assert_eq!(make(&proxied, "203.0.113.2").await, 201);
    let direct = direct.await;
    assert_eq!((make(&direct, "203.0.113.1").await, make(&direct, "203.0.113.1").await), (201, 201));
}
