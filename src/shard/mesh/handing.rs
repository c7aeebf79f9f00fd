//! Datagrams that came to another worker than the one they are for, where all share a port.
//!
//! As soon as a check from an address was found authentic, the shell is told that the address is ours
//! ([`Steer`]); where the kernel follows that, datagrams from there come here from then on. Before, or
//! where it does not, any worker may get them. A check names its worker, and is handed to it as it is.
//! What else comes from an address is handed to whom it belongs, once that worker has said so.
//!
//! Who hands something on believes nothing of it and answers nothing: it may be forged. Whom it is for
//! judges and answers it like any other datagram, and never hands it further.

use super::{Mesh, MeshValue};
use crate::base::{Outbox, Path, Time, WorkerId};
use crate::shard::counters::Drop;
use crate::shard::{Datagram, Map, Shard};
use crate::wire::demux::{Kind, classify};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A thousand people who join within a second check some five times each until they are answered. A
/// check costs both workers some 2 µs together, so a flood of forged ones takes a hundredth of a core.
const CHECK_INTERVAL: Duration = Duration::from_micros(200);

/// What may come at once: the first checks of as many people.
const CHECKS_AT_ONCE: Duration = CHECK_INTERVAL.saturating_mul(1_000);

/// Of both, what one address may take, as a divisor: whoever floods from where they are leaves three
/// quarters to the others. Where a check comes from can be forged, so this bounds no more than that.
const SHARE_OF_SOURCE: u32 = 4;

/// Addresses share these by their hash, so that remembering them costs nothing.
const SOURCES: usize = 64;

/// Checks are some 120 bytes. RFC 8489 §6.1 has requests fit 576 with all headers where nothing is known
/// of the path, and what is longer has no place in a flood's bound.
const LONGEST_CHECK: usize = 548;

/// Addresses whose owner is known: what four workers of 16,384 transports have. What is beyond is not
/// handed on between checks.
const MOST_ELSEWHERE: usize = 65_536;

/// What has changed of which worker an address belongs to, for whoever can tell the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Steer {
    /// What comes from here is this worker's.
    Here(SocketAddr),
    /// What comes from here is not this worker's any more.
    Gone(SocketAddr),
}

/// A datagram that came to another worker; its bytes lie in the batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handed {
    path: Path,
    arrived: Time,
    pub(super) len: u16,
    /// Somebody else's call uses the address: a check from there is only a claim.
    in_use: bool,
}

/// How a datagram came here when it did not come by our own socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::shard) struct Through {
    worker: WorkerId,
    /// See [`Handed::in_use`].
    pub(in crate::shard) in_use: bool,
}

/// A shard's side of it.
#[derive(Debug)]
pub(in crate::shard) struct Handing {
    news: Vec<Steer>,
    /// Addresses of other workers whose datagrams come here.
    elsewhere: Map<Path, WorkerId>,
    /// Our addresses whose datagrams come to other workers.
    through: Map<Path, WorkerId>,
    /// When the checks of strangers that were handed on so far would all have had their interval.
    checks: Time,
    /// The same of each source, which has a longer one.
    of_sources: [Time; SOURCES],
}

impl Default for Handing {
    fn default() -> Handing {
        Handing {
            news: Vec::new(),
            elsewhere: Map::default(),
            through: Map::default(),
            checks: Time::ZERO,
            of_sources: [Time::ZERO; SOURCES],
        }
    }
}

impl Handing {
    /// Whether one more check of a stranger, who says to be at `from`, may be handed on.
    fn may_check(&mut self, now: Time, from: IpAddr) -> bool {
        let source = source_of(from);
        let of_source = self.of_sources[source].max(now);
        let begins = self.checks.max(now);
        let may = begins.since(now) < CHECKS_AT_ONCE && of_source.since(now) < CHECKS_AT_ONCE;
        if may {
            self.checks = begins + CHECK_INTERVAL;
            self.of_sources[source] = of_source + CHECK_INTERVAL * SHARE_OF_SOURCE;
        }
        may
    }
}

