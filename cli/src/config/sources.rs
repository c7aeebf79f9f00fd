//! Where a configuration is looked for.

use super::Mistakes;
use std::path::{Path, PathBuf};

/// The folder that is looked into when nobody names one.
const FOLDER: &str = "config";
/// What it may hold.
const FILES: [&str; 2] = ["webrtc.yaml", "media.yaml"];
/// Names a folder or a file instead.
pub(crate) const PATH_VARIABLE: &str = "VOLLEY_CONFIG";

/// All that says something, unread.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sources {
    /// Name and content.
    pub(crate) files: Vec<(String, String)>,
    /// Name and value.
    pub(crate) variables: Vec<(String, String)>,
    /// Name without dashes, and value.
    pub(crate) flags: Vec<(&'static str, String)>,
}

impl Sources {
    /// Reads the files and the environment; `path` is what `--config` says.
    pub(crate) fn gather(path: Option<&Path>, flags: &[(&'static str, String)]) -> Result<Sources, Mistakes> {
        let named = path
            .map(Path::to_owned)
            .or_else(|| std::env::var_os(PATH_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from));
        let texts = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Ok(Sources {
            files: named.as_deref().map_or_else(usual_files, named_files)?,
            variables: std::env::vars_os().filter_map(texts).collect(),
            flags: flags.to_vec(),
        })
    }
}

/// Both files of the usual folder, so far as they are there.
fn usual_files() -> Result<Vec<(String, String)>, Mistakes> {
    files_in(Path::new(FOLDER))
}

fn named_files(path: &Path) -> Result<Vec<(String, String)>, Mistakes> {
    let files = if path.is_dir() { files_in(path)? } else { vec![read(path)?] };
    if files.is_empty() {
        let text = format!("{}: neither {} nor {} is in this folder", path.display(), FILES[0], FILES[1]);
        return Err(Mistakes(vec![text]));
    }
    Ok(files)
}

fn files_in(folder: &Path) -> Result<Vec<(String, String)>, Mistakes> {
    FILES.iter().map(|name| folder.join(name)).filter(|path| path.exists()).map(|path| read(&path)).collect()
}

fn read(path: &Path) -> Result<(String, String), Mistakes> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(Mistakes(vec![format!("{name}: cannot be read: {error}")])),
    }
}
