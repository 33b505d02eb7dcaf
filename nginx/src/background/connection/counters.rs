//! nginx's own counts of connections and requests (`stub_status`), moved as nginx moves them. Nothing where
//! it was built without.

use nginx_sys::ngx_http_request_t;

#[cfg(stat_stub)]
pub use self::counts::{closed, opened, processing};

#[cfg(not(stat_stub))]
pub fn opened() {}

#[cfg(not(stat_stub))]
pub fn closed() {}

#[cfg(not(stat_stub))]
pub fn processing(_: &mut ngx_http_request_t) {}

#[cfg(stat_stub)]
mod counts {
    use std::sync::atomic::{AtomicU64, Ordering};

    use nginx_sys::{ngx_stat_active, ngx_stat_reading, ngx_stat_writing};

    use super::ngx_http_request_t;
    use crate::layout;

    /// One of nginx's counters, shared by its processes and never freed.
    macro_rules! shared {
        ($counter:ident) => {{
            // SAFETY: set by nginx before it starts its processes.
            let counter = unsafe { $counter };
            // SAFETY: an atomic counter.
            unsafe { AtomicU64::from_ptr(counter.cast()) }
        }};
    }

    /// nginx's own count of open connections, which closing this one will lower.
    pub fn opened() {
        shared!(ngx_stat_active).fetch_add(1, Ordering::Relaxed);
    }

    pub fn closed() {
        shared!(ngx_stat_active).fetch_sub(1, Ordering::Relaxed);
    }

    /// From reading to writing, as nginx counts a request whose header has been read.
    pub fn processing(raw: &mut ngx_http_request_t) {
        shared!(ngx_stat_reading).fetch_sub(1, Ordering::Relaxed);
        shared!(ngx_stat_writing).fetch_add(1, Ordering::Relaxed);
        layout::ngx_http_request_t::STAT_READING.set(raw, 0);
        layout::ngx_http_request_t::STAT_WRITING.set(raw, 1);
    }
}
