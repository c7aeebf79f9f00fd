//! The server that runs already, as it tells of itself: by `/health` and by its metrics.

use super::Case;
use super::finding::Finding;
use super::holders::{Holder, Protocol, holder, lost_datagrams};
use super::host::Host;
use crate::config::Config;
use crate::sockets::{METRICS_PORT, MetricsPort, UdpPorts};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// One packet in ten thousand is heard by nobody.
const SOME: f64 = 1e-4;
/// Fewer datagrams may be lost by a single hiccup, of which nothing follows.
const FEW: f64 = 20.0;
/// A turn as long as that is heard as lag by everybody it has packets for.
const LONG_TURN: &str = "0.01";
/// One in a thousand: a worker has some hundred turns a second.
const MANY_LONG_TURNS: f64 = 1e-3;
/// Fewer turns or datagrams tell nothing yet.
const ENOUGH: f64 = 10_000.0;

/// A Volley at the port that is configured.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Running {
    /// Its eldest process, where that can be seen.
    pub(super) holder: Option<Holder>,
    /// `None` where it has none, or tells them to nobody.
    pub(super) metrics: Option<Metrics>,
}

/// Finds it.
pub(super) async fn find(host: &Host, config: &Config) -> Option<Running> {
    let port = config.get("server.port");
    let holder = holder(host, Protocol::Tcp, port);
    // Whatever the file is called, it says by its health what it is; one that hangs says nothing.
    let is_called_so = holder.as_ref().is_some_and(|holder| holder.name == "volley");
    if !is_called_so && !is_healthy_volley(config, port).await {
        return None;
    }
    let metrics = match config.metrics_port() {
        MetricsPort::Off | MetricsPort::At(0) => None,
        MetricsPort::At(port) => get(config, port, "/metrics").await.ok(),
        MetricsPort::Usual => get(config, METRICS_PORT, "/metrics").await.ok(),
    };
    let metrics = metrics.map(|text| Metrics::read(&text)).filter(|metrics| !metrics.0.is_empty());
    Some(Running { holder, metrics })
}

async fn is_healthy_volley(config: &Config, port: u16) -> bool {
    let health = get(config, port, "/health").await.unwrap_or_default();
    health.contains("\"max_participants_per_room\"")
}

