//! The one task that owns the state: input comes in from sockets, REST and the media process, one
//! after the other; output goes to records, media process and sockets, in this order.

mod elsewhere;
mod heart;
mod questions;
mod reports;

pub(crate) use heart::Health;
pub(crate) use reports::{PersonReport, RoomReport, TrackReport};

use crate::access::{AccessSettings, Held, Tally};
use crate::clock::Clock;
use crate::link::{MediaLink, Word};
use crate::protocol::{ClientMessage, ServerMessage};
use crate::settings::{Settings, TraceSettings};
use crate::state::{Origin, Output, SocketId, State};
use crate::store::Store;
use crate::traces::{SpanTally, Traces};
use crate::webhooks::{self, Delivery, MAX_UNDER_WAY};
use elsewhere::Elsewhere;
use heart::Heart;
use questions::Questions;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use volley::base::Time;
use volley::control::Event;
use volley_recorder::answers::{Answer, Question};
use volley_recorder::desk::FromRecorder;
use volley_recorder::shelf::Shelf;

/// Work that waits. When it is full, sockets are read later: whoever floods waits with the others
/// for a moment, but costs no memory.
const QUEUED_WORK: usize = 1024;
/// Messages that wait for one page. A room of 500 in which everybody comes within a second is as many
/// and the seats on top; a page that has not read so many is not reading any more.
const QUEUED_MESSAGES: usize = 2048;
/// Sockets at once: ten thousand people and as many who are about to join or to resume.
const MAX_SOCKETS: usize = 20_000;
/// How often what is due is looked for; the shortest time it is about is a second.
const TICK: Duration = Duration::from_millis(200);

/// A text on its way to a page.
pub(crate) type Outgoing = Arc<str>;

type Call = Box<dyn FnOnce(&mut State, Time) + Send>;

enum Work {
    Opened { socket: SocketId, from: Origin, queue: mpsc::Sender<Outgoing> },
    Message { socket: SocketId, message: ClientMessage },
    Refused { socket: SocketId, code: &'static str, text: String },
    Closed { socket: SocketId },
    Silent { socket: SocketId },
    Call(Call),
    Stats { room: String, reply: oneshot::Sender<Option<RoomReport>> },
    Ask { question: Question, reply: oneshot::Sender<Answer> },
}

/// Why there is no room for one more socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SocketRefusal {
    /// The server has as many as it takes.
    Full,
    /// Its address has as many as one may have.
    TooManyFromAddress,
}

/// Room for one socket, for as long as this lives.
pub(crate) struct SocketPermit {
    _one_of_all: OwnedSemaphorePermit,
    _one_of_address: Option<Held>,
}

/// How everybody else talks to the task.
#[derive(Clone)]
pub(crate) struct Hub {
    work: mpsc::Sender<Work>,
    last_socket: Arc<AtomicU64>,
    sockets: Arc<Semaphore>,
    sockets_of: Arc<Tally>,
    health: watch::Receiver<Health>,
    is_over: watch::Receiver<bool>,
    access: Arc<watch::Sender<Arc<AccessSettings>>>,
    traces: Option<Arc<Traces>>,
    shelf: Arc<Shelf>,
}

impl Hub {
    /// Starts the task; must be called inside the runtime.
    pub(crate) fn start(state: State, link: MediaLink, store: Box<dyn Store>, clock: Clock) -> Hub {
        let (work, inbox) = mpsc::channel(QUEUED_WORK);
        let (heart, health) = Heart::new(link.workers(), clock.now());
        let (over, is_over) = watch::channel(false);
        let (access, _) = watch::channel(Arc::new(state.config().access.clone()));
        // As many as are ever under way, so it is never full.
        let (post, letters) = mpsc::channel(MAX_UNDER_WAY);
        let traces = state.config().traces.as_ref().and_then(start_traces);
        let core = Core {
            state,
            link,
            store,
            clock,
            sockets: HashMap::new(),
            questions: Questions::default(),
            elsewhere: Elsewhere::default(),
            heart,
            over,
            post,
            traces: traces.clone(),
        };
        tokio::spawn(core.run(inbox));
        let hub = Hub {
            work,
            last_socket: Arc::default(),
            sockets: Arc::new(Semaphore::new(MAX_SOCKETS)),
            sockets_of: Arc::default(),
            health,
            is_over,
            access: Arc::new(access),
            traces,
            shelf: Arc::default(),
        };
        tokio::spawn(webhooks::deliver(hub.clone(), letters));
        hub
    }

