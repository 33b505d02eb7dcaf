//! One directive as nginx has split it into words, and what is said about it.

use std::ffi::{c_char, CStr, OsStr};
use std::fmt;
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::rc::Rc;

use nginx_sys::{
    ngx_conf_full_name, ngx_conf_log_error, ngx_conf_t, ngx_str_t, ngx_uint_t, NGX_LOG_EMERG, NGX_LOG_WARN,
};

use super::named_variable::NamedVariable;
use super::pool;
use crate::log::write_at;
use crate::pool::OutOfMemory;
use crate::request::bytes;
use crate::status::Status;

/// Where a directive or a block stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// In a file, as nginx was told its name.
    File {
        /// The name.
        name: Rc<str>,
        /// The line, from 1 on.
        line: usize,
    },
    /// In no file: in nginx's option `-g`.
    CommandLine,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// nginx goes no further.
    Emergency,
    /// Somebody should look at it.
    Warning,
}

impl Severity {
    fn number(self) -> ngx_uint_t {
        let level = match self {
            Self::Emergency => NGX_LOG_EMERG,
            Self::Warning => NGX_LOG_WARN,
        };
        level as ngx_uint_t
    }
}

/// The directive that nginx is reading.
pub struct Statement<'c> {
    cf: NonNull<ngx_conf_t>,
    words: &'c [ngx_str_t],
    lifetime: PhantomData<&'c ngx_conf_t>,
}

impl Statement<'_> {
    /// `None` where there are no words.
    ///
    /// # Safety
    /// nginx is reading a directive with `cf`, and goes on only after this is dropped.
    pub unsafe fn new(cf: NonNull<ngx_conf_t>) -> Option<Self> {
        // SAFETY: the caller vouches for it.
        let arguments = unsafe { (*cf.as_ptr()).args };
        // SAFETY: null, or nginx's array, alive while it reads the directive.
        let arguments = unsafe { arguments.as_ref() }?;
        // SAFETY: an array of words.
        let words = unsafe { arguments.as_slice::<ngx_str_t>() };
        Some(Self {
            cf,
            words,
            lifetime: PhantomData,
        })
    }

    /// Its arguments; the first that is not UTF-8 is the error, as far as it can be read.
    pub fn arguments(&self) -> Result<Vec<&str>, String> {
        let text = |word| {
            std::str::from_utf8(bytes(word)).map_err(|_| String::from_utf8_lossy(bytes(word)).into_owned())
        };
        self.words.iter().skip(1).map(text).collect()
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        // SAFETY: nginx is reading with it.
        let file = unsafe { (*self.cf.as_ptr()).conf_file };
        // SAFETY: null when nginx reads what is written in no file.
        let Some(file) = (unsafe { file.as_ref() }) else {
            return Position::CommandLine;
        };
        if file.file.name.len == 0 {
            return Position::CommandLine;
        }
        let name = String::from_utf8_lossy(bytes(&file.file.name));
        Position::File {
            name: Rc::from(name.as_ref()),
            line: file.line,
        }
    }

    /// A file's path, which is relative to nginx's configuration unless it begins with `/`.
    pub fn conf_path(&self, word: &str) -> Result<PathBuf, OutOfMemory> {
        // SAFETY: nginx is reading with it.
        let cycle = unsafe { (*self.cf.as_ptr()).cycle };
        // SAFETY: as above.
        let mut name = unsafe { pool(self.cf) }?.keep(&[word.as_bytes()])?;
        // SAFETY: changes the string that it is given, in the cycle's pool.
        let rc = unsafe { ngx_conf_full_name(cycle, &mut name, 1) };
        if !Status(rc).is_ok() {
            return Err(OutOfMemory);
        }
        Ok(PathBuf::from(OsStr::from_bytes(bytes(&name))))
    }

    /// A variable that it names, without the `$`; nginx refuses the configuration later if nobody defines it.
    pub fn variable(&self, name: &str) -> Result<NamedVariable, OutOfMemory> {
        // SAFETY: nginx is reading with it.
        unsafe { NamedVariable::new(self.cf, name) }
    }

    /// Says something about it; nginx adds its position.
    pub fn say(&self, severity: Severity, text: &dyn fmt::Display) {
        let text = text.to_string();
        let format = c"%*s".as_ptr().cast::<c_char>();
        // SAFETY: the format takes a size and a pointer to that many bytes; nginx adds the place itself.
        unsafe {
            ngx_conf_log_error(
                severity.number(),
                self.cf.as_ptr(),
                0,
                format,
                text.len(),
                text.as_ptr(),
            )
        };
    }
}

/// A line when everything is read, and nginx's own position says nothing any more.
///
/// # Safety
/// `cf` is the configuration under way.
pub unsafe fn report(cf: NonNull<ngx_conf_t>, severity: Severity, text: &dyn fmt::Display) {
    let text = text.to_string();
    // SAFETY: the configuration under way.
    let log = unsafe { (*cf.as_ptr()).log };
    // SAFETY: null, or the cycle's log.
    if unsafe { log.as_ref() }.is_none_or(|log| log.log_level < severity.number()) {
        return;
    }
    // SAFETY: the cycle's log.
    unsafe { write_at(log, severity.number(), &text) };
}

/// Where a block begins, by what nginx noted.
///
/// # Safety
/// `file` is null or a string that ends with NUL.
pub(super) unsafe fn noted_position(file: *const u8, line: ngx_uint_t) -> Position {
    if file.is_null() {
        return Position::CommandLine;
    }
    // SAFETY: the caller vouches for it.
    let name = unsafe { CStr::from_ptr(file.cast()) };
    Position::File {
        name: Rc::from(name.to_string_lossy().as_ref()),
        line,
    }
}
