//! Precedence, mistakes, reloading, and the files we ship.

use super::*;
use serde_json::json;
use std::path::Path;
use volley_recorder::settings::Segments;
use volley_signaling::settings::{RecordingSettings, Settings};

fn file(name: &str, text: &str) -> Sources {
    Sources { files: vec![(name.to_owned(), text.to_owned())], ..Sources::default() }
}

fn variable(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn mistakes(sources: &Sources) -> Vec<String> {
    Config::build(sources).expect_err("there are mistakes").0
}

fn shipped(name: &str) -> (String, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(name);
    (name.to_owned(), std::fs::read_to_string(&path).unwrap())
}

#[test]
fn every_default_is_allowed_and_every_type_can_hold_it() {
    let config = Config::build(&Sources::default()).unwrap();
    let recording = RecordingSettings {
        path: "recordings".into(),
        video_bitrate: 2_500_000,
        segments: Segments::default(),
        has_store: false,
        offload: None,
    };
    assert_eq!(config.signaling(), Settings { recording: Some(recording), ..Settings::default() });
    let variables = vec![variable("VOLLEY_RECORDING__ENABLED", "false")];
    let off = Config::build(&Sources { variables, ..Sources::default() }).unwrap();
    assert_eq!(off.signaling(), Settings::default());
}

#[test]
fn it_is_told_where_whoever_reaches_the_server_may_record() {
    let told = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, value)| variable(name, value)).collect();
        Config::build(&Sources { variables, ..Sources::default() }).unwrap().open_recordings()
    };
    let secret = "0123456789abcdef0123456789abcdef";
    let text = told(&[]).expect("nothing is configured");
    assert!(text.contains("security.require_auth") && text.contains("VOLLEY_RECORDING__ENABLED=false"));
    let proxied = [("VOLLEY_HOST", "127.0.0.1"), ("VOLLEY_SECURITY__TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#)];
    assert!(told(&proxied).is_some(), "others reach it by way of that");
    assert!(told(&[("VOLLEY_HOST", "192.0.2.7")]).is_some() && told(&[("VOLLEY_HOST", "::")]).is_some());
    for closed in [
        &[("VOLLEY_HOST", "127.0.0.1")][..],
        &[("VOLLEY_HOST", "::1")],
        &[("VOLLEY_RECORDING__ENABLED", "false")],
        &[("VOLLEY_SECURITY__REQUIRE_AUTH", "true"), ("VOLLEY_SECURITY__TOKEN_SECRETS", secret)],
    ] {
        assert_eq!(told(closed), None, "{closed:?}");
    }
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_a_file_and_that_before_the_default() {
    let mut sources = Sources::default();
    let expect = |sources: &Sources, port: u16, origin: &str| {
        let config = Config::build(sources).unwrap();
        assert_eq!(config.get::<u16>("server.port"), port);
        assert_eq!(config.setting("server.port").origin.to_string(), origin);
    };
    expect(&sources, 8080, "default");
    sources.files.push((String::from("webrtc.yaml"), String::from("server:\n  port: 1\n")));
    expect(&sources, 1, "webrtc.yaml:2");
    sources.variables.push(variable("VOLLEY_SERVER__PORT", "2"));
    expect(&sources, 2, "VOLLEY_SERVER__PORT");
    sources.variables.push(variable("VOLLEY_PORT", "3"));
    expect(&sources, 3, "VOLLEY_PORT");
    sources.flags.push(("port", String::from("4")));
    expect(&sources, 4, "--port");
}

#[test]
fn the_level_of_logs_is_found_under_the_name_that_everybody_uses() {
    let mut sources = Sources { variables: vec![variable("LOG_LEVEL", "debug")], ..Sources::default() };
    assert_eq!(Config::build(&sources).unwrap().get::<String>("server.log_level"), "debug");
    sources.variables.push(variable("VOLLEY_LOG_LEVEL", "trace"));
    assert_eq!(Config::build(&sources).unwrap().get::<String>("server.log_level"), "trace");
}

#[test]
fn an_empty_variable_and_a_key_without_a_value_say_nothing() {
    let mut sources = file("webrtc.yaml", "server:\n  port:\nwebrtc:\n");
    sources.variables.push(variable("VOLLEY_SERVER__HOST", ""));
    let config = Config::build(&sources).unwrap();
    assert!(config.0.iter().all(|setting| setting.origin == Origin::Default));
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_nearest_one() {
    let told = |text| mistakes(&file("config/webrtc.yaml", text));
    assert_eq!(
        told("webrtc:\n  nack: true\n  max_bitrat: 7\n"),
        ["config/webrtc.yaml:3: there is no key webrtc.max_bitrat; the nearest is webrtc.max_bitrate"]
    );
    assert_eq!(
        told("sever:\n  port: 1\n"),
        ["config/webrtc.yaml:1: there is no key sever; the nearest is server"]
    );
    assert_eq!(
        told("server:\n  max_rooms: 1\n"),
        ["config/webrtc.yaml:2: there is no key server.max_rooms; the nearest is rooms.max_rooms"]
    );
}

#[test]
fn an_unknown_variable_is_told_with_the_nearest_one() {
    let variables = vec![variable("VOLLEY_WEBRTC__MAX_BITRAT", "7"), variable("VOLLEY_BIN", "/x")];
    assert_eq!(
        mistakes(&Sources { variables, ..Sources::default() }),
        ["there is no variable VOLLEY_WEBRTC__MAX_BITRAT; the nearest is VOLLEY_WEBRTC__MAX_BITRATE"]
    );
}

#[test]
fn a_mistyped_short_variable_is_told_with_the_nearest_one() {
    let mistyped = ["VOLLEY_ANNOUCE", "VOLLEY_MAX_ROOM", "VOLLEY_UDPPORT"];
    let variables = mistyped.map(|name| variable(name, "7")).into();
    assert_eq!(
        mistakes(&Sources { variables, ..Sources::default() }),
        [
            "there is no variable VOLLEY_ANNOUCE; the nearest is VOLLEY_ANNOUNCE",
            "there is no variable VOLLEY_MAX_ROOM; the nearest is VOLLEY_MAX_ROOMS",
            "there is no variable VOLLEY_UDPPORT; the nearest is VOLLEY_UDP_PORT",
        ]
    );
}

#[test]
fn an_offload_without_its_secret_is_told_before_the_start() {
    let told = mistakes(&file("webrtc.yaml", "recording: { offload: '10.0.0.9:9300' }"));
    assert!(told.len() == 1 && told[0].contains("recording.offload_secret_file names no file"), "{told:?}");
    let told = mistakes(&file("webrtc.yaml", "recording: { offload: somewhere }"));
    assert_eq!(
        told,
        [
            "webrtc.yaml:1: recording.offload is \"somewhere\"; allowed is HOST:PORT, such as 10.0.0.9:9300, or nothing"
        ]
    );
}

#[test]
fn a_wrong_value_is_told_with_what_is_allowed_wherever_it_stands() {
    let mut sources = file("webrtc.yaml", "webrtc:\n  dtx: maybe\nrooms:\n  max_rooms: 0\nserver: 8080\n");
    sources.variables.push(variable("VOLLEY_PORT", "http"));
    sources.flags.push(("workers", String::from("0")));
    assert_eq!(
        mistakes(&sources),
        [
            "webrtc.yaml:2: webrtc.dtx is \"maybe\"; allowed is true or false",
            "webrtc.yaml:4: rooms.max_rooms is 0; allowed is a whole number from 1 to 4294967295",
            "webrtc.yaml:5: server is 8080; allowed are keys with values below it",
            "VOLLEY_PORT: \"http\" is not allowed; allowed is a whole number from 0 to 65535",
            "--workers: \"0\" is not allowed; allowed is auto or a whole number from 1 to 1024",
        ]
    );
}

#[test]
fn a_file_that_is_no_yaml_says_where() {
    let told = mistakes(&file("webrtc.yaml", "server:\n  port: [1\nwebrtc: {}\n"));
    assert!(told.len() == 1 && told[0].starts_with("webrtc.yaml:"), "{told:?}");
}

#[test]
fn a_key_in_both_files_is_a_mistake() {
    let mut sources = file("webrtc.yaml", "webrtc: { dtx: true }");
    sources.files.push((String::from("media.yaml"), String::from("webrtc: { dtx: false }")));
    assert_eq!(
        mistakes(&sources),
        ["media.yaml:1: webrtc.dtx stands in webrtc.yaml:1 already; keep one of them"]
    );
}

#[test]
fn bitrates_that_contradict_each_other_are_told_together() {
    let told = mistakes(&file("webrtc.yaml", "webrtc: { min_bitrate: 300000, max_bitrate: 200000 }"));
    assert!(told.len() == 1 && told[0].contains("300000") && told[0].contains("200000"), "{told:?}");
}

#[test]
fn a_certificate_is_either_given_or_fetched() {
    let told = mistakes(&file(
        "webrtc.yaml",
        "tls: { certificate: c.pem, key: k.pem, acme: { domains: [sfu.example.org], folder: '' } }",
    ));
    assert_eq!(
        told,
        [
            "tls.acme.domains (webrtc.yaml:1) fetches a certificate, and tls.certificate names one; keep one of them",
            "tls.acme.domains is set (webrtc.yaml:1), and tls.acme.folder is empty",
        ]
    );
}

#[test]
fn the_files_we_ship_name_every_key_and_change_nothing() {
    let files = vec![shipped("webrtc.example.yaml"), shipped("media.example.yaml")];
    let config = Config::build(&Sources { files, ..Sources::default() }).unwrap();
    let defaults = Config::build(&Sources::default()).unwrap();
    for (setting, default) in config.0.iter().zip(&defaults.0) {
        assert_eq!(setting.value, default.value, "{}", setting.key.path);
        assert_ne!(setting.origin, Origin::Default, "{} is in neither file", setting.key.path);
    }
}

#[test]
fn the_readme_lists_every_key_that_does_nothing() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let idle = KEYS.iter().filter(|key| matches!(key.effect, Effect::Never(_)));
    for key in idle {
        assert!(readme.contains(&format!("`{}`", key.path)), "{} is not in the README", key.path);
    }
}

#[test]
fn the_users_own_sample_is_understood() {
    let sample = "
server:   { host: \"0.0.0.0\", port: 8080 }
webrtc:
  ice_servers: [ { urls: [\"stun:stun.example.org:3478\"] } ]
  max_bitrate: 5000000
rooms:     { max_rooms: 1000, max_participants: 100, auto_create: true, idle_timeout: 3600 }
recording: { enabled: true, path: \"recordings\", format: \"webm\", video_bitrate: 2500000, audio_bitrate: 128000,
             s3_upload: false, s3_bucket: \"recordings\", s3_region: \"us-east-1\" }
performance: { worker_threads: 8, hardware_acceleration: true, garbage_collection_interval: 60 }
video: { codecs: [ { name: \"VP8\", priority: 100 }, { name: \"H264\", priority: 80 } ] }
";
    let config = Config::build(&file("webrtc.yaml", sample)).unwrap();
    assert_eq!(config.number::<u16>("performance.worker_threads"), Some(8));
    assert_eq!(config.setting("video.codecs").value[1], json!({"name": "H264", "priority": 80}));
    let defaults = Config::build(&Sources::default()).unwrap();
    let recording = |config: &Config| {
        let own = config.0.iter().filter(|setting| setting.key.path.starts_with("recording."));
        own.map(|setting| setting.value.clone()).collect::<Vec<_>>()
    };
    assert_eq!(recording(&config), recording(&defaults), "what was promised of recordings is the default");
}

#[test]
fn a_reload_takes_what_may_change_and_names_what_must_wait() {
    let mut config =
        Config::build(&file("webrtc.yaml", "rooms: { max_rooms: 5 }\nserver: { port: 1 }")).unwrap();
    let newer = Config::build(&file("webrtc.yaml", "rooms: { max_rooms: 6 }\nserver: { port: 2 }")).unwrap();
    let reload = config.adopt(newer);
    assert_eq!((reload.changed, reload.at_next_start), (vec!["rooms.max_rooms"], vec!["server.port"]));
    assert_eq!(config.signaling().max_rooms, 6);
    assert_eq!(config.get::<u16>("server.port"), 1);
}

#[test]
fn a_check_shows_values_and_origins_but_no_credentials() {
    let text = "webrtc:\n  ice_servers: [{urls: 'turn:t.example', username: u, credential: hunter2}, \
                {urls: 'turn:t.example', secret: hunter2}]\n";
    let described = Config::build(&file("webrtc.yaml", text)).unwrap().describe();
    let line = |key: &str| described.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(line("webrtc.ice_servers").ends_with("webrtc.yaml:2"), "{described}");
    assert!(!described.contains("hunter2"));
    assert!(line("server.port").contains("8080") && line("server.port").ends_with("default"));
    assert!(line("recording.audio_bitrate").ends_with("no effect"));
}

#[test]
fn a_check_says_when_the_control_group_leaves_less_memory_than_is_configured() {
    let config = configured_memory("8192");
    assert_eq!(config.memory_of_group(None), None);
    assert_eq!(config.memory_of_group(Some(9_000_000_000)), None);
    let told = config.memory_of_group(Some(1_932_735_200)).unwrap();
    assert!(told.starts_with("performance.max_memory_total: not 8192 but 1932 hold"), "{told}");
    assert_eq!(configured_memory("1000").memory_of_group(Some(1_932_735_200)), None);
}

#[test]
fn a_quota_that_workers_can_use_up_is_told_and_so_is_one_that_auto_heeds() {
    let configured = |workers: &str| {
        let text = format!("performance: {{ worker_threads: {workers} }}");
        Config::build(&file("webrtc.yaml", &text)).unwrap()
    };
    let told = configured("4").quota_of_group(Some(1.5), 8).unwrap();
    assert!(
        told.starts_with("performance.worker_threads: 4 where this control group has the time of 1.50 cores"),
        "{told}"
    );
    assert!(configured("auto").quota_of_group(Some(0.5), 8).unwrap().contains("stands still"));
    assert_eq!(configured("1").quota_of_group(Some(1.5), 8), None);
    assert_eq!(configured("4").quota_of_group(Some(8.0), 8), None, "it holds nothing back");
    assert_eq!(configured("4").quota_of_group(None, 8), None);
    // More than any machine that runs this test has.
    let told = configured("auto").quota_of_group(Some(9_999.5), 10_000).unwrap();
    assert!(told.contains("auto is") && told.contains("of 10000 cores"), "{told}");
}

fn configured_memory(megabytes: &str) -> Config {
    let text = format!("performance: {{ max_memory_total: {megabytes} }}");
    Config::build(&file("webrtc.yaml", &text)).unwrap()
}