    /// Which recordings are whose.
    pub(crate) fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf)
    }

    /// Who may do what, for those who must know before they ask the task.
    pub(crate) fn access(&self) -> Arc<AccessSettings> {
        Arc::clone(&self.access.borrow())
    }

    /// The same for those who want to hear of changes.
    pub(crate) fn watch_access(&self) -> watch::Receiver<Arc<AccessSettings>> {
        self.access.subscribe()
    }

    /// Other settings hold from now on, as far as that is possible.
    pub(crate) async fn reconfigure(&self, settings: Settings) {
        self.access.send_replace(Arc::new(settings.access.clone()));
        let _ = self.call(move |state, _| state.reconfigure(settings)).await;
    }

    /// Room for one more socket from this address, if that is known.
    pub(crate) fn admit_socket(&self, address: Option<IpAddr>) -> Result<SocketPermit, SocketRefusal> {
        let limited = address.and_then(|address| self.access().limits_of(address));
        let one_of_address = limited
            .map(|(address, limits)| self.sockets_of.hold(address, limits.sockets))
            .map(|held| held.ok_or(SocketRefusal::TooManyFromAddress))
            .transpose()?;
        let one_of_all = Arc::clone(&self.sockets).try_acquire_owned().map_err(|_| SocketRefusal::Full)?;
        Ok(SocketPermit { _one_of_all: one_of_all, _one_of_address: one_of_address })
    }

    /// A new socket, and the messages for it; their end means that it must be closed.
    pub(crate) async fn open_socket(&self, from: Origin) -> (SocketId, mpsc::Receiver<Outgoing>) {
        let socket = SocketId(self.last_socket.fetch_add(1, Ordering::Relaxed));
        let (queue, messages) = mpsc::channel(QUEUED_MESSAGES);
        self.work(Work::Opened { socket, from, queue }).await;
        (socket, messages)
    }

    pub(crate) async fn message(&self, socket: SocketId, message: ClientMessage) {
        self.work(Work::Message { socket, message }).await;
    }

    pub(crate) async fn refuse(&self, socket: SocketId, code: &'static str, text: String) {
        self.work(Work::Refused { socket, code, text }).await;
    }

    pub(crate) async fn close_socket(&self, socket: SocketId) {
        self.work(Work::Closed { socket }).await;
    }

    /// The same of one over which nothing came for long.
    pub(crate) async fn give_up_socket(&self, socket: SocketId) {
        self.work(Work::Silent { socket }).await;
    }

    /// Looks at or changes the state. `None`: the task is gone, and so will the process be.
    pub(crate) async fn call<R: Send + 'static>(
        &self,
        function: impl FnOnce(&mut State, Time) -> R + Send + 'static,
    ) -> Option<R> {
        let (reply, answer) = oneshot::channel();
        let call = move |state: &mut State, now: Time| drop(reply.send(function(state, now)));
        self.work(Work::Call(Box::new(call))).await;
        answer.await.ok()
    }

    /// What a recorder on another machine answers; `None` when it does not.
    pub(crate) async fn ask_recorder(&self, question: Question) -> Option<Answer> {
        let (reply, answer) = oneshot::channel();
        self.work(Work::Ask { question, reply }).await;
        answer.await.ok()
    }

    /// The counters of a room; `None` when there is no such room or no answer.
    pub(crate) async fn stats(&self, room: String) -> Option<RoomReport> {
        let (reply, answer) = oneshot::channel();
        self.work(Work::Stats { room, reply }).await;
        answer.await.ok().flatten()
    }

    /// What became of traces.
    pub(crate) fn spans(&self) -> SpanTally {
        self.traces.as_ref().map(|traces| traces.tally()).unwrap_or_default()
    }

    /// Sends the last traces, for a moment.
    pub(crate) async fn finish_traces(&self) {
        if let Some(traces) = self.traces.clone() {
            // It ends with the process whatever becomes of it.
            let _ = tokio::task::spawn_blocking(move || traces.finish()).await;
        }
    }

    pub(crate) fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// Whether everybody was told goodbye.
    pub(crate) fn is_over(&self) -> bool {
        *self.is_over.borrow()
    }

    /// Completes when everybody was told goodbye.
    pub(crate) async fn over(&self) {
        let mut is_over = self.is_over.clone();
        if is_over.wait_for(|is_over| *is_over).await.is_err() {
            // The task ends only with the runtime.
            std::future::pending().await
        }
    }

    /// Completes when no socket is open any more.
    pub(crate) async fn sockets_closed(&self) {
        let all = u32::try_from(MAX_SOCKETS).unwrap_or(u32::MAX);
        // Never closed.
        let _ = self.sockets.acquire_many(all).await;
    }

    async fn work(&self, work: Work) {
        // The task ends only with the runtime.
        let _ = self.work.send(work).await;
    }
}

