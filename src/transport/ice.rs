//! The ICE-lite side of one transport (RFC 8445 §2.5): which paths the peer has proved to be on,
//! which of them carries the media, and when the peer was last heard of.
//!
//! It sends no checks and gathers no candidates. It knows nothing of DTLS; the shard finds the
//! agent by the first half of a check's USERNAME.

use super::DropCause;
use crate::base::{Path, Time};
use crate::control::types::IceCredentials;
use crate::wire::stun::{BINDING, Class, Role, StunView, StunWriter, TransactionId};
use arrayvec::ArrayVec;
use std::time::Duration;

/// Most paths kept: a phone with two networks in two address families and a relay on each has
/// eight. The one silent longest gives way.
pub const MAX_PATHS: usize = 8;

/// How many transactions are remembered, so that a captured check is known when it comes again.
/// A browser checks each pair every 2.5 to 5 s: at two pairs this is five minutes and more. 1 KiB.
const REMEMBERED_TRANSACTIONS: usize = 256;

/// A path that is quiet this long gives way to another on which a check arrives, nominated or not:
/// Firefox nominates once, so after a NAT has given it a new port its checks carry no
/// USE-CANDIDATE. Every peer sends a receiver report about each second, so 2 s of silence means
/// that the path is gone.
pub const PATH_SILENT: Duration = Duration::from_secs(2);

/// After a restart the previous credentials are good for this long at most: the peer checks with
/// the new ones as soon as it has our answer.
const PREVIOUS_GOOD_FOR: Duration = Duration::from_secs(30);

/// A path on which an authenticated check has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Proved {
    path: Path,
    heard: Time,
}

/// What an accepted check changed. Its answer stands in the buffer that was handed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// Length of the answer.
    pub answer: usize,
    /// The check was taken: new, and answered with success.
    pub accepted: bool,
    /// This path is proved now and was not before.
    pub added: Option<Path>,
    /// This path had to give way: nothing from it is accepted any more.
    pub evicted: Option<Path>,
    /// Media goes to the check's path from now on and did not before.
    pub moved: bool,
}

/// The agent of one transport.
#[derive(Debug)]
pub struct IceAgent {
    local: IceCredentials,
    remote: IceCredentials,
    /// Credentials from before a restart, until the peer uses the new ones or this time.
    previous: Option<(IceCredentials, IceCredentials, Time)>,
    paths: ArrayVec<Proved, MAX_PATHS>,
    selected: Option<Path>,
    seen: Seen,
}

impl IceAgent {
    /// An agent that waits for its first check.
    pub fn new(local: IceCredentials, remote: IceCredentials) -> IceAgent {
        IceAgent {
            local,
            remote,
            previous: None,
            paths: ArrayVec::new(),
            selected: None,
            seen: Seen::default(),
        }
    }

    /// Takes new credentials (RFC 8445 §9). Media stays where it is until the peer has proved a
    /// path with them.
    pub fn restart(&mut self, now: Time, local: IceCredentials, remote: IceCredentials) {
        let local = std::mem::replace(&mut self.local, local);
        let remote = std::mem::replace(&mut self.remote, remote);
        self.previous = Some((local, remote, now + PREVIOUS_GOOD_FOR));
    }

    /// Our credentials now.
    pub fn local(&self) -> &IceCredentials {
        &self.local
    }

    /// The path media goes to.
    pub fn selected(&self) -> Option<Path> {
        self.selected
    }

