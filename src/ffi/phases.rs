//! Where this module stands among nginx's phases, and the handlers that nginx calls there.
//!
//! Taking forged headers out happens before anything can see them, again on every way that skips a phase. The access handler is the last
//! of its phase, so that nobody whom `allow`, `deny` or `auth_basic` turned away asks anything.

use std::ptr;

use nginx_sys::{
    ngx_array_push, ngx_conf_t, ngx_http_conf_ctx_t, ngx_http_core_main_conf_t, ngx_http_handler_pt,
    ngx_http_phases_NGX_HTTP_ACCESS_PHASE, ngx_http_phases_NGX_HTTP_POST_READ_PHASE,
    ngx_http_phases_NGX_HTTP_PRECONTENT_PHASE, ngx_http_phases_NGX_HTTP_REWRITE_PHASE,
    ngx_http_phases_NGX_HTTP_SERVER_REWRITE_PHASE, ngx_http_request_t, ngx_int_t,
};
use ngx::core::Status;
use ngx::http::HTTPStatus;

use super::context;
use super::entry::entry;
use super::module::core_entry;
use super::request::{OutOfMemory, Request};
use crate::handler::{self, Next};

/// Registers the handlers; called when resolving is on anywhere.
pub fn install(cf: ptr::NonNull<ngx_conf_t>) -> Result<(), OutOfMemory> {
    for phase in [
        ngx_http_phases_NGX_HTTP_POST_READ_PHASE,
        ngx_http_phases_NGX_HTTP_SERVER_REWRITE_PHASE,
        ngx_http_phases_NGX_HTTP_REWRITE_PHASE,
    ] {
        add(cf, phase, Some(strip_handler), Place::First)?;
    }
    add(
        cf,
        ngx_http_phases_NGX_HTTP_ACCESS_PHASE,
        Some(access_handler),
        Place::Last,
    )?;
    add(
        cf,
        ngx_http_phases_NGX_HTTP_PRECONTENT_PHASE,
        Some(precontent_handler),
        Place::First,
    )?;
    Ok(())
}

/// nginx runs a phase's handlers from the last of its array to the first.
enum Place {
    First,
    Last,
}

fn add(
    cf: ptr::NonNull<ngx_conf_t>,
    phase: u32,
    handler: ngx_http_handler_pt,
    place: Place,
) -> Result<(), OutOfMemory> {
    // SAFETY: in postconfiguration `ctx` is that of the http block.
    let context: *const ngx_http_conf_ctx_t = unsafe { (*cf.as_ptr()).ctx }.cast();
    // SAFETY: as above.
    let context = unsafe { context.as_ref() }.ok_or(OutOfMemory)?;
    // SAFETY: the array of main configurations.
    let core = unsafe { core_entry::<ngx_http_core_main_conf_t>(context.main_conf) };
    let mut core = core.ok_or(OutOfMemory)?;
    // SAFETY: nginx is in this thread, in our callback.
    let core = unsafe { core.as_mut() };
    let Some(phase) = usize::try_from(phase)
        .ok()
        .and_then(|phase| core.phases.get_mut(phase))
    else {
        return Err(OutOfMemory);
    };
    // SAFETY: nginx's array of handlers, initialised before postconfiguration.
    let pushed = unsafe { ngx_array_push(&mut phase.handlers) };
    if pushed.is_null() {
        return Err(OutOfMemory);
    }
    // SAFETY: an array of handlers, `nelts` of them, the last not yet set.
    let last: *mut ngx_http_handler_pt = pushed.cast();
    // SAFETY: the fresh element.
    unsafe { last.write(handler) };
    // SAFETY: all elements are set now.
    let handlers = unsafe {
        std::slice::from_raw_parts_mut(
            phase.handlers.elts.cast::<ngx_http_handler_pt>(),
            phase.handlers.nelts,
        )
    };
    match place {
        Place::First => {}
        Place::Last => handlers.rotate_right(1),
    }
    Ok(())
}

unsafe extern "C" fn strip_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    call(request, context::is_stripped, handler::strip)
}

unsafe extern "C" fn access_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    call(request, is_anonymous, handler::access)
}

unsafe extern "C" fn precontent_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    call(request, |request| request.satisfies_all(), handler::precontent)
}

/// Whether a request has no credential and nothing that a client must not send: what was taken out before nobody but a configuration's own
/// directives can have put in again.
fn is_anonymous(request: Request<'_>) -> bool {
    context::is_stripped(request) && request.has_no_credential()
}

/// Hands a request on, unless `is_none_of_ours`, which cannot panic: most calls end there.
fn call(
    request: *mut ngx_http_request_t,
    is_none_of_ours: impl FnOnce(Request<'_>) -> bool,
    handle: impl FnOnce(Request<'_>) -> Next,
) -> ngx_int_t {
    let refused = Status::from(HTTPStatus::INTERNAL_SERVER_ERROR).into();
    // SAFETY: nginx hands a live request to a phase handler; the wrapper is gone when this returns.
    let Some(request) = (unsafe { Request::from_ptr(request) }) else {
        return refused;
    };
    if is_none_of_ours(request) {
        return Status::NGX_DECLINED.into();
    }
    entry(refused, || match handle(request) {
        Next::Continue => Status::NGX_DECLINED.into(),
        Next::Wait => Status::NGX_AGAIN.into(),
        Next::Refuse(status) => ngx_int_t::try_from(status).unwrap_or(refused),
    })
}
