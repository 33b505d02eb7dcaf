//! What a worker does besides answering requests: its start, and its timer.

use nginx_sys::ngx_cycle_t;

use crate::ffi::{conf, tick};
use crate::keys::{self, Need};

/// A process of nginx's starts.
pub fn start(cycle: *mut ngx_cycle_t) {
    tick::start(cycle);
}

/// Once a second: fetches the key sets that are due. Another worker may be at it; a fetch that fails pauses for all.
pub fn tick() {
    for site in conf::sites() {
        if site.uses_keys && keys::is_due(site) {
            keys::fetch(site, Need::Set);
        }
    }
}
