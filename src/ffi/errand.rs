//! A request of the worker's own: one subrequest to a configured location, asked for nobody's connection.
//!
//! What enters: a server, the URI of one of its exact internal locations, and the headers that the location's request has. What leaves:
//! exactly one [`Outcome`], whatever happens: an answer, a failure, the time limit, the worker's end.
//!
//! It is a main request that never runs nginx's phases, on a connection with no peer, plus one ordinary subrequest of it that starts
//! where nginx looks for the location. So the server's rewrites, access rules, limits and error pages never meet it, and no client's
//! connection, body, variables or leaving has any part in it. The filters (see `filter`) end its answer here.

mod events;
mod recipient;

use std::ffi::c_void;
use std::mem::{align_of, size_of};
use std::ptr::{self, addr_of_mut, NonNull};

use nginx_sys::{
    ngx_chain_t, ngx_event_t, ngx_http_conf_ctx_t, ngx_http_core_run_phases, ngx_http_post_subrequest_t,
    ngx_http_request_body_t, ngx_http_request_t, ngx_http_run_posted_requests, ngx_http_subrequest,
    ngx_int_t, ngx_pcalloc, ngx_pool_cleanup_add, ngx_pool_t,
};
use ngx::core::Status;

pub use self::recipient::{End, Headers, Outcome, Recipient};

use self::events::{connection_event, main_event, timer_event};
use super::conf::ServerRef;
use super::entry::entry;
use super::event::{add_timer, delete_timer, is_timer_set};
use super::headers::name::HeaderName;
use super::peer::Peer;
use super::request::{keep, OutOfMemory};
use super::{bare, layout, module};

/// What to ask, where, and for whom.
pub struct Order<'o> {
    pub server: ServerRef,
    /// The URI of the location.
    pub uri: &'o str,
    /// What `$host` and `$http_host` are there.
    pub host: &'o str,
    /// Its other headers, all of them: those that have a value.
    pub headers: &'o [(HeaderName, Option<&'o [u8]>)],
    /// Who gave rise to it: that address is shown as the peer's.
    pub asker: Option<&'o Peer>,
    /// How much of a body is kept; one byte more and the answer is [`End::TooLarge`].
    pub body_limit: usize,
    /// Milliseconds until it is given up.
    pub time_limit: u64,
}

/// No connection or memory was left to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotStart;

impl From<OutOfMemory> for CannotStart {
    fn from(_: OutOfMemory) -> Self {
        Self
    }
}

/// One errand under way; freed with the pool of its main request.
pub struct Errand {
    main: NonNull<ngx_http_request_t>,
    timer: ngx_event_t,
    body_limit: usize,
    header_seen: bool,
    theirs: bool,
    complete: bool,
    too_large: bool,
    timed_out: bool,
    /// What the subrequest was first finalized with.
    first: Option<ngx_int_t>,
    tried_upstream: bool,
    /// The upstream's header did not fit into the location's buffer.
    header_too_large: bool,
    status: u16,
    body: Vec<u8>,
    recipient: Option<Box<dyn Recipient>>,
}

/// Starts an errand. The recipient hears of its end later, or before this returns.
pub fn start(order: &Order<'_>, recipient: Box<dyn Recipient>) -> Result<(), CannotStart> {
    let main = bare::create(order, main_event, connection_event)?;
    match launch(main, order, recipient) {
        Ok(()) => {
            // SAFETY: the main request has a connection as long as it lives.
            let connection = unsafe { (*main.as_ptr()).connection };
            // SAFETY: starts the subrequest; afterwards everything may be gone.
            unsafe { ngx_http_run_posted_requests(connection) };
            Ok(())
        }
        Err(error) => {
            bare::discard(main);
            Err(error)
        }
    }
}

