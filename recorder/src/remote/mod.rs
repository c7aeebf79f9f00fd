//! Recording on another machine: the media host passes on what its workers tell, over one connection.
//!
//! [`forward`] stands where the recorder would, on the media host, and records nothing; [`listen`] is the
//! recorder at the other end. Between them are [`frame`]s in TLS 1.3, whose keys on both sides follow from one
//! [`secret`]; [`mod@line`] makes the connection and makes it again, [`link`] is one as the two of them see it,
//! [`outbox`] what waits for it.

pub(crate) mod forward;
mod frame;
mod line;
mod link;
pub mod listen;
mod outbox;
pub mod secret;
#[cfg(test)]
mod tests;
mod tls;

pub use line::{Offload, probe};

use crate::source::{Heard, Look};
use frame::Frame;
use link::{Link, Over};
use outbox::Grade;
use volley::base::Time;
use volley::control::tap::{TapWish, travel};

/// A media host elsewhere, as the recorder hears it.
///
/// Time is what the host says between what its workers told: a line that stalls makes nothing late, and no
/// two clocks need agree.
#[derive(Debug)]
pub(crate) struct Remote {
    link: Link,
    workers: u16,
    now: Time,
    /// Messages that were said, and those of them that have come to signaling.
    said: u64,
    heard: u64,
}

impl Remote {
    pub(crate) fn new(link: Link, workers: u16) -> Remote {
        Remote { link, workers, now: Time::ZERO, said: 0, heard: 0 }
    }

    /// Hands on what was told up to the host's next turn.
    pub(crate) fn look(&mut self, on: &mut impl FnMut(Time, Heard<'_>)) -> Look {
        let look = |now, has_more, is_over| Look { now, has_more, is_over };
        loop {
            match self.link.next_frame() {
                Ok(Some(Frame::Turn { now, heard })) => {
                    (self.now, self.heard) = (self.now.max(now), heard);
                    return look(self.now, true, false);
                }
                Ok(Some(Frame::Desk(message))) => on(self.now, Heard::Message(message)),
                Ok(Some(Frame::Value { tap, message })) if tap < self.workers => {
                    match travel::parse_value(message) {
                        Ok((value, bytes)) => {
                            on(self.now, Heard::Value { tap: usize::from(tap), value: &value, bytes });
                        }
                        Err(corrupt) => tracing::error!(worker = tap, %corrupt, "a value is skipped"),
                    }
                }
                Ok(Some(Frame::Alive)) => {}
                Ok(Some(_)) => {
                    tracing::error!("the media host said what it has no business to say");
                    return look(self.now, false, true);
                }
                Ok(None) => return look(self.now, false, false),
                Err(Over) => return look(self.now, false, true),
            }
        }
    }

    pub(crate) fn say(&mut self, message: &[u8]) -> bool {
        let is_said = self.link.push(&Frame::Desk(message), Grade::Needed);
        self.said += u64::from(is_said);
        is_said
    }

    /// How many messages were said, and how many of them have come to signaling.
    pub(crate) fn said_and_heard(&self) -> (u64, u64) {
        (self.said, self.heard)
    }

    pub(crate) fn wish(&self, tap: usize, wish: &TapWish) {
        let Ok(tap) = u16::try_from(tap) else { return };
        let mut message = Vec::new();
        travel::append_wish(wish, &mut message);
        self.link.push(&Frame::Wish { tap, message: &message }, Grade::Droppable);
    }
}
