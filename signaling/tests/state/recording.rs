//! What is recorded: who is told, when it ends, and that it goes on whoever comes back.

use crate::common::{Lab, config, names, tracks};
use serde_json::json;
use std::time::Duration;
use volley::base::TrackId;
use volley::control::Command;
use volley_recorder::desk::{FromRecorder, Person, Progress, ToRecorder, UploadProgress};
use volley_recorder::manifest::UploadState;
use volley_recorder::settings::Segments;
use volley_signaling::access::{Claims, Grant, sign, unix_now};
use volley_signaling::protocol::{MediaPath, Recordable, RoomMode, ServerMessage};
use volley_signaling::settings::{RecordingSettings, Settings};
use volley_signaling::state::{Config, RecordingRefusal};
use volley_signaling::store::MemoryStore;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(crate) fn recording_config() -> Config {
    let recording = RecordingSettings {
        path: "recordings".into(),
        video_bitrate: 900_000,
        segments: Segments { lasting: Some(Duration::from_secs(600)), bytes: None },
        has_store: false,
        offload: None,
    };
    Config { settings: Settings { recording: Some(recording), ..config().settings }, ..config() }
}

fn lab() -> Lab {
    Lab::after(MemoryStore::default(), recording_config())
}

fn start(lab: &mut Lab) -> String {
    let started = lab.state.start_recording("room").expect("it is not recorded yet");
    lab.turn();
    started.recording_id
}

fn told(lab: &mut Lab) -> Vec<ToRecorder> {
    std::mem::take(&mut lab.desk)
}

fn people(told: &[ToRecorder]) -> Vec<&Person> {
    told.iter()
        .filter_map(|message| match message {
            ToRecorder::Person { person, .. } => Some(person),
            _ => None,
        })
        .collect()
}

/// What the workers were told to hand over, and what no longer.
fn recorded(lab: &mut Lab) -> (Vec<TrackId>, Vec<TrackId>) {
    let commands = lab.commands();
    let of = |wanted: bool| {
        let tracks = commands.iter().filter_map(move |command| match command {
            Command::Record { track, most_bps } if most_bps.is_some() == wanted => Some(*track),
            _ => None,
        });
        tracks.collect()
    };
    (of(true), of(false))
}

#[test]
fn everybody_is_told_and_every_track_is_handed_over() {
    let mut lab = lab();
    let page = lab.call(1, "chromium-example-client");
    let published: Vec<TrackId> = tracks(&lab.commands()).iter().map(|track| track.track).collect();
    told(&mut lab);
    lab.heard(page.socket);
    let id = start(&mut lab);
    assert_eq!(recorded(&mut lab), (published.clone(), vec![]));
    let said = told(&mut lab);
    assert!(
        matches!(&said[0], ToRecorder::Record { recording_id, room_id, .. } if *recording_id == id && room_id == "room")
    );
    let told_of: Vec<u64> = people(&said)[0].tracks.iter().map(|track| track.track_id).collect();
    assert_eq!(told_of, published.iter().map(|track| track.0).collect::<Vec<_>>());
    assert!(
        matches!(&lab.heard(page.socket)[..], [ServerMessage::RecordingStarted { recording_id, .. }] if *recording_id == id)
    );

    lab.state.stop_recording("room").unwrap();
    lab.turn();
    assert_eq!(recorded(&mut lab), (vec![], published));
    assert!(matches!(&lab.heard(page.socket)[..], [ServerMessage::RecordingStopped { .. }]));
    assert_eq!(told(&mut lab), [ToRecorder::Stop { recording_id: id }]);
}

#[test]
fn another_rate_holds_for_what_is_recorded_already() {
    let mut lab = lab();
    lab.call(1, "chromium-example-client");
    start(&mut lab);
    let (published, _) = recorded(&mut lab);
    let reload = |lab: &mut Lab, video_bitrate| {
        let mut settings = recording_config().settings;
        settings.recording.as_mut().unwrap().video_bitrate = video_bitrate;
        lab.state.reconfigure(settings);
        lab.turn();
    };
    let rates = |lab: &mut Lab| -> Vec<(TrackId, Option<u32>)> {
        let rate = |command: Command| match command {
            Command::Record { track, most_bps } => Some((track, most_bps)),
            _ => None,
        };
        lab.commands().into_iter().filter_map(rate).collect()
    };
    reload(&mut lab, 400_000);
    assert_eq!(rates(&mut lab), published.iter().map(|&track| (track, Some(400_000))).collect::<Vec<_>>());
    reload(&mut lab, 400_000);
    assert_eq!(rates(&mut lab), [], "nothing new is nothing to tell");
    lab.call(2, "chromium-example-client");
    assert!(rates(&mut lab).iter().all(|(track, rate)| !published.contains(track) && *rate == Some(400_000)));
}

