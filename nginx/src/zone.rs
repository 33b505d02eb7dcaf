//! Memory that all workers share: one area of words, in one zone of the module's, and its lock.
//!
//! What enters: how to lay an area out, once, and to take over an earlier one. What leaves: the area of the
//! configuration in use, as atomic words that may be read at any time. What always holds: a worker that is
//! killed blocks nobody, since the lock is the slab pool's, which nginx frees; no slab call happens after the
//! area was laid out. Nobody can keep any of it: a reload in a single process unmaps it.

use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::OnceLock;

use nginx_sys::{
    ngx_conf_t, ngx_cycle, ngx_cycle_t, ngx_int_t, ngx_list_part_t, ngx_pagesize, ngx_shared_memory_add,
    ngx_shm_zone_t, ngx_shmtx_lock, ngx_shmtx_t, ngx_shmtx_unlock, ngx_slab_alloc, ngx_slab_pool_t,
    ngx_str_t,
};

use crate::conf::pool;
use crate::entry::entry;
use crate::log::{self, Level};
use crate::pool::OutOfMemory;
use crate::status::Status;
use crate::{layout, module};

/// The words of an area: it begins with a line of the processor's cache.
pub type Words<'w> = &'w [AtomicU64];

/// What a module has in its zone.
pub struct Contents {
    /// Whether the area that a running configuration has is laid out as this module does it, and has room for
    /// so many things.
    pub has_room: fn(Words<'_>, usize) -> bool,
    /// Lays a new area out, with room for so many things; `false` when it is too small. Nobody else has it
    /// yet.
    pub lay_out: fn(Words<'_>, usize) -> bool,
    /// A configuration begins to use the area, a fresh one or that of the configuration before; [`with`]
    /// still gives that of the latter. Gives the configuration's number; `None` when it can't use it.
    pub begin: fn(Words<'_>, is_fresh: bool) -> Option<u64>,
}

static CONTENTS: OnceLock<&'static Contents> = OnceLock::new();

/// The zone of the configuration in use, found anew whenever that changes: a single process outlives its
/// configuration, and a reload that fails leaves the old one in use.
static CYCLE: AtomicPtr<ngx_cycle_t> = AtomicPtr::new(ptr::null_mut());
static POOL: AtomicPtr<ngx_slab_pool_t> = AtomicPtr::new(ptr::null_mut());
/// Its number, see [`configuration`].
static CONFIGURATION: AtomicU64 = AtomicU64::new(0);
/// Goes up with every such change.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Why a zone could not be declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneError {
    /// nginx has no memory left for its configuration.
    OutOfMemory,
    /// nginx refuses it, and has said why: another one of that name has another size, say.
    Refused,
}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfMemory => "out of memory",
            Self::Refused => "nginx could not add the shared memory zone",
        })
    }
}

