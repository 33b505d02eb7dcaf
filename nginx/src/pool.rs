//! nginx's pools: memory that lives as long as a request, a connection or a configuration.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::ptr::NonNull;

use nginx_sys::{
    ngx_log_t, ngx_palloc, ngx_pcalloc, ngx_pool_cleanup_add, ngx_pool_cleanup_t, ngx_pool_t, ngx_str_t,
};

/// nginx's pool could not give memory: the request fails, nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// A pool that lives for `'p`.
#[derive(Clone, Copy)]
pub struct Pool<'p>(NonNull<ngx_pool_t>, PhantomData<&'p ngx_pool_t>);

impl<'p> Pool<'p> {
    /// `None` for null.
    ///
    /// # Safety
    /// The pool lives for `'p`, and nobody else uses it while it is used here.
    pub(crate) unsafe fn from_ptr(raw: *mut ngx_pool_t) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self(raw, PhantomData))
    }

    pub(crate) fn as_ptr(self) -> *mut ngx_pool_t {
        self.0.as_ptr()
    }

    /// Zeroed memory for a `T` of nginx's, whose own code starts from all-zero too.
    pub(crate) fn zeroed<T>(self) -> Result<NonNull<T>, OutOfMemory> {
        self.zeroed_array(1)
    }

    /// The same for `count` of them, one behind the other.
    pub(crate) fn zeroed_array<T>(self, count: usize) -> Result<NonNull<T>, OutOfMemory> {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        let size = size_of::<T>().checked_mul(count).ok_or(OutOfMemory)?;
        // SAFETY: a live pool, by from_ptr().
        let memory = unsafe { ngx_pcalloc(self.as_ptr(), size) };
        NonNull::new(memory.cast()).ok_or(OutOfMemory)
    }

    /// Memory with a value in it, which nobody drops.
    pub(crate) fn store<T>(self, value: T) -> Result<NonNull<T>, OutOfMemory> {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        // SAFETY: a live pool, by from_ptr().
        let memory = unsafe { ngx_palloc(self.as_ptr(), size_of::<T>()) };
        let memory: NonNull<T> = NonNull::new(memory.cast()).ok_or(OutOfMemory)?;
        // SAFETY: fresh memory of that size, which the pool aligns for a pointer.
        unsafe { memory.write(value) };
        Ok(memory)
    }

    /// A value in the pool, with a clean-up that is run once, before the pool's memory goes: it gets the
    /// value's address.
    ///
    /// # Safety
    /// `clean_up` takes what is a `T` there.
    pub(crate) unsafe fn store_until<T>(
        self,
        value: T,
        clean_up: unsafe extern "C" fn(*mut c_void),
    ) -> Result<NonNull<T>, OutOfMemory> {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        // SAFETY: a live pool, by from_ptr().
        let entry = unsafe { ngx_pool_cleanup_add(self.as_ptr(), size_of::<T>()) };
        // SAFETY: null or a fresh entry of the pool.
        let entry = unsafe { entry.as_mut() }.ok_or(OutOfMemory)?;
        let memory: NonNull<T> = NonNull::new(entry.data.cast()).ok_or(OutOfMemory)?;
        // SAFETY: room for one, which the pool aligns for a pointer.
        unsafe { memory.write(value) };
        entry.handler = Some(clean_up);
        Ok(memory)
    }

    /// Copies `parts`, one after the other, with a NUL behind them as nginx's parser leaves one behind a
    /// header.
    pub(crate) fn keep(self, parts: &[&[u8]]) -> Result<ngx_str_t, OutOfMemory> {
        let len = parts
            .iter()
            .fold(0_usize, |sum, part| sum.saturating_add(part.len()));
        let size = len.checked_add(1).ok_or(OutOfMemory)?;
        // SAFETY: a live pool, by from_ptr().
        let data: *mut u8 = unsafe { ngx_palloc(self.as_ptr(), size) }.cast();
        if data.is_null() {
            return Err(OutOfMemory);
        }
        let mut at = data;
        for part in parts {
            // SAFETY: `len` is the sum of all parts, so this one fits behind those before it; pool memory
            // overlaps nothing.
            unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), at, part.len()) };
            // SAFETY: at most the last byte of the allocation, the NUL's.
            at = unsafe { at.add(part.len()) };
        }
        // SAFETY: as above.
        unsafe { at.write(0) };
        Ok(ngx_str_t { len, data })
    }

    /// The clean-ups that it is going to run, the latest first.
    pub(crate) fn clean_ups(self) -> impl Iterator<Item = &'p ngx_pool_cleanup_t> {
        // SAFETY: a live pool, by from_ptr().
        let first: *mut ngx_pool_cleanup_t = unsafe { self.0.as_ref() }.cleanup;
        // SAFETY: the pool's list of clean-ups, ended by null.
        let first = unsafe { first.as_ref() };
        // SAFETY: as above.
        std::iter::successors(first, |cleanup| unsafe { cleanup.next.as_ref() })
    }

    /// Where lines about it go.
    ///
    /// # Safety
    /// The log lives as long as the pool.
    pub(crate) unsafe fn set_log(self, log: *mut ngx_log_t) {
        // SAFETY: a live pool that nobody else uses now.
        unsafe { (*self.as_ptr()).log = log };
    }
}

/// nginx's pools align for a pointer, and no further.
const ALIGNMENT: usize = align_of::<*mut c_void>();
