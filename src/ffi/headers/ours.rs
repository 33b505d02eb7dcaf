//! The elements that tell a backend who is calling, ready to be hung into a request's list of headers.
//!
//! What always holds: names and values end with a NUL, as nginx's parser leaves one behind a header, save those that are the same for every request,
//! which lie in the library itself and are never changed.

use std::mem::size_of;
use std::ptr;

use authgear_core::session::{Name, Session, VALID};
use nginx_sys::{ngx_pcalloc, ngx_pool_t, ngx_str_t, ngx_table_elt_t};

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

    pub fn invalid(pool: *mut ngx_pool_t) -> Result<Self, OutOfMemory> {
        let mut ours = Self::with_room(pool, 1)?;
        let (key, hash) = fixed(VALID, VALID_HASH);
        ours.push(key, key.data, hash, fixed("false", 0).0);
        Ok(ours)
    }

    pub fn of(pool: *mut ngx_pool_t, session: &Session) -> Result<Self, OutOfMemory> {
        // One copy of all its bytes: each value points into it, and so does a name that is not known beforehand.
        let copy = keep(pool, &[session.as_bytes()])?;
        let origin = session.as_bytes().as_ptr().addr();
        let kept = |part: &[u8]| {
            let offset = part.as_ptr().addr().saturating_sub(origin);
            ngx_str_t {
                len: part.len(),
                // SAFETY: `part` is a part of the session's bytes, and lies in the copy where it lies in them.
                data: unsafe { copy.data.add(offset) },
            }
        };
        let mut ours = Self::with_room(pool, session.count().saturating_add(1))?;
        let (key, hash) = fixed(VALID, VALID_HASH);
        ours.push(key, key.data, hash, fixed("true", 0).0);
        for (name, value) in session.named_lines() {
            let (key, hash) = match name {
                Name::Known(place) => {
                    let place = usize::from(place);
                    let text = Name::KNOWN.get(place).copied().unwrap_or_default();
                    fixed(text, KNOWN_HASHES.get(place).copied().unwrap_or_default())
                }
                Name::Other(name) => (kept(name.as_bytes()), hash_of(name)),
            };
            ours.push(key, key.data, hash, kept(value));
        }
        Ok(ours)
    }
}

const VALID_HASH: usize = hash_of(VALID);
const KNOWN_HASHES: [usize; Name::KNOWN.len()] = {
    let mut hashes = [0; Name::KNOWN.len()];
    let mut place = 0;
    while place < hashes.len() {
        #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
        {
            hashes[place] = hash_of(Name::KNOWN[place]);
            place += 1;
        }
    }
    hashes
};

/// A string that lives as long as the process, and that nobody changes.
fn fixed(text: &'static str, hash: usize) -> (ngx_str_t, usize) {
    let text = ngx_str_t {
        len: text.len(),
        data: text.as_ptr().cast_mut(),
    };
    (text, hash)
}

/// nginx's hash of a name in lower case.
const fn hash_of(name: &str) -> usize {
    let bytes = name.as_bytes();
    let (mut hash, mut at) = (0_usize, 0);
    while at < bytes.len() {
        #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
        {
            hash = hash.wrapping_mul(31).wrapping_add(bytes[at] as usize);
            at += 1;
        }
    }
    hash
}
