//! Records across processes, one of which is killed.

use super::*;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

#[test]
fn what_one_process_remembers_the_next_one_reads() {
    let mut records = Records::create(1 << 20).unwrap();
    records.put(1, 10, 1, b"a room").unwrap();
    records.put(2, 20, 4, b"").unwrap();
    records.put(1, 11, 1, b"gone soon").unwrap();
    records.remove(1, 11);
    let next = Records::attach(records.fd().try_clone_to_owned().unwrap()).unwrap();
    let expected = [(1, 10, 1, &b"a room"[..]), (2, 20, 4, b"")].map(|(kind, key, version, bytes)| Record {
        kind,
        key,
        version,
        bytes: bytes.to_vec(),
    });
    assert_eq!(next.load(), expected);
    assert_eq!((next.used(), next.capacity()), (2 * 24 + 8, (1 << 20) / 2 / 4 * 3 - 3072));
}

#[test]
fn only_what_is_used_takes_memory_also_after_many_changes() {
    let mut records = Records::create(DEFAULT_BYTES).unwrap();
    let taken = |records: &Records| rustix::fs::fstat(records.fd()).unwrap().st_blocks as usize * 512;
    assert!(taken(&records) < 64 << 10);
    for round in 0..40u8 {
        records.put(1, 1, 1, &vec![round; 2 << 20]).unwrap();
    }
    assert!(taken(&records) <= 33 << 20, "{} bytes for one record of 2 MiB", taken(&records));
    assert_eq!(records.load()[0].bytes, vec![39; 2 << 20]);
}

#[test]
fn the_memory_of_those_who_came_and_went_is_given_back() {
    let mut records = Records::create(DEFAULT_BYTES).unwrap();
    let taken = |records: &Records| rustix::fs::fstat(records.fd()).unwrap().st_blocks as usize * 512;
    for person in 0..10_000 {
        records.put(3, person, 1, &[7; 8 << 10]).unwrap();
        if let Some(before) = person.checked_sub(100) {
            records.remove(3, before);
        }
    }
    assert!(taken(&records) < 4 << 20, "{} bytes for 100 records of 8 KiB", taken(&records));
    assert_eq!(records.load().len(), 100);
}

#[test]
fn memory_without_records_is_refused() {
    let (_memory, fd) = SharedMemory::create("volley-test", 1 << 16).unwrap();
    assert!(matches!(Records::attach(fd), Err(RecordsError::Foreign)));
}

#[test]
fn an_error_of_full_memory_says_how_full_it_is() {
    let mut records = Records::create(1 << 16).unwrap();
    let error = records.put(1, 1, 1, &[0; 1 << 16]).unwrap_err().to_string();
    assert_eq!(error, "65560 bytes do not fit into the records memory: 0 of 21504 are in use");
}

/// A writer in another process is killed with SIGKILL at some moment of its work, a hundred times.
/// Its records carry a number that grows; each must be whole and no older than what it had told.
#[test]
fn a_writer_that_is_killed_leaves_whole_records() {
    let mut records = Records::create(1 << 16).unwrap();
    for key in 0..4 {
        records.put(1, key, 1, &whole(0)).unwrap();
    }
    for round in 0..40u64 {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "control::records::tests::the_writer", "--nocapture"])
            .env(WRITER, "1")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let fd = records.fd().try_clone_to_owned().unwrap();
        crate::control::handover::tests::send_file(fd, &ours);
        let mut lines = BufReader::new(&ours).lines();
        let told: u64 =
            (0..=round % 7).map(|_| lines.next().unwrap().unwrap().parse().unwrap()).max().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        records = Records::attach(records.fd().try_clone_to_owned().unwrap()).unwrap();
        let found = records.load();
        assert_eq!(found.len(), 4);
        let newest = found.iter().map(|record| number_of(&record.bytes)).max().unwrap();
        assert!(newest >= told, "{newest} was found after {told} had been told");
    }
}

const WRITER: &str = "VOLLEY_TEST_WRITER";

/// Not a test of its own: what the other process of the test above runs until it is killed.
#[test]
fn the_writer() {
    if std::env::var_os(WRITER).is_none() {
        return;
    }
    let stdin = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut records = Records::attach(crate::control::handover::tests::receive_file(&stdin)).unwrap();
    let newest = records.load().iter().map(|record| number_of(&record.bytes)).max().unwrap();
    for number in newest + 1.. {
        records.put(1, number % 4, 1, &whole(number)).unwrap();
        if number % 64 == 0 {
            writeln!(&stdin, "{number}").unwrap();
        }
    }
}

/// Bytes that show whether they are all of one writing.
fn whole(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(1 + number as usize % 100)
}

fn number_of(bytes: &[u8]) -> u64 {
    let number = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(bytes, whole(number), "a record is not whole");
    number
}
