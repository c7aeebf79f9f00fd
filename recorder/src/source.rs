//! Where the recorder hears from: workers and signaling on this machine, or a media host elsewhere.

use crate::remote::Remote;
use rustix::time::{ClockId, clock_gettime};
use std::os::fd::OwnedFd;
use volley::base::Time;
use volley::control::Corrupt;
use volley::control::desk;
use volley::control::tap::{TapReader, TapWish, Tapped};

/// Values taken from one tap before the others have their turn.
const VALUES_AT_ONCE: usize = 2_048;

/// See the module.
#[derive(Debug)]
pub(crate) enum Source {
    /// Both are on this machine.
    Local(Local),
    /// A media host elsewhere passes on what they tell.
    Remote(Box<Remote>),
    /// Nobody yet, or no longer.
    Nobody,
}

/// Something that was heard.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard<'a> {
    /// What signaling says.
    Message(&'a [u8]),
    /// What a worker tells by its tap.
    Value {
        /// Which worker's.
        tap: usize,
        /// What.
        value: &'a Tapped,
        /// Of a packet.
        bytes: &'a [u8],
    },
}

/// What one look brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Look {
    /// On the monotonic clock of who tells.
    pub(crate) now: Time,
    /// Whether more waits that is later.
    pub(crate) has_more: bool,
    /// Whether nothing comes any more.
    pub(crate) is_over: bool,
}

impl Source {
    /// Hands on what has come; `None` where there is nobody.
    pub(crate) fn look(&mut self, mut on: impl FnMut(Time, Heard<'_>)) -> Option<Look> {
        match self {
            Source::Local(local) => Some(local.look(&mut on)),
            Source::Remote(remote) => Some(remote.look(&mut on)),
            Source::Nobody => None,
        }
    }

    /// Tells signaling. False: it does not listen now. What cannot be said at all is logged.
    pub(crate) fn say(&mut self, message: &[u8]) -> bool {
        match self {
            Source::Local(local) => say_at(&local.desk, message),
            Source::Remote(remote) => remote.say(message),
            Source::Nobody => false,
        }
    }

    /// How many messages were said, and how many have come to signaling, where those are not the same.
    pub(crate) fn said_and_heard(&self) -> (u64, u64) {
        match self {
            Source::Remote(remote) => remote.said_and_heard(),
            Source::Local(_) | Source::Nobody => (0, 0),
        }
    }

    /// Tells a worker; it is no harm when that is not possible now.
    pub(crate) fn wish(&mut self, tap: usize, wish: &TapWish) {
        match self {
            Source::Local(local) => {
                local.taps[tap].wish(wish);
            }
            Source::Remote(remote) => remote.wish(tap, wish),
            Source::Nobody => {}
        }
    }
}

/// The taps and the desk of this machine.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) taps: Vec<TapReader>,
    pub(crate) desk: OwnedFd,
}

impl Local {
    fn look(&mut self, on: &mut impl FnMut(Time, Heard<'_>)) -> Look {
        let now = now();
        while let Some(message) = hear_at(&self.desk) {
            on(now, Heard::Message(&message));
        }
        for (number, tap) in self.taps.iter_mut().enumerate() {
            read_tap(tap, number, |value, bytes| on(now, Heard::Value { tap: number, value, bytes }));
        }
        Look { now, has_more: false, is_over: false }
    }
}

/// Hands on what a worker has told, and no more than so much that the others have their turn.
pub(crate) fn read_tap(tap: &mut TapReader, worker: usize, mut on: impl FnMut(&Tapped, &[u8])) {
    for _ in 0..VALUES_AT_ONCE {
        match tap.next_value() {
            Ok(Some((value, bytes))) => on(&value, bytes),
            Ok(None) => return,
            Err(Corrupt::Indices) => return tracing::error!(worker, "a worker's tap is corrupt"),
            Err(corrupt) => tracing::error!(worker, %corrupt, "a value of a tap is skipped"),
        }
    }
}

/// What the other side of the desk says next.
pub(crate) fn hear_at(desk: &OwnedFd) -> Option<Vec<u8>> {
    desk::receive(desk).unwrap_or_else(|error| {
        tracing::error!(%error, "signaling cannot be heard");
        None
    })
}

/// See [`Source::say`].
pub(crate) fn say_at(desk: &OwnedFd, message: &[u8]) -> bool {
    desk::send(desk, message).unwrap_or_else(|error| {
        tracing::error!(%error, "signaling cannot be told");
        true
    })
}

/// The monotonic clock.
pub(crate) fn now() -> Time {
    let monotonic = clock_gettime(ClockId::Monotonic);
    Time::from_nanos(monotonic.tv_sec as u64 * 1_000_000_000 + monotonic.tv_nsec as u64)
}
