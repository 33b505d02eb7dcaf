//! The slots for resolvers: what all workers know of how each answers.

use std::sync::atomic::AtomicU64;

use super::owned::{claim, Id, Owned};
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

impl Owned for ResolverSlot {
    fn id(&self) -> &Id {
        &self.id
    }

    fn numbers(&self) -> impl Iterator<Item = &AtomicU64> {
        [&self.proven, &self.failures, &self.failing, &self.try_at].into_iter()
    }
}

impl Locked {
    /// The slot of a resolver, as [`claim`] finds it.
    pub fn claim_resolver(
        &self,
        id: &[u8; 32],
        in_use: impl Fn(&ResolverSlot) -> bool,
    ) -> Option<&'static ResolverSlot> {
        let slots = resolver_slots();
        slots.get(claim(slots, id, in_use)?)
    }
}
