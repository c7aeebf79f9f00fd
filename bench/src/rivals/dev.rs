//! dev driver
use super::*;
use crate::load::*;
use crate::signal::*;
use std::time::Duration;
struct Here { ip: IpAddr, ns: Option<String>, core: String }
impl Place for Here {
    fn command(&self, program: &OsStr) -> Command {
        let mut c;
        if let Some(ns) = &self.ns { c = Command::new("ip"); c.args(["netns","exec",ns,"taskset","-c",&self.core]); } else { c = Command::new("taskset"); c.args(["-c",&self.core]); }
        c.arg(program); c
    }
    fn address(&self) -> IpAddr { self.ip }
}
fn stat(core: usize) -> (u64,u64) {
    let t = std::fs::read_to_string("/proc/stat").unwrap();
    let l = t.lines().find(|l| l.starts_with(&format!("cpu{core} "))).unwrap();
    let f: Vec<u64> = l.split_whitespace().skip(1).map(|x| x.parse().unwrap()).collect();
    (f[0]+f[1]+f[2]+f[5]+f[6], f[..8].iter().sum())
}
pub(crate) async fn run() -> anyhow::Result<()> {
    let a: Vec<String> = std::env::args().collect();
    let get = |n: &str, d: &str| a.iter().position(|x| x == n).map(|i| a[i+1].clone()).unwrap_or(d.into());
    let rival = Rival::ALL.into_iter().find(|r| r.name() == a[2]).unwrap();
    let (rooms, people, secs): (u32,u32,u64) = (get("--rooms","1").parse()?, get("--people","3").parse()?, get("--seconds","5").parse()?);
    let publishers: u32 = get("--publishers", &people.to_string()).parse()?;
    let ns = get("--ns",""); let place = Here { ip: get("--ip","127.0.0.1").parse()?, ns: (!ns.is_empty()).then_some(ns), core: "0".into() };
    let from: IpAddr = get("--from","127.0.0.1").parse()?;
    let found = rival.find()?;
    println!("{found:?}");
    let running = found.start(&place, std::path::Path::new("/tmp/rivals-logs")).await?;
    println!("processes {:?}", running.processes());
    let load = std::sync::Arc::new(Load::new(LoadConfig { core: Some(1), addresses: vec![from], transports: (rooms*people*2) as usize,
        media: MediaModel { audio: AudioModel { speaks: 1.0 }, video: VideoModel { bits_per_second: 1_200_000, frames_per_second: 30 } },
        io: volley::io::IoChoice::Auto, seed: 1 })?);
    let signaling = running.signaling();
    if let Some(mut later) = signaling.later() {
        let load = std::sync::Arc::clone(&load);
        tokio::spawn(async move { while let Some(association) = later.recv().await { let _ = load.join(Joining { association, media: None, since: Load::now() }); } });
    }
    let everybody: Vec<(u32, u32)> = (0..rooms).flat_map(|r| (0..people).map(move |n| (r, n))).collect();
    let joins = everybody.iter().map(|&(room, number)| { let (load, signaling) = (&load, &signaling); async move {
        let base = (room * people + number) * 4 + 1;
        let publish = if number < publishers { vec![Publish { kind: Kind::Audio, ssrc: base, rtx_ssrc: None }, Publish { kind: Kind::Video, ssrc: base + 1, rtx_ssrc: Some(base + 2) }] } else { vec![] };
        let since = Load::now();
        let wish = Wish { person: Person { room, number }, watch: publishers - u32::from(!publish.is_empty()), publish, room_size: people, fingerprint: load.fingerprint().to_owned() };
        for association in signaling.join(wish).await? { load.join(Joining { association, media: None, since })?; }
        anyhow::Ok(())
    } });
    use futures_util::StreamExt as _;
    let began = std::time::Instant::now();
    let joined: Vec<anyhow::Result<()>> = futures_util::stream::iter(joins).buffer_unordered(16).collect().await;
    for j in joined { j?; }
    println!("joined in {:?}", began.elapsed());
    for _ in 0..3 { tokio::time::sleep(Duration::from_secs(1)).await; println!("{}", crate::swarm::line(&load.snapshot()?)); }
    load.restart_totals()?;
    let pids = running.processes();
    let cpu = |pids: &[u32]| -> f64 { pids.iter().map(|p| { let t = std::fs::read_to_string(format!("/proc/{p}/stat")).unwrap(); let f: Vec<&str> = t.rsplit_once(')').unwrap().1.split_whitespace().collect(); (f[11].parse::<u64>().unwrap() + f[12].parse::<u64>().unwrap()) as f64 / 100.0 }).sum() };
    let own = cpu(&pids);
    let before = stat(0);
    for _ in 0..secs { tokio::time::sleep(Duration::from_secs(1)).await; println!("{}", crate::swarm::line(&load.snapshot()?)); }
    let after = stat(0);
    let own = cpu(&pids) - own;
    let last = load.snapshot()?;
    println!("{}", crate::swarm::summary(&last));
    let n = last.total.audio.packets + last.total.video.packets;
    println!("by process: {own} s => {:.0} per cpu s", n as f64 / own);
    let cpu = (after.0 - before.0) as f64 / 100.0;
    println!("forwarded {n} in {cpu} cpu s of {} => {:.0} per cpu s; busy {:.0} %", secs, n as f64 / cpu, 100.0 * (after.0-before.0) as f64 / (after.1-before.1) as f64);
    for room in 0..rooms { for number in 0..people { signaling.leave(Person { room, number }).await?; load.leave(Person { room, number })?; } }
    let pids = running.processes();
    running.stop();
    println!("stopped; of {pids:?} left {:?}", pids.iter().filter(|p| std::path::Path::new(&format!("/proc/{p}")).exists()).collect::<Vec<_>>());
    Ok(())
}
