//! How long the head of a request may take. hyper has one time for that and for the quiet between two requests, which
//! may be long: so the stream that it reads ends in an error when a head has begun and is not complete in time.
//!
//! Knows heads from bodies by what the service tells: how many requests have begun, and how many are over.

use crate::written_through::written_through;
use axum::body::Body;
use hyper::Response;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep};

#[derive(Default)]
struct Counts {
    begun: AtomicU64,
    over: AtomicU64,
}

/// What becomes of a connection's requests, as the service tells it.
#[derive(Clone)]
pub(super) struct Requests(Arc<Counts>);

impl Requests {
    /// The head of one is there.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.begun.fetch_add(1, Relaxed);
        UnderWay(Arc::clone(&self.0))
    }
}

/// A request that is over when this is dropped.
pub(super) struct UnderWay(Arc<Counts>);

impl UnderWay {
    /// The answer, with whose end the request is over.
    pub(super) fn until_answered(self, answer: Response<Body>) -> Response<Answer> {
        if answer.status() == hyper::StatusCode::SWITCHING_PROTOCOLS {
            // No head ever comes again: as if one more request had begun that is never over.
            self.0.begun.fetch_add(1, Relaxed);
        }
        answer.map(|body| Answer { body, _under_way: self })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.over.fetch_add(1, Relaxed);
    }
}

/// The body of an answer.
pub(super) struct Answer {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection on which heads are waited for so long and no longer.
pub(super) struct TimedHeads<T> {
    io: T,
    counts: Arc<Counts>,
    within: Duration,
    /// How many requests had begun when this was read from last.
    begun: u64,
    /// Of the head that has begun; the first one begins with the connection.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<T> TimedHeads<T> {
    /// Of a connection that begins now; and whom to tell of its requests.
    pub(super) fn new(io: T, within: Duration) -> (TimedHeads<T>, Requests) {
        let counts = Arc::<Counts>::default();
        let requests = Requests(Arc::clone(&counts));
        (TimedHeads { io, counts, within, begun: 0, deadline: Some(Box::pin(sleep(within))) }, requests)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TimedHeads<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let begun = this.counts.begun.load(Relaxed);
        if this.begun != begun {
            (this.begun, this.deadline) = (begun, None);
        }
        let is_late =
            this.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(context).is_ready());
        if is_late {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = into.filled().len();
        let read = Pin::new(&mut this.io).poll_read(context, into);
        let is_between = begun == this.counts.over.load(Relaxed);
        if is_between && this.deadline.is_none() && into.filled().len() > before {
            this.deadline = Some(Box::pin(sleep(this.within)));
        }
        read
    }
}

written_through!(TimedHeads);
