//! One directive as nginx has split it into words, and what is said about it.

use std::ffi::{c_char, CStr, OsStr};
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::rc::Rc;

use nginx_sys::{
    ngx_conf_full_name, ngx_conf_log_error, ngx_conf_t, ngx_log_error_core, ngx_str_t, ngx_uint_t,
    NGX_LOG_EMERG, NGX_LOG_WARN,
};
use ngx::core::Status;

use crate::conf::directives::Refusal;
use crate::conf::written::Place;
use crate::ffi::log::escape;
use crate::ffi::request::bytes;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Emergency,
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

    /// Its name.
    pub fn directive(&self) -> &str {
        self.words
            .first()
            .and_then(|word| std::str::from_utf8(bytes(word)).ok())
            .unwrap_or_default()
    }

    /// Its arguments; the first that is not UTF-8 is the error.
    pub fn arguments(&self) -> Result<Vec<&str>, String> {
        let text = |word| {
            std::str::from_utf8(bytes(word)).map_err(|_| String::from_utf8_lossy(bytes(word)).into_owned())
        };
        self.words.iter().skip(1).map(text).collect()
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        // SAFETY: nginx is reading with it.
        let file = unsafe { (*self.cf.as_ptr()).conf_file };
        // SAFETY: null when nginx reads what is written in no file.
        let Some(file) = (unsafe { file.as_ref() }) else {
            return Place::CommandLine;
        };
        if file.file.name.len == 0 {
            return Place::CommandLine;
        }
        let name = String::from_utf8_lossy(bytes(&file.file.name));
        Place::File {
            name: Rc::from(name.as_ref()),
            line: file.line,
        }
    }

    /// A file's path, which is relative to nginx's configuration unless it begins with `/`. `None` when memory is out.
    pub fn conf_path(&self, word: &str) -> Option<PathBuf> {
        // SAFETY: nginx is reading with it.
        let pool = unsafe { (*self.cf.as_ptr()).pool };
        // SAFETY: as above.
        let cycle = unsafe { (*self.cf.as_ptr()).cycle };
        let mut name = unsafe { nginx::pool::Pool::from_ptr(pool) }?
            .keep(&[word.as_bytes()])
            .ok()?;
        // SAFETY: changes the string that it is given, in the cycle's pool.
        let rc = unsafe { ngx_conf_full_name(cycle, &mut name, 1) };
        (Status(rc).is_ok()).then(|| PathBuf::from(OsStr::from_bytes(bytes(&name))))
    }

    /// A warning, with the place.
    pub fn warn(&self, text: &str) {
        self.say(Severity::Warning, text);
    }

    /// Says why it is refused, with the place.
    pub fn refuse(&self, refusal: &Refusal) {
        let directive = self.directive();
        let text = match refusal {
            Refusal::Duplicate => format!("\"{directive}\" directive is duplicate"),
            Refusal::Beside { other, place } => {
                format!("\"{directive}\" directive can't stand beside \"{other}\" of {place}: keys come from one of them")
            }
            Refusal::Word { word, problem } => {
                format!(
                    "invalid value \"{}\" in \"{directive}\" directive, {problem}",
                    escape(word.as_bytes())
                )
            }
            Refusal::Unknown => format!("unknown directive \"{directive}\""),
        };
        self.say(Severity::Emergency, &text);
    }

    fn say(&self, severity: Severity, text: &str) {
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
pub fn report(cf: NonNull<ngx_conf_t>, severity: Severity, text: &str) {
    // SAFETY: the configuration under way.
    let log = unsafe { (*cf.as_ptr()).log };
    // SAFETY: null, or the cycle's log.
    if unsafe { log.as_ref() }.is_none_or(|log| log.log_level < severity.number()) {
        return;
    }
    let format = c"%*s".as_ptr().cast::<c_char>();
    // SAFETY: the format takes a size and a pointer to that many bytes.
    unsafe { ngx_log_error_core(severity.number(), log, 0, format, text.len(), text.as_ptr()) };
}

/// Where a block begins, by what nginx noted.
///
/// # Safety
/// `file` is null or a string that ends with NUL.
pub unsafe fn noted_place(file: *const u8, line: ngx_uint_t) -> Place {
    if file.is_null() {
        return Place::CommandLine;
    }
    // SAFETY: the caller vouches for it.
    let name = unsafe { CStr::from_ptr(file.cast()) };
    Place::File {
        name: Rc::from(name.to_string_lossy().as_ref()),
        line,
    }
}
