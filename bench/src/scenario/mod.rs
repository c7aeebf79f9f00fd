//! One file per command: what is run in which order, and what is reported of it.

#[cfg(test)]
mod across_cores;
pub(crate) mod arrivals;
pub(crate) mod churn;
pub(crate) mod compare;
pub(crate) mod contender;
mod crowd;
pub(crate) mod growth;
pub(crate) mod join_storm;
mod layers;
pub(crate) mod limit;
mod marks;
mod measure;
mod newcomers;
pub(crate) mod overload;
pub(crate) mod people;
pub(crate) mod ports;
mod probe;
pub(crate) mod recorded;
pub(crate) mod rooms;
mod search;
mod shape;
pub(crate) mod strays;
pub(crate) mod swarm;
pub(crate) mod targets;
#[cfg(test)]
mod three_layers;
mod trial;
pub(crate) mod tuning;
mod watch;
