//! What somebody may do in a room.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// One thing that one may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// Be seen and heard.
    Publish,
    /// See and hear others.
    Subscribe,
    /// Start and stop recordings.
    Record,
    /// Mute and remove others, and end the room.
    Administer,
}

impl Grant {
    /// All of them.
    pub const ALL: [Grant; 4] = [Grant::Publish, Grant::Subscribe, Grant::Record, Grant::Administer];
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Grant::Publish => "publish",
            Grant::Subscribe => "subscribe",
            Grant::Record => "record",
            Grant::Administer => "administer",
        })
    }
}

/// All that somebody may do.
pub type Grants = BTreeSet<Grant>;

/// What somebody was let in with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pass {
    /// Whom the token names; without a token nobody.
    pub identity: Option<String>,
    /// What they may do.
    pub grants: Grants,
    /// When the token ends, in seconds since 1970.
    pub expires: Option<u64>,
    /// When it was made, in seconds since 1970; 0: it does not say.
    #[serde(default)]
    pub issued: u64,
}

impl Pass {
    /// Whether they may.
    pub fn may(&self, grant: Grant) -> bool {
        self.grants.contains(&grant)
    }
}

/// That of somebody without a token, where none is asked for.
impl Default for Pass {
    fn default() -> Pass {
        let grants = BTreeSet::from([Grant::Publish, Grant::Subscribe]);
        Pass { identity: None, grants, expires: None, issued: 0 }
    }
}
