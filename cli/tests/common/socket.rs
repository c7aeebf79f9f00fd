//! A page that can do nothing but speak over its WebSocket (RFC 6455).

use super::PATIENCE;
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

pub(crate) struct Socket(pub(crate) TcpStream);

impl Socket {
    pub(crate) fn open(address: &str) -> Socket {
        let mut stream = TcpStream::connect(address).expect("the server takes connections");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "GET /ws HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        Socket(stream)
    }

    /// Opens one and joins.
    pub(crate) fn join(address: &str, room: &str, name: &str) -> Socket {
        let mut socket = Socket::open(address);
        socket.say(&format!(r#"{{"type":"join","roomId":"{room}","participantName":"{name}"}}"#));
        socket.hear("joined").expect("it is let in");
        socket
    }

    /// Sends a text under a mask of zeros, which changes nothing.
    pub(crate) fn say(&mut self, text: &str) {
        let mut frame = vec![0x80 | TEXT];
        match text.len() {
            length @ 0..=125 => frame.push(0x80 | length as u8),
            length => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).expect("the socket is open");
    }

    /// The next message of this type; `None`: the socket was closed before.
    pub(crate) fn hear(&mut self, kind: &str) -> Option<Value> {
        loop {
            let (opcode, payload) = self.frame()?;
            match opcode {
                TEXT => {
                    let message: Value = serde_json::from_slice(&payload).expect("messages are JSON");
                    if message["type"] == kind {
                        return Some(message);
                    }
                }
                CLOSE => return None,
                _ => {}
            }
        }
    }

    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).ok()?;
        let length = match head[1] & 0x7f {
            126 => {
                let mut length = [0; 2];
                self.0.read_exact(&mut length).ok()?;
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                self.0.read_exact(&mut length).ok()?;
                u64::from_be_bytes(length)
            }
            length => u64::from(length),
        };
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).ok()?;
        Some((head[0] & 0x0f, payload))
    }
}
