//! The log under a writer that is killed after each of its stores.

use super::*;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Memory that a writer can be killed over: after so many stores, none reaches it any more.
#[derive(Clone)]
struct Mortal {
    words: Rc<RefCell<Vec<u64>>>,
    stores_left: Rc<Cell<usize>>,
}

impl Mortal {
    fn new(words: usize) -> Mortal {
        Mortal { words: Rc::new(RefCell::new(vec![0; words])), stores_left: Rc::new(Cell::new(usize::MAX)) }
    }

    /// The same content in memory of its own, with `stores` to live.
    fn copy_with(&self, stores: usize) -> Mortal {
        let words = self.words.borrow().clone();
        Mortal { words: Rc::new(RefCell::new(words)), stores_left: Rc::new(Cell::new(stores)) }
    }
}

impl Words for Mortal {
    fn len(&self) -> usize {
        self.words.borrow().len()
    }

    fn load(&self, index: usize) -> u64 {
        self.words.borrow()[index]
    }

    fn store(&self, index: usize, value: u64) {
        if let Some(left) = self.stores_left.get().checked_sub(1) {
            self.stores_left.set(left);
            self.words.borrow_mut()[index] = value;
        }
    }
}

type State = BTreeMap<(u16, u64), (u16, Vec<u8>)>;

/// What the log holds, through the eyes of the next process.
fn reopened(memory: &Mortal) -> State {
    let log = Log::open(memory.copy_with(usize::MAX)).expect("a log is always there");
    assert_eq!(log.damaged(), 0, "no entry is ever half there");
    state(&log)
}

fn state(log: &Log<Mortal>) -> State {
    log.load().into_iter().map(|record| ((record.kind, record.key), (record.version, record.bytes))).collect()
}

/// Kills `change` after every one of its stores: the next process finds what was before or what
/// comes after, nothing else, and can write on.
fn kill_at_every_store(memory: &Mortal, change: impl Fn(&mut Log<Mortal>)) -> usize {
    let before = reopened(memory);
    let whole = memory.copy_with(usize::MAX);
    change(&mut Log::open(whole.clone()).unwrap());
    let stores = usize::MAX - whole.stores_left.get();
    let after = reopened(&whole);
    assert_ne!(before, after, "the change changes something");
    let mut seen_after = false;
    for killed_after in 0..=stores {
        let mortal = memory.copy_with(killed_after);
        change(&mut Log::open(mortal.clone()).unwrap());
        let found = reopened(&mortal);
        assert!(found == before || found == after, "killed after {killed_after} of {stores} stores");
        assert!(found == after || !seen_after, "what has happened stays");
        seen_after |= found == after;
        can_write_on(&mortal, found);
    }
    assert!(seen_after);
    stores
}

fn can_write_on(memory: &Mortal, mut expected: State) {
    let memory = memory.copy_with(usize::MAX);
    Log::open(memory.clone()).unwrap().put(9, 9, 9, b"written after the kill").unwrap();
    expected.insert((9, 9), (9, b"written after the kill".to_vec()));
    assert_eq!(reopened(&memory), expected);
}

/// A log of three records, one of them written twice.
fn filled() -> Mortal {
    let memory = Mortal::new(LEAST_WORDS);
    let mut log = Log::format(memory.clone());
    log.put(1, 1, 1, b"a room").unwrap();
    log.put(1, 2, 1, b"").unwrap();
    log.put(2, 1, 3, &[7; 100]).unwrap();
    log.put(1, 1, 2, b"the same room, renamed").unwrap();
    memory
}

/// A log with no room left in its active half, and room for moves.
fn brimming() -> Mortal {
    let memory = filled();
    let mut log = Log::open(memory.clone()).unwrap();
    while log.length + entry_words(64) <= log.half_words {
        log.put(5, 5, 1, &[5; 64]).unwrap();
    }
    memory
}

#[test]
fn a_record_is_old_or_new_wherever_the_writer_is_killed() {
    let stores = kill_at_every_store(&filled(), |log| {
        log.put(2, 1, 4, b"a new value that is some words long").unwrap();
    });
    assert_eq!(stores, 3 + 5 + 1);
}

#[test]
fn a_record_is_there_or_gone_wherever_the_remover_is_killed() {
    kill_at_every_store(&filled(), |log| {
        log.remove(2, 1);
    });
}

#[test]
fn a_put_that_moves_the_log_is_whole_wherever_it_is_killed() {
    let memory = brimming();
    let stores = kill_at_every_store(&memory, |log| assert!(log.put(1, 2, 8, &[8; 64]).unwrap()));
    assert!(stores > 40, "all records were copied");
}

