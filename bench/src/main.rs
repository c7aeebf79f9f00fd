//! `volley-bench`: what a forwarded packet costs, here and on other servers.

mod load;
mod signal;

fn main() {}
