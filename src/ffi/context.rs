//! What this module remembers of a request, kept where internal redirects don't lose it.
//!
//! nginx zeroes every module's context on an internal redirect; the state therefore hangs on a clean-up of the request's pool, and is found
//! there again. It is dropped when that pool is destroyed.

use std::ffi::c_void;
use std::mem::{align_of, size_of};
use std::ptr::{self, fn_addr_eq, NonNull};

use nginx_sys::{ngx_pool_cleanup_add, ngx_pool_cleanup_pt, ngx_pool_cleanup_t};

use super::entry::entry;
use super::module;
use super::request::{OutOfMemory, Request};
use crate::handler::State;

/// Its address stands where the state would, in a request that has none and of which everything was taken out that a client must not send.
static STRIPPED: u8 = 0;

fn stripped() -> *mut c_void {
    (&raw const STRIPPED).cast_mut().cast()
}

/// Whether everything was taken out since nginx last forgot what modules know of the request: then nobody but a configuration's own directives
/// can have put anything in.
pub fn is_stripped(request: Request<'_>) -> bool {
    // SAFETY: as in find().
    module_context(request).is_some_and(|slot| ptr::eq(unsafe { *slot.as_ptr() }, stripped()))
}

/// Remembers that everything was taken out.
pub fn set_stripped(request: Request<'_>) {
    let Some(slot) = module_context(request) else {
        return;
    };
    // SAFETY: as in find().
    if unsafe { *slot.as_ptr() }.is_null() {
        // SAFETY: as in find().
        unsafe { *slot.as_ptr() = stripped() };
    }
}

/// The request's state, if it has one.
pub fn find(request: Request<'_>) -> Option<&State> {
    let slot = module_context(request)?.as_ptr();
    // SAFETY: `slot` points into the request's array of contexts, which is as long as there are modules.
    let mut state: *mut c_void = unsafe { *slot };
    if ptr::eq(state, stripped()) {
        state = ptr::null_mut();
    }
    if state.is_null() && request.is_internal() {
        state = search(request)?;
        // SAFETY: as above.
        unsafe { *slot = state };
    }
    // SAFETY: only attach() stores here, always a State that lives until the pool's clean-up; shared access only.
    unsafe { state.cast::<State>().as_ref() }
}

/// Gives the request a state; it must have none yet.
pub fn attach(request: Request<'_>, state: State) -> Result<&State, OutOfMemory> {
    let slot = module_context(request).ok_or(OutOfMemory)?;
    let pool = NonNull::new(request.pool()).ok_or(OutOfMemory)?;
    // SAFETY: the request's own pool.
    let cleanup = unsafe { ngx_pool_cleanup_add(pool.as_ptr(), size_of::<State>()) };
    // SAFETY: null or a fresh entry of the pool.
    let cleanup = unsafe { cleanup.as_mut() }.ok_or(OutOfMemory)?;
    let place: *mut State = cleanup.data.cast();
    // SAFETY: room for one, which nginx's pool aligns for a pointer.
    unsafe { place.write(state) };
    cleanup.handler = Some(drop_state);
    // SAFETY: as in find().
    unsafe { *slot.as_ptr() = place.cast() };
    // SAFETY: just written, dropped only by the clean-up.
    Ok(unsafe { &*place })
}

/// nginx's pools align for a pointer, and no further.
const _: () = assert!(align_of::<State>() <= align_of::<*mut c_void>());

/// `None` in a request that another module has made by hand without any.
fn module_context(request: Request<'_>) -> Option<NonNull<*mut c_void>> {
    let contexts = NonNull::new(request.raw().ctx)?;
    // SAFETY: r->ctx has an entry for every HTTP module; ours is among them.
    Some(unsafe { contexts.add(module::ctx_index()) })
}

fn search(request: Request<'_>) -> Option<*mut c_void> {
    // SAFETY: null, or the request's own pool.
    let mut next: *mut ngx_pool_cleanup_t = unsafe { request.pool().as_ref() }?.cleanup;
    // SAFETY: the pool's list of clean-ups, ended by null.
    while let Some(cleanup) = unsafe { next.as_ref() } {
        if is_ours(cleanup.handler) {
            return Some(cleanup.data);
        }
        next = cleanup.next;
    }
    None
}

fn is_ours(handler: ngx_pool_cleanup_pt) -> bool {
    let ours: unsafe extern "C" fn(*mut c_void) = drop_state;
    handler.is_some_and(|handler| fn_addr_eq(handler, ours))
}

// Compared by its address: inlined, it would have one in each part that the compiler makes of this crate.
#[inline(never)]
unsafe extern "C" fn drop_state(data: *mut c_void) {
    entry((), || {
        // SAFETY: what attach() wrote; nginx runs a clean-up once, and frees the memory itself afterwards.
        unsafe { data.cast::<State>().drop_in_place() };
    });
}
