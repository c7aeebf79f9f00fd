//! The description of the API, as it depends on what is configured.

use crate::common::config;
use crate::common::server::{Server, media_process};
use serde_json::{Value, json};
use volley_signaling::access::AccessSettings;
use volley_signaling::link::MediaLink;
use volley_signaling::settings::Settings;
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;

async fn described(require_auth: bool) -> Value {
    let auth_token_header = String::from("X-Of-This-Test");
    let access = AccessSettings { require_auth, auth_token_header, ..Default::default() };
    let config = Config { settings: Settings { access, ..config().settings }, ..config() };
    let (link, carrier) = MediaLink::new(2);
    tokio::spawn(media_process(carrier));
    let server = Server::configured(MemoryStore::default(), link, config).await;
    server.json("GET /api/openapi.json", None).await.1
}

#[tokio::test]
async fn where_a_key_is_asked_for_the_description_says_so_at_each_request_that_takes_one() {
    let description = described(true).await;
    let schemes = &description["components"]["securitySchemes"];
    assert_eq!(
        (&schemes["header"]["type"], &schemes["header"]["in"], &schemes["header"]["name"]),
        (&json!("apiKey"), &json!("header"), &json!("X-Of-This-Test"))
    );
    assert_eq!(
        (&schemes["bearer"]["type"], &schemes["bearer"]["scheme"]),
        (&json!("http"), &json!("bearer"))
    );
    let mut guarded = 0;
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let expected =
                if path.starts_with("/api/") { json!([{"header":[]},{"bearer":[]}]) } else { Value::Null };
            assert_eq!(operation["security"], expected, "{method} {path}");
            guarded += usize::from(path.starts_with("/api/"));
        }
    }
    assert!(guarded > 10, "{guarded}");
}

#[tokio::test]
async fn where_none_is_asked_for_it_says_nothing_of_it() {
    let description = described(false).await;
    assert_eq!(description["components"]["securitySchemes"], Value::Null);
    assert!(!description["paths"].to_string().contains("\"security\""));
}
