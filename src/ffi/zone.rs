//! The shared memory of all workers: one area of fixed slots, laid out when the zone is made.
//!
//! What always holds: a worker killed at any moment blocks nobody, since the lock is the slab pool's, which nginx frees; what it was half
//! through changing is thrown away by the next to take the lock, since a word is set while anything changes. Numbers are atomics and may
//! be read at any time; bytes are copied under the lock. Nothing long is done under the lock.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use authgear_core::jwks;
use nginx_sys::{
    ngx_conf_t, ngx_cycle, ngx_cycle_t, ngx_int_t, ngx_list_part_t, ngx_pagesize, ngx_shared_memory_add,
    ngx_shm_zone_t, ngx_shmtx_lock, ngx_shmtx_t, ngx_shmtx_unlock, ngx_slab_alloc, ngx_slab_pool_t,
    ngx_str_t, NGX_ERROR, NGX_OK,
};

use super::entry::entry;
use super::log::{self, Level};
use super::{module, request};

const MAGIC: u64 = u64::from_be_bytes(*b"authgear");
/// Raise it with any change to [`Header`] or [`KeySlot`].
const LAYOUT: u64 = 1;
/// What nginx's slab allocator needs for itself, and then some.
const OVERHEAD: usize = 64 * 1024;
/// Key sets get at most this part of the zone; the rest is for verdicts.
const KEY_SHARE: usize = 4;

/// The zone's first bytes.
#[repr(C)]
struct Header {
    magic: AtomicU64,
    layout: AtomicU64,
    /// Set while somebody changes anything under the lock.
    dirty: AtomicU64,
    /// Gives every change of a slot a number that was never used before.
    versions: AtomicU64,
    key_slots: AtomicU64,
}

/// One key set: which it is, what is known of fetching it, and its bytes.
#[repr(C)]
pub struct KeySlot {
    id: [AtomicU64; 4],
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
    len: AtomicU64,
    /// Written and copied only under the lock.
    bytes: UnsafeCell<[u8; jwks::MAX_SERIALISED]>,
}

const _: () = assert!(size_of::<Header>() == 40, "the header's layout is part of LAYOUT");
const _: () = assert!(align_of::<KeySlot>() == 8);

