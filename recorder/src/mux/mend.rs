//! Finishes a file whose writer died: cut back to the last whole cluster, then indexed.
//!
//! Reads files of this writer only, whose first elements lie where [`super::header()`] puts them; whatever
//! else it finds it leaves alone.

use super::ebml::id;
use super::header::{Layout, seek_head};
use super::{Cue, Role, finish, note_cue, picture_lasts};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;

/// A packet of sound lasts so long in all browsers; more is known of it when it is written.
const SOUND_LASTS_MS: i64 = 20;

/// What is known of a file that was mended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mended {
    /// How long it plays.
    pub duration_ms: i64,
    /// How long it is now.
    pub bytes: u64,
    /// Frames of sound.
    pub audio_frames: u64,
    /// Frames of pictures.
    pub video_frames: u64,
}

/// Makes the file complete; may be done again and changes nothing then.
pub fn mend(file: &File) -> io::Result<Mended> {
    let mut reader =
        Reader { from: BufReader::new(file.try_clone()?), at: 0, length: file.metadata()?.len() };
    reader.go(0)?;
    let (layout, has_video) = head(&mut reader)?;
    let mut found = Found { cues: Vec::new(), end_ms: 0, last_picture: None, end: reader.at, frames: [0; 2] };
    while let Some((which, size)) = reader.element()? {
        let end = reader.at + size;
        if which != id::CLUSTER || end > reader.length {
            break;
        }
        if cluster(&mut reader, end, &layout, has_video, &mut found)?.is_none() {
            break;
        }
        reader.go(end)?;
        found.end = end;
    }
    file.set_len(found.end)?;
    let mut bytes = found.end;
    for patch in finish(&layout, found.end, &found.cues, found.end_ms) {
        file.write_all_at(&patch.bytes, patch.at)?;
        bytes = bytes.max(patch.at + patch.bytes.len() as u64);
    }
    let [video_frames, audio_frames] = found.frames;
    Ok(Mended { duration_ms: found.end_ms, bytes, audio_frames, video_frames })
}

struct Found {
    cues: Vec<Cue>,
    end_ms: i64,
    last_picture: Option<i64>,
    /// The end of the last whole cluster.
    end: u64,
    frames: [u64; 2],
}

/// Where things lie, and whether there is a picture; reads up to the first cluster.
fn head(reader: &mut Reader) -> io::Result<(Layout, bool)> {
    let mut layout = Layout::default();
    let (ebml, size) = reader.element()?.ok_or_else(foreign)?;
    if ebml != id::EBML {
        return Err(foreign());
    }
    reader.go(reader.at + size)?;
    if reader.id()? != Some(id::SEGMENT) {
        return Err(foreign());
    }
    layout.segment_size = reader.at;
    layout.content = reader.at + 8;
    layout.seek_head = layout.content;
    reader.go(layout.content)?;
    loop {
        let at = reader.at;
        let (which, size) = reader.element()?.ok_or_else(foreign)?;
        let end = reader.at + size;
        match which {
            id::SEEK_HEAD | id::VOID => {}
            id::INFO => (layout.info, layout.duration) = (at, find_duration(reader, end)?),
            id::TRACKS => {
                layout.tracks = at;
                let has_video = first_track(reader)? == 1;
                reader.go(end)?;
                // The place of the void follows from the rest, whatever was written there meanwhile.
                debug_assert_eq!(layout.seek_head + seek_head(&layout, None).len() as u64, layout.info);
                return if layout.info == 0 { Err(foreign()) } else { Ok((layout, has_video)) };
            }
            _ => return Err(foreign()),
        }
        reader.go(end)?;
    }
}

fn find_duration(reader: &mut Reader, end: u64) -> io::Result<u64> {
    while reader.at < end {
        let at = reader.at;
        let (which, size) = reader.element()?.ok_or_else(foreign)?;
        if matches!(which, id::VOID | id::DURATION) {
            return Ok(at);
        }
        reader.go(reader.at + size)?;
    }
    Err(foreign())
}

