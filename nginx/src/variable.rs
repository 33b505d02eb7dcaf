//! Variables that a module defines. None is cacheable: the same request may meet another location's answer
//! later.

use std::borrow::Cow;
use std::ptr::{self, NonNull};

use nginx_sys::{
    ngx_conf_t, ngx_hash_key_t, ngx_http_add_variable, ngx_http_conf_ctx_t, ngx_http_core_main_conf_t,
    ngx_http_request_t, ngx_http_variable_t, ngx_http_variable_value_t, ngx_int_t, ngx_str_t,
    NGX_HTTP_VAR_NOCACHEABLE, NGX_HTTP_VAR_PREFIX,
};

use crate::conf::pool;
use crate::entry::entry;
use crate::layout;
use crate::module::core_entry;
use crate::pool::OutOfMemory;
use crate::request::{bytes, Request};
use crate::status::Status;

/// nginx calls it for a variable's value. The last argument is the index that it was added with; of a prefix,
/// what [`rest`] reads.
pub type Handler =
    unsafe extern "C" fn(*mut ngx_http_request_t, *mut ngx_http_variable_value_t, usize) -> ngx_int_t;

/// Makes a variable known, while nginx reads its configuration. `name` is without the `$`.
///
/// # Safety
/// `cf` is the configuration under way, in its `http` block.
pub unsafe fn add(
    cf: NonNull<ngx_conf_t>,
    name: &str,
    handler: Handler,
    index: usize,
) -> Result<(), OutOfMemory> {
    // SAFETY: the caller vouches for it.
    unsafe { add_with(cf, name, 0, handler, index) }
}

/// Makes all variables known whose names begin with this and go on, before any directive is read.
///
/// # Safety
/// As for [`add`].
pub unsafe fn add_prefix(cf: NonNull<ngx_conf_t>, name: &str, handler: Handler) -> Result<(), OutOfMemory> {
    // SAFETY: the caller vouches for it.
    unsafe { add_with(cf, name, NGX_HTTP_VAR_PREFIX as usize, handler, 0) }
}

/// # Safety
/// As for [`add`].
unsafe fn add_with(
    cf: NonNull<ngx_conf_t>,
    name: &str,
    flags: usize,
    handler: Handler,
    index: usize,
) -> Result<(), OutOfMemory> {
    // SAFETY: the caller vouches for it.
    let mut name = unsafe { pool(cf) }?.keep(&[name.as_bytes()])?;
    let flags = flags | NGX_HTTP_VAR_NOCACHEABLE as usize;
    // SAFETY: a name in the cycle's pool.
    let added = unsafe { ngx_http_add_variable(cf.as_ptr(), &mut name, flags) };
    // SAFETY: null, or nginx's entry of that name.
    let added = unsafe { added.as_mut() }.ok_or(OutOfMemory)?;
    added.get_handler = Some(handler);
    added.data = index;
    Ok(())
}

/// Whether somebody has defined a variable of this name, in any case, or all that begin as it does.
///
/// # Safety
/// As for [`add`].
pub unsafe fn is_defined(cf: NonNull<ngx_conf_t>, name: &str) -> bool {
    // SAFETY: the caller vouches for the context.
    let context: *const ngx_http_conf_ctx_t = unsafe { (*cf.as_ptr()).ctx }.cast();
    // SAFETY: as above.
    let main = unsafe { context.as_ref() }.map_or(ptr::null_mut(), |context| context.main_conf);
    // SAFETY: the array of main configurations.
    let core = unsafe { core_entry::<ngx_http_core_main_conf_t>(main) };
    // SAFETY: nginx is in this thread, in our callback.
    let Some(core) = core.map(|core| unsafe { core.as_ref() }) else {
        return false;
    };
    // SAFETY: an array of variables.
    let prefixes: &[ngx_http_variable_t] = unsafe { core.prefix_variables.as_slice() };
    let begins = |prefix: &ngx_http_variable_t| {
        let start = name.as_bytes().get(..prefix.name.len);
        start.is_some_and(|start| start.eq_ignore_ascii_case(bytes(&prefix.name)))
    };
    // SAFETY: null, or what is defined while nginx reads its configuration.
    let defined = unsafe { core.variables_keys.as_ref() };
    // SAFETY: an array of keys.
    let defined = defined.map_or(&[][..], |keys| unsafe { keys.keys.as_slice::<ngx_hash_key_t>() });
    let is_it = |key: &ngx_hash_key_t| bytes(&key.key).eq_ignore_ascii_case(name.as_bytes());
    prefixes.iter().any(begins) || defined.iter().any(is_it)
}

/// What stands behind `prefix` in the name of the variable that nginx asks for: in lower case, as nginx keeps
/// all names.
///
/// # Safety
/// `data` is what nginx calls the handler of this prefix with, during `'n`.
pub unsafe fn rest<'n>(data: usize, prefix: &str) -> Option<&'n str> {
    let name = ptr::with_exposed_provenance::<ngx_str_t>(data);
    // SAFETY: the caller vouches for it: nginx gives the name's address.
    let name = bytes(unsafe { name.as_ref() }?);
    let rest = name.get(prefix.len()..)?;
    std::str::from_utf8(rest).ok()
}

/// Answers nginx's call for a value with what `value_of` says of the request; `None`: there is none. What is
/// owned is copied to where it lives as long as the request.
///
/// # Safety
/// nginx calls a variable's handler with this request and this place for its value.
pub unsafe fn evaluate(
    request: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    value_of: impl for<'r> FnOnce(Request<'r>) -> Option<Cow<'r, str>>,
) -> ngx_int_t {
    entry(Status::ERROR.into(), || {
        // SAFETY: nginx evaluates a variable for a live request.
        let request = unsafe { Request::from_ptr(request) };
        // SAFETY: nginx's place for the value, ours during the call.
        let value = unsafe { value.as_mut() };
        let (Some(request), Some(value)) = (request, value) else {
            return Status::ERROR.into();
        };
        match kept(request, value_of(request)) {
            Ok(text) => fill(value, text),
            Err(OutOfMemory) => return Status::ERROR.into(),
        }
        Status::OK.into()
    })
}

/// A text that lives as long as the request.
fn kept(request: Request<'_>, text: Option<Cow<'_, str>>) -> Result<Option<ngx_str_t>, OutOfMemory> {
    match text {
        None => Ok(None),
        Some(Cow::Borrowed(text)) => Ok(Some(ngx_str_t {
            len: text.len(),
            data: text.as_ptr().cast_mut(),
        })),
        Some(Cow::Owned(text)) => request.pool()?.keep(&[text.as_bytes()]).map(Some),
    }
}

fn fill(value: &mut ngx_http_variable_value_t, text: Option<ngx_str_t>) {
    let len = text.and_then(|text| u32::try_from(text.len).ok().filter(|len| *len < 1 << 28));
    let (Some(text), Some(len)) = (text, len) else {
        layout::ngx_http_variable_value_t::VALID.set(value, 0);
        layout::ngx_http_variable_value_t::NOT_FOUND.set(value, 1);
        return;
    };
    layout::ngx_http_variable_value_t::LEN.set(value, len);
    layout::ngx_http_variable_value_t::VALID.set(value, 1);
    layout::ngx_http_variable_value_t::NO_CACHEABLE.set(value, 1);
    layout::ngx_http_variable_value_t::NOT_FOUND.set(value, 0);
    value.data = text.data;
}