/// The zone of the configuration in use, found anew whenever that changes: a single process outlives its configuration, and a reload that
/// fails leaves the old one in use.
static CYCLE: AtomicPtr<ngx_cycle_t> = AtomicPtr::new(ptr::null_mut());
static POOL: AtomicPtr<ngx_slab_pool_t> = AtomicPtr::new(ptr::null_mut());
/// Goes up with every such change.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Why a zone could not be declared.
#[derive(Debug)]
pub struct ZoneError(&'static str);

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The smallest zone, in bytes, that has room for `key_sets` fetched key sets.
pub fn smallest(key_sets: usize) -> usize {
    let keys = size_of::<KeySlot>()
        .saturating_mul(key_sets.max(1))
        .saturating_mul(KEY_SHARE);
    // nginx describes each page of 4096 bytes in some 24 of them.
    keys.saturating_add(keys / 128).saturating_add(OVERHEAD)
}

/// Asks nginx for the zone, in postconfiguration.
pub fn declare(cf: NonNull<ngx_conf_t>, name: &str, size: usize, _key_sets: usize) -> Result<(), ZoneError> {
    // SAFETY: nginx's configuration pool, while it reads its configuration.
    let pool = unsafe { (*cf.as_ptr()).pool };
    let mut name: ngx_str_t =
        request::keep(pool, &[name.as_bytes()]).map_err(|_| ZoneError("out of memory"))?;
    // SAFETY: as above; the tag is this module, which is never unloaded.
    let zone = unsafe { ngx_shared_memory_add(cf.as_ptr(), &mut name, size, module::tag()) };
    // SAFETY: null or nginx's zone.
    let zone = unsafe { zone.as_mut() }.ok_or(ZoneError("nginx could not add the shared memory zone"))?;
    zone.init = Some(init);
    Ok(())
}

unsafe extern "C" fn init(zone: *mut ngx_shm_zone_t, _: *mut c_void) -> ngx_int_t {
    entry(NGX_ERROR as ngx_int_t, || {
        // SAFETY: nginx hands over the zone that declare() added, mapped, with its slab pool at the start.
        let slab: *mut ngx_slab_pool_t = unsafe { (*zone).shm.addr }.cast();
        // SAFETY: as above; the workers of an earlier configuration touch no field but the mutex.
        let fresh = unsafe { (*slab).data }.is_null();
        if fresh {
            // SAFETY: nobody else has a zone that is not laid out yet.
            let slab = unsafe { &mut *slab };
            slab.data = lay_out(slab).map_or(ptr::null_mut(), |area| area.as_ptr().cast());
        }
        let header = NonNull::new(slab).and_then(header_of);
        if let Some(header) = header.filter(|_| fresh) {
            take_over(header);
        }
        let Some(header) = header else {
            log::process(
                Level::Alert,
                "authgear: the shared memory zone is too small, or holds something else",
            );
            return NGX_ERROR as ngx_int_t;
        };
        // A reload: whatever was fetched is asked for again, so that removing a key is a reload away.
        for slot in key_slots_of(header) {
            slot.due.store(1, Ordering::Release);
            slot.not_before.store(0, Ordering::Release);
        }
        NGX_OK as ngx_int_t
    })
}

/// Copies what is known of keys out of the zone in use into one that is to take its place, since its size is another.
fn take_over(to: &'static Header) {
    let Some(locked) = lock() else { return };
    let sets = key_slots().iter().filter(|slot| !slot.is_free());
    for (from, slot) in sets.zip(key_slots_of(to)) {
        let (version, bytes) = locked.load(from);
        for (word, old) in slot.numbers().iter().zip(from.numbers()) {
            word.store(old.load(Ordering::Acquire), Ordering::Release);
        }
        slot.lease.store(0, Ordering::Release);
        slot.fill(&bytes);
        to.versions.fetch_max(version, Ordering::AcqRel);
    }
}

/// One allocation for everything: no slab call happens later.
fn lay_out(slab: &mut ngx_slab_pool_t) -> Option<NonNull<Header>> {
    // SAFETY: set once at nginx's start.
    let page = unsafe { ngx_pagesize };
    // SAFETY: both bound the pool's pages.
    let room = usize::try_from(unsafe { slab.end.offset_from(slab.start) }).ok()?;
    slab.set_log_nomem(0);
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
    let slots = size.checked_div(KEY_SHARE)?.checked_div(size_of::<KeySlot>())?;
    let area: NonNull<Header> = memory.cast();
    // SAFETY: larger than a header, whose fields are atomics.
    let header = unsafe { area.as_ref() };
    header.dirty.store(0, Ordering::Relaxed);
    header.versions.store(0, Ordering::Relaxed);
    header
        .key_slots
        .store(u64::try_from(slots).ok()?, Ordering::Relaxed);
    // The numbers alone: a large zone takes memory only as it is used.
    for slot in key_slots_of(header) {
        slot.clear();
    }
    header.layout.store(LAYOUT, Ordering::Release);
    header.magic.store(MAGIC, Ordering::Release);
    (slots > 0).then_some(area)
}

/// What lay_out() left in a slab pool, if it is of this layout.
fn header_of(slab: NonNull<ngx_slab_pool_t>) -> Option<&'static Header> {
    // SAFETY: a mapped zone's pool; this field is set once, before any worker has the zone.
    let area: *const Header = unsafe { (*slab.as_ptr()).data }.cast();
    // SAFETY: null, or laid out by this module; nginx unmaps a zone only when nobody uses its configuration any more.
    let header: &Header = unsafe { area.as_ref() }?;
    let is_ours =
        header.magic.load(Ordering::Acquire) == MAGIC && header.layout.load(Ordering::Acquire) == LAYOUT;
    is_ours.then_some(header)
}

/// The slab pool of the zone in use; its `data` is our header.
fn slab() -> Option<NonNull<ngx_slab_pool_t>> {
    // SAFETY: nginx's current cycle; this thread is the only one.
    let cycle = unsafe { ngx_cycle };
    if CYCLE.load(Ordering::Relaxed) != cycle {
        POOL.store(search(cycle).unwrap_or(ptr::null_mut()), Ordering::Relaxed);
        CYCLE.store(cycle, Ordering::Relaxed);
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    NonNull::new(POOL.load(Ordering::Relaxed))
}

/// The pool of our zone in a cycle.
fn search(cycle: *const ngx_cycle_t) -> Option<*mut ngx_slab_pool_t> {
    // SAFETY: null before nginx has one.
    let cycle = unsafe { cycle.as_ref() }?;
    let mut next: *const ngx_list_part_t = &raw const cycle.shared_memory.part;
    // SAFETY: nginx's list of zones, its parts ended by null.
    while let Some(part) = unsafe { next.as_ref() } {
        for index in 0..part.nelts {
            // SAFETY: a part has `nelts` zones.
            let zone = unsafe { part.elts.cast::<ngx_shm_zone_t>().add(index) };
            // SAFETY: as above.
            let zone = unsafe { &*zone };
            if zone.tag == module::tag() && !zone.shm.addr.is_null() {
                return Some(zone.shm.addr.cast());
            }
        }
        next = part.next;
    }
    None
}

fn header() -> Option<&'static Header> {
    header_of(slab()?)
}

