//! `volley-bench swarm`: load on a Volley that runs already, and what comes of it, second by second.

use crate::load::{AudioModel, Joining, Load, LoadConfig, MediaModel, Snapshot, VideoModel};
use crate::signal::{Kind, Person, Publish, Signaling, Wish};
use crate::volley::Volley;
use anyhow::Context as _;
use clap::Args;
use futures_util::{StreamExt as _, stream};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use volley::io::IoChoice;

/// Joins under way at a time.
const JOINS_AT_ONCE: usize = 32;

/// `swarm`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Swarm {
    /// HTTP address of a running Volley
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    server: SocketAddr,

    /// Own address to send from
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    from: IpAddr,

    /// Rooms
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    rooms: u32,

    /// People in each
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    people: u32,

    /// Of them, how many publish [default: all]
    #[arg(long, value_name = "COUNT")]
    publishers: Option<u32>,

    /// Bits a second of each picture
    #[arg(long, value_name = "BITS", default_value_t = 1_200_000)]
    bitrate: u32,

    /// Frames a second of each picture
    #[arg(long, value_name = "FRAMES", default_value_t = 30)]
    frames: u32,

    /// Share of the time that a publisher speaks
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    speaks: f64,

    /// Seconds of load, after everybody has joined
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    seconds: u64,

    /// Core of the load
    #[arg(long, value_name = "CORE")]
    core: Option<usize>,

    /// How datagrams are moved: auto, uring or epoll
    #[arg(long, value_name = "BACK-END", default_value = "auto")]
    io: IoChoice,
}

/// Joins everybody, watches, and leaves.
pub(crate) async fn run(swarm: &Swarm) -> anyhow::Result<()> {
    let load = Load::new(LoadConfig {
        core: swarm.core,
        addresses: vec![swarm.from],
        transports: (swarm.rooms * swarm.people) as usize,
        media: MediaModel {
            audio: AudioModel { speaks: swarm.speaks },
            video: VideoModel { bits_per_second: swarm.bitrate, frames_per_second: swarm.frames },
        },
        io: swarm.io,
        seed: 1,
    })?;
    let volley = Volley::new(swarm.server, format!("swarm-{}", std::process::id()));
    let people: Vec<Person> = (0..swarm.rooms)
        .flat_map(|room| (0..swarm.people).map(move |number| Person { room, number }))
        .collect();
    let joins = people.iter().map(|&person| join(swarm, &load, &volley, person));
    let joined: Vec<anyhow::Result<()>> = stream::iter(joins).buffer_unordered(JOINS_AT_ONCE).collect().await;
    joined.into_iter().collect::<anyhow::Result<()>>()?;
    for _ in 0..swarm.seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        println!("{}", line(&load.snapshot()?));
    }
    let last = load.snapshot()?;
    println!("{}", summary(&last));
    let leaves = people.iter().map(|&person| volley.leave(person));
    let left: Vec<anyhow::Result<()>> = stream::iter(leaves).buffer_unordered(JOINS_AT_ONCE).collect().await;
    left.into_iter().collect()
}

async fn join(swarm: &Swarm, load: &Load, volley: &Volley, person: Person) -> anyhow::Result<()> {
    let publishers = swarm.publishers.unwrap_or(swarm.people).min(swarm.people);
    let base = (person.room * swarm.people + person.number) * 4 + 1;
    let publish = [
        Publish { kind: Kind::Audio, ssrc: base, rtx_ssrc: None },
        Publish { kind: Kind::Video, ssrc: base + 1, rtx_ssrc: Some(base + 2) },
    ];
    let publishes = person.number < publishers;
    let since = Load::now();
    let associations = volley
        .join(Wish {
            person,
            publish: if publishes { publish.to_vec() } else { Vec::new() },
            watch: publishers - u32::from(publishes),
            room_size: swarm.people,
            fingerprint: load.fingerprint().to_owned(),
        })
        .await?;
    for association in associations {
        load.join(Joining { association, media: None, since }).context("the load is gone")?;
    }
    Ok(())
}

pub(crate) fn line(snapshot: &Snapshot) -> String {
    let (now, people) = (&snapshot.interval, &snapshot.population);
    format!(
        "{} connected, {} connecting, {} failed, {} streams; {:.0} packets/s, {} lost, {} foreign; \
         delay p50 {} p95 {} p99 {} max {} us; gap {} ms; busy {:.0} %",
        people.connected,
        people.connecting,
        people.failed,
        people.streams,
        now.packets_per_second(),
        now.lost(),
        now.foreign_room,
        now.delay.value_at_quantile(0.5),
        now.delay.value_at_quantile(0.95),
        now.delay.value_at_quantile(0.99),
        now.delay.max(),
        now.longest_gap().as_millis(),
        100.0 * now.busy_share(),
    )
}

pub(crate) fn summary(snapshot: &Snapshot) -> String {
    let total = &snapshot.total;
    let mut text = format!(
        "\naudio received {:?}\nvideo received {:?}\naudio sent {:?}\nvideo sent {:?}\n\
         foreign {} echoes {} not authentic {} replayed {} malformed {} unstamped {}\n\
         rtcp in {} out {}, key frame requests {}, io losses {}\n\
         connected {} (p50 {} p95 {} us), first frame {} (p50 {} p95 {} us)\nprofiles {:?}",
        total.audio,
        total.video,
        total.audio_sent,
        total.video_sent,
        total.foreign_room,
        total.echoes,
        total.not_authentic,
        total.replayed,
        total.malformed,
        total.unstamped,
        total.rtcp_received,
        total.rtcp_sent,
        total.key_frame_requests,
        total.io_losses,
        total.connects,
        total.connect.value_at_quantile(0.5),
        total.connect.value_at_quantile(0.95),
        total.first_frame.len(),
        total.first_frame.value_at_quantile(0.5),
        total.first_frame.value_at_quantile(0.95),
        snapshot.population.profiles,
    );
    for problem in &snapshot.problems {
        text.push_str("\nproblem: ");
        text.push_str(problem);
    }
    text
}
