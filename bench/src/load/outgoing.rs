//! One stream that a participant publishes: numbers, stamps, retransmissions, sender reports.

use super::media::{MediaModel, Outline, Seeds, Source, size};
use super::meter::Meter;
use super::stamp::{STAMP_LEN, Stamp};
use super::vp8;
use crate::signal::{Kind, LAYERS, Person, Publish, Sending};
use arrayvec::ArrayVec;
use std::collections::VecDeque;
use std::time::Duration;
use volley::base::id::{PayloadType, Ssrc};
use volley::base::random::Random;
use volley::base::{Outbox, Path, Time, TrainId, WallClock};
use volley::transport::srtp::{Payload, SrtpSender};
use volley::wire::extension::{AudioLevel, Element, write_transport_sequence};
use volley::wire::rtcp::SenderInfo;
use volley::wire::rtp::RtpHeader;

/// Packets kept for retransmission: 2 s of a 3 Mbit/s picture. Their content is made again, so each
/// costs some 50 bytes.
const HISTORY: usize = 640;
/// Requests for key frames are told by the second.
const A_SECOND: Duration = Duration::from_secs(1);
/// RFC 6464: a voice at arm's length, and nobody.
const SPEECH: AudioLevel = AudioLevel { voice: true, minus_dbov: 25 };
const SILENCE: AudioLevel = AudioLevel { voice: false, minus_dbov: 127 };
/// Header, MID, RID, loudness and transport-wide number.
const MAX_HEADER: usize = 64;
/// Longest payload that is made here.
const MAX_PAYLOAD: usize = 1200;

/// What leaving the transport takes: where to, under which keys, in whose train.
pub(super) struct Exit<'a, O> {
    pub(super) now: Time,
    pub(super) path: Path,
    pub(super) train: TrainId,
    pub(super) sender: &'a SrtpSender,
    /// The next transport-wide number.
    pub(super) transport_sequence: &'a mut u16,
    pub(super) out: &'a mut O,
    pub(super) meter: &'a mut Meter,
}

/// A published stream.
pub(super) struct Outgoing {
    sending: Sending,
    person: Person,
    source: Source,
    /// RTP index of the next packet: its low 16 bits are the sequence number.
    index: u64,
    rtx_index: u64,
    /// RTP time stamp at [`Time::ZERO`].
    timestamp: u32,
    /// Which of the person's joins this is, by chance.
    life: u16,
    /// Stamp number of the next packet.
    sequence: u32,
    packets: u32,
    octets: u32,
    history: VecDeque<Kept>,
    /// When key frames were asked for, in the last second.
    key_frame_requests: VecDeque<Time>,
    /// The server has reported on the stream, so it knows it by its SSRC …
    reported: bool,
    /// … and on its retransmissions.
    rtx_reported: bool,
    paused: bool,
}

/// What it takes to make a packet again.
#[derive(Clone, Copy)]
struct Kept {
    index: u64,
    outline: Outline,
    stamp: Stamp,
}

impl Outgoing {
    pub(super) fn new(
        sending: Sending,
        person: Person,
        model: &MediaModel,
        seeds: Seeds,
        now: Time,
    ) -> Outgoing {
        let mut random = Random::new(seeds.own);
        let Publish { kind, layer, .. } = sending.publish;
        let seeds = Seeds { own: random.next_u64(), ..seeds };
        let source = Source::new(kind, layer, model, seeds, now);
        // Layers of one camera have its time stamps.
        let mut clock = Random::new(if layer.is_some() { seeds.camera } else { random.next_u64() });
        Outgoing {
            sending,
            person,
            source,
            // RFC 3711 §3.3.1: from the lower half, so that losing the first packets cannot make
            // the two sides disagree on the roll-over counter.
            index: random.below(1 << 15),
            rtx_index: random.below(1 << 15),
            timestamp: clock.next_u32(),
            // Layers of one camera are of one join.
            life: (seeds.camera >> 48) as u16,
            sequence: 0,
            packets: 0,
            octets: 0,
            history: VecDeque::new(),
            key_frame_requests: VecDeque::new(),
            reported: false,
            rtx_reported: false,
            paused: false,
        }
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.sending.publish.ssrc
    }

