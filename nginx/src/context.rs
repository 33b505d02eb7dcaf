//! What the module remembers of a request, kept where internal redirects don't lose it.
//!
//! nginx zeroes every module's context on an internal redirect; the state therefore hangs on a clean-up of
//! the request's pool, and is found there again. It is dropped when that pool is destroyed. A request of the
//! worker's own has none: its context is what `background` knows of it.

use std::ffi::c_void;
use std::ptr::{self, fn_addr_eq, NonNull};

use nginx_sys::ngx_pool_cleanup_pt;

use crate::entry::entry;
use crate::module;
use crate::no_peer::is_ours as is_own;
use crate::pool::OutOfMemory;
use crate::request::Request;

/// What the module remembers of a request.
///
/// # Safety
/// One type of the program implements it, and no other.
pub unsafe trait State: 'static {}

/// The address of one of these stands where the state would, in a request that is marked and has none: its
/// index is what is noted, one bit each.
static MARKS: [u8; 8] = [0; 8];

/// The request was let pass.
const PASSED: usize = 1;
/// An internal redirect had led to the place where it was marked.
const REDIRECTED: usize = 2;
/// It is only noted how it came there.
const NOTED: usize = 4;

/// Which of the marks it is.
fn mark_of(state: *mut c_void) -> Option<usize> {
    let first: *const [u8; 8] = &raw const MARKS;
    Some(state.addr().wrapping_sub(first.addr())).filter(|index| *index < MARKS.len())
}

fn content(request: Request<'_>) -> Option<*mut c_void> {
    // SAFETY: as in find().
    module_context(request).map(|slot| unsafe { *slot.as_ptr() })
}

/// Whether the request was marked since nginx last forgot what modules know of it, and has no state.
pub fn is_marked(request: Request<'_>) -> bool {
    let mark = content(request).and_then(mark_of);
    mark.is_some_and(|mark| mark & NOTED == 0)
}

/// Whether it was let pass since then, and has no state.
pub fn has_passed(request: Request<'_>) -> bool {
    let mark = content(request).and_then(mark_of);
    mark.is_some_and(|mark| mark & PASSED != 0)
}

/// Whether an internal redirect has led a request without a state here; `rewrite` is none. Of one of which
/// that was not noted, whether it may have.
pub fn is_redirected(request: Request<'_>) -> bool {
    match content(request).and_then(mark_of) {
        Some(mark) => mark & REDIRECTED != 0,
        None => request.is_internal(),
    }
}

/// Marks a request that has no state: nginx forgets it with an internal redirect.
pub fn mark(request: Request<'_>) {
    set_mark(request, way_of(request));
}

/// Notes of a request that is not marked whether an internal redirect has led it here, before `rewrite` is
/// heard.
pub fn note_way(request: Request<'_>) {
    if content(request).is_some_and(|content| content.is_null()) {
        set_mark(request, NOTED | way_of(request));
    }
}

fn way_of(request: Request<'_>) -> usize {
    match request.is_internal() {
        true => REDIRECTED,
        false => 0,
    }
}

/// Marks it as one that was let pass.
pub fn mark_passed(request: Request<'_>) {
    set_mark(request, PASSED);
}

/// A request that is marked keeps what is noted; one that has a state keeps that.
fn set_mark(request: Request<'_>, noted: usize) {
    let Some(slot) = module_context(request) else {
        return;
    };
    // SAFETY: as in find().
    let state = unsafe { *slot.as_ptr() };
    let before = if state.is_null() { Some(0) } else { mark_of(state) };
    if let Some(mark) = before.and_then(|before| MARKS.get(before | noted)) {
        // SAFETY: as in find().
        unsafe { *slot.as_ptr() = ptr::from_ref(mark).cast_mut().cast() };
    }
}

/// The request's state, if it has one.
pub fn find<S: State>(request: Request<'_>) -> Option<&S> {
    let slot = module_context(request)?.as_ptr();
    // SAFETY: `slot` points into the request's array of contexts, which is as long as there are modules.
    let mut state: *mut c_void = unsafe { *slot };
    if mark_of(state).is_some() {
        state = ptr::null_mut();
    }
    if state.is_null() && request.is_internal() {
        state = search::<S>(request)?;
        // SAFETY: as above.
        unsafe { *slot = state };
    }
    if is_own(request.raw()) {
        return None;
    }
    // SAFETY: in any other request only attach() stores here, always the one type of state, which lives until
    // the pool's clean-up; shared access only.
    unsafe { state.cast::<S>().as_ref() }
}

/// Gives the request a state; it must have none yet. One of the worker's own gets none.
pub fn attach<S: State>(request: Request<'_>, state: S) -> Result<&S, OutOfMemory> {
    let slot = module_context(request).filter(|_| !is_own(request.raw()));
    let slot = slot.ok_or(OutOfMemory)?;
    // SAFETY: drop_state() takes what is an `S`.
    let state = unsafe { request.pool()?.store_until(state, drop_state::<S>) }?;
    // SAFETY: as in find().
    unsafe { *slot.as_ptr() = state.as_ptr().cast() };
    // SAFETY: just written, dropped only by the clean-up.
    Ok(unsafe { state.as_ref() })
}

/// `None` in a request that another module has made by hand without any.
fn module_context(request: Request<'_>) -> Option<NonNull<*mut c_void>> {
    let contexts = NonNull::new(request.raw().ctx)?;
    // SAFETY: r->ctx has an entry for every HTTP module; ours is among them.
    Some(unsafe { contexts.add(module::ctx_index()) })
}

fn search<S: State>(request: Request<'_>) -> Option<*mut c_void> {
    let mut clean_ups = request.pool().ok()?.clean_ups();
    let state = clean_ups.find(|cleanup| is_ours::<S>(cleanup.handler))?;
    Some(state.data)
}

fn is_ours<S: State>(handler: ngx_pool_cleanup_pt) -> bool {
    let ours: unsafe extern "C" fn(*mut c_void) = drop_state::<S>;
    handler.is_some_and(|handler| fn_addr_eq(handler, ours))
}

// Compared by its address: inlined, it would have one in each part that the compiler makes of this crate.
#[inline(never)]
unsafe extern "C" fn drop_state<S: State>(data: *mut c_void) {
    entry((), || {
        // SAFETY: what attach() wrote; nginx runs a clean-up once, and frees the memory itself afterwards.
        unsafe { data.cast::<S>().drop_in_place() };
    });
}
