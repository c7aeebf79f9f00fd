//! The load's loop: commands, datagrams, timers, one wait. It owns sockets and the clock.
//!
//! Servers tell transports apart by address, so each transport has a socket of its own; its number
//! is the transport's, and no lookup stands between a datagram and its transport.

use super::meter::Meter;
use super::secure::DtlsContext;
use super::snapshot::{Population, Snapshot};
use super::stream::micros;
use super::transport::{State, Transport};
use super::turn::{Scratch, Shared, Turn};
use super::{Joining, LoadConfig, LoadError, MediaModel};
use crate::signal::{Person, Wanted};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::Duration;
use volley::base::random::Random;
use volley::base::timer::Timers;
use volley::base::{Time, WallClock};
use volley::io::{Io, IoConfig, bind_media_socket};
use volley::transport::dtls::Identity;
use volley::worker::clock::Clock;

/// Descriptors beside the sockets: the ring, eventfds, signaling's WebSockets come on top of them.
const OTHER_DESCRIPTORS: u64 = 64;
/// No wait is longer, so that a snapshot of an idle load is a fresh one.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// Joins begun in one turn: each costs a signature soon after, and media must not wait for all.
const COMMANDS_PER_TURN: usize = 32;

/// What the load is told.
pub(super) enum Command {
    Join(Box<Joining>),
    Leave(Person),
    Layers(Wanted),
    Snapshot(SyncSender<Box<Snapshot>>),
    RestartTotals,
    Stop,
}

/// The load's own thread.
pub(super) struct Engine {
    io: Io,
    commands: Receiver<Command>,
    wake: Arc<OwnedFd>,
    clock: Clock,
    shared: Shared,
    scratch: Scratch,
    meter: Meter,
    media: MediaModel,
    random: Random,
    /// By number of their socket.
    transports: Vec<Option<Box<Transport>>>,
    /// The deadline that stands in `timers` for each.
    scheduled: Vec<Time>,
    timers: Timers,
    people: HashMap<Person, Vec<u32>>,
    /// Sockets without a transport, the longest unused first: what a server still sends to a
    /// transport that left should find nobody.
    free: VecDeque<u32>,
}

impl Engine {
    pub(super) fn new(
        config: &LoadConfig,
        identity: Identity,
        commands: Receiver<Command>,
        wake: Arc<OwnedFd>,
    ) -> Result<Engine, LoadError> {
        let count = config.transports.clamp(1, usize::from(u16::MAX));
        raise_descriptor_limit(count as u64 + OTHER_DESCRIPTORS)?;
        let sockets = bind(config, count)?;
        let io = Io::new(config.io, sockets, &[&*wake], &IoConfig::default())?;
        let clock = Clock::new();
        let now = clock.now();
        Ok(Engine {
            io,
            commands,
            wake,
            clock,
            shared: Shared { dtls: DtlsContext::new(&identity, now), wall: wall_clock(now) },
            scratch: Scratch::default(),
            meter: Meter::new(now),
            media: config.media,
            random: Random::new(config.seed),
            transports: (0..count).map(|_| None).collect(),
            scheduled: vec![Time::NEVER; count],
            timers: Timers::default(),
            people: HashMap::new(),
            free: (0..count as u32).collect(),
        })
    }

    /// Turns until it is told to stop.
    pub(super) fn run(&mut self) -> io::Result<()> {
        while self.take_commands() {
            self.take_datagrams();
            self.run_timers();
            self.flush_and_wait()?;
        }
        Ok(())
    }

    /// False when the load is to end.
    fn take_commands(&mut self) -> bool {
        for _ in 0..COMMANDS_PER_TURN {
            match self.commands.try_recv() {
                Ok(Command::Join(joining)) => self.join(*joining),
                Ok(Command::Leave(person)) => self.leave(person),
                Ok(Command::Layers(wanted)) => self.want_layers(wanted),
                Ok(Command::Snapshot(answer)) => self.answer(&answer),
                Ok(Command::RestartTotals) => self.meter.restart(self.clock.now(), self.io_losses()),
                Err(TryRecvError::Empty) => return true,
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return false,
            }
        }
        // There may be more: the wait must not sleep over them.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        true
    }

    fn join(&mut self, joining: Joining) {
        let person = joining.association.person;
        let name = format!("room {} person {}", person.room, person.number);
        let Some(place) = self.free.pop_front() else {
            let limit = self.transports.len();
            return self.refuse(format!("{name}: all {limit} sockets are in use"));
        };
        let (seed, now) = (self.random.next_u64(), self.clock.now());
        match Transport::new(joining, &self.media, place, seed, now) {
            Ok(transport) => {
                self.transports[place as usize] = Some(Box::new(transport));
                self.people.entry(person).or_default().push(place);
                self.schedule(place);
            }
            Err(why) => {
                self.free.push_front(place);
                self.refuse(format!("{name}: {why}"));
            }
        }
    }

    fn refuse(&mut self, why: String) {
        self.meter.now.failures += 1;
        self.meter.problem(why);
    }

