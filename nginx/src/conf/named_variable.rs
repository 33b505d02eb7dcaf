//! Variables that a directive names, whoever defines them.

use std::ptr::NonNull;
use std::slice;

use nginx_sys::{ngx_conf_t, ngx_http_get_flushed_variable, ngx_http_get_variable_index, ngx_uint_t};

use super::pool;
use crate::layout;
use crate::pool::OutOfMemory;
use crate::request::Request;

/// One of them, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedVariable(ngx_uint_t);

impl NamedVariable {
    /// nginx refuses the configuration later if nobody defines the variable. `name` is without the `$`.
    ///
    /// # Safety
    /// `cf` is the configuration under way.
    pub(super) unsafe fn new(cf: NonNull<ngx_conf_t>, name: &str) -> Result<Self, OutOfMemory> {
        // SAFETY: the caller vouches for it.
        let mut name = unsafe { pool(cf) }?.keep(&[name.as_bytes()])?;
        // SAFETY: as above; nginx keeps the name, which lies in the cycle's pool.
        let index = unsafe { ngx_http_get_variable_index(cf.as_ptr(), &mut name) };
        ngx_uint_t::try_from(index).map(Self).map_err(|_| OutOfMemory)
    }

    /// Its value as it is now; empty where there is none.
    pub fn value(self, request: Request<'_>) -> &[u8] {
        // SAFETY: a live request, and an index of its configuration.
        let value = unsafe { ngx_http_get_flushed_variable(request.as_ptr().as_ptr(), self.0) };
        // SAFETY: null, or the value of a variable, which the request keeps.
        let value = unsafe { value.as_ref() };
        let value = value.filter(|value| !layout::ngx_http_variable_value_t::NOT_FOUND.is_set(value));
        let Some(value) = value.filter(|value| !value.data.is_null()) else {
            return &[];
        };
        let len = layout::ngx_http_variable_value_t::LEN.of(value);
        // SAFETY: so many bytes, in the request's pool or in what outlives it.
        unsafe { slice::from_raw_parts(value.data, len as usize) }
    }
}
