//! Lines in nginx's error log. Text from outside goes through [`escape`] first: no control byte and no quote
//! reaches the log, and no line is longer than nginx prints.

use std::ffi::c_char;
use std::fmt::{self, Write as _};
use std::marker::PhantomData;
#[cfg(angie)]
use std::ptr;
use std::ptr::NonNull;

use nginx_sys::{
    ngx_cycle, ngx_log_error_core, ngx_log_t, ngx_uint_t, NGX_LOG_ALERT, NGX_LOG_ERR, NGX_LOG_INFO,
    NGX_LOG_NOTICE, NGX_LOG_WARN,
};

/// nginx's levels, those that have a use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Something is broken: a bug, or a limit of the system's.
    Alert,
    /// Somebody has to do something.
    Error,
    /// Somebody should look at it.
    Warn,
    /// Worth knowing.
    Notice,
    /// Worth knowing for who asked for it.
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

impl fmt::Display for Level {
    /// As `error_log` has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alert => "alert",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Notice => "notice",
            Self::Info => "info",
        })
    }
}

/// A line of this process, outside any request.
pub fn process(level: Level, line: &str) {
    // SAFETY: nginx sets ngx_cycle before it loads a module and replaces it whole; this thread is the only
    // one.
    let cycle = unsafe { ngx_cycle };
    if cycle.is_null() {
        return;
    }
    // SAFETY: a cycle is never freed while it is the current one.
    let log = unsafe { (*cycle).log };
    // SAFETY: null, or the cycle's, which lives as long.
    if let Some(log) = unsafe { Log::from_ptr(log) } {
        log.write(level, line);
    }
}

/// The log of a location's requests, which nginx keeps until the cycle ends. Which levels it has is known
/// once nginx has opened all logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorLog(NonNull<ngx_log_t>);

impl ErrorLog {
    /// `None` for null.
    pub(crate) fn from_ptr(raw: *mut ngx_log_t) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }

    /// It, once it is open.
    ///
    /// # Safety
    /// The cycle in whose configuration it was found is complete, and kept during `'l`.
    pub unsafe fn open<'l>(self) -> Log<'l> {
        Log(self.0, PhantomData)
    }
}

/// Where lines go, for `'l`.
#[derive(Clone, Copy)]
pub struct Log<'l>(NonNull<ngx_log_t>, PhantomData<&'l ngx_log_t>);

impl Log<'_> {
    /// `None` for null.
    ///
    /// # Safety
    /// The log lives for its lifetime.
    pub(crate) unsafe fn from_ptr(raw: *mut ngx_log_t) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self(raw, PhantomData))
    }

    /// Whether lines of this level are written.
    pub fn has(self, level: Level) -> bool {
        // SAFETY: from_ptr()'s caller vouches for it.
        let limit = unsafe { (*self.0.as_ptr()).log_level };
        limit >= level.number()
    }

    /// A line, and behind it what nginx adds; nothing when the log's level is lower.
    pub fn write(self, level: Level, line: &str) {
        if self.has(level) {
            // SAFETY: from_ptr()'s caller vouches for it.
            unsafe { write_to(self.0.as_ptr(), level, line) };
        }
    }

    /// A line at level warn, while nginx starts or is tested: it then goes to nginx's stderr, too, also when
    /// the log's level is lower.
    pub fn warn(self, line: &str) {
        // SAFETY: from_ptr()'s caller vouches for it; nginx looks at its level once more.
        unsafe { write_to(self.0.as_ptr(), Level::Warn, line) };
    }

    /// The same as [`Log::write`], and nothing behind it.
    pub(crate) fn write_alone(self, level: Level, line: &str) {
        if !self.has(level) {
            return;
        }
        let log = self.0.as_ptr();
        // SAFETY: from_ptr()'s caller vouches for it.
        let mut alone = unsafe { *log };
        alone.handler = None;
        // SAFETY: what it points to lives as long as the log that it was copied from.
        unsafe { write_to(&raw mut alone, level, line) };
        #[cfg(not(angie))]
        // SAFETY: as above. Of its members nginx sets this one, where a disk is full.
        unsafe {
            (*log).disk_full_time = alone.disk_full_time;
        }
    }
}

/// # Safety
/// The log is alive.
unsafe fn write_to(log: *mut ngx_log_t, level: Level, line: &str) {
    // SAFETY: the caller vouches for it.
    unsafe { write_at(log, level.number(), line) };
}

/// A line of a level of nginx's own.
///
/// # Safety
/// The log is alive.
pub(crate) unsafe fn write_at(log: *mut ngx_log_t, level: ngx_uint_t, line: &str) {
    let format = c"%*s".as_ptr().cast::<c_char>();
    #[cfg(not(angie))]
    // SAFETY: the caller vouches for the log. The format takes a size_t and a pointer to that many bytes;
    // nginx copies at most its own line length from them.
    unsafe {
        ngx_log_error_core(level, log, 0, format, line.len(), line.as_ptr());
    }
    #[cfg(angie)]
    // SAFETY: as above; Angie takes null where no source file is named.
    unsafe {
        ngx_log_error_core(level, log, ptr::null(), 0, format, line.len(), line.as_ptr());
    }
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
