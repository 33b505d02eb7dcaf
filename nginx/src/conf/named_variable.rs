//! Variables that a directive names, whoever defines them.

use std::ptr::NonNull;
use std::{mem, slice};

use nginx_sys::{
    ngx_conf_t, ngx_http_core_main_conf_t, ngx_http_get_flushed_variable, ngx_http_get_variable_index,
    ngx_http_variable_t, ngx_http_variable_value_t, ngx_uint_t, NGX_HTTP_VAR_WEAK,
};

use super::pool;
use crate::layout;
use crate::module::core_entry;
use crate::pool::OutOfMemory;
use crate::request::Request;
use crate::status::Status;

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

    /// Whether its value passes: what nginx has of it and, where that was kept from earlier in the request,
    /// what it is by now. So a `map` that something looked at too early opens nothing.
    pub fn passes(self, request: Request<'_>, test: impl Fn(&[u8]) -> bool) -> bool {
        let anew = self.is_kept(request).then(|| self.anew(request)).flatten();
        test(self.value(request)) && anew.is_none_or(|anew| test(text(&anew)))
    }

    /// Empty where there is none.
    pub fn value(self, request: Request<'_>) -> &[u8] {
        // SAFETY: a live request, and an index of its configuration.
        let value = unsafe { ngx_http_get_flushed_variable(request.as_ptr().as_ptr(), self.0) };
        // SAFETY: null, or the value of a variable, which the request keeps.
        unsafe { value.as_ref() }.map_or(&[], text)
    }

    fn is_kept(self, request: Request<'_>) -> bool {
        if request.raw().variables.is_null() {
            return false;
        }
        // SAFETY: a request has a value for each variable of its configuration.
        let value = unsafe { request.raw().variables.add(self.0) };
        // SAFETY: as above; nginx writes to it only while it has control.
        layout::ngx_http_variable_value_t::VALID.is_set(unsafe { &*value })
    }

    /// `None` where nobody can make it anew: `set` has given it its value, or a regular expression. Empty
    /// where making it fails.
    fn anew(self, request: Request<'_>) -> Option<ngx_http_variable_value_t> {
        // SAFETY: the request's array of main configurations.
        let core = unsafe { core_entry::<ngx_http_core_main_conf_t>(request.raw().main_conf) }?;
        // SAFETY: complete since requests are served; nginx keeps it until the cycle ends.
        let core = unsafe { core.as_ref() };
        // SAFETY: an array of variables.
        let all: &[ngx_http_variable_t] = unsafe { core.variables.as_slice() };
        let variable = all.get(self.0)?;
        let evaluate = variable
            .get_handler
            .filter(|_| variable.flags & NGX_HTTP_VAR_WEAK as ngx_uint_t == 0)?;
        // SAFETY: all zero, as nginx has it before it is first asked for.
        let mut value: ngx_http_variable_value_t = unsafe { mem::zeroed() };
        // SAFETY: the variable's own handler and data, on a live request.
        let code = unsafe { evaluate(request.as_ptr().as_ptr(), &mut value, variable.data) };
        let is_there = layout::ngx_http_variable_value_t::VALID.is_set(&value);
        let has_failed = code != Status::OK.into();
        if has_failed {
            layout::ngx_http_variable_value_t::NOT_FOUND.set(&mut value, 1);
        }
        (is_there || has_failed).then_some(value)
    }
}

/// Empty where there is none.
fn text(value: &ngx_http_variable_value_t) -> &[u8] {
    if layout::ngx_http_variable_value_t::NOT_FOUND.is_set(value) || value.data.is_null() {
        return &[];
    }
    let len = layout::ngx_http_variable_value_t::LEN.of(value);
    // SAFETY: so many bytes, in the request's pool or in what outlives it.
    unsafe { slice::from_raw_parts(value.data, len as usize) }
}