#[test]
fn who_comes_later_sees_the_mark_and_is_recorded_and_who_leaves_is_gone() {
    let mut lab = lab();
    lab.call(1, "chromium-example-client");
    let id = start(&mut lab);
    let late = lab.open(2);
    lab.say(late, json!({"type":"join","roomId":"room","participantName":"late"}));
    let heard = lab.heard(late);
    assert!(
        matches!(&heard[0], ServerMessage::Joined { recording: Some(recording), .. } if *recording == id)
    );
    told(&mut lab);
    lab.commands();
    let page = lab.call(3, "chromium-example-client");
    assert_eq!(people(&told(&mut lab)).last().unwrap().tracks.len(), 2);
    let (on, _) = recorded(&mut lab);
    assert_eq!(on.len(), 2);
    lab.say(page.socket, json!({"type":"leave"}));
    let gone = ToRecorder::Gone { recording_id: id, participant_id: page.id };
    assert!(told(&mut lab).contains(&gone));
}

#[test]
fn everybody_is_told_while_a_recording_cannot_be_written() {
    let mut lab = lab();
    let page = lab.call(1, "chromium-example-client");
    let id = start(&mut lab);
    lab.heard(page.socket);
    let goes = |lab: &mut Lab, failure: Option<&str>| {
        let failure = failure.map(str::to_owned);
        let progress = Progress { recording_id: id.clone(), failure, ..Progress::default() };
        lab.state.recorder_said(FromRecorder::Status(progress));
        lab.turn();
        lab.heard(page.socket)
    };
    let is = |failing| ServerMessage::RecordingFailing { recording_id: id.clone(), failing };
    assert_eq!(goes(&mut lab, None), []);
    assert_eq!(goes(&mut lab, Some("no space left")), [is(true)]);
    assert_eq!(goes(&mut lab, Some("still none")), [], "they know");
    let late = lab.open(2);
    lab.say(late, json!({"type":"join","roomId":"room","participantName":"late"}));
    let heard = lab.heard(late);
    assert!(matches!(&heard[0], ServerMessage::Joined { recording: Some(_), .. }));
    assert_eq!(heard[1], is(true));
    lab.heard(page.socket);
    assert_eq!(goes(&mut lab, None), [is(false)]);
    let later = lab.open(3);
    lab.say(later, json!({"type":"join","roomId":"room","participantName":"later"}));
    assert!(!lab.heard(later).contains(&is(false)), "a recording that goes well is no news");
    goes(&mut lab, Some("no space left"));
    lab.close(page.socket);
    goes(&mut lab, None);
    let (_, heard) = lab.resume(4, &page);
    assert!(heard.contains(&is(false)), "whoever comes back may have missed it");
}

#[test]
fn it_ends_with_the_last_person_and_can_begin_only_once() {
    let mut lab = lab();
    assert_eq!(lab.state.start_recording("room"), Err(RecordingRefusal::NoRoom));
    let page = lab.call(1, "chromium-example-client");
    assert_eq!(lab.state.stop_recording("room"), Err(RecordingRefusal::NotRecording));
    let id = start(&mut lab);
    assert_eq!(lab.state.start_recording("room"), Err(RecordingRefusal::Already));
    assert!(lab.state.is_recording(&id));
    lab.say(page.socket, json!({"type":"leave"}));
    assert_eq!(told(&mut lab).last(), Some(&ToRecorder::Stop { recording_id: id.clone() }));
    assert!(!lab.state.is_recording(&id));
    let stop = ToRecorder::Stop { recording_id: id.clone() };
    lab.state.recorder_said(FromRecorder::Ready);
    lab.turn();
    assert_eq!(
        told(&mut lab),
        [ToRecorder::Begin, ToRecorder::All, stop],
        "a recorder that was away hears of it"
    );
    lab.state.recorder_said(FromRecorder::Unclosed { recording_id: id });
    lab.state.recorder_said(FromRecorder::Ready);
    lab.turn();
    assert_eq!(told(&mut lab), [ToRecorder::Begin, ToRecorder::All]);
}

