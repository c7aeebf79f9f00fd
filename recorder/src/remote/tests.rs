//! A media host and a recorder elsewhere, over real sockets.

mod site;

use super::frame::{Frame, Hello};
use super::line::{self, Line, Offload, hear, probe, say};
use super::secret::Secret;
use super::tls;
use crate::answers::{Answer, Question};
use crate::desk::{FromRecorder, ToRecorder};
use crate::fixture;
use crate::folder::Folder;
use crate::manifest::{Room, State};
use crate::output::Syncer;
use crate::scribe::Scribe;
use crate::session::{Begin, Session, Surroundings};
use crate::settings::Segments;
use rustls::pki_types::ServerName;
use site::{
    Cable, Feed, Host, PATIENCE, PICTURE, Recorder, SOUND, START_UNIX_MS, at, frames, manifest, person,
    secret,
};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use volley::control::tap::Tapped;

const ROOMY: usize = line::MOST_WAITING;

fn is_ended(said: &FromRecorder) -> bool {
    matches!(said, FromRecorder::Ended { .. })
}

/// What a session on the media host itself makes of the same.
fn recorded_locally(folder: &Path, to: u64) {
    let scribe = Scribe::start(None).unwrap();
    let around = Surroundings {
        folder: Folder::new(folder),
        syncer: Syncer::start().unwrap(),
        scribe: scribe.clone(),
        store: None,
        patience: Duration::from_secs(1),
        unix_nanos_at_zero: START_UNIX_MS * 1_000_000,
    };
    let room = Room { id: String::from("room"), name: String::from("Room"), e2ee: false };
    let (recording_id, segments) = (fixture::name("rec-1"), Segments::default());
    let mut session =
        Session::begin(at(0), around, Begin { recording_id, room, started_at: START_UNIX_MS, segments });
    session.on_person(at(0), &person());
    let mut feed = Feed::default();
    for ms in (0..to).step_by(20) {
        feed.values(ms).iter().for_each(|(value, bytes)| session.on_value(at(ms), value, bytes));
        session.advance(at(ms + 20));
    }
    session.finish(at(to));
    scribe.flush();
}

#[test]
fn what_is_recorded_elsewhere_is_what_would_have_been_recorded_here() {
    let [here, there] = [0, 1].map(|_| tempfile::tempdir().unwrap());
    let recorder = Recorder::begin(there.path());
    let mut host = Host::begin(recorder.address, ROOMY);
    host.until_connected();
    host.start_recording();
    host.play(8_000);
    host.stop_recording();
    let ended = host.until("the recording is complete", is_ended);
    assert!(matches!(&ended, FromRecorder::Ended { room_id, interrupted: false, .. } if room_id == "room"));
    recorded_locally(here.path(), 8_000);
    let manifest = manifest(there.path());
    assert_eq!(
        (manifest.state, manifest.dropped_packets, &manifest.failures[..]),
        (State::Complete, 0, &[][..])
    );
    let all = frames(there.path(), "41-camera-1.webm");
    assert_eq!(all.len(), 400 + 80);
    assert_eq!(all, frames(here.path(), "41-camera-1.webm"));
    let show = |recording_id: &str| Question::Show {
        room_id: String::from("room"),
        recording_id: recording_id.to_owned(),
    };
    let shown = host.ask(7, show("rec-1"));
    let path = there.path().display().to_string();
    assert_eq!(shown, Answer::Shown { manifest: Box::new(manifest), path });
    assert_eq!(host.ask(8, show("rec-2")), Answer::Missing);
}

#[test]
fn a_recording_goes_on_in_new_files_when_the_line_was_cut_and_tells_of_the_gap() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::begin(folder.path());
    let cable = Cable::to(recorder.address);
    let mut host = Host::begin(cable.address, ROOMY);
    host.until_connected();
    host.start_recording();
    host.play(3_000);
    host.until("it is recorded", |said| matches!(said, FromRecorder::Status(one) if one.bytes > 0));
    cable.cut();
    let is_failing = |said: &FromRecorder| matches!(said, FromRecorder::Status(one) if one.failure.is_some());
    host.play_until("signaling hears that nothing is recorded", is_failing);
    host.play_until("the recorder asks again", |said| *said == FromRecorder::Ready);
    let is_well = |said: &FromRecorder| matches!(said, FromRecorder::Status(one) if one.failure.is_none() && one.files > 1);
    host.play_until("it goes on in another file", is_well);
    host.stop_recording();
    host.until("the recording is complete", is_ended);
    let manifest = manifest(folder.path());
    assert!(manifest.interrupted && manifest.state == State::Complete);
    assert!(manifest.failures.iter().any(|one| one.reason.contains("connection")), "{:?}", manifest.failures);
    assert!(manifest.dropped_packets > 0, "what was sent meanwhile is counted");
    for file in &manifest.files {
        assert!(file.is_finished && file.sha256.is_some());
        assert!(!frames(folder.path(), &file.name).is_empty(), "{}", file.name);
    }
}

