//! The location of `authgear_metrics`, as nginx calls for its content.

use nginx::content::serve;
use nginx::sys::{ngx_http_request_t, ngx_int_t};

use crate::metrics;

pub unsafe extern "C" fn metrics(request: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx's own argument.
    unsafe { serve(request, metrics::answer) }
}
