//! nginx's own counts of connections and requests (`stub_status`), moved as nginx moves them. Nothing where it was built without.

#[cfg(stat_stub)]
use std::sync::atomic::{AtomicU64, Ordering};

use nginx_sys::ngx_http_request_t;

#[cfg(stat_stub)]
use crate::layout;

/// nginx's own count of open connections, which closing this one will lower.
#[cfg(stat_stub)]
pub fn opened() {
    // SAFETY: set by nginx before it starts its processes.
    shared(unsafe { nginx_sys::ngx_stat_active }).fetch_add(1, Ordering::Relaxed);
}

#[cfg(stat_stub)]
pub fn closed() {
    // SAFETY: as above.
    shared(unsafe { nginx_sys::ngx_stat_active }).fetch_sub(1, Ordering::Relaxed);
}

#[cfg(stat_stub)]
fn shared(counter: *mut nginx_sys::ngx_atomic_t) -> &'static AtomicU64 {
    // SAFETY: an atomic counter of nginx's, shared by its processes and never freed.
    unsafe { AtomicU64::from_ptr(counter.cast()) }
}

/// From reading to writing, as nginx counts a request whose header has been read.
#[cfg(stat_stub)]
pub fn processing(raw: &mut ngx_http_request_t) {
    // SAFETY: as above.
    shared(unsafe { nginx_sys::ngx_stat_reading }).fetch_sub(1, Ordering::Relaxed);
    // SAFETY: as above.
    shared(unsafe { nginx_sys::ngx_stat_writing }).fetch_add(1, Ordering::Relaxed);
    layout::ngx_http_request_t::STAT_READING.set(raw, 0);
    layout::ngx_http_request_t::STAT_WRITING.set(raw, 1);
}

#[cfg(not(stat_stub))]
pub fn opened() {}

#[cfg(not(stat_stub))]
pub fn closed() {}

#[cfg(not(stat_stub))]
pub fn processing(_: &mut ngx_http_request_t) {}
