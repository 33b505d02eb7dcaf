//! The slots for resolvers: what all workers know of how each answers.
//!
//! A slot may go to another resolver at any moment but while the lock is held. What a worker notes without
//! it, of failures, may then reach the wrong one: the next answer mends that. A proof stays, so it is noted
//! under the lock, by way of a [`HeldResolverSlot`].

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use super::owned::{claim, get, Owned, ID};
use super::Locked;

/// Words of a slot.
pub const WORDS: usize = ID + 6;

/// One resolver, asked in one way. Its numbers may be read and changed at any time.
#[derive(Clone, Copy)]
pub struct ResolverSlot<'w> {
    words: &'w [AtomicU64; WORDS],
    /// The number of the configuration under which it last said yes to a token; see [`super::configuration`].
    proven: &'w AtomicU64,
    /// The same of a yes to anything.
    yes: &'w AtomicU64,
    /// Questions in a row that failed.
    pub failures: &'w AtomicU64,
    /// Not 0: it counts as failing.
    pub failing: &'w AtomicU64,
    /// While it fails, nobody tries it before this time.
    pub try_at: &'w AtomicU64,
    /// A due token was met lately: until then no client has to try it.
    pub at_hand_until: &'w AtomicU64,
}

impl Owned for ResolverSlot<'_> {
    fn id(&self) -> &[AtomicU64] {
        &self.words[..ID]
    }

    fn numbers(&self) -> &[AtomicU64] {
        &self.words[ID..]
    }
}

impl<'w> ResolverSlot<'w> {
    pub(super) fn new(words: &'w [AtomicU64; WORDS]) -> Self {
        let [_, _, _, _, proven, yes, failures, failing, try_at, at_hand_until] = words;
        Self {
            words,
            proven,
            yes,
            failures,
            failing,
            try_at,
            at_hand_until,
        }
    }

    /// Whether it counts as failing.
    pub fn is_failing(&self) -> bool {
        get(self.failing) != 0
    }

    /// Whether the resolver `id` has said yes to a token under the configuration of this number.
    pub fn has_proven(&self, id: &[u8; 32], configuration: u64) -> bool {
        // Whose it is is looked at last: a slot that changes hands loses its owner before its numbers.
        configuration != 0 && get(self.proven) == configuration && self.is(id)
    }

    /// Whether it has said yes to anything under that configuration.
    pub fn has_said_yes(&self, id: &[u8; 32], configuration: u64) -> bool {
        configuration != 0 && get(self.yes) == configuration && self.is(id)
    }
}

/// A resolver's own slot, which nobody takes away while the lock is held.
pub struct HeldResolverSlot<'l> {
    slot: ResolverSlot<'l>,
    locked: PhantomData<&'l Locked<'l>>,
}

impl HeldResolverSlot<'_> {
    /// It has said yes to a token under that configuration: which never takes away what is known under a
    /// later one.
    pub fn prove(&self, configuration: u64) {
        self.slot.proven.fetch_max(configuration, Ordering::AcqRel);
    }

    /// The same of a yes to anything.
    pub fn note_yes(&self, configuration: u64) {
        self.slot.yes.fetch_max(configuration, Ordering::AcqRel);
    }
}

impl Locked<'_> {
    /// The slot of a resolver, found or taken as [`claim`] says.
    pub fn claim_resolver_slot(
        &self,
        id: &[u8; 32],
        in_use: impl Fn(&ResolverSlot<'_>) -> bool,
    ) -> Option<HeldResolverSlot<'_>> {
        let (_, slot) = claim(self.area.resolver_slots(), id, in_use)?;
        Some(HeldResolverSlot {
            slot,
            locked: PhantomData,
        })
    }
}
