//! A worker's own timer: it calls [`process::tick`] again and again, and holds up no shutdown.

use std::cell::{OnceCell, UnsafeCell};

use nginx_sys::{
    ngx_connection_t, ngx_cycle, ngx_cycle_t, ngx_event_t, ngx_exiting, ngx_process, ngx_uint_t,
    NGX_PROCESS_SINGLE, NGX_PROCESS_WORKER,
};

use super::entry::{entry, report_panics};
use super::event::add_timer;
use super::layout;
use crate::process;

thread_local! {
    /// The one timer of this process. nginx keeps pointers to both of its parts.
    static TIMER: OnceCell<Timer> = const { OnceCell::new() };
}

/// A timer, and the connection that it pretends to have.
struct Timer {
    event: Box<UnsafeCell<ngx_event_t>>,
    connection: Box<UnsafeCell<ngx_connection_t>>,
}

const FIRST_MS: u64 = 1;
const PERIOD_MS: u64 = 1000;

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
    layout::ngx_event_t::CANCELABLE.set(&mut event, 1);
    // SAFETY: all-zero is nginx's own start value of a connection.
    let mut nobody: ngx_connection_t = unsafe { std::mem::zeroed() };
    nobody.fd = -1;
    let event = TIMER.with(|timer| {
        let timer = timer.get_or_init(|| Timer {
            event: Box::new(UnsafeCell::new(event)),
            connection: Box::new(UnsafeCell::new(nobody)),
        });
        // SAFETY: nothing else refers to the event yet.
        let event = unsafe { &mut *timer.event.get() };
        // nginx's debug lines about a timer read the descriptor of the connection behind it.
        event.data = timer.connection.get().cast();
        timer.event.get()
    });
    // SAFETY: the event lives as long as the process.
    unsafe { add_timer(event, FIRST_MS) };
}

/// Whether this worker serves the requests that it has, and no others.
pub fn is_leaving() -> bool {
    // SAFETY: nginx's flag, set by a signal between turns of the event loop.
    unsafe { ngx_exiting != 0 }
}

unsafe extern "C" fn on_timer(event: *mut ngx_event_t) {
    entry((), || {
        if is_leaving() {
            return;
        }
        process::tick();
        // SAFETY: nginx's current cycle; this thread is the only one.
        let cycle = unsafe { ngx_cycle };
        // SAFETY: as above.
        let log = unsafe { (*cycle).log };
        // A single process outlives its configuration, and the log of that.
        // SAFETY: the timer that start() made.
        unsafe { (*event).log = log };
        // SAFETY: the event lives as long as the process.
        unsafe { add_timer(event, PERIOD_MS) };
    });
}
