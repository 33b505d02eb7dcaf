//! The shared memory of all workers: one area, laid out when the zone is made, of slots for key sets and resolvers and of two tables.
//!
//! What always holds: a worker killed at any moment blocks nobody, since the lock is the slab pool's, which nginx frees; what it was half
//! through changing is thrown away by the next to take the lock, since a word is set while anything changes. Numbers are atomics and may
//! be read at any time, and so may the tables. Nothing long is done under the lock.

mod area;
mod key_slot;
mod owned;
mod resolver_slot;

use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use authgear_core::table::{Entry, Rank};
use nginx_sys::{
    ngx_conf_t, ngx_cycle, ngx_cycle_t, ngx_int_t, ngx_list_part_t, ngx_shared_memory_add, ngx_shm_zone_t,
    ngx_shmtx_lock, ngx_shmtx_t, ngx_shmtx_unlock, ngx_slab_pool_t, ngx_str_t,
};
use ngx::core::Status;

pub use area::{smallest, Memory, Secret};
pub use key_slot::{HeldKeySlot, KeySlot, KeyState, SlotRef};
pub use owned::Owned;
pub use resolver_slot::{HeldResolverSlot, ResolverSlot};

use self::area::{clear, header_of, key_slots_of, lay_out, memory_of, resolver_slots_of, Header};
use super::entry::entry;
use super::log::{self, Level};
use super::{clock, module, request};
use crate::memory::put_knowledge;

/// The zone of the configuration in use, found anew whenever that changes: a single process outlives its configuration, and a reload that
/// fails leaves the old one in use.
static CYCLE: AtomicPtr<ngx_cycle_t> = AtomicPtr::new(ptr::null_mut());
static POOL: AtomicPtr<ngx_slab_pool_t> = AtomicPtr::new(ptr::null_mut());
/// Its number, see [`configuration`].
static CONFIGURATION: AtomicU64 = AtomicU64::new(0);
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

/// Asks nginx for the zone, in postconfiguration: with room for so many projects.
pub fn declare(cf: NonNull<ngx_conf_t>, name: &str, size: usize, projects: usize) -> Result<(), ZoneError> {
    // SAFETY: nginx's configuration pool, while it reads its configuration.
    let pool = unsafe { (*cf.as_ptr()).pool };
    let mut name: ngx_str_t =
        request::keep(pool, &[name.as_bytes()]).map_err(|_| ZoneError("out of memory"))?;
    // SAFETY: as above; the tag is this module, which is never unloaded.
    let zone = unsafe { ngx_shared_memory_add(cf.as_ptr(), &mut name, size, module::tag()) };
    // SAFETY: null or nginx's zone.
    let zone = unsafe { zone.as_mut() }.ok_or(ZoneError("nginx could not add the shared memory zone"))?;
    zone.init = Some(init);
    // For init(), which puts the configuration's number in its place.
    zone.data = ptr::without_provenance_mut(projects);
    // A zone of another layout, or with too few slots, is not taken on, whatever its size. nginx looks at the new zone's flag when it decides
    // whether to go on with the memory, and at the old one's when it decides whether to free it: they must say the same, each time.
    // SAFETY: nginx's current cycle; this thread is the only one.
    let old = search(unsafe { ngx_cycle });
    // SAFETY: null, or the zone of the running cycle; nginx is in this callback alone.
    let old = old.and_then(|old| unsafe { old.as_mut() });
    if let Some(old) = old {
        let slab = NonNull::new(old.shm.addr.cast());
        let has_room = slab
            .and_then(header_of)
            .is_some_and(|header| area::projects(header) >= projects);
        zone.noreuse = usize::from(!has_room);
        old.noreuse = zone.noreuse;
    }
    Ok(())
}

unsafe extern "C" fn init(zone: *mut ngx_shm_zone_t, _: *mut c_void) -> ngx_int_t {
    entry(Status::NGX_ERROR.into(), || {
        // SAFETY: nginx hands over the zone that declare() added, mapped, with its slab pool at the start.
        let slab: *mut ngx_slab_pool_t = unsafe { (*zone).shm.addr }.cast();
        // SAFETY: as above; the workers of an earlier configuration touch no field but the mutex.
        let fresh = unsafe { (*slab).data }.is_null();
        // SAFETY: what declare() left there.
        let projects = unsafe { (*zone).data }.addr();
        if fresh {
            // SAFETY: nobody else has a zone that is not laid out yet.
            let slab = unsafe { &mut *slab };
            slab.data = lay_out(slab, projects).map_or(ptr::null_mut(), |area| area.as_ptr().cast());
        }
        let Some(header) = NonNull::new(slab).and_then(header_of) else {
            log::process(
                Level::Alert,
                "authgear: the shared memory zone is too small, or holds something else",
            );
            return Status::NGX_ERROR.into();
        };
        if fresh {
            take_over(header);
        }
        let number = usize::try_from(header.next_version()).unwrap_or(usize::MAX);
        // SAFETY: from now on it is this number, for as long as the configuration is in use.
        unsafe { (*zone).data = ptr::without_provenance_mut(number) };
        // A reload: whatever was fetched is asked for again, so that removing a key is a reload away.
        for slot in key_slots_of(header) {
            slot.become_due();
        }
        Status::NGX_OK.into()
    })
}

