//! Serves HTTP over connections that are ready. Not axum's own `serve`, which lets a client take as long as it likes
//! for a request.

mod body;
mod head;

pub(crate) use body::SlowBody;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use body::TimedBody;
use head::TimedHeads;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

/// How long clients may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// For the head of a request, from its first byte on; the first one begins with the connection.
    pub head: Duration,
    /// For its body, from the head's end on.
    pub body: Duration,
    /// From one request to the next.
    pub quiet: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            // It comes in one piece, or in some a round trip apart.
            head: Duration::from_secs(20),
            // The longest that is taken, at 18 kbit/s.
            body: Duration::from_secs(30),
            // Longer than proxies keep one open by themselves (nginx 60 s, Caddy two minutes, Google's balancer ten):
            // theirs is the side that should close, or a request of theirs might meet our end.
            quiet: Duration::from_secs(650),
        }
    }
}

/// Serves `pages` until the sender of `stopping` is gone and every request under way is answered. Whoever needs
/// longer than `patience` for a request is cut off, or told so; a request that is answered slowly is not, nor is
/// what has become a WebSocket.
pub(crate) async fn serve<L>(
    mut listener: L,
    pages: Router,
    patience: Patience,
    stopping: watch::Receiver<()>,
) where
    L: Listener<Addr = SocketAddr>,
{
    // Each connection holds one receiver; when none is left, all have ended.
    let (ended, under_way) = watch::channel(());
    let mut stop = pin!(stopped(stopping.clone()));
    loop {
        let (stream, address) = tokio::select! {
            connection = listener.accept() => connection,
            () = &mut stop => break,
        };
        let (pages, stopping, under_way) = (pages.clone(), stopping.clone(), under_way.clone());
        tokio::spawn(async move {
            converse(stream, address, pages, patience, stopping).await;
            drop(under_way);
        });
    }
    drop((listener, under_way));
    ended.closed().await;
}

/// One connection, from its first request to its end, or until it is a WebSocket.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: SocketAddr,
    pages: Router,
    patience: Patience,
    stopping: watch::Receiver<()>,
) {
    let (stream, requests) = TimedHeads::new(stream, patience.head);
    let pages = TowerToHyperService::new(pages.into_service::<TimedBody>());
    let service = service_fn(move |request: Request<Incoming>| {
        let under_way = requests.begin();
        let mut request = request.map(|body| TimedBody::new(body, patience.body));
        request.extensions_mut().insert(ConnectInfo(address));
        let answer = pages.call(request);
        async move { Ok::<_, Infallible>(under_way.until_answered(answer.await?)) }
    });
    let mut builder = Builder::new();
    // It runs while a request is waited for as well as while its head comes.
    builder.timer(TokioTimer::new()).header_read_timeout(patience.quiet);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, %address, "a connection ended before its time");
    }
}

