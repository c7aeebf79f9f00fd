//! A media host, a line that can be cut, and a recorder at its other end, for tests. What people send and the time at
//! which they do are the test's; that bytes go over sockets takes as long as it takes.

use crate::answers::{Answer, Question};
use crate::desk::{FromRecorder, Person, Published, Source, ToRecorder, to_bytes};
use crate::manifest::Manifest;
use crate::remote::forward::Forwarder;
use crate::remote::frame::Hello;
use crate::remote::line::{Line, Offload};
use crate::remote::listen;
use crate::remote::secret::Secret;
use crate::settings::{Segments, Settings};
use crate::source::Local;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use volley::base::{Time, TrackId};
use volley::control::desk;
use volley::control::tap::{TapFd, TapReader, TapWish, TapWriter, Tapped, TappedPacket};
use volley::control::types::Codec;

pub(super) const START_UNIX_MS: u64 = 1_700_000_000_000;
pub(super) const SOUND: TrackId = TrackId(1);
pub(super) const PICTURE: TrackId = TrackId(2);

/// Nothing here takes so long, however busy the machine is.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

pub(super) fn secret() -> Secret {
    Secret::of("0123456789abcdef0123456789abcdef")
}

/// A recorder by itself, on a thread.
pub(super) struct Recorder {
    pub(super) address: SocketAddr,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    pub(super) fn begin(path: &Path) -> Recorder {
        Recorder::begin_at("127.0.0.1:0".parse().unwrap(), path)
    }

    pub(super) fn begin_at(address: SocketAddr, path: &Path) -> Recorder {
        let bound = TcpListener::bind(address).unwrap();
        let address = bound.local_addr().unwrap();
        let (path, ending) = (path.to_owned(), Arc::new(AtomicBool::new(false)));
        let is_over = Arc::clone(&ending);
        let settings = Settings { path, patience: Duration::from_secs(1), store: None, offload: None };
        let run = move || listen::run_on(bound, settings, &secret(), &is_over).unwrap();
        Recorder { address, ending, thread: Some(thread::spawn(run)) }
    }

    pub(super) fn end(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
    }
}

/// What a worker would hand over of somebody's microphone and camera.
#[derive(Default)]
pub(super) struct Feed {
    /// Packets of sound and of pictures.
    pub(super) sent: [u64; 2],
    pub(super) wants_key: bool,
}

impl Feed {
    /// Of 20 ms: a sound, and each fifth time a picture.
    pub(super) fn values(&mut self, ms: u64) -> Vec<(Tapped, Vec<u8>)> {
        let sound = [&[0x78][..], &(ms as u32).to_be_bytes()].concat();
        let mut values = vec![self.packet(SOUND, ms, &sound, true)];
        if ms.is_multiple_of(100) {
            let is_key = std::mem::take(&mut self.wants_key) || ms.is_multiple_of(10_000);
            let mut picture = vec![0x10, u8::from(!is_key), 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01];
            picture.extend((ms as u32).to_be_bytes());
            values.push(self.packet(PICTURE, ms, &picture, is_key));
        }
        values
    }

