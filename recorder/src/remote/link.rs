//! A connection that is made: frames that came, for a thread that never waits for it, and what carries them.

use super::frame::{self, BadFrame, Frame};
use super::outbox::{Grade, Outbox};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Each side says at least so often that it is there.
const ALIVE_EVERY: Duration = Duration::from_secs(2);
/// A side of which so long nothing comes is gone. Tests hold a line for as long as a busy machine takes.
const SILENCE: Duration = Duration::from_secs(if cfg!(test) { 600 } else { 10 });
/// One that so long takes nothing is of no use.
const STALL: Duration = Duration::from_secs(if cfg!(test) { 600 } else { 30 });

/// What is read at once.
const CHUNK: usize = 64 << 10;
/// Chunks that wait to be taken; then the other side is not read, and drops what it has no room for.
const CHUNKS: usize = 32;

/// The connection as who records or forwards has it. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Link {
    incoming: mpsc::Receiver<Vec<u8>>,
    outbox: Arc<Outbox>,
    chunk: Vec<u8>,
    at: usize,
}

/// Nothing more comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Over;

impl Link {
    /// The frame that came next; `None` when there is none now.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Over> {
        if self.at == self.chunk.len() {
            match self.incoming.try_recv() {
                Ok(chunk) => (self.chunk, self.at) = (chunk, 0),
                Err(mpsc::error::TryRecvError::Empty) => return Ok(None),
                Err(mpsc::error::TryRecvError::Disconnected) => return Err(Over),
            }
        }
        match frame::split(&self.chunk[self.at..]) {
            Ok(Some((frame, taken))) => {
                self.at += taken;
                Ok(Some(frame))
            }
            Ok(None) => Err(Over),
            Err(error) => {
                tracing::error!(%error, "the other machine said something that makes no sense");
                Err(Over)
            }
        }
    }

    /// False: there is no room for it, or the connection is over.
    pub(crate) fn push(&self, frame: &Frame<'_>, grade: Grade) -> bool {
        self.outbox.push(frame, grade)
    }

    /// What is on its way out.
    pub(crate) fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.outbox)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.outbox.close();
    }
}

/// The other half of a [`Link`].
#[derive(Debug)]
pub(super) struct Carrier {
    tell: mpsc::Sender<Vec<u8>>,
    outbox: Arc<Outbox>,
}

/// Both halves, over which at most so many bytes wait to be sent, and of what must arrive so many more.
pub(super) fn pair(most: usize, reserve: usize) -> (Link, Carrier) {
    let (tell, incoming) = mpsc::channel(CHUNKS);
    let outbox = Arc::new(Outbox::new(most, reserve));
    let link = Link { incoming, outbox: Arc::clone(&outbox), chunk: Vec::new(), at: 0 };
    (link, Carrier { tell, outbox })
}

impl Carrier {
    /// Carries frames until either side ends; says why.
    pub(super) async fn carry(self, stream: impl AsyncRead + AsyncWrite) -> io::Error {
        let (from, to) = tokio::io::split(stream);
        let why = tokio::select! {
            why = read(from, &self.tell) => why,
            why = write(to, &self.outbox) => why,
            () = self.outbox.until_given_up() => given_up(),
        };
        self.outbox.give_up();
        why
    }
}

async fn read(mut from: ReadHalf<impl AsyncRead>, tell: &mpsc::Sender<Vec<u8>>) -> io::Error {
    let mut came = Vec::with_capacity(CHUNK + frame::MAX_BYTES);
    loop {
        let read = match timeout(SILENCE, from.read_buf(&mut came)).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return error,
            Err(_) => return io::Error::new(io::ErrorKind::TimedOut, "nothing comes any more"),
        };
        if read == 0 {
            return io::Error::new(io::ErrorKind::ConnectionAborted, "the other side ended it");
        }
        let end = match frame::whole(&came) {
            Ok(end) => end,
            Err(error) => return bad(error),
        };
        if end > 0 {
            let rest = came[end..].to_vec();
            came.truncate(end);
            if tell.send(std::mem::replace(&mut came, rest)).await.is_err() {
                return given_up();
            }
            came.reserve(CHUNK);
        }
    }
}

async fn write(mut to: WriteHalf<impl AsyncWrite>, outbox: &Outbox) -> io::Error {
    loop {
        let chunk = match timeout(ALIVE_EVERY, outbox.next()).await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => {
                let _ = timeout(STALL, to.shutdown()).await;
                return given_up();
            }
            Err(_) => alive(),
        };
        let written = timeout(STALL, async {
            to.write_all(&chunk).await?;
            to.flush().await
        });
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error,
            Err(_) => return io::Error::new(io::ErrorKind::TimedOut, "nothing is taken any more"),
        }
    }
}

fn alive() -> Vec<u8> {
    let mut bytes = Vec::new();
    Frame::Alive.append_to(&mut bytes);
    bytes
}

fn given_up() -> io::Error {
    io::Error::other("it was ended here")
}

pub(super) fn bad(error: BadFrame) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
