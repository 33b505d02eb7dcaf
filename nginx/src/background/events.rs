//! What wakes a background request: the end of its subrequest, an event of its connection, its time limit.

use nginx_sys::{
    ngx_connection_t, ngx_event_t, ngx_http_finalize_request, ngx_http_request_t,
    ngx_http_run_posted_requests,
};

use super::pending::of;
use crate::entry::entry;
use crate::layout;
use crate::status::Status;

/// The main request is woken: by the end of its subrequest, or for nothing.
pub(super) unsafe extern "C" fn main_event(request: *mut ngx_http_request_t) {
    entry((), || {
        // SAFETY: nginx hands back a live request of ours, and holds no other reference.
        if unsafe { of(request) }.is_none_or(|pending| pending.first.is_some()) {
            // SAFETY: a live request of ours.
            unsafe { terminate(request) };
        }
    });
}

/// An event of the connection itself: a delay that is over, or nginx closing it at the end of a worker.
pub(super) unsafe extern "C" fn connection_event(event: *mut ngx_event_t) {
    entry((), || {
        // SAFETY: nginx hands back an event of the connection that connection::create() made.
        let event = unsafe { &mut *event };
        // SAFETY: an event's data is its connection.
        let connection = unsafe { &mut *event.data.cast::<ngx_connection_t>() };
        let request: *mut ngx_http_request_t = connection.data.cast();
        // SAFETY: a connection's data is the request that is active on it.
        let active = unsafe { &*request };
        let (main, read, write) = (active.main, active.read_event_handler, active.write_event_handler);
        // A worker that leaves closes what is idle; when its time is up, everything, and then there is an
        // error too.
        let is_closing = layout::ngx_connection_t::CLOSE.is_set(connection);
        // SAFETY: a live main request of ours, and the only reference.
        let pending = unsafe { of(main) };
        let stays = !layout::ngx_connection_t::ERROR.is_set(connection)
            && pending.is_some_and(|pending| pending.is_awaited());
        if is_closing && stays {
            layout::ngx_connection_t::CLOSE.set(connection, 0);
        } else if is_closing {
            // SAFETY: a live main request of ours.
            unsafe { terminate(main) };
        } else {
            if layout::ngx_event_t::DELAYED.is_set(event) && layout::ngx_event_t::TIMEDOUT.is_set(event) {
                layout::ngx_event_t::DELAYED.set(event, 0);
                layout::ngx_event_t::TIMEDOUT.set(event, 0);
            }
            let is_write = layout::ngx_event_t::WRITE.is_set(event);
            if let Some(handler) = if is_write { write } else { read } {
                // SAFETY: what nginx's own dispatcher does.
                unsafe { handler(request) };
            }
        }
        // SAFETY: looks at `destroyed` first.
        unsafe { ngx_http_run_posted_requests(connection) };
    });
}

/// The time limit is over.
pub(super) unsafe extern "C" fn timer_event(event: *mut ngx_event_t) {
    entry((), || {
        // SAFETY: nginx hands back the timer of a background request that is still under way.
        let request: *mut ngx_http_request_t = unsafe { (*event).data }.cast();
        // SAFETY: its main request lives as long as the timer.
        if let Some(pending) = unsafe { of(request) } {
            pending.timed_out = pending.first.is_none();
        }
        // SAFETY: a live main request of ours.
        let connection = unsafe { (*request).connection };
        // SAFETY: as above.
        unsafe { terminate(request) };
        // SAFETY: looks at `destroyed` first.
        unsafe { ngx_http_run_posted_requests(connection) };
    });
}

/// Ends the main request and with it whatever its subrequest is doing; done when the posted requests have
/// run.
///
/// # Safety
/// `main` is a live main request made by `connection::create`.
unsafe fn terminate(main: *mut ngx_http_request_t) {
    // SAFETY: the caller vouches.
    let request = unsafe { &mut *main };
    // SAFETY: a request has a connection.
    layout::ngx_connection_t::ERROR.set(unsafe { &mut *request.connection }, 1);
    // SAFETY: with `error` set nginx runs the clean-ups, the upstream's among them, and frees the request
    // from its event loop.
    unsafe { ngx_http_finalize_request(main, Status::ERROR.into()) };
}
