//! What slots of any kind have in common: each belongs to somebody, known by a digest, and holds numbers that
//! may be read at any time.

use std::sync::atomic::{AtomicU64, Ordering};

use authgear_core::table::words;

/// Words of the identity of a slot's owner, a SHA-256; nought: nobody's.
pub const ID: usize = 4;

/// A slot that belongs to somebody.
pub trait Owned {
    /// The identity of its owner.
    fn id(&self) -> &[AtomicU64];

    /// All its numbers.
    fn numbers(&self) -> &[AtomicU64];

    /// Whether it belongs to the owner of this identity.
    fn is(&self, id: &[u8; 32]) -> bool {
        words(id)
            .iter()
            .zip(self.id())
            .all(|(word, own)| own.load(Ordering::Acquire) == *word)
    }

    /// Whether it belongs to nobody.
    fn is_free(&self) -> bool {
        self.id().iter().all(|word| word.load(Ordering::Acquire) == 0)
    }

    fn clear(&self) {
        for number in self.id().iter().chain(self.numbers()) {
            number.store(0, Ordering::Release);
        }
    }

    /// Becomes the same as another zone's slot; the caller is alone with this one.
    fn copy(&self, other: &Self) {
        let own = self.id().iter().chain(self.numbers());
        for (own, other) in own.zip(other.id().iter().chain(other.numbers())) {
            own.store(other.load(Ordering::Acquire), Ordering::Release);
        }
    }
}

/// Which of `slots` belongs to this owner from now on: its own, else a free one, else one whose owner
/// `in_use` does not know; with its index. `None` when all are taken. For who holds the lock.
pub fn claim<S: Owned>(
    slots: impl Iterator<Item = S> + Clone,
    id: &[u8; 32],
    in_use: impl Fn(&S) -> bool,
) -> Option<(usize, S)> {
    let numbered = || slots.clone().enumerate();
    if let Some(own) = numbered().find(|(_, slot)| slot.is(id)) {
        return Some(own);
    }
    let free = numbered().find(|(_, slot)| slot.is_free());
    let (index, slot) = free.or_else(|| numbered().find(|(_, slot)| !in_use(slot)))?;
    slot.clear();
    for (own, word) in slot.id().iter().zip(words(id)) {
        own.store(word, Ordering::Release);
    }
    Some((index, slot))
}

/// A number that anybody may read at any time.
pub fn get(number: &AtomicU64) -> u64 {
    number.load(Ordering::Acquire)
}

/// Written by who holds the lock and the slot.
pub fn set(number: &AtomicU64, value: u64) {
    number.store(value, Ordering::Release);
}
