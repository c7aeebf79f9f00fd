//! What a receiver reports of one incoming layer (RFC 3550 §6.4.1, §A.3, §A.8).

use crate::base::id::Ssrc;
use crate::base::{NtpTime, Time};
use crate::wire::rtcp::ReportBlock;
use std::time::Duration;

/// Running statistics of one incoming layer.
#[derive(Clone, Debug)]
pub struct Reception {
    clock_rate: u32,
    first: Option<u64>,
    highest: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
    transit: Option<i64>,
    /// Jitter in 1/16 time stamp units, as §A.8 keeps it.
    jitter_16: i64,
    last_sr: Option<(u32, Time)>,
}

impl Reception {
    /// Statistics of a layer whose time stamps tick at `clock_rate` a second.
    pub fn new(clock_rate: u32) -> Reception {
        Reception {
            clock_rate,
            first: None,
            highest: 0,
            received: 0,
            expected_before: 0,
            received_before: 0,
            transit: None,
            jitter_16: 0,
            last_sr: None,
        }
    }

    /// A packet that was not a retransmission came.
    pub fn on_packet(&mut self, now: Time, index: u64, timestamp: u32) {
        self.received += 1;
        self.first.get_or_insert(index);
        if self.highest >= index {
            return;
        }
        self.highest = index;
        let arrival = (u128::from(now.as_nanos()) * u128::from(self.clock_rate) / 1_000_000_000) as i64;
        let transit = i64::from((arrival as u32).wrapping_sub(timestamp) as i32);
        if let Some(before) = self.transit.replace(transit) {
            let difference = i64::from((transit - before) as i32).abs();
            self.jitter_16 += difference - ((self.jitter_16 + 8) >> 4);
        }
    }

    /// A lost packet came after all, as a retransmission.
    pub fn on_recovered(&mut self) {
        self.received += 1;
    }

    /// A sender report came.
    pub fn on_sender_report(&mut self, now: Time, ntp: NtpTime) {
        self.last_sr = Some((ntp.middle(), now));
    }

    /// Packets that never came.
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    /// Interarrival jitter as time.
    pub fn jitter(&self) -> Duration {
        let units = (self.jitter_16 >> 4).max(0) as u64;
        Duration::from_nanos(units * 1_000_000_000 / u64::from(self.clock_rate.max(1)))
    }

    /// Packets expected since the last report, and those of them that have not come.
    pub fn since_report(&self) -> (u64, u64) {
        let expected = self.expected() - self.expected_before;
        (expected, expected.saturating_sub(self.received - self.received_before))
    }

    /// A report block about `ssrc` since the last call; `None` before the first packet.
    pub fn report(&mut self, now: Time, ssrc: Ssrc) -> Option<ReportBlock> {
        self.first?;
        let (expected_now, lost_now) = self.since_report();
        let expected = self.expected();
        self.expected_before = expected;
        self.received_before = self.received;
        let fraction_lost = (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255) as u8;
        let cumulative = expected as i64 - self.received as i64;
        Some(ReportBlock {
            ssrc,
            fraction_lost,
            total_lost: cumulative.clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: self.highest as u32,
            jitter: (self.jitter_16 >> 4).max(0) as u32,
            last_sender_report: self.last_sr.map_or(0, |(middle, _)| middle),
            delay_since_last: self.last_sr.map_or(0, |(_, at)| in_65536ths(now.since(at))),
        })
    }

    fn expected(&self) -> u64 {
        self.first.map_or(0, |first| self.highest.saturating_sub(first) + 1)
    }
}

fn in_65536ths(duration: Duration) -> u32 {
    ((duration.as_nanos() << 16) / 1_000_000_000).min(u128::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_stream_has_no_jitter_and_no_loss() {
        let mut reception = Reception::new(48_000);
        for n in 0..100u64 {
            reception.on_packet(Time::from_millis(20 * n), 65_536 + n, 960 * n as u32);
        }
        let report = reception.report(Time::from_millis(2_000), Ssrc(1)).expect("packets came");
        assert_eq!((report.fraction_lost, report.total_lost, report.jitter), (0, 0, 0));
        assert_eq!(report.highest_sequence, 65_536 + 99);
    }

    #[test]
    fn every_fourth_packet_lost_is_a_quarter_until_it_is_recovered() {
        let mut reception = Reception::new(90_000);
        for n in (0..401u64).filter(|n| n % 4 != 1) {
            reception.on_packet(Time::from_millis(n), 70_000 + n, 90 * n as u32);
        }
        let report = reception.report(Time::from_millis(400), Ssrc(1)).expect("packets came");
        assert_eq!(report.total_lost, 100);
        assert_eq!(report.fraction_lost, 63);
        for _ in 0..100 {
            reception.on_recovered();
        }
        assert_eq!(reception.lost(), 0);
    }

    #[test]
    fn the_delay_since_a_sender_report_is_counted_in_65536ths() {
        let mut reception = Reception::new(90_000);
        reception.on_packet(Time::ZERO, 70_000, 0);
        reception.on_sender_report(Time::from_millis(1_000), NtpTime(0x0001_0203_0405_0607));
        let report = reception.report(Time::from_millis(1_500), Ssrc(1)).expect("packets came");
        assert_eq!(report.last_sender_report, 0x0203_0405);
        assert_eq!(report.delay_since_last, 32_768);
    }
}
