//! The clock: tokens, certificates and the credentials of relays hold only as far as it is right.

use super::Case;
use super::finding::Finding;
use super::host::Host;
use std::io;
use std::net::Ipv6Addr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Beyond it pages are refused whose token has just been made, and credentials of relays come too late.
const WRONG: f64 = 30.0;
/// A clock that anything keeps is a hundred times better.
const LATE: f64 = 1.0;
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// RFC 5905 §7.3.
const PACKET: usize = 48;
/// RFC 5905 §6: the era that began in 1900, in Unix seconds.
const ERA: u64 = 2_208_988_800;
const PORT: u16 = 123;

/// What an NTP server said.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Heard {
    pub(super) server: String,
    /// Seconds by which our clock is late.
    pub(super) late: Result<f64, String>,
}

/// The server to ask: the one that was named, else the first that this machine's own time service uses.
pub(super) fn server(host: &Host, named: Option<&str>) -> Option<String> {
    named.map(str::to_owned).or_else(|| configured(host))
}

fn configured(host: &Host) -> Option<String> {
    let chrony = ["etc/chrony/chrony.conf", "etc/chrony.conf", "etc/ntp.conf", "etc/ntpsec/ntp.conf"];
    let of_line = |line: &str| {
        let mut words = line.split_whitespace();
        matches!(words.next()?, "server" | "pool").then(|| words.next().map(str::to_owned))?
    };
    let of_timesyncd = |line: &str| {
        let servers =
            line.trim().strip_prefix("NTP=").or_else(|| line.trim().strip_prefix("FallbackNTP="))?;
        servers.split_whitespace().next().map(str::to_owned)
    };
    let named =
        chrony.into_iter().filter_map(|path| host.read(path)).find_map(|text| text.lines().find_map(of_line));
    named.or_else(|| host.read("etc/systemd/timesyncd.conf")?.lines().find_map(of_timesyncd))
}

/// Asks it (SNTP, RFC 5905 §14).
pub(super) async fn ask(server: String) -> Heard {
    let late = timeout(ANSWER_WITHIN, late_by(&server)).await;
    let late =
        late.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(|error| error.to_string());
    Heard { server, late }
}

async fn late_by(server: &str) -> io::Result<f64> {
    let address = tokio::net::lookup_host(place(server)).await?.next().ok_or(io::ErrorKind::NotFound)?;
    let any = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    let mut packet = [0; PACKET];
    // Version 4, a client.
    packet[0] = 4 << 3 | 3;
    let sent = unix(SystemTime::now());
    // Comes back as it is, and shows that the answer is one to this question.
    packet[40..].copy_from_slice(&sent.to_bits().to_be_bytes());
    socket.send(&packet).await?;
    let mut answer = [0; PACKET];
    loop {
        let length = socket.recv(&mut answer).await?;
        let came = unix(SystemTime::now());
        if length == PACKET && answer[24..32] == sent.to_bits().to_be_bytes() {
            return read(&answer, sent, came).ok_or_else(|| io::Error::other("it has no time to give"));
        }
    }
}

/// Host and port of a server that may be named without its port, as time services do.
fn place(server: &str) -> String {
    if server.parse::<Ipv6Addr>().is_ok() {
        format!("[{server}]:{PORT}")
    } else if server.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        server.to_owned()
    } else {
        format!("{server}:{PORT}")
    }
}

/// RFC 5905 §8: the mean of both ways' differences.
fn read(answer: &[u8; PACKET], sent: f64, came: f64) -> Option<f64> {
    let (alarm, mode, stratum) = (answer[0] >> 6, answer[0] & 7, answer[1]);
    if alarm == 3 || mode != 4 || !(1..16).contains(&stratum) {
        return None;
    }
    let at = |start: usize| {
        let word =
            |start: usize| u32::from_be_bytes(answer[start..start + 4].try_into().expect("it is four bytes"));
        // RFC 4330 §3: with its first bit 0 a time is one after the turn of the era in 2036.
        let turned = if word(start) >> 31 == 0 { 2f64.powi(32) } else { 0.0 };
        f64::from(word(start)) + turned - ERA as f64 + f64::from(word(start + 4)) / 2f64.powi(32)
    };
    Some(((at(32) - sent) + (at(40) - came)) / 2.0)
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// What is wrong with the clock.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    match &case.answers.time {
        Some(Heard { server, late: Ok(late) }) => skewed(server, *late).into_iter().collect(),
        other => unasked(case.host, other.as_ref()).into_iter().collect(),
    }
}

fn skewed(server: &str, late: f64) -> Option<Finding> {
    if late.abs() < LATE {
        return None;
    }
    let direction = if late > 0.0 { "late" } else { "early" };
    let what = format!("The clock is {:.1} s {direction} by {server}", late.abs());
    if late.abs() < WRONG {
        return Some(Finding::warning("clock-skew", what, MEND));
    }
    let what = format!(
        "{what}: tokens, certificates and credentials of relays are refused before their time or after it"
    );
    Some(Finding::error("clock-skew", what, MEND))
}

pub(super) const MEND: &str =
    "apt-get install chrony, then: chronyc makestep\nor with systemd: timedatectl set-ntp true";

