//! What is asked over HTTP, WebSocket and TLS, of servers on ports of their own. One program, since each one takes seconds to
//! link.

#[path = "../common/mod.rs"]
mod common;

mod audience;
mod described;
mod https;
mod limits;
mod origins;
mod page_files;
mod recordings_elsewhere;
mod recordings_over_http;
mod refusals;
mod room_limits;
mod session_tokens;
mod slow_bodies;
mod whip;
