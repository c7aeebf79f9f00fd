//! `volley config check`: what is in force, and why.

use super::kind::Kind;
use super::{Config, Effect, Setting};
use serde_json::Value;
use std::fmt::Write as _;
use volley_signaling::shown_url;

impl Config {
    /// A line for each key: its value, where that came from, and what it does when that is nothing.
    pub(crate) fn describe(&self) -> String {
        let rows: Vec<[String; 3]> = self.0.iter().map(row).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        // A list of codecs must not push all origins off the screen.
        let (keys, values) = (width(0), width(1).min(32));
        let mut text = String::new();
        for [key, value, origin] in &rows {
            let _ = writeln!(text, "{key:keys$}  {value:values$}  {origin}");
        }
        text
    }

    /// What holds instead of `performance.max_memory_total` where a control group like this one leaves fewer bytes.
    pub(crate) fn memory_of_group(&self, bytes: Option<u64>) -> Option<String> {
        let (left, configured) = (bytes? / 1_000_000, self.get::<u64>("performance.max_memory_total"));
        (left < configured).then(|| {
            format!(
                "performance.max_memory_total: not {configured} but {left} hold in this control group, nine tenths of its \
                 memory limit (resources.limits.memory, docker --memory, systemd's MemoryMax=)"
            )
        })
    }

    /// What a control group with the time of `quota` cores means on a machine where this process may use `cores`.
    pub(crate) fn quota_of_group(&self, quota: Option<f64>, cores: usize) -> Option<String> {
        let (quota, workers) = (quota.filter(|&quota| quota < cores as f64)?, self.worker_count());
        let group = format!(
            "this control group has the time of {quota:.2} cores (docker --cpus, resources.limits.cpu, systemd's CPUQuota=)"
        );
        if f64::from(workers) > quota {
            return Some(format!(
                "performance.worker_threads: {workers} where {group}; when that is used up everything stands still for \
                 tens of milliseconds"
            ));
        }
        let is_auto = self.number::<u16>("performance.worker_threads").is_none();
        is_auto
            .then(|| format!("performance.worker_threads: auto is {workers} of {cores} cores, since {group}"))
    }
}

fn row(setting: &Setting) -> [String; 3] {
    let effect = match setting.key.effect {
        Effect::Never(_) => "; no effect",
        Effect::AtStart | Effect::AtOnce => "",
    };
    let origin = format!("{}{effect}", setting.origin);
    let value = match (setting.key.kind, setting.value.as_array()) {
        (Kind::Secrets { .. }, Some(secrets)) if !secrets.is_empty() => format!("({} hidden)", secrets.len()),
        (Kind::Url, _) => shown_url(&shown(&setting.value)),
        _ => shown(&setting.value),
    };
    [setting.key.path.to_owned(), value, origin]
}

/// A word without its quotes, all else as JSON; credentials stay unseen.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => without_credentials(other).to_string(),
    }
}

fn without_credentials(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(without_credentials).collect(),
        Value::Object(fields) => {
            let hide = |(name, value): (&String, &Value)| {
                let value = if ["credential", "secret"].contains(&name.as_str()) {
                    "(hidden)".into()
                } else {
                    without_credentials(value)
                };
                (name.clone(), value)
            };
            Value::Object(fields.iter().map(hide).collect())
        }
        other => other.clone(),
    }
}
