//! The clocks, as nginx keeps them: read once for every turn of the event loop.

use nginx_sys::{ngx_current_msec, ngx_random, ngx_time};

/// Milliseconds on the clock that never jumps, the same for all processes of this machine.
pub fn monotonic() -> u64 {
    // SAFETY: written by this thread only, at each turn of its event loop.
    let now = unsafe { ngx_current_msec };
    u64::try_from(now).unwrap_or(u64::MAX)
}

/// Seconds since 1970.
pub fn unix() -> u64 {
    u64::try_from(ngx_time()).unwrap_or(0)
}

/// `value`, moved by up to a fifth either way, so that many workers and instances don't act at once.
pub fn jittered(value: u64) -> u64 {
    let span = value.checked_div(5).unwrap_or(0).saturating_mul(2).max(1);
    let random = u64::try_from(ngx_random()).unwrap_or(0);
    let offset = random.checked_rem(span).unwrap_or(0);
    value
        .saturating_sub(span.checked_div(2).unwrap_or(0))
        .saturating_add(offset)
}
