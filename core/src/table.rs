//! Fixed slots in memory that several processes share: found without a lock, changed under one.
//!
//! What enters: words that nobody else uses, all of them atomic. What always holds: a reader gets an entry
//! whole or not at all, whatever a writer is doing or was killed while doing, since each slot carries a
//! number that is odd while it is written; an entry is found under its whole key or not at all; looking costs
//! the same however many entries there are. Changes are for one writer at a time.
//!
//! A key may stand in either of two sets of eight ways; a set's tags fill one line of the processor's cache.

mod slot;

use std::sync::atomic::{AtomicU64, Ordering};

use slot::{Slot, Worth, BYTES, SLOT};

/// What an entry is found by: bits of which each is as good as random, and that no client can choose.
pub type Key = [u8; 32];

/// The most bytes that an entry holds.
pub const CAPACITY: usize = (SLOT - BYTES) * 8;
/// Bytes of memory that one entry takes, its tag included.
pub const COST: usize = (SLOT + 1) * 8;

const WAYS: usize = 8;
/// In a tag: somebody stands there.
const TAKEN: u64 = 1;
/// In a tag: it was found since it was last passed over.
const USED: u64 = 2;
/// A table over a piece of memory.
#[derive(Clone, Copy, Debug)]
pub struct Table<'m> {
    tags: &'m [AtomicU64],
    slots: &'m [AtomicU64],
    sets: u64,
}

/// Room for an entry that is copied out.
#[derive(Clone, Debug)]
pub struct Entry {
    bytes: [u8; CAPACITY],
    len: usize,
    end: u64,
    rank: Rank,
}

/// How late an entry's turn to go comes when its slot is needed: the higher, the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Forgetting it costs work.
    Ordinary,
    /// Forgetting it would loosen something, and has to be noted.
    Precious,
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The entry; it was copied.
    Here,
    /// There is none.
    Absent,
    /// There may be one: somebody writes where it would stand, or was killed at it. Who holds the lock never
    /// finds this.
    Torn,
}

/// Where an entry will stand.
#[derive(Clone, Copy, Debug)]
pub struct SlotIndex(usize);

impl Entry {
    /// Room, with nothing in it.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; CAPACITY],
            len: 0,
            end: 0,
            rank: Rank::Ordinary,
        }
    }

    /// What was stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// From when on it is worth nothing, in seconds since 1970.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// How late its turn to go comes.
    #[must_use]
    pub fn rank(&self) -> Rank {
        self.rank
    }
}

impl Default for Entry {
    fn default() -> Self {
        Self::new()
    }
}

impl<'m> Table<'m> {
    /// A table over `words`, with as many sets as fit. `None` when not one does.
    ///
    /// It is as it was left; memory that was never a table has to be cleared once.
    #[must_use]
    pub fn over(words: &'m [AtomicU64]) -> Option<Self> {
        let sets = words.len().checked_div(WAYS.checked_mul(SLOT.checked_add(1)?)?)?;
        let (tags, slots) = words.split_at_checked(sets.checked_mul(WAYS)?)?;
        let sets = u64::try_from(sets).ok().filter(|&sets| sets > 0)?;
        Some(Self { tags, slots, sets })
    }

