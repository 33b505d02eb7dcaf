//! The slots for resolvers: what all workers know of how each answers.
//!
//! A slot may go to another resolver at any moment but while the lock is held. What a worker notes without it, of failures, may then reach the
//! wrong one: the next answer mends that. A proof stays, so it is noted under the lock, by way of a [`HeldResolverSlot`].

use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;

use super::area::resolver_slots_of;
use super::owned::{claim, Id, Number, Owned};
use super::Locked;

/// One resolver, asked in one way. Its numbers may be read and changed at any time.
#[repr(C)]
pub struct ResolverSlot {
    id: Id,
    /// Not 0: asked this way, it has said yes to a token.
    proven: Number,
    /// Questions in a row that failed.
    pub failures: AtomicU64,
    /// Not 0: it counts as failing.
    pub failing: AtomicU64,
    /// While it fails, nobody tries it before this time.
    pub try_at: AtomicU64,
}

impl Owned for ResolverSlot {
    fn id(&self) -> &Id {
        &self.id
    }

    fn numbers(&self) -> impl Iterator<Item = &AtomicU64> {
        [&self.proven.0, &self.failures, &self.failing, &self.try_at].into_iter()
    }
}

impl ResolverSlot {
    /// Whether the resolver `id` has said yes to a token.
    pub fn has_proven(&self, id: &[u8; 32]) -> bool {
        // Whose it is is looked at last: a slot that changes hands loses its owner before its numbers.
        self.proven.get() != 0 && self.is(id)
    }
}

/// A resolver's own slot, which nobody takes away while the lock is held.
pub struct HeldResolverSlot<'l> {
    slot: &'static ResolverSlot,
    locked: PhantomData<&'l Locked>,
}

impl HeldResolverSlot<'_> {
    /// It has said yes to a token.
    pub fn prove(&self) {
        self.slot.proven.set(1);
    }

    /// For what may be read, and noted, at any time.
    pub fn slot(&self) -> &'static ResolverSlot {
        self.slot
    }
}

impl Locked {
    /// The slot of a resolver, found or taken as [`claim`] says.
    pub fn claim_resolver_slot(
        &self,
        id: &[u8; 32],
        in_use: impl Fn(&ResolverSlot) -> bool,
    ) -> Option<HeldResolverSlot<'_>> {
        let slots = resolver_slots_of(self.header);
        let slot = slots.get(claim(slots, id, in_use)?)?;
        Some(HeldResolverSlot {
            slot,
            locked: PhantomData,
        })
    }
}
