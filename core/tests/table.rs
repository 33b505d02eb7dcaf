//! The table: what is found, who goes when it is full, and that a reader gets an entry whole or not at all.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod common;

use std::collections::BTreeMap;

use authgear_core::table::{Entry, Found, Key, Rank, CAPACITY, COST};
use common::memory::{find, key, key_in, put, table, words, NEVER};
use common::NOW;
use Rank::{Ordinary, Precious};

/// As many as one set has.
const WAYS: u64 = 8;

#[test]
fn an_entry_is_found_under_its_key_and_no_other() {
    let words = words(64);
    let table = table(&words);
    assert_eq!(find(&table, &key(1)), Err(Found::Absent));
    put(&table, &key(1), b"one", NEVER, Precious);
    let mut entry = Entry::default();
    assert_eq!(table.find(&key(1), &mut entry), Found::Here);
    assert_eq!(
        (entry.bytes(), entry.end(), entry.rank()),
        (&b"one"[..], NEVER, Precious)
    );
    for byte in 0..32 {
        let mut other = key(1);
        other[byte] ^= 1;
        assert_eq!(find(&table, &other), Err(Found::Absent), "byte {byte}");
    }
}

#[test]
fn every_length_up_to_the_largest_comes_back_as_it_was() {
    let words = words(8);
    let table = table(&words);
    let bytes: Vec<u8> = (0..CAPACITY).map(|at| at.to_le_bytes()[0] ^ 0xa5).collect();
    // Longest first, so that a shorter one has the rest of a longer one behind it.
    for len in (0..=CAPACITY).rev() {
        put(&table, &key(1), &bytes[..len], NEVER, Ordinary);
        assert_eq!(find(&table, &key(1)).unwrap(), &bytes[..len]);
    }
    assert_eq!(table.len(), 1, "the same place every time");
}

#[test]
fn what_is_too_long_is_refused_and_changes_nothing() {
    let words = words(8);
    let table = table(&words);
    put(&table, &key(1), b"before", NEVER, Ordinary);
    let (place, evicts) = table.slot_for(&key(1), NOW, &mut Entry::new());
    assert!(!evicts);
    assert!(!table.put(place, &key(1), &[0; CAPACITY + 1], NEVER, Ordinary));
    assert_eq!(find(&table, &key(1)).unwrap(), b"before");
}

#[test]
fn what_is_put_again_stands_once_and_as_it_was_put_last() {
    let words = words(16);
    let table = table(&words);
    for (bytes, end, rank) in [
        (&b"a longer one"[..], NEVER, Precious),
        (b"short", NOW + 1, Ordinary),
    ] {
        put(&table, &key(1), bytes, end, rank);
        let mut entry = Entry::new();
        assert_eq!(table.find(&key(1), &mut entry), Found::Here);
        assert_eq!((entry.bytes(), entry.end(), entry.rank()), (bytes, end, rank));
        assert_eq!(table.len(), 1);
    }
}

#[test]
fn what_is_taken_out_is_gone_and_its_place_free() {
    let words = words(8);
    let table = table(&words);
    for nth in 0..WAYS {
        put(&table, &key(nth), b"", NEVER, Precious);
    }
    table.remove(&key(99));
    assert_eq!(table.len(), 8);
    table.remove(&key(3));
    assert_eq!((table.len(), find(&table, &key(3))), (7, Err(Found::Absent)));
    assert!(
        !put(&table, &key(9), b"", NEVER, Ordinary).1,
        "nobody has to go for it"
    );
    assert_eq!(table.len(), 8);
}

#[test]
fn a_cleared_table_has_nothing_and_takes_everything() {
    let words = words(16);
    let table = table(&words);
    for nth in 0..12 {
        put(&table, &key(nth), b"x", NEVER, Precious);
    }
    assert!(!table.is_empty());
    table.clear();
    assert!(table.is_empty());
    assert!((0..12).all(|nth| find(&table, &key(nth)) == Err(Found::Absent)));
    table.each(|_, _| panic!("there is none"));
    assert!(!put(&table, &key(5), b"y", NEVER, Ordinary).1);
    assert_eq!(find(&table, &key(5)).unwrap(), b"y");
}

#[test]
fn a_table_is_as_it_was_left_whoever_looks_at_the_words() {
    let words = words(16);
    put(&table(&words), &key(1), b"x", NEVER, Ordinary);
    assert_eq!(find(&table(&words), &key(1)).unwrap(), b"x");
}

