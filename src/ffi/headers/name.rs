//! Names of headers that are the same for every request: they lie in the library itself, and nobody changes them.

use nginx_sys::ngx_str_t;

/// A name, with what nginx wants to know of it.
pub struct HeaderName {
    text: &'static str,
    lowcase: &'static str,
    hash: usize,
}

pub const ACCEPT: HeaderName = HeaderName::new("Accept", "accept");
pub const AUTHORIZATION: HeaderName = HeaderName::new("Authorization", "authorization");
pub const COOKIE: HeaderName = HeaderName::new("Cookie", "cookie");
pub const HOST: HeaderName = HeaderName::new("Host", "host");
pub const RETRY_AFTER: HeaderName = HeaderName::new("Retry-After", "retry-after");
pub const SET_COOKIE: HeaderName = HeaderName::new("Set-Cookie", "set-cookie");
pub const USER_AGENT: HeaderName = HeaderName::new("User-Agent", "user-agent");
pub const X_FORWARDED_FOR: HeaderName = HeaderName::new("X-Forwarded-For", "x-forwarded-for");

impl HeaderName {
    /// `lowcase` is the same in lower case.
    pub const fn new(text: &'static str, lowcase: &'static str) -> Self {
        let (mut rest, mut lower) = (text.as_bytes(), lowcase.as_bytes());
        while let ([byte, after @ ..], [small, others @ ..]) = (rest, lower) {
            assert!(byte.to_ascii_lowercase() == *small, "the same name");
            (rest, lower) = (after, others);
        }
        assert!(rest.is_empty() && lower.is_empty(), "the same name");
        let hash = hash(lowcase.as_bytes());
        Self { text, lowcase, hash }
    }

    pub fn as_str(&self) -> &'static str {
        self.text
    }

    pub fn key(&self) -> ngx_str_t {
        fixed(self.text)
    }

    pub fn lowcase(&self) -> *mut u8 {
        self.lowcase.as_ptr().cast_mut()
    }

    pub fn hash(&self) -> usize {
        self.hash
    }
}

/// A string that lives as long as the process, and that nobody changes.
pub fn fixed(text: &'static str) -> ngx_str_t {
    ngx_str_t {
        len: text.len(),
        data: text.as_ptr().cast_mut(),
    }
}

/// nginx's hash of a name in lower case.
pub const fn hash(mut name: &[u8]) -> usize {
    let mut hash = 0_usize;
    while let [first, rest @ ..] = name {
        hash = hash.wrapping_mul(31).wrapping_add(*first as usize);
        name = rest;
    }
    hash
}
