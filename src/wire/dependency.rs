//! The dependency descriptor (AV1 RTP specification, appendix A): which frame a packet belongs to,
//! what that frame needs, and for whom it is needed.
//!
//! Knows one descriptor at a time: the structure that a key frame brings is kept by the caller.

use arrayvec::ArrayVec;

/// Bytes that every descriptor has (§A.8.2).
const MANDATORY_LEN: usize = 3;
/// Where the frame number stands.
const NUMBER_AT: std::ops::Range<usize> = 1..3;
/// Ids of templates have six bits.
const MAX_TEMPLATES: usize = 64;
/// Their count less one has five bits.
const MAX_TARGETS: usize = 32;
/// The layers a target is looked up by: spatial ids up to 3, temporal ids up to 7 (§A.4).
const SPATIAL: usize = 4;
const TEMPORAL: usize = 8;

/// What a frame is to those who decode a target (§A.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Indication {
    /// It is not sent to them.
    NotPresent,
    /// They can do without it.
    Discardable,
    /// From here on they can decode the target.
    Switch,
    /// They need it.
    Required,
}

/// Indications for all targets, two bits each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Indications(u64);

impl Indications {
    fn set(&mut self, target: usize, bits: u32) {
        self.0 |= u64::from(bits) << (2 * target);
    }

    fn get(self, target: u8) -> Indication {
        match self.0 >> (2 * u32::from(target).min(31)) & 3 {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        }
    }
}

/// The frames that a frame needs, by how far back they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    near: u64,
    /// Something more than 64 frames back is needed.
    far: bool,
}

impl Needs {
    fn add(&mut self, back: u32) {
        match back {
            1..=64 => self.near |= 1 << (back - 1),
            _ => self.far = true,
        }
    }

    /// Whether all of them are among `sent`: a bit for each frame before, the last lowest.
    pub fn are_met(&self, sent: u64) -> bool {
        !self.far && self.near & !sent == 0
    }
}

/// A kind of frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Template {
    spatial: u8,
    temporal: u8,
    indications: Indications,
    needs: Needs,
}

/// What the frames of a coded video sequence are like: it comes with the first packet of its key
/// frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Structure {
    offset: u8,
    templates: ArrayVec<Template, MAX_TEMPLATES>,
    /// The layers that each target has at most.
    targets: ArrayVec<(u8, u8), MAX_TARGETS>,
    /// The best target up to each spatial and temporal layer.
    best: [[u8; TEMPORAL]; SPATIAL],
    /// The targets that come, a bit each, and the packet that said so.
    active: (u32, u64),
}

/// A packet's frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Described {
    /// Its frame begins with it.
    pub begins: bool,
    /// Its frame ends with it.
    pub ends: bool,
    /// Counts the frames of all layers, modulo 2^16.
    pub number: u16,
    /// Its spatial layer.
    pub spatial: u8,
    /// Its temporal layer.
    pub temporal: u8,
    /// What it needs.
    pub needs: Needs,
    /// The targets that come from now on, a bit each, where the packet tells.
    pub active: Option<u32>,
    indications: Indications,
}

impl Described {
    /// What the frame is to those who decode `target`.
    pub fn indication(&self, target: u8) -> Indication {
        self.indications.get(target)
    }

    /// Reads a descriptor with the structure that holds; `None` when it is not one, or names a
    /// template the structure does not have.
    pub fn read(data: &[u8], structure: &Structure) -> Option<Described> {
        let mut bits = Bits::new(data);
        let (begins, ends) = (bits.flag()?, bits.flag()?);
        let (template, number) = (bits.take(6)? as u8, bits.take(16)? as u16);
        let extended =
            if data.len() > MANDATORY_LEN { Extended::read(&mut bits)? } else { Extended::default() };
        if extended.has_structure {
            Structure::read_from(&mut bits)?;
        }
        let targets = structure.targets.len() as u32;
        let active = if extended.has_active_targets { Some(bits.take(targets)?) } else { None };
        let place = usize::from(template.wrapping_sub(structure.offset) % MAX_TEMPLATES as u8);
        let mut frame = *structure.templates.get(place)?;
        if extended.own_indications {
            frame.indications = read_indications(&mut bits, structure.targets.len())?;
        }
        if extended.own_needs {
            frame.needs = read_own_needs(&mut bits)?;
        }
        let Template { spatial, temporal, indications, needs } = frame;
        Some(Described { begins, ends, number, spatial, temporal, needs, active, indications })
    }

