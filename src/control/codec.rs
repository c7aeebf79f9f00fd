//! The byte layout of what crosses a process boundary.
//!
//! Little-endian, no padding, every count before what it counts. Reading checks everything a type
//! promises, so a value that was read is as good as one that was made here. Knows nothing of
//! where the bytes lie: callers copy them out of shared memory first.

mod layouts;
#[cfg(test)]
mod tests;
mod values;

/// Changed whenever a layout below changes; two processes of different versions do not talk.
pub(super) const LAYOUT_VERSION: u16 = 8;

/// Why bytes are not a message.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Corrupt {
    /// The bytes end before the message does.
    #[error("the message ends early")]
    Short,
    /// Bytes are left over.
    #[error("bytes are left over after the message")]
    Leftover,
    /// A tag names no variant.
    #[error("a tag names no variant")]
    Tag,
    /// A count is above its limit.
    #[error("a count is above its limit")]
    Count,
    /// Text is not UTF-8.
    #[error("text is not UTF-8")]
    Text,
    /// A number lies outside what its type allows.
    #[error("a number lies outside its range")]
    Range,
    /// The ring's indices contradict each other: nothing in it can be read any more.
    #[error("the ring's indices contradict each other")]
    Indices,
}

/// A type with a byte layout.
pub(super) trait Layout: Sized {
    /// Bytes of the longest value.
    const MAX: usize;

    /// Appends the value.
    fn write(&self, to: &mut Writer<'_>);

    /// Takes a value off the front.
    fn read(from: &mut Reader<'_>) -> Result<Self, Corrupt>;

    /// Any value; with `full`, one with every optional part there and every list at its limit.
    #[cfg(test)]
    fn sample(by: &mut Sampler) -> Self;
}

/// Writes `message` to the front of `bytes` and says how many it took.
///
/// # Panics
/// When `bytes` is shorter than `M::MAX`: callers assert that at compile time.
pub(super) fn encode<M: Layout>(message: &M, bytes: &mut [u8]) -> usize {
    let mut to = Writer::new(bytes);
    message.write(&mut to);
    to.finish().expect("the buffer holds the longest message")
}

/// Reads one message that fills `bytes` exactly.
pub(super) fn decode<M: Layout>(bytes: &[u8]) -> Result<M, Corrupt> {
    let mut from = Reader::new(bytes);
    let message = M::read(&mut from)?;
    from.finish()?;
    Ok(message)
}

/// Appends to a fixed buffer; writing past its end is noticed by [`Writer::finish`].
pub(super) struct Writer<'a> {
    bytes: &'a mut [u8],
    at: usize,
    overflowed: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Writer<'a> {
        Writer { bytes, at: 0, overflowed: false }
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        match self.bytes.get_mut(self.at..).and_then(|rest| rest.get_mut(..bytes.len())) {
            Some(room) => room.copy_from_slice(bytes),
            None => self.overflowed = true,
        }
        self.at = self.at.saturating_add(bytes.len());
    }

    /// How many bytes were written, unless they were too many.
    pub(super) fn finish(self) -> Option<usize> {
        (!self.overflowed).then_some(self.at)
    }
}

/// Takes from the front of bytes.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Corrupt> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Corrupt::Short)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(Corrupt::Short)?;
        self.bytes = rest;
        Ok(*taken)
    }

    /// All that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn finish(self) -> Result<(), Corrupt> {
        if self.bytes.is_empty() { Ok(()) } else { Err(Corrupt::Leftover) }
    }
}

/// Makes values for tests: any, or the largest.
#[cfg(test)]
pub(super) struct Sampler {
    pub(super) random: crate::base::random::Random,
    pub(super) full: bool,
}

#[cfg(test)]
impl Sampler {
    fn count(&mut self, max: usize) -> usize {
        if self.full { max } else { self.random.below(max as u64 + 1) as usize }
    }
}