/// The number of the first track: the picture's, if there is one.
fn first_track(reader: &mut Reader) -> io::Result<u64> {
    let (entry, _) = reader.element()?.ok_or_else(foreign)?;
    let (number, size) = reader.element()?.ok_or_else(foreign)?;
    if entry != id::TRACK_ENTRY || number != id::TRACK_NUMBER {
        return Err(foreign());
    }
    reader.unsigned(size)?.ok_or_else(foreign)
}

/// Takes note of the blocks of a cluster. `None`: it makes no sense.
fn cluster(
    reader: &mut Reader,
    end: u64,
    layout: &Layout,
    has_video: bool,
    found: &mut Found,
) -> io::Result<Option<()>> {
    let place = found.end - layout.content;
    let mut start = 0;
    while reader.at < end {
        let Some((which, size)) = reader.element()? else { return Ok(None) };
        let next = reader.at + size;
        if next > end {
            return Ok(None);
        }
        match which {
            id::TIMESTAMP => start = reader.unsigned(size)?.unwrap_or(0) as i64,
            id::SIMPLE_BLOCK if size > 4 => {
                let Some([track, t0, t1, flags]) = reader.bytes::<4>()? else { return Ok(None) };
                let role = if track == 0x80 | Role::Video.number() { Role::Video } else { Role::Audio };
                let ms = start + i64::from(i16::from_be_bytes([t0, t1]));
                let cue = Cue { ms, role, cluster: place };
                note_cue(&mut found.cues, has_video, cue, flags & 0x80 != 0);
                let lasts = match role {
                    Role::Audio => SOUND_LASTS_MS,
                    Role::Video => picture_lasts(found.last_picture.replace(ms), ms),
                };
                found.end_ms = found.end_ms.max(ms + lasts);
                found.frames[usize::from(role == Role::Audio)] += 1;
            }
            _ => return Ok(None),
        }
        reader.go(next)?;
    }
    Ok(Some(()))
}

struct Reader {
    from: BufReader<File>,
    at: u64,
    length: u64,
}

impl Reader {
    fn go(&mut self, to: u64) -> io::Result<()> {
        if self.at == 0 {
            self.from.seek(SeekFrom::Start(to))?;
        } else {
            self.from.seek_relative(to as i64 - self.at as i64)?;
        }
        self.at = to;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        let mut bytes = [0; N];
        if self.at + N as u64 > self.length {
            return Ok(None);
        }
        self.from.read_exact(&mut bytes)?;
        self.at += N as u64;
        Ok(Some(bytes))
    }

    fn unsigned(&mut self, size: u64) -> io::Result<Option<u64>> {
        let mut value = 0;
        for _ in 0..size.min(8) {
            let Some([byte]) = self.bytes()? else { return Ok(None) };
            value = value << 8 | u64::from(byte);
        }
        Ok(Some(value))
    }

    fn id(&mut self) -> io::Result<Option<u32>> {
        let Some([first]) = self.bytes()? else { return Ok(None) };
        let mut value = u32::from(first);
        for _ in 0..first.leading_zeros().min(3) {
            let Some([byte]) = self.bytes()? else { return Ok(None) };
            value = value << 8 | u32::from(byte);
        }
        Ok(Some(value))
    }

    /// The next element's id and size; `None` at the end of the file.
    fn element(&mut self) -> io::Result<Option<(u32, u64)>> {
        let Some(which) = self.id()? else { return Ok(None) };
        let Some([first]) = self.bytes()? else { return Ok(None) };
        let more = first.leading_zeros().min(7);
        let mut size = u64::from(first) & (0x7f >> more);
        for _ in 0..more {
            let Some([byte]) = self.bytes()? else { return Ok(None) };
            size = size << 8 | u64::from(byte);
        }
        Ok(Some((which, size.min(1 << 56))))
    }
}

fn foreign() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is no recording of Volley's")
}
