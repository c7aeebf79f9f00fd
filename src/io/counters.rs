//! What a back end counts.

/// Buckets of the train length histogram: 1, 2, 3–4, 5–8, 9–16, 17–32, 33–64, 65–128 datagrams.
pub const TRAIN_LENGTH_BUCKETS: usize = 8;

/// Plain counters of one worker's back end; they only rise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IoCounters {
    /// Datagrams shown to the worker.
    pub datagrams_in: u64,
    /// Their payload bytes.
    pub bytes_in: u64,
    /// Datagrams the kernel took.
    pub datagrams_out: u64,
    /// Their payload bytes.
    pub bytes_out: u64,
    /// Receives that did not fit their buffer; what was cut off is lost.
    pub truncated: u64,
    /// Receives that failed or came from no address.
    pub receive_errors: u64,
    /// Times the receive buffers ran out; what came next waited in the socket's buffer.
    pub no_buffer: u64,
    /// Times completions came faster than the ring could hold them; the kernel kept them.
    pub ring_overflows: u64,
    /// Datagrams the kernel refused to send.
    pub send_errors: u64,
    /// Trains the kernel refused to split; they were sent as single datagrams.
    pub refused_trains: u64,
    /// Datagrams dropped because their socket stayed full for too long.
    pub socket_full: u64,
    /// Datagrams that found every train in use.
    pub no_train: u64,
    /// Datagrams to an address their socket cannot reach.
    pub unroutable: u64,
    /// Datagrams copied because they turned out shorter than announced.
    pub copied: u64,
    /// TCP connections taken over.
    pub streams: u64,
    /// TCP connections that were one too many.
    pub streams_refused: u64,
    /// Datagrams that found no room on their TCP connection, which took no more.
    pub stream_full: u64,
    /// Sends by the number of datagrams they carried.
    pub train_lengths: [u64; TRAIN_LENGTH_BUCKETS],
}

impl IoCounters {
    pub(super) fn count_sent(&mut self, datagrams: u16, bytes: u32) {
        self.datagrams_out += u64::from(datagrams);
        self.bytes_out += u64::from(bytes);
        self.train_lengths[bucket(datagrams)] += 1;
    }
}

fn bucket(datagrams: u16) -> usize {
    let bucket = datagrams.max(1).next_power_of_two().trailing_zeros() as usize;
    bucket.min(TRAIN_LENGTH_BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn train_lengths_fall_into_buckets_that_double() {
        let lengths = [1, 2, 3, 4, 5, 8, 9, 16, 17, 32, 33, 64, 65, 128];
        let buckets = [0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7];
        assert_eq!(lengths.map(bucket), buckets);
    }
}
