//! Headers that a request shall have, ready to be hung into its list.
//!
//! What always holds: names and values end with a NUL, as nginx's parser leaves one behind a header. Those
//! that are the same for every request lie in the library itself and are never changed.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr;

use nginx_sys::{ngx_str_t, ngx_table_elt_t};

use super::name::{fixed, hash, HeaderName};
use super::Run;
use crate::pool::OutOfMemory;
use crate::request::Request;

/// Elements, in an array of the request's pool: for that request alone.
pub struct AddedHeaders<'r, 't> {
    first: *mut ngx_table_elt_t,
    pub(super) count: usize,
    room: usize,
    /// Where the values come from, and their copy in the pool.
    texts: &'t [u8],
    copy: *mut u8,
    request: PhantomData<Request<'r>>,
}

impl<'r, 't> AddedHeaders<'r, 't> {
    /// None.
    pub const NONE: Self = Self {
        first: ptr::null_mut(),
        count: 0,
        room: 0,
        texts: &[],
        copy: ptr::null_mut(),
        request: PhantomData,
    };

    /// Room for `room` headers, in the pool of the request, and one copy of the texts that their values are
    /// parts of. A byte stands behind each such part, in the texts, that is no part of a value: a NUL takes
    /// its place in the copy.
    pub fn with_room(request: Request<'r>, room: usize, texts: &'t [u8]) -> Result<Self, OutOfMemory> {
        let pool = request.pool()?;
        Ok(Self {
            first: pool.zeroed_array(room)?.as_ptr(),
            count: 0,
            room,
            texts,
            copy: if texts.is_empty() {
                ptr::null_mut()
            } else {
                pool.keep(&[texts])?.data
            },
            request: PhantomData,
        })
    }

    pub(super) fn run(&self) -> Run {
        Run {
            first: self.first,
            count: self.count,
        }
    }

    /// A header whose value is the same for every request.
    pub fn push_fixed(&mut self, name: &HeaderName, value: &'static CStr) -> Result<(), OutOfMemory> {
        self.push(name.element(), fixed(value))
    }

    /// A header whose value is a part of the texts.
    pub fn push_known(&mut self, name: &HeaderName, value: &'t [u8]) -> Result<(), OutOfMemory> {
        let value = self.kept(value)?;
        self.push(name.element(), value)
    }

    /// A header whose name, in lower case, is a part of the texts, too.
    pub fn push_other(&mut self, name: &'t [u8], value: &'t [u8]) -> Result<(), OutOfMemory> {
        let (key, value) = (self.kept(name)?, self.kept(value)?);
        // SAFETY: an all-zero element is what nginx's own code starts from; it is then filled.
        let mut element: ngx_table_elt_t = unsafe { std::mem::zeroed() };
        element.hash = hash(name);
        element.key = key;
        element.lowcase_key = key.data;
        self.push(element, value)
    }

    /// Where a part of the texts lies in their copy; whatever is none is refused.
    fn kept(&self, part: &[u8]) -> Result<ngx_str_t, OutOfMemory> {
        let offset = part.as_ptr().addr().wrapping_sub(self.texts.as_ptr().addr());
        let end = offset.checked_add(part.len()).ok_or(OutOfMemory)?;
        if self.copy.is_null() || end > self.texts.len() {
            return Err(OutOfMemory);
        }
        // SAFETY: within the copy, which is as long as the texts, and one byte for the last NUL.
        let data = unsafe { self.copy.add(offset) };
        // SAFETY: as above.
        let behind = unsafe { self.copy.add(end) };
        // SAFETY: as above; nobody reads the copy but by way of what is hung into the request later.
        unsafe { behind.write(0) };
        Ok(ngx_str_t {
            len: part.len(),
            data,
        })
    }

    /// `name` has all but the value.
    fn push(&mut self, name: ngx_table_elt_t, value: ngx_str_t) -> Result<(), OutOfMemory> {
        if self.count >= self.room {
            return Err(OutOfMemory);
        }
        // SAFETY: there is room for it.
        let slot = unsafe { self.first.add(self.count) };
        // SAFETY: memory of that type, which nobody else uses yet.
        unsafe { slot.write(ngx_table_elt_t { value, ..name }) };
        self.count = self.count.saturating_add(1);
        Ok(())
    }
}
