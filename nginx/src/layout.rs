//! Proof that nginx's structures are here what they are to the C compiler that builds nginx, and nginx's
//! bit-fields where that has them.
//!
//! What enters: the numbers that `build/layout.rs` has from the compiler. What always holds: a build in which
//! a structure's size, or the place or size of a member that this module names, is another than the
//! compiler's stops with its name; and no bit is ever read or written through the bindings, which have laid
//! them out wrongly before.

use std::marker::PhantomData;
use std::mem::{align_of, offset_of, size_of};
use std::ptr;

use nginx_sys as ffi;

/// A bit-field of nginx's structure `T`.
pub struct Flag<T> {
    /// Where the bytes are that have its bits: one, or an aligned word of four.
    offset: usize,
    is_byte: bool,
    mask: u32,
    of: PhantomData<fn(&T)>,
}

impl<T> Flag<T> {
    /// `mask`: its bits in the aligned word of 32 bits at `offset`.
    const fn new(offset: usize, mask: u32) -> Self {
        assert!(offset & 3 == 0 && align_of::<T>() >= align_of::<u32>() && mask != 0);
        assert!(offset.saturating_add(size_of::<u32>()) <= size_of::<T>());
        // One that lies in a byte is read as a byte: the others may be no bit-field's.
        let bytes = mask.to_ne_bytes();
        let (byte, mask, is_byte) = match bytes {
            [only, 0, 0, 0] => (0, only as u32, true),
            [0, only, 0, 0] => (1, only as u32, true),
            [0, 0, only, 0] => (2, only as u32, true),
            [0, 0, 0, only] => (3, only as u32, true),
            _ => (0, mask, false),
        };
        Self {
            offset: offset.saturating_add(byte),
            is_byte,
            mask,
            of: PhantomData,
        }
    }

    /// Its value.
    #[inline]
    pub fn of(&self, structure: &T) -> u32 {
        // SAFETY: new() has made sure that all its bytes lie within a `T`.
        let at: *const u8 = unsafe { ptr::from_ref(structure).byte_add(self.offset) }.cast();
        let bits = if self.is_byte {
            // SAFETY: as above; a byte that has bit-fields is initialised.
            u32::from(unsafe { at.read() })
        } else {
            // SAFETY: likewise, and aligned.
            unsafe { at.cast::<u32>().read() }
        };
        (bits & self.mask) >> self.mask.trailing_zeros()
    }

    /// Whether it is anything but 0.
    #[inline]
    pub fn is_set(&self, structure: &T) -> bool {
        self.of(structure) != 0
    }

    /// Gives it a value; bits that it has no room for are lost, as in C.
    #[inline]
    pub fn set(&self, structure: &mut T, value: u32) {
        let value = value << self.mask.trailing_zeros() & self.mask;
        // SAFETY: new() has made sure that all its bytes lie within a `T`.
        let at: *mut u8 = unsafe { ptr::from_mut(structure).byte_add(self.offset) }.cast();
        if self.is_byte {
            // SAFETY: as above, and ours alone.
            let byte = unsafe { &mut *at };
            // Both fit: the mask is a byte's.
            *byte = *byte & !(self.mask as u8) | value as u8;
        } else {
            // SAFETY: likewise, and aligned.
            let word = unsafe { &mut *at.cast::<u32>() };
            *word = *word & !self.mask | value;
        }
    }
}

const fn size_of_member<T, M>(_: fn(&T) -> &M) -> usize {
    size_of::<M>()
}

macro_rules! is_sized {
    ($structure:ident, $size:literal) => {
        const _: () = assert!(
            size_of::<ffi::$structure>() == $size,
            concat!(
                "nginx's ",
                stringify!($structure),
                " has not the size that the C compiler gives it: ",
                $size
            )
        );
    };
}

macro_rules! lies_at {
    ($structure:ident, $member:ident, $offset:literal, $size:literal) => {
        const _: () = assert!(
            offset_of!(ffi::$structure, $member) == $offset
                && size_of_member::<ffi::$structure, _>(|all| &all.$member) == $size,
            concat!(
                "nginx's ",
                stringify!($structure),
                ".",
                stringify!($member),
                " does not lie where the C compiler has it: offset ",
                $offset,
                ", size ",
                $size
            )
        );
    };
}

include!(concat!(env!("OUT_DIR"), "/layout.rs"));
