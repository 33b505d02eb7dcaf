//! A worker's own timers. They hold up no shutdown, and go on while one is waited for.

use std::cell::UnsafeCell;

use nginx_sys::{ngx_connection_t, ngx_cycle, ngx_event_t};

use crate::entry::entry;
use crate::event::add_timer;
use crate::layout;

/// Calls a function when its time has come; it lives as long as the process.
pub struct Timer(&'static Parts);

/// nginx keeps pointers to both of the first.
#[repr(C)]
struct Parts {
    /// The connection that the event pretends to have: nginx's debug lines about a timer read the descriptor
    /// there.
    nobody: ngx_connection_t,
    event: UnsafeCell<ngx_event_t>,
    call: fn(),
}

impl Timer {
    /// A timer that is not set. Those that a process makes are few, and kept.
    pub fn new(call: fn()) -> Self {
        // SAFETY: all-zero is nginx's own start value of a connection.
        let mut nobody: ngx_connection_t = unsafe { std::mem::zeroed() };
        nobody.fd = -1;
        // SAFETY: all-zero is nginx's own start value of an event.
        let mut event: ngx_event_t = unsafe { std::mem::zeroed() };
        event.handler = Some(on_timer);
        layout::ngx_event_t::CANCELABLE.set(&mut event, 1);
        let event = UnsafeCell::new(event);
        Self(Box::leak(Box::new(Parts { nobody, event, call })))
    }

    /// Has the function called once, in so many milliseconds, whenever it was to be called before.
    pub fn set(&self, milliseconds: u64) {
        let event = self.0.event.get();
        // SAFETY: nginx's current cycle; this thread is the only one.
        let cycle = unsafe { ngx_cycle };
        // A single process outlives its configuration, and the log of that.
        // SAFETY: as above.
        let log = unsafe { (*cycle).log };
        // SAFETY: nginx uses the event only while it has control.
        let parts = unsafe { &mut *event };
        parts.log = log;
        parts.data = std::ptr::from_ref(self.0).cast_mut().cast();
        // SAFETY: the event lives as long as the process.
        unsafe { add_timer(event, milliseconds) };
    }
}

unsafe extern "C" fn on_timer(event: *mut ngx_event_t) {
    entry((), || {
        // SAFETY: nginx hands back the event of a timer that was set.
        let parts: *const Parts = unsafe { (*event).data }.cast();
        // SAFETY: what set() stored there, which is never freed.
        let call = unsafe { (*parts).call };
        call();
    });
}