/// All slots for key sets.
pub fn key_slots() -> &'static [KeySlot] {
    header().map_or(&[], key_slots_of)
}

fn key_slots_of(header: &'static Header) -> &'static [KeySlot] {
    let count = usize::try_from(header.key_slots.load(Ordering::Acquire)).unwrap_or(0);
    // SAFETY: the slots stand right behind the header, in the same allocation.
    let first: *const KeySlot = unsafe { ptr::from_ref(header).add(1) }.cast();
    // SAFETY: lay_out() made room for `count`; all fields but the bytes are atomics, and those are only touched by copying under the lock.
    unsafe { std::slice::from_raw_parts(first, count) }
}

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
        if self.generation != GENERATION.load(Ordering::Relaxed) {
            return None;
        }
        slots.get(self.index).filter(|slot| slot.is(id))
    }
}

impl KeySlot {
    /// Whether the slot belongs to this key set.
    pub fn is(&self, id: &[u8; 32]) -> bool {
        words(id)
            .iter()
            .zip(&self.id)
            .all(|(word, slot)| slot.load(Ordering::Acquire) == *word)
    }

    /// Whether it belongs to none.
    fn is_free(&self) -> bool {
        self.id.iter().all(|word| word.load(Ordering::Acquire) == 0)
    }
}

fn words(id: &[u8; 32]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, part) in words.iter_mut().zip(id.chunks_exact(8)) {
        *word = part.try_into().map_or(0, u64::from_ne_bytes);
    }
    words
}

/// The lock, held. Everything that changes more than one number at a time is a method of it.
pub struct Locked {
    header: &'static Header,
    mutex: NonNull<ngx_shmtx_t>,
    /// Not to be sent anywhere.
    thread: PhantomData<*const ()>,
}

/// Takes the lock; `None` where there is no zone.
pub fn lock() -> Option<Locked> {
    let slab = slab()?;
    let header = header_of(slab)?;
    // SAFETY: a field of a mapped zone's pool.
    let mutex = NonNull::from(unsafe { &mut (*slab.as_ptr()).mutex });
    // SAFETY: made by nginx for all its processes.
    unsafe { ngx_shmtx_lock(mutex.as_ptr()) };
    if header.dirty.swap(1, Ordering::AcqRel) != 0 {
        for slot in key_slots() {
            slot.clear();
        }
    }
    Some(Locked {
        header,
        mutex,
        thread: PhantomData,
    })
}

impl Drop for Locked {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.header.dirty.store(0, Ordering::Release);
        }
        // SAFETY: taken by lock() in this process.
        unsafe { ngx_shmtx_unlock(self.mutex.as_ptr()) };
    }
}

impl KeySlot {
    fn clear(&self) {
        for number in self.numbers() {
            number.store(0, Ordering::Release);
        }
    }

    /// All that a slot holds, save its bytes.
    fn numbers(&self) -> [&AtomicU64; 12] {
        let [first, second, third, fourth] = &self.id;
        [
            first,
            second,
            third,
            fourth,
            &self.version,
            &self.fetched_at,
            &self.due,
            &self.failures,
            &self.not_before,
            &self.no_refetch_before,
            &self.lease,
            &self.len,
        ]
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
    /// The slot of a key set: its own, else a free one, else one whose set `in_use` does not know. `None` when all are taken.
    pub fn claim(&self, id: &[u8; 32], in_use: impl Fn(&KeySlot) -> bool) -> Option<SlotRef> {
        let slots = key_slots();
        let generation = GENERATION.load(Ordering::Relaxed);
        if let Some(index) = slots.iter().position(|slot| slot.is(id)) {
            return Some(SlotRef { index, generation });
        }
        let index = slots
            .iter()
            .position(KeySlot::is_free)
            .or_else(|| slots.iter().position(|slot| !in_use(slot)))?;
        let slot = slots.get(index)?;
        slot.clear();
        for (word, part) in slot.id.iter().zip(words(id)) {
            word.store(part, Ordering::Release);
        }
        Some(SlotRef { index, generation })
    }

    /// Stores a set's bytes under a new version. `false` when they don't fit.
    pub fn store(&self, slot: &KeySlot, bytes: &[u8]) -> bool {
        if bytes.len() > jwks::MAX_SERIALISED {
            return false;
        }
        slot.fill(bytes);
        let version = self
            .header
            .versions
            .fetch_add(1, Ordering::AcqRel)
            .saturating_add(1);
        slot.version.store(version, Ordering::Release);
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
