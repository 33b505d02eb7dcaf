//! A client's request that waits in a phase, and how it is woken.
//!
//! A parked request notices that its client leaves, or has left, holds one timer that a graceful shutdown
//! waits for, and does nothing when nginx runs its phases for another reason. It is only ever woken from the
//! event loop, never from inside the stack of what it waits for.

use std::cell::{Cell, UnsafeCell};
use std::ptr::{fn_addr_eq, NonNull};
use std::rc::Rc;

use nginx_sys::{
    ngx_event_t, ngx_handle_read_event, ngx_http_block_reading, ngx_http_core_run_phases, ngx_http_request_t,
    ngx_http_run_posted_requests, ngx_http_test_reading,
};

use ngx::core::Status;

use crate::entry::entry;
use crate::event::{add_timer, delete_posted, delete_timer, is_timer_set, post};
use crate::layout;
use crate::request::Request;

/// The place where one request waits; it lives in the request's state and dies with it.
pub struct Parking {
    place: Rc<Place>,
    request: NonNull<ngx_http_request_t>,
}

/// nginx could not register for what a client does: the request fails, nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotPark;

/// Wakes one parked request, if it is still there.
pub struct Waker(Rc<Place>);

struct Place {
    event: UnsafeCell<ngx_event_t>,
    is_alive: Cell<bool>,
}

impl Parking {
    /// A place for `request`, whose state must own it.
    pub fn new(request: Request<'_>) -> Self {
        // SAFETY: all-zero is the value nginx itself gives a new ngx_event_t: null pointers, no handler, no
        // bits.
        let mut event: ngx_event_t = unsafe { std::mem::zeroed() };
        event.data = request.as_ptr().as_ptr().cast();
        event.handler = Some(on_event);
        event.log = request.log_ptr();
        Self {
            place: Rc::new(Place {
                event: UnsafeCell::new(event),
                is_alive: Cell::new(true),
            }),
            request: request.as_ptr(),
        }
    }

    fn event(&self) -> *mut ngx_event_t {
        self.place.event.get()
    }

    /// Parks the request until it is woken, its client leaves, or `milliseconds` are over.
    pub fn park(&self, milliseconds: u64) -> Result<(), CannotPark> {
        // SAFETY: the state that owns this parking lives in the request's pool, so the request is alive.
        let request = unsafe { &mut *self.request.as_ptr() };
        look_at_client(request)?;
        request.read_event_handler = Some(ngx_http_test_reading);
        request.write_event_handler = Some(parked);
        self.disarm();
        // SAFETY: the event is ours, alive until drop, and in no queue or tree after disarm().
        unsafe { add_timer(self.event(), milliseconds) };
        Ok(())
    }

    /// Whether the time was over before anybody woke the request.
    pub fn expired(&self) -> bool {
        // SAFETY: the event is ours and alive until drop.
        layout::ngx_event_t::TIMEDOUT.is_set(unsafe { &*self.event() })
    }

    /// A handle by which somebody else wakes the request.
    pub fn waker(&self) -> Waker {
        Waker(Rc::clone(&self.place))
    }

    fn disarm(&self) {
        // SAFETY: the event is ours and alive until drop.
        let event = unsafe { &mut *self.event() };
        layout::ngx_event_t::TIMEDOUT.set(event, 0);
        if is_timer_set(event) {
            // SAFETY: it stands in the timer tree.
            unsafe { delete_timer(event) };
        }
        if layout::ngx_event_t::POSTED.is_set(event) {
            // SAFETY: it stands in the queue of posted events.
            unsafe { delete_posted(event) };
        }
    }
}

impl Drop for Parking {
    fn drop(&mut self) {
        self.place.is_alive.set(false);
        self.disarm();
    }
}

impl Waker {
    /// Lets the event loop run the request's phases again.
    pub fn wake(&self) {
        if !self.0.is_alive.get() {
            return;
        }
        // SAFETY: the event's Parking is alive, and takes it out of the queue before the request goes.
        unsafe { post(self.0.event.get()) };
    }
}

/// Has nginx call the request's handler of reading, now if there is anything to be read: that its client left
/// may have come with the request, and then no event follows.
fn look_at_client(request: &ngx_http_request_t) -> Result<(), CannotPark> {
    // SAFETY: a request has a connection as long as it lives.
    let read = unsafe { (*request.connection).read };
    // SAFETY: nginx gives every connection its two events.
    if layout::ngx_event_t::READY.is_set(unsafe { &*read }) {
        // SAFETY: nginx takes the event out of the queue when it closes the connection.
        unsafe { post(read) };
        return Ok(());
    }
    // SAFETY: an event of a live connection; nginx registers it where its event method wants that.
    let rc = unsafe { ngx_handle_read_event(read, 0) };
    Status(rc).is_ok().then_some(()).ok_or(CannotPark)
}

/// A parked request's handler of write events: that its client could be written to is no reason to run its
/// phases.
// Compared by its address: inlined, it would have one in each part that the compiler makes of this crate.
#[inline(never)]
unsafe extern "C" fn parked(_: *mut ngx_http_request_t) {}

/// Whether a request is parked still. It may have gone on meanwhile, woken by its timer or led elsewhere by
/// nginx: then it has another handler.
fn is_parked(request: &ngx_http_request_t) -> bool {
    let ours: unsafe extern "C" fn(*mut ngx_http_request_t) = parked;
    request
        .write_event_handler
        .is_some_and(|handler| fn_addr_eq(handler, ours))
}

/// nginx's call when a parked request was woken or its timer ran out.
unsafe extern "C" fn on_event(event: *mut ngx_event_t) {
    entry((), || {
        // SAFETY: nginx hands back the event that it was given; drop() takes it out before it is freed.
        let event = unsafe { &mut *event };
        if is_timer_set(event) {
            // SAFETY: it stands in the timer tree.
            unsafe { delete_timer(event) };
        }
        let request: *mut ngx_http_request_t = event.data.cast();
        // SAFETY: set in new(); the request outlives the event.
        let waiting = unsafe { &mut *request };
        if !is_parked(waiting) {
            return;
        }
        waiting.read_event_handler = Some(ngx_http_block_reading);
        waiting.write_event_handler = Some(ngx_http_core_run_phases);
        let connection = waiting.connection;
        // SAFETY: what nginx itself does when an event wakes a request in its phases. The request may be gone
        // afterwards.
        unsafe { ngx_http_core_run_phases(request) };
        // SAFETY: connections are slots of the cycle and stay readable; it looks at `destroyed` first.
        unsafe { ngx_http_run_posted_requests(connection) };
    });
}
