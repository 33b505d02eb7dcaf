//! The worker processes, which all belong to one master.

use std::io::Error;

use nginx_sys::{kill, ngx_pid, ngx_pid_t, ESRCH};

/// This one.
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
