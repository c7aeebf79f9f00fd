//! Sender and receiver reports (RFC 3550 §6.4).

use super::RtcpError;
use super::header::{HEADER_LEN, body_writer, write_header};
use crate::base::id::Ssrc;
use crate::base::time::NtpTime;
use crate::wire::bytes::{Writer, be24, be32};

const BLOCK_LEN: usize = 24;
/// SSRC and sender info.
const SENDER_LEN: usize = 24;

/// What a receiver says of one source (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: Ssrc,
    /// Lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost in all; duplicates may make it negative. 24 bits.
    pub total_lost: i32,
    /// Highest sequence number received, with its cycles.
    pub highest_sequence: u32,
    /// Interarrival jitter, in ticks of the media clock.
    pub jitter: u32,
    /// The middle of the last sender report's NTP time, 0 if there was none.
    pub last_sender_report: u32,
    /// How long ago that came, in 1/65536 s.
    pub delay_since_last: u32,
}

impl ReportBlock {
    fn read(bytes: &[u8]) -> ReportBlock {
        ReportBlock {
            ssrc: Ssrc(be32(bytes, 0)),
            fraction_lost: bytes[4],
            total_lost: (be24(bytes, 5) as i32) << 8 >> 8,
            highest_sequence: be32(bytes, 8),
            jitter: be32(bytes, 12),
            last_sender_report: be32(bytes, 16),
            delay_since_last: be32(bytes, 20),
        }
    }

    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        let total_lost = self.total_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        writer.put_u32(self.ssrc.0)?;
        writer.put_u32(u32::from(self.fraction_lost) << 24 | total_lost)?;
        writer.put_u32(self.highest_sequence)?;
        writer.put_u32(self.jitter)?;
        writer.put_u32(self.last_sender_report)?;
        writer.put_u32(self.delay_since_last)
    }
}

fn read_blocks(blocks: &[u8]) -> impl ExactSizeIterator<Item = ReportBlock> + use<'_> {
    blocks.chunks_exact(BLOCK_LEN).map(ReportBlock::read)
}

/// What a sender says of its stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SenderInfo {
    /// The stream.
    pub ssrc: Ssrc,
    /// When this was said, on the sender's wall clock.
    pub ntp: NtpTime,
    /// The same moment on the media clock.
    pub rtp_timestamp: u32,
    /// Packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
}

/// A sender report.
#[derive(Clone, Copy, Debug)]
pub struct SenderReport<'a> {
    /// The sender's own part.
    pub info: SenderInfo,
    blocks: &'a [u8],
}

impl<'a> SenderReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<SenderReport<'a>, RtcpError> {
        // What follows the blocks is a profile's own extension (RFC 3550 §6.4.3).
        let blocks =
            body.get(SENDER_LEN..SENDER_LEN + BLOCK_LEN * usize::from(count)).ok_or(RtcpError::Malformed)?;
        let info = SenderInfo {
            ssrc: Ssrc(be32(body, 0)),
            ntp: NtpTime(u64::from(be32(body, 4)) << 32 | u64::from(be32(body, 8))),
            rtp_timestamp: be32(body, 12),
            packets: be32(body, 16),
            octets: be32(body, 20),
        };
        Ok(SenderReport { info, blocks })
    }

    /// What the sender says of the sources it receives.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = ReportBlock> + use<'a> {
        read_blocks(self.blocks)
    }
}

/// A receiver report.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverReport<'a> {
    /// Who reports.
    pub sender: Ssrc,
    blocks: &'a [u8],
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<ReceiverReport<'a>, RtcpError> {
        let blocks = body.get(4..4 + BLOCK_LEN * usize::from(count)).ok_or(RtcpError::Malformed)?;
        Ok(ReceiverReport { sender: Ssrc(be32(body, 0)), blocks })
    }

    /// What the receiver says of each source.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = ReportBlock> + use<'a> {
        read_blocks(self.blocks)
    }
}

/// Writes a sender report with at most 31 blocks.
pub fn write_sender_report(info: &SenderInfo, blocks: &[ReportBlock], out: &mut [u8]) -> Option<usize> {
    let count = block_count(blocks)?;
    let mut writer = body_writer(out)?;
    writer.put_u32(info.ssrc.0)?;
    writer.put(&info.ntp.0.to_be_bytes())?;
    writer.put_u32(info.rtp_timestamp)?;
    writer.put_u32(info.packets)?;
    writer.put_u32(info.octets)?;
    blocks.iter().try_for_each(|block| block.write(&mut writer))?;
    let len = HEADER_LEN + writer.len();
    write_header(200, count, len, out)
}

/// Writes a receiver report with at most 31 blocks.
pub fn write_receiver_report(sender: Ssrc, blocks: &[ReportBlock], out: &mut [u8]) -> Option<usize> {
    let count = block_count(blocks)?;
    let mut writer = body_writer(out)?;
    writer.put_u32(sender.0)?;
    blocks.iter().try_for_each(|block| block.write(&mut writer))?;
    let len = HEADER_LEN + writer.len();
    write_header(201, count, len, out)
}

fn block_count(blocks: &[ReportBlock]) -> Option<u8> {
    u8::try_from(blocks.len()).ok().filter(|&count| count < 32)
}
