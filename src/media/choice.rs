//! Which part of a track a seat is given: one encoding, and of that so many spatial and temporal
//! layers.

/// Spatial and temporal layers up to these.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Sublayers {
    /// Spatial layers up to this one.
    pub spatial: u8,
    /// Temporal layers up to this one.
    pub temporal: u8,
}

impl Sublayers {
    /// Everything an encoding has; VP8 has two bits for temporal layers, VP9 and the dependency
    /// descriptor have three bits for them and no more than three for spatial ones.
    pub const ALL: Sublayers = Sublayers { spatial: 7, temporal: 7 };
}

/// What a seat is to show of its track.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Choice {
    /// The encoding, by its place in the track.
    pub layer: u8,
    /// How much of it.
    pub sublayers: Sublayers,
}

impl Choice {
    /// One encoding with all it has.
    pub const fn whole(layer: u8) -> Choice {
        Choice { layer, sublayers: Sublayers::ALL }
    }
}
