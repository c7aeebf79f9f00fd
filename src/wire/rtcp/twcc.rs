//! Transport-wide congestion control feedback, read
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).

use super::RtcpError;
use crate::base::id::Ssrc;
use crate::wire::bytes::{be16, be24, be32};
use std::time::Duration;

/// The unit of receive deltas.
pub const TICK: Duration = Duration::from_micros(250);
/// The reference time counts 64 ms.
pub const TICKS_PER_REFERENCE: i64 = 256;

const FIXED_LEN: usize = 16;

/// Packets one message reports on at most: 400 ms of 100 Mbit/s. Run lengths would let 36 bytes speak of
/// 65,535.
pub const MOST_STATUSES: u16 = 4_096;

/// Which packets arrived, and when.
#[derive(Clone, Copy, Debug)]
pub struct TransportFeedback<'a> {
    /// Who received them.
    pub sender: Ssrc,
    /// Any stream of the transport.
    pub media: Ssrc,
    /// The first packet reported on.
    pub base_sequence: u16,
    /// How many packets are reported on.
    pub status_count: u16,
    /// When the deltas start, in units of 64 ms on the receiver's clock; 24 bits, signed.
    pub reference_time: i32,
    /// Counts feedback messages, so that lost ones are noticed.
    pub feedback_count: u8,
    /// Chunks, then deltas.
    content: &'a [u8],
    deltas_at: usize,
}

/// What became of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PacketStatus {
    /// Its transport-wide sequence number.
    pub sequence: u16,
    /// When it arrived, in [`TICK`]s since the clock of the reference time was zero.
    pub arrival_ticks: Option<i64>,
}

impl<'a> TransportFeedback<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<TransportFeedback<'a>, RtcpError> {
        if body.len() < FIXED_LEN {
            return Err(RtcpError::Malformed);
        }
        let mut feedback = TransportFeedback {
            sender: Ssrc(be32(body, 0)),
            media: Ssrc(be32(body, 4)),
            base_sequence: be16(body, 8),
            status_count: be16(body, 10),
            reference_time: (be24(body, 12) as i32) << 8 >> 8,
            feedback_count: body[15],
            content: &body[FIXED_LEN..],
            deltas_at: 0,
        };
        feedback.measure()?;
        Ok(feedback)
    }

    /// Finds where the deltas begin, and that all of them are there.
    fn measure(&mut self) -> Result<(), RtcpError> {
        if self.status_count == 0 || self.status_count > MOST_STATUSES {
            return Err(RtcpError::Malformed);
        }
        let (mut left, mut deltas_len) = (usize::from(self.status_count), 0);
        while left > 0 {
            let chunk = self.content.get(self.deltas_at..self.deltas_at + 2).ok_or(RtcpError::Malformed)?;
            let chunk = Chunk(be16(chunk, 0));
            let covered = chunk.capacity().min(left);
            deltas_len += chunk.delta_bytes(covered)?;
            // An empty run would let a message of 64 KiB be walked for nothing.
            if covered == 0 {
                return Err(RtcpError::Malformed);
            }
            left -= covered;
            self.deltas_at += 2;
        }
        if self.content.len() < self.deltas_at + deltas_len {
            return Err(RtcpError::Malformed);
        }
        Ok(())
    }

    /// Every packet reported on, in the order of their sequence numbers.
    pub fn packets(&self) -> impl Iterator<Item = PacketStatus> + use<'a> {
        let mut clock = i64::from(self.reference_time) * TICKS_PER_REFERENCE;
        let (chunks, mut deltas) = self.content.split_at(self.deltas_at);
        let symbols = chunks.chunks_exact(2).flat_map(|chunk| {
            let chunk = Chunk(be16(chunk, 0));
            (0..chunk.capacity()).map(move |at| chunk.symbol(at))
        });
        let base = self.base_sequence;
        (0..self.status_count).zip(symbols).map(move |(at, symbol)| {
            let arrival_ticks = take_delta(symbol, &mut deltas).map(|delta| {
                clock += delta;
                clock
            });
            PacketStatus { sequence: base.wrapping_add(at), arrival_ticks }
        })
    }
}

/// A packet status symbol (§3.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Symbol {
    Lost = 0,
    Small = 1,
    Large = 2,
    Reserved = 3,
}

impl Symbol {
    const fn of(bits: u16) -> Symbol {
        match bits & 3 {
            0 => Symbol::Lost,
            1 => Symbol::Small,
            2 => Symbol::Large,
            _ => Symbol::Reserved,
        }
    }

    /// Bytes of its delta.
    pub(super) const fn delta_len(self) -> usize {
        match self {
            Symbol::Lost | Symbol::Reserved => 0,
            Symbol::Small => 1,
            Symbol::Large => 2,
        }
    }
}

fn take_delta(symbol: Symbol, deltas: &mut &[u8]) -> Option<i64> {
    let (delta, rest) = match (symbol, *deltas) {
        (Symbol::Small, [delta, rest @ ..]) => (i64::from(*delta), rest),
        (Symbol::Large, [high, low, rest @ ..]) => (i64::from(i16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    *deltas = rest;
    Some(delta)
}

/// A packet status chunk (§3.1.3, §3.1.4).
#[derive(Clone, Copy)]
struct Chunk(u16);

impl Chunk {
    /// How many packets it speaks of.
    const fn capacity(self) -> usize {
        match self.0 >> 14 {
            0 | 1 => (self.0 & 0x1fff) as usize,
            2 => 14,
            _ => 7,
        }
    }

    /// The symbol of one of them.
    const fn symbol(self, at: usize) -> Symbol {
        match self.0 >> 14 {
            0 | 1 => Symbol::of(self.0 >> 13),
            2 => Symbol::of(self.0 >> (13 - at) & 1),
            _ => Symbol::of(self.0 >> (12 - 2 * at)),
        }
    }

    /// Bytes of the deltas of the first `covered` of them.
    fn delta_bytes(self, covered: usize) -> Result<usize, RtcpError> {
        if self.0 >> 15 == 0 {
            return match self.symbol(0) {
                Symbol::Reserved => Err(RtcpError::Malformed),
                symbol => Ok(covered * symbol.delta_len()),
            };
        }
        (0..covered).try_fold(0, |sum, at| match self.symbol(at) {
            Symbol::Reserved => Err(RtcpError::Malformed),
            symbol => Ok(sum + symbol.delta_len()),
        })
    }
}