    pub(super) fn next_deadline(&self) -> Time {
        self.source.next_deadline()
    }

    /// Sends what is due.
    pub(super) fn send_due<O: Outbox>(&mut self, exit: &mut Exit<'_, O>) {
        while let Some(outline) = self.source.poll(exit.now) {
            let stamp = self.stamp(&outline, exit.now);
            let kept = Kept { index: self.index, outline, stamp };
            self.index += 1;
            self.sequence = self.sequence.wrapping_add(1);
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add(u32::from(outline.len));
            if self.sending.rtx_payload_type.is_some() {
                if self.history.len() == HISTORY {
                    self.history.pop_front();
                }
                self.history.push_back(kept);
            }
            let len = self.send(&kept, false, exit);
            let sent = exit.meter.now.sent(self.sending.publish.kind);
            sent.packets += 1;
            sent.bytes += len as u64;
            if let Some(layer) = self.sending.publish.layer {
                exit.meter.now.layers.of(layer).sent += 1;
            }
        }
    }

    /// Answers a NACK.
    pub(super) fn resend<O: Outbox>(&mut self, lost: impl Iterator<Item = u16>, exit: &mut Exit<'_, O>) {
        for sequence in lost {
            let Some(oldest) = self.history.front().map(|kept| kept.index) else { return };
            let place = usize::from(sequence.wrapping_sub(oldest as u16));
            let Some(&kept) = self.history.get(place) else { continue };
            self.send(&kept, true, exit);
            exit.meter.now.sent(self.sending.publish.kind).retransmissions += 1;
        }
    }

    /// Somebody asked for a key frame.
    pub(super) fn want_key_frame(&mut self, now: Time, meter: &mut Meter) {
        self.key_frame_requests.push_back(now);
        while self.key_frame_requests.front().is_some_and(|&asked| now.since(asked) >= A_SECOND) {
            self.key_frame_requests.pop_front();
        }
        let within_a_second = self.key_frame_requests.len() as u64;
        meter.now.most_key_frame_requests = meter.now.most_key_frame_requests.max(within_a_second);
        meter.now.key_frame_requests += 1;
        self.source.want_key_frame();
    }

    /// The server has reported on an SSRC; perhaps on this stream's.
    pub(super) fn note_report(&mut self, ssrc: u32) {
        let Publish { ssrc: own, rtx_ssrc, .. } = self.sending.publish;
        self.reported |= ssrc == own;
        self.rtx_reported |= Some(ssrc) == rtx_ssrc;
    }

    /// The server says which layers it wants: the others are not sent.
    pub(super) fn obey(&mut self, wanted: [bool; LAYERS], now: Time, meter: &mut Meter) {
        let Some(layer) = self.sending.publish.layer else { return };
        let paused = !wanted[layer.place()];
        if self.source.pause(paused, now) {
            self.paused = paused;
            meter.now.layers.of(layer).pauses += u64::from(paused);
        }
    }

    /// What a sender report says of it; nothing before its first packet and while it is paused.
    pub(super) fn sender_info(&self, now: Time, wall: &WallClock) -> Option<SenderInfo> {
        (self.packets > 0 && !self.paused).then(|| SenderInfo {
            ssrc: Ssrc(self.ssrc()),
            ntp: wall.ntp(now),
            rtp_timestamp: self.timestamp(now),
            packets: self.packets,
            octets: self.octets,
        })
    }

    fn stamp(&self, outline: &Outline, now: Time) -> Stamp {
        Stamp {
            person: self.person,
            kind: self.sending.publish.kind,
            life: self.life,
            layer: self.sending.publish.layer,
            key_frame: outline.key_frame,
            silence_follows: outline.silence_follows,
            sequence: self.sequence,
            frame: outline.frame,
            packets_in_frame: outline.packets_in_frame,
            sent: now,
        }
    }