/// No server told the time; whether anything keeps the clock says this machine itself.
fn unasked(host: &Host, heard: Option<&Heard>) -> Option<Finding> {
    match is_kept(host) {
        Some(true) => None,
        Some(false) => {
            let what = "Nothing keeps the clock: it drifts by seconds a week";
            Some(Finding::warning("clock-unkept", what, MEND))
        }
        None => {
            let why = match heard {
                Some(Heard { server, late: Err(error) }) => format!("{server} tells no time ({error})"),
                _ => String::from("no NTP server is known here"),
            };
            let what = format!("Whether the clock is right was not seen: {why}");
            Some(Finding::skipped("clock-unseen", what, "volley doctor --ntp SERVER"))
        }
    }
}

fn is_kept(host: &Host) -> Option<bool> {
    if host.root.join("run/systemd/timesync/synchronized").exists() {
        return Some(true);
    }
    let leap = |text: String| text.trim().rsplit(',').next().map(|leap| leap == "Normal");
    if let Some(is_kept) = (host.tool)("chronyc", &["-c", "tracking"]).and_then(leap) {
        return Some(is_kept);
    }
    let text = (host.tool)("timedatectl", &["show", "--property=NTPSynchronized"])?;
    // Where a container has its host's clock this says `no`, and nothing here could change it.
    let is_contained = host.root.join("run/.containerenv").exists() || host.root.join(".dockerenv").exists();
    match text.trim().rsplit('=').next()? {
        "yes" => Some(true),
        "no" if !is_contained => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::testing::Patient;
    use super::*;

    fn found(patient: &Patient) -> Option<(Level, &'static str)> {
        check(&patient.case()).first().map(|finding| (finding.level, finding.check))
    }

    #[test]
    fn a_time_server_is_named_with_its_port_or_without() {
        assert_eq!(place("ntp.example.org"), "ntp.example.org:123");
        assert_eq!(place("ntp.example.org:1123"), "ntp.example.org:1123");
        assert_eq!(place("2001:db8::7"), "[2001:db8::7]:123");
        assert_eq!(place("[2001:db8::7]"), "[2001:db8::7]:123");
        assert_eq!(place("[2001:db8::7]:1123"), "[2001:db8::7]:1123");
    }

    /// A server whose clock is so many seconds ahead of ours.
    async fn server_ahead(by: f64) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut packet = [0; PACKET];
            let (_, client) = socket.recv_from(&mut packet).await.unwrap();
            let mut answer = [0; PACKET];
            (answer[0], answer[1]) = (4 << 3 | 4, 2);
            answer[24..32].copy_from_slice(&packet[40..48]);
            let now = unix(SystemTime::now()) + by;
            let seconds = (now as u64 + ERA) as u32;
            for start in [32, 40] {
                answer[start..start + 4].copy_from_slice(&seconds.to_be_bytes());
                let fraction = (now.fract() * 2f64.powi(32)) as u32;
                answer[start + 4..start + 8].copy_from_slice(&fraction.to_be_bytes());
            }
            socket.send_to(&answer, client).await.unwrap();
        });
        address.to_string()
    }

    #[tokio::test]
    async fn a_server_tells_how_late_the_clock_is() {
        for (ahead, expected) in [
            (0.0, None),
            (5.0, Some((Level::Warning, "clock-skew"))),
            (-600.0, Some((Level::Error, "clock-skew"))),
        ] {
            let mut patient = Patient::sound();
            let heard = ask(server_ahead(ahead).await).await;
            // Half of however long this machine let the answer lie.
            assert!((heard.late.clone().unwrap() - ahead).abs() < 0.9, "{heard:?}");
            patient.answers.time = Some(heard);
            assert_eq!(found(&patient), expected);
        }
    }

    #[tokio::test]
    async fn without_an_answer_the_machine_says_whether_its_clock_is_kept() {
        let mut patient = Patient::sound();
        assert_eq!(found(&patient), None, "systemd keeps it");
        patient.host().tool = |_, _| Some(String::from("NTPSynchronized=no\n"));
        assert_eq!(found(&patient), Some((Level::Warning, "clock-unkept")));
        patient.host().tool =
            |program, _| (program == "chronyc").then(|| String::from("A,1.2.3.4,3,0.1,Normal\n"));
        assert_eq!(found(&patient), None);
        patient.host().tool = |_, _| None;
        let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
        patient.answers.time = Some(ask(closed).await);
        assert_eq!(found(&patient), Some((Level::Skipped, "clock-unseen")));
    }

    #[test]
    fn the_server_is_the_one_that_was_named_or_that_of_the_time_service() {
        let patient = Patient::sound();
        let host = patient.case().host;
        assert_eq!(server(host, None), None);
        patient.write(
            "etc/systemd/timesyncd.conf",
            "[Time]\n#NTP=\nFallbackNTP=0.debian.pool.ntp.org 1.debian\n",
        );
        assert_eq!(server(host, None).as_deref(), Some("0.debian.pool.ntp.org"));
        patient.write("etc/chrony/chrony.conf", "# x\npool 2.debian.pool.ntp.org iburst\n");
        assert_eq!(server(host, None).as_deref(), Some("2.debian.pool.ntp.org"));
        assert_eq!(server(host, Some("192.0.2.1")).as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn a_server_without_the_time_is_not_believed() {
        let mut answer = [0; PACKET];
        (answer[0], answer[1]) = (3 << 6 | 4 << 3 | 4, 2);
        assert_eq!(read(&answer, 0.0, 0.0), None);
        (answer[0], answer[1]) = (4 << 3 | 4, 0);
        assert_eq!(read(&answer, 0.0, 0.0), None, "a kiss of death");
    }
}