/// Copies what is known of keys, resolvers and tokens out of the zone in use into one that is to take its place, since its size is another.
fn take_over(to: &'static Header) {
    let Some(locked) = lock() else { return };
    let from = locked.header;
    to.versions
        .fetch_max(from.versions.load(Ordering::Acquire), Ordering::AcqRel);
    for (from, slot) in locked.taken_key_slots().zip(key_slots_of(to)) {
        slot.become_copy_of(&from);
    }
    let resolvers = resolver_slots_of(from).iter().filter(|slot| !slot.is_free());
    for (from, slot) in resolvers.zip(resolver_slots_of(to)) {
        slot.copy(from);
    }
    drop(locked);
    let (Some(old), Some(new)) = (memory_of(from), memory_of(to)) else {
        return;
    };
    // What is known stands where it stood.
    for (from, to) in from.secret.iter().zip(&to.secret) {
        to.store(from.load(Ordering::Acquire), Ordering::Release);
    }
    to.created
        .store(from.created.load(Ordering::Acquire), Ordering::Release);
    new.note_loss(old.lost_until());
    let now = clock::unix();
    let mut evicted = Entry::new();
    old.knowledge.each(|key, entry| {
        if entry.end() > now {
            let as_it_was = (entry.bytes(), entry.end(), entry.rank());
            let is_precious = entry.rank() == Rank::Precious;
            put_knowledge(&new, key, as_it_was, is_precious, &mut evicted);
        }
    });
}

/// The slab pool of the zone in use; its `data` is our header.
fn slab() -> Option<NonNull<ngx_slab_pool_t>> {
    // SAFETY: nginx's current cycle; this thread is the only one.
    let cycle = unsafe { ngx_cycle };
    if CYCLE.load(Ordering::Relaxed) != cycle {
        // SAFETY: null, or a zone of the cycle, which lives as long as it.
        let zone = search(cycle).and_then(|zone| unsafe { zone.as_ref() });
        let pool = zone.map_or(ptr::null_mut(), |zone| zone.shm.addr.cast());
        POOL.store(pool, Ordering::Relaxed);
        let number = zone.map_or(0, |zone| zone.data.addr());
        CONFIGURATION.store(u64::try_from(number).unwrap_or(0), Ordering::Relaxed);
        CYCLE.store(cycle, Ordering::Relaxed);
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    NonNull::new(POOL.load(Ordering::Relaxed))
}

/// Our zone in a cycle.
fn search(cycle: *const ngx_cycle_t) -> Option<*mut ngx_shm_zone_t> {
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

/// The number of the configuration in use: no other that shares this memory ever has it, and its workers all have it. 0: there is no zone.
pub fn configuration() -> u64 {
    slab().map_or(0, |_| CONFIGURATION.load(Ordering::Relaxed))
}

fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

fn header() -> Option<&'static Header> {
    header_of(slab()?)
}

/// What is remembered in the zone in use.
pub fn memory() -> Option<Memory> {
    memory_of(header()?)
}

/// All slots for key sets.
pub fn key_slots() -> &'static [KeySlot] {
    header().map_or(&[], key_slots_of)
}

/// All slots for resolvers.
pub fn resolver_slots() -> &'static [ResolverSlot] {
    header().map_or(&[], resolver_slots_of)
}

/// The lock, held. Everything that changes more than one number at a time is done with it.
pub struct Locked {
    header: &'static Header,
    mutex: NonNull<ngx_shmtx_t>,
    wiped: bool,
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
    let wiped = header.dirty.swap(1, Ordering::AcqRel) != 0;
    if wiped {
        // First the note, then the loss: who reads without the lock meets both or neither.
        header.lost_until.fetch_max(clock::unix(), Ordering::AcqRel);
        clear(header);
    }
    Some(Locked {
        header,
        mutex,
        wiped,
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
        if self.wiped {
            log::process(
                Level::Error,
                "authgear: a worker ended while it changed the shared memory: all that was remembered is forgotten",
            );
        }
    }
}
