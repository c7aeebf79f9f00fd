//! Redundant sound (RFC 2198): what a publisher sent twice is put where it belongs, and who loses
//! packets is sent each sound twice.
//!
//! Histories hold plain sound, one block under one index. So a publisher's redundancy heals its own
//! link for everybody, and a receiver's redundancy is made where it is needed: from the history,
//! while it seals.

use super::Shard;
use super::counters::Drop;
use super::ingress::{Aside, Way};
use crate::base::id::PayloadType;
use crate::base::{Outbox, Time};
use crate::control::types::Kind;
use crate::media::history::{MAX_PACKET, Stored};
use crate::media::track::{Layer, Track};
use crate::wire::red::{self, MAX_OLDER, RedView};
use crate::wire::rtp::RtpView;
use arrayvec::ArrayVec;
use std::time::Duration;

/// A receiver that reports more loss than this is sent each sound twice: 2 % in 256ths (RFC 3550
/// §6.4.1). Opus conceals less than that without anybody hearing it.
pub(super) const LOSSY: u8 = 5;

/// Bytes of both blocks that pass every path, with headers, in one packet.
const MOST_TOGETHER: usize = 1_000;

/// For so long after the last such report; reports on sound come every five seconds.
pub(super) const LOSSY_FOR: Duration = Duration::from_secs(30);

/// The block that may ride in front of a packet: the payload of the one before it in the history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Older {
    /// How much earlier it was, in ticks.
    pub(super) timestamp_offset: u16,
    /// Where it lies in the stored packet, and how long it is.
    pub(super) payload: (u16, u16),
    /// The codec's, as the receiver knows it.
    pub(super) payload_type: PayloadType,
}

/// Headers of the block in front and of the newest, then the block in front.
pub(super) type Head = ArrayVec<u8, MAX_PACKET>;

impl Older {
    /// Bytes it takes in front of the newest block.
    pub(super) fn len(self) -> u16 {
        red::HEADERS_LEN as u16 + self.payload.1
    }

    /// What goes in front of the newest block. `None` when the packet is not kept any more.
    pub(super) fn head(self, layer: &Layer, newest: u64) -> Option<Head> {
        let (bytes, _) = layer.history.get(newest.checked_sub(1)?)?;
        let (start, len) = (usize::from(self.payload.0), usize::from(self.payload.1));
        let block = bytes.get(start..start + len)?;
        let mut head = Head::new();
        let offset = u32::from(self.timestamp_offset);
        head.try_extend_from_slice(&red::headers(self.payload_type.0, offset, len)).ok()?;
        head.try_extend_from_slice(block).ok()?;
        Some(head)
    }
}

/// What may ride in front of the packet `index` with this time stamp; the payload type is the receiver's
/// and filled in by whoever knows it.
pub(super) fn older_of(
    track: &Track,
    layer: &Layer,
    (index, timestamp): (u64, u32),
    newest: usize,
) -> Option<Older> {
    if track.kind != Kind::Audio {
        return None;
    }
    let (bytes, Stored { .. }) = layer.history.get(index.checked_sub(1)?)?;
    let view = RtpView::parse(bytes).ok()?;
    let offset = timestamp.wrapping_sub(view.timestamp());
    let len = view.payload().len();
    let payload = (view.header_len() as u16, len as u16);
    let payload_type = PayloadType::default();
    (red::can_carry(offset, len) && len + newest <= MOST_TOGETHER).then_some(Older {
        timestamp_offset: offset as u16,
        payload,
        payload_type,
    })
}

/// A block within a packet of redundant sound.
struct Placed {
    /// Packets before the one it came in.
    back: u64,
    timestamp_offset: u32,
    start: usize,
    len: usize,
}

impl Shard {
    /// A packet of redundant sound stands opened in `scratch`: what of it is new goes into the
    /// history, oldest first, as if each block had come by itself.
    pub(super) fn on_redundant(&mut self, now: Time, packet: Aside, out: &mut impl Outbox) {
        let Aside { arrived, from, index, len } = packet;
        let Ok(view) = RtpView::parse(&self.scratch[..len]) else {
            return self.counters.drop(Drop::BadRtp);
        };
        let codecs = &self.tracks[from.track].codecs;
        let Some(codec) = codecs.iter().find(|codec| codec.red == Some(view.payload_type())) else {
            return self.counters.drop(Drop::UnknownCodec);
        };
        let payload_type = codec.payload_type;
        let (header_len, timestamp) = (view.header_len(), view.timestamp());
        let Some(blocks) = blocks_of(&view, payload_type) else {
            return self.counters.drop(Drop::BadRtp);
        };
        for block in blocks {
            let layer = &mut self.tracks[from.track].layers[usize::from(from.layer)];
            let Some(place) = index.checked_sub(block.back) else { continue };
            if block.back > 0 && (layer.highest.is_none() || layer.seen.knows(place)) {
                continue;
            }
            let room = layer.history.reserve(now);
            room[..header_len].copy_from_slice(&self.scratch[..header_len]);
            rewrite(
                room,
                payload_type,
                place,
                timestamp.wrapping_sub(block.timestamp_offset),
                block.back > 0,
            );
            let end = header_len + block.len;
            room[header_len..end].copy_from_slice(&self.scratch[block.start..block.start + block.len]);
            let way = if block.back == 0 { Way::Itself(arrived) } else { Way::Restored };
            self.counters.healed += u64::from(way == Way::Restored);
            self.store(now, way, from, (place, end), out);
        }
    }
}

/// The blocks of the codec, oldest first.
fn blocks_of(view: &RtpView<'_>, payload_type: PayloadType) -> Option<ArrayVec<Placed, { MAX_OLDER + 1 }>> {
    let red = RedView::parse(view.payload())?;
    let placed = |(back, block): (u64, red::Block<'_>)| Placed {
        back,
        timestamp_offset: block.timestamp_offset,
        start: view.header_len() + block.start,
        len: block.payload.len(),
    };
    let all = std::iter::once((0, red.newest())).chain(red.older());
    let own = all.filter(|(_, block)| block.payload_type == payload_type.0 && !block.payload.is_empty());
    let mut blocks: ArrayVec<Placed, { MAX_OLDER + 1 }> = own.map(placed).collect();
    blocks.reverse();
    Some(blocks)
}

/// Makes the header that of one block by itself. Padding belonged to the whole; what is older had a
/// marker of its own, which nobody knows.
fn rewrite(header: &mut [u8], payload_type: PayloadType, index: u64, timestamp: u32, older: bool) {
    header[0] &= !0x20;
    let marker = if older { 0 } else { header[1] & 0x80 };
    header[1] = marker | payload_type.0;
    header[2..4].copy_from_slice(&(index as u16).to_be_bytes());
    header[4..8].copy_from_slice(&timestamp.to_be_bytes());
}