/// The errand that `request` belongs to, if it is one.
pub fn of<'e>(request: *mut ngx_http_request_t) -> Option<&'e mut Errand> {
    // SAFETY: nginx calls a filter with a live request.
    let request = unsafe { request.as_ref() }?;
    if !bare::is_bare(request.connection) {
        return None;
    }
    // SAFETY: a request's main request outlives it.
    let main = unsafe { &*request.main };
    // SAFETY: the array of contexts has an entry for every module.
    let slot = unsafe { main.ctx.add(module::ctx_index()) };
    // SAFETY: only launch() stores there.
    let errand: *mut Errand = unsafe { *slot }.cast();
    // SAFETY: what launch() wrote, until the main request's pool is destroyed; the worker is one thread and holds no other reference now.
    unsafe { errand.as_mut() }
}

fn launch(
    main: NonNull<ngx_http_request_t>,
    order: &Order<'_>,
    recipient: Box<dyn Recipient>,
) -> Result<(), CannotStart> {
    // SAFETY: just made by bare::create(); nobody else has it.
    let pool = unsafe { (*main.as_ptr()).pool };
    let subrequest = subrequest(main, pool, order)?;
    // SAFETY: the request's own pool.
    let cleanup = unsafe { ngx_pool_cleanup_add(pool, size_of::<Errand>()) };
    // SAFETY: null or fresh.
    let cleanup = unsafe { cleanup.as_mut() }.ok_or(CannotStart)?;
    // SAFETY: all-zero is nginx's own start value of an event.
    let timer: ngx_event_t = unsafe { std::mem::zeroed() };
    let errand: *mut Errand = cleanup.data.cast();
    let ready = Errand {
        main,
        timer,
        body_limit: order.body_limit,
        header_seen: false,
        theirs: false,
        complete: false,
        too_large: false,
        timed_out: false,
        first: None,
        tried_upstream: false,
        header_too_large: false,
        status: 0,
        body: Vec::new(),
        recipient: Some(recipient),
    };
    // SAFETY: room for one, which nginx's pool aligns for a pointer.
    unsafe { errand.write(ready) };
    cleanup.handler = Some(end_of_pool);
    for request in [main, subrequest] {
        // SAFETY: both requests are alive.
        let contexts = unsafe { request.as_ref() }.ctx;
        // SAFETY: the array has an entry for every module.
        let slot = unsafe { contexts.add(module::ctx_index()) };
        // SAFETY: as above.
        unsafe { *slot = errand.cast() };
    }
    // SAFETY: just written; nothing else refers to it while this function runs.
    let errand = unsafe { &mut *errand };
    errand.timer.data = main.as_ptr().cast();
    errand.timer.handler = Some(timer_event);
    // SAFETY: the main request is alive.
    let connection = unsafe { main.as_ref() }.connection;
    // SAFETY: it has a connection, made by bare::create().
    errand.timer.log = unsafe { (*connection).log };
    // SAFETY: the event lives in the pool until its clean-up, which takes it out of the tree.
    unsafe { add_timer(&mut errand.timer, order.time_limit) };
    Ok(())
}

/// The one subrequest, ready to look for its location.
fn subrequest(
    main: NonNull<ngx_http_request_t>,
    pool: *mut ngx_pool_t,
    order: &Order<'_>,
) -> Result<NonNull<ngx_http_request_t>, CannotStart> {
    let mut uri = keep(pool, &[order.uri.as_bytes()])?;
    let post: *mut ngx_http_post_subrequest_t = zeroed_in(pool)?.as_ptr();
    // SAFETY: fresh memory of that type.
    unsafe {
        post.write(ngx_http_post_subrequest_t {
            handler: Some(subrequest_ended),
            data: ptr::null_mut(),
        })
    };
    let mut made: *mut ngx_http_request_t = ptr::null_mut();
    // SAFETY: a live main request, and strings that live in its pool.
    let rc = unsafe { ngx_http_subrequest(main.as_ptr(), &mut uri, ptr::null_mut(), &mut made, post, 0) };
    let made = NonNull::new(made)
        .filter(|_| Status(rc).is_ok())
        .ok_or(CannotStart)?;
    let body: NonNull<ngx_http_request_body_t> = zeroed_in(pool)?;
    let at = bare::find_config_index(main).ok_or(CannotStart)?;
    // SAFETY: made by nginx just now, not yet running.
    let request = unsafe { &mut *made.as_ptr() };
    request.request_body = body.as_ptr();
    request.phase_handler = at;
    request.write_event_handler = Some(ngx_http_core_run_phases);
    layout::ngx_http_request_t::VALID_LOCATION.set(request, 1);
    layout::ngx_http_request_t::FILTER_NEED_IN_MEMORY.set(request, 1);
    Ok(made)
}