    pub(super) fn packet(&mut self, track: TrackId, ms: u64, payload: &[u8], key: bool) -> (Tapped, Vec<u8>) {
        let is_sound = track == SOUND;
        let sent = &mut self.sent[usize::from(!is_sound)];
        let (index, stamp) = (*sent, (ms * if is_sound { 48 } else { 90 }) as u32);
        *sent += 1;
        let mut packet = vec![0x80, 0x80 | 96];
        packet.extend((index as u16).to_be_bytes());
        packet.extend(stamp.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend_from_slice(payload);
        let codec = if is_sound { Codec::Opus } else { Codec::Vp8 };
        let (received, starts_key_frame) = (at(ms), key);
        let head = TappedPacket { track, layer: 0, codec, starts_key_frame, is_aim: true, index, received };
        (Tapped::Packet(head), packet)
    }
}

pub(super) fn person() -> Person {
    let published = |id: TrackId, source| Published { track_id: id.0, source, muted: false };
    Person {
        participant_id: String::from("41"),
        participant_name: String::from("Ada"),
        identity: None,
        tracks: vec![published(SOUND, Source::Microphone), published(PICTURE, Source::Camera)],
    }
}

/// A media host with one worker, whose signaling is the test.
pub(super) struct Host {
    pub(super) tap: TapWriter,
    signaling: OwnedFd,
    pub(super) forwarder: Forwarder,
    pub(super) feed: Feed,
    pub(super) said: Vec<FromRecorder>,
    is_recording: bool,
    pub(super) now: u64,
}

impl Host {
    pub(super) fn begin(address: SocketAddr, most_waiting: usize) -> Host {
        let fd = TapFd::create().unwrap();
        let (signaling, desk) = desk::pair().unwrap();
        let hello = Hello { unix_nanos_at_zero: START_UNIX_MS * 1_000_000, workers: 1, is_probe: false };
        let offload = Offload { address: address.to_string(), secret: secret() };
        let line = Line::with_buffer(offload, hello, most_waiting).unwrap();
        let local = Local { taps: vec![TapReader::attach(&fd).unwrap()], desk };
        Host {
            tap: TapWriter::attach(&fd).unwrap(),
            signaling,
            forwarder: Forwarder::new(local, line),
            feed: Feed::default(),
            said: Vec::new(),
            is_recording: false,
            now: 0,
        }
    }

    pub(super) fn tell(&self, message: &ToRecorder) {
        assert!(desk::send(&self.signaling, &to_bytes(message)).unwrap());
    }

    /// As signaling says it whenever it is asked.
    pub(super) fn say_all(&self) {
        self.tell(&ToRecorder::Begin);
        if self.is_recording {
            self.record();
        }
        self.tell(&ToRecorder::All);
    }

    fn record(&self) {
        let recording_id = || String::from("rec-1");
        self.tell(&ToRecorder::Record {
            recording_id: recording_id(),
            room_id: String::from("room"),
            room_name: String::from("Room"),
            e2ee: false,
            started_at: START_UNIX_MS,
            segments: Segments::default(),
        });
        self.tell(&ToRecorder::Person { recording_id: recording_id(), person: person() });
    }

    pub(super) fn start_recording(&mut self) {
        self.is_recording = true;
        self.record();
    }

    pub(super) fn stop_recording(&mut self) {
        self.is_recording = false;
        self.tell(&ToRecorder::Stop { recording_id: String::from("rec-1") });
    }

    /// One turn of the forwarder, and signaling's and the worker's part of it.
    pub(super) fn turn(&mut self) {
        self.forwarder.turn(at(self.now));
        while let Some(message) = desk::receive(&self.signaling).unwrap() {
            let said: FromRecorder = serde_json::from_slice(&message).unwrap();
            if said == FromRecorder::Ready {
                self.say_all();
            }
            self.said.push(said);
        }
        while let Some(TapWish::KeyFrame { track, .. }) = self.tap.next_wish() {
            self.feed.wants_key |= track == PICTURE;
        }
    }

    /// Plays up to a time, in milliseconds.
    pub(super) fn play(&mut self, to: u64) {
        while self.now < to {
            for (value, bytes) in self.feed.values(self.now) {
                assert!(self.tap.offer(&value, &bytes));
            }
            self.now += 20;
            self.turn();
        }
    }

    /// Goes on, with nobody sending anything, until that was said; time stands still.
    pub(super) fn until(&mut self, what: &str, mut is_it: impl FnMut(&FromRecorder) -> bool) -> FromRecorder {
        let began = Instant::now();
        loop {
            if let Some(place) = self.said.iter().position(&mut is_it) {
                return self.said.drain(..=place).next_back().unwrap();
            }
            assert!(began.elapsed() < PATIENCE, "{what}: {:?}", self.said);
            thread::sleep(Duration::from_millis(5));
            self.turn();
        }
    }

