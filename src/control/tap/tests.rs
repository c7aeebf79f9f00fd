//! What is handed over arrives, what is not is told, and nonsense is an error.

use super::*;

fn packet(index: u64) -> Tapped {
    Tapped::Packet(TappedPacket {
        track: TrackId(7),
        layer: 2,
        codec: Codec::Vp8,
        starts_key_frame: true,
        is_aim: true,
        index,
        received: Time::from_millis(5),
    })
}

fn all(reader: &mut TapReader) -> Vec<(Tapped, usize)> {
    let mut values = Vec::new();
    while let Some((value, bytes)) = reader.next_value().unwrap() {
        values.push((value, bytes.len()));
    }
    values
}

#[test]
fn packets_arrive_with_their_bytes_and_wishes_go_back() {
    let fd = TapFd::create().unwrap();
    let mut writer = TapWriter::attach(&fd).unwrap();
    let mut reader = TapReader::attach(&fd).unwrap();
    let longest = [9; MAX_TAPPED];
    assert!(writer.offer(&packet(1), &longest));
    assert!(writer.offer(&Tapped::Muted { track: TrackId(7), muted: true }, &[]));
    assert_eq!(reader.next_value().unwrap(), Some((Tapped::Began, &[][..])));
    assert_eq!(reader.next_value().unwrap(), Some((packet(1), &longest[..])));
    let wish = TapWish::KeyFrame { track: TrackId(7), layer: 2 };
    assert_eq!(writer.next_wish(), None);
    assert!(reader.wish(&wish));
    assert_eq!(writer.next_wish(), Some(wish));
}

#[test]
fn what_finds_no_room_is_dropped_and_told_with_what_comes_next() {
    let fd = TapFd::create().unwrap();
    let mut writer = TapWriter::attach(&fd).unwrap();
    let mut reader = TapReader::attach(&fd).unwrap();
    let taken = (0..VALUE_SLOTS + 10).filter(|&index| writer.offer(&packet(index), &[1])).count() as u64;
    assert_eq!(taken, VALUE_SLOTS - 1, "one is the beginning");
    assert_eq!(all(&mut reader).len() as u64, VALUE_SLOTS);
    assert!(writer.offer(&packet(99_999), &[1]));
    assert_eq!(all(&mut reader), [(Tapped::Lost { values: 11 }, 0), (packet(99_999), 1)]);
}

#[test]
fn what_is_told_of_a_track_waits_for_room_and_is_told_before_what_comes_later() {
    let fd = TapFd::create().unwrap();
    let mut writer = TapWriter::attach(&fd).unwrap();
    let mut reader = TapReader::attach(&fd).unwrap();
    while writer.offer(&packet(1), &[1]) {}
    let restarted = Tapped::Restarted { track: TrackId(7), layer: 2 };
    let muted = |muted| Tapped::Muted { track: TrackId(7), muted };
    let ended = Tapped::Ended { track: TrackId(8) };
    for value in [restarted, muted(true), muted(false), restarted, ended] {
        assert!(writer.offer(&value, &[]), "{value:?} is not lost");
    }
    assert!(!writer.offer(&packet(2), &[1]), "packets are");
    all(&mut reader);
    assert!(writer.settle() && writer.offer(&packet(3), &[1]));
    let told: Vec<Tapped> = all(&mut reader).into_iter().map(|(value, _)| value).collect();
    assert_eq!(told, [Tapped::Lost { values: 2 }, muted(false), restarted, ended, packet(3)]);
}

#[test]
fn a_worker_that_comes_back_to_a_full_tap_says_so_when_there_is_room() {
    let fd = TapFd::create().unwrap();
    let mut writer = TapWriter::attach(&fd).unwrap();
    let mut reader = TapReader::attach(&fd).unwrap();
    while writer.offer(&packet(1), &[1]) {}
    drop(writer);
    let mut writer = TapWriter::attach(&fd).unwrap();
    all(&mut reader);
    assert!(writer.settle());
    assert_eq!(all(&mut reader), [(Tapped::Began, 0)]);
}

#[test]
fn a_recorder_that_comes_back_goes_on_and_a_worker_that_comes_back_says_so() {
    let fd = TapFd::create().unwrap();
    let mut writer = TapWriter::attach(&fd).unwrap();
    let mut reader = TapReader::attach(&fd).unwrap();
    all(&mut reader);
    drop(reader);
    assert!(writer.offer(&packet(1), &[1]));
    let mut reader = TapReader::attach(&fd).unwrap();
    assert_eq!(all(&mut reader), [(packet(1), 1)]);
    drop(writer);
    let mut writer = TapWriter::attach(&fd).unwrap();
    assert!(writer.offer(&packet(2), &[1]));
    assert_eq!(all(&mut reader), [(Tapped::Began, 0), (packet(2), 1)]);
}

#[test]
fn what_is_no_tap_and_what_is_too_long_is_refused() {
    let (_memory, other) = SharedMemory::create("volley-test", TAP_WORDS).unwrap();
    assert!(TapReader::attach(&TapFd(other)).is_err());
    let fd = TapFd::create().unwrap();
    let mut writer = TapWriter::attach(&fd).unwrap();
    assert!(!writer.offer(&packet(1), &[0; VALUE_BYTES]));
}

#[test]
fn nonsense_in_the_memory_is_an_error_and_what_follows_can_be_read() {
    let fd = TapFd::create().unwrap();
    let mut writer = TapWriter::attach(&fd).unwrap();
    let mut reader = TapReader::attach(&fd).unwrap();
    all(&mut reader);
    writer.values.push(writer.memory.words(), &[200, 1, 2]).unwrap();
    writer.offer(&packet(3), &[1]);
    assert!(reader.next_value().is_err());
    assert_eq!(all(&mut reader), [(packet(3), 1)]);
}