/// Which of [`SOURCES`] an address counts as; of IPv6 its network, for whoever has one address there has
/// all. Multiplying by 2^64 over the golden ratio spreads neighbours (Knuth, TAOCP vol. 3, §6.4).
fn source_of(address: IpAddr) -> usize {
    let bits = match address.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    };
    (bits.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - SOURCES.ilog2())) as usize
}

impl Mesh {
    fn reaches(&self, worker: WorkerId) -> bool {
        worker != self.own && usize::from(worker.0) < self.outgoing.len()
    }

    /// Puts a datagram into the batch of whom it is for. False when too much waits for it already: half of
    /// the room is for what rooms send across, which nobody would send again.
    fn hand(&mut self, to: WorkerId, datagram: Datagram<'_>, in_use: bool) -> bool {
        let Datagram { path, arrived, bytes } = datagram;
        let most = self.most_waiting;
        let (Some(batch), Ok(len)) = (self.batch(to), u16::try_from(bytes.len())) else { return false };
        if batch.bytes.len() + bytes.len() > most / 2 {
            return false;
        }
        batch.bytes.extend_from_slice(bytes);
        batch.values.push(MeshValue::Handed(Handed { path, arrived, len, in_use }));
        true
    }
}

/// Where it comes.
impl Shard {
    /// A check from `path` that is for nobody here: `fragment` says for whom it is.
    pub(in crate::shard) fn hand_check(
        &mut self,
        now: Time,
        datagram: Datagram<'_>,
        fragment: Option<&[u8]>,
    ) {
        let named = fragment.and_then(WorkerId::named_by).filter(|_| self.is_shared(datagram.path));
        let Some(owner) = named.filter(|&owner| self.mesh.reaches(owner)) else {
            return self.counters.drop(Drop::UnknownUfrag);
        };
        let path = datagram.path;
        let known = self.handing.elsewhere.get(&path).copied();
        let is_stranger = known != Some(owner);
        if datagram.bytes.len() > LONGEST_CHECK
            || (is_stranger && !self.handing.may_check(now, path.remote.ip()))
        {
            return self.counters.drop(Drop::CheckFlood);
        }
        let is_ours = self.by_path.get(&path).is_some_and(|&link| self.is_in_use(now, link, &path));
        let in_use = is_ours || known.is_some_and(|known| known != owner);
        self.hand(owner, datagram, in_use, Kind::Stun);
    }

    /// Anything but a check, from an address that is of no transport here.
    pub(in crate::shard) fn hand_on(&mut self, kind: Kind, datagram: Datagram<'_>) {
        match self.handing.elsewhere.get(&datagram.path) {
            Some(&owner) => self.hand(owner, datagram, false, kind),
            None => self.counters.drop(Drop::UnknownAddress),
        }
    }

    fn hand(&mut self, owner: WorkerId, datagram: Datagram<'_>, in_use: bool, kind: Kind) {
        if !self.mesh.hand(owner, datagram, in_use) {
            return self.counters.drop(Drop::MeshFull);
        }
        match kind {
            Kind::Stun => self.counters.handed_checks += 1,
            Kind::Dtls => self.counters.handed_dtls += 1,
            Kind::Rtp | Kind::Rtcp | Kind::Unknown => self.counters.handed_media += 1,
        }
    }

    /// An address is of a transport of the worker `from`, or is not any more.
    pub(super) fn on_owned_there(&mut self, now: Time, from: WorkerId, path: Path, owned: bool) {
        let Handing { elsewhere, .. } = &mut self.handing;
        if !owned {
            if elsewhere.get(&path) == Some(&from) {
                elsewhere.remove(&path);
            }
            return;
        }
        if elsewhere.len() < MOST_ELSEWHERE || elsewhere.contains_key(&path) {
            elsewhere.insert(path, from);
        }
        // A NAT gave one peer's port to another, and the one before has been silent.
        if let Some(link) = self.by_path.get(&path).copied().filter(|&link| !self.is_in_use(now, link, &path))
        {
            self.leave_path(link, path);
        }
    }
}

