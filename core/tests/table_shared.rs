//! The table under several hands: a reader gets an entry whole or not at all, whatever a writer is doing or
//! was killed while doing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Barrier;
use std::thread;

use authgear_core::table::{Entry, Found, Key, Rank, Table, CAPACITY, COST};
use common::memory::{find, key, put, table, words, NEVER};
use Rank::{Ordinary, Precious};

/// Changes that the writer makes while others read. Few under Miri, which is slow and shows readers any order
/// of stores that Rust allows.
const CHANGES: u64 = if cfg!(miri) { 25 } else { 5_000 };

/// Contents of which each part gives the whole away, and of every length.
fn contents(nth: u64, version: u64) -> (Vec<u8>, Rank) {
    let len = 8 + usize::try_from(version * 37 + nth).unwrap() % (CAPACITY - 7);
    let seed = (nth << 32 | version).to_le_bytes();
    let bytes = version.to_le_bytes().into_iter().chain(seed.into_iter().cycle());
    let rank = if version.is_multiple_of(2) {
        Ordinary
    } else {
        Precious
    };
    (bytes.take(len).collect(), rank)
}

/// The version of an entry that is whole; fails on any other.
fn version(nth: u64, entry: &Entry) -> u64 {
    let version = entry.end();
    let (bytes, rank) = contents(nth, version);
    assert_eq!(entry.bytes(), bytes, "the {nth}th in version {version}");
    assert_eq!(entry.rank(), rank);
    version
}

/// Lets two readers look while a writer changes entries of so many keys.
fn while_writing(words: &[AtomicU64], keys: u64, seen: fn(Found)) {
    let (is_done, start) = (AtomicBool::new(false), Barrier::new(3));
    let keys: Vec<Key> = (0..keys).map(key).collect();
    let read = || {
        let (table, mut entry) = (table(words), Entry::new());
        let mut latest = vec![0; keys.len()];
        start.wait();
        loop {
            let is_last = is_done.load(Ordering::Acquire);
            for (nth, key) in keys.iter().enumerate() {
                let what = table.find(key, &mut entry);
                seen(what);
                if what == Found::Here {
                    let version = version(u64::try_from(nth).unwrap(), &entry);
                    assert!(latest[nth] <= version, "an entry of before came back");
                    latest[nth] = version;
                }
            }
            table.each(|key, entry| {
                let nth = keys.iter().position(|known| known == key);
                version(u64::try_from(nth.unwrap()).unwrap(), entry);
            });
            if is_last {
                break;
            }
        }
        assert!(
            latest.iter().any(|version| *version > 0),
            "nothing was ever found"
        );
    };
    thread::scope(|scope| {
        scope.spawn(read);
        scope.spawn(read);
        let table = table(words);
        start.wait();
        for version in 1..=CHANGES {
            // Each version's turn is another key's, and their order is no order.
            let nth = version * 7 % u64::try_from(keys.len()).unwrap();
            let (bytes, rank) = contents(nth, version);
            let key = &keys[usize::try_from(nth).unwrap()];
            let (place, _) = table.slot_for(key, 0, &mut Entry::new());
            assert!(table.put(place, key, &bytes, version, rank));
        }
        is_done.store(true, Ordering::Release);
    });
}

#[test]
fn readers_get_whole_entries_while_a_writer_changes_them() {
    let words = words(8);
    while_writing(&words, 5, |_| {});
}

#[test]
fn readers_get_whole_entries_while_others_take_their_places() {
    // Three more than there is room for: one goes with almost every change.
    let words = words(8);
    while_writing(&words, 11, |_| {});
    assert_eq!(table(&words).len(), 8);
}

#[test]
fn an_entry_that_is_changed_in_its_place_is_never_absent() {
    let words = words(8);
    let (bytes, rank) = contents(0, 0);
    let (place, _) = table(&words).slot_for(&key(0), 0, &mut Entry::new());
    assert!(table(&words).put(place, &key(0), &bytes, 0, rank));
    while_writing(&words, 1, |found| assert_ne!(found, Found::Absent));
}

