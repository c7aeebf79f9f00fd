//! Tells systemd how things stand (sd_notify), where systemd started Volley: ready, still alive, stopping.
//!
//! It answers for the supervisor alone, which watches the others: signaling that hangs is no reason to end calls.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Names the socket to tell; children have nothing to say there.
pub(crate) const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];
/// After the time that a drain takes: children stop, files are completed.
const STOP_MARGIN: Duration = Duration::from_secs(10);

/// Whoever started Volley, if they want to know.
pub(crate) struct Service {
    socket: Option<UnixDatagram>,
    beat: Option<Interval>,
}

impl Service {
    /// As the environment names it. Call it within the runtime.
    pub(crate) fn from_environment() -> Service {
        let variable = |name| std::env::var(name).ok();
        let socket = variable(VARIABLES[0]).and_then(|name| match connect(&name) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!("systemd is not told that Volley is ready: NOTIFY_SOCKET={name:?}: {error}");
                None
            }
        });
        let every = beat(variable(VARIABLES[1]), variable(VARIABLES[2]), std::process::id());
        let beat = socket.as_ref().and(every).map(|every| {
            let mut beat = interval(every);
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            beat
        });
        Service { socket, beat }
    }

    /// Returns when it is time for [`Service::tell_alive`]; never where nobody watches.
    pub(crate) async fn beat(&mut self) {
        match &mut self.beat {
            Some(beat) => {
                beat.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    pub(crate) fn tell_alive(&self) {
        self.tell("WATCHDOG=1");
    }

    pub(crate) fn tell_ready(&self, address: &str) {
        self.tell(&format!("READY=1\nSTATUS=Takes people at {address}"));
    }

    /// It stops, and calls go on for `time` still.
    pub(crate) fn tell_stopping(&self, time: Duration) {
        let most = (time + STOP_MARGIN).as_micros();
        self.tell(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={most}\nSTATUS=Takes nobody new, and stops"));
    }

    fn tell(&self, text: &str) {
        // Full or gone: whoever does not listen is not waited for.
        let _ = self.socket.as_ref().map(|socket| socket.send(text.as_bytes()));
    }
}

/// A name that begins with `@` stands for no file.
fn connect(name: &str) -> std::io::Result<UnixDatagram> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// How often to say that all is well: twice in the time that is allowed, if that is asked of this process.
fn beat(micros: Option<String>, whose: Option<String>, me: u32) -> Option<Duration> {
    let micros = micros?.parse().ok().filter(|&micros: &u64| micros > 1)?;
    let is_ours = whose.is_none_or(|pid| pid.parse() == Ok(me));
    is_ours.then(|| Duration::from_micros(micros / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beat_is_twice_as_fast_as_is_asked_and_of_this_process_alone() {
        let of = |micros: &str, whose: Option<&str>| {
            beat(Some(micros.to_owned()), whose.map(str::to_owned), 7).map(|every| every.as_millis())
        };
        assert_eq!(of("30000000", Some("7")), Some(15_000));
        assert_eq!(of("30000000", None), Some(15_000));
        assert_eq!((of("30000000", Some("8")), of("0", None), of("soon", None)), (None, None, None));
        assert_eq!(beat(None, None, 7), None);
    }
}
