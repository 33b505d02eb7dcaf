//! What slots of any kind have in common: each belongs to somebody, known by a digest, and holds numbers that may be read at any time.

use std::sync::atomic::{AtomicU64, Ordering};

use authgear_core::table::words;

/// A number of a slot's, which anybody may read at any time. It is written only by who holds the lock and the slot.
#[repr(transparent)]
pub struct Number(pub(super) AtomicU64);

impl Number {
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    /// Never becomes less.
    pub(super) fn raise(&self, value: u64) {
        self.0.fetch_max(value, Ordering::AcqRel);
    }
}

/// The identity of a slot's owner, a SHA-256; nought: nobody's.
#[repr(transparent)]
pub struct Id([AtomicU64; 4]);

/// A slot that belongs to somebody.
pub trait Owned {
    fn id(&self) -> &Id;

    /// All its numbers.
    fn numbers(&self) -> impl Iterator<Item = &AtomicU64>;

    /// Whether it belongs to the owner of this identity.
    fn is(&self, id: &[u8; 32]) -> bool {
        let own = &self.id().0;
        words(id)
            .iter()
            .zip(own)
            .all(|(word, own)| own.load(Ordering::Acquire) == *word)
    }

    /// Whether it belongs to nobody.
    fn is_free(&self) -> bool {
        self.id().0.iter().all(|word| word.load(Ordering::Acquire) == 0)
    }

    fn clear(&self) {
        for number in self.id().0.iter().chain(self.numbers()) {
            number.store(0, Ordering::Release);
        }
    }

    /// Becomes the same as another zone's slot; the caller is alone with this one.
    fn copy(&self, other: &Self) {
        let own = self.id().0.iter().chain(self.numbers());
        for (own, other) in own.zip(other.id().0.iter().chain(other.numbers())) {
            own.store(other.load(Ordering::Acquire), Ordering::Release);
        }
    }
}

/// Which of `slots` belongs to this owner from now on: its own, else a free one, else one whose owner `in_use` does not know. `None` when all are
/// taken. For who holds the lock.
pub fn claim<S: Owned>(slots: &[S], id: &[u8; 32], in_use: impl Fn(&S) -> bool) -> Option<usize> {
    if let Some(index) = slots.iter().position(|slot| slot.is(id)) {
        return Some(index);
    }
    let free = slots.iter().position(Owned::is_free);
    let index = free.or_else(|| slots.iter().position(|slot| !in_use(slot)))?;
    let slot = slots.get(index)?;
    slot.clear();
    for (own, word) in slot.id().0.iter().zip(words(id)) {
        own.store(word, Ordering::Release);
    }
    Some(index)
}
