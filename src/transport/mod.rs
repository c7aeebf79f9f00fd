//! One secure association, sans-IO: ICE-lite, DTLS and SRTP.
