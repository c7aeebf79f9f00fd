//! `people`: publishers for a room of a Volley that runs already. They speak in turn and tell how
//! loud they are, so that whoever is in the room with a browser sees the server choose whom to show.

use super::crowd::Crowd;
use super::shape::Shape;
use super::swarm::source_address;
use crate::cli;
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::load::{AudioModel, Load, LoadConfig, MediaModel, Turns, VideoModel};
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};
use crate::volley::Volley;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep_until};
use volley::io::IoChoice;

/// Joins under way at a time.
const JOINS_AT_ONCE: usize = 8;

/// Lets them join, speak in turn, and leave.
///
/// # Errors
/// When the server refuses somebody or the generator cannot start.
pub(crate) async fn run(flags: &cli::People, progress: &Progress) -> anyhow::Result<Report> {
    let shape = shape(flags);
    let config = LoadConfig {
        core: None,
        addresses: vec![flags.from.unwrap_or_else(|| source_address(flags.server))],
        transports: shape.transports(flags.count),
        media: shape.media,
        io: IoChoice::Auto,
        seed: 1,
    };
    let signaling = Arc::new(Volley::in_room(flags.server, flags.room.as_str()));
    let crowd = Crowd::over(config, shape, signaling)?;
    let (begin, begin_here, begin_unix) = (Load::now(), Instant::now(), unix_millis());
    let joins: Vec<_> = shape
        .people(0, flags.count)
        .map(|person| {
            let turns = Turns { begin, each: flags.speakers_in_turn, of: flags.count, number: person.number };
            let audio = AudioModel { speaks: 0.0, turns: Some(turns) };
            crowd.join_as(person, Some(MediaModel { audio, ..shape.media }))
        })
        .collect();
    stream::iter(joins).buffer_unordered(JOINS_AT_ONCE).try_collect::<()>().await?;
    crowd.connected().await?;
    progress.keep(&format!("{} people are in room {}", flags.count, flags.room));
    let end = Instant::now() + flags.seconds;
    for turn in first_turn(begin_here.elapsed(), flags.speakers_in_turn).. {
        let passed = flags.speakers_in_turn * turn;
        if begin_here + passed > end {
            break;
        }
        sleep_until(begin_here + passed).await;
        let at = begin_unix + passed.as_millis() as u64;
        progress.keep(&format!("person {} speaks since {at}", turn % flags.count));
    }
    sleep_until(end).await;
    let figures = crowd.load().snapshot()?;
    for person in shape.people(0, flags.count) {
        crowd.leave(person).await?;
    }
    Ok(report(flags, &figures.population, figures.total.key_frame_requests))
}

fn shape(flags: &cli::People) -> Shape {
    let video = VideoModel { bits_per_second: flags.bitrate, frames_per_second: flags.frames };
    Shape {
        people: flags.count,
        publishers: flags.count,
        pictures: !flags.no_video,
        layered: false,
        watches: false,
        tells_loudness: true,
        media: MediaModel { audio: AudioModel::default(), video },
    }
}

/// The number of the next turn that begins after so much time.
fn first_turn(passed: Duration, each: Duration) -> u32 {
    (passed.as_secs_f64() / each.as_secs_f64()).ceil() as u32
}

fn unix_millis() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_millis() as u64
}

fn report(flags: &cli::People, population: &crate::load::Population, key_frame_requests: u64) -> Report {
    let mut table = Table::new(&["people", "connected", "failed", "key frames asked for"]);
    table.row([
        flags.count.to_string(),
        population.connected.to_string(),
        population.failed.to_string(),
        key_frame_requests.to_string(),
    ]);
    Report {
        name: String::from("people"),
        machine: Machine::describe(&Place { server_cores: Vec::new(), generator_core: 0 }),
        sections: vec![Section {
            title: format!("People in room {} on {}", flags.room, flags.server),
            table,
            notes: Vec::new(),
        }],
        figures: json!({
            "people": flags.count,
            "connected": population.connected,
            "failed": population.failed,
            "keyFrameRequests": key_frame_requests,
        }),
        plots: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_told_from_the_next_one_on() {
        let turn = |passed: u64| first_turn(Duration::from_millis(passed), Duration::from_secs(2));
        assert_eq!([0, 1, 2_000, 2_001].map(turn), [0, 1, 1, 2]);
    }
}
