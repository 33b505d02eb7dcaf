//! The tables by which nginx knows a module: itself, its callbacks, its directives.

use std::ffi::{c_char, c_void, CStr};
use std::ptr;

use nginx_sys::{
    ngx_command_t, ngx_conf_t, ngx_cycle_t, ngx_http_module_t, ngx_int_t, ngx_module_t, ngx_uint_t,
    NGX_CONF_1MORE, NGX_CONF_2MORE, NGX_CONF_FLAG, NGX_CONF_NOARGS, NGX_CONF_TAKE1, NGX_CONF_TAKE12,
    NGX_CONF_TAKE123, NGX_HTTP_LMT_CONF, NGX_HTTP_LOC_CONF, NGX_HTTP_LOC_CONF_OFFSET, NGX_HTTP_MAIN_CONF,
    NGX_HTTP_MAIN_CONF_OFFSET, NGX_HTTP_MODULE, NGX_HTTP_SRV_CONF, NGX_HTTP_SRV_CONF_OFFSET,
};

use crate::headers::name::fixed;

/// How many arguments a directive takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// None.
    Nothing,
    /// One.
    One,
    /// One or two.
    OneOrTwo,
    /// One to three.
    OneToThree,
    /// One or more.
    OneOrMore,
    /// Two or more.
    TwoOrMore,
    /// `on` or `off`.
    Flag,
}

/// The innermost level at which a directive may stand; it may at all that are around it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `http`
    Main,
    /// `server`
    Server,
    /// `location`
    Location,
    /// `limit_except`, which stands in a location.
    LimitExcept,
    /// A location, and nothing around it.
    LocationAlone,
}

/// nginx calls it when it has read the directive.
pub type Set = unsafe extern "C" fn(*mut ngx_conf_t, *mut ngx_command_t, *mut c_void) -> *mut c_char;

impl Arguments {
    const fn flag(self) -> u32 {
        match self {
            Self::Nothing => NGX_CONF_NOARGS,
            Self::One => NGX_CONF_TAKE1,
            Self::OneOrTwo => NGX_CONF_TAKE12,
            Self::OneToThree => NGX_CONF_TAKE123,
            Self::OneOrMore => NGX_CONF_1MORE,
            Self::TwoOrMore => NGX_CONF_2MORE,
            Self::Flag => NGX_CONF_FLAG,
        }
    }
}

const LOCATION: u32 = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

/// One row of the table. `set` finds `index` again by [`index`].
pub const fn command(
    name: &'static CStr,
    arguments: Arguments,
    level: Level,
    set: Set,
    index: usize,
) -> ngx_command_t {
    let (levels, conf) = match level {
        Level::Main => (NGX_HTTP_MAIN_CONF, NGX_HTTP_MAIN_CONF_OFFSET),
        Level::Server => (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF, NGX_HTTP_SRV_CONF_OFFSET),
        Level::Location => (LOCATION, NGX_HTTP_LOC_CONF_OFFSET),
        Level::LimitExcept => (LOCATION | NGX_HTTP_LMT_CONF, NGX_HTTP_LOC_CONF_OFFSET),
        Level::LocationAlone => (NGX_HTTP_LOC_CONF, NGX_HTTP_LOC_CONF_OFFSET),
    };
    ngx_command_t {
        name: fixed(name),
        type_: (levels | arguments.flag()) as ngx_uint_t,
        set: Some(set),
        conf,
        offset: index,
        post: ptr::null_mut(),
    }
}

/// The table's last row.
pub const fn end() -> ngx_command_t {
    ngx_command_t::empty()
}

/// The index that a row was made with.
///
/// # Safety
/// nginx calls `set` with this row.
pub unsafe fn index(command: *const ngx_command_t) -> Option<usize> {
    // SAFETY: the caller vouches for it.
    unsafe { command.as_ref() }.map(|command| command.offset)
}

/// nginx's calls while it reads its configuration, in its order.
pub struct Callbacks {
    /// Before the `http` block is read.
    pub before: unsafe extern "C" fn(*mut ngx_conf_t) -> ngx_int_t,
    /// Each makes what the module keeps at one kind of level.
    pub create_main: unsafe extern "C" fn(*mut ngx_conf_t) -> *mut c_void,
    /// See above.
    pub create_server: unsafe extern "C" fn(*mut ngx_conf_t) -> *mut c_void,
    /// See above.
    pub create_location: unsafe extern "C" fn(*mut ngx_conf_t) -> *mut c_void,
    /// A server's level takes from the one around it: (configuration, outer, inner).
    pub merge_server: Merge,
    /// The same for a location's.
    pub merge_location: Merge,
    /// Everything is read and merged.
    pub after: unsafe extern "C" fn(*mut ngx_conf_t) -> ngx_int_t,
}

/// See [`Callbacks`].
pub type Merge = unsafe extern "C" fn(*mut ngx_conf_t, *mut c_void, *mut c_void) -> *mut c_char;

/// nginx's calls when a configuration is complete, and when a process starts.
pub type Init = unsafe extern "C" fn(*mut ngx_cycle_t) -> ngx_int_t;

/// A module's table of callbacks.
pub const fn callbacks(callbacks: Callbacks) -> ngx_http_module_t {
    ngx_http_module_t {
        preconfiguration: Some(callbacks.before),
        postconfiguration: Some(callbacks.after),
        create_main_conf: Some(callbacks.create_main),
        init_main_conf: None,
        create_srv_conf: Some(callbacks.create_server),
        merge_srv_conf: Some(callbacks.merge_server),
        create_loc_conf: Some(callbacks.create_location),
        merge_loc_conf: Some(callbacks.merge_location),
    }
}

/// The table of an HTTP module.
///
/// # Safety
/// `commands` points to rows that [`end`] ends; both it and `callbacks` live as long as the module.
pub const unsafe fn module(
    callbacks: *const ngx_http_module_t,
    commands: *mut ngx_command_t,
    init_module: Init,
    init_process: Init,
) -> ngx_module_t {
    ngx_module_t {
        ctx: callbacks.cast_mut().cast(),
        commands,
        type_: NGX_HTTP_MODULE as ngx_uint_t,
        init_module: Some(init_module),
        init_process: Some(init_process),
        ..nobodys()
    }
}

/// The table of a module that does nothing, for nginx of this build.
#[cfg(not(angie))]
const fn nobodys() -> ngx_module_t {
    ngx_module_t::default()
}

/// Angie takes no module that does not say that it was built for it, and for which Angie.
#[cfg(angie)]
const fn nobodys() -> ngx_module_t {
    ngx_module_t {
        spare1: angies_sign(),
        version: nginx_sys::angie_version as ngx_uint_t,
        ..ngx_module_t::default()
    }
}

/// `ngx_angie_sign`, which the bindings leave out: the sum of the letters of Angie's name.
#[cfg(angie)]
const fn angies_sign() -> ngx_uint_t {
    let mut letters = nginx_sys::NGX_ANGIE_SIGN.to_bytes();
    let mut sum: ngx_uint_t = 0;
    while let [letter, rest @ ..] = letters {
        sum = sum.saturating_add(*letter as ngx_uint_t);
        letters = rest;
    }
    sum
}
