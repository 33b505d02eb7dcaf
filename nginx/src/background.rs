//! A request of the worker's own: one subrequest to a configured location, asked for nobody's connection.
//!
//! What enters: a server, the URI of one of its exact internal locations, and the headers that the location's
//! request has. What leaves: exactly one [`Outcome`], whatever happens: an answer, a failure, the time limit,
//! the worker's end.
//!
//! It is a main request that never runs nginx's phases, on a connection with no peer, plus one ordinary
//! subrequest of it that starts where nginx looks for the location. So the server's rewrites, access rules,
//! limits and error pages never meet it, and no client's connection, body, variables or leaving has any part
//! in it. The filters (see `filter`) end its answer here.

mod connection;
mod events;
mod pending;
mod recipient;

use std::ptr::{self, NonNull};

use nginx_sys::{
    ngx_event_t, ngx_http_core_run_phases, ngx_http_post_subrequest_t, ngx_http_request_body_t,
    ngx_http_request_t, ngx_http_run_posted_requests, ngx_http_subrequest,
};

pub use self::pending::{body_filter, header_filter};
pub use self::recipient::{End, Headers, Outcome, Recipient};

use self::connection::MainRequest;
use self::events::{connection_event, main_event, timer_event};
use self::pending::{end_of_pool, subrequest_ended, Pending};
use crate::conf::ServerRef;
use crate::event::add_timer;
use crate::headers::name::HeaderName;
use crate::layout;
use crate::module;
use crate::peer::Peer;
use crate::pool::OutOfMemory;
use crate::request::Request;
use crate::status::Status;

/// What to ask, where, and for whom.
pub struct Outgoing<'o> {
    /// The server that has the location.
    pub server: ServerRef,
    /// The URI of the location.
    pub uri: &'o str,
    /// What `$host` and `$http_host` are there.
    pub host: &'o str,
    /// Its other headers, all of them: those that have a value.
    pub headers: &'o [(HeaderName, Option<&'o [u8]>)],
    /// The client that gave rise to it: its address is shown as the peer's.
    pub client: Option<&'o Peer>,
    /// How much of a body is kept; one byte more and the answer is [`End::TooLarge`].
    pub body_limit: usize,
    /// Milliseconds until it is given up.
    pub time_limit: u64,
}

/// Whether a request is one of the worker's own.
pub fn is_own(request: Request<'_>) -> bool {
    crate::no_peer::is_ours(request.raw())
}

/// No connection or memory was left to start, or a reload has ended the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotStart;

impl From<OutOfMemory> for CannotStart {
    fn from(_: OutOfMemory) -> Self {
        Self
    }
}

/// Starts one. The recipient hears of its end later, or before this returns.
pub fn start(outgoing: &Outgoing<'_>, recipient: Box<dyn Recipient>) -> Result<(), CannotStart> {
    let main = connection::create(outgoing, main_event, connection_event)?;
    match launch(&main, outgoing, recipient) {
        Ok(()) => {
            // SAFETY: starts the subrequest; afterwards everything may be gone.
            unsafe { ngx_http_run_posted_requests(main.connection()) };
            Ok(())
        }
        Err(error) => {
            main.discard();
            Err(error)
        }
    }
}

fn launch(
    main: &MainRequest,
    outgoing: &Outgoing<'_>,
    recipient: Box<dyn Recipient>,
) -> Result<(), CannotStart> {
    let pool = main.pool()?;
    let subrequest = subrequest(main, outgoing)?;
    let mut timer = pool.zeroed()?;
    let ready = Pending::new(main, timer, outgoing.body_limit, recipient);
    // SAFETY: end_of_pool() takes what is a `Pending`.
    let pending = unsafe { pool.store_until(ready, end_of_pool) }?.as_ptr();
    for request in [main.as_ptr(), subrequest] {
        // SAFETY: both requests are alive.
        let contexts = unsafe { (*request).ctx };
        // SAFETY: the array has an entry for every module.
        let slot = unsafe { contexts.add(module::ctx_index()) };
        // SAFETY: as above.
        unsafe { *slot = pending.cast() };
    }
    // SAFETY: fresh memory.
    let event: &mut ngx_event_t = unsafe { timer.as_mut() };
    event.data = main.as_ptr().cast();
    event.handler = Some(timer_event);
    // SAFETY: it has a connection, made by connection::create().
    event.log = unsafe { (*main.connection()).log };
    // SAFETY: the event lives in the pool until its clean-up, which takes it out of the tree.
    unsafe { add_timer(event, outgoing.time_limit) };
    Ok(())
}

/// The one subrequest, ready to look for its location.
fn subrequest(main: &MainRequest, outgoing: &Outgoing<'_>) -> Result<*mut ngx_http_request_t, CannotStart> {
    let pool = main.pool()?;
    let mut uri = pool.keep(&[outgoing.uri.as_bytes()])?;
    let post = pool.store(ngx_http_post_subrequest_t {
        handler: Some(subrequest_ended),
        data: ptr::null_mut(),
    })?;
    let post = post.as_ptr();
    let mut made: *mut ngx_http_request_t = ptr::null_mut();
    // SAFETY: a live main request, and strings that live in its pool.
    let rc = unsafe { ngx_http_subrequest(main.as_ptr(), &mut uri, ptr::null_mut(), &mut made, post, 0) };
    let made = NonNull::new(made)
        .filter(|_| Status(rc).is_ok())
        .ok_or(CannotStart)?;
    let body: NonNull<ngx_http_request_body_t> = pool.zeroed()?;
    let at = main.find_config_index().ok_or(CannotStart)?;
    // SAFETY: made by nginx just now, not yet running.
    let request = unsafe { &mut *made.as_ptr() };
    request.request_body = body.as_ptr();
    request.phase_handler = at;
    request.write_event_handler = Some(ngx_http_core_run_phases);
    layout::ngx_http_request_t::VALID_LOCATION.set(request, 1);
    layout::ngx_http_request_t::FILTER_NEED_IN_MEMORY.set(request, 1);
    Ok(made.as_ptr())
}
