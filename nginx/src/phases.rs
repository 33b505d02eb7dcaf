//! A module's handlers among those of nginx's phases.

use std::ptr::NonNull;

use nginx_sys::{
    ngx_array_push, ngx_conf_t, ngx_http_conf_ctx_t, ngx_http_core_main_conf_t, ngx_http_handler_pt,
    ngx_http_phases_NGX_HTTP_ACCESS_PHASE, ngx_http_phases_NGX_HTTP_POST_READ_PHASE,
    ngx_http_phases_NGX_HTTP_PREACCESS_PHASE, ngx_http_phases_NGX_HTTP_PRECONTENT_PHASE,
    ngx_http_phases_NGX_HTTP_REWRITE_PHASE, ngx_http_phases_NGX_HTTP_SERVER_REWRITE_PHASE,
    ngx_http_request_t, ngx_int_t,
};

use crate::module::core_entry;
use crate::pool::OutOfMemory;

/// nginx calls it with a request in a phase.
pub type Handler = unsafe extern "C" fn(*mut ngx_http_request_t) -> ngx_int_t;

/// The phases that have a use here, in nginx's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before anything else has looked at the request.
    PostRead,
    /// The server's own `rewrite` and `set`.
    ServerRewrite,
    /// Those of a location.
    Rewrite,
    /// `limit_req`, `limit_conn`.
    Preaccess,
    /// `allow`, `auth_basic`, `auth_request`, under `satisfy`.
    Access,
    /// `try_files`, `mirror`.
    Precontent,
}

impl Phase {
    fn number(self) -> u32 {
        match self {
            Self::PostRead => ngx_http_phases_NGX_HTTP_POST_READ_PHASE,
            Self::ServerRewrite => ngx_http_phases_NGX_HTTP_SERVER_REWRITE_PHASE,
            Self::Rewrite => ngx_http_phases_NGX_HTTP_REWRITE_PHASE,
            Self::Preaccess => ngx_http_phases_NGX_HTTP_PREACCESS_PHASE,
            Self::Access => ngx_http_phases_NGX_HTTP_ACCESS_PHASE,
            Self::Precontent => ngx_http_phases_NGX_HTTP_PRECONTENT_PHASE,
        }
    }
}

/// When a handler has its turn in its phase, whatever the order in which modules are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Before those that are there already.
    First,
    /// After all others.
    Last,
}

/// Adds a handler, in postconfiguration.
///
/// # Safety
/// `cf` is what nginx calls postconfiguration with.
pub unsafe fn add(
    cf: NonNull<ngx_conf_t>,
    phase: Phase,
    turn: Turn,
    handler: Handler,
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
    let number = usize::try_from(phase.number()).ok();
    let phase = number.and_then(|number| core.phases.get_mut(number));
    let phase = phase.ok_or(OutOfMemory)?;
    // SAFETY: nginx's array of handlers, initialised before postconfiguration.
    let pushed = unsafe { ngx_array_push(&mut phase.handlers) };
    if pushed.is_null() {
        return Err(OutOfMemory);
    }
    // SAFETY: an array of handlers, `nelts` of them, the last not yet set.
    let last: *mut ngx_http_handler_pt = pushed.cast();
    // SAFETY: the fresh element.
    unsafe { last.write(Some(handler)) };
    // SAFETY: all elements are set now.
    let handlers = unsafe {
        std::slice::from_raw_parts_mut(
            phase.handlers.elts.cast::<ngx_http_handler_pt>(),
            phase.handlers.nelts,
        )
    };
    // nginx runs a phase's handlers from the last of its array to the first.
    match turn {
        Turn::First => {}
        Turn::Last => handlers.rotate_right(1),
    }
    Ok(())
}
