//! The ring alone, on ordinary memory.

use super::*;

const SHAPE: RingShape = RingShape::new(0, 4, 40);

#[test]
fn messages_come_out_as_they_went_in_across_the_end_of_the_ring() {
    let (words, mut writer, mut reader) = ring();
    for round in 0..20u8 {
        for length in [0, 1, 8, 40] {
            writer.push(&words, &vec![round; length]).unwrap();
        }
        for length in [0, 1, 8, 40] {
            assert_eq!(pop(&mut reader, &words), Ok(Some(vec![round; length])));
        }
        assert_eq!(pop(&mut reader, &words), Ok(None));
    }
}

#[test]
fn a_full_ring_takes_nothing_until_something_was_read() {
    let (words, mut writer, mut reader) = ring();
    for number in 0..4 {
        writer.push(&words, &[number]).unwrap();
    }
    assert_eq!(writer.push(&words, &[9]), Err(PushError::Full));
    assert_eq!(pop(&mut reader, &words), Ok(Some(vec![0])));
    assert_eq!(writer.push(&words, &[9]), Ok(false));
}

#[test]
fn the_writer_rings_once_and_only_for_a_reader_that_sleeps() {
    let (words, mut writer, mut reader) = ring();
    assert_eq!(writer.push(&words, &[1]), Ok(false));
    assert!(!reader.prepare_sleep(&words), "a message waits");
    pop(&mut reader, &words).unwrap();
    assert!(reader.prepare_sleep(&words));
    assert_eq!(writer.push(&words, &[2]), Ok(true));
    assert_eq!(writer.push(&words, &[3]), Ok(false), "it was rung for already");
    reader.awake(&words);
    assert_eq!(writer.push(&words, &[4]), Ok(false));
}

#[test]
fn both_ends_go_on_where_the_ones_before_stopped() {
    let (words, mut writer, mut reader) = ring();
    for number in 0..3 {
        writer.push(&words, &[number]).unwrap();
    }
    pop(&mut reader, &words).unwrap();
    let (mut writer, mut reader) =
        (Producer::attach(SHAPE, &words).unwrap(), Consumer::attach(SHAPE, &words).unwrap());
    writer.push(&words, &[3]).unwrap();
    for number in 1..4 {
        assert_eq!(pop(&mut reader, &words), Ok(Some(vec![number])));
    }
    assert_eq!(pop(&mut reader, &words), Ok(None));
}

#[test]
fn indices_that_run_over_are_indices_like_others() {
    let words = memory();
    words[HEAD].store(u64::MAX - 1, Relaxed);
    words[TAIL].store(u64::MAX - 1, Relaxed);
    let (mut writer, mut reader) =
        (Producer::attach(SHAPE, &words).unwrap(), Consumer::attach(SHAPE, &words).unwrap());
    for number in 0..10 {
        writer.push(&words, &[number]).unwrap();
        assert_eq!(pop(&mut reader, &words), Ok(Some(vec![number])));
    }
}

#[test]
fn a_peer_that_writes_nonsense_indices_is_an_error() {
    for nonsense in [5, 1 << 40, u64::MAX / 2] {
        let (words, mut writer, mut reader) = ring();
        words[TAIL].store(nonsense, Relaxed);
        assert_eq!(pop(&mut reader, &words), Err(Corrupt::Indices));
        assert!(!reader.prepare_sleep(&words), "nobody sleeps on a broken ring");
        assert!(Consumer::attach(SHAPE, &words).is_err());
        words[HEAD].store(nonsense, Relaxed);
        assert_eq!(writer.push(&words, &[1]), Err(PushError::Corrupt(Corrupt::Indices)));
    }
}

#[test]
fn an_index_that_a_peer_moved_does_not_move_ours() {
    let (words, mut writer, mut reader) = ring();
    writer.push(&words, &[1]).unwrap();
    words[TAIL].store(0, Relaxed);
    writer.push(&words, &[2]).unwrap();
    assert_eq!(words[TAIL].load(Relaxed), 2);
    words[HEAD].store(77, Relaxed);
    assert_eq!(pop(&mut reader, &words), Ok(Some(vec![1])));
    assert_eq!(words[HEAD].load(Relaxed), 1);
}

#[test]
fn a_slot_whose_length_is_a_lie_is_skipped() {
    for lie in [41, 1 << 32, u64::MAX] {
        let (words, mut writer, mut reader) = ring();
        writer.push(&words, &[1]).unwrap();
        writer.push(&words, &[2]).unwrap();
        words[SLOTS].store(lie, Relaxed);
        assert_eq!(pop(&mut reader, &words), Err(Corrupt::Count));
        assert_eq!(pop(&mut reader, &words), Ok(Some(vec![2])));
    }
}

#[test]
fn nothing_of_a_message_stays_behind() {
    let (words, mut writer, mut reader) = ring();
    writer.push(&words, b"a password of forty letters, all secret.").unwrap();
    pop(&mut reader, &words).unwrap();
    assert!(words[SLOTS + 1..SHAPE.end()].iter().all(|word| word.load(Relaxed) == 0));
}

fn memory() -> Vec<AtomicU64> {
    (0..SHAPE.end()).map(|_| AtomicU64::new(0)).collect()
}

fn ring() -> (Vec<AtomicU64>, Producer, Consumer) {
    let words = memory();
    let (writer, reader) = (Producer::attach(SHAPE, &words), Consumer::attach(SHAPE, &words));
    (words, writer.unwrap(), reader.unwrap())
}

fn pop(reader: &mut Consumer, words: &[AtomicU64]) -> Result<Option<Vec<u8>>, Corrupt> {
    let mut bytes = [0xee; 40];
    Ok(reader.pop(words, &mut bytes)?.map(|length| bytes[..length].to_vec()))
}
