//! `ports`: the table of what a datagram costs on a port that workers share.

use crate::cli;
use crate::host::machine::Machine;
use crate::host::place::{Place, pin};
use crate::ports::{self, Placement, PortsPlan, PortsResult, PortsRow};
use crate::report::format::{count, percent};
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Measures, on this machine as it is: loopback is enough, and a user namespace could not steer.
///
/// # Errors
/// When sockets cannot be had.
pub(crate) fn run(flags: &cli::Ports, core: usize, progress: &Progress) -> anyhow::Result<Report> {
    pin(core)?;
    raise_descriptor_limit();
    let plan = PortsPlan {
        people: flags.people,
        workers: flags.workers,
        junk_per_second: flags.junk,
        rounds: flags.rounds,
    };
    let result = ports::run(&plan, progress)?;
    Ok(Report {
        name: String::from("ports"),
        machine: Machine::describe(&Place { server_cores: Vec::new(), generator_core: core }),
        sections: vec![section(&result)],
        figures: serde_json::to_value(&result)?,
        plots: Vec::new(),
    })
}

/// Each person has a connected socket; where that is not allowed, opening them says so.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn section(result: &PortsResult) -> Section {
    let junk = count(f64::from(result.junk_per_second));
    let mut table = Table::new(&[
        "placed by",
        "stranger, ns",
        "beyond one socket",
        "known, ns",
        "beyond one socket",
        "of a core for the junk",
        "beyond one socket",
    ]);
    result.rows.iter().for_each(|row| table.row(cells(row)));
    let mut notes = vec![
        String::from(
            "Sending, placing and queueing one datagram on loopback, in the quickest round; receiving it comes on top.",
        ),
        format!(
            "With the hash, what comes to another worker than its own is handed to that: {} ns of the one and {} of the other besides, {} of {} bytes at a time.",
            count(result.crossing.handing_nanos),
            count(result.crossing.taking_nanos),
            result.crossing.together,
            count(f64::from(result.crossing.bytes)),
        ),
    ];
    notes.extend(result.refused.as_ref().map(|reason| format!("Not steered: {reason}.")));
    Section {
        title: format!(
            "One port for {} workers, {} people known, {junk} junk datagrams a second",
            result.workers,
            count(f64::from(result.people))
        ),
        table,
        notes,
    }
}

fn cells(row: &PortsRow) -> [String; 7] {
    let placed_by = match row.placement {
        Placement::Alone => "one socket",
        Placement::Steered => "program and map",
        Placement::Connected => "connected sockets",
        Placement::Hashed => "the kernel's hash",
    };
    [
        String::from(placed_by),
        count(row.stranger.nanos),
        count(row.stranger.nanos_beyond_alone),
        count(row.known.nanos),
        count(row.known.nanos_beyond_alone),
        percent(row.junk_share),
        percent(row.junk_share_beyond_alone),
    ]
}
