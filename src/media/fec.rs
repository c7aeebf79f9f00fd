//! Forward error correction of one layer: packets of it are kept until what they protect has come, or
//! the one of it that is missing can be put together again.
//!
//! Knows the layer's history and nothing of who it is for. Packets that came as retransmissions have
//! other header extensions than they had at first, so they do not go into a sum.

use super::history::{History, MAX_PACKET};
use crate::base::id::Ssrc;
use crate::wire::ulpfec::{FecView, MOST_PROTECTED, Missing};
use arrayvec::ArrayVec;

/// Packets of FEC that are kept: as many as libwebrtc makes for a key frame of 48 packets at 60 % of
/// overhead, which is more than it ever uses for one.
const KEPT: usize = 32;

/// One that is kept, and is no longer of use when so many packets came behind it: what was lost has been
/// sent again by then, or been given up.
const OF_USE_FOR: u64 = 256;

/// Packets of FEC of one layer. Allocates with the first.
#[derive(Debug, Default)]
pub struct Fec {
    /// In no order: each is as large as a packet, and they are not moved to keep one.
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// The index that the packet of FEC has in the layer's sequence.
    carrier: u64,
    /// The index of the first packet that it could protect.
    first: u64,
    bytes: ArrayVec<u8, MAX_PACKET>,
}

/// A packet of FEC whose lengths lie, or which protects what comes after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadFec;

/// What is to be said of the packets that one packet of FEC protects.
enum State {
    /// All came.
    Spent,
    /// This one is missing, and the others make it up.
    Makes(u64),
    /// More are missing, or some cannot be used.
    Waits,
}

impl Fec {
    /// Bytes it occupies.
    pub fn memory(&self) -> usize {
        self.kept.capacity() * size_of::<Kept>()
    }

    /// Keeps a packet of FEC that came under `carrier`.
    pub fn keep(&mut self, carrier: u64, bytes: &[u8]) -> Result<(), BadFec> {
        let view = FecView::parse(bytes).ok_or(BadFec)?;
        let back = u64::from((carrier as u16).wrapping_sub(view.base()));
        let last = view.offsets().last().ok_or(BadFec)?;
        let first = carrier.checked_sub(back).ok_or(BadFec)?;
        if back > OF_USE_FOR || u64::from(last) >= back {
            return Err(BadFec);
        }
        let bytes = bytes.try_into().map_err(|_| BadFec)?;
        self.kept.reserve_exact(KEPT - self.kept.len());
        for at in (0..self.kept.len()).rev() {
            if self.kept[at].carrier + OF_USE_FOR <= carrier {
                self.kept.swap_remove(at);
            }
        }
        let is_full = self.kept.len() == KEPT;
        let kept = Kept { carrier, first, bytes };
        match self.kept.iter_mut().min_by_key(|kept| kept.carrier).filter(|_| is_full) {
            Some(oldest) => *oldest = kept,
            None => self.kept.push(kept),
        }
        Ok(())
    }

    /// Whether the packet `index` may be what a packet of FEC has waited for.
    pub fn waits_for(&self, index: u64) -> bool {
        self.kept.iter().any(|kept| (kept.first..kept.first + MOST_PROTECTED).contains(&index))
    }

    /// Puts a missing packet together in `out`; its index and length. Asked again until there is none.
    pub fn restore(&mut self, history: &History, ssrc: Ssrc, out: &mut [u8]) -> Option<(u64, usize)> {
        let mut at = 0;
        while let Some(kept) = self.kept.get(at) {
            match kept.state(history) {
                State::Waits => at += 1,
                State::Spent => drop(self.kept.swap_remove(at)),
                State::Makes(index) => {
                    let kept = self.kept.swap_remove(at);
                    if let Some(len) = kept.restore(index, history, ssrc, out) {
                        return Some((index, len));
                    }
                }
            }
        }
        None
    }
}

