//! The slots for resolvers: what all workers know of how each answers.

use std::sync::atomic::{AtomicU64, Ordering};

use super::area::Id;
use super::{resolver_slots, Locked};

/// One resolver, asked in one way. Its numbers may be read and changed at any time.
#[repr(C)]
pub struct ResolverSlot {
    id: Id,
    /// Not 0: asked this way, it has said yes to a token.
    pub proven: AtomicU64,
    /// Questions in a row that failed.
    pub failures: AtomicU64,
    /// Not 0: it counts as failing.
    pub failing: AtomicU64,
    /// While it fails, nobody tries it before this time.
    pub try_at: AtomicU64,
}

impl ResolverSlot {
    /// Whether the slot belongs to this resolver.
    pub fn is(&self, id: &[u8; 32]) -> bool {
        self.id.is(id)
    }

    pub(super) fn is_free(&self) -> bool {
        self.id.is_free()
    }

    pub(super) fn clear(&self) {
        self.id.clear();
        for number in self.numbers() {
            number.store(0, Ordering::Release);
        }
    }

    pub(super) fn become_copy_of(&self, other: &Self) {
        self.id.copy(&other.id);
        for (word, old) in self.numbers().iter().zip(other.numbers()) {
            word.store(old.load(Ordering::Acquire), Ordering::Release);
        }
    }

    fn numbers(&self) -> [&AtomicU64; 4] {
        [&self.proven, &self.failures, &self.failing, &self.try_at]
    }
}

impl Locked {
    /// The slot of a resolver: its own, else a free one, else one that `in_use` does not know. `None` when all are taken.
    pub fn claim_resolver(
        &self,
        id: &[u8; 32],
        in_use: impl Fn(&ResolverSlot) -> bool,
    ) -> Option<&'static ResolverSlot> {
        let slots = resolver_slots();
        if let Some(slot) = slots.iter().find(|slot| slot.is(id)) {
            return Some(slot);
        }
        let mut free = slots.iter().filter(|slot| slot.is_free());
        let slot = free.next().or_else(|| slots.iter().find(|slot| !in_use(slot)))?;
        slot.clear();
        slot.id.set(id);
        Some(slot)
    }
}
