//! What the media host and a recorder elsewhere say to each other, as bytes.
//!
//! A length (four bytes, little-endian), a kind, and what the kind says. Lengths are bounded before anything
//! is kept for them.

use volley::base::Time;
use volley::control::desk;
use volley::control::tap::travel;

/// Changed whenever a frame, or what is said in one, means something else.
const PROTOCOL: u16 = 2;

/// Longest frame behind its length.
const MAX_FRAME: usize =
    64 + if desk::MAX_MESSAGE > travel::MAX_VALUE { desk::MAX_MESSAGE } else { travel::MAX_VALUE };

const LENGTH_BYTES: usize = 4;

/// Longest frame with its length.
pub(crate) const MAX_BYTES: usize = LENGTH_BYTES + MAX_FRAME;

/// Longest frame before the other side is known to speak this version.
pub(crate) const MAX_HELLO: usize = 1_024;

const TURN_BYTES: usize = 16;

const HELLO: u8 = 1;
const WELCOME: u8 = 2;
const REFUSAL: u8 = 3;
const TURN: u8 = 4;
const VALUE: u8 = 5;
const DESK: u8 = 6;
const WISH: u8 = 7;
const ALIVE: u8 = 8;

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Frame<'a> {
    /// The media host begins; see [`Hello`].
    Hello(&'a [u8]),
    /// The recorder takes what comes.
    Welcome,
    /// It does not: why.
    Refusal(&'a str),
    /// The media host's monotonic clock; what comes before was told before.
    Turn {
        now: Time,
        /// How much of what the recorder said has come to signaling.
        heard: u64,
    },
    /// What a worker told by its tap.
    Value { tap: u16, message: &'a [u8] },
    /// What signaling or the recorder says.
    Desk(&'a [u8]),
    /// What the recorder wishes of a worker.
    Wish { tap: u16, message: &'a [u8] },
    /// Nothing but that this side is there.
    Alive,
}

/// Why bytes are no frame.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadFrame {
    #[error("a frame of {0} bytes, of which none has more than {MAX_FRAME}")]
    Length(u32),
    #[error("a frame of no kind that there is: {0}")]
    Kind(u8),
    #[error("a frame that ends early")]
    Short,
    #[error("a text that is none")]
    Text,
}

impl<'a> Frame<'a> {
    /// Appends it as it travels.
    pub(crate) fn append_to(&self, to: &mut Vec<u8>) {
        let start = to.len();
        to.extend_from_slice(&[0; LENGTH_BYTES]);
        let mut turn = [0; TURN_BYTES];
        let (kind, tap, body): (u8, Option<u16>, &[u8]) = match *self {
            Frame::Hello(body) => (HELLO, None, body),
            Frame::Welcome => (WELCOME, None, &[]),
            Frame::Refusal(why) => (REFUSAL, None, why.as_bytes()),
            Frame::Turn { now, heard } => {
                turn[..8].copy_from_slice(&now.as_nanos().to_le_bytes());
                turn[8..].copy_from_slice(&heard.to_le_bytes());
                (TURN, None, &turn)
            }
            Frame::Value { tap, message } => (VALUE, Some(tap), message),
            Frame::Desk(message) => (DESK, None, message),
            Frame::Wish { tap, message } => (WISH, Some(tap), message),
            Frame::Alive => (ALIVE, None, &[]),
        };
        to.push(kind);
        tap.iter().for_each(|tap| to.extend_from_slice(&tap.to_le_bytes()));
        to.extend_from_slice(body);
        let length = (to.len() - start - LENGTH_BYTES) as u32;
        to[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    }

    fn parse(frame: &'a [u8]) -> Result<Frame<'a>, BadFrame> {
        let (&kind, body) = frame.split_first().ok_or(BadFrame::Short)?;
        let tapped = || -> Result<(u16, &'a [u8]), BadFrame> {
            let (tap, message) = body.split_first_chunk().ok_or(BadFrame::Short)?;
            Ok((u16::from_le_bytes(*tap), message))
        };
        Ok(match kind {
            HELLO => Frame::Hello(body),
            WELCOME => Frame::Welcome,
            REFUSAL => Frame::Refusal(std::str::from_utf8(body).map_err(|_| BadFrame::Text)?),
            TURN => {
                let (now, rest) = body.split_first_chunk().ok_or(BadFrame::Short)?;
                let heard = u64::from_le_bytes(*rest.first_chunk().ok_or(BadFrame::Short)?);
                Frame::Turn { now: Time::from_nanos(u64::from_le_bytes(*now)), heard }
            }
            VALUE => {
                let (tap, message) = tapped()?;
                Frame::Value { tap, message }
            }
            DESK => Frame::Desk(body),
            WISH => {
                let (tap, message) = tapped()?;
                Frame::Wish { tap, message }
            }
            ALIVE => Frame::Alive,
            kind => return Err(BadFrame::Kind(kind)),
        })
    }
}

/// How many bytes the first frame takes, its length included, also where they are not all there.
pub(crate) fn first_takes(bytes: &[u8]) -> Result<Option<usize>, BadFrame> {
    let Some(length) = bytes.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    match u32::from_le_bytes(*length) {
        length if length as usize > MAX_FRAME => Err(BadFrame::Length(length)),
        length => Ok(Some(LENGTH_BYTES + length as usize)),
    }
}

/// The first frame and the bytes it takes; `None` while it is not whole.
pub(crate) fn split(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, BadFrame> {
    let Some(taken) = first_takes(bytes)? else { return Ok(None) };
    let Some(frame) = bytes.get(LENGTH_BYTES..taken) else { return Ok(None) };
    Ok(Some((Frame::parse(frame)?, taken)))
}

/// How many bytes the frames take that are whole.
pub(crate) fn whole(bytes: &[u8]) -> Result<usize, BadFrame> {
    let mut end = 0;
    while let Some(taken) = first_takes(&bytes[end..])? {
        if end + taken > bytes.len() {
            break;
        }
        end += taken;
    }
    Ok(end)
}

/// What both sides must have alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Version {
    protocol: u16,
    layout: u16,
}

impl Version {
    pub(crate) const OURS: Version = Version { protocol: PROTOCOL, layout: travel::LAYOUT };
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.protocol, self.layout)
    }
}

/// What the media host begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hello {
    /// What the wall clock showed at the monotonic clock's zero.
    pub(crate) unix_nanos_at_zero: u64,
    /// How many workers it has.
    pub(crate) workers: u16,
    /// Whether it only wants to know that it would be welcome.
    pub(crate) is_probe: bool,
}

const HELLO_BYTES: usize = 4 + 8 + 2 + 1;

impl Hello {
    pub(crate) fn to_bytes(self) -> [u8; HELLO_BYTES] {
        let mut bytes = [0; HELLO_BYTES];
        bytes[..2].copy_from_slice(&Version::OURS.protocol.to_le_bytes());
        bytes[2..4].copy_from_slice(&Version::OURS.layout.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.unix_nanos_at_zero.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.workers.to_le_bytes());
        bytes[14] = u8::from(self.is_probe);
        bytes
    }

    /// `Err`: the version that the other side speaks, which alone is the same in all of them.
    pub(crate) fn parse(body: &[u8]) -> Result<Result<Hello, Version>, BadFrame> {
        let number = |at: usize| -> Result<u16, BadFrame> {
            let bytes = body.get(at..at + 2).and_then(|two| two.first_chunk::<2>()).ok_or(BadFrame::Short)?;
            Ok(u16::from_le_bytes(*bytes))
        };
        let version = Version { protocol: number(0)?, layout: number(2)? };
        if version != Version::OURS {
            return Ok(Err(version));
        }
        let zero = body.get(4..12).and_then(|eight| eight.first_chunk::<8>()).ok_or(BadFrame::Short)?;
        let is_probe = body.get(14).ok_or(BadFrame::Short)? & 1 == 1;
        Ok(Ok(Hello { unix_nanos_at_zero: u64::from_le_bytes(*zero), workers: number(12)?, is_probe }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(frame: &Frame<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame.append_to(&mut bytes);
        bytes
    }

    #[test]
    fn frames_arrive_as_they_were_sent_and_not_before_they_are_whole() {
        let hello = Hello { unix_nanos_at_zero: 7 << 40, workers: 9, is_probe: true };
        let sent = [
            Frame::Hello(&hello.to_bytes()),
            Frame::Welcome,
            Frame::Refusal("no"),
            Frame::Turn { now: Time::from_nanos(1 << 50), heard: 1 << 40 },
            Frame::Value { tap: 3, message: &[1; 1_560] },
            Frame::Desk(&[b'{'; desk::MAX_MESSAGE]),
            Frame::Wish { tap: 513, message: &[2; 9] },
            Frame::Alive,
        ];
        for frame in &sent {
            let bytes = bytes(frame);
            assert!(bytes.len() <= MAX_BYTES);
            assert_eq!(split(&bytes), Ok(Some((*frame, bytes.len()))));
            for end in 0..bytes.len() {
                assert_eq!(split(&bytes[..end]), Ok(None), "{frame:?} at {end}");
            }
        }
        assert_eq!(Hello::parse(&hello.to_bytes()), Ok(Ok(hello)));
    }

    #[test]
    fn a_length_that_no_frame_has_is_refused_by_itself() {
        assert_eq!(first_takes(&u32::MAX.to_le_bytes()), Err(BadFrame::Length(u32::MAX)));
        assert_eq!(split(&[0, 0, 0, 0]), Err(BadFrame::Short));
        assert_eq!(split(&[1, 0, 0, 0, 99]), Err(BadFrame::Kind(99)));
    }

    #[test]
    fn another_version_is_told_whatever_else_it_says() {
        let theirs = Hello::parse(&[9, 0, 8, 0]).unwrap().unwrap_err();
        assert_eq!(theirs.to_string(), "9.8");
    }

    proptest! {
        #[test]
        fn any_bytes_are_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Hello::parse(&bytes);
            if let Ok(Some((_, taken))) = split(&bytes) {
                prop_assert!(taken <= bytes.len());
            }
            if let Ok(end) = whole(&bytes) {
                prop_assert!(end <= bytes.len());
            }
        }

        #[test]
        fn frames_are_found_wherever_the_bytes_are_cut(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 1..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut all = Vec::new();
            bodies.iter().for_each(|body| Frame::Desk(body).append_to(&mut all));
            let (front, _) = all.split_at(cut.index(all.len()));
            let (mut at, mut found) = (whole(front).unwrap(), Vec::new());
            prop_assert!(split(&front[at..]).unwrap().is_none());
            at = 0;
            while let Some((frame, taken)) = split(&all[at..]).unwrap() {
                let Frame::Desk(body) = frame else { panic!("{frame:?}") };
                found.push(body.to_vec());
                at += taken;
            }
            prop_assert_eq!(found, bodies);
        }
    }
}
