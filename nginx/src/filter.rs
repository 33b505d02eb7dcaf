//! nginx's chains of header and body filters, and a module's place on top of them.

use std::sync::atomic::{AtomicPtr, Ordering};

use nginx_sys::{
    ngx_chain_t, ngx_http_output_body_filter_pt, ngx_http_output_header_filter_pt, ngx_http_request_t,
    ngx_http_top_body_filter, ngx_http_top_header_filter, ngx_int_t,
};

use crate::status::Status;

/// nginx calls it with each answer's header.
pub type HeaderFilter = unsafe extern "C" fn(*mut ngx_http_request_t) -> ngx_int_t;
/// nginx calls it with each part of an answer's body.
pub type BodyFilter = unsafe extern "C" fn(*mut ngx_http_request_t, *mut ngx_chain_t) -> ngx_int_t;

/// The chains of the running configuration, while another is read.
static RUNNING_HEADER: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
static RUNNING_BODY: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
static NEXT_HEADER: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
static NEXT_BODY: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Remembers the chains of the running configuration, before another is read.
pub fn remember() {
    note(&RUNNING_HEADER, &RUNNING_BODY);
}

/// Puts the chains of the running configuration back when another is refused half-way: nginx goes on with the
/// old configuration, but its chains are the process's, and the modules before us have begun to build them
/// anew. What each of them calls next is the same again.
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

/// Puts both filters on top of the chains that the configuration being read has so far; in every
/// configuration, used or not, so that the chains of a process never depend on which one it read last.
pub fn install(header: HeaderFilter, body: BodyFilter) {
    note(&NEXT_HEADER, &NEXT_BODY);
    put(header, body);
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

/// Calls the next header filter.
///
/// # Safety
/// nginx calls a header filter with this request.
pub unsafe fn next_header(request: *mut ngx_http_request_t) -> ngx_int_t {
    let next = NEXT_HEADER.load(Ordering::Relaxed);
    if next.is_null() {
        return Status::OK.into();
    }
    // SAFETY: stored by install() from a pointer of exactly this type, and not null.
    let next: HeaderFilter = unsafe { std::mem::transmute::<*mut (), HeaderFilter>(next) };
    // SAFETY: nginx's own next filter, with nginx's own argument.
    unsafe { next(request) }
}

/// Calls the next body filter.
///
/// # Safety
/// nginx calls a body filter with this request and this chain.
pub unsafe fn next_body(request: *mut ngx_http_request_t, chain: *mut ngx_chain_t) -> ngx_int_t {
    let next = NEXT_BODY.load(Ordering::Relaxed);
    if next.is_null() {
        return Status::OK.into();
    }
    // SAFETY: stored by install() from a pointer of exactly this type, and not null.
    let next: BodyFilter = unsafe { std::mem::transmute::<*mut (), BodyFilter>(next) };
    // SAFETY: nginx's own next filter, with nginx's own arguments.
    unsafe { next(request, chain) }
}
