//! JSON over a WebSocket, as the servers' signaling speaks it. Does not know what the objects mean.

use anyhow::{Context, anyhow};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Both directions of a WebSocket. It is closed when the sender is gone.
pub(super) struct Ends {
    /// Objects to the server.
    pub(super) sender: UnboundedSender<Value>,
    /// Objects from the server; ends with the connection.
    pub(super) receiver: UnboundedReceiver<Value>,
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

async fn write(mut sink: SplitSink<Stream, Message>, mut outgoing: UnboundedReceiver<Value>) {
    while let Some(object) = outgoing.recv().await {
        let text = Utf8Bytes::from(object.to_string());
        if let Err(error) = sink.send(Message::Text(text)).await {
            tracing::debug!(%error, "a server's WebSocket cannot be written");
            return;
        }
    }
    let _ = sink.close().await;
}

async fn read(mut source: SplitStream<Stream>, incoming: UnboundedSender<Value>) {
    while let Some(Ok(message)) = source.next().await {
        let Message::Text(text) = message else { continue };
        match serde_json::from_str(&text) {
            Ok(object) => {
                if incoming.send(object).is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "a server sent what is no JSON"),
        }
    }
}
