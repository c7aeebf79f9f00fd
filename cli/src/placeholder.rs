//! Stands in for signaling's work until it is there: answers `/health`.

use std::io::{Read as _, Write as _};
use volley::control::SignalingChannel;
use volley::control::handover::SignalingHandover;

pub(crate) fn run_signaling(handover: SignalingHandover) -> anyhow::Result<()> {
    for worker in handover.workers {
        SignalingChannel::attach(worker.channel)?;
    }
    for stream in handover.http.incoming() {
        let mut stream = stream?;
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    Ok(())
}
