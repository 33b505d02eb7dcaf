//! nginx's configuration: what a module keeps at each level of it, and what nginx knows of its servers and
//! locations.
//!
//! What always holds: each level is one Rust value, owned by the cycle's pool and dropped with it; it is
//! changed only while nginx reads its configuration, so a request borrows it for its own life.

mod callbacks;
pub mod locations;
mod named_variable;
mod other_modules;
pub mod parse;
mod servers;
mod statement;

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use nginx_sys::{
    ngx_conf_t, ngx_cycle, ngx_cycle_t, ngx_http_conf_ctx_t, ngx_http_core_main_conf_t,
    ngx_http_core_srv_conf_t, ngx_http_module, ngx_http_variable_t,
};

pub use self::callbacks::{
    complete, create_location, create_main, create_server, merge_location, merge_server, read_location,
    read_main, read_server,
};
pub use self::named_variable::NamedVariable;
pub use self::other_modules::SetHeaders;
pub use self::servers::MergedServer;
pub use self::statement::{report, Position, Severity, Statement};

use self::servers::Merged;
use crate::log::Log;
use crate::module::{self, core_entry, entry_at, own_entry};
use crate::pool::{OutOfMemory, Pool};
use crate::request::{bytes, Request};

/// What a module keeps at each level of nginx's configuration.
///
/// # Safety
/// One type of the program implements it, and all callbacks of its module are called with that.
pub unsafe trait Levels: 'static {
    /// For an `http` block.
    type Main: Default;
    /// For a `server`, and once for what stands in `http` around all of them.
    type Server: Default;
    /// For a location, and for each level around it.
    type Location: Default;
}

/// The main level, and what was merged while nginx read its configuration.
struct MainLevel<L: Levels> {
    own: L::Main,
    merged: Merged<L>,
}

impl<L: Levels> Default for MainLevel<L> {
    fn default() -> Self {
        Self {
            own: L::Main::default(),
            merged: Merged::default(),
        }
    }
}

/// A server of nginx's, for requests of the worker's own. It is good for nothing any more once a reload has
/// ended the configuration that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerRef(NonNull<ngx_http_core_srv_conf_t>);

impl ServerRef {
    /// Its HTTP configuration, if it is a server of the running configuration.
    pub(crate) fn context(self) -> Option<*mut ngx_http_conf_ctx_t> {
        // SAFETY: nginx's current cycle; this thread is the only one.
        let cycle = unsafe { ngx_cycle };
        // SAFETY: as above.
        let context = unsafe { http(cycle) }?;
        let server = servers::all(context).iter().find(|server| **server == self.0)?;
        // SAFETY: a server of the running configuration.
        Some(unsafe { server.as_ref() }.ctx)
    }
}

/// All modules' configurations of one location, or of one server.
#[derive(Clone, Copy)]
struct Configurations<'c>(NonNull<*mut c_void>, PhantomData<&'c ()>);

impl<'c> Configurations<'c> {
    /// `None` for null.
    ///
    /// # Safety
    /// The array has an entry for every HTTP module, and is kept during `'c`.
    unsafe fn from_ptr(array: *mut *mut c_void) -> Option<Self> {
        NonNull::new(array).map(|array| Self(array, PhantomData))
    }

    /// A module's entry, by its index.
    ///
    /// # Safety
    /// There is such a module, and its configuration is a `T`.
    unsafe fn entry<T>(self, index: usize) -> Option<NonNull<T>> {
        // SAFETY: the caller vouches for it.
        unsafe { entry_at(self.0.as_ptr(), index) }
    }
}

/// What the module keeps for the whole `http` block.
pub fn main<L: Levels>(request: Request<'_>) -> Option<&L::Main> {
    // SAFETY: nginx's array for this kind of level; nothing changes it once requests are served.
    let level: &MainLevel<L> = unsafe { level(request.raw().main_conf) }?;
    Some(&level.own)
}

/// What it keeps for the request's server.
pub fn server<L: Levels>(request: Request<'_>) -> Option<&L::Server> {
    // SAFETY: as in main().
    unsafe { level(request.raw().srv_conf) }
}

/// What it keeps for the request's location, as nginx has chosen it by now.
pub fn location<L: Levels>(request: Request<'_>) -> Option<&L::Location> {
    // SAFETY: as in main().
    unsafe { level(request.raw().loc_conf) }
}

/// What it keeps for the `http` block of a cycle; `None` without such a block.
///
/// # Safety
/// `cycle` is null, or a complete cycle that is kept during `'l`.
pub unsafe fn main_of<'l, L: Levels>(cycle: *mut ngx_cycle_t) -> Option<&'l L::Main> {
    // SAFETY: the caller vouches for it.
    let context = unsafe { http(cycle) }?;
    // SAFETY: as in main().
    let level: &MainLevel<L> = unsafe { level(context.main_conf) }?;
    Some(&level.own)
}

