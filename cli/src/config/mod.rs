//! The configuration: what files, environment and flags say, checked, and where each value came
//! from. A flag goes before the environment, the environment before a file, a file before the
//! default.
//!
//! Owns the meaning of every key ([`keys`]). Knows neither ports nor processes; what signaling needs
//! of it is made in [`settings`].

mod check;
mod keys;
mod kind;
mod server;
mod settings;
mod sources;
#[cfg(test)]
mod tests;
mod variables;
mod yaml;

pub(crate) use keys::{Effect, KEYS, Key};
pub(crate) use kind::Kind;
pub(crate) use sources::Sources;
pub(crate) use variables::strangers;

use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use yaml::{BadYaml, Node};

/// What is in force.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Config(Vec<Setting>);

/// One key's value.
#[derive(Clone, PartialEq, Debug)]
struct Setting {
    key: &'static Key,
    value: Value,
    origin: Origin,
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.path == other.path
    }
}

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    Default,
    File { name: String, line: u64 },
    Variable(String),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { name, line } => write!(f, "{name}:{line}"),
            Origin::Variable(name) => f.write_str(name),
            Origin::Flag(flag) => write!(f, "--{flag}"),
        }
    }
}

/// Every mistake there is, a line each.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
#[error("{}", .0.join("\n"))]
pub(crate) struct Mistakes(pub(crate) Vec<String>);

/// What a reload did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Reload {
    /// Keys that have another value now.
    pub(crate) changed: Vec<&'static str>,
    /// Keys whose new value waits for the next start.
    pub(crate) at_next_start: Vec<&'static str>,
}

impl Config {
    /// What follows from all sources; or all their mistakes.
    pub(crate) fn build(sources: &Sources) -> Result<Config, Mistakes> {
        let default = |key: &'static Key| Setting {
            value: key.kind.read(key.default).expect("a default is allowed"),
            key,
            origin: Origin::Default,
        };
        let mut builder =
            Builder { config: Config(KEYS.iter().map(default).collect()), mistakes: Vec::new() };
        for (name, text) in &sources.files {
            builder.read_file(name, text);
        }
        builder.read_variables(&sources.variables);
        for (flag, text) in &sources.flags {
            let key = KEYS.iter().find(|key| key.flag == Some(flag)).expect("flags are made from keys");
            builder.read_text(key, text, Origin::Flag(flag));
        }
        if builder.mistakes.is_empty() {
            builder.check_whole();
        }
        if builder.mistakes.is_empty() { Ok(builder.config) } else { Err(Mistakes(builder.mistakes)) }
    }

    /// The value of a key, as a type that can hold all that is allowed.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        serde_json::from_value(self.setting(path).value.clone()).expect("it was checked")
    }

    /// A word, or `None` where a number stands.
    fn word(&self, path: &str) -> Option<String> {
        self.setting(path).value.as_str().map(str::to_owned)
    }

    /// A number, or `None` where a word stands.
    pub(crate) fn number<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        serde_json::from_value(self.setting(path).value.clone()).ok()
    }

    /// Whether a key has the value that it has when nobody says any.
    pub(crate) fn is_usual(&self, path: &str) -> bool {
        let setting = self.setting(path);
        setting.key.kind.read(setting.key.default).is_ok_and(|usual| usual == setting.value)
    }

    fn setting(&self, path: &str) -> &Setting {
        self.0.iter().find(|setting| setting.key.path == path).expect("the key is one of ours")
    }

    /// Takes over what may change while calls go on.
    pub(crate) fn adopt(&mut self, newer: Config) -> Reload {
        let mut reload = Reload::default();
        for (setting, new) in self.0.iter_mut().zip(newer.0) {
            let is_same = setting.value == new.value;
            match setting.key.effect {
                Effect::AtStart if !is_same => reload.at_next_start.push(setting.key.path),
                Effect::AtOnce if !is_same => {
                    reload.changed.push(setting.key.path);
                    *setting = new;
                }
                _ => setting.origin = new.origin,
            }
        }
        reload
    }

    /// Says in the log, once, which keys and variables were set though they do nothing.
    pub(crate) fn log_what_does_nothing(&self) {
        variables::strangers().iter().for_each(|told| tracing::warn!("{told}"));
        for setting in self.0.iter().filter(|setting| setting.origin != Origin::Default) {
            let (key, origin) = (setting.key.path, &setting.origin);
            if let Effect::Never(why) = setting.key.effect {
                tracing::warn!("{key} ({origin}) has no effect: {why}");
            }
        }
    }
}

struct Builder {
    config: Config,
    mistakes: Vec<String>,
}

impl Builder {
    fn read_file(&mut self, name: &str, text: &str) {
        match Node::read(text) {
            Ok(Node::Plain(Value::Null)) => {}
            Ok(Node::Map(entries)) => self.read_entries(name, "", &entries),
            Ok(_) => self.mistakes.push(format!("{name}:1: expected keys with values, such as `server:`")),
            Err(BadYaml { line, text }) => {
                let line = line.map_or(String::new(), |line| format!("{line}: "));
                self.mistakes.push(format!("{name}:{line}{text}"));
            }
        }
    }

