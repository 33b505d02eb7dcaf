//! Which module this is, and where its own things stand in nginx's arrays.
//!
//! What enters: the module's table, once, before anything else here is called. What always holds: it is never
//! unloaded.

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::OnceLock;

use nginx_sys::{ngx_cycle_t, ngx_http_core_module, ngx_module_t, ngx_uint_t, NGX_HTTP_MODULE};

static MODULE: AtomicPtr<ngx_module_t> = AtomicPtr::new(ptr::null_mut());
static NAME: OnceLock<&'static str> = OnceLock::new();

/// Says which module this is, by its table, and by what its lines in the error log begin with. nginx's first
/// call has to come by here; later ones may.
///
/// # Safety
/// nginx has loaded a module with this table, which is never unloaded.
pub unsafe fn register(module: NonNull<ngx_module_t>, name: &'static str) {
    MODULE.store(module.as_ptr(), Ordering::Relaxed);
    NAME.get_or_init(|| name);
}

/// What the module's lines in the error log begin with.
pub(crate) fn name() -> &'static str {
    NAME.get().copied().unwrap_or_default()
}

/// The module's index in nginx's arrays of HTTP modules; numbered when nginx meets its `http` block.
pub(crate) fn ctx_index() -> usize {
    let module = MODULE.load(Ordering::Relaxed);
    // SAFETY: register() has come first, with a table that nginx writes to only while it reads its
    // configuration, when nothing else runs.
    unsafe { (*module).ctx_index }
}

/// Whether a cycle has the module: only then its arrays have an entry for it.
///
/// # Safety
/// `cycle` is null, or a cycle that nginx has completed.
pub(crate) unsafe fn is_loaded_in(cycle: *const ngx_cycle_t) -> bool {
    // SAFETY: the caller vouches for it.
    unsafe { modules_of(cycle) }.contains(&MODULE.load(Ordering::Relaxed))
}

/// Whether nobody else has the module's index. It keeps the one that it got first, being never unloaded, and
/// nginx gives that away once two reloads have been without the module.
///
/// # Safety
/// `cycle` is null, or one whose modules are all loaded.
pub(crate) unsafe fn has_own_index_in(cycle: *const ngx_cycle_t) -> bool {
    let (own, index) = (MODULE.load(Ordering::Relaxed), ctx_index());
    // SAFETY: the caller vouches for it.
    let others = unsafe { modules_of(cycle) }
        .iter()
        .filter(|module| **module != own);
    // SAFETY: a loaded module stays.
    let mut others = others.filter_map(|module| unsafe { module.as_ref() });
    !others.any(|other| other.type_ == NGX_HTTP_MODULE as ngx_uint_t && other.ctx_index == index)
}

/// # Safety
/// `cycle` is null, or stays during `'c`.
unsafe fn modules_of<'c>(cycle: *const ngx_cycle_t) -> &'c [*mut ngx_module_t] {
    // SAFETY: the caller vouches for it.
    let cycle = unsafe { cycle.as_ref() }.filter(|cycle| !cycle.modules.is_null());
    // SAFETY: the array of its modules.
    cycle.map_or(&[], |cycle| unsafe {
        slice::from_raw_parts(cycle.modules, cycle.modules_n)
    })
}

/// What marks shared memory as the module's.
pub(crate) fn tag() -> *mut c_void {
    MODULE.load(Ordering::Relaxed).cast()
}

/// The module's entry of one of nginx's arrays of configurations; `None` where somebody else has made the
/// array, or none, and left it out.
///
/// # Safety
/// The array is null or has an entry for every HTTP module, and ours is a `T`.
pub(crate) unsafe fn own_entry<T>(array: *mut *mut c_void) -> Option<NonNull<T>> {
    // SAFETY: the caller vouches for it.
    unsafe { entry_at(array, ctx_index()) }
}

/// The same of nginx's core module.
///
/// # Safety
/// The array is null or has an entry for every HTTP module, and the core module's is a `T`.
pub(crate) unsafe fn core_entry<T>(array: *mut *mut c_void) -> Option<NonNull<T>> {
    let module = &raw const ngx_http_core_module;
    // SAFETY: nginx's own module; numbered before any array is made.
    let index = unsafe { (*module).ctx_index };
    // SAFETY: the caller vouches for it.
    unsafe { entry_at(array, index) }
}

/// # Safety
/// The array is null or longer than `index`, and that entry is a `T`.
pub(crate) unsafe fn entry_at<T>(array: *mut *mut c_void, index: usize) -> Option<NonNull<T>> {
    if array.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for its length.
    let slot = unsafe { array.add(index) };
    // SAFETY: as above.
    NonNull::new(unsafe { *slot }.cast())
}
