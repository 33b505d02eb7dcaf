//! nginx's header and body filters: they end what a request of the worker's own is answered, and pass everything else on untouched.

use std::sync::atomic::{AtomicPtr, Ordering};

use nginx_sys::{
    ngx_chain_t, ngx_http_output_body_filter_pt, ngx_http_output_header_filter_pt, ngx_http_request_t,
    ngx_http_top_body_filter, ngx_http_top_header_filter, ngx_int_t,
};
use ngx::core::Status;

use super::entry::entry;
use super::request::{OutOfMemory, Request};
use super::{bare, errand};
use crate::turn;

type HeaderFilter = unsafe extern "C" fn(*mut ngx_http_request_t) -> ngx_int_t;
type BodyFilter = unsafe extern "C" fn(*mut ngx_http_request_t, *mut ngx_chain_t) -> ngx_int_t;

/// The chains of the running configuration, while another is read.
static RUNNING_HEADER: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
static RUNNING_BODY: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
static NEXT_HEADER: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
static NEXT_BODY: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Remembers the chains of the running configuration, before another is read.
pub fn remember() {
    note(&RUNNING_HEADER, &RUNNING_BODY);
}

/// Puts the chains of the running configuration back when another is refused half-way: nginx goes on with the old configuration, but its
/// chains are the process's, and the modules before us have begun to build them anew. What each of them calls next is the same again.
pub fn restore() {
    let (header, body) = (
        RUNNING_HEADER.load(Ordering::Relaxed),
        RUNNING_BODY.load(Ordering::Relaxed),
    );
    if header.is_null() || body.is_null() {
        return;
    }
    // SAFETY: stored by remember() from a pointer of exactly this type, and not null.
    let header: HeaderFilter = unsafe { std::mem::transmute::<*mut (), HeaderFilter>(header) };
    // SAFETY: as above.
    let body: BodyFilter = unsafe { std::mem::transmute::<*mut (), BodyFilter>(body) };
    put(header, body);
}

/// Puts both filters on top of the chains that the configuration being read has so far; in every configuration, used or not, so that the
/// chains of a process never depend on which one it read last.
pub fn install() {
    note(&NEXT_HEADER, &NEXT_BODY);
    put(header_filter, body_filter);
}

fn note(header_to: &AtomicPtr<()>, body_to: &AtomicPtr<()>) {
    // SAFETY: only the master or a single process reads configurations, one at a time.
    let header: ngx_http_output_header_filter_pt = unsafe { ngx_http_top_header_filter };
    // SAFETY: as above.
    let body: ngx_http_output_body_filter_pt = unsafe { ngx_http_top_body_filter };
    header_to.store(
        header.map_or(std::ptr::null_mut(), |filter| filter as *mut ()),
        Ordering::Relaxed,
    );
    body_to.store(
        body.map_or(std::ptr::null_mut(), |filter| filter as *mut ()),
        Ordering::Relaxed,
    );
}

fn put(header: HeaderFilter, body: BodyFilter) {
    // SAFETY: only the master or a single process reads configurations, one at a time.
    unsafe { ngx_http_top_header_filter = Some(header) };
    // SAFETY: as above.
    unsafe { ngx_http_top_body_filter = Some(body) };
}

/// Whether the answer is to a request of the worker's own.
fn is_errand(request: *mut ngx_http_request_t) -> bool {
    // SAFETY: nginx calls a filter with a live request.
    unsafe { request.as_ref() }.is_some_and(|request| bare::is_bare(request.connection))
}

unsafe extern "C" fn header_filter(request: *mut ngx_http_request_t) -> ngx_int_t {
    if is_errand(request) {
        return entry(Status::NGX_ERROR.into(), || {
            errand::of(request).map_or(Status::NGX_ERROR.into(), |errand| errand.header(request))
        });
    }
    // SAFETY: nginx calls a filter with a live request; the wrapper is gone when this returns.
    let own = unsafe { Request::from_ptr(request) }.filter(|request| turn::concerns(*request));
    let added = own.map_or(Ok(()), |request| {
        entry(Err(OutOfMemory), || turn::before_answer(request))
    });
    if added.is_err() {
        return Status::NGX_ERROR.into();
    }
    let next = NEXT_HEADER.load(Ordering::Relaxed);
    if next.is_null() {
        return Status::NGX_OK.into();
    }
    // SAFETY: stored by install() from a pointer of exactly this type, and not null.
    let next: HeaderFilter = unsafe { std::mem::transmute::<*mut (), HeaderFilter>(next) };
    // SAFETY: nginx's own next filter, with nginx's own argument.
    unsafe { next(request) }
}

unsafe extern "C" fn body_filter(request: *mut ngx_http_request_t, chain: *mut ngx_chain_t) -> ngx_int_t {
    if is_errand(request) {
        return entry(Status::NGX_ERROR.into(), || {
            errand::of(request).map_or(Status::NGX_ERROR.into(), |errand| errand.body(request, chain))
        });
    }
    let next = NEXT_BODY.load(Ordering::Relaxed);
    if next.is_null() {
        return Status::NGX_OK.into();
    }
    // SAFETY: stored by install() from a pointer of exactly this type, and not null.
    let next: BodyFilter = unsafe { std::mem::transmute::<*mut (), BodyFilter>(next) };
    // SAFETY: nginx's own next filter, with nginx's own arguments.
    unsafe { next(request, chain) }
}