/// Zeroed memory for a `T` of nginx's, whose own code starts from all-zero too.
pub fn zeroed_in<T>(pool: *mut ngx_pool_t) -> Result<NonNull<T>, OutOfMemory> {
    // SAFETY: a live pool; nginx aligns for any of its structures.
    let memory = unsafe { ngx_pcalloc(pool, size_of::<T>()) };
    NonNull::new(memory.cast()).ok_or(OutOfMemory)
}

/// nginx's pools align for a pointer, and no further.
const _: () = assert!(align_of::<Errand>() <= align_of::<*mut c_void>());

impl Errand {
    fn is_awaited(&self) -> bool {
        self.recipient
            .as_ref()
            .is_some_and(|recipient| recipient.is_awaited())
    }

    /// The header filter: notes the first header, and passes nothing on.
    pub fn header(&mut self, request: *mut ngx_http_request_t) -> ngx_int_t {
        // SAFETY: nginx calls the filter with a live request; nobody else uses it meanwhile.
        let request = unsafe { &mut *request };
        layout::ngx_http_request_t::HEADER_SENT.set(request, 1);
        if self.header_seen || !self.is_first_subrequest(request) {
            return Status::NGX_OK.into();
        }
        self.header_seen = true;
        self.status = u16::try_from(request.headers_out.status).unwrap_or(0);
        // SAFETY: null, or the upstream state that lives as long as the request.
        let Some(upstream) = (unsafe { request.upstream.as_ref() }) else {
            return Status::NGX_OK.into();
        };
        if upstream.headers_in.status_n == 0 || is_cached(request) {
            return Status::NGX_OK.into();
        }
        self.theirs = true;
        self.status = u16::try_from(upstream.headers_in.status_n).unwrap_or(0);
        if let Some(recipient) = &mut self.recipient {
            recipient.header(self.status, &Headers(&upstream.headers_in.headers.part));
        }
        Status::NGX_OK.into()
    }

    /// The body filter: keeps what fits, and marks all of it as used.
    pub fn body(&mut self, request: *mut ngx_http_request_t, chain: *mut ngx_chain_t) -> ngx_int_t {
        // SAFETY: nginx calls the filter with a live request.
        let counts = unsafe { request.as_ref() }.is_some_and(|request| self.is_first_subrequest(request));
        let mut link = chain;
        // SAFETY: a chain of live buffers, ended by null.
        while let Some(current) = unsafe { link.as_ref() } {
            // SAFETY: each link has a buffer, ours to consume while the filter runs.
            let buffer = unsafe { &mut *current.buf };
            if counts {
                if buffer.pos < buffer.last {
                    // SAFETY: pos and last bound the buffer's bytes in memory.
                    let len = usize::try_from(unsafe { buffer.last.offset_from(buffer.pos) }).unwrap_or(0);
                    // SAFETY: as above.
                    self.take(unsafe { std::slice::from_raw_parts(buffer.pos, len) });
                } else if layout::ngx_buf_t::IN_FILE.is_set(buffer) && buffer.file_pos < buffer.file_last {
                    self.too_large = true;
                }
                self.complete |= layout::ngx_buf_t::LAST_BUF.is_set(buffer)
                    || layout::ngx_buf_t::LAST_IN_CHAIN.is_set(buffer);
            }
            buffer.pos = buffer.last;
            buffer.file_pos = buffer.file_last;
            link = current.next;
        }
        Status::NGX_OK.into()
    }

