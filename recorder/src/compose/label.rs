//! Names as pictures, written by ffmpeg. Where that has no letters, tiles have no names.

use super::ffmpeg::Ffmpeg;
use std::path::Path;
use std::process::Stdio;

const WIDTH: usize = 360;
const HEIGHT: usize = 32;

/// Beside the letters.
const MARGIN: usize = 10;

/// A name's brightness, point by point.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Label {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) bytes: Vec<u8>,
}

/// Those of all these names; `None` for one that could not be written.
pub(super) fn make(ffmpeg: &Ffmpeg, names: &[&str], folder: &Path) -> Vec<Option<Label>> {
    let labels: Vec<Option<Label>> = names.iter().map(|name| write(ffmpeg, name, folder)).collect();
    if names.iter().zip(&labels).any(|(name, label)| !name.is_empty() && label.is_none()) {
        tracing::warn!(
            "this ffmpeg writes no letters (drawtext, or a font, is missing): tiles have no names"
        );
    }
    labels
}

fn write(ffmpeg: &Ffmpeg, name: &str, folder: &Path) -> Option<Label> {
    if name.is_empty() {
        return None;
    }
    // In a file, a name needs no escaping.
    std::fs::write(folder.join("name.txt"), name).ok()?;
    let ground = format!("color=c=black:s={WIDTH}x{HEIGHT}:d=1");
    let text = format!(
        "drawtext=textfile=name.txt:expansion=none:fontcolor=white:fontsize=18:x={MARGIN}:y=(h-text_h)/2,format=gray"
    );
    let mut command = ffmpeg.command();
    command.current_dir(folder).stdout(Stdio::piped());
    command.args(["-f", "lavfi", "-i", &ground, "-vf", &text, "-frames:v", "1", "-f", "rawvideo", "pipe:1"]);
    let told = command.output().ok()?;
    if !told.status.success() || told.stdout.len() != WIDTH * HEIGHT {
        return None;
    }
    Some(cut(&told.stdout))
}

/// Without what is empty at the right.
fn cut(all: &[u8]) -> Label {
    let is_lit = |column: &usize| (0..HEIGHT).any(|row| all[row * WIDTH + column] > 64);
    let last = (0..WIDTH).rev().find(is_lit).unwrap_or(0);
    let width = (last + MARGIN).min(WIDTH) & !1;
    let bytes = all.chunks_exact(WIDTH).flat_map(|row| &row[..width]).copied().collect();
    Label { width, height: HEIGHT, bytes }
}
