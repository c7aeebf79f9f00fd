//! Sending: one request for each letter, with a time limit; what counts as arrived is any 2xx.

use crate::access::unix_now;
use crate::hub::Hub;
use crate::webhooks::{Delivery, sign};
use axum::body::Bytes;
use axum::http::{Request, header};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A receiver should note what it hears and answer; one that takes longer is tried again.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

type Sender = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Sends what comes, and tells the hub what became of it.
pub(crate) async fn deliver(hub: Hub, mut letters: mpsc::Receiver<Delivery>) {
    let mut sender = None;
    while let Some(letter) = letters.recv().await {
        // Reading the system's certificates takes a while, and most servers send none of these.
        let sender = sender.get_or_insert_with(connect).clone();
        let hub = hub.clone();
        tokio::spawn(async move {
            let outcome = tokio::time::timeout(ANSWER_WITHIN, send(&sender, &letter)).await;
            let outcome = outcome.unwrap_or_else(|_| Err(String::from("no answer in time")));
            let Delivery { number, room, .. } = letter;
            if let Err(error) = &outcome {
                tracing::warn!(webhook = number, room, error, "a webhook did not arrive and is tried again");
            }
            let arrived = outcome.is_ok();
            hub.call(move |state, now| state.webhook_answered((&room, number), arrived, now)).await;
        });
    }
}

/// TLS trusts what the machine trusts.
fn connect() -> Sender {
    let provider = aws_lc_rs::default_provider();
    let builder = match HttpsConnectorBuilder::new().with_provider_and_native_roots(provider.clone()) {
        Ok(builder) => builder,
        Err(error) => {
            tracing::error!(%error, "this machine has no certificates to trust: webhooks over https will fail");
            let config = ClientConfig::builder_with_provider(provider.into())
                .with_safe_default_protocol_versions()
                .expect("the provider knows TLS 1.2 and 1.3")
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth();
            HttpsConnectorBuilder::new().with_tls_config(config)
        }
    };
    Client::builder(TokioExecutor::new()).build(builder.https_or_http().enable_http1().build())
}

async fn send(sender: &Sender, letter: &Delivery) -> Result<(), String> {
    let timestamp = unix_now();
    let signature = sign::signatures(&letter.to.secrets, letter.number, timestamp, &letter.body);
    let request = Request::post(&letter.to.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("volley/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", letter.number)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(Full::new(Bytes::from(letter.body.clone())))
        .map_err(|error| error.to_string())?;
    let answer = sender.request(request).await.map_err(|error| chain(&error))?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("answered {}", answer.status())) }
}

/// The library's own words are "client error (Connect)"; the cause stands behind.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
