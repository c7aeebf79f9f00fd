//! Big-endian numbers in slices whose length was checked, and a writer that stops at the end.

/// Two bytes at `at`; the caller has checked that they are there.
pub(crate) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Three bytes at `at`; the caller has checked that they are there.
pub(crate) fn be24(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([0, bytes[at], bytes[at + 1], bytes[at + 2]])
}

/// Four bytes at `at`; the caller has checked that they are there.
pub(crate) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Fills a slice from its start; every step says `None` when there is no room.
pub(crate) struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut [u8]) -> Writer<'a> {
        Writer { out, at: 0 }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.out.get_mut(self.at..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
        self.at += bytes.len();
        Some(())
    }

    pub(crate) fn put_u8(&mut self, value: u8) -> Option<()> {
        self.put(&[value])
    }

    pub(crate) fn put_u16(&mut self, value: u16) -> Option<()> {
        self.put(&value.to_be_bytes())
    }

    pub(crate) fn put_u32(&mut self, value: u32) -> Option<()> {
        self.put(&value.to_be_bytes())
    }

    /// Zeros up to the next multiple of four.
    pub(crate) fn align(&mut self) -> Option<()> {
        self.put(&[0; 3][..self.at.wrapping_neg() % 4])
    }

    /// Overwrites two bytes written before.
    pub(crate) fn patch_u16(&mut self, at: usize, value: u16) {
        self.out[at..at + 2].copy_from_slice(&value.to_be_bytes());
    }

    /// Sets bits in a byte written before.
    pub(crate) fn set_bits(&mut self, at: usize, bits: u8) {
        self.out[at] |= bits;
    }

    /// How much was written.
    pub(crate) fn len(&self) -> usize {
        self.at
    }
}