#[test]
fn a_removal_that_moves_the_log_is_whole_wherever_it_is_killed() {
    let memory = brimming();
    let mut log = Log::open(memory.clone()).unwrap();
    while log.length + ENTRY_HEAD <= log.half_words {
        log.put(6, 6, 1, b"").unwrap();
    }
    kill_at_every_store(&memory, |log| assert!(log.remove(5, 5)));
}

#[test]
fn the_first_format_is_a_log_only_once_it_is_complete() {
    for killed_after in 0..2 {
        let memory = Mortal::new(LEAST_WORDS).copy_with(killed_after);
        Log::format(memory.clone());
        assert!(Log::open(memory).is_none());
    }
}

#[test]
fn a_log_that_was_moved_many_times_holds_what_a_map_would() {
    let memory = Mortal::new(5 * HALVES_AT);
    let mut log = Log::format(memory.clone());
    let mut random = crate::base::random::Random::new(4);
    let (mut expected, mut moves) = (State::new(), 0);
    for round in 0..4_000u64 {
        let (kind, key) = (random.below(3) as u16, random.below(12));
        if random.chance(0.2) {
            moves += usize::from(log.remove(kind, key));
            expected.remove(&(kind, key));
        } else {
            let bytes = vec![round as u8; random.below(120) as usize];
            moves += usize::from(log.put(kind, key, round as u16, &bytes).unwrap());
            expected.insert((kind, key), (round as u16, bytes));
        }
        if round % 101 == 0 {
            assert_eq!(reopened(&memory), expected, "after {round} changes");
        }
    }
    assert_eq!(state(&log), expected);
    assert!(moves > 50, "only {moves} moves were tried");
}

#[test]
fn records_load_in_the_order_in_which_they_were_last_put() {
    let mut log = Log::format(Mortal::new(LEAST_WORDS));
    for key in [3, 1, 2, 3] {
        log.put(1, key, 1, b"x").unwrap();
    }
    assert_eq!(log.load().iter().map(|record| record.key).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_full_log_says_so_changes_nothing_and_takes_again_after_a_removal() {
    let memory = Mortal::new(LEAST_WORDS);
    let mut log = Log::format(memory.clone());
    let refused = (0..).find(|&key| log.put(1, key, 1, &[1; 200]).is_err()).unwrap();
    let error = log.put(1, refused, 1, &[1; 200]).unwrap_err();
    let RecordsError::Full { needed, used, capacity } = error else { panic!("{error}") };
    assert!(needed == 224 && used + needed > capacity && used <= capacity, "{error}");
    assert_eq!(reopened(&memory).len() as u64, refused);
    log.put(1, 0, 2, &[2; 200]).expect("a record of the same size can be replaced");
    log.remove(1, 1);
    log.put(1, refused, 1, &[1; 200]).unwrap();
    assert_eq!(reopened(&memory), state(&log));
}

/// At its limit a log still moves seldom: the work per change stays small.
#[test]
fn a_log_at_its_limit_does_not_move_for_every_change() {
    let mut log = Log::format(Mortal::new(9 * HALVES_AT));
    let full = (0..).find(|&key| log.put(1, key, 1, &[1; 40]).is_err()).unwrap();
    let moves = (0..1_000).filter(|round| log.put(1, round % full, 2, &[2; 40]).unwrap()).count();
    assert!(moves <= 20, "{moves} moves in 1000 changes");
}

#[test]
fn a_damaged_record_is_left_out_and_the_others_stay() {
    let memory = filled();
    let start = HALVES_AT + entry_words(6) + entry_words(0);
    memory.store(start + ENTRY_HEAD + 2, 0xbad);
    let log = Log::open(memory).unwrap();
    assert_eq!((log.damaged(), log.load().len()), (1, 2));
}

/// Nonsense anywhere is refused or left out; it never panics and never reads past the end.
#[test]
fn nonsense_in_any_word_never_panics() {
    let memory = filled();
    let used = HALVES_AT..HALVES_AT + Log::open(memory.clone()).unwrap().length;
    for word in (0..8).chain(used) {
        for nonsense in [0, 1, 2, 0xffff_ffff, 1 << 33, u64::MAX] {
            let scribbled = memory.copy_with(usize::MAX);
            scribbled.store(word, nonsense);
            if let Some(mut log) = Log::open(scribbled) {
                log.load();
                let _ = log.put(1, 1, 1, b"on top");
                log.remove(1, 2);
            }
        }
    }
}

#[test]
fn the_check_sum_is_the_crc_32_of_the_standards() {
    let head = Head { kind: 0, key: 0, version: 0, length: 0, tombstone: false };
    // 24 zero bytes (the head) and "123456789", by Python's zlib.crc32.
    assert_eq!(check_sum(&head, b"123456789"), CRC_OF_HEAD_AND_DIGITS);
}

const CRC_OF_HEAD_AND_DIGITS: u32 = 0x57811705;