/// Completes when the process is to end.
pub(crate) async fn stopped(mut stopping: watch::Receiver<()>) {
    // Nothing is ever sent; the end of the sender is what is waited for.
    let _ = stopping.changed().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{any, get};
    use futures_util::{SinkExt as _, StreamExt as _};
    use hyper_util::rt::TokioIo;
    use std::time::Instant;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::{Message, Role};

    const LONGER: Duration = Duration::from_millis(900);
    const PATIENCE: Patience = Patience {
        head: Duration::from_millis(300),
        body: Duration::from_millis(300),
        quiet: Duration::from_secs(2),
    };

    /// Says what it hears, for as long as somebody speaks.
    async fn echo(request: axum::extract::Request) -> axum::response::Response {
        let (head, body) = request.into_parts();
        let mut asked = hyper::Request::from_parts(head, ());
        let answer = tokio_tungstenite::tungstenite::handshake::server::create_response_with_body(
            &asked,
            axum::body::Body::empty,
        );
        let pending = asked.extensions_mut().remove::<hyper::upgrade::OnUpgrade>().unwrap();
        drop(body);
        tokio::spawn(async move {
            let io = TokioIo::new(pending.await.unwrap());
            let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
            while let Some(Ok(message)) = socket.next().await {
                let _ = socket.send(message).await;
            }
        });
        answer.unwrap()
    }

    /// Where it is served, and what ends it.
    async fn start() -> (SocketAddr, watch::Sender<()>) {
        let slow = async || {
            tokio::time::sleep(LONGER).await;
            "slow"
        };
        let whose = async |ConnectInfo(address): ConnectInfo<SocketAddr>| address.to_string();
        let pages =
            Router::new().route("/slow", get(slow)).route("/whose", get(whose)).route("/ws", any(echo));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(());
        tokio::spawn(serve(listener, pages, PATIENCE, stopping));
        (address, stop)
    }

    async fn ask(address: SocketAddr, text: &str) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = tokio::time::timeout(10 * LONGER, stream.read_to_string(&mut answer)).await;
        read.expect("the connection is closed").unwrap();
        (stream, answer)
    }

    #[tokio::test]
    async fn who_begins_a_request_and_says_no_more_is_cut_off() {
        let (address, _stop) = start().await;
        for beginning in ["G", "P", "GET /whose HTTP/1.1\r\nhost: volley\r\n"] {
            let began = Instant::now();
            assert_eq!(ask(address, beginning).await.1, "", "{beginning}");
            assert!(began.elapsed() >= PATIENCE.head, "{beginning}");
        }
        let whole = "GET /whose HTTP/1.1\r\nhost: volley\r\n\r\n";
        let (stream, answer) = ask(address, whole).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with(&stream.local_addr().unwrap().to_string()), "{answer}");
    }

    /// The next answer on a connection that stays.
    async fn answer_on(stream: &mut TcpStream) -> String {
        let mut part = [0; 4096];
        let length = tokio::time::timeout(10 * LONGER, stream.read(&mut part)).await;
        String::from_utf8_lossy(&part[..length.expect("it is answered").unwrap()]).into_owned()
    }

    #[tokio::test]
    async fn between_two_requests_a_connection_may_be_quiet_for_longer_than_within_one() {
        let (address, _stop) = start().await;
        let whole = "GET /whose HTTP/1.1\r\nhost: volley\r\n\r\n";
        let mut stream = TcpStream::connect(address).await.unwrap();
        for quiet in [Duration::ZERO, LONGER] {
            tokio::time::sleep(quiet).await;
            stream.write_all(whole.as_bytes()).await.unwrap();
            assert!(answer_on(&mut stream).await.starts_with("HTTP/1.1 200"), "after {quiet:?}");
        }
        for (said, least, most) in [("GET", PATIENCE.head, PATIENCE.quiet), ("", LONGER, 2 * PATIENCE.quiet)]
        {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(whole.as_bytes()).await.unwrap();
            assert!(answer_on(&mut stream).await.starts_with("HTTP/1.1 200"));
            let began = Instant::now();
            stream.write_all(said.as_bytes()).await.unwrap();
            assert_eq!(answer_on(&mut stream).await, "", "it is closed");
            assert!((least..most).contains(&began.elapsed()), "{said:?}: {:?}", began.elapsed());
        }
    }

    #[tokio::test]
    async fn a_slow_answer_and_a_quiet_websocket_are_not() {
        let (address, _stop) = start().await;
        let asked = "GET /slow HTTP/1.1\r\nhost: volley\r\nconnection: close\r\n\r\n";
        assert!(ask(address, asked).await.1.ends_with("slow"));
        let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/ws")).await.unwrap();
        tokio::time::sleep(LONGER).await;
        socket.send(Message::text("still here")).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("still here"));
    }

    #[tokio::test]
    async fn what_is_under_way_when_the_process_is_to_end_is_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(());
        let slow = async || {
            tokio::time::sleep(LONGER).await;
            "slow"
        };
        let pages = Router::new().route("/", get(slow));
        let served = tokio::spawn(serve(listener, pages, Patience::default(), stopping));
        let asked =
            tokio::spawn(async move { ask(address, "GET / HTTP/1.1\r\nhost: volley\r\n\r\n").await.1 });
        tokio::time::sleep(LONGER / 3).await;
        drop(stop);
        served.await.unwrap();
        assert!(asked.await.unwrap().ends_with("slow"));
    }
}