#[test]
fn too_few_words_are_no_table() {
    let least = COST / 8 * 8;
    let words = words(8);
    assert_eq!(words.len(), least);
    for len in [0, 1, least - 1] {
        assert!(
            authgear_core::table::Table::over(&words[..len]).is_none(),
            "{len}"
        );
    }
    for (words, room) in [(words, 8), (common::memory::words(31), 24)] {
        let table = table(&words);
        for nth in 0..200 {
            put(&table, &key(nth), b"", NEVER, Ordinary);
        }
        assert_eq!(table.len(), room, "whole sets only");
    }
}

#[test]
fn each_visits_every_entry_once() {
    let words = words(64);
    let table = table(&words);
    let mut wanted = BTreeMap::new();
    for nth in 0..30_u64 {
        let rank = if nth % 3 == 0 { Precious } else { Ordinary };
        put(&table, &key(nth), &nth.to_le_bytes(), NOW + 1 + nth, rank);
        wanted.insert(key(nth), (nth.to_le_bytes().to_vec(), NOW + 1 + nth, rank));
    }
    let mut got = BTreeMap::new();
    table.each(|key, entry| {
        let about = (entry.bytes().to_vec(), entry.end(), entry.rank());
        assert_eq!(got.insert(*key, about), None, "twice");
    });
    assert_eq!(got, wanted);
}

// --- who goes

/// A full table of one set: the nth is put with what `about` says of it.
fn full(words: &[std::sync::atomic::AtomicU64], about: impl Fn(u64) -> (u64, Rank)) {
    let table = table(words);
    for nth in 0..WAYS {
        let (end, rank) = about(nth);
        assert!(!put(&table, &key(nth), &nth.to_le_bytes(), end, rank).1);
    }
    assert_eq!(table.len(), 8);
}

/// Puts one more and says who went, as `place` told it.
fn goes(words: &[std::sync::atomic::AtomicU64], more: &Key, rank: Rank) -> Option<u64> {
    let table = table(words);
    let before: Vec<bool> = (0..WAYS).map(|nth| find_quietly(words, &key(nth))).collect();
    let told = put(&table, more, b"more", NEVER, rank).1;
    let went: Vec<u64> = (0..WAYS)
        .zip(before)
        .filter(|(nth, was)| *was && !find_quietly(words, &key(*nth)))
        .map(|(nth, _)| nth)
        .collect();
    assert_eq!(went.len(), 1, "exactly one gives way");
    told.then(|| went[0])
}

/// Whether it stands there, without a look that counts.
fn find_quietly(words: &[std::sync::atomic::AtomicU64], wanted: &Key) -> bool {
    let mut is_there = false;
    table(words).each(|key, _| is_there |= key == wanted);
    is_there
}

#[test]
fn whose_time_is_over_goes_first_and_silently_however_precious() {
    let words = words(8);
    full(&words, |nth| match nth {
        7 => (NOW, Precious),
        _ => (NOW + 1, Ordinary),
    });
    assert_eq!(goes(&words, &key(100), Ordinary), None, "nothing is lost with it");
    assert!(!find_quietly(&words, &key(7)));
}

#[test]
fn the_ordinary_goes_before_the_precious() {
    let words = words(8);
    full(&words, |nth| match nth {
        6 => (NEVER, Ordinary),
        _ => (NEVER, Precious),
    });
    // Found lately or not.
    for nth in [6, 6, 6] {
        find(&table(&words), &key(nth)).unwrap();
    }
    assert_eq!(goes(&words, &key(100), Precious), Some(6));
    let (_, evicts) = table(&words).slot_for(&key(101), NOW, &mut Entry::new());
    assert!(evicts, "now there is nothing else to give way");
}

#[test]
fn the_unused_goes_before_the_used() {
    let words = words(8);
    full(&words, |_| (NEVER, Ordinary));
    // All are new, which counts as used: the first that has to go takes that from all others.
    assert!(goes(&words, &key(100), Ordinary).is_some());
    let left: Vec<u64> = (0..WAYS).filter(|nth| find_quietly(&words, &key(*nth))).collect();
    let (idle, busy) = (left[3], left.iter().filter(|nth| **nth != left[3]));
    for nth in busy {
        find(&table(&words), &key(*nth)).unwrap();
    }
    assert_eq!(goes(&words, &key(101), Ordinary), Some(idle));
}

#[test]
fn an_entry_in_steady_use_outlives_any_number_of_others() {
    let words = words(8);
    full(&words, |_| (NEVER, Ordinary));
    for nth in 100..1000 {
        find(&table(&words), &key(3)).unwrap_or_else(|_| panic!("gone before {nth}"));
        put(&table(&words), &key(nth), b"", NEVER, Ordinary);
    }
}

