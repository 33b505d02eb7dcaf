//! A piece of memory with a table in it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::AtomicU64;

use authgear_core::table::{Entry, Found, Key, Rank, Table, COST};

use super::NOW;

/// An end that does not come.
pub const NEVER: u64 = u64::MAX;

/// Words for so many entries.
pub fn words(room: usize) -> Vec<AtomicU64> {
    (0..room * COST / 8).map(|_| AtomicU64::new(0)).collect()
}

pub fn table(words: &[AtomicU64]) -> Table<'_> {
    Table::over(words).unwrap()
}

/// A key like any other. Its words are spread by Rust alone: Miri runs no foreign code.
pub fn key(nth: u64) -> Key {
    let mut key = Key::default();
    for (at, word) in key.chunks_exact_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        (nth, at).hash(&mut hasher);
        word.copy_from_slice(&hasher.finish().to_ne_bytes());
    }
    key
}

/// A key that may stand in these two of two sets.
pub fn key_in(first: u64, second: u64, nth: u64) -> Key {
    let mut key = key(nth);
    for (word, set) in [(1, first), (2, second)] {
        let bytes = &mut key[word * 8..][..8];
        let word = u64::from_ne_bytes((&*bytes).try_into().unwrap());
        bytes.copy_from_slice(&(word >> 1 | set << 63).to_ne_bytes());
    }
    key
}

/// Puts an entry, and says whether one that is not over had to go; and which.
pub fn put(table: &Table<'_>, key: &Key, bytes: &[u8], end: u64, rank: Rank) -> (Entry, bool) {
    let mut evicted = Entry::new();
    let (place, evicts) = table.slot_for(key, NOW, &mut evicted);
    assert!(table.put(place, key, bytes, end, rank));
    (evicted, evicts)
}

/// The bytes found, or why there are none.
pub fn find(table: &Table<'_>, key: &Key) -> Result<Vec<u8>, Found> {
    let mut entry = Entry::new();
    match table.find(key, &mut entry) {
        Found::Here => Ok(entry.bytes().to_vec()),
        found => Err(found),
    }
}