#[test]
fn files_are_cut_as_somebody_asked_and_else_as_is_configured_after_a_restart_too() {
    let mut lab = lab();
    lab.call(1, "chromium-example-client");
    let asked = Segments { lasting: None, bytes: Some(7 << 20) };
    lab.state.start_recording_in("room", asked).unwrap();
    lab.turn();
    let expected = Segments { lasting: Some(Duration::from_secs(600)), bytes: Some(7 << 20) };
    let is_told = |said: &[ToRecorder]| {
        said.iter().any(|one| matches!(one, ToRecorder::Record { segments, .. } if *segments == expected))
    };
    assert!(is_told(&told(&mut lab)));
    let mut lab = lab.kill();
    assert!(is_told(&told(&mut lab)));
}

#[test]
fn a_server_that_records_nothing_says_so() {
    let mut lab = Lab::new();
    lab.call(1, "chromium-example-client");
    assert_eq!(lab.state.start_recording("room"), Err(RecordingRefusal::Off));
    lab.turn();
    assert_eq!((told(&mut lab), names(&lab.commands()).contains(&"record")), (vec![], false));
}

#[test]
fn a_killed_signaling_process_goes_on_recording_and_says_everything_again() {
    let mut lab = lab();
    lab.call(1, "chromium-example-client");
    let id = start(&mut lab);
    let before = recorded(&mut lab).0;
    let mut lab = lab.kill();
    let said = told(&mut lab);
    assert!(matches!(said.first(), Some(ToRecorder::Begin)) && matches!(said.last(), Some(ToRecorder::All)));
    assert!(
        said.iter().any(|one| matches!(one, ToRecorder::Record { recording_id, .. } if *recording_id == id))
    );
    assert_eq!(recorded(&mut lab).0, before);
    assert!(lab.state.is_recording(&id));
}

#[test]
fn a_recorder_that_comes_back_is_told_everything() {
    let mut lab = lab();
    lab.call(1, "chromium-example-client");
    start(&mut lab);
    told(&mut lab);
    lab.state.recorder_said(FromRecorder::Ready);
    lab.turn();
    let said = told(&mut lab);
    assert_eq!(said.len(), 4, "{said:?}");
    assert_eq!(people(&said)[0].tracks.len(), 2);
}

#[test]
fn a_room_may_record_itself_unless_somebody_ends_that() {
    let mut lab = lab();
    let now = lab.now;
    let room = lab.state.create_room("Lecture", None, now).unwrap().id;
    lab.state.set_records_itself(&room, true);
    lab.turn();
    assert!(!lab.state.view_of_room(&room).unwrap().recording);
    let page = lab.join(1, &room, "one");
    assert!(!lab.state.view_of_room(&room).unwrap().recording, "nobody publishes yet");
    lab.offer(&page, &crate::common::fixture("chromium-example-client"));
    assert!(lab.state.view_of_room(&room).unwrap().recording);
    lab.state.stop_recording(&room).unwrap();
    lab.turn();
    lab.say(page.socket, json!({"type":"leave"}));
    assert!(!lab.state.view_of_room(&room).unwrap().recording);
    let page = lab.join(2, &room, "two");
    lab.offer(&page, &crate::common::fixture("chromium-example-client"));
    assert!(lab.state.view_of_room(&room).unwrap().recording, "the next time it does");
}

#[test]
fn how_it_goes_is_shown_and_webhooks_tell_of_it() {
    let to = volley_signaling::webhooks::WebhookSettings {
        url: "http://receiver".into(),
        secrets: vec!["s".into()],
        spool: None,
    };
    let mut config = recording_config();
    config.settings.webhooks = Some(to);
    let mut lab = Lab::after(MemoryStore::default(), config);
    lab.call(1, "chromium-example-client");
    let id = start(&mut lab);
    let failure = Some("no space left".to_owned());
    let progress =
        Progress { recording_id: id.clone(), bytes: 7, seconds: 3, failure, ..Progress::default() };
    lab.state.recorder_said(FromRecorder::Status(progress.clone()));
    lab.turn();
    let shown = lab.state.recording_of("room").unwrap();
    assert_eq!((shown.bytes, shown.seconds, shown.failure), (7, 3, progress.failure.clone()));
    lab.state.stop_recording("room").unwrap();
    lab.state.recorder_said(FromRecorder::Ended {
        room_id: "room".to_owned(),
        room_name: "room".to_owned(),
        progress,
        interrupted: false,
    });
    let upload =
        Some(UploadProgress { state: UploadState::Done, uploaded_bytes: 7, ..UploadProgress::default() });
    lab.state.recorder_said(FromRecorder::Uploaded {
        room_id: "room".to_owned(),
        room_name: "room".to_owned(),
        progress: Progress { recording_id: id.clone(), upload, ..Progress::default() },
    });
    lab.turn();
    let mut types = vec![];
    while !lab.deliveries.is_empty() {
        for delivery in std::mem::take(&mut lab.deliveries) {
            let body: serde_json::Value = serde_json::from_str(&delivery.body).unwrap();
            let kind = body["type"].as_str().unwrap().to_owned();
            if kind.starts_with("recording-") {
                assert_eq!(body["recording"]["recordingId"], json!(id));
                types.push(kind);
            }
            lab.state.webhook_answered((&delivery.room, delivery.number), true, lab.now);
            lab.turn();
        }
    }
    let expected = [
        "recording-started",
        "recording-failed",
        "recording-stopped",
        "recording-ready",
        "recording-uploaded",
    ];
    assert_eq!(types, expected);
}

