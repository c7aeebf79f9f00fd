//! The machine as a test bench: namespaces, the wire between server and generator, cores and their
//! counters, and the server under test.
//!
//! Knows nothing of media and of what is measured.

pub(crate) mod cpu;
pub(crate) mod enclosure;
pub(crate) mod machine;
pub(crate) mod own;
pub(crate) mod place;
pub(crate) mod process;
pub(crate) mod traffic;
pub(crate) mod volley;
pub(crate) mod wire;
