//! One metric family in the making.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

/// A metric with all its label values.
pub(super) struct Family {
    kind: MetricType,
    name: String,
    help: &'static str,
    metrics: Vec<Metric>,
}

impl Family {
    pub(super) fn counter(name: impl Into<String>, help: &'static str) -> Family {
        Family { kind: MetricType::COUNTER, name: name.into(), help, metrics: Vec::new() }
    }

    pub(super) fn gauge(name: impl Into<String>, help: &'static str) -> Family {
        Family { kind: MetricType::GAUGE, name: name.into(), help, metrics: Vec::new() }
    }

    pub(super) fn histogram(name: impl Into<String>, help: &'static str) -> Family {
        Family { kind: MetricType::HISTOGRAM, name: name.into(), help, metrics: Vec::new() }
    }

    /// Adds a value.
    pub(super) fn with(mut self, labels: &[(&str, &str)], value: f64) -> Family {
        let mut metric = Metric::from_label(labels.iter().map(label).collect());
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.metrics.push(metric);
        self
    }

    /// Adds what fell into buckets: their upper bounds, and in `counts` one more for what lies
    /// beyond the last.
    pub(super) fn with_buckets(
        mut self,
        labels: &[(&str, &str)],
        bounds: impl Iterator<Item = f64>,
        counts: &[u64],
        sum: f64,
    ) -> Family {
        let below = counts.iter().scan(0, |sum, &count| {
            *sum += count;
            Some(*sum)
        });
        let buckets = bounds.zip(below).map(|(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(sum);
        let mut metric = Metric::from_label(labels.iter().map(label).collect());
        metric.set_histogram(histogram);
        self.metrics.push(metric);
        self
    }

    pub(super) fn has_values(&self) -> bool {
        !self.metrics.is_empty()
    }

    pub(super) fn done(self) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(self.name);
        family.set_help(self.help.to_owned());
        family.set_field_type(self.kind);
        family.set_metric(self.metrics);
        family
    }
}

fn label((name, value): &(&str, &str)) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name((*name).to_owned());
    pair.set_value((*value).to_owned());
    pair
}
