//! `$authgear_...`, as nginx asks for them.

use std::ptr::NonNull;

use nginx::pool::OutOfMemory;
use nginx::sys::{ngx_conf_t, ngx_http_request_t, ngx_http_variable_value_t, ngx_int_t};
use nginx::variable;

use crate::variables::ALL;

/// Makes them known, before any directive is read.
///
/// # Safety
/// `cf` is what nginx calls preconfiguration with.
pub unsafe fn add(cf: NonNull<ngx_conf_t>) -> Result<(), OutOfMemory> {
    let mut all = ALL.iter().enumerate();
    // SAFETY: the caller vouches for it.
    all.try_for_each(|(index, each)| unsafe { variable::add(cf, each.name(), evaluate, index) })
}

unsafe extern "C" fn evaluate(
    request: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    index: usize,
) -> ngx_int_t {
    // SAFETY: nginx's own arguments.
    unsafe { variable::evaluate(request, value, |request| ALL.get(index)?.of(request)) }
}
