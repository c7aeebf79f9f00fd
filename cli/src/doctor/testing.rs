//! A host, a configuration and answers made for a test.

use super::host::Host;
use super::host::prepared::Prepared;
use super::running::Running;
use super::{Answers, Case};
use crate::config::{Config, Sources};

/// Somebody for the doctor to look at.
pub(super) struct Patient {
    prepared: Prepared,
    variables: Vec<(String, String)>,
    config: Config,
    pub(super) answers: Answers,
    pub(super) running: Option<Running>,
}

impl Patient {
    /// Nothing is wrong, and all ports are free since any will do.
    pub(super) fn sound() -> Patient {
        let mut patient = Patient {
            prepared: Prepared::sound(),
            variables: Vec::new(),
            config: configured(&[]),
            answers: Answers::default(),
            running: None,
        };
        let any = ["VOLLEY_PORT", "VOLLEY_UDP_PORT", "VOLLEY_METRICS_PORT"];
        any.iter().for_each(|name| patient.set(name, "0"));
        patient.set("VOLLEY_WORKERS", "2");
        patient
    }

    pub(super) fn host(&mut self) -> &mut Host {
        &mut self.prepared.0
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        self.prepared.write(path, text);
    }

    pub(super) fn link(&self, path: &str, target: &str) {
        self.prepared.link(path, target);
    }

    /// Sets a variable of the configuration, whatever it was before.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.set_all(&[(name, value)]);
    }

    /// The same for those that stand together.
    pub(super) fn set_all(&mut self, variables: &[(&str, &str)]) {
        for &(name, value) in variables {
            self.variables.retain(|(known, _)| known != name);
            self.variables.push((name.to_owned(), value.to_owned()));
        }
        let sources = Sources { variables: self.variables.clone(), ..Sources::default() };
        self.config = Config::build(&sources).unwrap();
    }

    pub(super) fn case(&self) -> Case<'_> {
        Case {
            host: &self.prepared.0,
            config: &self.config,
            answers: &self.answers,
            running: self.running.as_ref(),
        }
    }
}

/// A configuration of these variables alone.
pub(super) fn configured(variables: &[(&str, &str)]) -> Config {
    let variables = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Config::build(&Sources { variables, ..Sources::default() }).unwrap()
}
