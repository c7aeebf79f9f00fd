//! Sequence numbers that wrap, and the unwrapped index they stand for.

/// Turns 16-bit RTP sequence numbers into a 64-bit index that never wraps.
///
/// The index of the first packet is at least 2^16, so that packets from before it have one too.
/// The estimate follows RFC 3711 §3.3.1: the candidate nearest to the highest index so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwrapper {
    highest: Option<u64>,
}

impl Unwrapper {
    /// The index `seq` most likely stands for, without remembering it.
    pub fn peek(&self, seq: u16) -> u64 {
        let Some(highest) = self.highest else {
            return 1 << 16 | u64::from(seq);
        };
        let ahead = seq.wrapping_sub(highest as u16) as i16;
        highest.saturating_add_signed(i64::from(ahead))
    }

    /// Takes note of an index that [`peek`](Self::peek) gave.
    pub fn commit(&mut self, index: u64) {
        self.highest = Some(self.highest.map_or(index, |highest| highest.max(index)));
    }

    /// `peek` and `commit` in one.
    pub fn unwrap(&mut self, seq: u16) -> u64 {
        let index = self.peek(seq);
        self.commit(index);
        index
    }

    /// The highest index so far.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

/// Whether the 32-bit time stamp `a` lies after `b`, modulo 2^32.
pub const fn timestamp_after(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_goes_on_rising_when_the_number_wraps() {
        let mut unwrapper = Unwrapper::default();
        let first = unwrapper.unwrap(65_534);
        assert_eq!(unwrapper.unwrap(65_535), first + 1);
        assert_eq!(unwrapper.unwrap(0), first + 2);
        assert_eq!(unwrapper.unwrap(65_535), first + 1);
        assert_eq!(unwrapper.highest(), Some(first + 2));
    }

    #[test]
    fn packets_from_before_the_first_have_an_index() {
        let mut unwrapper = Unwrapper::default();
        let first = unwrapper.unwrap(3);
        assert_eq!(unwrapper.unwrap(65_535), first - 4);
    }
}
