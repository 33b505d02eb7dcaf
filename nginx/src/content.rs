//! A location that a module answers itself, from memory.
//!
//! What enters: a function that makes the answer's body. What always holds: it is called for `GET` and `HEAD`
//! alone; a body that a client sends is thrown away.

use std::ptr::NonNull;

use nginx_sys::{
    ngx_buf_t, ngx_chain_t, ngx_conf_t, ngx_http_conf_ctx_t, ngx_http_core_loc_conf_t,
    ngx_http_discard_request_body, ngx_http_output_filter, ngx_http_request_t, ngx_http_send_header,
    ngx_int_t, ngx_str_t, NGX_HTTP_GET, NGX_HTTP_HEAD, NGX_HTTP_NOT_ALLOWED, NGX_HTTP_OK,
};

use crate::entry::entry;
use crate::layout;
use crate::module::core_entry;
use crate::phases::Handler;
use crate::pool::{OutOfMemory, Pool};
use crate::request::Request;
use crate::status::Status;

/// What is answered.
pub struct Content {
    /// Its media type.
    pub kind: &'static str,
    /// Its body.
    pub body: String,
}

/// Has the location that nginx is reading answered by `handler`; `None` where there is no location.
///
/// # Safety
/// nginx is reading a directive in a location with `cf`.
pub unsafe fn install(cf: NonNull<ngx_conf_t>, handler: Handler) -> Option<()> {
    // SAFETY: the caller vouches for it: it is the context of that location.
    let context: *const ngx_http_conf_ctx_t = unsafe { cf.as_ref() }.ctx.cast();
    // SAFETY: as above.
    let context = unsafe { context.as_ref() }?;
    // SAFETY: the array of the location.
    let core = unsafe { core_entry::<ngx_http_core_loc_conf_t>(context.loc_conf) };
    // SAFETY: nginx is in our callback alone.
    unsafe { core?.as_mut() }.handler = Some(handler);
    Some(())
}

/// Answers with what `content` makes of the request.
///
/// # Safety
/// nginx calls a location's handler with this request.
pub unsafe fn serve(
    request: *mut ngx_http_request_t,
    content: impl for<'r> FnOnce(Request<'r>) -> Content,
) -> ngx_int_t {
    entry(Status::ERROR.into(), || {
        // SAFETY: nginx hands a live request to a handler; the wrapper is gone when this returns.
        let Some(wrapped) = (unsafe { Request::from_ptr(request) }) else {
            return Status::ERROR.into();
        };
        if wrapped.raw().method & (NGX_HTTP_GET | NGX_HTTP_HEAD) as usize == 0 {
            return NGX_HTTP_NOT_ALLOWED as ngx_int_t;
        }
        // SAFETY: a request that nobody has read the body of.
        let discarded = unsafe { ngx_http_discard_request_body(request) };
        if !Status(discarded).is_ok() {
            return discarded;
        }
        match prepared(wrapped, &content(wrapped)) {
            // SAFETY: nginx's own argument; the chain and its buffer live as long as the request.
            Ok(chain) => unsafe { send(request, chain) },
            Err(OutOfMemory) => Status::ERROR.into(),
        }
    })
}

/// Sets what the header says, and gives the body as nginx wants to have it.
fn prepared(request: Request<'_>, content: &Content) -> Result<NonNull<ngx_chain_t>, OutOfMemory> {
    let pool = request.pool()?;
    let kind = pool.keep(&[content.kind.as_bytes()])?;
    let body = pool.keep(&[content.body.as_bytes()])?;
    let chain = chain(pool, &body)?;
    // SAFETY: nginx has handed control to us, so nobody else uses the request now.
    let headers = unsafe { &mut (*request.as_ptr().as_ptr()).headers_out };
    headers.status = NGX_HTTP_OK as usize;
    headers.content_type = kind;
    headers.content_type_len = kind.len;
    headers.content_length_n = i64::try_from(body.len).unwrap_or(-1);
    Ok(chain)
}

/// The only part of a body, and its last.
fn chain(pool: Pool<'_>, body: &ngx_str_t) -> Result<NonNull<ngx_chain_t>, OutOfMemory> {
    let mut buffer: NonNull<ngx_buf_t> = pool.zeroed()?;
    let mut chain: NonNull<ngx_chain_t> = pool.zeroed()?;
    // SAFETY: fresh memory, zeroed as nginx's own code has it.
    let filled = unsafe { buffer.as_mut() };
    filled.pos = body.data;
    // SAFETY: the end of the same allocation.
    filled.last = unsafe { body.data.add(body.len) };
    (filled.start, filled.end) = (filled.pos, filled.last);
    layout::ngx_buf_t::MEMORY.set(filled, 1);
    layout::ngx_buf_t::LAST_BUF.set(filled, 1);
    layout::ngx_buf_t::LAST_IN_CHAIN.set(filled, 1);
    // SAFETY: as above.
    unsafe { chain.as_mut() }.buf = buffer.as_ptr();
    Ok(chain)
}

/// # Safety
/// nginx calls a location's handler with this request; the chain lives as long as it.
unsafe fn send(request: *mut ngx_http_request_t, chain: NonNull<ngx_chain_t>) -> ngx_int_t {
    // SAFETY: the caller vouches for it.
    let sent = unsafe { ngx_http_send_header(request) };
    // SAFETY: as above; the call does not end a request.
    let is_over = layout::ngx_http_request_t::HEADER_ONLY.is_set(unsafe { &*request });
    if sent == Status::ERROR.into() || sent > Status::OK.into() || is_over {
        return sent;
    }
    // SAFETY: as above.
    unsafe { ngx_http_output_filter(request, chain.as_ptr()) }
}
