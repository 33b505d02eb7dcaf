//! nginx's own reading of times and sizes.

use nginx_sys::{ngx_int_t, ngx_parse_size, ngx_parse_time, ngx_str_t, ngx_uint_t};

/// A time with units up to weeks, in milliseconds.
pub fn milliseconds(word: &str) -> Option<u64> {
    time(word, 0)
}

/// A time with units from seconds to years, in seconds.
pub fn seconds(word: &str) -> Option<u64> {
    time(word, 1)
}

fn time(word: &str, whole_seconds: ngx_uint_t) -> Option<u64> {
    let mut word = borrowed(word);
    // SAFETY: reads `len` bytes, keeps nothing.
    let time: ngx_int_t = unsafe { ngx_parse_time(&mut word, whole_seconds) };
    u64::try_from(time).ok()
}

/// A size in bytes, `k` or `m`.
pub fn size(word: &str) -> Option<usize> {
    let mut word = borrowed(word);
    // SAFETY: reads `len` bytes, keeps nothing.
    let size = unsafe { ngx_parse_size(&mut word) };
    usize::try_from(size).ok()
}

/// nginx's view of a word, for a call that only reads it.
fn borrowed(word: &str) -> ngx_str_t {
    ngx_str_t {
        len: word.len(),
        data: word.as_ptr().cast_mut(),
    }
}
