//! The way to the media process, and to the recorder: commands go out, events come in, whatever carries them.

use crate::recorder_link::RecorderLink;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use volley::control::channel::SendError;
use volley::control::{Command, Corrupt, Event, SignalingChannel};
use volley_recorder::desk::{FromRecorder, ToRecorder};

/// Commands that wait for a worker. A room of 100 that comes back after a restart is 4,000; beyond
/// this the worker is dead, and the supervisor is about to end us too.
const QUEUED_COMMANDS: usize = 65_536;
/// Events that wait for us; the ring in shared memory holds more.
const QUEUED_EVENTS: usize = 1024;
/// How long a full ring is given before it is tried again: a worker empties it once a turn.
const FULL_PAUSE: Duration = Duration::from_millis(2);

/// Both directions to all workers.
#[derive(Debug)]
pub struct MediaLink {
    commands: Vec<mpsc::Sender<Command>>,
    events: mpsc::Receiver<(usize, Event)>,
    recorder: Option<RecorderLink>,
}

/// Something that was said to us.
#[derive(Debug)]
pub(crate) enum Word {
    Event(usize, Event),
    Recorder(FromRecorder),
}

/// The other end of a [`MediaLink`], for whoever carries it: what to send to each worker, and where
/// its events go.
#[derive(Debug)]
pub struct MediaCarrier {
    /// By the worker's number.
    pub commands: Vec<mpsc::Receiver<Command>>,
    /// Takes events of all workers.
    pub events: mpsc::Sender<(usize, Event)>,
}

impl MediaLink {
    /// A link to so many workers, and its other end.
    pub fn new(workers: usize) -> (MediaLink, MediaCarrier) {
        let (senders, receivers) = (0..workers).map(|_| mpsc::channel(QUEUED_COMMANDS)).unzip();
        let (sender, events) = mpsc::channel(QUEUED_EVENTS);
        (
            MediaLink { commands: senders, events, recorder: None },
            MediaCarrier { commands: receivers, events: sender },
        )
    }

    /// A link over shared memory; must be called inside the runtime.
    pub fn over_channels(channels: Vec<SignalingChannel>) -> io::Result<MediaLink> {
        let (link, carrier) = MediaLink::new(channels.len());
        for (worker, (channel, commands)) in channels.into_iter().zip(carrier.commands).enumerate() {
            let wake = watch(channel.wake_fd().try_clone_to_owned()?)?;
            let bridge = Bridge { worker, channel, wake, commands, events: carrier.events.clone() };
            tokio::spawn(bridge.run());
        }
        Ok(link)
    }

    /// The same with the recorder at the other end of this desk; must be called inside the runtime.
    pub fn with_recorder(self, desk: OwnedFd) -> io::Result<MediaLink> {
        Ok(MediaLink { recorder: Some(RecorderLink::over_desk(desk)?), ..self })
    }

    pub(crate) fn tell_recorder(&self, message: ToRecorder) {
        if let Some(recorder) = &self.recorder {
            recorder.tell(message);
        }
    }

    pub(crate) fn workers(&self) -> usize {
        self.commands.len()
    }

    pub(crate) fn send(&self, worker: usize, command: Command) {
        let Some(commands) = self.commands.get(worker) else { return };
        if commands.try_send(command).is_err() {
            tracing::error!(worker, "a worker takes no commands; this one is lost");
        }
    }

    /// What comes next of a worker or of the recorder.
    pub(crate) async fn next_word(&mut self) -> Option<Word> {
        let MediaLink { events, recorder, .. } = self;
        let said = async {
            match recorder {
                Some(recorder) => recorder.next_said().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = events.recv() => event.map(|(worker, event)| Word::Event(worker, event)),
            said = said => Some(Word::Recorder(said)),
        }
    }

    pub(crate) fn waiting_event(&mut self) -> Option<(usize, Event)> {
        self.events.try_recv().ok()
    }
}

/// The deprecation is about types whose descriptor may change or close; an [`OwnedFd`] cannot, and
/// the constructor that replaces this one is unsafe, which has no place in this crate.
#[expect(deprecated, reason = "see above")]
pub(crate) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd, Interest::READABLE)
}

/// Carries one worker's link through its shared memory.
struct Bridge {
    worker: usize,
    channel: SignalingChannel,
    wake: AsyncFd<OwnedFd>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<(usize, Event)>,
}

impl Bridge {
    /// Ends when the other end of the link is gone, or the ring makes no sense any more.
    async fn run(mut self) {
        while self.pass_events().await {
            if !self.channel.prepare_sleep() {
                self.channel.awake();
                continue;
            }
            let command = tokio::select! {
                command = self.commands.recv() => Some(command),
                ready = self.wake.readable() => {
                    if let Ok(mut ready) = ready {
                        ready.clear_ready();
                    }
                    None
                }
            };
            self.channel.awake();
            match command {
                Some(Some(command)) => self.pass_command(&command).await,
                Some(None) => return,
                None => {}
            }
        }
    }

    /// False: there is no point in going on.
    async fn pass_events(&mut self) -> bool {
        loop {
            match self.channel.next_event() {
                Ok(Some(event)) => {
                    if self.events.send((self.worker, event)).await.is_err() {
                        return false;
                    }
                }
                Ok(None) => return true,
                Err(Corrupt::Indices) => {
                    tracing::error!(worker = self.worker, "the worker's event queue is corrupt");
                    return false;
                }
                Err(cause) => tracing::error!(worker = self.worker, %cause, "an event cannot be read"),
            }
        }
    }

    async fn pass_command(&mut self, command: &Command) {
        loop {
            match self.channel.send_command(command) {
                Ok(()) => return,
                Err(SendError::Full) => tokio::time::sleep(FULL_PAUSE).await,
                Err(SendError::Corrupt(cause)) => {
                    tracing::error!(worker = self.worker, %cause, "a command cannot be sent");
                    return;
                }
            }
        }
    }
}
