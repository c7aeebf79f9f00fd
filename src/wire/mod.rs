//! Checked views over STUN, RTP, header extensions and RTCP: no state, no allocation.

pub(crate) mod bytes;
pub mod demux;
pub mod extension;
pub mod red;
pub mod rtcp;
pub mod rtp;
pub mod stun;
