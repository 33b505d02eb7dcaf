//! What is known of one background request under way: what came of it so far, and the filters and callbacks
//! that note it.

use std::ffi::c_void;
use std::ptr::{self, NonNull};

use nginx_sys::{ngx_chain_t, ngx_event_t, ngx_http_request_t, ngx_int_t};

use super::connection::MainRequest;
use super::recipient::{End, Headers, Outcome, Recipient};
use crate::entry::entry;
use crate::event::{delete_timer, is_timer_set};
use crate::no_peer::is_ours;
use crate::status::Status;
use crate::{layout, module};

/// One background request under way; freed with the pool of its main request.
pub(super) struct Pending {
    main: *const ngx_http_request_t,
    /// Not a part of this: nginx moves about in it while a callback has this to itself.
    timer: NonNull<ngx_event_t>,
    body_limit: usize,
    header_seen: bool,
    theirs: bool,
    complete: bool,
    too_large: bool,
    pub(super) timed_out: bool,
    /// What the subrequest was first finalized with.
    pub(super) first: Option<ngx_int_t>,
    tried_upstream: bool,
    /// The upstream's header did not fit into the location's buffer.
    header_too_large: bool,
    status: u16,
    body: Vec<u8>,
    recipient: Option<Box<dyn Recipient>>,
}

/// The background request that `request` belongs to, if it is one.
///
/// # Safety
/// The request is null or alive, and nothing else refers to the result during `'p`.
pub(super) unsafe fn of<'p>(request: *mut ngx_http_request_t) -> Option<&'p mut Pending> {
    // SAFETY: the caller vouches for it.
    let request = unsafe { request.as_ref() }?;
    if !is_ours(request) {
        return None;
    }
    // SAFETY: a request's main request outlives it.
    let main = unsafe { &*request.main };
    // SAFETY: the array of contexts has an entry for every module.
    let slot = unsafe { main.ctx.add(module::ctx_index()) };
    // SAFETY: only launch() stores there.
    let pending: *mut Pending = unsafe { *slot }.cast();
    // SAFETY: what launch() wrote, until the main request's pool is destroyed; the caller vouches that it is
    // the only reference.
    unsafe { pending.as_mut() }
}

/// What nginx's header filters come to for an answer to a background request; `None` for any other answer,
/// which goes on to the next filter.
///
/// # Safety
/// nginx calls a header filter with this request.
pub unsafe fn header_filter(request: *mut ngx_http_request_t) -> Option<ngx_int_t> {
    // SAFETY: a live request.
    unsafe { request.as_ref() }.filter(|request| is_ours(request))?;
    Some(entry(Status::ERROR.into(), || {
        // SAFETY: a live request; nginx is in its filter, and nothing else refers to what was noted of it.
        let pending = unsafe { of(request) };
        // SAFETY: nobody else uses the request while its filter runs.
        let request = unsafe { &mut *request };
        pending.map_or(Status::ERROR.into(), |pending| pending.header(request))
    }))
}

/// The same for body filters.
///
/// # Safety
/// nginx calls a body filter with this request and this chain.
pub unsafe fn body_filter(request: *mut ngx_http_request_t, chain: *mut ngx_chain_t) -> Option<ngx_int_t> {
    // SAFETY: a live request.
    unsafe { request.as_ref() }.filter(|request| is_ours(request))?;
    Some(entry(Status::ERROR.into(), || {
        // SAFETY: as in header_filter().
        let pending = unsafe { of(request) };
        // SAFETY: a live request.
        let request = unsafe { &*request };
        // SAFETY: the chain of this call.
        pending.map_or(Status::ERROR.into(), |pending| unsafe {
            pending.body(request, chain)
        })
    }))
}

impl Pending {
    /// `timer` lies in the pool of the main request.
    pub(super) fn new(
        main: &MainRequest,
        timer: NonNull<ngx_event_t>,
        body_limit: usize,
        recipient: Box<dyn Recipient>,
    ) -> Self {
        Self {
            main: main.as_ptr(),
            timer,
            body_limit,
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
        }
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.recipient
            .as_ref()
            .is_some_and(|recipient| recipient.is_awaited())
    }

