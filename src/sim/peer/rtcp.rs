//! RTCP as a simulated peer writes and reads it (RFC 3550 §6, RFC 4585, RFC 5104).
//!
//! Written apart from the server's views on purpose, and slowly: into owned values.

use crate::base::NtpTime;
use crate::base::id::Ssrc;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;

/// One report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Block {
    /// Which stream is reported on.
    pub ssrc: Ssrc,
    /// Share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the beginning, 24 bits.
    pub lost: u32,
    /// Highest sequence number with its cycles.
    pub highest: u32,
    /// Interarrival jitter in clock ticks.
    pub jitter: u32,
    /// Middle bits of the last sender report's time.
    pub last_report: u32,
    /// Since then, in 1/65536 s.
    pub since_report: u32,
}

/// What a compound packet may hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// RFC 3550 §6.4.1.
    SenderReport {
        /// Whose.
        ssrc: Ssrc,
        /// Wall clock.
        ntp: NtpTime,
        /// The same moment on the stream's clock.
        rtp: u32,
        /// Packets sent.
        packets: u32,
        /// Payload bytes sent.
        bytes: u32,
        /// What the sender receives.
        blocks: Vec<Block>,
    },
    /// RFC 3550 §6.4.2.
    ReceiverReport {
        /// Whose.
        ssrc: Ssrc,
        /// What is received.
        blocks: Vec<Block>,
    },
    /// The canonical name (RFC 3550 §6.5.1).
    Description {
        /// Whose.
        ssrc: Ssrc,
        /// CNAME.
        cname: Vec<u8>,
    },
    /// RFC 3550 §6.6.
    Goodbye {
        /// Whose.
        ssrc: Ssrc,
    },
    /// Generic NACK (RFC 4585 §6.2.1), spelt out.
    Nack {
        /// Which stream.
        media: Ssrc,
        /// What is missing.
        sequences: Vec<u16>,
    },
    /// Picture loss (RFC 4585 §6.3.1).
    PictureLoss {
        /// Which stream.
        media: Ssrc,
    },
    /// Full intra request (RFC 5104 §4.3.1).
    FullIntra {
        /// Which stream.
        media: Ssrc,
        /// Its command number.
        number: u8,
    },
    /// Transport-wide feedback, undigested.
    TransportWide {
        /// The whole packet.
        packet: Vec<u8>,
    },
    /// What the peer thinks its link carries (draft-alvestrand-rmcat-remb-03 §2.2).
    Remb {
        /// Bits a second.
        bits_per_second: u64,
        /// The streams it speaks of.
        ssrcs: Vec<Ssrc>,
    },
    /// Anything else that is well-formed.
    Other {
        /// Packet type.
        kind: u8,
        /// Feedback message type or count.
        format: u8,
    },
}

/// Appends `message` to a compound packet sent by `sender`.
pub fn write(message: &Message, sender: Ssrc, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([0; 4]);
    let (kind, format) = write_body(message, sender, out);
    out.resize(start + (out.len() - start).next_multiple_of(4), 0);
    let words = (out.len() - start) / 4 - 1;
    out[start..start + 2].copy_from_slice(&[0x80 | format, kind]);
    out[start + 2..start + 4].copy_from_slice(&(words as u16).to_be_bytes());
}

fn write_body(message: &Message, sender: Ssrc, out: &mut Vec<u8>) -> (u8, u8) {
    let word = |out: &mut Vec<u8>, word: u32| out.extend(word.to_be_bytes());
    match message {
        Message::SenderReport { ssrc, ntp, rtp, packets, bytes, blocks } => {
            word(out, ssrc.0);
            out.extend(ntp.0.to_be_bytes());
            [*rtp, *packets, *bytes].iter().for_each(|value| word(out, *value));
            write_blocks(blocks, out);
            (SENDER_REPORT, blocks.len() as u8)
        }
        Message::ReceiverReport { ssrc, blocks } => {
            word(out, ssrc.0);
            write_blocks(blocks, out);
            (RECEIVER_REPORT, blocks.len() as u8)
        }
        Message::Description { ssrc, cname } => {
            word(out, ssrc.0);
            out.extend([1, cname.len() as u8]);
            out.extend(cname);
            // RFC 3550 §6.5: a chunk ends with at least one zero byte.
            out.push(0);
            (DESCRIPTION, 1)
        }
        Message::Goodbye { ssrc } => {
            word(out, ssrc.0);
            (GOODBYE, 1)
        }
        Message::Nack { media, sequences } => {
            [sender.0, media.0].iter().for_each(|value| word(out, *value));
            missing_words(sequences).into_iter().for_each(|value| word(out, value));
            (TRANSPORT_FEEDBACK, 1)
        }
        Message::PictureLoss { media } => {
            [sender.0, media.0].iter().for_each(|value| word(out, *value));
            (PAYLOAD_FEEDBACK, 1)
        }
        Message::FullIntra { media, number } => {
            let words = [sender.0, 0, media.0, u32::from(*number) << 24];
            words.iter().for_each(|value| word(out, *value));
            (PAYLOAD_FEEDBACK, 4)
        }
        Message::TransportWide { packet } => {
            out.extend(&packet[4..]);
            (TRANSPORT_FEEDBACK, 15)
        }
        Message::Remb { bits_per_second, ssrcs } => {
            [sender.0, 0, u32::from_be_bytes(*b"REMB")].iter().for_each(|value| word(out, *value));
            let exponent = (64 - bits_per_second.leading_zeros()).saturating_sub(18);
            let rate = exponent << 18 | (bits_per_second >> exponent) as u32;
            word(out, (ssrcs.len() as u32) << 24 | rate);
            ssrcs.iter().for_each(|ssrc| word(out, ssrc.0));
            (PAYLOAD_FEEDBACK, 15)
        }
        Message::Other { kind, format } => {
            word(out, sender.0);
            (*kind, *format)
        }
    }
}

