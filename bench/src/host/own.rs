//! What volley itself counts of its packets' delay and its trains' length, read from its metrics.

use anyhow::{Context as _, bail};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The port of its metrics.
pub(crate) const PORT: u16 = 9090;
const DELAY: &str = "volley_forward_delay_seconds";
const TRAINS: &str = "volley_train_length_packets";
const DROPPED: &str = "volley_dropped_total{";
const PATIENCE: Duration = Duration::from_secs(2);

/// Volley's own histograms, all workers together.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Own {
    /// From a packet's arrival in the kernel to the departure of the train it leaves in, seconds.
    pub(crate) added_delay: Buckets,
    /// Datagrams per send.
    pub(crate) trains: Buckets,
    /// What went no further, by cause.
    pub(crate) dropped: BTreeMap<String, u64>,
}

impl Own {
    /// As of now.
    ///
    /// # Errors
    /// When the server does not answer or tells something else.
    pub(crate) async fn scrape(server: SocketAddr) -> anyhow::Result<Own> {
        let text = timeout(PATIENCE, get(server)).await.context("the server's metrics take too long")??;
        let own = Own {
            added_delay: Buckets::parse(&text, DELAY),
            trains: Buckets::parse(&text, TRAINS),
            dropped: dropped(&text),
        };
        if own.trains.counts.is_empty() {
            bail!("{server} shows no metrics of volley's");
        }
        Ok(own)
    }

    /// What was counted since `before`.
    pub(crate) fn since(&self, before: &Own) -> Own {
        Own {
            added_delay: self.added_delay.since(&before.added_delay),
            trains: self.trains.since(&before.trains),
            dropped: self
                .dropped
                .iter()
                .filter_map(|(cause, &now)| {
                    let more = now.saturating_sub(before.dropped.get(cause).copied().unwrap_or(0));
                    (more > 0).then(|| (cause.clone(), more))
                })
                .collect(),
        }
    }

    /// Adds what another run counted.
    pub(crate) fn add(&mut self, other: &Own) {
        self.added_delay.add(&other.added_delay);
        self.trains.add(&other.trains);
        for (cause, count) in &other.dropped {
            *self.dropped.entry(cause.clone()).or_default() += count;
        }
    }
}

/// How many fell under which bound and above the one before.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Buckets {
    /// Upper bounds; the last bucket has none.
    pub(crate) bounds: Vec<f64>,
    /// One more than there are bounds.
    pub(crate) counts: Vec<u64>,
}

impl Buckets {
    /// The bound that the share `quantile` does not pass; `None` when nothing was counted, or when
    /// it lies beyond the last bound.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<f64> {
        let rank = self.counts.iter().sum::<u64>() as f64 * quantile;
        let mut seen = 0;
        let bucket = self.counts.iter().position(|&count| {
            seen += count;
            count > 0 && seen as f64 >= rank
        })?;
        self.bounds.get(bucket).copied()
    }

    /// The buckets of the histogram `name` in Prometheus' text format, all its labels together.
    fn parse(text: &str, name: &str) -> Buckets {
        let samples = text.lines().filter_map(|line| {
            let labels = line.strip_prefix(name)?.strip_prefix("_bucket{")?;
            let (labels, value) = labels.split_once("} ")?;
            let bound = labels.split(',').find_map(|label| label.strip_prefix("le=\""))?;
            Some((bound.trim_end_matches('"').parse::<f64>().ok()?, value.parse::<f64>().ok()? as u64))
        });
        let mut cumulative: Vec<(f64, u64)> = Vec::new();
        for (bound, count) in samples {
            match cumulative.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, sum)) => *sum += count,
                None => cumulative.push((bound, count)),
            }
        }
        let below = std::iter::once(0).chain(cumulative.iter().map(|&(_, count)| count));
        let counts = cumulative.iter().zip(below).map(|(&(_, count), below)| count.saturating_sub(below));
        Buckets {
            counts: counts.collect(),
            bounds: cumulative.iter().map(|&(bound, _)| bound).filter(|bound| bound.is_finite()).collect(),
        }
    }

    fn since(&self, before: &Buckets) -> Buckets {
        let before = before.counts.iter().chain(std::iter::repeat(&0));
        let counts = self.counts.iter().zip(before).map(|(now, then)| now.saturating_sub(*then)).collect();
        Buckets { bounds: self.bounds.clone(), counts }
    }

    fn add(&mut self, other: &Buckets) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }
}

/// What was dropped by each cause, all workers together.
fn dropped(text: &str) -> BTreeMap<String, u64> {
    let mut dropped = BTreeMap::new();
    let samples = text.lines().filter_map(|line| line.strip_prefix(DROPPED)?.split_once("} "));
    for (labels, value) in samples {
        let cause = labels.split(',').find_map(|label| label.strip_prefix("cause=\""));
        let value = value.parse::<f64>().ok();
        if let Some((cause, value)) = cause.zip(value) {
            *dropped.entry(cause.trim_end_matches('"').to_owned()).or_default() += value as u64;
        }
    }
    dropped
}

async fn get(server: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(server).await.context("the server's metrics cannot be reached")?;
    let request = format!("GET /metrics HTTP/1.0\r\nhost: {server}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE lag histogram
lag_bucket{worker=\"0\",le=\"0.001\"} 90
lag_bucket{worker=\"0\",le=\"0.002\"} 98
lag_bucket{worker=\"0\",le=\"+Inf\"} 98
lag_sum{worker=\"0\"} 1
lag_count{worker=\"0\"} 98
lag_bucket{worker=\"1\",le=\"0.001\"} 0
lag_bucket{worker=\"1\",le=\"0.002\"} 1
lag_bucket{worker=\"1\",le=\"+Inf\"} 2
";

    #[test]
    fn workers_are_taken_together() {
        let lag = Buckets::parse(TEXT, "lag");
        assert_eq!(
            (lag.bounds.as_slice(), lag.counts.as_slice()),
            ([0.001, 0.002].as_slice(), [90, 9, 1].as_slice())
        );
        assert_eq!(lag.quantile(0.5), Some(0.001));
        assert_eq!(lag.quantile(0.99), Some(0.002));
        assert_eq!(lag.quantile(1.0), None);
        assert_eq!(Buckets::parse(TEXT, "other").quantile(0.5), None);
    }

    #[test]
    fn what_was_dropped_is_told_by_cause_and_only_where_there_is_more_of_it() {
        let text = "volley_dropped_total{worker=\"0\",cause=\"shed\"} 90\n\
                    volley_dropped_total{worker=\"1\",cause=\"shed\"} 5\n\
                    volley_dropped_total{worker=\"0\",cause=\"muted\"} 3\n";
        let now = Own { dropped: dropped(text), ..Own::default() };
        assert_eq!(now.dropped["shed"], 95);
        let before = Own { dropped: BTreeMap::from([("muted".into(), 3)]), ..Own::default() };
        assert_eq!(now.since(&before).dropped, BTreeMap::from([("shed".into(), 95)]));
    }

    #[test]
    fn what_was_counted_before_a_run_is_not_the_runs() {
        let lag = Buckets::parse(TEXT, "lag");
        assert_eq!(lag.since(&lag).quantile(0.5), None);
        assert_eq!(lag.since(&Buckets::default()), lag);
    }
}
