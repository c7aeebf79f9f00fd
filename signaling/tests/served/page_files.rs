//! The page's files: compressed for whoever takes that, plain for everybody else, and not at all for who has them.

use crate::common::server::Server;
use volley_signaling::store::MemoryStore;

const TAKES_GZIP: &str = "accept-encoding: gzip, deflate, br\r\n";

/// The value of a line of a head.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn who_takes_gzip_gets_the_same_file_in_fewer_bytes() {
    let server = Server::start(MemoryStore::default()).await;
    for path in ["/", "/r/room", "/check", "/client.js", "/client.d.ts", "/icons.svg"] {
        let (_, plain_head, plain) = server.http_bytes(&format!("GET {path}"), "", "").await;
        assert_eq!(header(&plain_head, "content-encoding"), None, "{path}: nobody asked for it");
        let (status, head, packed) = server.http_bytes(&format!("GET {path}"), TAKES_GZIP, "").await;
        assert_eq!((status, header(&head, "content-encoding")), (200, Some("gzip")), "{path}");
        // RFC 1952 §2.3: what it begins with, and how long it was before.
        assert!(packed.starts_with(&[0x1f, 0x8b, 8]) && packed.len() * 10 < plain.len() * 9, "{path}");
        let (_, length) = packed.split_last_chunk::<4>().unwrap();
        assert_eq!(u32::from_le_bytes(*length) as usize, plain.len(), "{path}");
        assert_ne!(header(&head, "etag"), header(&plain_head, "etag"), "{path}: they are not the same bytes");
        for name in ["content-type", "cache-control", "content-security-policy", "vary"] {
            assert_eq!(header(&head, name), header(&plain_head, name), "{path}: {name}");
        }
        assert_eq!(header(&head, "vary"), Some("accept-encoding"), "{path}");
    }
}

#[tokio::test]
async fn who_refuses_gzip_gets_the_plain_file() {
    let server = Server::start(MemoryStore::default()).await;
    for head in
        ["", "accept-encoding: identity\r\n", "accept-encoding: gzip;q=0, *\r\n", "accept-encoding: br\r\n"]
    {
        let (status, answer, body) = server.http("GET /client.js", head, "").await;
        assert!(status == 200 && body.contains("export"), "{head}");
        assert_eq!(header(&answer, "content-encoding"), None, "{head}");
    }
}

#[tokio::test]
async fn the_types_of_the_library_stand_beside_it_for_pages_of_everywhere() {
    let server = Server::start(MemoryStore::default()).await;
    let (status, head, body) = server.http("GET /client.d.ts", "", "").await;
    assert!(status == 200 && body.contains("declare class Room "), "{head}");
    assert_eq!(header(&head, "content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(header(&head, "access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn who_has_the_file_in_that_coding_is_sent_nothing() {
    let server = Server::start(MemoryStore::default()).await;
    let (_, plain, _) = server.http_bytes("GET /client.js", "", "").await;
    let (_, packed, _) = server.http_bytes("GET /client.js", TAKES_GZIP, "").await;
    let [plain, packed] = [&plain, &packed].map(|head| header(head, "etag").unwrap());
    for (tag, takes, expected) in
        [(plain, "", 304), (packed, TAKES_GZIP, 304), (plain, TAKES_GZIP, 200), (packed, "", 200)]
    {
        let head = format!("{takes}if-none-match: {tag}\r\n");
        let (status, answer, body) = server.http_bytes("GET /client.js", &head, "").await;
        assert_eq!((status, body.is_empty()), (expected, expected == 304), "{head}");
        assert_eq!(header(&answer, "vary"), Some("accept-encoding"), "{head}");
    }
}

#[tokio::test]
async fn head_tells_what_get_would_send() {
    let server = Server::start(MemoryStore::default()).await;
    for path in ["/", "/client.js"] {
        for takes in ["", TAKES_GZIP] {
            let (_, got, body) = server.http_bytes(&format!("GET {path}"), takes, "").await;
            let (status, told, nothing) = server.http_bytes(&format!("HEAD {path}"), takes, "").await;
            assert_eq!((status, nothing.len()), (200, 0));
            assert_eq!(header(&told, "content-length"), Some(&*body.len().to_string()), "{path} {takes}");
            for name in ["etag", "content-encoding", "content-length", "vary"] {
                assert_eq!(header(&told, name), header(&got, name), "{path} {takes}{name}");
            }
        }
    }
}
