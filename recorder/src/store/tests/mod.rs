//! Recordings that reach a store which fails in every way, is away, and is met again after a restart.

mod double;

use super::*;
use crate::fixture;
use crate::manifest::{File, State};
use aws_lc_rs::digest;
use double::{Double, Fault};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Instant;

/// Three parts.
const LONG: usize = 12 << 20;

/// A machine on which everything takes long needs no more.
const WITHIN: Duration = Duration::from_secs(120);

struct Bench {
    root: tempfile::TempDir,
    double: Double,
    store: Store,
    manifest: Manifest,
    keeps_local: bool,
}

fn name() -> Name {
    fixture::name("rec-1")
}

/// Bytes that differ from place to place.
fn content(length: usize) -> Vec<u8> {
    (0..length as u32)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .take(length)
        .collect()
}

fn sum(content: &[u8]) -> String {
    let sum = digest::digest(&digest::SHA256, content);
    sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn file(name: &str, bytes: usize) -> File {
    File { bytes: bytes as u64, ..fixture::file(name) }
}

impl Bench {
    fn new(keeps_local: bool) -> Bench {
        let (root, double) = (tempfile::tempdir().unwrap(), Double::start());
        let store = start(&root, &double, keeps_local);
        Bench { root, double, store, manifest: fixture::manifest(), keeps_local }
    }

    fn folder(&self) -> Folder {
        Folder::new(self.root.path())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.root.path().join("rec-1").join(file)
    }

    /// A file of which so much is known.
    fn write(&mut self, name_of: &str, content: &[u8], known: usize) {
        self.folder().make(&name()).unwrap();
        std::fs::write(self.path(name_of), content).unwrap();
        self.manifest.files.retain(|file| file.name != name_of);
        self.manifest.files.push(file(name_of, known));
        self.save();
        self.store.saw(&name(), &self.manifest);
    }

    fn save(&self) {
        self.manifest.save(&self.folder().open(&name()).unwrap()).unwrap();
    }

    fn close(&mut self) {
        self.manifest.state = State::Complete;
        for file in &mut self.manifest.files {
            file.is_finished = true;
        }
        self.save();
        self.store.closed(&name(), &self.manifest);
    }

    fn restart(&mut self) {
        self.store.end();
        self.store = start(&self.root, &self.double, self.keeps_local);
    }

    fn until(&self, what: &str, is_so: impl Fn(&Bench) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < WITHIN, "{what}: {:?}", self.store.figures());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn until_uploaded(&self) -> Manifest {
        let is_said = |bench: &Bench| matches!(bench.store.next_said(), Some(FromRecorder::Uploaded { room_id, .. }) if room_id == "room");
        self.until("it is in the store", is_said);
        Manifest::load(&self.folder().open(&name()).unwrap()).unwrap()
    }

    fn has_noted(&self, what: &str) -> bool {
        std::fs::read_to_string(self.path("upload.log")).is_ok_and(|log| log.contains(what))
    }

    fn has_object(&self, name_of: &str, content: &[u8]) {
        let inside = self.double.inside();
        let (found, _) = &inside.objects[&format!("calls/rec-1/{name_of}")];
        assert!(
            *found == content,
            "{name_of} has {} bytes and not the {} that it should",
            found.len(),
            content.len()
        );
    }
}

fn start(root: &tempfile::TempDir, double: &Double, keeps_local: bool) -> Store {
    let credentials = Credentials::of(|name| name.starts_with("AWS_").then(|| "secret".to_owned()));
    Store::start_with(Folder::new(root.path()), settings(double, keeps_local), credentials).unwrap()
}

fn settings(double: &Double, keeps_local: bool) -> StoreSettings {
    StoreSettings {
        endpoint: Some(format!("http://{}", double.address)),
        region: "us-east-1".to_owned(),
        bucket: "bucket".to_owned(),
        is_path_style: true,
        prefix: "calls/".to_owned(),
        cache_control: "public".to_owned(),
        keeps_local,
        spool_bytes: LONG as u64,
    }
}

#[test]
fn a_file_goes_up_while_it_grows_and_is_whole_with_its_manifest_when_all_is_over() {
    let mut bench = Bench::new(true);
    let mut long = content(LONG);
    bench.write("41-camera-1.webm", &long, LONG);
    bench.until("a part is there before the end", |bench| bench.double.inside().parts_taken == 1);
    bench.until("that is told", |bench| bench.store.progress(&name()).state == UploadState::Uploading);
    // Its end fills in its beginning, and adds an index.
    long[..100].fill(7);
    long.extend([9; 1_000]);
    bench.write("42-camera-1.mkv", b"short", 5);
    bench.write("41-camera-1.webm", &long, long.len());
    bench.close();
    let manifest = bench.until_uploaded();
    bench.has_object("41-camera-1.webm", &long);
    bench.has_object("42-camera-1.mkv", b"short");
    let done = |file: &File| {
        file.upload.as_ref().is_some_and(|upload| upload.state == UploadState::Done && upload.is_local)
    };
    assert!(manifest.upload == Some(UploadState::Done) && manifest.files.iter().all(done));
    let inside = bench.double.inside();
    assert!(inside.uploads.is_empty());
    let header = |file: &str, name: &str| inside.objects[&format!("calls/rec-1/{file}")].1[name].clone();
    assert_eq!(header("41-camera-1.webm", "content-type"), "video/webm");
    assert_eq!(header("42-camera-1.mkv", "content-type"), "video/x-matroska");
    assert_eq!(header("41-camera-1.webm", "cache-control"), "public");
    assert_eq!(header("manifest.json", "cache-control"), "no-cache");
    let stored: Manifest = serde_json::from_slice(&inside.objects["calls/rec-1/manifest.json"].0).unwrap();
    assert_eq!((stored.upload, stored.files.len()), (Some(UploadState::Done), 2));
}

#[test]
fn whatever_fails_is_done_again_and_leaves_nothing_behind() {
    let mut bench = Bench::new(true);
    let faults = [Fault::AnswerLost, Fault::Unavailable, Fault::Reset];
    bench.double.inside().faults.extend(faults.iter().cycle().take(7));
    let long = content(LONG);
    bench.write("41-camera-1.webm", &long, LONG);
    bench.close();
    bench.until_uploaded();
    bench.has_object("41-camera-1.webm", &long);
    assert!(bench.double.inside().uploads.is_empty(), "no parts are left");
    assert!(bench.store.figures().failures >= 3);
}

#[test]
fn an_answer_to_the_last_request_that_is_lost_is_no_harm() {
    let mut bench = Bench::new(true);
    let long = content(LONG);
    bench.write("41-camera-1.webm", &long, LONG);
    bench.until("a part is there", |bench| bench.double.inside().parts_taken == 1);
    bench.close();
    bench.until("all parts are there", |bench| bench.double.inside().parts_taken == 3);
    bench.double.inside().faults.push_back(Fault::AnswerLost);
    bench.until_uploaded();
    bench.has_object("41-camera-1.webm", &long);
}

#[test]
fn after_a_restart_it_goes_on_where_it_was() {
    let mut bench = Bench::new(true);
    let long = content(LONG);
    bench.write("41-camera-1.webm", &long, LONG);
    bench.until("a part is noted", |bench| bench.has_noted("\"number\":2"));
    bench.double.inside().is_away = true;
    bench.restart();
    bench.close();
    bench.until("it fails", |bench| bench.store.figures().failing.is_some());
    bench.double.inside().is_away = false;
    bench.until_uploaded();
    bench.has_object("41-camera-1.webm", &long);
    assert_eq!(bench.double.inside().parts_taken, 3, "the second part goes up once");
    bench.until("nothing fails", |bench| bench.store.figures().failing.is_none());
}

#[test]
fn a_manifest_says_that_all_is_in_the_store_also_after_a_kill_before_that_was_told() {
    let mut bench = Bench::new(true);
    bench.write("41-camera-1.webm", b"short", 5);
    bench.close();
    let manifest = bench.until_uploaded();
    assert!(bench.path("uploaded.untold").exists(), "nobody has noted it");
    bench.manifest = Manifest { upload: Some(UploadState::Uploading), ..manifest };
    bench.save();
    bench.restart();
    bench.store.until_resumed();
    let manifest = Manifest::load(&bench.folder().open(&name()).unwrap()).unwrap();
    assert_eq!(manifest.upload, Some(UploadState::Done));
}

/// What a variable says where there are no keys but those in a file.
fn keys_in_a_file(name: &str) -> Option<String> {
    static FILE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FILE.get_or_init(|| tempfile::tempdir().unwrap());
    match name {
        "AWS_SHARED_CREDENTIALS_FILE" => Some(folder.path().join("credentials").to_str()?.to_owned()),
        "AWS_EC2_METADATA_DISABLED" => Some("true".to_owned()),
        _ => None,
    }
}

#[test]
fn as_long_as_there_are_no_keys_it_is_said_to_fail_and_no_longer() {
    let mut bench = Bench::new(true);
    bench.store.end();
    let settings = settings(&bench.double, true);
    bench.store = Store::start_with(bench.folder(), settings, Credentials::of(keys_in_a_file)).unwrap();
    bench.write("41-camera-1.webm", b"short", 5);
    bench.close();
    bench.until("it fails", |bench| bench.store.figures().failing.is_some());
    let keys = "[default]\naws_access_key_id = one\naws_secret_access_key = two\n";
    std::fs::write(keys_in_a_file("AWS_SHARED_CREDENTIALS_FILE").unwrap(), keys).unwrap();
    bench.until_uploaded();
    bench.until("nothing fails", |bench| bench.store.figures().failing.is_none());
}

#[test]
fn between_two_looks_for_keys_it_fails_as_well_as_long_as_something_waits() {
    let (root, double) = (tempfile::tempdir().unwrap(), Double::start());
    let (folder, settings) = (Folder::new(root.path()), settings(&double, true));
    let store = Store::idle(&settings);
    let parts = (store.clone(), Credentials::of(|_| None));
    let mut uploader = uploader::Uploader::new(folder.clone(), settings, parts).unwrap();
    folder.make(&name()).unwrap();
    uploader.works.insert(name(), work::Work::open(&folder.open(&name()).unwrap()).unwrap());
    (uploader.failing, uploader.locked_until) = (Some("no keys".to_owned()), Some(Instant::now()));
    uploader.tell();
    assert_eq!(store.figures().failing.as_deref(), Some("no keys"), "the next look is due, and has not come");
    uploader.works.clear();
    uploader.tell();
    assert_eq!(store.figures().failing, None, "what waited was taken away");
}

#[test]
fn a_part_that_is_not_what_the_file_holds_after_a_restart_goes_up_again() {
    let mut bench = Bench::new(true);
    let mut long = content(LONG);
    bench.write("41-camera-1.webm", &long, LONG);
    bench.until("a part is noted", |bench| bench.has_noted("\"number\":2"));
    bench.double.inside().is_away = true;
    bench.store.end();
    // Power was lost, and with it what had not reached the disk.
    long.truncate(9 << 20);
    long[6 << 20..].fill(1);
    bench.restart();
    bench.write("41-camera-1.webm", &long, long.len());
    bench.close();
    bench.double.inside().is_away = false;
    bench.until_uploaded();
    bench.has_object("41-camera-1.webm", &long);
}

/// A recorder that died goes on with the recording in new files, and mends the last one when all is over.
#[test]
fn a_file_that_is_mended_in_the_middle_of_a_part_that_had_gone_up_is_stored_as_it_is_then() {
    const PART: usize = 5 << 20;
    let mut bench = Bench::new(true);
    let mut long = content(3 * PART + 1_000);
    bench.write("41-camera-1.webm", &long, 2 * PART);
    bench.until("a part is noted", |bench| bench.has_noted("\"number\":2"));
    bench.restart();
    // What was noted before is compared first, and is what the file holds.
    bench.write("41-camera-1.webm", &long, long.len());
    bench.until("another part is noted", |bench| bench.has_noted("\"number\":3"));
    assert_eq!(bench.double.inside().parts_taken, 2);
    // Its last cluster was not whole: an index stands there now.
    long.truncate(3 * PART - 100);
    long.extend([9; 5_000]);
    long[..100].fill(7);
    std::fs::write(bench.path("41-camera-1.webm"), &long).unwrap();
    let file = &mut bench.manifest.files[0];
    (file.bytes, file.sha256) = (long.len() as u64, Some(sum(&long)));
    bench.close();
    bench.until_uploaded();
    bench.has_object("41-camera-1.webm", &long);
    assert_eq!(
        bench.double.inside().parts_taken,
        5,
        "one goes up again, the first and the last for the first time"
    );
}

#[test]
fn what_is_in_the_store_leaves_this_machine_when_it_is_not_to_stay_and_the_spool_is_bounded() {
    let mut bench = Bench::new(false);
    bench.double.inside().is_away = true;
    let long = content(LONG);
    bench.write("41-camera-1.webm", &long, LONG);
    bench.until("the spool is full", |bench| bench.store.refusal().is_some());
    bench.double.inside().is_away = false;
    bench.manifest.files[0].is_finished = true;
    bench.store.saw(&name(), &bench.manifest);
    bench.until("the file is gone", |bench| !bench.path("41-camera-1.webm").exists());
    bench.until("there is room again", |bench| bench.store.refusal().is_none());
    let mut marked = bench.manifest.clone();
    bench.store.mark(&name(), &mut marked);
    assert_eq!(marked.files[0].sha256.as_ref().map(String::len), Some(64));
    bench.close();
    let manifest = bench.until_uploaded();
    assert!(manifest.files[0].upload.as_ref().is_some_and(|upload| !upload.is_local));
    bench.has_object("41-camera-1.webm", &long);
}

#[test]
fn a_recording_that_is_deleted_leaves_the_store_too_whatever_was_under_way() {
    let mut bench = Bench::new(true);
    bench.write("41-camera-1.webm", &content(LONG), LONG);
    bench.write("42-camera-1.webm", b"short", 5);
    bench.manifest.files[1].is_finished = true;
    bench.save();
    bench.store.saw(&name(), &bench.manifest);
    bench.until("one is there, and a part of the other", |bench| {
        let inside = bench.double.inside();
        inside.objects.len() == 1 && inside.parts_taken == 1
    });
    bench.folder().remove(&name(), Some(&kept_on_removal())).unwrap();
    bench.until("nothing is left", |bench| {
        let inside = bench.double.inside();
        inside.objects.is_empty() && inside.uploads.is_empty() && bench.folder().removed().unwrap().is_empty()
    });
    assert_eq!(std::fs::read_dir(bench.root.path()).unwrap().count(), 0);
}

#[test]
fn an_upload_that_nobody_noted_is_given_up_at_the_next_start() {
    let mut bench = Bench::new(true);
    bench.double.inside().faults.push_back(Fault::AnswerLost);
    bench.write("41-camera-1.webm", &content(LONG), LONG);
    bench.until("it has begun", |bench| bench.double.inside().uploads.len() == 1);
    bench.restart();
    bench.close();
    bench.until_uploaded();
    assert!(bench.double.inside().uploads.is_empty());
}
