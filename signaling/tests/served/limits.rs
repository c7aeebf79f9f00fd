//! What one address may take of the listener itself, and that a page of elsewhere can read refusals.

use crate::common::config;
use crate::common::server::{Server, media_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use volley_signaling::access::{AccessSettings, AddressLimits};
use volley_signaling::link::MediaLink;
use volley_signaling::settings::Settings;
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;

async fn server(change: impl FnOnce(&mut AccessSettings)) -> Server {
    let mut access = AccessSettings::default();
    change(&mut access);
    let settings = Settings { access, ..config().settings };
    let (link, carrier) = MediaLink::new(2);
    tokio::spawn(media_process(carrier));
    Server::configured(MemoryStore::default(), link, Config { settings, ..config() }).await
}

/// Opens a WebSocket for somebody behind a proxy: the status, and what keeps it open.
async fn open(server: &Server, client: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "GET /ws HTTP/1.1\r\nhost: volley\r\nupgrade: websocket\r\nconnection: upgrade\r\nx-forwarded-for: {client}\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    (String::from_utf8_lossy(&status[9..]).into_owned(), stream)
}

#[tokio::test]
async fn one_address_opens_only_so_many_websockets_though_none_of_them_joins() {
    let server = server(|access| {
        access.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        access.limits = Some(AddressLimits { sockets: 2, ..AddressLimits::default() });
    })
    .await;
    let (one, first) = open(&server, "203.0.113.1").await;
    let (two, _second) = open(&server, "203.0.113.1").await;
    assert_eq!((one.as_str(), two.as_str()), ("101", "101"));
    assert_eq!(open(&server, "203.0.113.1").await.0, "429");
    assert_eq!(open(&server, "203.0.113.2").await.0, "101", "another address");
    drop(first);
    let again = async { while open(&server, "203.0.113.1").await.0 != "101" {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), again).await.expect("its place is free again");
}

#[tokio::test]
async fn pages_of_elsewhere_can_read_why_whip_and_whep_refuse_them() {
    let server = server(|access| {
        access.require_auth = true;
        access.token_secrets = vec![String::from("a secret that only this test knows of")];
    })
    .await;
    let far = format!("POST /whip/{}", "x".repeat(10_000));
    for (request, status) in
        [("POST /whip/room", 401), ("DELETE /whep/room/key", 401), ("PUT /whip/room", 401), (&*far, 414)]
    {
        let (got, head, _) = server.http(request, "", "").await;
        assert_eq!(got, status, "{request}");
        assert!(head.contains("access-control-allow-origin: *\r\n"), "{head}");
    }
    let (_, head, _) = server.http("GET /api/rooms", "", "").await;
    assert!(!head.contains("access-control-"), "REST is for pages of our own: {head}");
}