#[test]
fn who_has_to_go_is_told_before_anything_changes() {
    let words = words(8);
    full(&words, |_| (NEVER, Precious));
    let table = table(&words);
    let mut evicted = Entry::new();
    let (place, evicts) = table.slot_for(&key(100), NOW, &mut evicted);
    assert!(evicts);
    let nth = u64::from_le_bytes(evicted.bytes().try_into().unwrap());
    assert_eq!((evicted.end(), evicted.rank()), (NEVER, Precious));
    for nth in 0..WAYS {
        assert_eq!(find(&table, &key(nth)).unwrap(), nth.to_le_bytes(), "still there");
    }
    assert!(table.put(place, &key(100), b"", NEVER, Precious));
    assert_eq!(
        find(&table, &key(nth)),
        Err(Found::Absent),
        "the one that was told"
    );
    assert_eq!(table.len(), 8);
}

#[test]
fn nobody_goes_for_an_entry_that_stands_already() {
    let words = words(8);
    full(&words, |_| (NEVER, Precious));
    for nth in 0..WAYS {
        assert!(!put(&table(&words), &key(nth), b"again", NEVER, Ordinary).1);
    }
    assert!((0..WAYS).all(|nth| find(&table(&words), &key(nth)).unwrap() == b"again"));
}

// --- two sets

#[test]
fn a_full_set_is_no_full_table_for_a_key_of_two_sets() {
    let words = words(16);
    let table = table(&words);
    // Eight that may only stand in the first set, then some that may stand in either, then some of the second
    // alone.
    for nth in 0..8 {
        assert!(!put(&table, &key_in(0, 0, nth), b"", NEVER, Ordinary).1);
    }
    for nth in 8..12 {
        assert!(
            !put(&table, &key_in(0, 1, nth), b"", NEVER, Ordinary).1,
            "the other set"
        );
    }
    for nth in 12..16 {
        assert!(!put(&table, &key_in(1, 1, nth), b"", NEVER, Ordinary).1);
    }
    assert_eq!(table.len(), 16);
    let keys = (0..8)
        .map(|nth| key_in(0, 0, nth))
        .chain((8..12).map(|nth| key_in(0, 1, nth)));
    for key in keys.chain((12..16).map(|nth| key_in(1, 1, nth))) {
        assert!(find(&table, &key).is_ok());
    }
    assert!(
        put(&table, &key_in(1, 0, 16), b"", NEVER, Ordinary).1,
        "now both are full"
    );
}

#[test]
fn the_worst_of_both_sets_goes() {
    let words = words(16);
    let table = table(&words);
    for nth in 0..8 {
        put(&table, &key_in(0, 0, nth), b"", NEVER, Precious);
        let rank = if nth == 5 { Ordinary } else { Precious };
        put(&table, &key_in(1, 1, 8 + nth), b"", NEVER, rank);
    }
    assert!(put(&table, &key_in(0, 1, 99), b"", NEVER, Precious).1);
    assert_eq!(find(&table, &key_in(1, 1, 13)), Err(Found::Absent));
    assert_eq!(table.len(), 16);
}

#[test]
fn keys_of_one_tag_are_told_apart() {
    let words = words(8);
    let table = table(&words);
    // The tag has the first word but for its two lowest bits.
    let keys: Vec<Key> = (0..4_u64)
        .map(|low| {
            let mut key = key(7);
            let first = u64::from_ne_bytes(key[..8].try_into().unwrap());
            key[..8].copy_from_slice(&(first & !3 | low).to_ne_bytes());
            key
        })
        .collect();
    for (nth, key) in keys.iter().enumerate() {
        put(&table, key, &[u8::try_from(nth).unwrap()], NEVER, Ordinary);
    }
    table.remove(&keys[2]);
    let found: Vec<_> = keys.iter().map(|key| find(&table, key)).collect();
    assert_eq!(found, [Ok(vec![0]), Ok(vec![1]), Err(Found::Absent), Ok(vec![3])]);
}

#[test]
fn of_as_many_entries_as_nine_tenths_of_the_room_more_than_99_of_100_are_found() {
    let words = words(8 * 1024);
    let table = table(&words);
    let count = 8 * 1024 * 9 / 10;
    for nth in 0..count {
        put(&table, &key(nth), &nth.to_le_bytes(), NEVER, Ordinary);
    }
    let found = (0..count).filter(|nth| match find(&table, &key(*nth)) {
        Ok(bytes) => bytes == nth.to_le_bytes(),
        Err(_) => false,
    });
    let found = found.count();
    assert!(found * 100 > 8 * 1024 * 9 / 10 * 99, "{found} of {count}");
    assert_eq!(found, table.len());
}
