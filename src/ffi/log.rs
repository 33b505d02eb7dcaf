//! Lines in nginx's error log. Text from outside goes through [`escape`] first: no control byte and no quote reaches the log, and no line is
//! longer than nginx prints.

use std::ffi::c_char;
use std::fmt::Write as _;

use nginx_sys::{
    ngx_cycle, ngx_log_error_core, ngx_log_t, ngx_uint_t, NGX_LOG_ALERT, NGX_LOG_ERR, NGX_LOG_INFO,
    NGX_LOG_NOTICE, NGX_LOG_WARN,
};

/// nginx's levels, those that this module uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Alert,
    Error,
    Warn,
    Notice,
    Info,
}

impl Level {
    fn number(self) -> ngx_uint_t {
        let level = match self {
            Self::Alert => NGX_LOG_ALERT,
            Self::Error => NGX_LOG_ERR,
            Self::Warn => NGX_LOG_WARN,
            Self::Notice => NGX_LOG_NOTICE,
            Self::Info => NGX_LOG_INFO,
        };
        level as ngx_uint_t
    }
}

/// A line of this process, outside any request.
pub fn process(level: Level, line: &str) {
    // SAFETY: nginx sets ngx_cycle before it loads a module and replaces it whole; this thread is the only one.
    let cycle = unsafe { ngx_cycle };
    if cycle.is_null() {
        return;
    }
    // SAFETY: a cycle is never freed while it is the current one.
    let log = unsafe { (*cycle).log };
    write(log, level, line);
}

/// A line in the log behind `log`; nothing when the log is null or its level is lower.
pub fn write(log: *mut ngx_log_t, level: Level, line: &str) {
    if log.is_null() {
        return;
    }
    let number = level.number();
    // SAFETY: the caller hands on a log that nginx keeps as long as its connection or cycle; checked for null above.
    let limit = unsafe { (*log).log_level };
    if limit < number {
        return;
    }
    // SAFETY: the format takes a size_t and a pointer to that many bytes; nginx copies at most its own line length from them.
    unsafe {
        ngx_log_error_core(
            number,
            log,
            0,
            c"%*s".as_ptr().cast::<c_char>(),
            line.len(),
            line.as_ptr(),
        )
    };
}

/// Bytes from outside, fit for a log line: printable ASCII as it is, all else as `\xNN`, cut after 128 bytes.
pub fn escape(bytes: &[u8]) -> String {
    const LONGEST: usize = 128;
    let mut text = String::with_capacity(bytes.len().min(LONGEST));
    for &byte in bytes.iter().take(LONGEST) {
        if matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\' {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(text, "\\x{byte:02x}").unwrap_or_default();
        }
    }
    if bytes.len() > LONGEST {
        text.push_str("...");
    }
    text
}
