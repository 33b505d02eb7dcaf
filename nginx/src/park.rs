//! A client's request that waits in a phase, and how it is woken.
//!
//! A parked request notices that its client leaves, or has left, holds one timer that a graceful shutdown
//! waits for, and does nothing when nginx runs its phases for another reason. It is only ever woken from the
//! event loop, never from inside the stack of what it waits for.

use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::ptr::{fn_addr_eq, NonNull};
use std::rc::Rc;

use nginx_sys::{
    ngx_event_t, ngx_handle_read_event, ngx_http_block_reading, ngx_http_core_run_phases, ngx_http_request_t,
    ngx_http_run_posted_requests, ngx_http_test_reading,
};

use crate::entry::entry;
use crate::event::{add_timer, delete_posted, delete_timer, is_timer_set, post};
use crate::layout;
use crate::pool::OutOfMemory;
use crate::request::Request;
use crate::status::Status;

/// The place where one request waits. Whoever has it, and however long: nothing happens there any more once
/// the request is gone.
pub struct Parking {
    place: Rc<Place>,
    request: NonNull<ngx_http_request_t>,
}

/// nginx could not register for what a client does: the request fails, nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotPark;

impl From<OutOfMemory> for CannotPark {
    fn from(_: OutOfMemory) -> Self {
        Self
    }
}

/// Wakes one parked request, if it is still there.
pub struct Waker(Rc<Place>);

struct Place {
    event: UnsafeCell<ngx_event_t>,
    stage: Cell<Stage>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The request was never parked here.
    New,
    /// Its pool ends this before the request goes.
    Alive,
    Ended,
}

impl Parking {
    /// A place for `request`.
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
                stage: Cell::new(Stage::New),
            }),
            request: request.as_ptr(),
        }
    }

    /// Parks the request, the one that this is a place for, until it is woken, its client leaves, or
    /// `milliseconds` are over.
    pub fn park(&self, request: Request<'_>, milliseconds: u64) -> Result<(), CannotPark> {
        if request.as_ptr() != self.request {
            return Err(CannotPark);
        }
        self.place.begin(request)?;
        look_at_client(request)?;
        // SAFETY: nginx has handed control to us, so nobody else uses the request now.
        let request = unsafe { &mut *request.as_ptr().as_ptr() };
        request.read_event_handler = Some(ngx_http_test_reading);
        request.write_event_handler = Some(parked);
        self.place.disarm();
        // SAFETY: alive until the request's pool ends it, and in no queue or tree after disarm().
        unsafe { add_timer(self.place.event.get(), milliseconds) };
        Ok(())
    }

    /// Whether the time was over before anybody woke the request.
    pub fn expired(&self) -> bool {
        // SAFETY: the event is ours.
        layout::ngx_event_t::TIMEDOUT.is_set(unsafe { &*self.place.event.get() })
    }

    /// A handle by which somebody else wakes the request.
    pub fn waker(&self) -> Waker {
        Waker(Rc::clone(&self.place))
    }
}

impl Drop for Parking {
    fn drop(&mut self) {
        self.place.end();
    }
}

impl Place {
    /// Has the request's pool end this before the request goes.
    fn begin(self: &Rc<Self>, request: Request<'_>) -> Result<(), CannotPark> {
        match self.stage.get() {
            Stage::Alive => return Ok(()),
            Stage::Ended => return Err(CannotPark),
            Stage::New => {}
        }
        // SAFETY: end_of_request() takes what is an `Rc<Place>`.
        unsafe { request.pool()?.store_until(Rc::clone(self), end_of_request) }?;
        self.stage.set(Stage::Alive);
        Ok(())
    }

    fn end(&self) {
        self.stage.set(Stage::Ended);
        self.disarm();
    }

    fn disarm(&self) {
        // SAFETY: the event is ours.
        let event = unsafe { &mut *self.event.get() };
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

unsafe extern "C" fn end_of_request(data: *mut c_void) {
    entry((), || {
        let place: *mut Rc<Place> = data.cast();
        // SAFETY: what begin() wrote; nginx runs a clean-up once, and frees the memory itself afterwards.
        let place = unsafe { place.read() };
        place.end();
    });
}

impl Waker {
    /// Lets the event loop run the request's phases again.
    pub fn wake(&self) {
        if self.0.stage.get() == Stage::Alive {
            // SAFETY: the request's pool takes it out of the queue before the request goes.
            unsafe { post(self.0.event.get()) };
        }
    }
}

/// Has nginx call the request's handler of reading, now if there is anything to be read: that its client left
/// may have come with the request, and then no event follows.
fn look_at_client(request: Request<'_>) -> Result<(), CannotPark> {
    let read = request.connection().ok_or(CannotPark)?.read;
    // SAFETY: null in a connection that another module has made by hand, else its event.
    if layout::ngx_event_t::READY.is_set(unsafe { read.as_ref() }.ok_or(CannotPark)?) {
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
        // SAFETY: nginx hands back the event that it was given; end() takes it out before it is freed.
        let event = unsafe { &mut *event };
        if is_timer_set(event) {
            // SAFETY: it stands in the timer tree.
            unsafe { delete_timer(event) };
        }
        let request: *mut ngx_http_request_t = event.data.cast();
        // SAFETY: set in new(); its pool takes the event out before the request goes.
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
