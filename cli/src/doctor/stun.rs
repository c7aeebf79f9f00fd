//! A STUN and TURN client that asks one question: what does a server answer to a browser of ours?

use md5::{Digest as _, Md5};
use rustls_native_certs::load_native_certs;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use volley::wire::stun::{
    BINDING, Class, HEADER_LEN, StunView, StunWriter, TransactionId, attribute as attr,
};

/// RFC 8656 §18.
const ALLOCATE: u16 = 0x003;
const REFRESH: u16 = 0x004;
/// RFC 8656 §14.7: UDP (17), and three bytes of nothing.
const OVER_UDP: [u8; 4] = [17, 0, 0, 0];
/// Each time a datagram is sent; the last is waited for as long. Shorter than RFC 8489 §6.2.1 says: nobody
/// waits 39 s for an answer about a server that a call needs within one.
const PATIENCE: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_millis(1500)];
/// For a connection, and for each answer over it.
const STREAM_PATIENCE: Duration = Duration::from_secs(3);
/// Names are looked up by whatever the system has, which may wait long for a server that is away.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(4);
const LONGEST: usize = 1500;

/// Where a server is, and how it is spoken to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Server {
    pub(super) way: Way,
    pub(super) host: String,
    pub(super) port: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    Udp,
    Tcp,
    Tls,
}

/// What opens a TURN server.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
}

/// What a TURN server gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Relay {
    /// Where it takes what is for us.
    pub(super) relayed: SocketAddr,
    /// Where it saw us.
    pub(super) seen: Option<SocketAddr>,
    /// Where it is.
    pub(super) server: SocketAddr,
}

/// What came of asking.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    #[error("its name is not known")]
    Unknown,
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it does not answer")]
    Silent,
    #[error("its certificate is not trusted: {0}")]
    Untrusted(String),
    #[error("it takes none of our credentials ({0})")]
    Unauthorized(u16),
    #[error("it refuses with error {0}")]
    Refused(u16),
    #[error("what answers is not one")]
    Nonsense,
}

/// Asks how the server sees us.
pub(super) async fn reflexive(server: &Server) -> Result<SocketAddr, Trouble> {
    let mut line = Line::open(server).await?;
    let answer = line.ask(BINDING, |writer| writer.finish()).await?;
    answer.view().xor_mapped_address().ok_or(Trouble::Nonsense)
}

/// Has the server relay for us, and gives that up at once.
pub(super) async fn allocate(server: &Server, credentials: &Credentials) -> Result<Relay, Trouble> {
    let mut line = Line::open(server).await?;
    let transport = |writer: StunWriter<'_>| writer.attribute(REQUESTED_TRANSPORT, &OVER_UDP).finish();
    let first = line.ask(ALLOCATE, transport).await?;
    // RFC 8489 §9.2.4: a server says what it wants to be shown before it takes anything.
    let mut asked = match first.refusal() {
        Some(401) => first,
        Some(code) => return Err(Trouble::Refused(code)),
        None => return first.relay(line.server),
    };
    // A nonce may end at any time; twice in a row it does not.
    for _ in 0..2 {
        let key = asked.key(credentials).ok_or(Trouble::Nonsense)?;
        let answer = line
            .ask(ALLOCATE, |writer| asked.sign(writer, credentials, &key, (REQUESTED_TRANSPORT, &OVER_UDP)))
            .await?;
        match answer.refusal() {
            None => {
                let relay = answer.relay(line.server);
                // Whatever it answers, the allocation ends by itself in ten minutes.
                let _ = line
                    .ask(REFRESH, |writer| asked.sign(writer, credentials, &key, (LIFETIME, &[0; 4])))
                    .await;
                return relay;
            }
            Some(STALE_NONCE) => asked = answer,
            Some(code @ (401 | 403)) => return Err(Trouble::Unauthorized(code)),
            Some(code) => return Err(Trouble::Refused(code)),
        }
    }
    Err(Trouble::Refused(STALE_NONCE))
}

/// RFC 8656 §18, RFC 8489 §14.8.
const LIFETIME: u16 = 0x000d;
const REQUESTED_TRANSPORT: u16 = 0x0019;
const STALE_NONCE: u16 = 438;

/// An answer, whole and checked.
struct Answer(Vec<u8>);

