//! Sending: one request for each letter, with a time limit; what counts as arrived is any 2xx.

use crate::access::unix_now;
use crate::hub::Hub;
use crate::outward::{Client, chain, client};
use crate::webhooks::{Delivery, sign};
use axum::body::Bytes;
use axum::http::{Request, header};
use http_body_util::Full;
use std::time::Duration;
use tokio::sync::mpsc;

/// A receiver should note what it hears and answer; one that takes longer is tried again.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

type Sender = Client<Full<Bytes>>;

/// Sends what comes, and tells the hub what became of it.
pub(crate) async fn deliver(hub: Hub, mut letters: mpsc::Receiver<Delivery>) {
    let mut sender = None;
    while let Some(letter) = letters.recv().await {
        // Reading the system's certificates takes a while, and most servers send none of these.
        let sender = sender.get_or_insert_with(client).clone();
        let hub = hub.clone();
        tokio::spawn(async move {
            let outcome = tokio::time::timeout(ANSWER_WITHIN, send(&sender, &letter)).await;
            let outcome = outcome.unwrap_or_else(|_| Err(String::from("no answer in time")));
            let Delivery { number, id, room, .. } = letter;
            if let Err(error) = &outcome {
                tracing::warn!(webhook = id, room, error, "a webhook did not arrive and is tried again");
            }
            let arrived = outcome.is_ok();
            hub.call(move |state, now| state.webhook_answered((&room, number), arrived, now)).await;
        });
    }
}

async fn send(sender: &Sender, letter: &Delivery) -> Result<(), String> {
    let timestamp = unix_now();
    let signature = sign::signatures(&letter.to.secrets, &letter.id, timestamp, &letter.body);
    let request = Request::post(&letter.to.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("volley/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", &letter.id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(Full::new(Bytes::from(letter.body.clone())))
        .map_err(|error| error.to_string())?;
    let answer = sender.request(request).await.map_err(|error| chain(&error))?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("answered {}", answer.status())) }
}
