//! Requests to the store: sent whole, given up when nothing moves any more, answers read within bounds.

use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::{Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

/// A request is given up when nothing of it has gone out, and nothing come back, for so long: a store that
/// puts large parts together takes some seconds to answer.
const STALLED_AFTER: Duration = Duration::from_secs(20);

/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Until a connection stands.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// What is read of an answer: a list of a thousand uploads is half of it.
const MOST_READ: usize = 1 << 20;

/// Bytes of a file that are sent at once.
const CHUNK: usize = 64 << 10;

/// What is sent.
pub(crate) type Payload = Either<Full<Bytes>, Slice>;

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) etag: Option<String>,
    pub(crate) length: Option<u64>,
    /// When it was given, by the clock of who gave it; good to a second.
    pub(crate) date: Option<SystemTime>,
    pub(crate) text: String,
}

/// Who sends.
#[derive(Clone, Debug)]
pub(crate) struct Http(legacy::Client<HttpsConnector<HttpConnector>, Payload>);

impl Http {
    /// With the certificates that this machine trusts.
    pub(crate) fn new() -> io::Result<Http> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_WITHIN));
        let builder = match HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(aws_lc_rs::default_provider())
        {
            Ok(builder) => builder,
            Err(error) => {
                tracing::error!(%error, "this machine has no certificates to trust: a store over https cannot be reached");
                let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
                let config = config.with_safe_default_protocol_versions().map_err(io::Error::other)?;
                let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
                HttpsConnectorBuilder::new().with_tls_config(config)
            }
        };
        let connector = builder.https_or_http().enable_http1().wrap_connector(connector);
        let client =
            legacy::Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Ok(Http(client))
    }

    /// The answer, or why there is none.
    pub(crate) async fn send(&self, request: Request<Payload>) -> Result<Answer, String> {
        let moved = match request.body() {
            Either::Right(slice) => Arc::clone(&slice.moved),
            Either::Left(_) => Arc::new(Moved::new()),
        };
        let mut answer = pin!(self.answer(request));
        loop {
            match tokio::time::timeout(LOOK_EVERY, &mut answer).await {
                Ok(answer) => return answer,
                Err(_) if moved.idle() < STALLED_AFTER => {}
                Err(_) => return Err(format!("nothing went on for {} s", STALLED_AFTER.as_secs())),
            }
        }
    }

    async fn answer(&self, request: Request<Payload>) -> Result<Answer, String> {
        let answer = self.0.request(request).await.map_err(|error| chain(&error))?;
        let (head, body) = answer.into_parts();
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let etag = header(hyper::header::ETAG).map(str::to_owned);
        let length = header(hyper::header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let date = header(hyper::header::DATE).and_then(|date| httpdate::parse_http_date(date).ok());
        let body = Limited::new(body, MOST_READ).collect().await.map_err(|error| chain(&*error))?;
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Ok(Answer { status: head.status, etag, length, date, text })
    }
}

/// Nothing, or a few bytes.
pub(crate) fn bytes(bytes: impl Into<Bytes>) -> Payload {
    Either::Left(Full::new(bytes.into()))
}

/// When something moved last.
#[derive(Debug)]
struct Moved {
    since: Instant,
    last_ms: AtomicU64,
}

impl Moved {
    fn new() -> Moved {
        Moved { since: Instant::now(), last_ms: AtomicU64::new(0) }
    }

    fn touch(&self) {
        self.last_ms.store(self.since.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    fn idle(&self) -> Duration {
        self.since.elapsed().saturating_sub(Duration::from_millis(self.last_ms.load(Ordering::Relaxed)))
    }
}

/// A part of a file on its way.
#[derive(Debug)]
pub(crate) struct Slice {
    file: Arc<File>,
    left: Range<u64>,
    moved: Arc<Moved>,
}

/// As what is sent.
pub(crate) fn slice(file: &Arc<File>, range: Range<u64>) -> Payload {
    Either::Right(Slice { file: Arc::clone(file), left: range, moved: Arc::new(Moved::new()) })
}

impl Body for Slice {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        let length = (this.left.end - this.left.start).min(CHUNK as u64);
        if length == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = vec![0; length as usize];
        if let Err(error) = this.file.read_exact_at(&mut chunk, this.left.start) {
            return Poll::Ready(Some(Err(error)));
        }
        this.left.start += length;
        this.moved.touch();
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.end - self.left.start)
    }
}

/// An error with what caused it.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}
