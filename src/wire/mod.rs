//! Checked views over STUN, RTP, header extensions, RTCP and payload descriptors: no state, no
//! allocation.

pub(crate) mod bytes;
pub mod demux;
pub mod dependency;
pub mod extension;
pub mod red;
pub mod rtcp;
pub mod rtp;
pub mod stun;
pub mod ulpfec;
pub mod vp8;
pub mod vp9;
