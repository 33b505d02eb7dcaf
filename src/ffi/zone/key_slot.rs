//! The slots for key sets: which set each is, what is known of fetching it, and its bytes.
//!
//! A slot may go to another set at any moment but while the lock is held. So it is written only by way of a [`HeldKeySlot`], which borrows the
//! lock and has seen whose the slot is; and what is read without the lock is read before that is looked at.

use std::cell::UnsafeCell;
use std::mem::align_of;
use std::ptr;
use std::sync::atomic::AtomicU64;

use authgear_core::jwks;

use super::area::key_slots_of;
use super::owned::{claim, Id, Number, Owned};
use super::{generation, key_slots, Locked};

/// One key set. Its bytes are copied under the lock.
#[repr(C)]
pub struct KeySlot {
    id: Id,
    /// 0: no set yet. Another number with every set that is stored.
    version: Number,
    /// When the set was stored, on the monotonic clock in milliseconds.
    fetched_at: Number,
    /// Not 0: to be fetched again whatever its age.
    due: Number,
    /// Fetches that failed since the last that did not.
    failures: Number,
    /// No fetch before this time.
    not_before: Number,
    /// No fetch for an unknown key before this time.
    no_refetch_before: Number,
    /// Somebody is fetching it, and has until then.
    lease: Number,
    /// The process that does.
    holder: Number,
    len: Number,
    /// Written and copied only under the lock.
    bytes: UnsafeCell<[u8; jwks::MAX_SERIALISED]>,
}

const _: () = assert!(align_of::<KeySlot>() == 8);

/// What is known of a key set at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// 0: no set yet. Another number with every set that is stored.
    pub version: u64,
    /// When the set was stored, on the monotonic clock in milliseconds.
    pub fetched_at: u64,
    /// To be fetched again whatever its age.
    pub is_due: bool,
    /// Fetches that failed since the last that did not.
    pub failures: u64,
}

/// Where a key set's slot is; good only as long as this zone is in use.
#[derive(Clone, Copy)]
pub struct SlotRef {
    index: usize,
    generation: u64,
}

impl SlotRef {
    /// What is known of the key set `id`, if the slot is still its.
    pub fn state(self, id: &[u8; 32]) -> Option<KeyState> {
        let slot = self.slot_of(key_slots())?;
        let state = slot.state();
        // Whose they are is looked at last: a slot that changes hands loses its owner before its numbers.
        slot.is(id).then_some(state)
    }

    fn slot_of(self, slots: &'static [KeySlot]) -> Option<&'static KeySlot> {
        slots.get(self.index).filter(|_| self.generation == generation())
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
        numbers.into_iter().map(|number| &number.0)
    }
}

impl KeySlot {
    fn state(&self) -> KeyState {
        KeyState {
            version: self.version.get(),
            fetched_at: self.fetched_at.get(),
            is_due: self.due.get() != 0,
            failures: self.failures.get(),
        }
    }

    /// A reload: whoever's it is, its set is asked for again.
    pub(super) fn become_due(&self) {
        self.due.set(1);
        self.not_before.set(0);
    }

    /// Becomes a copy of another zone's slot; the caller is alone with this one.
    pub(super) fn become_copy_of(&self, other: &HeldKeySlot<'_>) {
        self.copy(other.slot);
        self.lease.set(0);
        self.fill(&other.load().1);
    }

    /// Writes the bytes of a set, as many as fit; the caller holds the lock of the slot's zone, or is alone with it.
    fn fill(&self, bytes: &[u8]) {
        let len = bytes.len().min(jwks::MAX_SERIALISED);
        let target: *mut u8 = self.bytes.get().cast();
        // SAFETY: the slot has room for them, and its bytes are only touched under the lock, which the caller holds.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), target, len) };
        self.len.set(u64::try_from(len).unwrap_or(0));
    }
}

/// A key set's own slot, which nobody takes away while the lock is held: the only way to write to it.
pub struct HeldKeySlot<'l> {
    locked: &'l Locked,
    index: usize,
    slot: &'static KeySlot,
}

impl Locked {
    /// The slot of a key set, found or taken as [`claim`] says.
    pub fn claim_key_slot(
        &self,
        id: &[u8; 32],
        in_use: impl Fn(&KeySlot) -> bool,
    ) -> Option<HeldKeySlot<'_>> {
        let slots = key_slots_of(self.header);
        let index = claim(slots, id, in_use)?;
        Some(HeldKeySlot {
            locked: self,
            index,
            slot: slots.get(index)?,
        })
    }

    /// The slot of the key set `id`, if it still is where it was.
    pub fn key_slot(&self, at: SlotRef, id: &[u8; 32]) -> Option<HeldKeySlot<'_>> {
        let slots = key_slots_of(self.header);
        let slot = at.slot_of(slots).filter(|slot| slot.is(id))?;
        Some(HeldKeySlot {
            locked: self,
            index: at.index,
            slot,
        })
    }

    /// Every slot that is somebody's.
    pub(super) fn taken_key_slots(&self) -> impl Iterator<Item = HeldKeySlot<'_>> {
        let slots = key_slots_of(self.header).iter().enumerate();
        let taken = slots.filter(|(_, slot)| !slot.is_free());
        taken.map(|(index, slot)| HeldKeySlot {
            locked: self,
            index,
            slot,
        })
    }
}

impl HeldKeySlot<'_> {
    /// Where to find it again.
    pub fn place(&self) -> SlotRef {
        SlotRef {
            index: self.index,
            generation: generation(),
        }
    }

    pub fn state(&self) -> KeyState {
        self.slot.state()
    }

    /// A copy of the set's bytes, and their version.
    pub fn load(&self) -> (u64, Vec<u8>) {
        let slot = self.slot;
        let len = usize::try_from(slot.len.get())
            .unwrap_or(0)
            .min(jwks::MAX_SERIALISED);
        let mut copy = vec![0; len];
        let source: *const u8 = slot.bytes.get().cast();
        // SAFETY: `len` is within the slot, and its bytes are only touched under the lock, which is held.
        unsafe { ptr::copy_nonoverlapping(source, copy.as_mut_ptr(), len) };
        (slot.version.get(), copy)
    }

    /// Stores a set's bytes under a new version, and begins to count anew. `false` when they don't fit.
    pub fn store(&self, bytes: &[u8], now: u64) -> bool {
        if bytes.len() > jwks::MAX_SERIALISED {
            return false;
        }
        let slot = self.slot;
        slot.fill(bytes);
        slot.version.set(self.locked.header.next_version());
        slot.fetched_at.set(now);
        for number in [&slot.due, &slot.failures, &slot.not_before, &slot.lease] {
            number.set(0);
        }
        true
    }

    /// A fetch failed, for so many times in a row now; none before that time.
    pub fn note_failures(&self, failures: u64, not_before: u64) {
        self.slot.failures.set(failures);
        self.slot.lease.set(0);
        self.slot.not_before.set(not_before);
    }

    /// The process `holder` fetches it, and has until then.
    pub fn lend(&self, holder: u64, until: u64) {
        self.slot.holder.set(holder);
        self.slot.lease.set(until);
    }

    /// No fetch for an unknown key before that time.
    pub fn pause_refetch(&self, until: u64) {
        self.slot.no_refetch_before.set(until);
    }

    pub fn not_before(&self) -> u64 {
        self.slot.not_before.get()
    }

    pub fn no_refetch_before(&self) -> u64 {
        self.slot.no_refetch_before.get()
    }

    /// The process that fetches it, and until when it may.
    pub fn lent(&self) -> (u64, u64) {
        (self.slot.holder.get(), self.slot.lease.get())
    }
}
