//! Volley over HTTP alone: whoever publishes does it by WHIP (RFC 9725), whoever watches by WHEP
//! (draft-ietf-wish-whep), each with an association of its own.

use super::sdp::{Answer, Offer};
use super::{JOIN_WITHIN, LEAVE_WITHIN, credentials};
use crate::signal::{Association, Person, Signaling, Wish};
use anyhow::{Context as _, anyhow, bail};
use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, StatusCode, Url};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use tokio::time::timeout;

/// A running Volley that is spoken to like by an encoder and its viewers.
pub(crate) struct Whip {
    server: SocketAddr,
    prefix: String,
    http: Client,
    /// Where the calls of each are ended.
    people: Mutex<HashMap<Person, Vec<Url>>>,
}

impl Whip {
    /// The server whose HTTP port is at `server`; rooms are named after `prefix`.
    pub(crate) fn new(server: SocketAddr, prefix: impl Into<String>) -> Whip {
        Whip { server, prefix: prefix.into(), http: Client::new(), people: Mutex::default() }
    }

    async fn negotiate(&self, wish: &Wish) -> anyhow::Result<Vec<Association>> {
        if wish.watch > 1 {
            bail!("WHEP shows one person at a time, and {} are wished for; use --publishers 1", wish.watch);
        }
        let mut associations = Vec::new();
        if !wish.publish.is_empty() {
            let sends = Wish { watch: 0, ..wish.clone() };
            associations.push(self.open("whip", &sends).await?);
        }
        if wish.watch > 0 {
            let watches = Wish { publish: Vec::new(), ..wish.clone() };
            associations.push(self.open("whep", &watches).await?);
        }
        Ok(associations)
    }

    async fn open(&self, protocol: &str, wish: &Wish) -> anyhow::Result<Association> {
        let Person { room, number } = wish.person;
        let url = format!("http://{}/{protocol}/{}-{room}?name=person%20{number}", self.server, self.prefix);
        let url = Url::parse(&url).with_context(|| format!("{url} is no address"))?;
        let local = credentials()?;
        let offer = Offer::new(wish, &local)?;
        let request = self.http.post(url.clone()).header(CONTENT_TYPE, "application/sdp").body(offer.write());
        let response = request.send().await.with_context(|| format!("{url} does not answer"))?;
        if response.status() != StatusCode::CREATED {
            let (status, why) = (response.status(), response.text().await.unwrap_or_default());
            bail!("the server refused {protocol}: {status} {why}");
        }
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.context("the server's answer has no Location to end the call at")?;
        let end = url.join(location).with_context(|| format!("Location {location:?} is no address"))?;
        self.people.lock().unwrap_or_else(PoisonError::into_inner).entry(wish.person).or_default().push(end);
        Answer::parse(&response.text().await?)?.agree(&offer, self.server)
    }
}

#[async_trait]
impl Signaling for Whip {
    async fn join(&self, wish: Wish) -> anyhow::Result<Vec<Association>> {
        let Person { room, number } = wish.person;
        timeout(JOIN_WITHIN, self.negotiate(&wish))
            .await
            .map_err(|_| anyhow!("it took more than {} s", JOIN_WITHIN.as_secs()))
            .and_then(|result| result)
            .with_context(|| format!("room {room} person {number} could not join Volley"))
    }

    async fn leave(&self, person: Person) -> anyhow::Result<()> {
        let calls = self.people.lock().unwrap_or_else(PoisonError::into_inner).remove(&person);
        for call in calls.unwrap_or_default() {
            // A server that is going away need not answer.
            let _ = timeout(LEAVE_WITHIN, self.http.delete(call).send()).await;
        }
        Ok(())
    }
}
