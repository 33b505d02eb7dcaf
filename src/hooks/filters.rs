//! The header and body filters: they end what a request of the worker's own is answered, add what a verdict
//! has for the client, and pass everything else on untouched.

use nginx::background;
use nginx::entry::entry;
use nginx::filter;
use nginx::pool::OutOfMemory;
use nginx::request::Request;
use nginx::status::Status;
use nginx::sys::{ngx_chain_t, ngx_http_request_t, ngx_int_t};

use crate::access;

/// Puts both on top of the chains that the configuration being read has so far.
pub fn install() {
    filter::install(header, body);
}

unsafe extern "C" fn header(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx's own argument.
    if let Some(answered) = unsafe { background::header_filter(request) } {
        return answered;
    }
    // SAFETY: nginx calls a filter with a live request; the wrapper is gone when this returns.
    let own = unsafe { Request::from_ptr(request) }.filter(|request| access::concerns(*request));
    let added = own.map_or(Ok(()), |request| {
        entry(Err(OutOfMemory), || access::before_answer(request))
    });
    match added {
        // SAFETY: nginx's own argument.
        Ok(()) => unsafe { filter::next_header(request) },
        Err(OutOfMemory) => Status::ERROR.into(),
    }
}

unsafe extern "C" fn body(request: *mut ngx_http_request_t, chain: *mut ngx_chain_t) -> ngx_int_t {
    // SAFETY: nginx's own arguments.
    let answered = unsafe { background::body_filter(request, chain) };
    // SAFETY: as above.
    answered.unwrap_or_else(|| unsafe { filter::next_body(request, chain) })
}
