//! The area that holds everything: its header, where each part of it lies, and how it is laid out.
//!
//! In order: the header, slots for key sets, as many for resolvers, a table of verdicts, a table of knowledge.

use std::mem::{align_of, size_of};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use authgear_core::table::Table;
use nginx_sys::{ngx_pagesize, ngx_slab_alloc, ngx_slab_pool_t};
use ring::rand::{SecureRandom, SystemRandom};

use super::owned::Owned;
use super::{KeySlot, ResolverSlot};
use crate::ffi::{clock, layout};

const MAGIC: u64 = u64::from_be_bytes(*b"authgear");
/// Raise it with any change to what lies in the area, the records of `authgear_core` among it.
const LAYOUT: u64 = 5;
/// What nginx's slab allocator needs for itself, and then some.
const OVERHEAD: usize = 64 * 1024;
/// Slots for projects get at most this part of the zone; the rest is for what is remembered.
const SHARE: usize = 4;
/// Slots that are there at least, where they are no more than their share.
const SPARE: usize = 8;
/// One key set and one resolver.
const PROJECT: usize = size_of::<KeySlot>() + size_of::<ResolverSlot>();

/// The zone's first bytes.
#[repr(C)]
pub(super) struct Header {
    pub(super) magic: AtomicU64,
    pub(super) layout: AtomicU64,
    /// Set while somebody changes anything under the lock.
    pub(super) dirty: AtomicU64,
    /// Gives every change of a slot, and every configuration, a number that was never used before.
    pub(super) versions: AtomicU64,
    /// Slots for key sets, and as many for resolvers.
    pub(super) projects: AtomicU64,
    /// Words of each table.
    pub(super) words: AtomicU64,
    /// When it was laid out, on the monotonic clock in milliseconds; an older zone's time where its knowledge was taken over.
    pub(super) created: AtomicU64,
    /// What was known of tokens issued until then, in seconds since 1970, may be lost.
    pub(super) lost_until: AtomicU64,
    /// See [`Secret`].
    pub(super) secret: [AtomicU64; 4],
}

impl Header {
    pub(super) fn next_version(&self) -> u64 {
        self.versions.fetch_add(1, Ordering::AcqRel).saturating_add(1)
    }
}

const _: () = assert!(size_of::<Header>() == 96, "the header's layout is part of LAYOUT");
const _: () = assert!(align_of::<Header>() == 8);

/// Drawn at random when a zone is made: the places of all entries depend on it.
pub type Secret = [u64; 4];

/// What is remembered in a zone.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Verified tokens and answers: forgetting one costs work.
    pub verdicts: Table<'static>,
    /// What the resolver said of tokens.
    pub knowledge: Table<'static>,
    header: &'static Header,
}

impl Memory {
    /// What the places of its entries depend on.
    pub fn secret(&self) -> Secret {
        self.header
            .secret
            .each_ref()
            .map(|word| word.load(Ordering::Relaxed))
    }

    /// Milliseconds since it was made.
    pub fn age(&self) -> u64 {
        clock::monotonic().saturating_sub(self.header.created.load(Ordering::Acquire))
    }

    /// What was known of tokens issued until then, in seconds since 1970, may be lost.
    pub fn lost_until(&self) -> u64 {
        self.header.lost_until.load(Ordering::Acquire)
    }

    /// Notes, before it happens, that knowledge of a token issued at `iat` gets lost.
    pub fn note_loss(&self, iat: u64) {
        self.header.lost_until.fetch_max(iat, Ordering::AcqRel);
    }
}

/// The smallest zone, in bytes, that has room for so many projects: a key set and a resolver each.
pub fn smallest(projects: usize) -> usize {
    let slots = PROJECT.saturating_mul(projects.max(1)).saturating_mul(SHARE);
    // nginx describes each page of 4096 bytes in some 24 of them.
    slots.saturating_add(slots / 128).saturating_add(OVERHEAD)
}

/// How many projects an area of `size` bytes gets slots for when `needed` are there now: some more, for those of a later configuration.
fn projects_in(size: usize, needed: usize) -> usize {
    let wanted = needed.saturating_mul(2).max(SPARE);
    wanted.min(size / SHARE / PROJECT)
}

