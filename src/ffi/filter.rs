//! nginx's header and body filters: they end what a request of the worker's own is answered, and pass everything else on untouched.

use std::sync::atomic::{AtomicPtr, Ordering};

use nginx_sys::{
    ngx_chain_t, ngx_http_output_body_filter_pt, ngx_http_output_header_filter_pt, ngx_http_request_t,
    ngx_http_top_body_filter, ngx_http_top_header_filter, ngx_int_t, NGX_ERROR, NGX_OK,
};

use super::entry::entry;
use super::errand;

type HeaderFilter = unsafe extern "C" fn(*mut ngx_http_request_t) -> ngx_int_t;
type BodyFilter = unsafe extern "C" fn(*mut ngx_http_request_t, *mut ngx_chain_t) -> ngx_int_t;

static NEXT_HEADER: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
static NEXT_BODY: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Puts both filters on top of the chains that the configuration being read has so far.
pub fn install() {
    // SAFETY: only the master or a single process reads configurations, one at a time.
    let header: ngx_http_output_header_filter_pt = unsafe { ngx_http_top_header_filter };
    // SAFETY: as above.
    let body: ngx_http_output_body_filter_pt = unsafe { ngx_http_top_body_filter };
    NEXT_HEADER.store(
        header.map_or(std::ptr::null_mut(), |filter| filter as *mut ()),
        Ordering::Relaxed,
    );
    NEXT_BODY.store(
        body.map_or(std::ptr::null_mut(), |filter| filter as *mut ()),
        Ordering::Relaxed,
    );
    // SAFETY: as above.
    unsafe { ngx_http_top_header_filter = Some(header_filter) };
    // SAFETY: as above.
    unsafe { ngx_http_top_body_filter = Some(body_filter) };
}

unsafe extern "C" fn header_filter(request: *mut ngx_http_request_t) -> ngx_int_t {
    let ended = entry(Some(NGX_ERROR as ngx_int_t), || {
        errand::of(request).map(|errand| errand.header(request))
    });
    if let Some(status) = ended {
        return status;
    }
    let next = NEXT_HEADER.load(Ordering::Relaxed);
    if next.is_null() {
        return NGX_OK as ngx_int_t;
    }
    // SAFETY: stored by install() from a pointer of exactly this type, and not null.
    let next: HeaderFilter = unsafe { std::mem::transmute::<*mut (), HeaderFilter>(next) };
    // SAFETY: nginx's own next filter, with nginx's own argument.
    unsafe { next(request) }
}

unsafe extern "C" fn body_filter(request: *mut ngx_http_request_t, chain: *mut ngx_chain_t) -> ngx_int_t {
    let ended = entry(Some(NGX_ERROR as ngx_int_t), || {
        errand::of(request).map(|errand| errand.body(request, chain))
    });
    if let Some(status) = ended {
        return status;
    }
    let next = NEXT_BODY.load(Ordering::Relaxed);
    if next.is_null() {
        return NGX_OK as ngx_int_t;
    }
    // SAFETY: stored by install() from a pointer of exactly this type, and not null.
    let next: BodyFilter = unsafe { std::mem::transmute::<*mut (), BodyFilter>(next) };
    // SAFETY: nginx's own next filter, with nginx's own arguments.
    unsafe { next(request, chain) }
}
