//! The turn, written once: commands, mesh, timers, datagrams, flush, wait. The only clock.
