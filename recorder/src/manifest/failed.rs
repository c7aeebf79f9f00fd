//! What of a recording could not be completed, and the rest, which can be used.

use super::{File, Manifest};

impl Manifest {
    /// The same without the files that could not be completed, and those.
    pub fn without_failed(&self) -> (Manifest, Vec<File>) {
        let (failed, files) = self.files.iter().cloned().partition(|file| file.failure.is_some());
        (Manifest { files, ..self.clone() }, failed)
    }
}

impl File {
    /// Its name, and why it could not be completed.
    pub fn named_failure(&self) -> String {
        format!("{}: {}", self.name, self.failure.as_deref().unwrap_or_default())
    }
}
