//! Sockets, rings, buffers and trains: the only code that touches the kernel, and the only `unsafe` beside the shared-memory ring.
