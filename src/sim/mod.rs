//! Virtual time, lossy links, simulated peers and the oracles. Knows neither `io` nor `worker`.
