//! All that one core owns, sans-IO: bytes and time go in, bytes and the next deadline come out.
