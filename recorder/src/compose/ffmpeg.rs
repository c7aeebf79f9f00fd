//! The program that decodes and encodes, as processes that give or take plain samples and frames.

use super::Failure;
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

/// Of what it complains about, the end is told.
const MOST_COMPLAINTS: usize = 600;

/// Where the program is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ffmpeg {
    program: PathBuf,
}

impl Ffmpeg {
    /// The program of this name or at this path, if it can be started.
    pub fn find(program: impl Into<PathBuf>) -> Result<Ffmpeg, Failure> {
        let program = program.into();
        let asked = Command::new(&program).arg("-version").stdin(Stdio::null()).output();
        match asked {
            Ok(_) => Ok(Ffmpeg { program }),
            Err(error) => Err(Failure::NoFfmpeg(program, error)),
        }
    }

    /// One that is not asked anything, and that whoever presses Ctrl-C does not stop by that: what is left to
    /// do then is for us to say.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-hide_banner", "-nostdin", "-v", "error", "-y"]).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn cannot(&self, error: io::Error) -> Failure {
        Failure::NoFfmpeg(self.program.clone(), error)
    }

    /// Decodes what `words` say to its standard output.
    pub(super) fn decode(&self, words: &[String]) -> Result<Decoder, Failure> {
        let mut command = self.command();
        command.args(words).arg("pipe:1").stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| self.cannot(error))?;
        let out = child.stdout.take().ok_or_else(|| Failure::Ffmpeg("it has no output".to_owned()))?;
        Ok(Decoder { child, out })
    }

    /// Encodes what it is given into a file.
    pub(super) fn encode(&self, words: &[String], to: &Path) -> Result<Encoder, Failure> {
        let mut command = self.command();
        command.args(words).arg(named(to)).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| self.cannot(error))?;
        let said = child.stderr.take();
        let complaints = std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(mut said) = said {
                let _ = said.read_to_end(&mut text);
            }
            let from = text.len().saturating_sub(MOST_COMPLAINTS);
            String::from_utf8_lossy(&text[from..]).trim().to_owned()
        });
        Ok(Encoder { into: child.stdin.take(), child, complaints: Some(complaints) })
    }
}

/// As ffmpeg takes it for a file, whatever stands in its name.
pub(super) fn named(path: &Path) -> std::ffi::OsString {
    let mut name = std::ffi::OsString::from("file:");
    name.push(path);
    name
}

/// The same among words that are text.
pub(super) fn input(path: &Path) -> Result<String, Failure> {
    let path = path.to_str().ok_or_else(|| {
        Failure::Io(path.to_owned(), io::Error::new(io::ErrorKind::InvalidInput, "its name is no UTF-8"))
    })?;
    Ok(format!("file:{path}"))
}

/// Gives samples or frames.
#[derive(Debug)]
pub(super) struct Decoder {
    child: Child,
    out: ChildStdout,
}

impl Decoder {
    /// Fills `bytes`, as far as there is something left; how far.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.out.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        filled
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes samples or frames.
#[derive(Debug)]
pub(super) struct Encoder {
    child: Child,
    into: Option<ChildStdin>,
    complaints: Option<JoinHandle<String>>,
}

impl Encoder {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.into.as_mut().map_or(Ok(()), |into| into.write_all(bytes));
        // It has ended, and says why.
        written.or_else(|_| {
            Err(self.ended().err().unwrap_or_else(|| Failure::Ffmpeg("it ended early".to_owned())))
        })
    }

    /// All was given; waits until the file is complete.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.ended()
    }

    fn ended(&mut self) -> Result<(), Failure> {
        self.into = None;
        let status = self.child.wait().map_err(|error| Failure::Ffmpeg(error.to_string()))?;
        let said = self.complaints.take().and_then(|said| said.join().ok()).unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        Err(Failure::Ffmpeg(if said.is_empty() { status.to_string() } else { said }))
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.into = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