    fn leave(&mut self, person: Person) {
        for place in self.people.remove(&person).unwrap_or_default() {
            self.transports[place as usize] = None;
            self.scheduled[place as usize] = Time::NEVER;
            self.timers.clear(place);
            self.free.push_back(place);
        }
    }

    fn want_layers(&mut self, wanted: Wanted) {
        let now = self.clock.now();
        let Engine { people, transports, meter, .. } = self;
        // Who has left meanwhile sends nothing.
        let places = people.get(&wanted.person).cloned().unwrap_or_default();
        for &place in &places {
            if let Some(transport) = &mut transports[place as usize] {
                transport.want_layers(wanted.layers, now, meter);
            }
        }
        places.into_iter().for_each(|place| self.schedule(place));
    }

    fn answer(&mut self, answer: &SyncSender<Box<Snapshot>>) {
        let (population, losses) = (self.population(), self.io_losses());
        let snapshot = self.meter.snapshot(self.clock.now(), losses, population);
        let _ = answer.try_send(Box::new(snapshot));
    }

    fn population(&self) -> Population {
        let now = self.clock.now();
        let mut population = Population { participants: self.people.len(), ..Population::default() };
        for transport in self.transports.iter().flatten() {
            let live = transport.live(now);
            population.streams += live.sounds + live.pictures;
            population.sounds += live.sounds;
            population.open_gap = population.open_gap.max(live.open_gap);
            match transport.state() {
                State::Connecting => population.connecting += 1,
                State::Failed => population.failed += 1,
                State::Closed => population.closed += 1,
                State::Connected(profile) => {
                    population.connected += 1;
                    match population.profiles.iter_mut().find(|(known, _)| *known == profile) {
                        Some((_, count)) => *count += 1,
                        None => population.profiles.push((profile, 1)),
                    }
                }
            }
        }
        population
    }

    fn io_losses(&self) -> u64 {
        let io = self.io.counters();
        io.send_errors + io.socket_full + io.no_train + io.unroutable + io.truncated
    }

    fn take_datagrams(&mut self) {
        let now = self.clock.now();
        let Engine { io, shared, scratch, meter, transports, scheduled, timers, .. } = self;
        io.receive(|datagram, out| {
            let place = usize::from(datagram.path.socket.0);
            let Some(transport) = transports.get_mut(place).and_then(Option::as_mut) else { return };
            let mut turn = Turn { now, out, meter, shared, scratch };
            transport.on_datagram(datagram.path, datagram.bytes, &mut turn);
            let deadline = transport.next_deadline();
            if deadline != scheduled[place] {
                scheduled[place] = deadline;
                timers.set(place as u32, deadline);
            }
        });
    }

    fn run_timers(&mut self) {
        // Read anew: the stamps of what leaves now must not count the time that receiving took.
        let now = self.clock.now();
        while let Some(place) = self.timers.pop_due(now) {
            let Engine { io, shared, scratch, meter, transports, scheduled, .. } = self;
            meter.now.lateness.saturating_record(micros(scheduled[place as usize], now));
            if let Some(transport) = &mut transports[place as usize] {
                transport.on_timeout(&mut Turn { now, out: io.trains(), meter, shared, scratch });
            }
            self.schedule(place);
        }
    }

    fn schedule(&mut self, place: u32) {
        let transport = self.transports[place as usize].as_ref();
        let deadline = transport.map_or(Time::NEVER, |transport| transport.next_deadline());
        self.scheduled[place as usize] = deadline;
        self.timers.set(place, deadline);
    }

    fn flush_and_wait(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        let next = self.timers.next().map_or(LONGEST_WAIT, |deadline| deadline.since(now));
        if self.io.flush_and_wait(Some(next.min(LONGEST_WAIT)))?.wake {
            let _ = rustix::io::read(&self.wake, &mut [0; 8]);
        }
        Ok(())
    }
}

fn bind(config: &LoadConfig, count: usize) -> Result<Vec<UdpSocket>, LoadError> {
    if config.addresses.is_empty() {
        return Err(LoadError::NoAddress);
    }
    let addresses = config.addresses.iter().cycle().take(count);
    let bound = addresses.map(|&address| {
        bind_media_socket(SocketAddr::new(address, 0)).map_err(|source| LoadError::Bind { address, source })
    });
    bound.collect()
}

/// Raises the soft limit as far as it is needed and the hard one allows.
fn raise_descriptor_limit(more: u64) -> Result<(), LoadError> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = current.unwrap_or(u64::MAX).max(2 * more);
    match maximum {
        Some(limit) if limit < more => Err(LoadError::TooManySockets { wanted: more, limit }),
        _ => {
            let current = maximum.map_or(wanted, |limit| wanted.min(limit));
            // Where it cannot be raised after all, binding tells which socket was one too many.
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum });
            Ok(())
        }
    }
}

fn wall_clock(now: Time) -> WallClock {
    let wall = clock_gettime(ClockId::Realtime);
    let unix = wall.tv_sec as u64 * 1_000_000_000 + wall.tv_nsec as u64;
    WallClock::new(unix.saturating_sub(now.as_nanos()))
}