    /// The frame number of a descriptor.
    pub fn number_of(data: &[u8]) -> Option<u16> {
        let bytes = data.get(NUMBER_AT)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Gives a descriptor another frame number. It holds no other: what a frame needs is told by how
    /// far back it is.
    pub fn renumber(data: &mut [u8], number: u16) {
        if let Some(bytes) = data.get_mut(NUMBER_AT) {
            bytes.copy_from_slice(&number.to_be_bytes());
        }
    }
}

/// The flags of a longer descriptor (§A.8.2, extended_descriptor_fields).
#[derive(Clone, Copy, Default)]
struct Extended {
    has_structure: bool,
    has_active_targets: bool,
    own_indications: bool,
    own_needs: bool,
}

impl Extended {
    fn read(bits: &mut Bits<'_>) -> Option<Extended> {
        let extended = Extended {
            has_structure: bits.flag()?,
            has_active_targets: bits.flag()?,
            own_indications: bits.flag()?,
            own_needs: bits.flag()?,
        };
        // Chains follow last, and are of no use to whoever looks at needs.
        bits.flag()?;
        Some(extended)
    }
}

impl Structure {
    /// The structure that a descriptor brings, if it brings one.
    pub fn read(data: &[u8]) -> Option<Structure> {
        // Most descriptors are short, and most longer ones have their first flag clear.
        if data.len() <= MANDATORY_LEN || data[MANDATORY_LEN] & 0x80 == 0 {
            return None;
        }
        let mut bits = Bits::new(data);
        bits.take(24)?;
        Extended::read(&mut bits)?;
        Structure::read_from(&mut bits)
    }

    /// The packet `index` says which targets come, a bit each. What comes late changes nothing.
    pub fn activate(&mut self, active: u32, index: u64) {
        let (before, at) = self.active;
        if index >= at {
            self.active = (active, index);
            if active != before {
                self.rank();
            }
        }
    }

    /// Whether the encoder has paused some of it.
    pub fn has_paused(&self) -> bool {
        self.targets.iter().zip(0..).any(|(_, target)| self.active.0 >> target & 1 == 0)
    }

    /// Whether everything of `inner` is in `outer`: who was shown `outer` lacks nothing of it.
    pub fn is_within(&self, inner: u8, outer: u8) -> bool {
        let is_in = |one: &Template, target| one.indications.get(target) != Indication::NotPresent;
        inner == outer || self.templates.iter().all(|one| !is_in(one, inner) || is_in(one, outer))
    }

    /// The best target with no layers above these, of those of which all comes that there is.
    pub fn target(&self, spatial: u8, temporal: u8) -> u8 {
        self.best[usize::from(spatial).min(SPATIAL - 1)][usize::from(temporal).min(TEMPORAL - 1)]
    }

    /// The highest spatial layer of a target.
    pub fn spatial_of(&self, target: u8) -> u8 {
        self.targets.get(usize::from(target)).map_or(0, |target| target.0)
    }

    fn read_from(bits: &mut Bits<'_>) -> Option<Structure> {
        let offset = bits.take(6)? as u8;
        let targets = bits.take(5)? as usize + 1;
        let mut templates = read_layers(bits)?;
        for template in &mut templates {
            template.indications = read_indications(bits, targets)?;
        }
        for template in &mut templates {
            template.needs = read_needs(bits)?;
        }
        let chains = bits.non_symmetric(targets as u32 + 1)?;
        if chains > 0 {
            for _ in 0..targets {
                bits.non_symmetric(chains)?;
            }
            for _ in 0..templates.len() as u32 * chains {
                bits.take(4)?;
            }
        }
        let spatial = templates.iter().map(|template| template.spatial).max().unwrap_or(0);
        if bits.flag()? {
            for _ in 0..=spatial {
                bits.take(32)?;
            }
        }
        let mut structure = Structure {
            offset,
            targets: (0..targets).map(|target| layers_of(&templates, target as u8)).collect(),
            templates,
            best: [[0; TEMPORAL]; SPATIAL],
            active: (u32::MAX, 0),
        };
        structure.rank();
        Some(structure)
    }