    /// The proved paths.
    pub fn paths(&self) -> impl Iterator<Item = Path> + '_ {
        self.paths.iter().map(|proved| proved.path)
    }

    /// Whether an authenticated check has come from `path`.
    pub fn is_proved(&self, path: &Path) -> bool {
        self.paths.iter().any(|proved| proved.path == *path)
    }

    /// An authenticated packet came from `path`: as good as a check where only the peer's being
    /// there is asked (RFC 7675 §5.1). False when the path is not proved.
    pub fn heard(&mut self, now: Time, path: &Path) -> bool {
        match self.paths.iter_mut().find(|proved| proved.path == *path) {
            Some(proved) => {
                proved.heard = now;
                true
            }
            None => false,
        }
    }

    /// Handles a check and writes its answer. Nothing is answered, and nothing changes, before the
    /// message's integrity was found right.
    pub fn check(
        &mut self,
        now: Time,
        path: &Path,
        check: &StunView<'_>,
        out: &mut [u8],
    ) -> Result<Checked, DropCause> {
        if check.class() != Class::Request || check.method() != BINDING {
            return Err(DropCause::StunNotARequest);
        }
        let current = self.authenticate(now, check)?;
        let repeated = self.seen.contains(&check.transaction_id());
        if repeated && !self.is_proved(path) {
            return Err(DropCause::StunReplayed);
        }
        let verdict = Verdict::of(check);
        let answer = verdict.write(path, check, self.key(current), out).ok_or(DropCause::NoRoom)?;
        if repeated {
            return Ok(Checked { answer, ..Checked::default() });
        }
        self.seen.insert(&check.transaction_id());
        match verdict {
            Verdict::Accepted => Ok(Checked { answer, ..self.accept(now, path, check, current) }),
            _ => Ok(Checked { answer, ..Checked::default() }),
        }
    }

    /// Whether the check was made with our current credentials (`true`) or, during a restart, with
    /// the previous ones (`false`). RFC 8445 §7.3: USERNAME is our fragment, a colon, theirs.
    fn authenticate(&self, now: Time, check: &StunView<'_>) -> Result<bool, DropCause> {
        let username = check.username().ok_or(DropCause::StunUnknownUser)?;
        let (local, current) = if names(username, &self.local, &self.remote) {
            (&self.local, true)
        } else {
            match &self.previous {
                Some((local, remote, until)) if now < *until && names(username, local, remote) => {
                    (local, false)
                }
                _ => return Err(DropCause::StunUnknownUser),
            }
        };
        if !check.is_authentic(local.password.as_bytes()) {
            return Err(DropCause::StunBadIntegrity);
        }
        Ok(current)
    }

    fn key(&self, current: bool) -> &[u8] {
        match &self.previous {
            Some((previous, ..)) if !current => previous.password.as_bytes(),
            _ => self.local.password.as_bytes(),
        }
    }

    fn accept(&mut self, now: Time, path: &Path, check: &StunView<'_>, current: bool) -> Checked {
        let (added, evicted) = self.prove(now, path);
        let move_here = match self.selected {
            None => true,
            Some(selected) if selected == *path => false,
            // RFC 8445 §8.1.1; a path nominated with old credentials is no longer asked for.
            Some(_) if check.use_candidate() && current => true,
            Some(selected) => self.silent_for(now, &selected) > PATH_SILENT,
        };
        if move_here {
            self.selected = Some(*path);
        }
        if current && check.use_candidate() {
            self.previous = None;
        }
        Checked { answer: 0, accepted: true, added, evicted, moved: move_here }
    }

    /// Keeps `path` as proved, and says whether it is new and which one had to give way.
    fn prove(&mut self, now: Time, path: &Path) -> (Option<Path>, Option<Path>) {
        if self.heard(now, path) {
            return (None, None);
        }
        let mut evicted = None;
        if self.paths.is_full() {
            let selected = self.selected;
            let longest = self.paths.iter().enumerate().filter(|(_, proved)| Some(proved.path) != selected);
            if let Some((index, _)) = longest.min_by_key(|(_, proved)| proved.heard) {
                evicted = Some(self.paths.swap_remove(index).path);
            }
        }
        self.paths.push(Proved { path: *path, heard: now });
        (Some(*path), evicted)
    }

    fn silent_for(&self, now: Time, path: &Path) -> Duration {
        let heard = self.paths.iter().find(|proved| proved.path == *path);
        heard.map_or(Duration::MAX, |proved| now.since(proved.heard))
    }
}

/// An agent as plain data. Times are told as how long ago, or how far ahead.
#[derive(Clone, PartialEq, Debug)]
pub struct IceSnapshot {
    /// Our credentials.
    pub local: IceCredentials,
    /// The peer's.
    pub remote: IceCredentials,
    /// Both from before a restart, and how long they are still good.
    pub previous: Option<(IceCredentials, IceCredentials, Duration)>,
    /// Proved paths and how long ago each was heard on.
    pub paths: Vec<(Path, Duration)>,
    /// Where media goes.
    pub selected: Option<Path>,
    /// Remembered transactions, oldest first.
    pub seen: Vec<u32>,
}