    /// The header filter: notes the first header, and passes nothing on.
    fn header(&mut self, request: &mut ngx_http_request_t) -> ngx_int_t {
        layout::ngx_http_request_t::HEADER_SENT.set(request, 1);
        if self.header_seen || !self.is_first_subrequest(request) {
            return Status::OK.into();
        }
        self.header_seen = true;
        self.status = u16::try_from(request.headers_out.status).unwrap_or(0);
        // SAFETY: null, or the upstream state that lives as long as the request.
        let Some(upstream) = (unsafe { request.upstream.as_ref() }) else {
            return Status::OK.into();
        };
        if upstream.headers_in.status_n == 0 || is_cached(request) {
            return Status::OK.into();
        }
        self.theirs = true;
        self.status = u16::try_from(upstream.headers_in.status_n).unwrap_or(0);
        if let Some(recipient) = &mut self.recipient {
            // SAFETY: nginx's parser has filled the list, and changes it no more while the filter runs.
            let headers = unsafe { Headers::new(&upstream.headers_in.headers.part) };
            recipient.header(self.status, &headers);
        }
        Status::OK.into()
    }

    /// The body filter: keeps what fits, and marks all of it as used.
    ///
    /// # Safety
    /// The chain is one of live buffers, ours to consume.
    unsafe fn body(&mut self, request: &ngx_http_request_t, chain: *mut ngx_chain_t) -> ngx_int_t {
        let counts = self.is_first_subrequest(request);
        let mut link = chain;
        // SAFETY: ended by null; the caller vouches for it.
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
        Status::OK.into()
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

    /// Whether `request` is the subrequest that was sent out, and not what a redirect has made of it since:
    /// that clears the contexts.
    fn is_first_subrequest(&self, request: &ngx_http_request_t) -> bool {
        // SAFETY: the array has an entry for every module.
        let slot = unsafe { request.ctx.add(module::ctx_index()) };
        // SAFETY: as above.
        let context = unsafe { *slot };
        ptr::eq(context.cast_const().cast(), self) && ptr::eq(request.parent, self.main)
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

/// nginx's call when the subrequest is finalized: before any error page, and again after one. The first word
/// counts.
pub(super) unsafe extern "C" fn subrequest_ended(
    request: *mut ngx_http_request_t,
    _: *mut c_void,
    rc: ngx_int_t,
) -> ngx_int_t {
    entry(Status::ERROR.into(), || {
        // SAFETY: nginx calls this with a live request, and holds no reference to what was noted of it.
        let pending = unsafe { of(request) };
        if let Some(pending) = pending.filter(|pending| pending.first.is_none()) {
            // SAFETY: nginx calls this with a live request.
            let upstream = unsafe { (*request).upstream };
            // SAFETY: null, or the upstream state that lives as long as the request.
            let upstream = unsafe { upstream.as_ref() };
            pending.first = Some(rc);
            pending.tried_upstream = upstream.is_some();
            pending.header_too_large = upstream.is_some_and(|upstream| {
                // nginx gives up on a header once its buffer is full, and says no more of it.
                upstream.headers_in.status_n != 0 && upstream.buffer.last == upstream.buffer.end
            });
        }
        Status::OK.into()
    })
}

pub(super) unsafe extern "C" fn end_of_pool(data: *mut c_void) {
    entry((), || {
        let place: *mut Pending = data.cast();
        // SAFETY: what launch() wrote, in the pool that is about to go; nobody else refers to it now.
        let pending = unsafe { &mut *place };
        let timer = pending.timer.as_ptr();
        // SAFETY: the event lies in the same pool.
        if is_timer_set(unsafe { &*timer }) {
            // SAFETY: it stands in the timer tree.
            unsafe { delete_timer(timer) };
        }
        let outcome = Outcome {
            end: pending.end(),
            status: pending.status,
            body: std::mem::take(&mut pending.body),
        };
        let recipient = pending.recipient.take();
        // SAFETY: nginx runs a clean-up once, and frees the memory itself afterwards.
        unsafe { place.drop_in_place() };
        if let Some(recipient) = recipient {
            recipient.end(outcome);
        }
    });
}