async fn get(config: &Config, port: u16, path: &str) -> io::Result<String> {
    let host = match config.get("server.host") {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    let exchange = async {
        let mut stream = TcpStream::connect(SocketAddr::new(host, port)).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: volley-doctor\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    timeout(ANSWER_WITHIN, exchange).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// What a scrape told: name, labels as they stand there, value.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Metrics(Vec<(String, String, f64)>);

impl Metrics {
    pub(super) fn read(text: &str) -> Metrics {
        let one = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            Some((name.to_owned(), labels.trim_end_matches('}').to_owned(), value.parse().ok()?))
        };
        let is_ours = |line: &&str| line.starts_with("volley_") || line.starts_with("webrtc_");
        Metrics(text.lines().filter(is_ours).filter_map(one).collect())
    }

    /// Of all series whose labels hold this.
    fn sum(&self, name: &str, label: &str) -> f64 {
        let has = |(known, labels, _): &&(String, String, f64)| known == name && labels.contains(label);
        self.0.iter().filter(has).map(|(_, _, value)| value).sum()
    }

    fn trouble(&self, kind: &str) -> f64 {
        self.sum("volley_io_troubles_total", &format!("kind=\"{kind}\""))
    }
}

/// What it tells of itself that will hurt.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(running) = case.running else { return Vec::new() };
    let Some(metrics) = &running.metrics else {
        let what = "Volley runs here, and its metrics could not be read";
        return vec![Finding::skipped(
            "metrics-unseen",
            what,
            "server.metrics_port says where they are; off is none",
        )];
    };
    let all = [
        lost(case, metrics),
        overflows(metrics),
        stuck(metrics),
        refused(metrics),
        turns(metrics),
        unsteered(case, metrics),
    ];
    all.into_iter().flatten().chain(deeds(metrics)).collect()
}

/// Datagrams that the kernel threw away, since a worker did not come for them.
fn lost(case: &Case<'_>, metrics: &Metrics) -> Option<Finding> {
    let first: u16 = case.config.get("server.udp_port");
    let more = match case.config.udp_ports() {
        UdpPorts::One => 0,
        UdpPorts::PerWorker => case.config.worker_count() - 1,
    };
    let lost = lost_datagrams(case.host, first..=first.saturating_add(more)) as f64;
    let received = metrics.sum("volley_datagrams_received_total", "");
    (lost >= FEW && lost > (received + lost) * SOME).then(|| {
        let what = format!("{lost} datagrams were lost in the media sockets, of {} that came", received + lost);
        let mend = "sysctl -w net.core.rmem_max=8388608, and start Volley again\n\
                    where workers are busy: more of them (--workers), fewer neighbours, fewer people (rooms.max_participants)";
        Finding::warning("socket-drops", what, mend)
    })
}

fn overflows(metrics: &Metrics) -> Option<Finding> {
    let times = metrics.trouble("ring-overflows");
    let received = metrics.sum("volley_datagrams_received_total", "");
    (received > ENOUGH && times > received * SOME).then(|| {
        let what = format!("Rings of io_uring were full {times} times: workers come too late for what the kernel has for them");
        Finding::warning("ring-overflows", what, "give workers cores of their own: tuning/tune check; more of them: --workers")
    })
}

/// Datagrams that were not sent, since their socket took no more.
fn stuck(metrics: &Metrics) -> Option<Finding> {
    let dropped = metrics.trouble("socket-full");
    let sent = metrics.sum("volley_datagrams_sent_total", "");
    (dropped >= FEW && dropped > (sent + dropped) * SOME).then(|| {
        let what = format!("{dropped} datagrams were dropped since the media sockets were full, of {} to be sent", sent + dropped);
        let mend = "sysctl -w net.core.wmem_max=8388608, and start Volley again; or the network card is at its limit";
        Finding::warning("socket-full", what, mend)
    })
}

fn refused(metrics: &Metrics) -> Option<Finding> {
    let trains = metrics.trouble("refused-trains");
    (trains > 0.0).then(|| {
        let what = format!("The kernel refused {trains} trains, whose packets left one by one");
        Finding::warning(
            "trains-refused",
            what,
            "ethtool -K INTERFACE tx on gso on; a tunnel or VLAN below may lack it as well",
        )
    })
}

fn turns(metrics: &Metrics) -> Option<Finding> {
    let all = metrics.sum("volley_turn_seconds_count", "");
    let long = all - metrics.sum("volley_turn_seconds_bucket", &format!("le=\"{LONG_TURN}\""));
    (all > ENOUGH && long > all * MANY_LONG_TURNS).then(|| {
        let what =
            format!("{long} of {all} turns of the workers took longer than 10 ms: packets wait that long");
        let mend =
            "see who else is on their cores: tuning/tune check; more workers: --workers; other hosts: steal";
        Finding::warning("turns-long", what, mend)
    })
}

fn unsteered(case: &Case<'_>, metrics: &Metrics) -> Option<Finding> {
    let workers = metrics.0.iter().filter(|(name, ..)| name == "volley_udp_steered").count();
    let is_shared = workers > 1 && case.config.udp_ports() == UdpPorts::One;
    (is_shared && metrics.sum("volley_udp_steered", "") == 0.0).then(|| {
        let what = "The kernel does not steer datagrams to the workers they are for; they hand them on, which costs both time";
        Finding::notice(
            "not-steered",
            what,
            "systemd: AmbientCapabilities=CAP_BPF\ndocker run --user 0 --cap-add BPF",
        )
    })
}

/// What does not go as it was asked for.
fn deeds(metrics: &Metrics) -> Vec<Finding> {
    let mut findings = Vec::new();
    let failing = metrics.sum("volley_recordings_failing", "");
    if failing > 0.0 {
        let what = format!("{failing} recordings cannot be written now");
        findings.push(Finding::error(
            "recordings-failing",
            what,
            "df shows whether the disk of recording.path is full; the log says why",
        ));
    }
    let dropped = metrics.sum("volley_webhooks_dropped_total", "");
    if dropped > 0.0 {
        let what = format!("{dropped} webhooks were never sent, since too many waited");
        findings.push(Finding::warning(
            "webhooks-dropped",
            what,
            "see why webhooks.url does not answer with 2xx within 10 s",
        ));
    }
    if metrics.sum("volley_draining", "") > 0.0 {
        let what = "The server is stopping, and takes no new rooms";
        findings.push(Finding::notice("draining", what, "start it again when it has ended"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::testing::Patient;
    use super::*;

    /// A server that has had some traffic, and these series besides.
    fn server(more: &str) -> Patient {
        let mut patient = Patient::sound();
        let text = format!(
            "# HELP volley_turns_total Turns\nvolley_datagrams_received_total{{worker=\"0\"}} 60000\n\
             volley_datagrams_received_total{{worker=\"1\"}} 40000\nvolley_turn_seconds_count{{worker=\"0\"}} 20000\n\
             volley_turn_seconds_bucket{{worker=\"0\",le=\"0.01\"}} 19990\nvolley_udp_steered{{worker=\"0\"}} 1\n\
             volley_udp_steered{{worker=\"1\"}} 1\nvolley_io_troubles_total{{worker=\"0\",kind=\"ring-overflows\"}} 3\n\
             volley_datagrams_sent_total{{worker=\"0\"}} 200000\n{more}"
        );
        patient.running = Some(Running { holder: None, metrics: Some(Metrics::read(&text)) });
        patient
    }

    fn found(patient: &Patient) -> Vec<(Level, &'static str)> {
        check(&patient.case()).iter().map(|finding| (finding.level, finding.check)).collect()
    }

    #[test]
    fn a_server_with_a_few_mishaps_is_well() {
        assert_eq!(found(&server("")), []);
        assert_eq!(found(&Patient::sound()), [], "none runs");
    }

    #[test]
    fn each_figure_that_hurts_is_told() {
        for (more, expected) in [
            (
                "volley_io_troubles_total{worker=\"1\",kind=\"ring-overflows\"} 30",
                (Level::Warning, "ring-overflows"),
            ),
            (
                "volley_io_troubles_total{worker=\"1\",kind=\"socket-full\"} 30",
                (Level::Warning, "socket-full"),
            ),
            (
                "volley_io_troubles_total{worker=\"1\",kind=\"refused-trains\"} 1",
                (Level::Warning, "trains-refused"),
            ),
            ("volley_turn_seconds_count{worker=\"1\"} 1000", (Level::Warning, "turns-long")),
            ("volley_recordings_failing 1", (Level::Error, "recordings-failing")),
            ("volley_webhooks_dropped_total 2", (Level::Warning, "webhooks-dropped")),
            ("volley_draining 1", (Level::Notice, "draining")),
        ] {
            assert_eq!(found(&server(more)), [expected], "{more}");
        }
    }

    #[test]
    fn datagrams_that_the_kernel_threw_away_are_counted() {
        let mut patient = server("");
        patient.set("VOLLEY_UDP_PORT", "50000");
        let line =
            "  10: 00000000:C350 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 21 2 0000 900\n";
        patient.write("proc/net/udp", &format!("head\n{line}"));
        assert_eq!(found(&patient), [(Level::Warning, "socket-drops")]);
        assert!(check(&patient.case())[0].mend.starts_with("sysctl -w net.core.rmem_max="));
    }

    #[test]
    fn one_datagram_of_a_young_server_is_no_trouble() {
        let mut patient = Patient::sound();
        patient.set("VOLLEY_UDP_PORT", "50000");
        let text = "volley_datagrams_received_total{worker=\"0\"} 5000\nvolley_datagrams_sent_total{worker=\"0\"} 5000\n\
                    volley_io_troubles_total{worker=\"0\",kind=\"socket-full\"} 1\n";
        patient.running = Some(Running { holder: None, metrics: Some(Metrics::read(text)) });
        let lost = |drops: u32| {
            format!(
                "head\n  10: 00000000:C350 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 21 2 0000 {drops}\n"
            )
        };
        patient.write("proc/net/udp", &lost(1));
        assert_eq!(found(&patient), []);
        patient.write("proc/net/udp", &lost(50));
        assert_eq!(found(&patient), [(Level::Warning, "socket-drops")]);
    }

    #[test]
    fn workers_that_nobody_steers_to_and_metrics_that_nobody_tells_are_said() {
        let text = "volley_udp_steered{worker=\"0\"} 0\nvolley_udp_steered{worker=\"1\"} 0\n";
        let mut patient = server("");
        patient.running = Some(Running { holder: None, metrics: Some(Metrics::read(text)) });
        assert_eq!(found(&patient), [(Level::Notice, "not-steered")]);
        patient.running = Some(Running::default());
        assert_eq!(found(&patient), [(Level::Skipped, "metrics-unseen")]);
    }
}