impl IceAgent {
    pub(super) fn export(&self, now: Time) -> IceSnapshot {
        let previous = self.previous.as_ref();
        IceSnapshot {
            local: self.local.clone(),
            remote: self.remote.clone(),
            previous: previous
                .map(|(local, remote, until)| (local.clone(), remote.clone(), until.since(now))),
            paths: self.paths.iter().map(|proved| (proved.path, now.since(proved.heard))).collect(),
            selected: self.selected,
            seen: self.seen.oldest_first().collect(),
        }
    }

    pub(super) fn import(now: Time, snapshot: IceSnapshot) -> IceAgent {
        let previous = snapshot.previous;
        let mut agent = IceAgent::new(snapshot.local, snapshot.remote);
        agent.previous = previous.map(|(local, remote, good_for)| (local, remote, now + good_for));
        for (path, ago) in snapshot.paths.into_iter().take(MAX_PATHS) {
            agent.paths.push(Proved { path, heard: now - ago });
        }
        agent.selected = snapshot.selected.filter(|path| agent.is_proved(path));
        snapshot.seen.into_iter().for_each(|id| agent.seen.push(id));
        agent
    }
}

/// What becomes of a check whose integrity is right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Accepted,
    UnknownAttribute,
    RoleConflict,
}

impl Verdict {
    fn of(check: &StunView<'_>) -> Verdict {
        if !check.unknown_required().is_empty() {
            return Verdict::UnknownAttribute; // RFC 8489 §6.3.1
        }
        match check.role() {
            // RFC 8445 §6.1.1: facing a lite agent, a full one controls. §7.3.1.1: one that thinks
            // otherwise is told to switch.
            Some(Role::Controlled(_)) => Verdict::RoleConflict,
            _ => Verdict::Accepted,
        }
    }

    fn write(self, path: &Path, check: &StunView<'_>, key: &[u8], out: &mut [u8]) -> Option<usize> {
        let class = if self == Verdict::Accepted { Class::Success } else { Class::Error };
        let answer = StunWriter::new(out, class, &check.transaction_id());
        let answer = match self {
            Verdict::Accepted => answer.xor_mapped_address(path.remote),
            Verdict::UnknownAttribute => answer.error_code(420).unknown_attributes(check.unknown_required()),
            Verdict::RoleConflict => answer.error_code(487),
        };
        answer.integrity(key).fingerprint()
    }
}

fn names(username: &[u8], local: &IceCredentials, remote: &IceCredentials) -> bool {
    let (local, remote) = (local.ufrag.as_bytes(), remote.ufrag.as_bytes());
    username.len() == local.len() + 1 + remote.len()
        && username.starts_with(local)
        && username[local.len()] == b':'
        && username.ends_with(remote)
}

/// The transactions seen last, their twelve bytes folded to four: of ten million checks one is taken for
/// another one of the same peer's, who then makes the next.
#[derive(Debug)]
struct Seen {
    ids: Box<[u32; REMEMBERED_TRANSACTIONS]>,
    next: usize,
    len: usize,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen { ids: Box::new([0; REMEMBERED_TRANSACTIONS]), next: 0, len: 0 }
    }
}

impl Seen {
    fn contains(&self, transaction: &TransactionId) -> bool {
        self.ids[..self.len].contains(&short(transaction))
    }

    fn insert(&mut self, transaction: &TransactionId) {
        self.push(short(transaction));
    }

    fn oldest_first(&self) -> impl Iterator<Item = u32> + '_ {
        let from = if self.len < REMEMBERED_TRANSACTIONS { 0 } else { self.next };
        (0..self.len).map(move |index| self.ids[(from + index) % REMEMBERED_TRANSACTIONS])
    }

    fn push(&mut self, id: u32) {
        self.ids[self.next] = id;
        self.next = (self.next + 1) % REMEMBERED_TRANSACTIONS;
        self.len = (self.len + 1).min(REMEMBERED_TRANSACTIONS);
    }
}

fn short(id: &TransactionId) -> u32 {
    let (words, _) = id.as_chunks::<4>();
    words.iter().fold(0, |folded, word| folded ^ u32::from_be_bytes(*word))
}

#[cfg(test)]
mod tests;