    /// How many entries it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tags
            .iter()
            .filter(|tag| tag.load(Ordering::Relaxed) & TAKEN != 0)
            .count()
    }

    /// How many it has room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.tags.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes everything out. For who holds the lock, or is alone.
    pub fn clear(&self) {
        for tag in self.tags {
            tag.store(0, Ordering::Release);
        }
    }

    /// Looks for an entry, and copies it. Needs no lock.
    pub fn find(&self, key: &Key, into: &mut Entry) -> Found {
        let words = words(key);
        let mut found = Found::Absent;
        for (index, tag) in self.ways(&words) {
            let seen = tag.load(Ordering::Acquire);
            if seen & !USED != mark(&words) {
                continue;
            }
            match self
                .slot(index)
                .map_or(Found::Absent, |slot| slot.read(&words, into))
            {
                Found::Here => {
                    if seen & USED == 0 {
                        // Somebody may have put another entry there meanwhile: its tag is not for us to
                        // change.
                        tag.compare_exchange(seen, seen | USED, Ordering::Relaxed, Ordering::Relaxed)
                            .ok();
                    }
                    return Found::Here;
                }
                Found::Torn => found = Found::Torn,
                Found::Absent => {}
            }
        }
        found
    }

    /// Where an entry of this key belongs: where it stands already, else where nobody does, else where the
    /// one stands that can best be spared. For who holds the lock. `now` in seconds since 1970.
    ///
    /// `evicted` gets an entry of another key that has to go although it is not over, before anything is
    /// changed; `true` says that there is one.
    pub fn slot_for(&self, key: &Key, now: u64, evicted: &mut Entry) -> (SlotIndex, bool) {
        let words = words(key);
        // The slots of others are looked at only where the tags leave no choice: each lies in memory of its
        // own, and far away.
        let mut free: Option<(usize, usize)> = None;
        for (begin, tags) in self.sets(&words) {
            let mut first_free = None;
            let mut taken: usize = 0;
            for (index, tag) in (begin..).zip(tags) {
                let seen = tag.load(Ordering::Acquire);
                if seen & TAKEN == 0 {
                    first_free.get_or_insert(index);
                    continue;
                }
                taken = taken.saturating_add(1);
                let may_be_it = seen & !USED == mark(&words);
                if may_be_it && self.slot(index).is_some_and(|slot| slot.key_is(&words)) {
                    return (SlotIndex(index), false);
                }
            }
            // Of two sets with a free slot the emptier one: so both are full last.
            let here = first_free.map(|index| (taken, index));
            free = free.into_iter().chain(here).min();
        }
        if let Some((_, index)) = free {
            return (SlotIndex(index), false);
        }
        let worths = self.ways(&words).filter_map(|(index, tag)| {
            let is_used = tag.load(Ordering::Acquire) & USED != 0;
            Some((self.slot(index)?.worth(now, is_used), index))
        });
        let (worth, index) = worths.min().unwrap_or((Worth::Nothing, 0));
        if matches!(worth, Worth::Something(_, true)) {
            // Everybody of its rank was found lately: from now on it counts who is found again.
            for (_, tag) in self.ways(&words) {
                tag.fetch_and(!USED, Ordering::Relaxed);
            }
        }
        let goes = worth > Worth::Nothing && self.slot(index).is_some_and(|slot| slot.copy(evicted));
        (SlotIndex(index), goes)
    }

    /// Puts an entry where [`Self::slot_for`] said. For who has held the lock since. `false`, and nothing
    /// changed, when it is larger than [`CAPACITY`].
    pub fn put(&self, at: SlotIndex, key: &Key, bytes: &[u8], end: u64, rank: Rank) -> bool {
        let (Some(slot), Some(tag)) = (self.slot(at.0), self.tags.get(at.0)) else {
            return false;
        };
        let words = words(key);
        if bytes.len() > CAPACITY {
            return false;
        }
        slot.write(&words, bytes, end, rank);
        tag.store(mark(&words) | USED, Ordering::Release);
        true
    }

    /// Takes an entry out. For who holds the lock.
    pub fn remove(&self, key: &Key) {
        let words = words(key);
        for (index, tag) in self.ways(&words) {
            let is_it = tag.load(Ordering::Acquire) & !USED == mark(&words);
            if is_it && self.slot(index).is_some_and(|slot| slot.key_is(&words)) {
                tag.store(0, Ordering::Release);
            }
        }
    }

    /// Every entry that can be read whole, one after the other. Needs no lock.
    pub fn each(&self, mut visit: impl FnMut(&Key, &Entry)) {
        let mut entry = Entry::new();
        for (index, tag) in self.tags.iter().enumerate() {
            if tag.load(Ordering::Acquire) & TAKEN == 0 {
                continue;
            }
            let Some(slot) = self.slot(index) else { continue };
            let words = slot.key();
            if slot.read(&words, &mut entry) == Found::Here {
                visit(&key_of(&words), &entry);
            }
        }
    }

    /// The ways where a key may stand, with their tags.
    fn ways(&self, words: &[u64; 4]) -> impl Iterator<Item = (usize, &'m AtomicU64)> {
        let sets = self.sets(words);
        sets.flat_map(|(begin, tags)| (begin..).zip(tags))
    }

    /// The sets where a key may stand: where each begins, and its tags.
    fn sets(&self, words: &[u64; 4]) -> impl Iterator<Item = (usize, &'m [AtomicU64])> {
        let [_, second, third, _] = *words;
        let first = self.set(second);
        let other = self.set(third);
        // The same set twice is one set.
        let other = (other != first).then_some(other);
        let tags = self.tags;
        std::iter::once(first).chain(other).map(move |set| {
            let begin = set.saturating_mul(WAYS);
            let ways = tags.get(begin..begin.saturating_add(WAYS));
            (begin, ways.unwrap_or_default())
        })
    }

    /// Maps a word of a key evenly on the sets.
    fn set(&self, word: u64) -> usize {
        let scaled = u128::from(word).saturating_mul(u128::from(self.sets)) >> 64;
        usize::try_from(scaled).unwrap_or(0)
    }

    fn slot(&self, index: usize) -> Option<Slot<'m>> {
        let begin = index.checked_mul(SLOT)?;
        let slot = self.slots.get(begin..begin.checked_add(SLOT)?)?;
        slot.try_into().ok().map(Slot)
    }
}

/// A key as words, in the byte order of this machine.
#[must_use]
pub fn words(key: &Key) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, part) in words.iter_mut().zip(key.chunks_exact(8)) {
        *word = part.try_into().map_or(0, u64::from_ne_bytes);
    }
    words
}

fn key_of(words: &[u64; 4]) -> Key {
    let mut key = [0; 32];
    for (part, word) in key.chunks_exact_mut(8).zip(words) {
        part.copy_from_slice(&word.to_ne_bytes());
    }
    key
}

/// The tag of a key, not used yet.
fn mark(words: &[u64; 4]) -> u64 {
    let [first, ..] = *words;
    first & !USED | TAKEN
}