fn write_blocks(blocks: &[Block], out: &mut Vec<u8>) {
    for block in blocks {
        let lost = u32::from(block.fraction_lost) << 24 | block.lost & 0x00ff_ffff;
        let words = [block.ssrc.0, lost, block.highest, block.jitter, block.last_report, block.since_report];
        words.iter().for_each(|word| out.extend(word.to_be_bytes()));
    }
}

/// Reads a compound packet that was opened; `None` when it contradicts itself.
pub fn read(mut rest: &[u8]) -> Option<Vec<Message>> {
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let head = rest.get(..4)?;
        if head[0] >> 6 != 2 {
            return None;
        }
        let length = 4 * (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1);
        let packet = rest.get(..length)?;
        messages.push(read_one(packet[1], packet[0] & 0x1f, packet)?);
        rest = &rest[length..];
    }
    Some(messages)
}

fn number(packet: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(packet.get(at..at + 4)?.try_into().ok()?))
}

fn read_one(kind: u8, format: u8, packet: &[u8]) -> Option<Message> {
    let word = |at| number(packet, at);
    let message = match (kind, format) {
        (SENDER_REPORT, count) => Message::SenderReport {
            ssrc: Ssrc(word(4)?),
            ntp: NtpTime(u64::from(word(8)?) << 32 | u64::from(word(12)?)),
            rtp: word(16)?,
            packets: word(20)?,
            bytes: word(24)?,
            blocks: read_blocks(packet, 28, count)?,
        },
        (RECEIVER_REPORT, count) => {
            Message::ReceiverReport { ssrc: Ssrc(word(4)?), blocks: read_blocks(packet, 8, count)? }
        }
        (DESCRIPTION, 1) => {
            let length = usize::from(*packet.get(9)?);
            let named = packet[8] == 1;
            let cname = if named { packet.get(10..10 + length)?.to_vec() } else { Vec::new() };
            Message::Description { ssrc: Ssrc(word(4)?), cname }
        }
        (GOODBYE, 1) => Message::Goodbye { ssrc: Ssrc(word(4)?) },
        (TRANSPORT_FEEDBACK, 1) => {
            Message::Nack { media: Ssrc(word(8)?), sequences: read_missing(packet.get(12..)?) }
        }
        (TRANSPORT_FEEDBACK, 15) => Message::TransportWide { packet: packet.to_vec() },
        (PAYLOAD_FEEDBACK, 1) => Message::PictureLoss { media: Ssrc(word(8)?) },
        (PAYLOAD_FEEDBACK, 4) => Message::FullIntra { media: Ssrc(word(12)?), number: *packet.get(16)? },
        _ => Message::Other { kind, format },
    };
    Some(message)
}

/// RFC 4585 §6.2.1: a sequence number, and a bit for each of the sixteen behind it.
fn missing_words(sequences: &[u16]) -> Vec<u32> {
    let mut words: Vec<u32> = Vec::new();
    for sequence in sequences {
        let first = words.last().map(|word| (word >> 16) as u16);
        match first.map(|first| sequence.wrapping_sub(first)) {
            Some(behind @ 1..=16) => *words.last_mut().expect("it was just read") |= 1 << (behind - 1),
            _ => words.push(u32::from(*sequence) << 16),
        }
    }
    words
}

fn read_blocks(packet: &[u8], start: usize, count: u8) -> Option<Vec<Block>> {
    let block = |n: usize| {
        let word = |k: usize| number(packet, start + 24 * n + 4 * k);
        let lost = word(1)?;
        Some(Block {
            ssrc: Ssrc(word(0)?),
            fraction_lost: (lost >> 24) as u8,
            lost: lost & 0x00ff_ffff,
            highest: word(2)?,
            jitter: word(3)?,
            last_report: word(4)?,
            since_report: word(5)?,
        })
    };
    (0..usize::from(count)).map(block).collect()
}

/// A packet id and the sixteen behind it as a mask (RFC 4585 §6.2.1).
fn read_missing(items: &[u8]) -> Vec<u16> {
    let mut sequences = Vec::new();
    for item in items.chunks_exact(4) {
        let first = u16::from_be_bytes([item[0], item[1]]);
        let mask = u16::from_be_bytes([item[2], item[3]]);
        sequences.push(first);
        sequences.extend((0..16).filter(|bit| mask >> bit & 1 == 1).map(|bit| first.wrapping_add(bit + 1)));
    }
    sequences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compound_packet_is_read_back() {
        let block = Block { ssrc: Ssrc(9), fraction_lost: 3, lost: 70_000, highest: 1, ..Block::default() };
        let messages = vec![
            Message::SenderReport {
                ssrc: Ssrc(1),
                ntp: NtpTime(0x0102_0304_0506_0708),
                rtp: 90_000,
                packets: 5,
                bytes: 6,
                blocks: vec![block, block],
            },
            Message::Description { ssrc: Ssrc(1), cname: b"abcde".to_vec() },
            Message::ReceiverReport { ssrc: Ssrc(1), blocks: vec![block] },
            Message::Nack { media: Ssrc(4), sequences: vec![65_535, 3] },
            Message::PictureLoss { media: Ssrc(4) },
            Message::FullIntra { media: Ssrc(4), number: 7 },
            Message::Goodbye { ssrc: Ssrc(1) },
        ];
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| write(message, Ssrc(1), &mut bytes));
        assert_eq!(read(&bytes), Some(messages));
        assert_eq!(read(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn the_mask_of_a_nack_is_spelt_out_across_the_wrap() {
        assert_eq!(read_missing(&[0xff, 0xff, 0x80, 0x01]), [65_535, 0, 15]);
    }
}