    fn read_entries(&mut self, name: &str, section: &str, entries: &[yaml::Entry]) {
        for yaml::Entry { key, line, node } in entries {
            let path = if section.is_empty() { key.clone() } else { format!("{section}.{key}") };
            let place = format!("{name}:{line}");
            if let Some(key) = Key::find(&path) {
                self.take(key, &node.value(), Origin::File { name: name.to_owned(), line: *line });
            } else if !Key::is_section(&path) {
                let nearest = Key::nearest(&path);
                self.mistakes.push(format!("{place}: there is no key {path}; the nearest is {nearest}"));
            } else {
                match node {
                    Node::Map(entries) => self.read_entries(name, &path, entries),
                    Node::Plain(Value::Null) => {}
                    other => self.mistakes.push(format!(
                        "{place}: {path} is {}; allowed are keys with values below it",
                        other.value()
                    )),
                }
            }
        }
    }

    fn read_variables(&mut self, variables: &[(String, String)]) {
        // Long names first, so that the short ones, which are those of the flags, go before them.
        let value_of = |name: &str| {
            let found = variables.iter().find(|(known, text)| known == name && !text.is_empty());
            found.map(|(_, text)| text.clone())
        };
        for key in KEYS {
            let usual = match key.path {
                "server.log_level" => Some(String::from(crate::logging::LEVEL_VARIABLE)),
                "telemetry.otlp_endpoint" => Some(String::from("OTEL_EXPORTER_OTLP_ENDPOINT")),
                "server.log_format" => Some(String::from(crate::logging::FORMAT_VARIABLE)),
                _ => None,
            };
            for name in [Some(key.variable()), usual, key.short_variable()].into_iter().flatten() {
                if let Some(text) = value_of(&name) {
                    self.read_text(key, &text, Origin::Variable(name));
                }
            }
        }
        self.mistakes.extend(variables.iter().filter_map(|(name, _)| variables::mistaken(name)));
    }

    fn read_text(&mut self, key: &'static Key, text: &str, origin: Origin) {
        match key.kind.read(text) {
            Ok(value) => self.put(key, value, origin),
            Err(allowed) if key.kind.is_secret() => {
                self.mistakes.push(format!("{origin}: this is not allowed; allowed is {allowed}"));
            }
            Err(allowed) => {
                self.mistakes.push(format!("{origin}: {text:?} is not allowed; allowed is {allowed}"))
            }
        }
    }

    fn take(&mut self, key: &'static Key, value: &Value, origin: Origin) {
        if value.is_null() {
            return;
        }
        match key.kind.accept(value) {
            Ok(value) => self.put(key, value, origin),
            Err(allowed) if key.kind.is_secret() => {
                self.mistakes
                    .push(format!("{origin}: {} is not allowed as it is; allowed is {allowed}", key.path));
            }
            Err(allowed) => {
                self.mistakes.push(format!("{origin}: {} is {value}; allowed is {allowed}", key.path));
            }
        }
    }

    fn put(&mut self, key: &'static Key, value: Value, origin: Origin) {
        let Some(setting) = self.config.0.iter_mut().find(|setting| setting.key == key) else { return };
        if let (Origin::File { name: before, .. }, Origin::File { name, .. }) = (&setting.origin, &origin)
            && before != name
        {
            let path = key.path;
            self.mistakes
                .push(format!("{origin}: {path} stands in {} already; keep one of them", setting.origin));
            return;
        }
        (setting.value, setting.origin) = (value, origin);
    }

    /// What two keys must not say together.
    fn check_whole(&mut self) {
        let named = |key: &str| !self.config.get::<String>(key).is_empty();
        if named("tls.certificate") != named("tls.key") {
            self.mistakes
                .push(String::from("tls.certificate and tls.key stand together; one of them is missing"));
        }
        if self.config.acme().is_some() {
            let origin = &self.config.setting("tls.acme.domains").origin;
            if named("tls.certificate") {
                self.mistakes.push(format!(
                    "tls.acme.domains ({origin}) fetches a certificate, and tls.certificate names one; keep one of them"
                ));
            }
            let empty = ["tls.acme.directory", "tls.acme.folder"].into_iter().find(|key| !named(key));
            self.mistakes
                .extend(empty.map(|key| format!("tls.acme.domains is set ({origin}), and {key} is empty")));
        }
        if named("recording.offload") && !named("recording.offload_secret_file") {
            self.mistakes.push(format!(
                "recording.offload is set ({}), and recording.offload_secret_file names no file; make one with \
                 `openssl rand -hex 32`, and put the same on the recorder's machine",
                self.config.setting("recording.offload").origin
            ));
        }
        let nobody = self.config.get::<Vec<String>>("security.token_secrets").is_empty();
        if self.config.get("security.require_auth") && nobody {
            self.mistakes.push(format!(
                "security.require_auth is true ({}), but without security.token_secrets nobody could come in; make one \
                 with `openssl rand -hex 32` and set VOLLEY_SECURITY__TOKEN_SECRETS",
                self.config.setting("security.require_auth").origin
            ));
        }
        if named("webhooks.url") && self.config.get::<Vec<String>>("webhooks.secrets").is_empty() {
            self.mistakes.push(format!(
                "webhooks.url is set ({}), but without webhooks.secrets its receiver could not know who speaks; make \
                 one with `openssl rand -hex 32` and set VOLLEY_WEBHOOKS__SECRETS",
                self.config.setting("webhooks.url").origin
            ));
        }
        let [least, most] =
            ["webrtc.min_bitrate", "webrtc.max_bitrate"].map(|path| self.config.get::<u64>(path));
        if least > most {
            let [least_at, most_at] =
                ["webrtc.min_bitrate", "webrtc.max_bitrate"].map(|path| &self.config.setting(path).origin);
            self.mistakes.push(format!(
                "webrtc.min_bitrate is {least} ({least_at}), above webrtc.max_bitrate, which is {most} ({most_at}); \
                 lower the one or raise the other"
            ));
        }
    }
}
