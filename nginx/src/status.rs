//! What nginx's functions return, and what is returned to nginx.
//!
//! What always holds: the numbers are those of nginx's headers.

use std::ffi::c_char;
use std::ptr;

use nginx_sys::{ngx_int_t, NGX_AGAIN, NGX_DECLINED, NGX_ERROR, NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_OK};

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub ngx_int_t);

impl Status {
    /// It is done; in a phase: the request may go on.
    pub const OK: Self = Self(NGX_OK as ngx_int_t);
    /// It has failed.
    pub const ERROR: Self = Self(NGX_ERROR as ngx_int_t);
    /// It is under way: the call is to come again.
    pub const AGAIN: Self = Self(NGX_AGAIN as ngx_int_t);
    /// It is left to the next one.
    pub const DECLINED: Self = Self(NGX_DECLINED as ngx_int_t);
    /// The client gets 500.
    pub const INTERNAL_SERVER_ERROR: Self = Self(NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t);

    /// Whether it is [`Status::OK`].
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }
}

impl From<Status> for ngx_int_t {
    fn from(status: Status) -> Self {
        status.0
    }
}

/// What reads a directive returns this when it is content.
pub const CONF_OK: *mut c_char = ptr::null_mut();
/// And this when it has said itself what is wrong.
pub const CONF_ERROR: *mut c_char = ptr::without_provenance_mut(usize::MAX);
