//! The body of a request, which must be there in time: who sends a byte a minute would hold a connection for hours.

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use std::error::Error;
use std::iter;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// The time for a body is over.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
#[error("the body did not come within {0:?}")]
pub(crate) struct SlowBody(Duration);

impl SlowBody {
    /// Whether this is why a body could not be read.
    pub(crate) fn find(error: &(dyn Error + 'static)) -> Option<SlowBody> {
        iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref().copied())
    }
}

/// A body that ends in [`SlowBody`] when it takes too long.
pub(super) struct TimedBody {
    body: Incoming,
    within: Duration,
    /// `None`: there is nothing to wait for.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl TimedBody {
    /// Its time begins now.
    pub(super) fn new(body: Incoming, within: Duration) -> TimedBody {
        let deadline = (!body.is_end_stream()).then(|| Box::pin(sleep(within)));
        TimedBody { body, within, deadline }
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        match &mut this.deadline {
            Some(deadline) if frame.is_pending() => {
                deadline.as_mut().poll(context).map(|()| Some(Err(SlowBody(this.within).into())))
            }
            _ => frame.map_err(Self::Error::from),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