    fn timestamp(&self, at: Time) -> u32 {
        let rate = match self.sending.publish.kind {
            Kind::Audio => 48_000,
            Kind::Video => 90_000,
        };
        let ticks = u128::from(at.as_nanos()) * rate / 1_000_000_000;
        self.timestamp.wrapping_add(ticks as u32)
    }

    /// Seals a packet, or its retransmission, into the train; its length.
    fn send<O: Outbox>(&mut self, kept: &Kept, again: bool, exit: &mut Exit<'_, O>) -> usize {
        let mut header = [0; MAX_HEADER];
        let Some((index, header_len)) = self.write_header(kept, again, exit.transport_sequence, &mut header)
        else {
            return 0;
        };
        let mut payload = [0x55; MAX_PAYLOAD];
        write_payload(kept, &mut payload);
        let original = (kept.index as u16).to_be_bytes();
        let head: &[u8] = if again { &original } else { &[] };
        let payload = Payload { head, body: &payload[..usize::from(kept.outline.len)], padding: 0 };
        let len = header_len + payload.len() + exit.sender.overhead();
        let sender = exit.sender;
        // What finds no room is counted by the back end.
        exit.out.push(exit.train, &exit.path, len, |out| {
            out[..header_len].copy_from_slice(&header[..header_len]);
            sender.seal_rtp(index, header_len, payload, out).ok()
        });
        len
    }

    fn write_header(
        &mut self,
        kept: &Kept,
        again: bool,
        transport_sequence: &mut u16,
        out: &mut [u8],
    ) -> Option<(u64, usize)> {
        let publish = &self.sending.publish;
        let (index, ssrc, payload_type) = if again {
            let index = self.rtx_index;
            self.rtx_index += 1;
            (index, publish.rtx_ssrc?, self.sending.rtx_payload_type?)
        } else {
            (kept.index, publish.ssrc, self.sending.payload_type)
        };
        let header = RtpHeader {
            marker: kept.outline.marker,
            payload_type: PayloadType(payload_type),
            sequence: index as u16,
            timestamp: self.timestamp(kept.outline.captured),
            ssrc: Ssrc(ssrc),
        };
        let number = write_transport_sequence(*transport_sequence);
        let loudness = if kept.outline.speech { SPEECH } else { SILENCE }.write();
        let mut elements = ArrayVec::<Element<'_>, 4>::new();
        if let Some(id) = self.sending.transport_cc {
            *transport_sequence = transport_sequence.wrapping_add(1);
            elements.push(Element { id, data: &number });
        }
        if let Some(id) = self.sending.audio_level {
            elements.push(Element { id, data: &loudness });
        }
        // As libwebrtc: names go with packets until a report shows that their SSRC is known.
        let is_known = if again { self.rtx_reported } else { self.reported };
        if let Some((id, mid)) = self.sending.mid.as_ref().filter(|_| !is_known) {
            elements.push(Element { id: *id, data: mid.as_bytes() });
        }
        if let Some(((rid, repaired), layer)) = self.sending.rids.zip(publish.layer).filter(|_| !is_known) {
            let id = if again { repaired } else { rid };
            elements.push(Element { id, data: layer.rid().as_bytes() });
        }
        header.write(&elements, out).map(|len| (index, len))
    }
}

/// What the codec's depacketiser looks at, and the stamp.
fn write_payload(kept: &Kept, out: &mut [u8]) {
    let outline = &kept.outline;
    let at = match kept.stamp.kind {
        Kind::Video => {
            vp8::write(outline.first, outline.key_frame, outline.frame, size(kept.stamp.layer), out)
        }
        Kind::Audio => {
            // RFC 6716 §3.1: 20 ms of CELT at full bandwidth, one frame in the packet.
            out[0] = 0xfc;
            1
        }
    };
    kept.stamp.write(&mut out[at..at + STAMP_LEN]);
}

