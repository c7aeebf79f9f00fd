//! Who may receive what. Sees no packets.
