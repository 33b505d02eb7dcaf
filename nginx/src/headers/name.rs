//! Names of headers that are the same for every request: they lie in the library itself, and nobody changes
//! them.
//!
//! What always holds: each ends with a NUL, as nginx's parser leaves one behind a header: some modules
//! compare names as C strings.

use std::ffi::CStr;

use nginx_sys::{ngx_str_t, ngx_table_elt_t};

/// A name, with what nginx wants to know of it.
pub struct HeaderName {
    text: &'static CStr,
    lowcase: &'static CStr,
    hash: usize,
}

/// `Accept`
pub const ACCEPT: HeaderName = HeaderName::new(c"Accept", c"accept");
/// `Authorization`
pub const AUTHORIZATION: HeaderName = HeaderName::new(c"Authorization", c"authorization");
/// `Cookie`
pub const COOKIE: HeaderName = HeaderName::new(c"Cookie", c"cookie");
/// `Host`
pub const HOST: HeaderName = HeaderName::new(c"Host", c"host");
/// `Retry-After`
pub const RETRY_AFTER: HeaderName = HeaderName::new(c"Retry-After", c"retry-after");
/// `Set-Cookie`
pub const SET_COOKIE: HeaderName = HeaderName::new(c"Set-Cookie", c"set-cookie");
/// `User-Agent`
pub const USER_AGENT: HeaderName = HeaderName::new(c"User-Agent", c"user-agent");
/// `WWW-Authenticate`
pub const WWW_AUTHENTICATE: HeaderName = HeaderName::new(c"WWW-Authenticate", c"www-authenticate");
/// `X-Forwarded-For`
pub const X_FORWARDED_FOR: HeaderName = HeaderName::new(c"X-Forwarded-For", c"x-forwarded-for");

impl HeaderName {
    /// `lowcase` is the same in lower case.
    pub const fn new(text: &'static CStr, lowcase: &'static CStr) -> Self {
        let (mut rest, mut lower) = (text.to_bytes(), lowcase.to_bytes());
        while let ([byte, after @ ..], [small, others @ ..]) = (rest, lower) {
            assert!(byte.to_ascii_lowercase() == *small, "the same name");
            (rest, lower) = (after, others);
        }
        assert!(rest.is_empty() && lower.is_empty(), "the same name");
        let hash = hash(lowcase.to_bytes());
        Self { text, lowcase, hash }
    }

    /// As it is sent.
    pub fn text(&self) -> &'static CStr {
        self.text
    }

    /// A header of this name, without a value.
    pub(super) fn element(&self) -> ngx_table_elt_t {
        // SAFETY: an all-zero element is what nginx's own code starts from; it is then filled.
        let mut element: ngx_table_elt_t = unsafe { std::mem::zeroed() };
        element.hash = self.hash;
        element.key = fixed(self.text);
        element.lowcase_key = self.lowcase.as_ptr().cast_mut().cast();
        element
    }
}

/// A string that lives as long as the process, and that nobody changes.
pub(crate) const fn fixed(text: &'static CStr) -> ngx_str_t {
    ngx_str_t {
        len: text.count_bytes(),
        data: text.as_ptr().cast_mut().cast(),
    }
}

/// nginx's hash of a name in lower case.
pub(super) const fn hash(mut name: &[u8]) -> usize {
    let mut hash = 0_usize;
    while let [first, rest @ ..] = name {
        hash = hash.wrapping_mul(31).wrapping_add(*first as usize);
        name = rest;
    }
    hash
}
