//! What nginx calls to read from, to write to and to name the peer of a connection that has none.

use std::ffi::CStr;
use std::ptr::fn_addr_eq;

use nginx_sys::{ngx_chain_t, ngx_connection_t, ngx_http_request_t, ngx_log_t, off_t, u_char};

use crate::module;
use crate::status::Status;

/// Whether a request is one of the worker's own: its connection has no peer.
pub fn is_ours(request: &ngx_http_request_t) -> bool {
    let ours: unsafe extern "C" fn(*mut ngx_connection_t, *mut u_char, usize) -> isize = receive;
    // SAFETY: null, or a connection that outlives its request.
    unsafe { request.connection.as_ref() }
        .and_then(|connection| connection.recv)
        .is_some_and(|recv| fn_addr_eq(recv, ours))
}

/// There is no peer to read from or write to.
// Compared by its address: inlined, it would have one in each part that the compiler makes of this crate.
#[inline(never)]
pub unsafe extern "C" fn receive(_: *mut ngx_connection_t, _: *mut u_char, _: usize) -> isize {
    Status::ERROR.into()
}

pub unsafe extern "C" fn receive_chain(_: *mut ngx_connection_t, _: *mut ngx_chain_t, _: off_t) -> isize {
    Status::ERROR.into()
}

pub unsafe extern "C" fn send_chain(
    _: *mut ngx_connection_t,
    _: *mut ngx_chain_t,
    _: off_t,
) -> *mut ngx_chain_t {
    std::ptr::without_provenance_mut(usize::MAX)
}

/// What nginx appends to a log line about this connection: what it was doing, and where the line comes from.
pub unsafe extern "C" fn log_line(log: *mut ngx_log_t, buffer: *mut u_char, len: usize) -> *mut u_char {
    // SAFETY: nginx calls this with the log that furnish() made.
    let action = unsafe { (*log).action };
    let action = if action.is_null() {
        c"asking"
    } else {
        // SAFETY: nginx's actions are C string literals.
        unsafe { CStr::from_ptr(action) }
    };
    let mut at = buffer;
    let mut room = len;
    for part in [
        b" while ",
        action.to_bytes(),
        b", in a request of the worker's own for ",
        module::name().as_bytes(),
    ] {
        let count = part.len().min(room);
        // SAFETY: nginx gives a buffer with room for `len` bytes, and `room` of them are left.
        unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), at, count) };
        // SAFETY: within or one past that room.
        at = unsafe { at.add(count) };
        room = room.saturating_sub(count);
    }
    at
}
