//! Work that is put off until the event loop's next turn: what hears of an errand's end runs while nginx
//! takes that errand apart, and starts nothing there.

use std::cell::{OnceCell, RefCell, UnsafeCell};
use std::mem;

use nginx_sys::{ngx_cycle, ngx_event_t};

use crate::entry::entry;
use crate::event::post;

type Task = Box<dyn FnOnce()>;

thread_local! {
    static TASKS: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
    /// The one event of this process. nginx keeps a pointer to it while it is posted.
    static EVENT: OnceCell<Box<UnsafeCell<ngx_event_t>>> = const { OnceCell::new() };
}

/// Has `task` run by the event loop, before it waits again.
pub fn run(task: impl FnOnce() + 'static) {
    TASKS.with_borrow_mut(|tasks| tasks.push(Box::new(task)));
    let event = EVENT.with(|event| {
        // SAFETY: all-zero is nginx's own start value of an event.
        let event = event.get_or_init(|| Box::new(UnsafeCell::new(unsafe { mem::zeroed() })));
        event.get()
    });
    // SAFETY: nginx's current cycle; this thread is the only one.
    let cycle = unsafe { ngx_cycle };
    // SAFETY: as above.
    let log = unsafe { (*cycle).log };
    // A single process outlives its configuration, and the log of that.
    // SAFETY: the event lives as long as the process.
    unsafe { (*event).log = log };
    // SAFETY: as above.
    unsafe { (*event).handler = Some(on_event) };
    // SAFETY: as above.
    unsafe { post(event) };
}

unsafe extern "C" fn on_event(_: *mut ngx_event_t) {
    for task in TASKS.take() {
        entry((), task);
    }
}
