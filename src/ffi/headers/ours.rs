//! The elements that tell a backend who is calling, ready to be hung into a request's list of headers.
//!
//! What always holds: names and values end with a NUL, as nginx's parser leaves one behind a header. Those that are the same for every request lie
//! in the library itself and are never changed.

use std::ffi::CStr;
use std::mem::size_of;
use std::ptr;

use authgear_core::session::{Name, Session, VALID};
use nginx_sys::{ngx_pcalloc, ngx_pool_t, ngx_str_t, ngx_table_elt_t};

use super::name::{fixed, hash, HeaderName};
use crate::ffi::request::{keep, OutOfMemory};

/// Our elements, ready, in an array of the request's pool.
#[derive(Clone, Copy)]
pub struct Ours {
    pub first: *mut ngx_table_elt_t,
    pub count: usize,
}

impl Ours {
    pub const NONE: Self = Self {
        first: ptr::null_mut(),
        count: 0,
    };

    /// Room for `count` elements; a session has at least two lines, and at most as many as an answer may have.
    fn with_room(pool: *mut ngx_pool_t, count: usize) -> Result<Self, OutOfMemory> {
        let size = size_of::<ngx_table_elt_t>()
            .checked_mul(count)
            .ok_or(OutOfMemory)?;
        // SAFETY: the request's pool.
        let first: *mut ngx_table_elt_t = unsafe { ngx_pcalloc(pool, size) }.cast();
        if first.is_null() {
            return Err(OutOfMemory);
        }
        Ok(Self { first, count: 0 })
    }

    /// Appends an element; the caller made room for it.
    fn push(&mut self, key: ngx_str_t, lowcase: *mut u8, hash: usize, value: ngx_str_t) {
        // SAFETY: with_room() was told how many come.
        let slot = unsafe { self.first.add(self.count) };
        // SAFETY: zeroed memory of that type, which is where nginx's own code starts from.
        let element = unsafe { &mut *slot };
        element.hash = hash;
        element.key = key;
        element.value = value;
        element.lowcase_key = lowcase;
        self.count = self.count.saturating_add(1);
    }

    fn push_named(&mut self, name: &HeaderName, value: ngx_str_t) {
        self.push(name.key(), name.lowcase(), name.hash(), value);
    }

    pub fn invalid(pool: *mut ngx_pool_t) -> Result<Self, OutOfMemory> {
        let mut ours = Self::with_room(pool, 1)?;
        ours.push_named(&VALID_NAME, fixed(c"false"));
        Ok(ours)
    }

    pub fn of(pool: *mut ngx_pool_t, session: &Session) -> Result<Self, OutOfMemory> {
        // One copy of all its texts: each value points into it, and so does a name that is not known beforehand.
        let texts = session.texts();
        let copy = keep(pool, &[texts])?;
        let kept = |part: &[u8]| {
            let offset = part.as_ptr().addr().saturating_sub(texts.as_ptr().addr());
            // SAFETY: `part` is a part of the texts, and lies in the copy where it lies in them.
            let data = unsafe { copy.data.add(offset) };
            // SAFETY: a space stands behind each part, in the copy too.
            let behind = unsafe { data.add(part.len()) };
            // SAFETY: as above.
            unsafe { behind.write(0) };
            ngx_str_t {
                len: part.len(),
                data,
            }
        };
        let mut ours = Self::with_room(pool, session.count().saturating_add(1))?;
        ours.push_named(&VALID_NAME, fixed(c"true"));
        for (name, value) in session.named_lines() {
            match name {
                Name::Known(place) => {
                    if let Some(name) = KNOWN.get(usize::from(place)) {
                        ours.push_named(name, kept(value));
                    }
                }
                Name::Other(name) => {
                    let key = kept(name.as_bytes());
                    ours.push(key, key.data, hash(name.as_bytes()), kept(value));
                }
            }
        }
        Ok(ours)
    }
}

/// A name of the session's, `text` being `name` with a NUL behind it.
const fn known(name: &str, text: &'static CStr) -> HeaderName {
    let (mut rest, mut same) = (name.as_bytes(), text.to_bytes());
    while let ([byte, after @ ..], [other, others @ ..]) = (rest, same) {
        assert!(*byte == *other, "the same name");
        (rest, same) = (after, others);
    }
    assert!(rest.is_empty() && same.is_empty(), "the same name");
    HeaderName::new(text, text)
}

const VALID_NAME: HeaderName = known(VALID, c"x-authgear-session-valid");
const KNOWN: [HeaderName; Name::KNOWN.len()] = {
    let [user, anonymous, verified, can_reauthenticate, roles, amr, acr, authenticated_at] = Name::KNOWN;
    [
        known(user, c"x-authgear-user-id"),
        known(anonymous, c"x-authgear-user-anonymous"),
        known(verified, c"x-authgear-user-verified"),
        known(can_reauthenticate, c"x-authgear-user-can-reauthenticate"),
        known(roles, c"x-authgear-user-roles"),
        known(amr, c"x-authgear-session-amr"),
        known(acr, c"x-authgear-session-acr"),
        known(authenticated_at, c"x-authgear-session-authenticated-at"),
    ]
};