/// The stamp in a payload as it was received, without padding.
pub(super) fn read_stamp(kind: Kind, payload: &[u8]) -> Option<Stamp> {
    let at = match kind {
        Kind::Audio => 1,
        Kind::Video => vp8::header_len(payload)?,
    };
    Stamp::read(payload.get(at..)?).filter(|stamp| stamp.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Layer;
    use volley::wire::rtp::RtpView;

    const MID: u8 = 4;
    const RIDS: (u8, u8) = (10, 11);

    fn layer(place: usize) -> Outgoing {
        let ssrc = 100 + 2 * place as u32;
        let publish = Publish { kind: Kind::Video, layer: Layer::at(place), ssrc, rtx_ssrc: Some(ssrc + 1) };
        let sending = Sending {
            publish,
            payload_type: 96,
            rtx_payload_type: Some(97),
            mid: Some((MID, "1".to_owned())),
            transport_cc: Some(3),
            audio_level: None,
            rids: Some(RIDS),
        };
        let seeds = Seeds { own: 3 + place as u64, camera: 9 };
        Outgoing::new(sending, Person { room: 0, number: 0 }, &MediaModel::default(), seeds, Time::ZERO)
    }

    /// MID, RID and repaired RID of the next packet.
    fn names(stream: &mut Outgoing, at: Time, again: bool) -> [Option<String>; 3] {
        let outline = stream.source.poll(at).expect("a packet is due");
        let kept = Kept { index: stream.index, outline, stamp: stream.stamp(&outline, at) };
        let mut header = [0; MAX_HEADER];
        let (_, len) = stream.write_header(&kept, again, &mut 0, &mut header).expect("there is room");
        let view = RtpView::parse_header(&header[..len]).expect("it was just written");
        [MID, RIDS.0, RIDS.1]
            .map(|id| view.extension(Some(id)).map(|name| String::from_utf8_lossy(name).into_owned()))
    }

    #[test]
    fn packets_name_their_layer_until_the_server_has_reported_on_their_ssrc() {
        let name = |text: &str| Some(text.to_owned());
        let (mut stream, at) = (layer(2), Time::from_millis(100));
        assert_eq!(names(&mut stream, at, false), [name("1"), name("h"), None]);
        stream.note_report(77);
        stream.note_report(104);
        let at = Time::from_millis(140);
        assert_eq!(names(&mut stream, at, false), [None, None, None]);
        assert_eq!(names(&mut stream, at, true), [name("1"), None, name("h")]);
        stream.note_report(105);
        let at = Time::from_millis(180);
        assert_eq!(names(&mut stream, at, true), [None, None, None]);
    }

    #[test]
    fn layers_of_one_camera_have_its_time_stamps() {
        let at = Time::from_millis(12_345);
        let [small, large] = [0, 2].map(layer);
        assert_eq!(small.timestamp(at), large.timestamp(at));
        assert_ne!(small.index, large.index, "each has its own numbers");
    }

    #[test]
    fn a_layer_that_is_paused_has_nothing_to_send_or_to_report() {
        let mut meter = Meter::new(Time::ZERO);
        let mut stream = layer(1);
        stream.packets = 1;
        let reports = |stream: &Outgoing| stream.sender_info(Time::ZERO, &WallClock::new(0)).is_some();
        assert!(reports(&stream));
        for _ in 0..2 {
            stream.obey([true, false, true], Time::ZERO, &mut meter);
        }
        assert!(!reports(&stream) && stream.next_deadline() == Time::NEVER);
        stream.obey([true; LAYERS], Time::ZERO, &mut meter);
        assert!(reports(&stream) && stream.next_deadline() < Time::from_millis(40));
        assert_eq!(meter.now.layers.each.map(|layer| layer.pauses), [0, 1, 0]);
    }
}