    /// The same with time going on, slower than it does.
    pub(super) fn play_until(
        &mut self,
        what: &str,
        mut is_it: impl FnMut(&FromRecorder) -> bool,
    ) -> FromRecorder {
        let began = Instant::now();
        loop {
            if let Some(place) = self.said.iter().position(&mut is_it) {
                return self.said.drain(..=place).next_back().unwrap();
            }
            assert!(began.elapsed() < PATIENCE, "{what}: {:?}", self.said);
            thread::sleep(Duration::from_millis(5));
            let next = self.now + 20;
            self.play(next);
        }
    }

    /// Until the recorder is there and has been told what is recorded.
    pub(super) fn until_connected(&mut self) {
        let began = Instant::now();
        while !self.forwarder.is_connected() {
            assert!(began.elapsed() < PATIENCE);
            thread::sleep(Duration::from_millis(5));
            self.turn();
        }
        // Its answer comes behind what it asks first.
        self.ask(0, Question::List { room_id: String::from("room"), before: None, limit: 1 });
    }

    pub(super) fn ask(&mut self, number: u64, question: Question) -> Answer {
        self.tell(&ToRecorder::Ask { number, question });
        let mut whole = String::new();
        loop {
            let said = self.until("an answer", |said| matches!(said, FromRecorder::Answer { .. }));
            let FromRecorder::Answer { part, is_last, .. } = said else { continue };
            whole.push_str(&part);
            if is_last {
                return serde_json::from_str(&whole).unwrap();
            }
        }
    }
}

/// A line to a recorder that can be cut, and held.
pub(super) struct Cable {
    pub(super) address: SocketAddr,
    ends: Arc<Mutex<Vec<TcpStream>>>,
    /// Towards the recorder, and back.
    is_held: [Arc<AtomicBool>; 2],
}

impl Cable {
    pub(super) fn to(recorder: SocketAddr) -> Cable {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // What waits in the kernel is not what is looked at.
        rustix::net::sockopt::set_socket_recv_buffer_size(&listener, 16 << 10).unwrap();
        let address = listener.local_addr().unwrap();
        let (ends, is_held) =
            (Arc::<Mutex<Vec<TcpStream>>>::default(), [(); 2].map(|()| Arc::<AtomicBool>::default()));
        let (known, held) = (Arc::clone(&ends), is_held.clone());
        thread::spawn(move || {
            for host in listener.incoming() {
                let host = host.unwrap();
                let Ok(recorder) = TcpStream::connect(recorder) else { continue };
                for (from, to, is_held) in [(&host, &recorder, &held[0]), (&recorder, &host, &held[1])] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let is_held = Arc::clone(is_held);
                    thread::spawn(move || carry(from, to, &is_held));
                }
                known.lock().unwrap().extend([host, recorder]);
            }
        });
        Cable { address, ends, is_held }
    }

    pub(super) fn cut(&self) {
        for end in self.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Nothing reaches the recorder meanwhile.
    pub(super) fn hold(&self, is_held: bool) {
        self.is_held[0].store(is_held, Ordering::Relaxed);
    }

    /// Nothing comes back from it.
    pub(super) fn hold_back(&self, is_held: bool) {
        self.is_held[1].store(is_held, Ordering::Relaxed);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, is_held: &AtomicBool) {
    let mut bytes = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        while is_held.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// What a file holds: of each frame its track, its time, and what is in it.
pub(super) fn frames(folder: &Path, name: &str) -> Vec<(u64, u64, Vec<u8>)> {
    let path: PathBuf = folder.join("rec-1").join(name);
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut matroska = matroska_demuxer::MatroskaFile::open(file).unwrap();
    let (mut frame, mut frames) = (matroska_demuxer::Frame::default(), Vec::new());
    while matroska.next_frame(&mut frame).unwrap() {
        frames.push((frame.track, frame.timestamp, frame.data.clone()));
    }
    frames
}

pub(super) fn manifest(folder: &Path) -> Manifest {
    let bytes = std::fs::read(folder.join("rec-1/manifest.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
