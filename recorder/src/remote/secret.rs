//! The secret that a media host and its recorder elsewhere share.

use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use zeroize::{Zeroize as _, Zeroizing};

/// Shorter ones may be found by trying.
const LEAST: usize = 32;
/// No file with a secret is longer.
const MOST: u64 = 4_096;

/// The secret itself; never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// Why a file holds no secret.
#[derive(thiserror::Error, Debug)]
pub enum SecretError {
    /// It cannot be read.
    #[error(
        "the secret file {path} cannot be read: {error}; make one with `openssl rand -hex 32 > {path}`, and put the same on both machines"
    )]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// It is too short or too long.
    #[error(
        "the secret file {path} holds {length} characters; allowed are {LEAST} to {MOST}, such as `openssl rand -hex 32` makes"
    )]
    Length {
        /// Which file.
        path: String,
        /// How many it has.
        length: usize,
    },
}

impl Secret {
    /// What stands in the file, without white space around it.
    pub fn read(path: &Path) -> Result<Secret, SecretError> {
        let named = || path.display().to_string();
        let mut text = Zeroizing::new(String::new());
        let read = File::open(path).and_then(|file| file.take(MOST + 1).read_to_string(&mut text));
        read.map_err(|error| SecretError::Unreadable { path: named(), error })?;
        let secret = text.trim();
        if secret.len() < LEAST || text.len() as u64 > MOST {
            return Err(SecretError::Length { path: named(), length: secret.len() });
        }
        Ok(Secret(secret.to_owned()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    #[cfg(test)]
    pub(super) fn of(text: &str) -> Secret {
        Secret(text.to_owned())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_secret_when_it_is_long_enough_and_says_what_to_do_when_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let told = || Secret::read(&path).unwrap_err().to_string();
        assert!(told().contains("openssl rand -hex 32 > "), "{}", told());
        std::fs::write(&path, "short\n").unwrap();
        assert!(told().contains("holds 5 characters"), "{}", told());
        std::fs::write(&path, "x".repeat(5_000)).unwrap();
        assert!(told().contains("allowed are 32 to 4096"), "{}", told());
        std::fs::write(&path, format!("{}\n", "a".repeat(64))).unwrap();
        let secret = Secret::read(&path).unwrap();
        assert_eq!(secret, Secret::of(&"a".repeat(64)));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
