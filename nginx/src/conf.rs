//! nginx's configuration.

use std::ptr::NonNull;

use nginx_sys::{ngx_conf_t, ngx_http_conf_ctx_t, ngx_http_core_srv_conf_t};

use crate::pool::{OutOfMemory, Pool};

/// A server of nginx's, for requests of the worker's own. It lives as long as the configuration that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerRef(NonNull<ngx_http_core_srv_conf_t>);

impl ServerRef {
    /// # Safety
    /// A server of a configuration that is complete, or about to be, and is used no longer than that.
    pub unsafe fn new(server: NonNull<ngx_http_core_srv_conf_t>) -> Self {
        Self(server)
    }

    /// Its HTTP configuration.
    pub(crate) fn context(self) -> *mut ngx_http_conf_ctx_t {
        // SAFETY: new()'s caller vouches for it.
        unsafe { (*self.0.as_ptr()).ctx }
    }
}

/// The pool of the configuration that nginx is reading.
///
/// # Safety
/// `cf` is the configuration under way, during `'c`.
pub unsafe fn pool<'c>(cf: NonNull<ngx_conf_t>) -> Result<Pool<'c>, OutOfMemory> {
    // SAFETY: the caller vouches for it.
    let pool = unsafe { cf.as_ref() }.pool;
    // SAFETY: the cycle's own.
    unsafe { Pool::from_ptr(pool) }.ok_or(OutOfMemory)
}
