//! `volley-bench`: what a forwarded packet costs, here and on other servers.

mod rivals;
mod signal;

fn main() {}