    /// Finds the best target up to each layer. Where an encoder has paused upper layers, those below are
    /// still all of a target that has them within; of another one nothing comes any more.
    fn rank(&mut self) {
        for spatial in 0..SPATIAL {
            for temporal in 0..TEMPORAL {
                let (best, coming) = (self.best_of(u32::MAX, spatial, temporal), self.active.0);
                let coming = self.best_of(coming, spatial, temporal);
                self.best[spatial][temporal] = if self.is_within(coming, best) { best } else { coming };
            }
        }
    }

    /// The best of `targets`, a bit each, up to these layers; where none is as low, the lowest of all.
    fn best_of(&self, targets: u32, spatial: usize, temporal: usize) -> u8 {
        let fits = |(s, t): (u8, u8)| usize::from(s) <= spatial && usize::from(t) <= temporal;
        let ranked = || self.targets.iter().zip(0u8..);
        let fitting = ranked().filter(|&(&layers, target)| targets >> target & 1 == 1 && fits(layers));
        let best = fitting.max_by_key(|(layers, _)| **layers);
        best.or_else(|| ranked().min_by_key(|(layers, _)| **layers)).map_or(0, |(_, target)| target)
    }
}

/// §A.8.3, template_layers.
fn read_layers(bits: &mut Bits<'_>) -> Option<ArrayVec<Template, MAX_TEMPLATES>> {
    let mut templates = ArrayVec::new();
    let (mut spatial, mut temporal) = (0u8, 0u8);
    loop {
        templates.try_push(Template { spatial, temporal, ..Template::default() }).ok()?;
        match bits.take(2)? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Some(templates),
        }
        if usize::from(spatial) >= SPATIAL || usize::from(temporal) >= TEMPORAL {
            return None;
        }
    }
}

fn read_indications(bits: &mut Bits<'_>, targets: usize) -> Option<Indications> {
    let mut indications = Indications::default();
    for target in 0..targets {
        indications.set(target, bits.take(2)?);
    }
    Some(indications)
}

/// §A.8.3, template_fdiffs.
fn read_needs(bits: &mut Bits<'_>) -> Option<Needs> {
    let mut needs = Needs::default();
    while bits.flag()? {
        needs.add(bits.take(4)? + 1);
    }
    Some(needs)
}

/// §A.8.3, frame_fdiffs.
fn read_own_needs(bits: &mut Bits<'_>) -> Option<Needs> {
    let mut needs = Needs::default();
    loop {
        match bits.take(2)? {
            0 => return Some(needs),
            nibbles => needs.add(bits.take(4 * nibbles)? + 1),
        }
    }
}

/// §A.8.3, decode_target_layers.
fn layers_of(templates: &[Template], target: u8) -> (u8, u8) {
    let there = templates.iter().filter(|one| one.indications.get(target) != Indication::NotPresent);
    there.fold((0, 0), |(spatial, temporal), one| (spatial.max(one.spatial), temporal.max(one.temporal)))
}

/// Takes bits off the front, the highest of each byte first; `None` at the end.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    fn new(data: &'a [u8]) -> Bits<'a> {
        Bits { data, at: 0 }
    }

    fn flag(&mut self) -> Option<bool> {
        let byte = self.data.get(self.at / 8)?;
        let flag = byte >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        Some(flag)
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// §A.8.1, ns(n): one of `count` values.
    fn non_symmetric(&mut self, count: u32) -> Option<u32> {
        let width = u32::BITS - count.leading_zeros();
        let short = (1 << width) - count;
        let value = self.take(width.saturating_sub(1))?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + self.take(1)?)
    }
}

#[cfg(test)]
mod tests;