// --- a writer that was killed

/// The number of the slot where a key stands: the slots come after a tag for each, and a key after its slot's
/// number.
fn number<'w>(words: &'w [AtomicU64], key: &Key) -> &'w AtomicU64 {
    let slots = words[words.len() * 8 / COST..].chunks_exact(COST / 8 - 1);
    let is_it = |slot: &&'w [AtomicU64]| {
        let stored = slot[1..5]
            .iter()
            .flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes());
        stored.eq(key.iter().copied())
    };
    let mut found = slots.filter(is_it);
    let slot = found.next().unwrap();
    assert!(found.next().is_none());
    &slot[0]
}

/// Where a writer was killed that had just begun with the entry of this key.
fn kill_at(words: &[AtomicU64], key: &Key) {
    assert_eq!(number(words, key).fetch_add(1, Ordering::Relaxed) % 2, 0);
}

fn with_two(words: &[AtomicU64]) -> Table<'_> {
    let table = table(words);
    put(&table, &key(1), b"one", NEVER, Precious);
    put(&table, &key(2), b"two", NEVER, Precious);
    table
}

#[test]
fn where_a_writer_was_killed_nothing_is_said_and_all_else_stays() {
    let words = words(8);
    let table = with_two(&words);
    kill_at(&words, &key(1));
    assert_eq!(find(&table, &key(1)), Err(Found::Torn));
    assert_eq!(find(&table, &key(2)).unwrap(), b"two");
    assert_eq!(find(&table, &key(3)), Err(Found::Absent));
    let mut visited = Vec::new();
    table.each(|_, entry| visited.push(entry.bytes().to_vec()));
    assert_eq!(visited, [b"two"]);
}

#[test]
fn what_a_killed_writer_left_is_written_over() {
    let words = words(8);
    let table = with_two(&words);
    for (bytes, rank) in [(&b"again"[..], Precious), (b"and again", Ordinary)] {
        kill_at(&words, &key(1));
        put(&table, &key(1), bytes, NEVER, rank);
        assert_eq!(find(&table, &key(1)).unwrap(), bytes);
        assert_eq!(number(&words, &key(1)).load(Ordering::Relaxed) % 2, 0);
        assert_eq!(table.len(), 2, "in its own place");
    }
}

#[test]
fn what_a_killed_writer_left_can_be_taken_out() {
    let words = words(8);
    let table = with_two(&words);
    kill_at(&words, &key(1));
    table.remove(&key(1));
    assert_eq!(find(&table, &key(1)), Err(Found::Absent));
    put(&table, &key(1), b"new", NEVER, Ordinary);
    assert_eq!(find(&table, &key(1)).unwrap(), b"new");
}

#[test]
fn a_writer_killed_between_two_keys_leaves_neither() {
    let words = words(8);
    let table = with_two(&words);
    let number = number(&words, &key(1));
    kill_at(&words, &key(1));
    // Half of its key is already another's.
    let at = words.iter().position(|word| std::ptr::eq(word, number)).unwrap();
    for (word, part) in words[at + 1..at + 3].iter().zip(key(9).chunks_exact(8)) {
        word.store(u64::from_ne_bytes(part.try_into().unwrap()), Ordering::Relaxed);
    }
    assert_eq!(
        find(&table, &key(1)),
        Err(Found::Torn),
        "it may still stand there"
    );
    assert_eq!(find(&table, &key(9)), Err(Found::Absent));
    for (nth, bytes) in [(9, &b"nine"[..]), (1, b"one again")] {
        put(&table, &key(nth), bytes, NEVER, Precious);
        assert_eq!(find(&table, &key(nth)).unwrap(), bytes);
    }
    table.clear();
    for nth in [1, 2, 9] {
        assert_eq!(find(&table, &key(nth)), Err(Found::Absent));
    }
    for nth in 0..8 {
        put(&table, &key(nth), b"after", NEVER, Precious);
    }
    assert!(
        (0..8).all(|nth| find(&table, &key(nth)).is_ok()),
        "every place is good again"
    );
}