impl From<OutOfMemory> for ZoneError {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// Asks nginx for the zone, in postconfiguration: with room for `needed` things.
///
/// # Safety
/// `cf` is what nginx calls postconfiguration with.
pub unsafe fn declare(
    cf: NonNull<ngx_conf_t>,
    name: &str,
    size: usize,
    needed: usize,
    contents: &'static Contents,
) -> Result<(), ZoneError> {
    CONTENTS.get_or_init(|| contents);
    // SAFETY: the caller vouches for it.
    let mut name: ngx_str_t = unsafe { pool(cf) }?.keep(&[name.as_bytes()])?;
    // SAFETY: as above; the tag is the module, which is never unloaded.
    let zone = unsafe { ngx_shared_memory_add(cf.as_ptr(), &mut name, size, module::tag()) };
    // SAFETY: null or nginx's zone.
    let zone = unsafe { zone.as_mut() }.ok_or(ZoneError::Refused)?;
    zone.init = Some(init);
    // For init(), which puts the configuration's number in its place.
    zone.data = ptr::without_provenance_mut(needed);
    // A zone of another layout, or with too little room, is not taken on, whatever its size. nginx looks at
    // the new zone's flag when it decides whether to go on with the memory, and at the old one's when it
    // decides whether to free it: they must say the same, each time. SAFETY: nginx's current cycle; this
    // thread is the only one.
    let cycle = unsafe { ngx_cycle };
    // SAFETY: null, or alive.
    let old = unsafe { search(cycle) };
    // SAFETY: null, or the zone of the running cycle; nginx is in this callback alone.
    if let Some(old) = old.and_then(|old| unsafe { old.as_mut() }) {
        // SAFETY: the zone of the running cycle.
        let words = NonNull::new(old.shm.addr.cast()).and_then(|slab| unsafe { words_of(slab) });
        let has_room = words.is_some_and(|words| (contents.has_room)(words, needed));
        for zone in [zone, old] {
            set_noreuse(zone, !has_room);
        }
    }
    Ok(())
}

#[cfg(not(angie))]
fn set_noreuse(zone: &mut ngx_shm_zone_t, value: bool) {
    zone.noreuse = usize::from(value);
}

#[cfg(angie)]
fn set_noreuse(zone: &mut ngx_shm_zone_t, value: bool) {
    layout::ngx_shm_zone_t::NOREUSE.set(zone, u32::from(value));
}

unsafe extern "C" fn init(zone: *mut ngx_shm_zone_t, _: *mut c_void) -> ngx_int_t {
    entry(Status::ERROR.into(), || {
        // SAFETY: nginx hands over the zone that declare() added, mapped, with its slab pool at the start.
        let zone = unsafe { &mut *zone };
        let slab = NonNull::new(zone.shm.addr.cast());
        // What declare() left there.
        let needed = zone.data.addr();
        // SAFETY: a mapped zone, which no worker of this configuration has yet.
        let number = slab.and_then(|slab| unsafe { begin(slab, needed) });
        let number = number.and_then(|number| usize::try_from(number).ok());
        let Some(number) = number else {
            let line = format!(
                "{}: the shared memory zone is too small, or holds something else",
                module::name()
            );
            log::process(Level::Alert, &line);
            return Status::ERROR.into();
        };
        // From now on it is this number, for as long as the configuration is in use.
        zone.data = ptr::without_provenance_mut(number);
        Status::OK.into()
    })
}

/// # Safety
/// The slab pool of a mapped zone, which no worker of the configuration has yet.
unsafe fn begin(slab: NonNull<ngx_slab_pool_t>, needed: usize) -> Option<u64> {
    let contents = CONTENTS.get()?;
    // SAFETY: the workers of an earlier configuration touch no field but the mutex.
    let is_fresh = unsafe { (*slab.as_ptr()).data }.is_null();
    if is_fresh {
        // SAFETY: nobody else has a zone that is not laid out yet.
        let pool = unsafe { &mut *slab.as_ptr() };
        let area = allocate(pool)?;
        pool.data = area.as_ptr().cast();
        // SAFETY: as above.
        if !(contents.lay_out)(unsafe { words_of(slab) }?, needed) {
            pool.data = ptr::null_mut();
            return None;
        }
    }
    // SAFETY: as above, and laid out by this module.
    (contents.begin)(unsafe { words_of(slab) }?, is_fresh)
}

/// An area's first line: what says that it is one, and how many words follow that line.
#[repr(C, align(64))]
struct Head {
    mark: u64,
    words: u64,
}

const MARK: u64 = u64::from_be_bytes(*b"nginx-rs");
const WORD: usize = size_of::<AtomicU64>();

/// One allocation of all that there is.
fn allocate(slab: &mut ngx_slab_pool_t) -> Option<NonNull<Head>> {
    // SAFETY: set once at nginx's start.
    let page = unsafe { ngx_pagesize };
    // SAFETY: both bound the pool's pages.
    let room = usize::try_from(unsafe { slab.end.offset_from(slab.start) }).ok()?;
    layout::ngx_slab_pool_t::LOG_NOMEM.set(slab, 0);
    let mut pages = room.checked_div(page)?;
    let (memory, size) = loop {
        let size = pages.checked_mul(page)?;
        // SAFETY: a pool that no worker uses yet.
        if let Some(memory) = NonNull::new(unsafe { ngx_slab_alloc(slab, size) }) {
            break (memory, size);
        }
        pages = pages.checked_sub(1).filter(|&left| left > 0)?;
    };
    let words = size.checked_sub(size_of::<Head>())?.checked_div(WORD)?;
    let words = u64::try_from(words).ok()?;
    let head: NonNull<Head> = memory.cast();
    // SAFETY: at least a page, which is aligned for it.
    unsafe { head.write(Head { mark: MARK, words }) };
    Some(head)
}

/// The words behind the head of the area in a slab pool, if there is one.
///
/// # Safety
/// The slab pool of a zone of the module's, which stays mapped during `'w`.
unsafe fn words_of<'w>(slab: NonNull<ngx_slab_pool_t>) -> Option<Words<'w>> {
    // SAFETY: this field is set once, before any worker has the zone.
    let head: *const Head = unsafe { (*slab.as_ptr()).data }.cast();
    // SAFETY: null, or what allocate() has made; it is not written again.
    let count = unsafe { head.as_ref() }.filter(|head| head.mark == MARK)?.words;
    // SAFETY: the words stand right behind the head.
    let first: *const AtomicU64 = unsafe { head.add(1) }.cast();
    // SAFETY: allocate() made room for them; they are only touched as atomics.
    Some(unsafe { std::slice::from_raw_parts(first, usize::try_from(count).ok()?) })
}

/// The slab pool of the zone in use.
fn slab() -> Option<NonNull<ngx_slab_pool_t>> {
    // SAFETY: nginx's current cycle; this thread is the only one.
    let cycle = unsafe { ngx_cycle };
    if CYCLE.load(Ordering::Relaxed) != cycle {
        // SAFETY: null, or nginx's current cycle.
        let zone = unsafe { search(cycle) };
        // SAFETY: a zone of the cycle, which lives as long as it.
        let zone = zone.and_then(|zone| unsafe { zone.as_ref() });
        let pool = zone.map_or(ptr::null_mut(), |zone| zone.shm.addr.cast());
        POOL.store(pool, Ordering::Relaxed);
        let number = zone.map_or(0, |zone| zone.data.addr());
        CONFIGURATION.store(u64::try_from(number).unwrap_or(0), Ordering::Relaxed);
        CYCLE.store(cycle, Ordering::Relaxed);
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    NonNull::new(POOL.load(Ordering::Relaxed))
}

/// The module's zone in a cycle.
///
/// # Safety
/// The cycle is null or alive.
unsafe fn search(cycle: *const ngx_cycle_t) -> Option<*mut ngx_shm_zone_t> {
    // SAFETY: null before nginx has one.
    let cycle = unsafe { cycle.as_ref() }?;
    let mut next: *const ngx_list_part_t = &raw const cycle.shared_memory.part;
    // SAFETY: nginx's list of zones, its parts ended by null.
    while let Some(part) = unsafe { next.as_ref() } {
        for index in 0..part.nelts {
            // SAFETY: a part has `nelts` zones.
            let at = unsafe { part.elts.cast::<ngx_shm_zone_t>().add(index) };
            // SAFETY: as above.
            let zone = unsafe { &*at };
            if zone.tag == module::tag() && !zone.shm.addr.is_null() {
                return Some(at);
            }
        }
        next = part.next;
    }
    None
}

/// A configuration is about to take the place of another: the next cycle may lie where an earlier one lay.
pub fn forget_cycle() {
    CYCLE.store(ptr::null_mut(), Ordering::Relaxed);
}

/// The zone of the configuration in use.
#[derive(Clone, Copy)]
pub struct Zone<'w> {
    slab: NonNull<ngx_slab_pool_t>,
    words: Words<'w>,
}

/// Does something with the zone of the configuration in use, if it has one. `act` can't keep any of it: a
/// reload may end it.
pub fn with<R>(act: impl for<'w> FnOnce(Option<Zone<'w>>) -> R) -> R {
    let zone = slab().and_then(|slab| {
        // SAFETY: the zone in use; nginx unmaps it not before `act` has returned.
        let words = unsafe { words_of(slab) }?;
        Some(Zone { slab, words })
    });
    act(zone)
}

/// The number of the configuration in use, as [`Contents::begin`] gave it; 0: there is no zone.
pub fn configuration() -> u64 {
    slab().map_or(0, |_| CONFIGURATION.load(Ordering::Relaxed))
}

/// Another number with each change of the area in use.
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// The lock, held.
pub struct Lock<'w> {
    mutex: *mut ngx_shmtx_t,
    zone: PhantomData<Zone<'w>>,
}

impl<'w> Zone<'w> {
    /// Its area.
    pub fn words(self) -> Words<'w> {
        self.words
    }

    /// Takes its lock.
    pub fn lock(self) -> Lock<'w> {
        // SAFETY: a field of a mapped zone's pool.
        let mutex = unsafe { &raw mut (*self.slab.as_ptr()).mutex };
        // SAFETY: made by nginx for all its processes.
        unsafe { ngx_shmtx_lock(mutex) };
        Lock {
            mutex,
            zone: PhantomData,
        }
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // SAFETY: taken by lock() in this process, and its zone is mapped still.
        unsafe { ngx_shmtx_unlock(self.mutex) };
    }
}