/// Where it belongs.
impl Shard {
    /// What has changed since the last call. Whoever shares a port with others tells the kernel before
    /// the next flush, so that what a peer sends in answer finds its way.
    pub fn steering(&mut self) -> impl Iterator<Item = Steer> + '_ {
        self.handing.news.drain(..)
    }

    pub(super) fn on_handed(
        &mut self,
        now: Time,
        from: WorkerId,
        handed: &Handed,
        bytes: &[u8],
        out: &mut impl Outbox,
    ) {
        self.counters.handed_in += 1;
        let Handed { path, arrived, in_use, .. } = *handed;
        let datagram = Datagram { path, arrived, bytes };
        let kind = classify(bytes);
        if kind == Kind::Stun {
            return self.on_stun(now, datagram, Some(Through { worker: from, in_use }), out);
        }
        match self.by_path.get(&path).copied() {
            Some(link) => drop(self.on_known(now, (kind, link), datagram, out)),
            None => {
                self.counters.drop(Drop::UnknownAddress);
                self.mesh.tell(from, MeshValue::Owned { path, owned: false });
            }
        }
    }

    /// What comes from `path` is ours: an authentic check has come from there. Said again with each
    /// check, since the kernel forgets what it is not asked for when it has too much to remember.
    pub(in crate::shard) fn own_path(&mut self, path: Path, through: Option<Through>) {
        if !self.is_shared(path) {
            return;
        }
        self.handing.news.push(Steer::Here(path.remote));
        if let Some(Through { worker, .. }) = through {
            self.handing.through.insert(path, worker);
            self.mesh.tell(worker, MeshValue::Owned { path, owned: true });
        }
    }

    /// Whether others may get what comes from `path`: a connection is one worker's.
    fn is_shared(&self, path: Path) -> bool {
        self.mesh.outgoing.len() >= 2 && path.socket.stream().is_none()
    }

    pub(in crate::shard) fn disown_path(&mut self, path: Path) {
        if !self.is_shared(path) {
            return;
        }
        self.handing.news.push(Steer::Gone(path.remote));
        if let Some(worker) = self.handing.through.remove(&path) {
            self.mesh.tell(worker, MeshValue::Owned { path, owned: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_strangers_checks_is_cut_to_a_rate_and_a_calm_second_is_not() {
        let mut handing = Handing::default();
        let second = |handing: &mut Handing, from: u64, per_milli: u64| {
            let moments =
                (0..1_000).flat_map(|milli| (0..per_milli).map(move |number| (from + milli, number)));
            let source = |number: u64| IpAddr::from([192, 0, 2, number as u8]);
            moments.filter(|&(at, number)| handing.may_check(Time::from_millis(at), source(number))).count()
        };
        assert_eq!(second(&mut handing, 10_000, 4), 4_000);
        let of_flood = second(&mut handing, 20_000, 100);
        assert!((5_900..=6_100).contains(&of_flood), "a thousand at once and 5,000 a second: {of_flood}");
        assert_eq!(second(&mut handing, 30_000, 4), 4_000, "and then as before");
    }

    #[test]
    fn whoever_floods_from_one_address_leaves_most_to_the_others() {
        let mut handing = Handing::default();
        let [flood, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
        let (mut of_flood, mut of_other) = (0, 0);
        for milli in 10_000..11_000 {
            let now = Time::from_millis(milli);
            of_flood += (0..100).filter(|_| handing.may_check(now, flood)).count();
            of_other += usize::from(handing.may_check(now, other));
        }
        assert!((1_450..=1_550).contains(&of_flood), "a quarter of both: {of_flood}");
        assert_eq!(of_other, 1_000, "the other address is not touched");
    }
}
