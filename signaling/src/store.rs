//! Where the state's records are kept.

use crate::state::{Loaded, RECORD_VERSION, Save};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use volley::control::records::Records;

/// Keeps records.
pub trait Store: Send + 'static {
    /// Carries out one change. A failure is logged: the call goes on, only a restart would lose it.
    fn apply(&mut self, save: &Save);
}

/// All records in the supervisor's memory.
pub(crate) fn load(records: &Records) -> Vec<Loaded> {
    let each = records.load().into_iter();
    each.map(|r| Loaded { kind: r.kind, key: r.key, version: r.version, bytes: r.bytes }).collect()
}

impl Store for Records {
    fn apply(&mut self, save: &Save) {
        match save {
            Save::Put { kind, key, bytes } => {
                if let Err(error) = self.put(*kind, *key, RECORD_VERSION, bytes) {
                    tracing::error!(%error, "a record was not written: it would not survive a restart");
                }
            }
            Save::Remove { kind, key } => self.remove(*kind, *key),
        }
    }
}

/// Records in ordinary memory, shared between the processes that a test pretends.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Kept>>);

type Kept = BTreeMap<(u16, u64), Vec<u8>>;

impl MemoryStore {
    /// What is in it.
    pub fn load(&self) -> Vec<Loaded> {
        let records = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let loaded = |(&(kind, key), bytes): (&(u16, u64), &Vec<u8>)| Loaded {
            kind,
            key,
            version: RECORD_VERSION,
            bytes: bytes.clone(),
        };
        records.iter().map(loaded).collect()
    }
}

impl Store for MemoryStore {
    fn apply(&mut self, save: &Save) {
        let mut records = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match save {
            Save::Put { kind, key, bytes } => drop(records.insert((*kind, *key), bytes.clone())),
            Save::Remove { kind, key } => drop(records.remove(&(*kind, *key))),
        }
    }
}
