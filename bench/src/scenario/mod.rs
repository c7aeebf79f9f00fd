//! One file per command: what is run in which order, and what is reported of it.

pub(crate) mod limit;
