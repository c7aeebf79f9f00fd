//! Checked views over STUN, RTP, header extensions and RTCP: no state, no allocation.

pub mod stun;