struct Core {
    state: State,
    link: MediaLink,
    store: Box<dyn Store>,
    clock: Clock,
    sockets: HashMap<SocketId, mpsc::Sender<Outgoing>>,
    questions: Questions,
    elsewhere: Elsewhere,
    heart: Heart,
    over: watch::Sender<bool>,
    post: mpsc::Sender<Delivery>,
    traces: Option<Arc<Traces>>,
}

impl Core {
    async fn run(mut self, mut inbox: mpsc::Receiver<Work>) {
        let mut tick = tokio::time::interval(TICK);
        self.state.tell_limits();
        self.finish();
        loop {
            tokio::select! {
                work = inbox.recv() => match work {
                    Some(work) => self.do_work(work),
                    None => return,
                },
                Some(word) = self.link.next_word() => match word {
                    Word::Event(worker, event) => self.events(worker, event),
                    Word::Recorder(FromRecorder::Answer { number, part, is_last }) => {
                        self.elsewhere.hear(number, (&part, is_last), self.clock.now());
                    }
                    Word::Recorder(said) => self.state.recorder_said(said),
                },
                _ = tick.tick() => self.tick(),
            }
            self.finish();
        }
    }

    fn do_work(&mut self, work: Work) {
        let now = self.clock.now();
        match work {
            Work::Opened { socket, from, queue } => {
                self.sockets.insert(socket, queue);
                self.state.socket_opened(socket, from);
            }
            Work::Message { socket, message } => self.state.message(socket, message, now),
            Work::Refused { socket, code, text } => self.state.refuse(socket, code, &text),
            Work::Closed { socket } => self.drop_socket(socket),
            Work::Silent { socket } => {
                self.sockets.remove(&socket);
                self.state.socket_silent(socket, now);
            }
            Work::Call(call) => call(&mut self.state, now),
            Work::Stats { room, reply } => self.questions.ask(&mut self.state, &self.link, &room, reply, now),
            Work::Ask { question, reply } => {
                self.elsewhere.ask(&mut self.state, &self.link, (question, reply), now);
            }
        }
    }

    /// One event, and those that wait behind it: seats that move together are told together.
    fn events(&mut self, worker: usize, event: Event) {
        let now = self.clock.now();
        let mut next = Some((worker, event));
        while let Some((worker, event)) = next {
            self.heart.heard(worker, now);
            if !self.questions.hear(&self.state, &event) {
                self.state.event(worker, &event, now);
            }
            next = self.link.waiting_event();
        }
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        self.state.tick(now);
        self.questions.give_up(now);
        self.elsewhere.give_up(now);
        self.heart.beat(&mut self.state, &self.link, now);
    }

    fn finish(&mut self) {
        let output = self.state.finish();
        output.saves.iter().for_each(|save| self.store.apply(save));
        self.tell(output);
    }

    fn tell(&mut self, output: Output) {
        let is_over = output.is_over;
        for delivery in output.deliveries {
            if self.post.try_send(delivery).is_err() {
                tracing::error!("a webhook could not be handed on; it is sent after the next start");
            }
        }
        if let Some(traces) = &self.traces {
            output.journeys.iter().for_each(|journey| traces.tell(journey, self.clock.now()));
        }
        for (worker, command) in output.commands {
            self.link.send(worker, command);
        }
        for message in output.desk {
            self.link.tell_recorder(message);
        }
        let mut last: Option<(ServerMessage, Outgoing)> = None;
        for (socket, message) in output.messages {
            let Some(queue) = self.sockets.get(&socket) else { continue };
            let sent = message.map(|message| queue.try_send(written(message, &mut last)));
            // One whose task has ended says so itself, after what it heard last: perhaps a leave.
            if matches!(sent, None | Some(Err(TrySendError::Full(_)))) {
                self.drop_socket(socket);
            }
        }
        if is_over {
            self.over.send_replace(true);
            // Each is closed once it has heard what it was told.
            self.sockets.clear();
        }
    }

