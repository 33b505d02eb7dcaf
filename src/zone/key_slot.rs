//! The slots for key sets: which set each is, what is known of fetching it, and its bytes.
//!
//! A slot may go to another set at any moment but while the lock is held. So it is written only by way of a
//! [`HeldKeySlot`], which borrows the lock and has seen whose the slot is; and what is read without the lock
//! is read before that is looked at.

use std::sync::atomic::{AtomicU64, Ordering};

use authgear_core::jwks;
use nginx::zone::generation;

use super::area::Area;
use super::owned::{claim, get, set, Owned, ID};
use super::{with, Locked};

/// Words before the bytes of a set.
const FIRST_BYTE: usize = ID + 9;
/// Words of a slot.
pub const WORDS: usize = FIRST_BYTE + jwks::MAX_SERIALISED.div_ceil(size_of::<AtomicU64>());

/// One key set. Its bytes are written and copied under the lock.
#[derive(Clone, Copy)]
pub struct KeySlot<'w> {
    words: &'w [AtomicU64; WORDS],
    /// 0: no set yet. Another number with every set that is stored.
    version: &'w AtomicU64,
    /// When the set was stored, on the monotonic clock in milliseconds.
    fetched_at: &'w AtomicU64,
    /// Not 0: to be fetched again whatever its age.
    due: &'w AtomicU64,
    /// Fetches that failed since the last that did not.
    failures: &'w AtomicU64,
    /// No fetch before this time.
    not_before: &'w AtomicU64,
    /// No fetch for an unknown key before this time.
    no_refetch_before: &'w AtomicU64,
    /// Somebody is fetching it, and has until then.
    lease: &'w AtomicU64,
    /// The process that does.
    holder: &'w AtomicU64,
    /// How many bytes the set has.
    len: &'w AtomicU64,
}

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
        with(|zone| self.slot_of(&zone?.area)?.state_of(id))
    }

    fn slot_of<'w>(self, area: &Area<'w>) -> Option<KeySlot<'w>> {
        area.key_slot(self.index)
            .filter(|_| self.generation == generation())
    }
}

impl Owned for KeySlot<'_> {
    fn id(&self) -> &[AtomicU64] {
        &self.words[..ID]
    }

    fn numbers(&self) -> &[AtomicU64] {
        &self.words[ID..FIRST_BYTE]
    }
}

impl<'w> KeySlot<'w> {
    pub(super) fn new(words: &'w [AtomicU64; WORDS]) -> Self {
        let [_, _, _, _, version, fetched_at, due, failures, not_before, no_refetch_before, lease, holder, len, ..] =
            words;
        Self {
            words,
            version,
            fetched_at,
            due,
            failures,
            not_before,
            no_refetch_before,
            lease,
            holder,
            len,
        }
    }

    fn bytes(&self) -> &'w [AtomicU64] {
        &self.words[FIRST_BYTE..]
    }

    fn state(&self) -> KeyState {
        KeyState {
            version: get(self.version),
            fetched_at: get(self.fetched_at),
            is_due: get(self.due) != 0,
            failures: get(self.failures),
        }
    }

    /// The same, if it is the slot of the key set `id`.
    pub(super) fn state_of(&self, id: &[u8; 32]) -> Option<KeyState> {
        let state = self.state();
        // Whose they are is looked at last: a slot that changes hands loses its owner before its numbers.
        self.is(id).then_some(state)
    }

    /// A reload: whoever's it is, its set is asked for again.
    pub(super) fn become_due(&self) {
        set(self.due, 1);
        set(self.not_before, 0);
    }

    /// Becomes a copy of another zone's slot; the caller is alone with this one.
    pub(super) fn become_copy_of(&self, other: &HeldKeySlot<'_>) {
        self.copy(&other.slot);
        set(self.lease, 0);
        self.fill(&other.load().1);
    }

    /// Writes the bytes of a set, as many as fit; the caller holds the lock of the slot's zone, or is alone
    /// with it.
    fn fill(&self, bytes: &[u8]) {
        let len = bytes.len().min(jwks::MAX_SERIALISED);
        let bytes = bytes.get(..len).unwrap_or_default();
        for (word, part) in self.bytes().iter().zip(bytes.chunks(size_of::<AtomicU64>())) {
            let mut padded = [0; size_of::<AtomicU64>()];
            for (byte, own) in padded.iter_mut().zip(part) {
                *byte = *own;
            }
            word.store(u64::from_ne_bytes(padded), Ordering::Relaxed);
        }
        set(self.len, u64::try_from(len).unwrap_or(0));
    }

    /// A copy of the set's bytes; the caller holds the lock of the slot's zone.
    fn copied(&self) -> Vec<u8> {
        let len = usize::try_from(get(self.len)).unwrap_or(0);
        let words = self.bytes().iter().map(|word| word.load(Ordering::Relaxed));
        words.flat_map(u64::to_ne_bytes).take(len).collect()
    }
}

