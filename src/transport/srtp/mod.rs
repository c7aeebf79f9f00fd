//! SRTP and SRTCP (RFC 3711, RFC 7714) over `aws-lc-rs` and `ring`: sealing, opening, replay windows.
//!
//! Nothing here allocates per packet: packets are opened out of place into the slot that will keep
//! them, and sealed out of place into the train that will carry them. A receiver's state moves
//! only for what proved authentic. Where keys come from and what packets mean is not known here;
//! a sender is told each packet's index and trusts that it is never used twice.

mod cipher;
mod gcm;
mod keys;
mod receiver;
mod replay;
mod sender;
mod state;
#[cfg(test)]
mod tests;

pub use keys::{MasterKey, MasterKeys, Role, exporter_len};
pub use receiver::{MAX_STREAMS, Opened, SrtpReceiver};
pub use sender::{Payload, SrtpSender};
pub use state::{ReceiverState, SenderState, SrtpState, StreamState, WindowState};

use crate::control::types::SrtpProfile;

/// Packet indices are 48 bits: roll-over counter and sequence number (RFC 3711 §3.3.1).
pub const MAX_RTP_INDEX: u64 = (1 << 48) - 1;
/// SRTCP indices are 31 bits (RFC 3711 §3.4).
pub const MAX_RTCP_INDEX: u32 = (1 << 31) - 1;
/// The E flag and the SRTCP index (RFC 3711 §3.4).
const RTCP_INDEX_LEN: usize = 4;
/// The part of an SRTCP packet that is never encrypted: header and SSRC (RFC 3711 §3.4).
const RTCP_HEADER_LEN: usize = 8;

/// Bytes an RTP packet grows by.
pub const fn rtp_overhead(profile: SrtpProfile) -> usize {
    match profile {
        // RFC 7714 §12: the tag is always 16 bytes.
        SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => 16,
        // RFC 5764 §4.1.2: 80 bits.
        SrtpProfile::Aes128CmSha1_80 => 10,
    }
}

/// Bytes an RTCP packet grows by.
pub const fn rtcp_overhead(profile: SrtpProfile) -> usize {
    rtp_overhead(profile) + RTCP_INDEX_LEN
}

/// Why a packet was neither opened nor sealed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum SrtpError {
    /// Too short to be one.
    #[error("too short")]
    Short,
    /// Not RTP version 2.
    #[error("not RTP version 2")]
    UnknownVersion,
    /// This index was seen before (RFC 3711 §3.3.2).
    #[error("replayed")]
    Replayed,
    /// Too far behind the newest packet for the replay window to tell.
    #[error("older than the replay window")]
    TooOld,
    /// The authentication tag is wrong.
    #[error("not authentic")]
    NotAuthentic,
    /// The peer uses more SSRCs than are kept track of.
    #[error("too many streams")]
    TooManyStreams,
    /// The output is too small.
    #[error("the output is too small")]
    NoRoom,
    /// The index has come to its end; the keys must not be used any more (RFC 3711 §9.2).
    #[error("all indices are used up")]
    Exhausted,
    /// A state to be imported is of another version or contradicts itself.
    #[error("not a state this version can take over")]
    BadState,
}
