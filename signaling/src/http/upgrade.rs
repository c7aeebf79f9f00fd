//! From a request to a WebSocket (RFC 6455), and what a socket keeps while nothing is said on it.
//!
//! Thousands of sockets are open and hardly say anything. The library's buffers keep the capacity of the
//! longest message, and of the longest burst, that ever was: in a room of a thousand that is 100 KB for
//! each. So a socket that has said or heard much is made anew, over the same connection, as soon as nothing
//! is under way in either direction. Knows nothing of what is said.

use crate::hub::Outgoing;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
pub(super) use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

/// Most messages fit, and an offer takes some ten reads. Each socket has such a buffer for as long as it is
/// open, and clearing the library's 128 KiB was a third of what a join cost.
const READ_BUFFER: usize = 4 << 10;
/// A socket whose buffers may be larger than this is made anew. Most messages are shorter; an offer and
/// its answer, or the list of a full room, are not, and come once or twice in a call.
const KEPT: usize = 4 << 10;

/// A request that becomes a WebSocket once it is answered.
pub(super) struct Upgrade {
    pending: OnUpgrade,
    answer: Response,
}

impl Upgrade {
    /// What a request asks for, or the status with which it is refused.
    pub(super) fn of(mut request: Request) -> Result<Upgrade, StatusCode> {
        let answer = create_response_with_body(&request, Body::empty).map_err(|error| match error {
            Error::Protocol(ProtocolError::WrongHttpMethod) => StatusCode::METHOD_NOT_ALLOWED,
            _ => StatusCode::BAD_REQUEST,
        })?;
        let pending = request.extensions_mut().remove::<OnUpgrade>().ok_or(StatusCode::UPGRADE_REQUIRED)?;
        Ok(Upgrade { pending, answer })
    }

    /// The answer; `talk` begins when the peer has it. Messages longer than `max_message` end the socket.
    pub(super) fn then<F>(
        self,
        max_message: usize,
        talk: impl FnOnce(Socket<TokioIo<Upgraded>>) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send,
    {
        tokio::spawn(async move {
            // A connection that ended meanwhile is nobody's loss.
            if let Ok(upgraded) = self.pending.await {
                talk(Socket::over(TokioIo::new(upgraded), max_message).await).await;
            }
        });
        self.answer
    }
}

/// Our end of a WebSocket.
pub(super) struct Socket<S> {
    /// Absent only while it is made anew.
    stream: Option<WebSocketStream<Metered<S>>>,
    config: WebSocketConfig,
    /// Bytes of the messages taken, as they come on the wire.
    taken: u64,
    /// Bytes of texts since all was sent.
    unsent: usize,
    /// Its buffers are larger than they need be.
    is_swollen: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    async fn over(connection: S, max_message: usize) -> Socket<S> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message))
            .read_buffer_size(READ_BUFFER);
        let metered = Metered { connection, read: 0 };
        let stream = WebSocketStream::from_raw_socket(metered, Role::Server, Some(config)).await;
        Socket { stream: Some(stream), config, taken: 0, unsent: 0, is_swollen: false }
    }

    fn stream(&mut self) -> &mut WebSocketStream<Metered<S>> {
        self.stream.as_mut().expect("it is absent only within `trim`")
    }

    /// The next message; nothing is lost when the future is dropped.
    pub(super) async fn recv(&mut self) -> Option<Result<Message, Error>> {
        let message = self.stream().next().await;
        if let Some(Ok(message)) = &message {
            self.taken += wire_bytes(message.len());
            self.is_swollen |= message.len() > KEPT;
        }
        message
    }

    /// Sends a message, and what was fed before it.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), Error> {
        self.stream().feed(message).await?;
        self.flush().await
    }

    /// Takes a text that [`flush`](Self::flush) sends at the latest.
    pub(super) async fn feed(&mut self, text: Outgoing) -> Result<(), Error> {
        self.unsent += text.len();
        self.stream().feed(Message::Text((&*text).into())).await
    }

    /// Sends all that it was fed.
    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        self.is_swollen |= std::mem::take(&mut self.unsent) > KEPT;
        self.stream().flush().await
    }

    /// Gives large buffers back, if nothing is in them. Not to be called once a goodbye was said or heard.
    pub(super) async fn trim(&mut self) {
        // Of a message in several frames less is taken than was read: such a peer's socket stays as it is.
        if !self.is_swollen || self.taken != self.stream().get_ref().read {
            return;
        }
        // The answer to a ping may wait here, too.
        if !matches!(self.stream().flush().now_or_never(), Some(Ok(()))) {
            return;
        }
        if let Some(stream) = self.stream.take() {
            let connection = stream.into_inner();
            let stream = WebSocketStream::from_raw_socket(connection, Role::Server, Some(self.config)).await;
            self.stream = Some(stream);
            self.is_swollen = false;
        }
    }
}