/// One allocation for everything: no slab call happens later.
pub(super) fn lay_out(slab: &mut ngx_slab_pool_t, needed: usize) -> Option<NonNull<Header>> {
    // SAFETY: set once at nginx's start.
    let page = unsafe { ngx_pagesize };
    // SAFETY: both bound the pool's pages.
    let room = usize::try_from(unsafe { slab.end.offset_from(slab.start) }).ok()?;
    layout::ngx_slab_pool_t::LOG_NOMEM.set(slab, 0);
    let mut pages = room.checked_div(page)?;
    let area = loop {
        let size = pages.checked_mul(page)?;
        // SAFETY: a pool that no worker uses yet.
        let memory = unsafe { ngx_slab_alloc(slab, size) };
        if let Some(memory) = NonNull::new(memory) {
            break (memory, size);
        }
        pages = pages.checked_sub(1).filter(|&left| left > 0)?;
    };
    let (memory, size) = area;
    let projects = projects_in(size, needed);
    let before = size_of::<Header>()
        .checked_add(projects.checked_mul(PROJECT)?)?
        .next_multiple_of(LINE);
    // Two tables, each of which begins with a line of its own.
    let lines = size.checked_sub(before)?.checked_div(LINE)?.checked_div(2)?;
    let words = lines.checked_mul(WORDS_OF_LINE)?;
    let area: NonNull<Header> = memory.cast();
    // SAFETY: larger than a header, whose fields are atomics.
    let header = unsafe { area.as_ref() };
    for number in [&header.dirty, &header.versions, &header.lost_until] {
        number.store(0, Ordering::Relaxed);
    }
    let number = |number: usize| u64::try_from(number).ok();
    header.projects.store(number(projects)?, Ordering::Relaxed);
    header.words.store(number(words)?, Ordering::Relaxed);
    header.created.store(clock::monotonic(), Ordering::Relaxed);
    let mut drawn = [0; size_of::<Secret>()];
    SystemRandom::new().fill(&mut drawn).ok()?;
    for (word, bytes) in header.secret.iter().zip(drawn.as_chunks().0) {
        word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
    }
    // What says that a place is free, alone: a large zone takes memory only as it is used.
    clear(header);
    header.layout.store(LAYOUT, Ordering::Release);
    header.magic.store(MAGIC, Ordering::Release);
    (projects >= needed && memory_of(header).is_some()).then_some(area)
}

/// Bytes of a line of the processor's cache, and words.
const LINE: usize = 64;
const WORDS_OF_LINE: usize = LINE / size_of::<u64>();

/// Leaves nothing that is remembered.
pub(super) fn clear(header: &'static Header) {
    for slot in key_slots_of(header) {
        slot.clear();
    }
    for slot in resolver_slots_of(header) {
        slot.clear();
    }
    if let Some(memory) = memory_of(header) {
        memory.knowledge.clear();
        memory.verdicts.clear();
    }
}

/// What lay_out() left in a slab pool, if it is of this layout.
pub(super) fn header_of(slab: NonNull<ngx_slab_pool_t>) -> Option<&'static Header> {
    // SAFETY: a mapped zone's pool; this field is set once, before any worker has the zone.
    let area: *const Header = unsafe { (*slab.as_ptr()).data }.cast();
    // SAFETY: null, or laid out by this module; nginx unmaps a zone only when nobody uses its configuration any more.
    let header: &Header = unsafe { area.as_ref() }?;
    let is_ours =
        header.magic.load(Ordering::Acquire) == MAGIC && header.layout.load(Ordering::Acquire) == LAYOUT;
    is_ours.then_some(header)
}

pub(super) fn projects(header: &Header) -> usize {
    usize::try_from(header.projects.load(Ordering::Acquire)).unwrap_or(0)
}

pub(super) fn key_slots_of(header: &'static Header) -> &'static [KeySlot] {
    // SAFETY: the slots stand right behind the header, in the same allocation.
    let first: *const KeySlot = unsafe { ptr::from_ref(header).add(1) }.cast();
    // SAFETY: lay_out() made room for them; all fields but the bytes are atomics, and those are only touched by copying under the lock.
    unsafe { std::slice::from_raw_parts(first, projects(header)) }
}

pub(super) fn resolver_slots_of(header: &'static Header) -> &'static [ResolverSlot] {
    let first: *const ResolverSlot = key_slots_of(header).as_ptr_range().end.cast();
    // SAFETY: they stand right behind the key sets', where lay_out() made room for them; all fields are atomics.
    unsafe { std::slice::from_raw_parts(first, projects(header)) }
}

pub(super) fn memory_of(header: &'static Header) -> Option<Memory> {
    let end: *const u8 = resolver_slots_of(header).as_ptr_range().end.cast();
    let first: *const u8 = ptr::from_ref(header).cast();
    let before = size_of::<Header>().saturating_add(projects(header).saturating_mul(PROJECT));
    let padding = before.next_multiple_of(LINE).saturating_sub(before);
    debug_assert!(end >= first);
    // SAFETY: within the area, where lay_out() made room for both tables.
    let first: *const AtomicU64 = unsafe { end.add(padding) }.cast();
    let words = usize::try_from(header.words.load(Ordering::Acquire)).ok()?;
    // SAFETY: as above; the area begins with a page, so this is aligned, and its words are only touched as atomics.
    let all = unsafe { std::slice::from_raw_parts(first, words.checked_mul(2)?) };
    let (verdicts, knowledge) = all.split_at_checked(words)?;
    Some(Memory {
        verdicts: Table::over(verdicts)?,
        knowledge: Table::over(knowledge)?,
        header,
    })
}
