//! One secure association, sans-IO: ICE-lite, DTLS and SRTP.

pub mod srtp;
