//! Nothing from an address that proved nothing gets an answer longer than the question.

use super::Violations;
use crate::base::Time;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Counts what strangers send and are sent.
#[derive(Debug, Default)]
pub struct AmplificationOracle {
    balance: BTreeMap<SocketAddr, i64>,
}

impl AmplificationOracle {
    /// A stranger sent `bytes`.
    pub fn on_question(&mut self, from: SocketAddr, bytes: usize) {
        *self.balance.entry(from).or_default() += bytes as i64;
    }

    /// A stranger is sent `bytes`.
    pub fn on_answer(&mut self, at: Time, to: SocketAddr, bytes: usize, violations: &mut Violations) {
        let balance = self.balance.entry(to).or_default();
        *balance -= bytes as i64;
        if *balance < 0 {
            violations.add(at, "amplification", || format!("{to} was sent more than it sent"));
        }
    }
}
