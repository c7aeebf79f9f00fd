//! The way to the recorder: whole messages over its desk, both ways.

use crate::link::watch;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use volley::control::desk;
use volley_recorder::desk::{FromRecorder, ToRecorder, to_bytes};

/// Messages that wait for the recorder: some thousand people who come within the second that a restart
/// takes. What is beyond is lost until the recorder asks for everything.
const QUEUED: usize = 16_384;
/// How long a desk that is full is given: the recorder empties it at least ten times a second.
const FULL_PAUSE: Duration = Duration::from_millis(50);

/// Both directions.
#[derive(Debug)]
pub(crate) struct RecorderLink {
    told: mpsc::Sender<ToRecorder>,
    said: mpsc::Receiver<FromRecorder>,
}

impl RecorderLink {
    /// Must be called inside the runtime.
    pub(crate) fn over_desk(desk: OwnedFd) -> io::Result<RecorderLink> {
        let (told, waiting) = mpsc::channel(QUEUED);
        let (tell, said) = mpsc::channel(QUEUED);
        tokio::spawn(write(desk.try_clone()?, waiting));
        tokio::spawn(read(watch(desk)?, tell));
        Ok(RecorderLink { told, said })
    }

    pub(crate) fn tell(&self, message: ToRecorder) {
        if self.told.try_send(message).is_err() {
            tracing::error!("the recorder takes no messages; this one is lost until it is started again");
        }
    }

    pub(crate) async fn next_said(&mut self) -> FromRecorder {
        match self.said.recv().await {
            Some(said) => said,
            // The desk cannot be read; why was logged.
            None => std::future::pending().await,
        }
    }
}

async fn write(desk: OwnedFd, mut waiting: mpsc::Receiver<ToRecorder>) {
    while let Some(message) = waiting.recv().await {
        let bytes = to_bytes(&message);
        loop {
            match desk::send(&desk, &bytes) {
                Ok(true) => break,
                Ok(false) => tokio::time::sleep(FULL_PAUSE).await,
                Err(error) => {
                    tracing::error!(%error, "the recorder cannot be told something");
                    break;
                }
            }
        }
    }
}

async fn read(desk: AsyncFd<OwnedFd>, tell: mpsc::Sender<FromRecorder>) {
    loop {
        match desk::receive(desk.get_ref().as_fd()) {
            Ok(Some(message)) => match serde_json::from_slice(&message) {
                Ok(said) => {
                    if tell.send(said).await.is_err() {
                        return;
                    }
                }
                Err(error) => tracing::error!(%error, "the recorder said something that makes no sense"),
            },
            Ok(None) => match desk.readable().await {
                Ok(mut ready) => ready.clear_ready(),
                Err(error) => return tracing::error!(%error, "the recorder cannot be listened to"),
            },
            Err(error) => return tracing::error!(%error, "the recorder cannot be heard"),
        }
    }
}
