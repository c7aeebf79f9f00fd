//! What a track is owed: history, fan-out, rewriting, recovery and feedback. Knows no transport.
