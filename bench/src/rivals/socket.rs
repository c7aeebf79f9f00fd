//! A WebSocket as two channels of messages. Does not know what they mean.

use anyhow::{Context, anyhow};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub(super) use tokio_tungstenite::tungstenite::Message;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Both directions of a WebSocket. It is closed when the sender is gone.
pub(super) struct Ends {
    /// To the server.
    pub(super) sender: UnboundedSender<Message>,
    /// From the server; ends with the connection.
    pub(super) receiver: UnboundedReceiver<Message>,
}

/// Opens one, with the subprotocol that the server wants.
pub(super) async fn open(url: &str, protocol: Option<&str>) -> anyhow::Result<Ends> {
    let mut request = url.into_client_request().with_context(|| format!("{url} is no WebSocket address"))?;
    if let Some(protocol) = protocol {
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(protocol)?);
    }
    let (stream, _) = connect_async(request).await.map_err(|error| anyhow!("{url}: {error}"))?;
    let (sink, source) = stream.split();
    let (sender, outgoing) = unbounded_channel();
    let (incoming, receiver) = unbounded_channel();
    tokio::spawn(write(sink, outgoing));
    tokio::spawn(read(source, incoming));
    Ok(Ends { sender, receiver })
}

/// An object as a message.
pub(super) fn from_json(object: &Value) -> Message {
    Message::text(object.to_string())
}

/// The object in a message, where it holds one.
pub(super) fn to_json(message: &Message) -> Option<Value> {
    let object = serde_json::from_str(message.to_text().ok()?);
    object.inspect_err(|error| tracing::warn!(%error, "a server sent what is no JSON")).ok()
}

async fn write(mut sink: SplitSink<Stream, Message>, mut outgoing: UnboundedReceiver<Message>) {
    while let Some(message) = outgoing.recv().await {
        if let Err(error) = sink.send(message).await {
            tracing::debug!(%error, "a server's WebSocket cannot be written");
            return;
        }
    }
    let _ = sink.close().await;
}

async fn read(mut source: SplitStream<Stream>, incoming: UnboundedSender<Message>) {
    while let Some(Ok(message)) = source.next().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && incoming.send(message).is_err() {
            return;
        }
    }
}
