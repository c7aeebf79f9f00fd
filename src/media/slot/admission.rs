//! Whether a packet goes out on a seat, and with which numbers.

use super::super::choice::Choice;
use super::super::numbering::Skipped;
use super::super::packet::Packet;
use super::super::sender_clock::ticks;
use super::showing::{OutCodec, Run};
use super::{Outgoing, Reported, Slot};
use crate::base::Time;
use crate::control::types::Kind;
use std::time::Duration;

/// Why a packet is not sent to a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Withheld {
    /// The picture waits for a key frame.
    WaitingForKeyFrame,
    /// It lies before the packet the seat began with.
    BeforeTheStart,
    /// The subscriber does not take this codec.
    UnknownCodec,
    /// The core cannot carry all pictures.
    Shed,
    /// The seat shows another layer, or nothing for now.
    OtherLayer,
    /// It belongs to a temporal or spatial layer that the seat does not show.
    Sublayer,
    /// It carries nothing for who watches: it corrected other packets, or is padding.
    Empty,
}

/// Layers of one picture arrive this far apart: the large ones take a frame's time longer to encode and
/// to send.
const OUT_OF_STEP: Duration = Duration::from_millis(100);

/// A leap ahead in the published sequence that ends a run. A receiver guesses the roll-over counter
/// wrong after one of 2^15 (RFC 3711 §3.3.1), and several lost ones add up; NACK gives up as early.
const MAX_LEAP: u64 = 1_000;

/// A seat silent for longer than this begins anew by arrival: a publisher's report may be nonsense,
/// and a receiver takes a leap of 2^25 ticks for one.
const MAX_SILENCE_S: u32 = 300;

impl Slot {
    /// How `packet` goes out on this seat. `published_now` is the layer's own time stamp for `now`,
    /// as far as its publisher has reported; it is asked for when a run begins. Allocates nothing.
    pub fn admit(
        &mut self,
        now: Time,
        packet: &Packet<'_>,
        published_now: impl FnOnce() -> Option<u32>,
    ) -> Result<Outgoing, Withheld> {
        if self.shed {
            return Err(Withheld::Shed);
        }
        let showing = self.showing.as_mut().ok_or(Withheld::UnknownCodec)?;
        let aim = showing.aim.ok_or(Withheld::OtherLayer)?;
        let codec = showing.codec(packet.codec).ok_or(Withheld::UnknownCodec)?;
        let leaps = packet.index > self.numbering.highest() + MAX_LEAP;
        showing.run.take_if(|run| run.layer == packet.layer && leaps);
        match showing.run {
            Some(run) if run.layer == packet.layer => self.go_on(now, run, codec, packet, false),
            _ if packet.layer != aim.layer => Err(Withheld::OtherLayer),
            _ if self.kind == Kind::Video && !packet.starts_key_frame => Err(Withheld::WaitingForKeyFrame),
            _ if is_past(showing.last_layer, packet, self.numbering.highest(), self.last, now) => {
                Err(Withheld::BeforeTheStart)
            }
            _ => {
                let run = self.begin(now, codec, packet, published_now(), aim);
                self.go_on(now, run, codec, packet, true)
            }
        }
    }

    /// Begins a run with `packet`.
    fn begin(
        &mut self,
        now: Time,
        codec: OutCodec,
        packet: &Packet<'_>,
        published_now: Option<u32>,
        aim: Choice,
    ) -> Run {
        let behind = published_now.map(|then| then.wrapping_sub(packet.timestamp));
        let timestamp = in_step(self.reported, self.last, now, behind, codec.clock_rate)
            .or_else(|| next_timestamp(self.last, now, codec.clock_rate));
        let run = Run {
            layer: packet.layer,
            timestamp_offset: timestamp.unwrap_or(packet.timestamp).wrapping_sub(packet.timestamp),
            codec: (packet.codec, codec),
        };
        self.numbering.begin(packet.index, self.next_index);
        self.selection.want(aim.sublayers);
        self.selection.begin(packet.index);
        self.pictures.begin(packet);
        if let Some(showing) = &mut self.showing {
            (showing.run, showing.last_layer) = (Some(run), Some(run.layer));
        }
        run
    }