/// A key set's own slot, which nobody takes away while the lock is held: the only way to write to it.
pub struct HeldKeySlot<'l> {
    locked: &'l Locked<'l>,
    index: usize,
    slot: KeySlot<'l>,
}

impl Locked<'_> {
    /// The slot of a key set, found or taken as [`claim`] says.
    pub fn claim_key_slot(
        &self,
        id: &[u8; 32],
        in_use: impl Fn(&KeySlot<'_>) -> bool,
    ) -> Option<HeldKeySlot<'_>> {
        let (index, slot) = claim(self.area.key_slots(), id, in_use)?;
        Some(HeldKeySlot {
            locked: self,
            index,
            slot,
        })
    }

    /// The slot of the key set `id`, if it still is where it was.
    pub fn key_slot(&self, at: SlotRef, id: &[u8; 32]) -> Option<HeldKeySlot<'_>> {
        let slot = at.slot_of(&self.area).filter(|slot| slot.is(id))?;
        Some(HeldKeySlot {
            locked: self,
            index: at.index,
            slot,
        })
    }

    /// Every slot that is somebody's.
    pub(super) fn taken_key_slots(&self) -> impl Iterator<Item = HeldKeySlot<'_>> {
        let slots = self.area.key_slots().enumerate();
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
    pub fn slot_ref(&self) -> SlotRef {
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
        (get(self.slot.version), self.slot.copied())
    }

    /// Stores a set's bytes under a new version, and begins to count anew. `false` when they don't fit.
    pub fn store(&self, bytes: &[u8], now: u64) -> bool {
        if bytes.len() > jwks::MAX_SERIALISED {
            return false;
        }
        let slot = self.slot;
        slot.fill(bytes);
        set(slot.version, self.locked.area.next_version());
        set(slot.fetched_at, now);
        for number in [slot.due, slot.failures, slot.not_before, slot.lease] {
            set(number, 0);
        }
        true
    }

    /// A fetch failed, for so many times in a row now; none before that time.
    pub fn note_failures(&self, failures: u64, not_before: u64) {
        set(self.slot.failures, failures);
        set(self.slot.lease, 0);
        set(self.slot.not_before, not_before);
    }

    /// The process `holder` fetches it, and has until then.
    pub fn lend(&self, holder: u64, until: u64) {
        set(self.slot.holder, holder);
        set(self.slot.lease, until);
    }

    /// No fetch for an unknown key before that time.
    pub fn pause_refetch(&self, until: u64) {
        set(self.slot.no_refetch_before, until);
    }

    pub fn not_before(&self) -> u64 {
        get(self.slot.not_before)
    }

    pub fn no_refetch_before(&self) -> u64 {
        get(self.slot.no_refetch_before)
    }

    /// The process that fetches it, and until when it may.
    pub fn lent(&self) -> (u64, u64) {
        (get(self.slot.holder), get(self.slot.lease))
    }
}