#[test]
fn a_room_that_is_encrypted_end_to_end_is_recorded_as_it_is_and_the_recorder_knows() {
    let mut lab = lab();
    let now = lab.now;
    let room = lab.state.create_room("Sealed", None, now).unwrap().id;
    let begun = lab.state.start_recording(&room).expect("nobody encrypts yet").recording_id;
    assert!(lab.state.encrypt_room(&room));
    lab.turn();
    let ended =
        |message: &ToRecorder| matches!(message, ToRecorder::Stop { recording_id } if *recording_id == begun);
    assert!(told(&mut lab).iter().any(ended), "one recording is of one kind");
    lab.state.start_recording(&room).unwrap();
    lab.turn();
    let sealed = |message: &ToRecorder| matches!(message, ToRecorder::Record { e2ee: true, .. });
    assert!(told(&mut lab).iter().any(sealed));
}

#[test]
fn a_room_that_is_recorded_talks_by_the_server_until_that_ends() {
    let mut lab = lab();
    let now = lab.now;
    let room = lab.state.create_room("Two", None, now).unwrap().id;
    lab.state.set_mode(&room, RoomMode::Mesh);
    lab.turn();
    let sockets = [1, 2].map(|number| {
        let socket = lab.open(number);
        lab.say(socket, json!({"type":"join","roomId":room,"participantName":"somebody","mode":"mesh"}));
        socket
    });
    let paths = |lab: &mut Lab| -> Vec<MediaPath> {
        let heard = lab.heard(sockets[0]);
        let changes = heard.iter().filter_map(|message| match message {
            ServerMessage::ModeChanged { mode } => Some(*mode),
            _ => None,
        });
        changes.collect()
    };
    assert_eq!(paths(&mut lab), [MediaPath::Mesh]);
    lab.state.start_recording(&room).unwrap();
    lab.turn();
    assert_eq!(paths(&mut lab), [MediaPath::Sfu], "what does not come here cannot be recorded");
    lab.state.stop_recording(&room).unwrap();
    lab.turn();
    assert_eq!(paths(&mut lab), [MediaPath::Mesh]);
}

#[test]
fn whoever_joins_is_told_whether_they_may_record() {
    let said = |config: Config, grants: Option<&[Grant]>| {
        let mut lab = Lab::after(MemoryStore::default(), config);
        let socket = lab.open(1);
        let mut join = json!({"type":"join","roomId":"room","participantName":"one"});
        if let Some(grants) = grants {
            let exp = unix_now() + 60;
            let claims = Claims {
                sub: "one".into(),
                room: "room".into(),
                grants: grants.to_vec(),
                exp,
                iat: unix_now(),
            };
            join["token"] = json!(sign(&claims, SECRET).unwrap());
        }
        lab.say(socket, join);
        match &lab.heard(socket)[0] {
            ServerMessage::Joined { recordable, .. } => *recordable,
            other => panic!("joined was expected, not {other:?}"),
        }
    };
    let guarded = |mut config: Config| {
        config.settings.access.require_auth = true;
        config.settings.access.token_secrets = vec![SECRET.to_owned()];
        config
    };
    let all = [Grant::Publish, Grant::Subscribe, Grant::Record];
    assert_eq!(said(recording_config(), None), Recordable::Yes);
    assert_eq!(said(config(), None), Recordable::Off);
    assert_eq!(said(guarded(recording_config()), Some(&all)), Recordable::Yes);
    assert_eq!(said(guarded(recording_config()), Some(&all[..2])), Recordable::NotGranted);
}