#[test]
fn another_recorder_at_the_same_place_goes_on_with_what_one_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::begin(folder.path());
    let mut host = Host::begin(recorder.address, ROOMY);
    host.until_connected();
    host.start_recording();
    host.play(2_000);
    host.until("it is recorded", |said| matches!(said, FromRecorder::Status(one) if one.bytes > 0));
    recorder.end();
    let left = manifest(folder.path());
    assert!(left.files.iter().all(|file| file.is_finished), "its files are complete");
    let next = Recorder::begin_at(recorder.address, folder.path());
    host.play_until("it goes on", |said| matches!(said, FromRecorder::Status(one) if one.files > 1));
    host.stop_recording();
    host.until("the recording is complete", is_ended);
    assert!(manifest(folder.path()).interrupted);
    drop(next);
}

#[test]
fn a_recording_that_ended_before_anybody_was_there_is_said_not_to_be_completed() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::begin(folder.path());
    let mut host = Host::begin(recorder.address, ROOMY);
    host.until_connected();
    let recording_id = || String::from("rec-9");
    host.tell(&ToRecorder::Stop { recording_id: recording_id() });
    let unclosed = FromRecorder::Unclosed { recording_id: recording_id() };
    host.until("it has nothing of it", |said| *said == unclosed);
}

#[test]
fn what_was_said_into_a_line_that_is_cut_is_said_again() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::begin(folder.path());
    let cable = Cable::to(recorder.address);
    let mut host = Host::begin(cable.address, ROOMY);
    host.until_connected();
    host.start_recording();
    host.play(2_000);
    cable.hold_back(true);
    host.stop_recording();
    host.turn();
    let began = Instant::now();
    while !folder.path().join("rec-1/manifest.json").exists()
        || manifest(folder.path()).state != State::Complete
    {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    // Time enough for it to be said; where it is not, it is not lost either.
    std::thread::sleep(Duration::from_millis(300));
    host.turn();
    assert!(!host.said.iter().any(is_ended));
    cable.cut();
    cable.hold_back(false);
    host.until("the recording is complete", is_ended);
}

/// Each sound is one frame: what is not in the file is counted.
#[test]
fn a_line_that_is_too_slow_costs_packets_that_are_counted_and_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::begin(folder.path());
    let cable = Cable::to(recorder.address);
    let mut host = Host::begin(cable.address, 64 << 10);
    host.until_connected();
    host.start_recording();
    host.play(1_000);
    host.play_until("it is recorded", |said| matches!(said, FromRecorder::Status(one) if one.bytes > 0));
    cable.hold(true);
    let long = [&[0x78][..], &[7; 1_200]].concat();
    let began = Instant::now();
    while host.forwarder.lost() < 500 {
        assert!(began.elapsed() < PATIENCE);
        for _ in 0..200 {
            let (value, bytes) = host.feed.packet(SOUND, host.now, &long, true);
            assert!(host.tap.offer(&value, &bytes), "a worker never finds its tap full");
            host.now += 20;
        }
        host.turn();
    }
    cable.hold(false);
    let is_told = |said: &FromRecorder| matches!(said, FromRecorder::Status(one) if one.dropped_packets > 0);
    while !host.said.iter().any(is_told) {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
        let (value, bytes) = host.feed.packet(SOUND, host.now, &long, true);
        assert!(host.tap.offer(&value, &bytes));
        host.now += 20;
        host.turn();
    }
    host.stop_recording();
    host.until("the recording is complete", is_ended);
    let manifest = manifest(folder.path());
    assert_eq!(manifest.files.len(), 1, "the connection held");
    let sounds =
        frames(folder.path(), "41-camera-1.webm").into_iter().filter(|frame| frame.2[0] == 0x78).count();
    assert_eq!(sounds as u64 + manifest.dropped_packets, host.feed.sent[0]);
}

