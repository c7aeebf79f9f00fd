//! What still waits when Volley stops, kept in a file until the next start: the records, in which it waits
//! otherwise, are the supervisor's memory and end with it.

use crate::webhooks::Letter;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The file. Whoever can read it learns who was in which room.
pub(crate) struct Spool(PathBuf);

impl Spool {
    pub(crate) fn at(path: &str) -> Spool {
        Spool(PathBuf::from(path))
    }

    /// What was kept; nothing, when there is no file. A broken one is told and stays as it is.
    pub(crate) fn read(&self) -> Vec<Letter> {
        let path = self.0.display();
        let text = match fs::read(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return vec![],
            Err(error) => {
                tracing::error!(%path, %error, "webhooks.spool cannot be read: what it holds is not sent");
                return vec![];
            }
        };
        serde_json::from_slice(&text).unwrap_or_else(|error| {
            let aside = beside(&self.0, "broken");
            let moved = fs::rename(&self.0, &aside).is_ok();
            tracing::error!(%path, %error, moved, aside = %aside.display(), "webhooks.spool holds no webhooks");
            vec![]
        })
    }

    /// Keeps these and nothing else; whole, or not at all.
    pub(crate) fn write(&self, letters: &[Letter]) {
        if letters.is_empty() {
            return;
        }
        let (path, count) = (self.0.display(), letters.len());
        match write_whole(&self.0, letters) {
            Ok(()) => {
                tracing::info!(count, %path, "webhooks that did not arrive are sent after the next start")
            }
            Err(error) => {
                tracing::error!(count, %path, %error, "webhooks.spool cannot be written: these are lost")
            }
        }
    }

    /// What it held stands in the records now.
    pub(crate) fn clear(&self) {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let path = self.0.display();
                tracing::error!(%path, %error, "webhooks.spool cannot be removed: what it holds is sent again");
            }
            _ => {}
        }
    }
}

fn write_whole(path: &Path, letters: &[Letter]) -> io::Result<()> {
    let new = beside(path, "new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(letters)?)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_was_kept_is_read_once_and_nobody_else_may() {
        let path = std::env::temp_dir().join(format!("volley-spool-{}", std::process::id()));
        let spool = Spool::at(&path.display().to_string());
        assert_eq!(spool.read(), []);
        let letter = |number: u64| Letter {
            number,
            id: format!("7-{number}"),
            room: String::from("room"),
            body: String::from("{}"),
        };
        spool.write(&[letter(1), letter(2)]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(spool.read(), [letter(1), letter(2)]);
        spool.clear();
        assert_eq!(spool.read(), []);
        spool.write(&[]);
        assert!(!path.exists(), "nothing to keep makes no file");
    }

    #[test]
    fn a_broken_file_is_put_aside_for_a_person_to_look_at() {
        let path = std::env::temp_dir().join(format!("volley-spool-broken-{}", std::process::id()));
        fs::write(&path, "[{").unwrap();
        assert_eq!(Spool::at(&path.display().to_string()).read(), []);
        let aside = beside(&path, "broken");
        assert!(!path.exists() && fs::read(&aside).unwrap() == b"[{");
        fs::remove_file(aside).unwrap();
    }
}
