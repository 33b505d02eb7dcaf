//! What nginx looks for in a library that it loads: the modules in it, their names, and their place among the
//! others. An nginx that the module is linked into has these tables itself, from its configure: `config` says
//! the same place there.

use std::ffi::{c_char, CStr};
use std::ptr;

use nginx::sys::ngx_module_t;

use super::module::MODULE;

const NAME: &CStr = c"ngx_http_authgear_module";

/// The modules of this library, ended by null.
#[no_mangle]
pub static mut ngx_modules: [*mut ngx_module_t; 2] = [&raw mut MODULE, ptr::null_mut()];

/// Their names.
#[no_mangle]
pub static mut ngx_module_names: [*const c_char; 2] = [NAME.as_ptr(), ptr::null()];

/// Our filters run before the one that reads files into memory: its own place decides whether they see an
/// answer's bytes.
#[no_mangle]
pub static mut ngx_module_order: [*const c_char; 3] = [
    NAME.as_ptr(),
    c"ngx_http_copy_filter_module".as_ptr(),
    ptr::null(),
];
