//! What the publisher sends: packets made beforehand, and again when they were lost.

use std::collections::VecDeque;
use volley::base::Time;
use volley::control::types::{Codec, Kind};
use volley::sim::payload::{self, Tag};
use volley::sim::peer::format::{Shape, descriptor};
use volley::sim::peer::publisher::PublisherOptions;
use volley::sim::peer::rtp::Header;

/// Packets the publisher keeps to send again.
const KEPT: usize = 400;

/// A published track at work.
pub(crate) struct Source {
    /// As it was published.
    pub(crate) options: PublisherOptions,
    /// How many packets there were.
    pub(crate) next: u64,
    rtx_sequence: u16,
    kept: VecDeque<(Header, Vec<u8>)>,
}

impl Source {
    pub(crate) fn new(options: PublisherOptions) -> Source {
        Source { options, next: 0, rtx_sequence: 0, kept: VecDeque::with_capacity(KEPT) }
    }

    fn kind(&self) -> Kind {
        if self.options.codec == Codec::Opus { Kind::Audio } else { Kind::Video }
    }

    pub(crate) fn timestamp(&self, now: Time) -> u32 {
        let rate = if self.kind() == Kind::Audio { 48 } else { 90 };
        (now.as_nanos() / 1_000 * rate / 1_000) as u32
    }

    pub(crate) fn produce(&mut self, now: Time, shape: &Shape, body: usize) -> (Header, Vec<u8>) {
        let tag = Tag {
            room: self.options.room,
            track: self.options.track,
            index: self.next,
            captured: now,
            frame: shape.frame,
            key: shape.key,
            first: shape.first,
            last: shape.last,
            kind: self.kind(),
            corrected: false,
            layer: 0,
            svc: None,
        };
        let mut payload = descriptor(self.options.codec, shape);
        payload::write(&mut payload, &tag, body);
        let header = Header {
            marker: shape.last,
            payload_type: self.options.payload_type,
            sequence: self.next as u16,
            timestamp: self.timestamp(now),
            ssrc: self.options.ssrc,
            extensions: Vec::new(),
        };
        self.next += 1;
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((header.clone(), payload.clone()));
        (header, payload)
    }

    /// RFC 4588 §4: the original sequence number before the original payload.
    pub(crate) fn wrap(&mut self, sequence: u16) -> Option<(Header, Vec<u8>)> {
        let kept = self.kept.iter().find(|kept| kept.0.sequence == sequence)?;
        let (mut header, mut payload) = kept.clone();
        payload.splice(0..0, sequence.to_be_bytes());
        self.rtx_sequence += 1;
        header.sequence = self.rtx_sequence;
        header.ssrc = self.options.rtx_ssrc?;
        header.payload_type = self.options.rtx_payload_type?;
        Some((header, payload))
    }
}