/// What it keeps for each server of the running configuration. `with` can't keep any of it: a reload ends
/// them.
pub fn with_servers<L: Levels, R>(with: impl for<'l> FnOnce(Servers<'l, L>) -> R) -> R {
    // SAFETY: nginx's current cycle; this thread is the only one, and changes it not before `with` has
    // returned.
    let cycle = unsafe { ngx_cycle };
    // A configuration without the module may have shorter arrays than the module's index. SAFETY: as above.
    let is_loaded = unsafe { module::is_loaded_in(cycle) };
    // SAFETY: as above.
    let context = unsafe { http(cycle) }.filter(|_| is_loaded);
    let servers = context.map_or(&[][..], servers::all);
    with(Servers(servers.iter(), PhantomData))
}

/// See [`with_servers`].
pub struct Servers<'l, L>(
    std::slice::Iter<'l, NonNull<ngx_http_core_srv_conf_t>>,
    PhantomData<L>,
);

impl<'l, L: Levels> Iterator for Servers<'l, L> {
    type Item = &'l L::Server;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.find_map(|&server| {
            // SAFETY: a server of the running configuration.
            let context = unsafe { servers::own_context(server) }?;
            // SAFETY: as in main().
            unsafe { level(context.srv_conf) }
        })
    }
}

/// Whether the configuration of a cycle names a variable, without its `$`, in any text that nginx evaluates.
///
/// # Safety
/// `cycle` is null, or a complete cycle.
pub unsafe fn names_variable(cycle: *mut ngx_cycle_t, name: &str) -> bool {
    // SAFETY: the caller vouches for it.
    let main = unsafe { http(cycle) }.map_or(ptr::null_mut(), |context| context.main_conf);
    // SAFETY: the array of main configurations.
    let core = unsafe { core_entry::<ngx_http_core_main_conf_t>(main) };
    // SAFETY: nginx keeps it until the cycle ends.
    let variables = core.map(|core| unsafe { &(*core.as_ptr()).variables });
    // SAFETY: an array of variables.
    let variables = variables.map_or(&[][..], |all| unsafe { all.as_slice::<ngx_http_variable_t>() });
    variables
        .iter()
        .any(|variable| bytes(&variable.name) == name.as_bytes())
}

/// The log of a cycle.
///
/// # Safety
/// A complete cycle, whose log is open, kept during `'l`.
pub unsafe fn log_of<'l>(cycle: NonNull<ngx_cycle_t>) -> Option<Log<'l>> {
    // SAFETY: the caller vouches for it.
    let log = unsafe { cycle.as_ref() }.log;
    // SAFETY: as above.
    unsafe { Log::from_ptr(log) }
}

/// The pool of the configuration that nginx is reading.
///
/// # Safety
/// `cf` is the configuration under way, during `'c`.
pub(crate) unsafe fn pool<'c>(cf: NonNull<ngx_conf_t>) -> Result<Pool<'c>, OutOfMemory> {
    // SAFETY: the caller vouches for it.
    let pool = unsafe { cf.as_ref() }.pool;
    // SAFETY: the cycle's own.
    unsafe { Pool::from_ptr(pool) }.ok_or(OutOfMemory)
}

/// The module's entry of one of nginx's arrays of configurations, if it has one.
///
/// # Safety
/// The array is null or nginx's for the kind of level that `T` is, and nobody changes the level during `'l`.
unsafe fn level<'l, T>(array: *mut *mut c_void) -> Option<&'l T> {
    // SAFETY: the caller vouches for its type; callbacks::create() made it, and the cycle's pool keeps it.
    unsafe { own_entry::<T>(array) }.map(|level| unsafe { level.as_ref() })
}

/// The `http` block of a cycle that nginx has completed.
///
/// # Safety
/// Null, or a complete cycle that is kept during `'l`.
unsafe fn http<'l>(cycle: *mut ngx_cycle_t) -> Option<&'l ngx_http_conf_ctx_t> {
    let http = &raw const ngx_http_module;
    // SAFETY: nginx's own module, numbered at its start.
    let index = unsafe { (*http).index };
    // SAFETY: the caller vouches for it.
    let contexts: *mut *mut c_void = unsafe { cycle.as_ref() }?.conf_ctx.cast();
    // SAFETY: the array has an entry for every module, null without an `http` block, else its context.
    unsafe { entry_at(contexts, index) }.map(|context| unsafe { context.as_ref() })
}
