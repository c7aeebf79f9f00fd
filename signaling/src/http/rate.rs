//! How often something may happen: a token bucket.

use std::time::{Duration, Instant};

/// Lets a burst pass, then so many a second.
pub(crate) struct Bucket {
    burst: f64,
    per_second: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(crate) fn new(burst: u32, per_second: u32, now: Instant) -> Bucket {
        Bucket { burst: burst.into(), per_second: per_second.into(), tokens: burst.into(), filled: now }
    }

    /// Whether once more is allowed.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.take_some(now, 1)
    }

    /// Whether something is allowed that counts for so many.
    pub(crate) fn take_some(&mut self, now: Instant, count: u32) -> bool {
        let since: Duration = now.saturating_duration_since(self.filled);
        self.filled = now;
        self.tokens = (self.tokens + since.as_secs_f64() * self.per_second).min(self.burst);
        let allowed = self.tokens >= f64::from(count);
        if allowed {
            self.tokens -= f64::from(count);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_so_many_a_second() {
        let mut now = Instant::now();
        let mut bucket = Bucket::new(5, 2, now);
        assert_eq!((0..10).filter(|_| bucket.take(now)).count(), 5);
        now += Duration::from_secs(1);
        assert_eq!((0..10).filter(|_| bucket.take(now)).count(), 2);
        now += Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| bucket.take(now)).count(), 5);
        now += Duration::from_secs(2);
        assert!(!bucket.take_some(now, 5) && bucket.take_some(now, 4) && !bucket.take(now));
    }
}