impl Kept {
    fn view(&self) -> Option<FecView<'_>> {
        FecView::parse(&self.bytes)
    }

    fn protected(&self) -> impl Iterator<Item = u64> + use<'_> {
        let offsets = self.view().into_iter().flat_map(|view| view.offsets());
        offsets.map(move |offset| self.first + u64::from(offset))
    }

    fn state(&self, history: &History) -> State {
        let mut missing = None;
        let mut is_whole = true;
        for index in self.protected() {
            match history.get(index) {
                Some((_, stored)) => is_whole &= stored.is_as_sent,
                None if missing.is_some() => return State::Waits,
                None => missing = Some(index),
            }
        }
        match missing {
            None => State::Spent,
            Some(index) if is_whole => State::Makes(index),
            Some(_) => State::Waits,
        }
    }

    fn restore(&self, index: u64, history: &History, ssrc: Ssrc, out: &mut [u8]) -> Option<usize> {
        let mut missing = Missing::begin(&self.view()?, out)?;
        let others = self.protected().filter(|other| *other != index);
        others.filter_map(|other| history.get(other)).for_each(|(packet, _)| missing.take_away(packet));
        missing.finish(index as u16, ssrc.0)
    }
}

const _: () = assert!(OF_USE_FOR > MOST_PROTECTED, "what is protected lies within what is kept");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;
    use crate::media::history::About;
    use crate::wire::ulpfec::protect;
    use proptest::prelude::*;

    const SSRC: Ssrc = Ssrc(77);

    fn packet(index: u64, len: usize) -> Vec<u8> {
        let mut packet = vec![0x80, 96];
        packet.extend((index as u16).to_be_bytes());
        packet.extend((index as u32 / 4 * 3_000).to_be_bytes());
        packet.extend(SSRC.0.to_be_bytes());
        packet.extend((0..len).map(|at| (index as usize * 31 + at * 7) as u8));
        packet
    }

    fn store(history: &mut History, index: u64, packet: &[u8], is_as_sent: bool) {
        history.reserve(Time::ZERO)[..packet.len()].copy_from_slice(packet);
        let about = About { received: Time::ZERO, starts_key_frame: false, is_as_sent };
        assert!(history.commit(index, packet.len(), about));
    }

    fn restored(fec: &mut Fec, history: &mut History) -> Vec<(u64, Vec<u8>)> {
        let mut out = [0; MAX_PACKET];
        let mut all = Vec::new();
        while let Some((index, len)) = fec.restore(history, SSRC, &mut out) {
            store(history, index, &out[..len], true);
            all.push((index, out[..len].to_vec()));
        }
        all
    }

    fn fec_over(indices: &[u64]) -> Vec<u8> {
        let packets: Vec<Vec<u8>> =
            indices.iter().map(|&index| packet(index, 40 + index as usize % 9)).collect();
        protect(&packets.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn the_one_that_is_missing_is_made_up_across_a_wrap() {
        let (mut fec, mut history) = (Fec::default(), History::default());
        let indices = [65_534, 65_535, 65_536, 65_537];
        for index in [65_534, 65_535, 65_537] {
            store(&mut history, index, &packet(index, 40 + index as usize % 9), true);
        }
        assert_eq!(fec.keep(65_538, &fec_over(&indices)), Ok(()));
        assert_eq!(restored(&mut fec, &mut history), [(65_536, packet(65_536, 40 + 65_536 % 9))]);
        assert!(!fec.waits_for(65_536));
    }

    #[test]
    fn what_was_sent_again_is_no_part_of_a_sum() {
        let (mut fec, mut history) = (Fec::default(), History::default());
        store(&mut history, 1_000, &packet(1_000, 90), false);
        assert_eq!(fec.keep(1_002, &fec_over(&[1_000, 1_001])), Ok(()));
        assert!(restored(&mut fec, &mut history).is_empty());
        assert!(fec.waits_for(1_001));
    }

    #[test]
    fn what_comes_late_lets_the_rest_be_made_up() {
        let (mut fec, mut history) = (Fec::default(), History::default());
        assert_eq!(fec.keep(1_003, &fec_over(&[1_000, 1_001])), Ok(()));
        assert_eq!(fec.keep(1_004, &fec_over(&[1_001, 1_002])), Ok(()));
        assert!(restored(&mut fec, &mut history).is_empty());
        store(&mut history, 1_000, &packet(1_000, 40 + 1_000 % 9), true);
        let indices: Vec<u64> = restored(&mut fec, &mut history).iter().map(|(index, _)| *index).collect();
        assert_eq!(indices, [1_001, 1_002]);
    }

    #[test]
    fn nonsense_is_refused() {
        let mut fec = Fec::default();
        assert_eq!(fec.keep(1_001, &fec_over(&[1_000, 1_001])), Err(BadFec), "it protects itself");
        assert_eq!(fec.keep(9_000, &fec_over(&[1_000, 1_001])), Err(BadFec), "what it protects is long gone");
        assert_eq!(fec.keep(3, &fec_over(&[65_530])), Err(BadFec), "before the beginning");
        assert_eq!(fec.keep(1_002, &[0; 5]), Err(BadFec));
    }

    #[test]
    fn no_more_are_kept_than_are_of_use() {
        let mut fec = Fec::default();
        for carrier in 1_000..3_000 {
            assert_eq!(fec.keep(carrier, &fec_over(&[carrier - 2, carrier - 1])), Ok(()));
        }
        assert_eq!((fec.kept.len(), fec.kept.capacity()), (KEPT, KEPT));
        let far = 3_000 + OF_USE_FOR;
        assert_eq!(fec.keep(far, &fec_over(&[far - 2, far - 1])), Ok(()));
        assert_eq!(fec.kept.len(), 1, "the others are of long ago");
    }

    #[test]
    fn the_oldest_makes_room_whatever_was_made_up_meanwhile() {
        let (mut fec, mut history) = (Fec::default(), History::default());
        for place in 0..KEPT as u64 {
            let first = 1_000 + 4 * place;
            assert_eq!(fec.keep(first + 3, &fec_over(&[first, first + 1])), Ok(()));
        }
        store(&mut history, 1_000, &packet(1_000, 40 + 1_000 % 9), true);
        assert_eq!(restored(&mut fec, &mut history).len(), 1, "its place is taken by the last");
        for first in [1_200, 1_204] {
            assert_eq!(fec.keep(first + 3, &fec_over(&[first, first + 1])), Ok(()));
        }
        assert!(!fec.waits_for(1_004), "the oldest is gone");
        assert!(fec.waits_for(1_000 + 4 * (KEPT as u64 - 1)), "and the newest are there");
    }

    proptest! {
        /// As libwebrtc does it: some packets of FEC over a picture, each over some of its packets.
        #[test]
        fn whatever_is_lost_comes_back_as_it_was_or_not_at_all(
            masks in prop::collection::vec(1u32..1 << 12, 1..6), lost in 0u32..1 << 12,
        ) {
            let (mut fec, mut history) = (Fec::default(), History::default());
            let first = 5_000;
            let indices = |bits: u32| (0..12).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| first + bit);
            for index in indices(!lost) {
                store(&mut history, index, &packet(index, 40 + index as usize % 9), true);
            }
            for (carrier, &mask) in (first + 12..).zip(&masks) {
                prop_assert_eq!(fec.keep(carrier, &fec_over(&indices(mask).collect::<Vec<_>>())), Ok(()));
            }
            let mut missing = lost;
            for (index, bytes) in restored(&mut fec, &mut history) {
                prop_assert_eq!(bytes, packet(index, 40 + index as usize % 9));
                missing &= !(1 << (index - first));
            }
            // What is still missing no single sum tells.
            prop_assert!(masks.iter().all(|mask| (mask & missing).count_ones() != 1), "{:b}", missing);
        }
    }
}
