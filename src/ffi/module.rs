//! What nginx reads when it loads the module: the module itself, its callbacks, its directives, and its place among the others.

use std::ffi::{c_char, c_void, CStr};
use std::ptr::{self, NonNull};

use nginx_sys::{
    ngx_command_t, ngx_conf_t, ngx_cycle_t, ngx_http_module_t, ngx_int_t, ngx_module_t, ngx_str_t,
    ngx_uint_t, NGX_CONF_1MORE, NGX_CONF_FLAG, NGX_CONF_TAKE1, NGX_CONF_TAKE12, NGX_CONF_TAKE123,
    NGX_HTTP_LOC_CONF, NGX_HTTP_LOC_CONF_OFFSET, NGX_HTTP_MAIN_CONF, NGX_HTTP_MAIN_CONF_OFFSET,
    NGX_HTTP_MODULE, NGX_HTTP_SRV_CONF, NGX_HTTP_SRV_CONF_OFFSET,
};
use ngx::core::Status;
use ngx::ngx_string;

use super::conf;
use super::entry::entry;
use crate::hooks::process;
pub use nginx::module::{core_entry, entry_at, own_entry};

const NAME: &CStr = c"ngx_http_authgear_module";

static CONTEXT: ngx_http_module_t = ngx_http_module_t {
    preconfiguration: Some(conf::before),
    postconfiguration: Some(conf::after),
    create_main_conf: Some(conf::create_main),
    init_main_conf: None,
    create_srv_conf: Some(conf::create_server),
    merge_srv_conf: Some(conf::merge_server),
    create_loc_conf: Some(conf::create_location),
    merge_loc_conf: Some(conf::merge_location),
};

const MAIN: u32 = NGX_HTTP_MAIN_CONF;
const SERVER: u32 = MAIN | NGX_HTTP_SRV_CONF;
const LOCATION: u32 = SERVER | NGX_HTTP_LOC_CONF;

static mut COMMANDS: [ngx_command_t; 21] = [
    server(ngx_string!("authgear_endpoint"), NGX_CONF_TAKE1),
    server(ngx_string!("authgear_issuer"), NGX_CONF_1MORE),
    location(ngx_string!("authgear_audience"), NGX_CONF_1MORE),
    location(ngx_string!("authgear_resolve"), NGX_CONF_TAKE1),
    location(ngx_string!("authgear_credentials"), NGX_CONF_1MORE),
    server(ngx_string!("authgear_resolve_request"), NGX_CONF_TAKE1),
    server(ngx_string!("authgear_jwks_request"), NGX_CONF_TAKE1),
    server(ngx_string!("authgear_jwks_file"), NGX_CONF_TAKE1),
    server(ngx_string!("authgear_jwks_valid"), NGX_CONF_TAKE123),
    location(ngx_string!("authgear_leeway"), NGX_CONF_TAKE1),
    server(ngx_string!("authgear_cookie_prefix"), NGX_CONF_TAKE1),
    server(ngx_string!("authgear_resolver_limit"), NGX_CONF_TAKE1),
    location(ngx_string!("authgear_revalidate"), NGX_CONF_TAKE12),
    location(ngx_string!("authgear_cache_valid"), NGX_CONF_TAKE12),
    location(ngx_string!("authgear_stale_if_error"), NGX_CONF_TAKE1),
    main(ngx_string!("authgear_zone"), NGX_CONF_TAKE1),
    location(ngx_string!("authgear_unavailable"), NGX_CONF_TAKE1),
    location(ngx_string!("authgear_pass_set_cookie"), NGX_CONF_FLAG),
    server(ngx_string!("authgear_trust_request_headers"), NGX_CONF_FLAG),
    location(ngx_string!("authgear_log_level"), NGX_CONF_TAKE1),
    ngx_command_t::empty(),
];

type Set = unsafe extern "C" fn(*mut ngx_conf_t, *mut ngx_command_t, *mut c_void) -> *mut c_char;

const fn main(name: ngx_str_t, arguments: u32) -> ngx_command_t {
    command(name, MAIN | arguments, conf::set_main, NGX_HTTP_MAIN_CONF_OFFSET)
}

const fn server(name: ngx_str_t, arguments: u32) -> ngx_command_t {
    command(
        name,
        SERVER | arguments,
        conf::set_server,
        NGX_HTTP_SRV_CONF_OFFSET,
    )
}

const fn location(name: ngx_str_t, arguments: u32) -> ngx_command_t {
    command(
        name,
        LOCATION | arguments,
        conf::set_location,
        NGX_HTTP_LOC_CONF_OFFSET,
    )
}

const fn command(name: ngx_str_t, type_: u32, set: Set, level: usize) -> ngx_command_t {
    ngx_command_t {
        name,
        type_: type_ as ngx_uint_t,
        set: Some(set),
        conf: level,
        offset: 0,
        post: ptr::null_mut(),
    }
}

static mut MODULE: ngx_module_t = ngx_module_t {
    ctx: (&raw const CONTEXT).cast_mut().cast(),
    commands: (&raw mut COMMANDS).cast(),
    type_: NGX_HTTP_MODULE as ngx_uint_t,
    init_module: Some(init_module),
    init_process: Some(init_process),
    ..ngx_module_t::default()
};

/// The modules of this library, ended by null.
#[no_mangle]
pub static mut ngx_modules: [*mut ngx_module_t; 2] = [&raw mut MODULE, ptr::null_mut()];

/// Their names.
#[no_mangle]
pub static mut ngx_module_names: [*const c_char; 2] = [NAME.as_ptr(), ptr::null()];

/// Our filters run before the one that reads files into memory: its own place decides whether they see an answer's bytes.
#[no_mangle]
pub static mut ngx_module_order: [*const c_char; 3] = [
    NAME.as_ptr(),
    c"ngx_http_copy_filter_module".as_ptr(),
    ptr::null(),
];

/// Says which module this is.
pub fn register() {
    let module = NonNull::from(unsafe { &mut *(&raw mut MODULE) });
    // SAFETY: nginx calls us as this one, and it is never unloaded.
    unsafe { nginx::module::register(module, "authgear") };
}

unsafe extern "C" fn init_module(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    entry(Status::NGX_ERROR.into(), || {
        conf::tell(cycle);
        Status::NGX_OK.into()
    })
}

unsafe extern "C" fn init_process(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    entry(Status::NGX_ERROR.into(), || {
        if conf::is_active(cycle) {
            process::start();
        }
        Status::NGX_OK.into()
    })
}
