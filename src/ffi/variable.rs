//! `$authgear_...`, as nginx asks for them. None is cacheable: the same request may meet another location's answer later.

use std::ptr::NonNull;

use nginx_sys::{
    ngx_conf_t, ngx_http_add_variable, ngx_http_request_t, ngx_http_variable_value_t, ngx_int_t,
    NGX_HTTP_VAR_NOCACHEABLE,
};
use ngx::core::Status;

use super::entry::entry;
use super::layout;
use super::request::{keep, OutOfMemory, Request};
use crate::variables::{Variable, ALL};

/// Makes them known, before any directive is read.
pub fn add(cf: *mut ngx_conf_t) -> Result<(), OutOfMemory> {
    // SAFETY: null, or the configuration under way, with the cycle's pool.
    let pool = unsafe { cf.as_ref() }.ok_or(OutOfMemory)?.pool;
    for (index, variable) in ALL.iter().enumerate() {
        let mut name = keep(pool, &[variable.name().as_bytes()])?;
        // SAFETY: a name in the cycle's pool.
        let added = unsafe { ngx_http_add_variable(cf, &mut name, NGX_HTTP_VAR_NOCACHEABLE as usize) };
        // SAFETY: null, or nginx's entry of that name.
        let added = unsafe { added.as_mut() }.ok_or(OutOfMemory)?;
        added.get_handler = Some(evaluate);
        added.data = index;
    }
    Ok(())
}

unsafe extern "C" fn evaluate(
    request: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    index: usize,
) -> ngx_int_t {
    entry(Status::NGX_ERROR.into(), || {
        // SAFETY: nginx evaluates a variable for a live request.
        let request = unsafe { Request::from_ptr(request) };
        let (Some(request), Some(variable), Some(value)) = (request, ALL.get(index), NonNull::new(value))
        else {
            return Status::NGX_ERROR.into();
        };
        fill(request, *variable, value);
        Status::NGX_OK.into()
    })
}

fn fill(request: Request<'_>, variable: Variable, mut value: NonNull<ngx_http_variable_value_t>) {
    // SAFETY: nginx's place for the value, ours during the call.
    let value = unsafe { value.as_mut() };
    // What it is comes from the configuration, which outlives the request.
    let text = variable.of(request);
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
