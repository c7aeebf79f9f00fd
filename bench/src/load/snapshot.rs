//! What the load tells about itself and about the server.

use super::layers::Layers;
use crate::signal::Kind;
use hdrhistogram::Histogram;
use std::time::Duration;
use volley::control::types::SrtpProfile;

/// The longest that is told apart: whatever lasts longer counts as this.
const LONGEST_MICROS: u64 = 60_000_000;

/// The state of a load at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// Since the snapshot before.
    pub(crate) interval: Figures,
    /// Since the start, or since [`Load::restart_totals`](super::Load::restart_totals).
    pub(crate) total: Figures,
    /// Who is there now.
    pub(crate) population: Population,
    /// The first few things that went wrong, each in a sentence.
    pub(crate) problems: Vec<String>,
}

/// Who is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Population {
    /// Participants, by person.
    pub(crate) participants: usize,
    /// Transports that have not come to their keys yet.
    pub(crate) connecting: usize,
    /// Transports with keys.
    pub(crate) connected: usize,
    /// Transports that have failed and were not taken away.
    pub(crate) failed: usize,
    /// Transports that the server has closed.
    pub(crate) closed: usize,
    /// Connected transports by SRTP profile.
    pub(crate) profiles: Vec<(SrtpProfile, usize)>,
    /// Streams of others that are coming in: pairs of receiver and published stream, all layers of a
    /// picture being one. One of which nothing has come for two seconds is not.
    pub(crate) streams: usize,
    /// Those of them that are sound.
    pub(crate) sounds: usize,
    /// The longest that nothing has come of a stream since: a gap that has not ended is in no histogram.
    /// Streams of who has left have one as well.
    pub(crate) open_gap: Duration,
}

/// What happened in a span of time. Times in histograms are microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// How long it was.
    pub(crate) wall: Duration,
    /// CPU time of the load's own thread in it. What the kernel does for it in interrupts is not
    /// in there.
    pub(crate) busy: Duration,
    /// Sound received.
    pub(crate) audio: Received,
    /// Pictures received.
    pub(crate) video: Received,
    /// Sound sent.
    pub(crate) audio_sent: Sent,
    /// Pictures sent.
    pub(crate) video_sent: Sent,
    /// Pictures in several layers: of those above.
    pub(crate) layers: Layers,
    /// RTCP datagrams received.
    pub(crate) rtcp_received: u64,
    /// RTCP datagrams sent.
    pub(crate) rtcp_sent: u64,
    /// Packets of another room: the worst a server can do. Must be 0.
    pub(crate) foreign_room: u64,
    /// Packets that came back to who sent them.
    pub(crate) echoes: u64,
    /// Packets whose authentication tag was wrong.
    pub(crate) not_authentic: u64,
    /// Packets whose SRTP index was used before.
    pub(crate) replayed: u64,
    /// Datagrams that are not what they seem, or that nobody here can have been meant with.
    pub(crate) malformed: u64,
    /// Packets without a stamp: what a server makes up itself, to probe or to fill.
    pub(crate) unstamped: u64,
    /// Transports that came to their keys.
    pub(crate) connects: u64,
    /// Transports that failed.
    pub(crate) failures: u64,
    /// Transports that the server closed.
    pub(crate) closes: u64,
    /// Key frames that others asked publishers for.
    pub(crate) key_frame_requests: u64,
    /// The most of them that reached one stream, which is one layer, within a second.
    pub(crate) most_key_frame_requests: u64,
    /// Time from sending to receiving, originals only.
    pub(crate) delay: Histogram<u64>,
    /// Time between two packets of a stream, where the publisher made no pause.
    pub(crate) gaps: Histogram<u64>,
    /// From joining to keys: ICE and DTLS.
    pub(crate) connect: Histogram<u64>,
    /// From joining to a whole key frame.
    pub(crate) first_frame: Histogram<u64>,
    /// How much later than it was due the load did something: its own tardiness, not the server's.
    pub(crate) lateness: Histogram<u64>,
    /// Datagrams that could not be sent, or were cut on receiving: the generator's own limits.
    pub(crate) io_losses: u64,
}

/// What came of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Packets that were new, originals and retransmissions.
    pub(crate) packets: u64,
    /// Bytes of their datagrams.
    pub(crate) bytes: u64,
    /// Packets that had not come when a later one did.
    pub(crate) missing: u64,
    /// Those of them that the server did not mean to send: its own numbers have no hole there.
    pub(crate) withheld: u64,
    /// Those of the missing that came in the end.
    pub(crate) late: u64,
    /// Late originals: overtaken on their way.
    pub(crate) reordered: u64,
    /// Packets that came twice, in whatever form.
    pub(crate) duplicates: u64,
    /// Packets too late to tell whether they are new.
    pub(crate) too_old: u64,
    /// Packets on a retransmission stream.
    pub(crate) retransmissions: u64,
    /// Packets passed over while a seat showed others, or another layer.
    pub(crate) skipped: u64,
    /// Key frames of which every packet came.
    pub(crate) key_frames: u64,
}

/// What was sent of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Packets, without retransmissions.
    pub(crate) packets: u64,
    /// Bytes of their datagrams.
    pub(crate) bytes: u64,
    /// Packets sent again because the server missed them.
    pub(crate) retransmissions: u64,
}

impl Received {
    /// Packets that did not come. Of an interval: those that were found missing in it, less those
    /// that came late in it.
    pub(crate) fn lost(&self) -> u64 {
        self.missing.saturating_sub(self.late)
    }

    /// Those of them that the server meant to send, or never got: what it let go is not among them.
    pub(crate) fn lost_on_the_way(&self) -> u64 {
        self.lost().saturating_sub(self.withheld)
    }

