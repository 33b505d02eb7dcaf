//! Where this module stands among nginx's phases, and the handlers that nginx calls there.
//!
//! Taking forged headers out happens before anything can see them, again on every way that skips a phase. The
//! access handler is the last of its phase, so that nobody whom `allow`, `deny` or `auth_basic` turned away
//! asks anything. The preaccess handler is the first of its phase, so that `limit_req` and `limit_conn` can
//! count by who is calling.

use std::ptr::NonNull;

use nginx::context;
use nginx::entry::entry;
use nginx::phases::{add, Handler, Phase, Turn};
use nginx::pool::OutOfMemory;
use nginx::request::Request;
use nginx::status::Status;
use nginx::sys::{ngx_conf_t, ngx_http_request_t, ngx_int_t};

use crate::access::{self, Next};

const HANDLERS: [(Phase, Turn, Handler); 6] = [
    (Phase::PostRead, Turn::First, strip),
    (Phase::ServerRewrite, Turn::First, strip),
    (Phase::Rewrite, Turn::First, strip),
    (Phase::Preaccess, Turn::First, preaccess),
    (Phase::Access, Turn::Last, access),
    (Phase::Precontent, Turn::First, precontent),
];

/// Registers the handlers; called when resolving is on anywhere.
///
/// # Safety
/// `cf` is what nginx calls postconfiguration with.
pub unsafe fn install(cf: NonNull<ngx_conf_t>) -> Result<(), OutOfMemory> {
    // SAFETY: the caller vouches for it.
    let add = |(phase, turn, handler)| unsafe { add(cf, phase, turn, handler) };
    HANDLERS.into_iter().try_for_each(add)
}

unsafe extern "C" fn strip(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx's own argument.
    unsafe { call(request, context::is_marked, access::strip) }
}

unsafe extern "C" fn preaccess(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx's own argument.
    unsafe { call(request, is_left_to_access, access::preaccess) }
}

unsafe extern "C" fn access(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx's own argument.
    unsafe { call(request, passes_as_nobody, access::access) }
}

unsafe extern "C" fn precontent(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx's own argument.
    unsafe { call(request, is_satisfied, access::precontent) }
}

/// Whether the verdict is made later, or there is none to be made.
fn is_left_to_access(request: Request<'_>) -> bool {
    !access::is_early(request) || has_nothing(request) && !access::looks_beyond_headers(request)
}

/// Whether the access phase has looked at it, as at every request of a client's own where all must be
/// satisfied.
fn is_satisfied(request: Request<'_>) -> bool {
    request.is_main() && request.satisfies_all()
}

/// Whether nothing is required of a request that has no credential and nothing that a client must not send:
/// what was taken out before nobody but a configuration's own directives can have put in again.
fn has_nothing(request: Request<'_>) -> bool {
    context::is_marked(request) && request.has_no_credential()
}

/// Such a request, of which nothing is required, is noted and counted; where any rule may admit it, later.
fn passes_as_nobody(request: Request<'_>) -> bool {
    let passes = has_nothing(request) && access::passes_nobody(request);
    if passes && request.satisfies_all() {
        context::mark_passed(request);
    }
    passes
}

/// Hands a request on, unless `is_none_of_ours`, which cannot panic: most calls end there.
///
/// # Safety
/// nginx calls a phase's handler with this request.
unsafe fn call(
    request: *mut ngx_http_request_t,
    is_none_of_ours: impl FnOnce(Request<'_>) -> bool,
    handle: impl FnOnce(Request<'_>) -> Next,
) -> ngx_int_t {
    let refused = Status::INTERNAL_SERVER_ERROR.into();
    // SAFETY: nginx hands a live request to a phase handler; the wrapper is gone when this returns.
    let Some(request) = (unsafe { Request::from_ptr(request) }) else {
        return refused;
    };
    if is_none_of_ours(request) {
        return Status::DECLINED.into();
    }
    entry(refused, || match handle(request) {
        Next::Continue => Status::DECLINED.into(),
        Next::Admit => Status::OK.into(),
        Next::Wait => Status::AGAIN.into(),
        Next::Refuse(status) => ngx_int_t::try_from(status).unwrap_or(refused),
    })
}