    /// The next packet of the run, or one that comes late.
    fn go_on(
        &mut self,
        now: Time,
        run: Run,
        codec: OutCodec,
        packet: &Packet<'_>,
        begins: bool,
    ) -> Result<Outgoing, Withheld> {
        if packet.index < self.numbering.first() {
            return Err(Withheld::BeforeTheStart);
        }
        let is_empty = self.kind == Kind::Video && packet.payload.is_empty();
        if packet.index > self.numbering.highest() && !is_empty {
            self.selection.advance(packet.index, packet);
            if self.selection.is_broken() {
                self.interrupt();
                return Err(Withheld::WaitingForKeyFrame);
            }
        }
        if packet.starts_key_frame && packet.index > self.numbering.highest() && !begins {
            self.pictures.follow_restart(packet);
        }
        let shown = !is_empty && self.selection.shows(packet.index, packet);
        let head = if shown { self.pictures.head(&packet.frame, packet.payload) } else { None };
        if head.is_some() {
            self.selection.note_shown(packet);
        }
        let index = match head {
            Some(_) => self.numbering.number(packet.index).ok_or(Withheld::BeforeTheStart)?,
            None => self.leave_out(packet)?,
        };
        let timestamp = packet.timestamp.wrapping_add(run.timestamp_offset);
        if index >= self.next_index {
            self.next_index = index + 1;
            self.last = Some((timestamp, now));
            let track = self.showing.as_ref().map(|showing| showing.track);
            self.newest = track.map(|track| (track, packet.layer, packet.index));
        }
        self.sent.packets = self.sent.packets.wrapping_add(1);
        self.sent.octets = self.sent.octets.wrapping_add(packet.payload.len() as u32);
        Ok(Outgoing {
            index,
            ssrc: self.ssrc,
            payload_type: codec.payload_type,
            red: codec.red,
            timestamp,
            marker: head.is_some() && self.is_marked(packet),
            begins,
            head: head.unwrap_or_default(),
            is_empty: head.is_none(),
            frame_number: self.pictures.frame_number(packet),
        })
    }

    /// Leaves a packet out that is not wanted, so that nobody misses it; where others went before it
    /// that is too late, and its number must be sent empty.
    fn leave_out(&mut self, packet: &Packet<'_>) -> Result<u64, Withheld> {
        self.pictures.skip(&packet.frame);
        match self.numbering.skip(packet.index) {
            Skipped::LeftOut if packet.payload.is_empty() => Err(Withheld::Empty),
            Skipped::LeftOut => Err(Withheld::Sublayer),
            Skipped::Reserved(number) => Ok(number),
            Skipped::TooOld => Err(Withheld::BeforeTheStart),
        }
    }

    pub(super) fn is_marked(&self, packet: &Packet<'_>) -> bool {
        packet.marker || self.selection.ends_picture(packet.index, packet)
    }
}

/// Whether a key frame that comes at `now` shows what is past: it comes late in the layer that the
/// seat showed last, or from the history of a layer on another worker.
fn is_past(
    last_layer: Option<u8>,
    packet: &Packet<'_>,
    highest: u64,
    last: Option<(u32, Time)>,
    now: Time,
) -> bool {
    let is_late = last_layer == Some(packet.layer) && packet.index <= highest;
    let is_old = last_layer.is_some() && last.is_some_and(|(_, last)| now + OUT_OF_STEP < last);
    is_late || is_old
}

/// The time stamp a new run begins with, so that the moment its first packet was taken at, `behind`
/// ticks ago by its publisher's reports, lies on the line of the seat's own reports. None where
/// either is unknown, or that would go back in time.
fn in_step(
    reported: Option<Reported>,
    last: Option<(u32, Time)>,
    now: Time,
    behind: Option<u32>,
    clock_rate: u32,
) -> Option<u32> {
    let reported = reported.filter(|reported| reported.clock_rate == clock_rate)?;
    let (last, _) = last?;
    // What is replayed from the history came before the report.
    let (since, until) = (now.since(reported.at), reported.at.since(now));
    let seat_now =
        reported.timestamp.wrapping_add(ticks(since, clock_rate)).wrapping_sub(ticks(until, clock_rate));
    let timestamp = seat_now.wrapping_sub(behind?);
    let ahead = timestamp.wrapping_sub(last) as i32;
    (ahead > 0 && (ahead as u32) < clock_rate.saturating_mul(MAX_SILENCE_S)).then_some(timestamp)
}

/// The time stamp a new run begins with otherwise: as far behind the last one as time has passed, and never
/// the same, which would make two frames one.
fn next_timestamp(last: Option<(u32, Time)>, now: Time, clock_rate: u32) -> Option<u32> {
    let (timestamp, at) = last?;
    let passed = now.since(at).max(Duration::from_millis(1));
    Some(timestamp.wrapping_add(ticks(passed, clock_rate)))
}
