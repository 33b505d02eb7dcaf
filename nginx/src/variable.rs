//! Variables that a module defines. None is cacheable: the same request may meet another location's answer
//! later.

use std::ptr::NonNull;

use nginx_sys::{
    ngx_conf_t, ngx_http_add_variable, ngx_http_request_t, ngx_http_variable_value_t, ngx_int_t,
    NGX_HTTP_VAR_NOCACHEABLE,
};
use ngx::core::Status;

use crate::conf::pool;
use crate::entry::entry;
use crate::layout;
use crate::pool::OutOfMemory;
use crate::request::Request;

/// nginx calls it for a variable's value; the last argument is the index that it was added with.
pub type Handler =
    unsafe extern "C" fn(*mut ngx_http_request_t, *mut ngx_http_variable_value_t, usize) -> ngx_int_t;

/// Makes a variable known, before any directive is read. `name` is without the `$`.
///
/// # Safety
/// `cf` is what nginx calls preconfiguration with.
pub unsafe fn add(
    cf: NonNull<ngx_conf_t>,
    name: &str,
    handler: Handler,
    index: usize,
) -> Result<(), OutOfMemory> {
    // SAFETY: the caller vouches for it.
    let mut name = unsafe { pool(cf) }?.keep(&[name.as_bytes()])?;
    // SAFETY: a name in the cycle's pool.
    let added = unsafe { ngx_http_add_variable(cf.as_ptr(), &mut name, NGX_HTTP_VAR_NOCACHEABLE as usize) };
    // SAFETY: null, or nginx's entry of that name.
    let added = unsafe { added.as_mut() }.ok_or(OutOfMemory)?;
    added.get_handler = Some(handler);
    added.data = index;
    Ok(())
}

/// Answers nginx's call for a value with what `value_of` says of the request; `None`: there is none.
///
/// # Safety
/// nginx calls a variable's handler with this request and this place for its value.
pub unsafe fn evaluate(
    request: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    value_of: impl for<'r> FnOnce(Request<'r>) -> Option<&'r str>,
) -> ngx_int_t {
    entry(Status::NGX_ERROR.into(), || {
        // SAFETY: nginx evaluates a variable for a live request.
        let request = unsafe { Request::from_ptr(request) };
        // SAFETY: nginx's place for the value, ours during the call.
        let value = unsafe { value.as_mut() };
        let (Some(request), Some(value)) = (request, value) else {
            return Status::NGX_ERROR.into();
        };
        fill(value, value_of(request));
        Status::NGX_OK.into()
    })
}

/// The text lives as long as the request.
fn fill(value: &mut ngx_http_variable_value_t, text: Option<&str>) {
    let len = text.and_then(|text| u32::try_from(text.len()).ok().filter(|len| *len < 1 << 28));
    let (Some(text), Some(len)) = (text, len) else {
        layout::ngx_http_variable_value_t::VALID.set(value, 0);
        layout::ngx_http_variable_value_t::NOT_FOUND.set(value, 1);
        return;
    };
    layout::ngx_http_variable_value_t::LEN.set(value, len);
    layout::ngx_http_variable_value_t::VALID.set(value, 1);
    layout::ngx_http_variable_value_t::NO_CACHEABLE.set(value, 1);
    layout::ngx_http_variable_value_t::NOT_FOUND.set(value, 0);
    value.data = text.as_ptr().cast_mut();
}
