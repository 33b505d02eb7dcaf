//! The slots for key sets: which set each is, what is known of fetching it, and its bytes.

use std::cell::UnsafeCell;
use std::mem::align_of;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use authgear_core::jwks;

use super::owned::{claim, Id, Owned};
use super::{generation, key_slots, Locked};

/// One key set. Its numbers may be read at any time; its bytes are copied under the lock.
#[repr(C)]
pub struct KeySlot {
    id: Id,
    /// 0: no set yet. Another number with every set that is stored.
    pub version: AtomicU64,
    /// When the set was stored, on the monotonic clock in milliseconds.
    pub fetched_at: AtomicU64,
    /// Not 0: to be fetched again whatever its age.
    pub due: AtomicU64,
    /// Fetches that failed since the last that did not.
    pub failures: AtomicU64,
    /// No fetch before this time.
    pub not_before: AtomicU64,
    /// No fetch for an unknown key before this time.
    pub no_refetch_before: AtomicU64,
    /// Somebody is fetching it, and has until then.
    pub lease: AtomicU64,
    /// The process that does.
    pub holder: AtomicU64,
    len: AtomicU64,
    /// Written and copied only under the lock.
    bytes: UnsafeCell<[u8; jwks::MAX_SERIALISED]>,
}

const _: () = assert!(align_of::<KeySlot>() == 8);

/// Where a key set's slot is; good only as long as this zone is in use.
#[derive(Clone, Copy)]
pub struct SlotRef {
    index: usize,
    generation: u64,
}

impl SlotRef {
    /// The slot, if it still belongs to the key set `id`.
    pub fn get(self, id: &[u8; 32]) -> Option<&'static KeySlot> {
        let slots = key_slots();
        if self.generation != generation() {
            return None;
        }
        slots.get(self.index).filter(|slot| slot.is(id))
    }
}

impl Owned for KeySlot {
    fn id(&self) -> &Id {
        &self.id
    }

    fn numbers(&self) -> impl Iterator<Item = &AtomicU64> {
        let numbers = [
            &self.version,
            &self.fetched_at,
            &self.due,
            &self.failures,
            &self.not_before,
            &self.no_refetch_before,
            &self.lease,
            &self.holder,
            &self.len,
        ];
        numbers.into_iter()
    }
}

impl KeySlot {
    /// Becomes a copy of another zone's slot, whose bytes these are; the caller is alone with this one.
    pub(super) fn become_copy_of(&self, other: &Self, bytes: &[u8]) {
        self.copy(other);
        self.lease.store(0, Ordering::Release);
        self.fill(bytes);
    }

    /// Writes the bytes of a set, as many as fit; the caller holds the lock of the slot's zone, or is alone with it.
    fn fill(&self, bytes: &[u8]) {
        let len = bytes.len().min(jwks::MAX_SERIALISED);
        let target: *mut u8 = self.bytes.get().cast();
        // SAFETY: the slot has room for them, and its bytes are only touched under the lock, which the caller holds.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), target, len) };
        self.len.store(u64::try_from(len).unwrap_or(0), Ordering::Release);
    }
}

impl Locked {
    /// The slot of a key set, as [`claim`] finds it.
    pub fn claim(&self, id: &[u8; 32], in_use: impl Fn(&KeySlot) -> bool) -> Option<SlotRef> {
        let index = claim(key_slots(), id, in_use)?;
        Some(SlotRef {
            index,
            generation: generation(),
        })
    }

    /// Stores a set's bytes under a new version. `false` when they don't fit.
    pub fn store(&self, slot: &KeySlot, bytes: &[u8]) -> bool {
        if bytes.len() > jwks::MAX_SERIALISED {
            return false;
        }
        slot.fill(bytes);
        slot.version.store(self.next_version(), Ordering::Release);
        true
    }

    /// A copy of a set's bytes, and their version.
    pub fn load(&self, slot: &KeySlot) -> (u64, Vec<u8>) {
        let len = usize::try_from(slot.len.load(Ordering::Acquire))
            .unwrap_or(0)
            .min(jwks::MAX_SERIALISED);
        let mut copy = vec![0; len];
        let source: *const u8 = slot.bytes.get().cast();
        // SAFETY: `len` is within the slot, and its bytes are only touched under the lock, which is held.
        unsafe { ptr::copy_nonoverlapping(source, copy.as_mut_ptr(), len) };
        (slot.version.load(Ordering::Acquire), copy)
    }
}
