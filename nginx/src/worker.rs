//! nginx's processes, which all belong to one master, and what this one is there for.

use std::io::Error;

use nginx_sys::{
    kill, ngx_exiting, ngx_pid, ngx_pid_t, ngx_process, ngx_uint_t, ESRCH, NGX_PROCESS_SINGLE,
    NGX_PROCESS_WORKER,
};

/// This process's number.
pub fn own() -> u64 {
    // SAFETY: set by nginx when a process starts.
    let pid = unsafe { ngx_pid };
    u64::try_from(pid).unwrap_or(0)
}

/// Whether a process is there. One that was killed is there until its master has noticed.
pub fn is_alive(pid: u64) -> bool {
    let Ok(pid @ 1..) = ngx_pid_t::try_from(pid) else {
        return false;
    };
    // SAFETY: signal 0 is sent to nobody.
    let rc = unsafe { kill(pid, 0) };
    let is_gone = rc != 0 && Error::last_os_error().raw_os_error() == i32::try_from(ESRCH).ok();
    !is_gone
}

/// Whether this process serves requests; cache manager and loader do not.
pub fn is_worker() -> bool {
    // SAFETY: set by nginx before it starts its processes.
    let role = unsafe { ngx_process };
    role == NGX_PROCESS_WORKER as ngx_uint_t || role == NGX_PROCESS_SINGLE as ngx_uint_t
}

/// Whether this worker serves the requests that it has, and no others.
pub fn is_leaving() -> bool {
    // SAFETY: nginx's flag, set by a signal between turns of the event loop.
    unsafe { ngx_exiting != 0 }
}
