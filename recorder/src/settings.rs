//! What the supervisor configures the recorder to do: plain values that travel as JSON.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// All of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The folder of all recordings.
    pub path: PathBuf,
    /// How long a missing packet is waited for.
    pub patience: Duration,
}

impl Settings {
    /// As they travel.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("settings have no map with keys that are not text")
    }

    /// As they came.
    pub fn from_bytes(bytes: &[u8]) -> Result<Settings, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}
