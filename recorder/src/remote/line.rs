//! The media host's way to its recorder: called, known by the secret, and called again when it breaks.

use super::frame::{self, Frame, Hello, Version};
use super::link::{self, Link};
use super::secret::Secret;
use super::tls;
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// From the first packet to the welcome.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(5);

/// The first pause before it is called again, and the last; each is cut by up to a half, so that several
/// media hosts do not call at the same time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// A connection that held so long did not fail of what ended the one before.
const SETTLED: Duration = Duration::from_secs(10);

/// What may wait for the recorder: some seconds of what a gigabit carries when it is a quarter full.
pub(super) const MOST_WAITING: usize = 32 << 20;
/// … and of what must arrive.
pub(super) const RESERVE: usize = 1 << 20;

/// A recorder on another machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offload {
    /// `HOST:PORT`.
    pub address: String,
    /// What both know.
    pub secret: Secret,
}

/// Whether the recorder would take what a media host tells, and if not, why not and what to do.
pub async fn probe(offload: &Offload) -> Result<(), String> {
    let hello = Hello { unix_nanos_at_zero: 0, workers: 0, is_probe: true };
    call(offload, hello).await.map(drop)
}

/// Connections, one after another.
#[derive(Debug)]
pub(super) struct Line {
    fresh: mpsc::Receiver<Link>,
    failing: Arc<Mutex<Option<String>>>,
}

impl Line {
    /// Calls from now on.
    pub(super) fn begin(offload: Offload, hello: Hello) -> io::Result<Line> {
        Line::with_buffer(offload, hello, MOST_WAITING)
    }

    /// The same with another bound of what may wait.
    pub(super) fn with_buffer(offload: Offload, hello: Hello, most_waiting: usize) -> io::Result<Line> {
        let (tell, fresh) = mpsc::channel();
        let failing = Arc::new(Mutex::new(None));
        let told = Arc::clone(&failing);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let call = move || runtime.block_on(keep_calling(&offload, hello, most_waiting, &tell, &told));
        std::thread::Builder::new().name(String::from("offload")).spawn(call)?;
        Ok(Line { fresh, failing })
    }

    /// A connection that was made just now.
    pub(super) fn next_link(&self) -> Option<Link> {
        self.fresh.try_iter().last()
    }

    /// Why there is none, once that was tried.
    pub(super) fn failing(&self) -> Option<String> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn keep_calling(
    offload: &Offload,
    hello: Hello,
    most_waiting: usize,
    tell: &mpsc::Sender<Link>,
    told: &Mutex<Option<String>>,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let began = Instant::now();
        let why = match call(offload, hello).await {
            Ok(stream) => {
                tracing::info!(recorder = offload.address, "recordings are made by the recorder there");
                set(told, None);
                let (link, carrier) = link::pair(most_waiting, RESERVE);
                if tell.send(link).is_err() {
                    return;
                }
                format!("the connection to {} broke: {}", offload.address, carrier.carry(stream).await)
            }
            Err(why) => why,
        };
        if set(told, Some(why.clone())) {
            tracing::error!(recorder = offload.address, "nothing is recorded: {why}");
        }
        if began.elapsed() >= SETTLED {
            pause = FIRST_PAUSE;
        }
        tokio::time::sleep(shortened(pause)).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// True: that is something else than before.
fn set(told: &Mutex<Option<String>>, why: Option<String>) -> bool {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    let is_news = *told != why;
    *told = why;
    is_news
}

fn shortened(pause: Duration) -> Duration {
    let mut chance = [0];
    // Without chance it is just not shortened.
    let _ = aws_lc_rs::rand::fill(&mut chance);
    pause - pause * u32::from(chance[0]) / 512
}

/// Connects, and says hello.
async fn call(offload: &Offload, hello: Hello) -> Result<TlsStream<TcpStream>, String> {
    let address = &offload.address;
    let config = tls::client(&offload.secret).map_err(|error| error.to_string())?;
    let called = timeout(HANDSHAKE, async {
        let stream = TcpStream::connect(address).await.map_err(|error| unreachable(address, &error))?;
        // Frames are gathered before they are written.
        let _ = stream.set_nodelay(true);
        let name = ServerName::try_from("recorder").map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, stream).await.map_err(|error| no_hello(address, &error))?;
        say(&mut stream, &Frame::Hello(&hello.to_bytes()))
            .await
            .map_err(|error| no_hello(address, &error))?;
        let answer = hear(&mut stream).await.map_err(|error| no_hello(address, &error))?;
        match frame::split(&answer) {
            Ok(Some((Frame::Welcome, _))) => Ok(stream),
            Ok(Some((Frame::Refusal(why), _))) => Err(format!("the recorder at {address} refuses: {why}")),
            _ => Err(format!("{address} answers as no recorder does that speaks version {}", Version::OURS)),
        }
    });
    called.await.unwrap_or_else(|_| Err(format!("the recorder at {address} does not answer within 5 s")))
}

fn unreachable(address: &str, error: &io::Error) -> String {
    format!(
        "the recorder at {address} cannot be reached: {error}; see that `volley recorder --listen` runs there, and that no \
         firewall stands between"
    )
}

fn no_hello(address: &str, error: &io::Error) -> String {
    if tls::is_other_secret(error) {
        return format!(
            "the recorder at {address} has another secret; put the same into the secret files of both machines"
        );
    }
    format!("{address} does not talk as a recorder does: {error}")
}

/// Writes one frame.
pub(super) async fn say(stream: &mut (impl AsyncWrite + Unpin), frame: &Frame<'_>) -> io::Result<()> {
    let mut bytes = Vec::new();
    frame.append_to(&mut bytes);
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// Reads one frame, and nothing behind it.
pub(super) async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    stream.read_exact(&mut bytes).await?;
    let length = frame::first_takes(&bytes).map_err(link::bad)?.unwrap_or_default();
    if length > frame::MAX_HELLO {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it begins with too long a message"));
    }
    bytes.resize(length, 0);
    stream.read_exact(&mut bytes[4..]).await?;
    Ok(bytes)
}