    fn take(&mut self, part: &[u8]) {
        if self.body.len().saturating_add(part.len()) > self.body_limit {
            self.too_large = true;
            self.body = Vec::new();
        }
        if !self.too_large {
            self.body.extend_from_slice(part);
        }
    }

    /// Whether `request` is the subrequest that was sent out, and not what a redirect has made of it since: that clears the contexts.
    fn is_first_subrequest(&self, request: &ngx_http_request_t) -> bool {
        // SAFETY: the array has an entry for every module.
        let slot = unsafe { request.ctx.add(module::ctx_index()) };
        // SAFETY: as above.
        let context = unsafe { *slot };
        ptr::eq(context.cast_const().cast(), self) && request.parent == self.main.as_ptr()
    }

    fn end(&self) -> End {
        if self.timed_out {
            return End::TimedOut;
        }
        if self.header_seen {
            return match (self.too_large, self.complete, self.theirs) {
                (true, _, _) => End::TooLarge,
                // An answer of this nginx without a body may be its header alone.
                (false, false, false) if self.body.is_empty() => End::Stored,
                (false, false, _) => End::CutShort,
                (false, true, true) => End::Answered,
                (false, true, false) => End::Stored,
            };
        }
        match (self.first, self.tried_upstream) {
            (None, _) => End::Abandoned,
            (Some(504), true) => End::TimedOut,
            (Some(500..), true) if self.header_too_large => End::HeaderTooLarge,
            (Some(500..), true) => End::Unreachable,
            (Some(_), _) => End::Redirected,
        }
    }
}

#[cfg(ngx_feature = "http_cache")]
fn is_cached(request: &ngx_http_request_t) -> bool {
    layout::ngx_http_request_t::CACHED.is_set(request)
}

#[cfg(not(ngx_feature = "http_cache"))]
fn is_cached(_: &ngx_http_request_t) -> bool {
    false
}

/// nginx's call when the subrequest is finalized: before any error page, and again after one. The first word counts.
unsafe extern "C" fn subrequest_ended(
    request: *mut ngx_http_request_t,
    _: *mut c_void,
    rc: ngx_int_t,
) -> ngx_int_t {
    entry(Status::NGX_ERROR.into(), || {
        if let Some(errand) = of(request).filter(|errand| errand.first.is_none()) {
            // SAFETY: nginx calls this with a live request.
            let upstream = unsafe { (*request).upstream };
            // SAFETY: null, or the upstream state that lives as long as the request.
            let upstream = unsafe { upstream.as_ref() };
            errand.first = Some(rc);
            errand.tried_upstream = upstream.is_some();
            errand.header_too_large = upstream.is_some_and(|upstream| {
                // nginx gives up on a header once its buffer is full, and says no more of it.
                upstream.headers_in.status_n != 0 && upstream.buffer.last == upstream.buffer.end
            });
        }
        Status::NGX_OK.into()
    })
}

unsafe extern "C" fn end_of_pool(data: *mut c_void) {
    entry((), || {
        let place: *mut Errand = data.cast();
        // SAFETY: what launch() wrote, in the pool that is about to go; nobody else refers to it now.
        let errand = unsafe { &mut *place };
        if is_timer_set(&errand.timer) {
            // SAFETY: it stands in the timer tree.
            unsafe { delete_timer(addr_of_mut!(errand.timer)) };
        }
        let outcome = Outcome {
            end: errand.end(),
            status: errand.status,
            body: std::mem::take(&mut errand.body),
        };
        let recipient = errand.recipient.take();
        // SAFETY: nginx runs a clean-up once, and frees the memory itself afterwards.
        unsafe { place.drop_in_place() };
        if let Some(recipient) = recipient {
            recipient.end(outcome);
        }
    });
}

/// The HTTP configuration of a server.
pub fn configuration(server: ServerRef) -> *mut ngx_http_conf_ctx_t {
    // SAFETY: a server of the running configuration, which outlives its requests.
    unsafe { (*server.as_ptr()).ctx }
}