#[test]
fn a_value_that_must_arrive_and_cannot_begins_the_connection_anew() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::begin(folder.path());
    let cable = Cable::to(recorder.address);
    let mut host = Host::begin(cable.address, 64 << 10);
    host.until_connected();
    host.start_recording();
    host.play(1_000);
    cable.hold(true);
    let began = Instant::now();
    while host.forwarder.is_connected() {
        assert!(began.elapsed() < PATIENCE);
        for _ in 0..1_000 {
            assert!(host.tap.offer(&Tapped::Restarted { track: PICTURE, layer: 0 }, &[]));
        }
        host.turn();
    }
    cable.hold(false);
    host.said.clear();
    host.play_until("the recorder asks again", |said| *said == FromRecorder::Ready);
}

fn offload(address: SocketAddr, secret: Secret) -> Offload {
    Offload { address: address.to_string(), secret }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn strangers_are_not_let_in_and_those_who_should_be_still_are() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::begin(folder.path());
    let mut strangers = Vec::new();
    for _ in 0..15 {
        let mut stranger = TcpStream::connect(recorder.address).unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        strangers.push(stranger);
    }
    let told = |secret| runtime().block_on(probe(&offload(recorder.address, secret)));
    let why = told(Secret::of("another secret, which is as long as one must be")).unwrap_err();
    assert!(why.contains("has another secret; put the same into the secret files"), "{why}");
    assert_eq!(told(secret()), Ok(()));
    let nobody = Recorder::begin(folder.path());
    let address = nobody.address;
    { nobody }.end();
    let why = runtime().block_on(probe(&offload(address, secret()))).unwrap_err();
    assert!(why.contains("volley recorder --listen"), "{why}");
}

#[test]
fn a_second_media_host_is_refused_and_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::begin(folder.path());
    let mut host = Host::begin(recorder.address, ROOMY);
    host.until_connected();
    let hello = Hello { unix_nanos_at_zero: 0, workers: 1, is_probe: false };
    let second = Line::begin(offload(recorder.address, secret()), hello).unwrap();
    let began = Instant::now();
    while second.failing().is_none() {
        assert!(began.elapsed() < PATIENCE && second.next_link().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(second.failing().unwrap().contains("another media host is recorded here"));
    assert_eq!(
        runtime().block_on(probe(&offload(recorder.address, secret()))),
        Ok(()),
        "asking does no harm"
    );
}

#[test]
fn another_version_is_told_of_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::begin(folder.path());
    let answer = runtime().block_on(async {
        let stream = tokio::net::TcpStream::connect(recorder.address).await.unwrap();
        let connector = TlsConnector::from(Arc::new(tls::client(&secret()).unwrap()));
        let mut stream = connector.connect(ServerName::try_from("recorder").unwrap(), stream).await.unwrap();
        say(&mut stream, &Frame::Hello(&[99, 0, 98, 0])).await.unwrap();
        hear(&mut stream).await.unwrap()
    });
    let Ok(Some((Frame::Refusal(why), _))) = super::frame::split(&answer) else { panic!("{answer:?}") };
    assert!(why.contains("speaks version 99.98") && why.contains("install the same Volley on both"), "{why}");
}

/// Each side finds out by itself, whichever looks first.
#[test]
fn a_wrong_secret_is_found_by_both_sides() {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let wrong = Secret::of("another secret, which is as long as one must be");
    let connector = TlsConnector::from(Arc::new(tls::client(&wrong).unwrap()));
    let acceptor = TlsAcceptor::from(Arc::new(tls::server(&secret()).unwrap()));
    let (client, server) = runtime().block_on(async {
        let name = ServerName::try_from("recorder").unwrap();
        tokio::join!(connector.connect(name, ours), acceptor.accept(theirs))
    });
    assert!(tls::is_other_secret(&client.unwrap_err()));
    assert!(tls::is_other_secret(&server.unwrap_err()));
}

#[test]
fn while_nobody_is_there_signaling_is_told_so_and_gets_answers() {
    let folder = tempfile::tempdir().unwrap();
    let mut gone = Recorder::begin(folder.path());
    gone.end();
    let mut host = Host::begin(gone.address, ROOMY);
    host.start_recording();
    // The forwarder asks by itself what is recorded, so that it can say that it is not.
    host.now = 1_000;
    host.turn();
    let is_failing = |said: &FromRecorder| matches!(said, FromRecorder::Status(one) if one.failure.is_some());
    host.play_until("signaling is told", is_failing);
    let question = Question::List { room_id: String::from("room"), before: None, limit: 1 };
    let Answer::Away { why } = host.ask(3, question) else { panic!("there is somebody") };
    assert!(why.contains("cannot be reached"), "{why}");
}