    fn add(&mut self, other: &Received) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.missing += other.missing;
        self.withheld += other.withheld;
        self.late += other.late;
        self.reordered += other.reordered;
        self.duplicates += other.duplicates;
        self.too_old += other.too_old;
        self.retransmissions += other.retransmissions;
        self.skipped += other.skipped;
        self.key_frames += other.key_frames;
    }
}

impl Sent {
    fn add(&mut self, other: &Sent) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.retransmissions += other.retransmissions;
    }
}

impl Default for Figures {
    fn default() -> Figures {
        // Three digits where the promise is in milliseconds and below, two for the rest: 180 KiB
        // and 25 KiB, of which the part in use stays in the cache.
        let histogram = |digits| {
            Histogram::new_with_bounds(1, LONGEST_MICROS, digits).expect("these bounds are in range")
        };
        Figures {
            wall: Duration::ZERO,
            busy: Duration::ZERO,
            audio: Received::default(),
            video: Received::default(),
            audio_sent: Sent::default(),
            video_sent: Sent::default(),
            layers: Layers::default(),
            rtcp_received: 0,
            rtcp_sent: 0,
            foreign_room: 0,
            echoes: 0,
            not_authentic: 0,
            replayed: 0,
            malformed: 0,
            unstamped: 0,
            connects: 0,
            failures: 0,
            closes: 0,
            key_frame_requests: 0,
            most_key_frame_requests: 0,
            delay: histogram(3),
            gaps: histogram(2),
            connect: histogram(2),
            first_frame: histogram(2),
            lateness: histogram(2),
            io_losses: 0,
        }
    }
}

impl Figures {
    /// Media packets received: what the server forwarded.
    pub(crate) fn packets(&self) -> u64 {
        self.audio.packets + self.video.packets
    }

    /// Media packets a second.
    pub(crate) fn packets_per_second(&self) -> f64 {
        per_second(self.packets(), self.wall)
    }

    /// Packets that did not come.
    pub(crate) fn lost(&self) -> u64 {
        self.audio.lost() + self.video.lost()
    }

    /// Lost packets among all that should have come.
    pub(crate) fn loss(&self) -> f64 {
        let expected = self.packets() + self.lost();
        if expected == 0 { 0.0 } else { self.lost() as f64 / expected as f64 }
    }

    /// Share of the time that the load's own thread was busy. Near 1 the load is the limit.
    pub(crate) fn busy_share(&self) -> f64 {
        if self.wall.is_zero() { 0.0 } else { self.busy.as_secs_f64() / self.wall.as_secs_f64() }
    }

    /// The longest time between two packets of a stream.
    pub(crate) fn longest_gap(&self) -> Duration {
        Duration::from_micros(if self.gaps.is_empty() { 0 } else { self.gaps.max() })
    }

    pub(super) fn received(&mut self, kind: Kind) -> &mut Received {
        match kind {
            Kind::Audio => &mut self.audio,
            Kind::Video => &mut self.video,
        }
    }

    pub(super) fn sent(&mut self, kind: Kind) -> &mut Sent {
        match kind {
            Kind::Audio => &mut self.audio_sent,
            Kind::Video => &mut self.video_sent,
        }
    }

    pub(crate) fn add(&mut self, other: &Figures) {
        self.wall += other.wall;
        self.busy += other.busy;
        self.audio.add(&other.audio);
        self.video.add(&other.video);
        self.audio_sent.add(&other.audio_sent);
        self.video_sent.add(&other.video_sent);
        self.layers.add(&other.layers);
        self.rtcp_received += other.rtcp_received;
        self.rtcp_sent += other.rtcp_sent;
        self.foreign_room += other.foreign_room;
        self.echoes += other.echoes;
        self.not_authentic += other.not_authentic;
        self.replayed += other.replayed;
        self.malformed += other.malformed;
        self.unstamped += other.unstamped;
        self.connects += other.connects;
        self.failures += other.failures;
        self.closes += other.closes;
        self.key_frame_requests += other.key_frame_requests;
        self.most_key_frame_requests = self.most_key_frame_requests.max(other.most_key_frame_requests);
        self.io_losses += other.io_losses;
        let histograms = [
            (&mut self.delay, &other.delay),
            (&mut self.gaps, &other.gaps),
            (&mut self.connect, &other.connect),
            (&mut self.first_frame, &other.first_frame),
            (&mut self.lateness, &other.lateness),
        ];
        for (sum, part) in histograms {
            sum.add(part).expect("all histograms have the same bounds");
        }
    }
}

fn per_second(count: u64, wall: Duration) -> f64 {
    if wall.is_zero() { 0.0 } else { count as f64 / wall.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_late_is_not_lost() {
        let video = Received { packets: 90, missing: 15, late: 5, ..Received::default() };
        let figures = Figures { video, ..Figures::default() };
        assert_eq!(figures.lost(), 10);
        assert!((figures.loss() - 0.1).abs() < 1e-9);
    }

    #[test]
    fn totals_are_the_sum_of_their_intervals() {
        let mut total = Figures::default();
        for delay in [100, 300] {
            let mut interval = Figures { wall: Duration::from_secs(1), ..Figures::default() };
            interval.busy = Duration::from_millis(delay);
            interval.audio.packets = delay;
            interval.delay.saturating_record(delay);
            total.add(&interval);
        }
        assert_eq!((total.packets(), total.delay.len()), (400, 2));
        assert!((total.busy_share() - 0.2).abs() < 1e-9);
        assert!((total.packets_per_second() - 200.0).abs() < 1e-9);
    }
}
