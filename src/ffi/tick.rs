//! A worker's own timer: it calls [`process::tick`] again and again, and holds up no shutdown.

use std::ptr;

use nginx_sys::{
    ngx_add_timer, ngx_connection_t, ngx_cycle_t, ngx_event_t, ngx_exiting, ngx_process, ngx_uint_t,
    NGX_PROCESS_SINGLE, NGX_PROCESS_WORKER,
};

use super::entry::{entry, report_panics};
use crate::process;

const FIRST_MS: usize = 1;
const PERIOD_MS: usize = 1000;

/// Starts the timer where requests are served; cache manager and loader have none.
pub fn start(cycle: *mut ngx_cycle_t) {
    report_panics();
    // SAFETY: set by nginx before it starts its processes.
    let role = unsafe { ngx_process };
    if role != NGX_PROCESS_WORKER as ngx_uint_t && role != NGX_PROCESS_SINGLE as ngx_uint_t {
        return;
    }
    // SAFETY: all-zero is nginx's own start value of an event.
    let mut event: ngx_event_t = unsafe { std::mem::zeroed() };
    event.handler = Some(on_timer);
    // SAFETY: nginx's cycle, when it starts a process.
    event.log = unsafe { (*cycle).log };
    event.set_cancelable(1);
    // SAFETY: all-zero is nginx's own start value of a connection.
    let mut nobody: ngx_connection_t = unsafe { std::mem::zeroed() };
    nobody.fd = -1;
    // nginx's debug lines about a timer read the descriptor of the connection behind it.
    event.data = ptr::from_mut(Box::leak(Box::new(nobody))).cast();
    let event: &'static mut ngx_event_t = Box::leak(Box::new(event));
    // SAFETY: the event is never freed.
    unsafe { ngx_add_timer(event, FIRST_MS) };
}

unsafe extern "C" fn on_timer(event: *mut ngx_event_t) {
    entry((), || {
        // SAFETY: nginx's flag, set by a signal between turns of the event loop.
        let leaving = unsafe { ngx_exiting } != 0;
        if leaving {
            return;
        }
        process::tick();
        // SAFETY: the event is never freed.
        unsafe { ngx_add_timer(event, PERIOD_MS) };
    });
}
