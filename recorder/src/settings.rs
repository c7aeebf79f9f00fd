//! What the supervisor configures the recorder to do: plain values that travel as JSON.

use crate::remote::Offload;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// A lost packet is waited for at least as long as it takes to be asked for and sent again some times over a bad
/// link.
pub const LEAST_PATIENCE: Duration = Duration::from_millis(300);

/// … and no longer than it is asked for at all.
pub const MOST_PATIENCE: Duration = Duration::from_secs(1);

/// All of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The folder of all recordings.
    pub path: PathBuf,
    /// How long a missing packet is waited for.
    pub patience: Duration,
    /// Where recordings go besides.
    #[serde(default)]
    pub store: Option<StoreSettings>,
    /// The recorder on another machine that writes them instead.
    #[serde(default)]
    pub offload: Option<Offload>,
}

/// An object store that speaks S3. What opens it is in no settings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoreSettings {
    /// Its address; of Amazon's in the region where there is none.
    pub endpoint: Option<String>,
    /// Which region.
    pub region: String,
    /// Which bucket.
    pub bucket: String,
    /// Whether the bucket stands in the path, or else in the host's name.
    pub is_path_style: bool,
    /// What stands before the names of all objects.
    pub prefix: String,
    /// How long others may keep a copy of a file.
    pub cache_control: String,
    /// Whether files stay on this machine once they are in the store.
    pub keeps_local: bool,
    /// Bytes that may wait on this machine where they do not.
    pub spool_bytes: u64,
}

/// How long a file may be before another one follows it; without either it is as long as its recording.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Segments {
    /// How long it plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Duration>,
    /// How many bytes it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
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