    /// The socket's own task notices that its queue has ended.
    fn drop_socket(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
        self.state.socket_closed(socket, self.clock.now());
    }
}

/// Nothing else depends on traces.
fn start_traces(settings: &TraceSettings) -> Option<Arc<Traces>> {
    let started = Traces::start(settings).inspect_err(|error| {
        tracing::error!(%error, endpoint = settings.endpoint, "joins are not traced; mend telemetry.otlp_endpoint");
    });
    started.ok().map(Arc::new)
}

/// The text of a message. What many are told stands in a row, and is written once for all of them.
fn written(message: ServerMessage, last: &mut Option<(ServerMessage, Outgoing)>) -> Outgoing {
    if let Some((_, text)) = last.as_ref().filter(|(known, _)| *known == message) {
        return Arc::clone(text);
    }
    let text: Outgoing = message.to_json().into();
    *last = Some((message, Arc::clone(&text)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Config;
    use crate::store::MemoryStore;
    use volley::control::types::{Fingerprint, FingerprintHash};

    fn hub() -> Hub {
        let config = Config {
            fingerprint: Fingerprint { hash: FingerprintHash::Sha256, value: [0; 32].into_iter().collect() },
            candidates: vec![vec![]],
            tcp_candidates: vec![],
            media_start: 1,
            started_ms: 1,
            settings: Settings { max_rooms: 1, max_participants: 2, ..Settings::default() },
        };
        let clock = Clock::start();
        let state = State::load(config, &[], clock.now());
        let (link, _) = MediaLink::new(1);
        Hub::start(state, link, Box::new(MemoryStore::default()), clock)
    }

    fn join(room_id: &str) -> ClientMessage {
        let text = format!(r#"{{"type":"join","roomId":"{room_id}","participantName":"one"}}"#);
        ClientMessage::parse(&text).expect("the text is a message")
    }

    #[test]
    fn what_many_are_told_is_written_once_and_what_differs_anew() {
        let left = |id: &str| ServerMessage::ParticipantLeft { participant_id: id.into() };
        let mut last = None;
        let texts = ["1", "1", "2"].map(|id| written(left(id), &mut last));
        assert!(Arc::ptr_eq(&texts[0], &texts[1]));
        assert_eq!(&*texts[2], r#"{"type":"participant-left","participantId":"2"}"#);
    }

    #[tokio::test]
    async fn a_page_that_stops_reading_is_dropped_and_nobody_waits_for_it() {
        let hub = hub();
        let (lazy, mut unread) = hub.open_socket(Origin::default()).await;
        for _ in 0..2 * QUEUED_MESSAGES {
            hub.refuse(lazy, "bad-json", "…".into()).await;
        }
        let (other, mut messages) = hub.open_socket(Origin::default()).await;
        hub.message(other, join("room")).await;
        assert!(messages.recv().await.is_some_and(|text| text.contains("joined")));
        let mut left = 0;
        while unread.recv().await.is_some() {
            left += 1;
        }
        assert_eq!(left, QUEUED_MESSAGES, "then the queue ended");
    }

    #[tokio::test]
    async fn people_who_leave_and_hang_up_together_have_all_left() {
        let hub = hub();
        let mut sockets = Vec::new();
        for _ in 0..2 {
            let (socket, mut messages) = hub.open_socket(Origin::default()).await;
            hub.message(socket, join("room")).await;
            assert!(messages.recv().await.is_some_and(|text| text.contains("joined")));
            sockets.push(socket);
        }
        for &socket in &sockets {
            hub.message(socket, ClientMessage::Leave {}).await;
        }
        for &socket in &sockets {
            hub.close_socket(socket).await;
        }
        assert_eq!(hub.call(|state, _| state.counts()).await, Some((0, 0)));
    }
}
