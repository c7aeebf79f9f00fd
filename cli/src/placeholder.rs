//! Stands in for the two processes' work until it is there: signaling answers `/health`, media
//! takes part in its channels.

use std::io::{Read as _, Write as _};
use volley::control::handover::{MediaHandover, SignalingHandover};
use volley::control::{SignalingChannel, WorkerChannel};

pub(crate) fn run_media(handover: MediaHandover) -> anyhow::Result<()> {
    let mut workers = Vec::new();
    for worker in handover.workers {
        workers.push(WorkerChannel::attach(worker.channel)?);
    }
    loop {
        std::thread::park();
    }
}

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
