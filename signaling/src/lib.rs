//! Volley's signaling process: WebSocket, REST, SDP and the web page. It sees no packet.
//!
//! - [`sdp`]: what offers say and answers must say.
//! - [`protocol`]: the JSON of the WebSocket.
//! - [`state`]: all decisions, without a socket or a clock.
//! - [`link`], [`store`]: the media process and the records, as far as the state needs them.
//! - [`access`]: who may do what.
//! - [`settings`]: what is configured.
//! - [`mod@tls`]: HTTPS and WSS; `plain`: HTTP; `media_tcp`: media that comes over TCP, also to their ports;
//!   `accepting`: what they have in common; `serving`: requests on what they have taken.
//! - [`acme`]: certificates that are fetched and renewed.
//! - [`webhooks`]: what others are told of rooms.
//! - `traces`: what a collector is told of joins.
//! - `outward`: HTTP to others.
//! - `metrics`: what Prometheus is told; [`sockets`]: the kernel's tables of them.
//! - `memory`: what all of it takes; [`cgroup`]: what it may before the kernel kills or stops it.
//! - `hub`: the one task that owns the state; `http`: everything that is served.

mod accepting;
pub mod access;
pub mod acme;
pub mod cgroup;
mod clock;
mod http;
mod hub;
pub mod link;
mod media_tcp;
mod memory;
mod metrics;
mod outward;
mod plain;
pub mod protocol;
mod recorder_link;
pub mod sdp;
mod serve;
mod serving;
pub mod settings;
pub mod sockets;
pub mod state;
pub mod store;
pub mod tls;
mod traces;
pub mod webhooks;
mod written_through;

pub use metrics::MetricsPort;
pub use outward::shown_url;
pub use serve::{MediaPort, Ports, Updates, run, serve};
pub use serving::Patience;
