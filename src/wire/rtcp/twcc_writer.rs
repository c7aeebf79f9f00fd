//! Transport-wide congestion control feedback, written
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).

use super::header::{HEADER_LEN, body_writer, write_header};
use super::twcc::{Symbol, TICK, TICKS_PER_REFERENCE};
use crate::base::id::Ssrc;
use crate::base::time::Time;
use crate::wire::bytes::Writer;
use arrayvec::ArrayVec;

/// Most packets one message reports on. With two bytes a delta that is 1.2 kB, a datagram's worth;
/// at 1,000 packets a second and a message every 100 ms it is used to a fifth.
pub const MAX_STATUSES: usize = 512;

// One run-length chunk can say that all of them are alike.
const _: () = assert!(MAX_STATUSES <= 0x1fff);

/// What a message took in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrittenFeedback {
    /// Its length.
    pub len: usize,
    /// How many of the packets it reports on: the rest belongs into the next message.
    pub packets: usize,
}

/// Writes feedback on `packets`: their sequence numbers, rising (modulo 2^16), and when they
/// arrived. Numbers left out, and those without a time, are reported lost.
///
/// `None` when there is no room or when none of the first [`MAX_STATUSES`] numbers arrived.
pub fn write_transport_feedback(
    sender: Ssrc,
    media: Ssrc,
    feedback_count: u8,
    packets: &[(u16, Option<Time>)],
    out: &mut [u8],
) -> Option<WrittenFeedback> {
    let (&(base_sequence, _), first_arrival) =
        (packets.first()?, packets.iter().find_map(|packet| packet.1)?);
    let reference = ticks(first_arrival).div_euclid(TICKS_PER_REFERENCE);
    let room = out.len().checked_sub(HEADER_LEN + 16)?;
    let plan = Plan::make(packets, reference * TICKS_PER_REFERENCE, room);
    if plan.deltas.is_empty() {
        return None;
    }
    let mut writer = body_writer(out)?;
    writer.put_u32(sender.0)?;
    writer.put_u32(media.0)?;
    writer.put_u16(base_sequence)?;
    writer.put_u16(plan.symbols.len() as u16)?;
    writer.put_u32((reference as u32) << 8 | u32::from(feedback_count))?;
    write_chunks(&plan.symbols, &mut writer)?;
    for &delta in &plan.deltas {
        match u8::try_from(delta) {
            Ok(small) => writer.put_u8(small)?,
            Err(_) => writer.put(&delta.to_be_bytes())?,
        }
    }
    writer.align()?;
    let len = HEADER_LEN + writer.len();
    let len = write_header(205, 15, len, out)?;
    Some(WrittenFeedback { len, packets: plan.packets })
}

/// Whole ticks on the receiver's clock: rounding the moments, not the differences between them,
/// keeps errors from adding up.
fn ticks(time: Time) -> i64 {
    (time.as_nanos() / TICK.as_nanos() as u64) as i64
}

/// What fits into one message.
struct Plan {
    symbols: ArrayVec<Symbol, MAX_STATUSES>,
    deltas: ArrayVec<i16, MAX_STATUSES>,
    packets: usize,
}

impl Plan {
    fn make(packets: &[(u16, Option<Time>)], mut clock: i64, room: usize) -> Plan {
        let mut plan = Plan { symbols: ArrayVec::new(), deltas: ArrayVec::new(), packets: 0 };
        let (base, mut deltas_len) = (packets[0].0, 0);
        for &(sequence, arrival) in packets {
            let at = usize::from(sequence.wrapping_sub(base));
            let Some((symbol, delta)) = status(arrival, clock) else { break };
            if at < plan.symbols.len() || at >= MAX_STATUSES {
                break;
            }
            // Each chunk but the last covers seven packets or more.
            let len = 2 * (at + 1).div_ceil(7) + deltas_len + symbol.delta_len();
            if len.next_multiple_of(4) > room {
                break;
            }
            while plan.symbols.len() < at {
                plan.symbols.push(Symbol::Lost);
            }
            plan.symbols.push(symbol);
            plan.packets += 1;
            deltas_len += symbol.delta_len();
            if let Some(delta) = delta {
                plan.deltas.push(delta);
                clock += i64::from(delta);
            }
        }
        plan
    }
}

/// How a packet is marked that arrived when the clock of the deltas stood at `clock`; `None` when
/// the time between does not fit a delta, so that a new message with a new reference must begin.
fn status(arrival: Option<Time>, clock: i64) -> Option<(Symbol, Option<i16>)> {
    let Some(arrival) = arrival else { return Some((Symbol::Lost, None)) };
    let delta = i16::try_from(ticks(arrival) - clock).ok()?;
    let symbol = if (0..256).contains(&delta) { Symbol::Small } else { Symbol::Large };
    Some((symbol, Some(delta)))
}

fn write_chunks(mut symbols: &[Symbol], writer: &mut Writer<'_>) -> Option<()> {
    while let Some(&first) = symbols.first() {
        let run = symbols.iter().take_while(|&&symbol| symbol == first).count();
        let (in_one_bit, in_two_bit) = (symbols.len().min(14), symbols.len().min(7));
        let one_bit = !symbols[..in_one_bit].contains(&Symbol::Large);
        let in_vector = if one_bit { in_one_bit } else { in_two_bit };
        if run >= in_vector {
            writer.put_u16((first as u16) << 13 | run as u16)?;
            symbols = &symbols[run..];
            continue;
        }
        let (kind, bits) = if one_bit { (2u16, 1) } else { (3, 2) };
        let vector = symbols[..in_vector]
            .iter()
            .enumerate()
            .fold(kind << 14, |vector, (at, &symbol)| vector | (symbol as u16) << (14 - bits - bits * at));
        writer.put_u16(vector)?;
        symbols = &symbols[in_vector..];
    }
    Some(())
}
