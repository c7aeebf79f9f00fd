//! The page and the WebSocket over TLS, and another certificate while it runs.

use crate::common::config;
use futures_util::{SinkExt as _, StreamExt as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use volley_signaling::Ports;
use volley_signaling::link::MediaLink;
use volley_signaling::settings::Settings;
use volley_signaling::state::Config;
use volley_signaling::store::MemoryStore;
use volley_signaling::tls::TlsIdentity;
use zeroize::Zeroizing;

/// Only to end what hangs.
const PATIENCE: Duration = Duration::from_secs(20);

fn identity() -> TlsIdentity {
    let made = rcgen::generate_simple_self_signed(vec![String::from("localhost")]).unwrap();
    TlsIdentity { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

fn settings(tls: &TlsIdentity) -> Settings {
    Settings { tls: Some(tls.clone()), ..config().settings }
}

struct Server {
    address: SocketAddr,
    updates: mpsc::Sender<Zeroizing<Vec<u8>>>,
    _media: volley_signaling::link::MediaCarrier,
    _stop: oneshot::Sender<()>,
}

async fn start(tls: &TlsIdentity) -> Server {
    let [http, https] = [TcpListener::bind("127.0.0.1:0").await, TcpListener::bind("127.0.0.1:0").await];
    let https = https.unwrap();
    let address = https.local_addr().unwrap();
    let (updates, told) = mpsc::channel(1);
    let ports = Ports { https: Some(https), updates: told, ..Ports::http(http.unwrap()) };
    let (stop, stopped) = oneshot::channel::<()>();
    let (link, media) = MediaLink::new(2);
    let config = Config { settings: settings(tls), ..config() };
    tokio::spawn(async move {
        let ended = async move { drop(stopped.await) };
        volley_signaling::serve(config, &[], link, Box::new(MemoryStore::default()), ports, ended)
            .await
            .unwrap();
    });
    Server { address, updates, _media: media, _stop: stop }
}

/// Connects as somebody who trusts this certificate and no other.
async fn connect(server: &Server, trusted: &TlsIdentity) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// The type of the next message; pings are passed over.
async fn next_type(socket: &mut WebSocketStream<TlsStream<TcpStream>>) -> String {
    loop {
        let next = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
        if let Message::Text(text) = next.expect("the socket stays").unwrap() {
            let message: serde_json::Value = serde_json::from_str(&text).unwrap();
            return message["type"].as_str().unwrap().to_owned();
        }
    }
}

#[tokio::test]
async fn a_call_is_joined_over_wss() {
    let tls = identity();
    let server = start(&tls).await;
    let stream = connect(&server, &tls).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("wss://localhost/ws", stream).await.unwrap();
    let join = r#"{"type":"join","roomId":"room","participantName":"one"}"#;
    socket.send(Message::text(join)).await.unwrap();
    assert_eq!(next_type(&mut socket).await, "joined");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_who_comes_next_and_connections_stay() {
    let (old, new) = (identity(), identity());
    let server = start(&old).await;
    let stream = connect(&server, &old).await.unwrap();
    let (mut before, _) = tokio_tungstenite::client_async("wss://localhost/ws", stream).await.unwrap();
    assert!(connect(&server, &new).await.is_err());
    let broken = TlsIdentity { key: old.key.clone(), ..new.clone() };
    server.updates.send(settings(&broken).to_bytes()).await.unwrap();
    server.updates.send(settings(&new).to_bytes()).await.unwrap();
    let renewed = async { while connect(&server, &new).await.is_err() {} };
    tokio::time::timeout(PATIENCE, renewed).await.unwrap();
    before.send(Message::text(r#"{"type":"leave"}"#)).await.unwrap();
    assert_eq!(next_type(&mut before).await, "error");
}

#[tokio::test]
async fn somebody_who_says_nothing_keeps_nobody_waiting() {
    let tls = identity();
    let server = start(&tls).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    tokio::time::timeout(PATIENCE, connect(&server, &tls)).await.unwrap().unwrap();
}
