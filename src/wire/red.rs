//! Redundant audio data (RFC 2198): a packet that carries what went before it once more.

/// In front of each older block: one bit, seven of payload type, 14 of time offset, 10 of length.
const BLOCK_HEADER_LEN: usize = 4;
/// In front of the newest block: one bit and its payload type.
const LAST_HEADER_LEN: usize = 1;
const MORE_FOLLOW: u8 = 0x80;
/// What 14 bits hold: at 48 kHz a third of a second.
const MAX_TIMESTAMP_OFFSET: u32 = (1 << 14) - 1;
/// What 10 bits hold.
const MAX_BLOCK_LEN: usize = (1 << 10) - 1;
/// Older blocks that are looked at; browsers send one or two.
pub const MAX_OLDER: usize = 4;

/// Bytes of the headers in front of one older block and the newest.
pub const HEADERS_LEN: usize = BLOCK_HEADER_LEN + LAST_HEADER_LEN;

/// One block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block<'a> {
    /// How much earlier than the packet it was, in ticks.
    pub timestamp_offset: u32,
    /// The payload type it would have by itself.
    pub payload_type: u8,
    /// Where its payload begins in the packet's.
    pub start: usize,
    /// Its payload.
    pub payload: &'a [u8],
}

/// A checked view over the payload of a packet of redundant audio.
#[derive(Clone, Debug)]
pub struct RedView<'a> {
    older: arrayvec::ArrayVec<Block<'a>, MAX_OLDER>,
    newest: Block<'a>,
}

impl<'a> RedView<'a> {
    /// `None` when its lengths lie, or when it has more than [`MAX_OLDER`] older blocks.
    pub fn parse(payload: &'a [u8]) -> Option<RedView<'a>> {
        let mut headers = arrayvec::ArrayVec::<(u8, u32, usize), MAX_OLDER>::new();
        let mut rest = payload;
        let newest_type = loop {
            let (&first, _) = rest.split_first()?;
            if first & MORE_FOLLOW == 0 {
                rest = &rest[LAST_HEADER_LEN..];
                break first;
            }
            let (header, behind) = rest.split_first_chunk::<BLOCK_HEADER_LEN>()?;
            let word = u32::from_be_bytes(*header);
            let offset = word >> 10 & MAX_TIMESTAMP_OFFSET;
            headers.try_push((first & !MORE_FOLLOW, offset, word as usize & MAX_BLOCK_LEN)).ok()?;
            rest = behind;
        };
        let mut older = arrayvec::ArrayVec::new();
        let start = |rest: &[u8]| payload.len() - rest.len();
        for (payload_type, timestamp_offset, len) in headers {
            let (block, behind) = rest.split_at_checked(len)?;
            older.push(Block { timestamp_offset, payload_type, start: start(rest), payload: block });
            rest = behind;
        }
        let newest =
            Block { timestamp_offset: 0, payload_type: newest_type, start: start(rest), payload: rest };
        Some(RedView { older, newest })
    }

    /// What the packet is for.
    pub fn newest(&self) -> Block<'a> {
        self.newest
    }

    /// What went before, with how many packets before; the latest first. Blocks are in order of
    /// time, and a sender leaves out none between the oldest and the newest.
    pub fn older(&self) -> impl Iterator<Item = (u64, Block<'a>)> {
        self.older.iter().rev().enumerate().map(|(place, &block)| (place as u64 + 1, block))
    }
}

/// Whether a block of so many bytes, so many ticks older, can ride in front of a newer one.
pub fn can_carry(timestamp_offset: u32, len: usize) -> bool {
    (1..=MAX_TIMESTAMP_OFFSET).contains(&timestamp_offset) && (1..=MAX_BLOCK_LEN).contains(&len)
}

/// The headers of a packet with one older block of `len` bytes; the block follows, then the newest.
/// Only for what [`can_carry`] allows.
pub fn headers(payload_type: u8, timestamp_offset: u32, len: usize) -> [u8; HEADERS_LEN] {
    let word = u32::from(MORE_FOLLOW | payload_type) << 24 | timestamp_offset << 10 | len as u32;
    let [a, b, c, d] = word.to_be_bytes();
    [a, b, c, d, payload_type & !MORE_FOLLOW]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_are_told_apart_by_their_headers() {
        // One block of 3 bytes, 960 ticks older, then the newest.
        let packet = [0x80 | 111, 0x0f, 0x00, 3, 111, 1, 2, 3, 9, 8];
        let view = RedView::parse(&packet).expect("well formed");
        let older: Vec<_> = view.older().collect();
        assert_eq!(
            older,
            [(1, Block { timestamp_offset: 960, payload_type: 111, start: 5, payload: &[1, 2, 3] })]
        );
        assert_eq!(view.newest().payload, [9, 8]);
        assert_eq!(headers(111, 960, 3), packet[..HEADERS_LEN]);
    }

    #[test]
    fn of_several_the_latest_is_one_packet_back() {
        let packet = [0xef, 0x1e, 0x00, 1, 0xef, 0x0f, 0x00, 1, 0x6f, 10, 20, 30];
        let view = RedView::parse(&packet).expect("well formed");
        let back: Vec<_> = view.older().map(|(back, block)| (back, block.payload[0])).collect();
        assert_eq!(back, [(1, 20), (2, 10)]);
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for packet in [&[][..], &[0x80], &[0xef, 0, 0, 9, 111, 1, 2], &[0x80; 64]] {
            assert!(RedView::parse(packet).is_none(), "{packet:?}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_either_refused_or_lies_within_the_packet(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(view) = RedView::parse(&bytes) {
                let older: usize = view.older().map(|(_, block)| block.payload.len() + BLOCK_HEADER_LEN).sum();
                prop_assert_eq!(older + LAST_HEADER_LEN + view.newest().payload.len(), bytes.len());
            }
        }

        #[test]
        fn what_is_written_is_read(offset in 1u32..16384, older in prop::collection::vec(any::<u8>(), 1..1023)) {
            prop_assert!(can_carry(offset, older.len()));
            let mut packet = headers(96, offset, older.len()).to_vec();
            packet.extend(&older);
            packet.push(7);
            let view = RedView::parse(&packet).expect("well formed");
            let (_, block) = view.older().next().expect("one");
            prop_assert_eq!((block.timestamp_offset, block.payload), (offset, &older[..]));
            prop_assert_eq!(view.newest().payload, &[7]);
            prop_assert_eq!(view.newest().start, packet.len() - 1);
        }
    }
}
