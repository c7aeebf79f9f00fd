//! Webhooks: another server is told over HTTP what happens in rooms. Those of one room arrive in their
//! order, each at least once, signed as <https://www.standardwebhooks.com> describes.
//!
//! [`outbox`] decides what may be sent when, without a clock or a socket, and is kept in the records;
//! [`mod@deliver`] sends. What happened is the state's to know.

mod deliver;
mod happening;
mod outbox;
mod sign;
mod spool;

pub(crate) use deliver::deliver;
pub(crate) use happening::{Happening, Person, RecordingTold, What};
pub(crate) use outbox::{Letter, MAX_UNDER_WAY, Outbox, Tally};
pub(crate) use spool::Spool;

use crate::outward::shown_url;
use serde::{Deserialize, Serialize};

/// Where webhooks go.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSettings {
    /// `http://…` or `https://…`.
    pub url: String,
    /// Each signs, so that one may follow another.
    pub secrets: Vec<String>,
    /// The file that keeps what still waits when Volley stops, if there is one.
    #[serde(default)]
    pub spool: Option<String>,
}

impl std::fmt::Debug for WebhookSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookSettings").field("url", &shown_url(&self.url)).finish_non_exhaustive()
    }
}

/// One letter on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Names it here for as long as it is tried.
    pub number: u64,
    /// Names it for ever and everywhere: the `webhook-id`.
    pub id: String,
    /// The room it is about.
    pub room: String,
    /// JSON.
    pub body: String,
    /// Where to.
    pub to: WebhookSettings,
}
