//! RTCP messages together.