impl Answer {
    fn view(&self) -> StunView<'_> {
        StunView::parse(&self.0).expect("it was checked when it came")
    }

    fn refusal(&self) -> Option<u16> {
        let view = self.view();
        (view.class() == Class::Error).then(|| view.error_code().unwrap_or(0))
    }

    fn relay(&self, server: SocketAddr) -> Result<Relay, Trouble> {
        let view = self.view();
        let relayed = view.xor_relayed_address().ok_or(Trouble::Nonsense)?;
        Ok(Relay { relayed, seen: view.xor_mapped_address(), server })
    }

    /// RFC 8489 §9.2.2: what MESSAGE-INTEGRITY of long-term credentials is made with.
    fn key(&self, Credentials { username, password }: &Credentials) -> Option<[u8; 16]> {
        let view = self.view();
        let realm = view.attribute(attr::REALM)?;
        Some(Md5::digest([username.as_bytes(), b":", realm, b":", password.as_bytes()].concat()).into())
    }

    fn sign(
        &self,
        writer: StunWriter<'_>,
        credentials: &Credentials,
        key: &[u8],
        (kind, value): (u16, &[u8]),
    ) -> Option<usize> {
        let view = self.view();
        let [realm, nonce] = [attr::REALM, attr::NONCE].map(|kind| view.attribute(kind).unwrap_or_default());
        writer
            .attribute(kind, value)
            .attribute(attr::USERNAME, credentials.username.as_bytes())
            .attribute(attr::REALM, realm)
            .attribute(attr::NONCE, nonce)
            .integrity(key)
            .finish()
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

enum Wire {
    Datagrams(UdpSocket),
    Stream(Box<dyn Stream>),
}

/// The way to a server.
struct Line {
    wire: Wire,
    server: SocketAddr,
    questions: u64,
}

impl Line {
    async fn open(server: &Server) -> Result<Line, Trouble> {
        let found = timeout(LOOKUP_PATIENCE, lookup_host((server.host.as_str(), server.port))).await;
        let mut addresses = found.map_err(|_| Trouble::Unknown)?.map_err(|_| Trouble::Unknown)?;
        let address = addresses.next().ok_or(Trouble::Unknown)?;
        let wire = match server.way {
            Way::Udp => Wire::Datagrams(datagrams(address).await.map_err(unreachable)?),
            Way::Tcp => Wire::Stream(Box::new(connect(address).await?)),
            Way::Tls => Wire::Stream(encrypt(connect(address).await?, &server.host).await?),
        };
        Ok(Line { wire, server: address, questions: 0 })
    }

    /// Sends one request and returns the answer to it.
    async fn ask(
        &mut self,
        method: u16,
        write: impl FnOnce(StunWriter<'_>) -> Option<usize>,
    ) -> Result<Answer, Trouble> {
        self.questions += 1;
        let transaction = transaction(self.questions);
        let mut buffer = [0; LONGEST];
        let length = write(StunWriter::of_method(&mut buffer, Class::Request, method, &transaction));
        // Too long only for credentials that no server takes either.
        let request = &buffer[..length.ok_or(Trouble::Nonsense)?];
        match &mut self.wire {
            Wire::Datagrams(socket) => ask_by_datagrams(socket, request, &transaction).await,
            Wire::Stream(stream) => ask_by_stream(stream, request, &transaction).await,
        }
    }
}

/// Unlike those of any other question asked from the same port, which is all that is needed here.
fn transaction(question: u64) -> TransactionId {
    let mut id = *b"volleydoctor";
    id[4..].copy_from_slice(&(question << 32 | u64::from(std::process::id())).to_be_bytes());
    id
}

async fn datagrams(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = if server.is_ipv6() { ([0u16; 8], 0).into() } else { ([0; 4], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    Ok(socket)
}

async fn connect(server: SocketAddr) -> Result<TcpStream, Trouble> {
    timeout(STREAM_PATIENCE, TcpStream::connect(server))
        .await
        .map_err(|_| Trouble::Silent)?
        .map_err(unreachable)
}

async fn encrypt(stream: TcpStream, host: &str) -> Result<Box<dyn Stream>, Trouble> {
    let mut roots = RootCertStore::empty();
    // One that cannot be read is missed only by who has a certificate signed by it, and is told so.
    roots.add_parsable_certificates(load_native_certs().certs);
    let untrusted = |error: String| Trouble::Untrusted(error);
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| untrusted(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Trouble::Unknown)?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = timeout(STREAM_PATIENCE, connected).await.map_err(|_| Trouble::Silent)?;
    Ok(Box::new(stream.map_err(|error| untrusted(error.to_string()))?))
}

fn unreachable(error: io::Error) -> Trouble {
    Trouble::Unreachable(error.to_string())
}

async fn ask_by_datagrams(
    socket: &UdpSocket,
    request: &[u8],
    transaction: &TransactionId,
) -> Result<Answer, Trouble> {
    for patience in PATIENCE {
        socket.send(request).await.map_err(unreachable)?;
        let answer = timeout(patience, async {
            let mut buffer = vec![0; LONGEST];
            loop {
                let length = socket.recv(&mut buffer).await?;
                if let Some(answer) = answer_to(transaction, buffer[..length].to_vec()) {
                    return Ok(answer);
                }
            }
        });
        match answer.await {
            Ok(answer) => return answer.map_err(unreachable),
            Err(_) => continue,
        }
    }
    Err(Trouble::Silent)
}

async fn ask_by_stream(
    stream: &mut Box<dyn Stream>,
    request: &[u8],
    transaction: &TransactionId,
) -> Result<Answer, Trouble> {
    let exchange = async {
        stream.write_all(request).await?;
        stream.flush().await?;
        let mut answer = vec![0; HEADER_LEN];
        stream.read_exact(&mut answer).await?;
        let body = usize::from(u16::from_be_bytes([answer[2], answer[3]]));
        answer.resize(HEADER_LEN + body, 0);
        stream.read_exact(&mut answer[HEADER_LEN..]).await?;
        io::Result::Ok(answer)
    };
    let answer = timeout(STREAM_PATIENCE, exchange).await.map_err(|_| Trouble::Silent)?;
    answer_to(transaction, answer.map_err(unreachable)?).ok_or(Trouble::Nonsense)
}

fn answer_to(transaction: &TransactionId, bytes: Vec<u8>) -> Option<Answer> {
    let view = StunView::parse(&bytes).ok()?;
    let is_answer = matches!(view.class(), Class::Success | Class::Error);
    (is_answer && view.transaction_id() == *transaction).then(|| Answer(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REALM: &[u8] = b"volley.test";

    fn credentials(password: &str) -> Credentials {
        Credentials { username: String::from("ada"), password: password.to_owned() }
    }

    /// A TURN server that lets Ada in, if she knows the word, and changes its nonce once.
    async fn turn_server() -> Server {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut nonce = *b"first";
            let mut buffer = [0; LONGEST];
            loop {
                let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
                let request = StunView::parse(&buffer[..length]).unwrap();
                let mut answer = [0; LONGEST];
                let answered = reply(&request, client, &mut nonce, &mut answer);
                socket.send_to(&answer[..answered], client).await.unwrap();
            }
        });
        Server { way: Way::Udp, host: String::from("127.0.0.1"), port }
    }

    fn reply(request: &StunView<'_>, client: SocketAddr, nonce: &mut [u8; 5], answer: &mut [u8]) -> usize {
        let id = request.transaction_id();
        let refuse = |answer, code, nonce: &[u8]| {
            let writer = StunWriter::of_method(answer, Class::Error, request.method(), &id).error_code(code);
            writer.attribute(attr::REALM, REALM).attribute(attr::NONCE, nonce).finish().unwrap()
        };
        if request.method() == BINDING {
            return StunWriter::new(answer, Class::Success, &id).xor_mapped_address(client).finish().unwrap();
        }
        let key = Md5::digest(b"ada:volley.test:right");
        if !request.is_authentic(&key) {
            return refuse(answer, 401, nonce);
        }
        if nonce == b"first" {
            *nonce = *b"other";
            return refuse(answer, STALE_NONCE, nonce);
        }
        assert_eq!(request.attribute(attr::NONCE), Some(&nonce[..]));
        // 192.0.2.1:3478 as it stands in a message (RFC 8489 §14.2).
        let mut relayed = [0, 1, 0, 0, 192, 0, 2, 1];
        relayed[2..4].copy_from_slice(&(3478u16 ^ 0x2112).to_be_bytes());
        relayed[4..].iter_mut().zip(0x2112_a442u32.to_be_bytes()).for_each(|(byte, mask)| *byte ^= mask);
        let writer = StunWriter::of_method(answer, Class::Success, request.method(), &id);
        writer.attribute(attr::XOR_RELAYED_ADDRESS, &relayed).xor_mapped_address(client).finish().unwrap()
    }

    #[tokio::test]
    async fn a_relay_is_given_for_the_right_credentials_also_when_the_nonce_ends() {
        let relay = allocate(&turn_server().await, &credentials("right")).await.unwrap();
        assert_eq!(relay.relayed, "192.0.2.1:3478".parse().unwrap());
        assert!(relay.seen.unwrap().ip().is_loopback());
    }

    #[tokio::test]
    async fn wrong_credentials_are_told_from_a_server_that_is_not_there() {
        let server = turn_server().await;
        assert_eq!(allocate(&server, &credentials("wrong")).await, Err(Trouble::Unauthorized(401)));
        let held = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let silent = Server { port: held.local_addr().unwrap().port(), ..server };
        assert_eq!(reflexive(&silent).await, Err(Trouble::Silent));
        let nobody = Server { host: String::from("nobody.invalid"), ..silent };
        assert_eq!(reflexive(&nobody).await, Err(Trouble::Unknown));
    }

    #[tokio::test]
    async fn a_stun_server_tells_where_it_saw_us() {
        assert!(reflexive(&turn_server().await).await.unwrap().ip().is_loopback());
    }
}