/// What a message of a client takes in one frame: its header, the mask and itself (RFC 6455 §5.2).
fn wire_bytes(len: usize) -> u64 {
    let length = match len {
        0..=125 => 0,
        126..=0xffff => 2,
        _ => 8,
    };
    2 + length + 4 + len as u64
}

/// A connection that counts what was read from it.
struct Metered<S> {
    connection: S,
    read: u64,
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.connection).poll_read(context, buffer);
        self.read += (buffer.filled().len() - before) as u64;
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allocation_counter::measure;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    const LONG: usize = 100_000;

    /// A client's frame with a mask of zeros.
    fn frame(is_last: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
        let first = opcode | if is_last { 0x80 } else { 0 };
        let mut frame = vec![first];
        match payload.len() {
            len @ 0..=125 => frame.push(0x80 | len as u8),
            len @ 126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend((len as u16).to_be_bytes());
            }
            len => {
                frame.push(0x80 | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        frame
    }

    /// A socket and its client's end, and a thread's runtime for both.
    struct Talk {
        runtime: tokio::runtime::Runtime,
        socket: Socket<DuplexStream>,
        client: DuplexStream,
        heard: Vec<u8>,
    }

    impl Talk {
        fn new() -> Talk {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (ours, client) = tokio::io::duplex(4 * LONG);
            let socket = runtime.block_on(Socket::over(ours, 2 * LONG));
            Talk { runtime, socket, client, heard: vec![0; 2 * LONG] }
        }

        /// The client says so.
        fn write(&mut self, bytes: &[u8]) {
            self.runtime.block_on(self.client.write_all(bytes)).unwrap();
        }

        /// What the server hears.
        fn hear(&mut self) -> Message {
            self.runtime.block_on(self.socket.recv()).expect("it is open").expect("it is a message")
        }

        /// The server says so, and the client reads it.
        fn tell(&mut self, text: &Outgoing) {
            self.runtime.block_on(async {
                self.socket.feed(text.clone()).await.unwrap();
                self.socket.flush().await.unwrap();
                let bytes = text.len() + if text.len() > 0xffff { 10 } else { 2 };
                self.client.read_exact(&mut self.heard[..bytes]).await.unwrap();
            });
            assert!(self.heard.windows(text.len()).any(|part| part == text.as_bytes()));
        }

        fn trim(&mut self) {
            self.runtime.block_on(self.socket.trim());
        }

        fn buffered(&mut self, say: impl FnOnce(&mut Talk)) -> i64 {
            measure(|| say(self)).bytes_current
        }
    }

    #[test]
    fn a_socket_that_has_said_and_heard_much_keeps_no_more_than_before() {
        let mut talk = Talk::new();
        let list: Outgoing = "a".repeat(LONG).into();
        let offer = frame(true, 1, &vec![b'b'; LONG]);
        // The pipe's own buffers grow once.
        talk.write(&offer);
        talk.hear();
        talk.tell(&list);
        talk.trim();
        let swollen = talk.buffered(|talk| {
            talk.write(&offer);
            assert_eq!(talk.hear().len(), LONG);
            talk.tell(&list);
        });
        assert!(swollen > LONG as i64, "the library keeps {swollen}: if it does no more, all this may go");
        let given_back = talk.buffered(Talk::trim);
        assert_eq!(swollen + given_back, 0, "of {swollen} bytes");
        talk.write(&frame(true, 1, b"on"));
        assert_eq!(talk.hear(), Message::text("on"));
        talk.tell(&"and on".into());
    }

    #[test]
    fn a_message_that_has_begun_to_come_and_one_that_waits_are_not_lost() {
        let mut talk = Talk::new();
        let (long, next) = (frame(true, 1, &vec![b'b'; LONG]), frame(true, 1, b"next"));
        let (begin, end) = next.split_at(3);
        talk.write(&[&long, &next[..], begin].concat());
        assert_eq!(talk.hear().len(), LONG);
        talk.trim();
        assert_eq!(talk.hear(), Message::text("next"));
        talk.trim();
        talk.write(end);
        assert_eq!(talk.hear(), Message::text("next"));
        assert!(talk.buffered(Talk::trim) < -(LONG as i64), "now it is given back");
    }

    #[test]
    fn a_message_in_several_frames_is_heard_whole_and_a_ping_is_answered() {
        let mut talk = Talk::new();
        let long = vec![b'b'; LONG];
        talk.write(&[frame(false, 1, &long), frame(true, 9, b"?"), frame(true, 0, b"!")].concat());
        assert_eq!(talk.hear(), Message::Ping("?".into()));
        talk.trim();
        let whole = talk.hear();
        assert!(whole.len() == LONG + 1 && whole.into_text().unwrap().ends_with('!'));
        talk.trim();
        let mut pong = [0; 3];
        talk.runtime.block_on(talk.client.read_exact(&mut pong)).unwrap();
        assert_eq!(pong, [0x8a, 1, b'?']);
        talk.tell(&"and on".into());
    }
}
