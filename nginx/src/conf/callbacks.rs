//! nginx's calls while it reads its configuration: a module's callbacks come to these functions.
//!
//! Each is `unsafe` in the same way: it is called by the callback of that name, with nginx's own arguments.

use std::ffi::{c_char, c_void};
use std::fmt::Display;
use std::ptr::{self, NonNull};

use nginx_sys::{ngx_conf_t, ngx_http_conf_ctx_t, ngx_pool_cleanup_add};

use super::servers::{MergedLocation, MergedServer};
use super::statement::{report, Severity, Statement};
use super::{Levels, MainLevel};
use crate::entry::entry;
use crate::module::{self, own_entry};
use crate::status::{CONF_ERROR, CONF_OK};

/// Makes a main level; null, and a line, where the module can't be part of the configuration.
///
/// # Safety
/// nginx's own argument of `create_main_conf`.
pub unsafe fn create_main<L: Levels>(cf: *mut ngx_conf_t) -> *mut c_void {
    // SAFETY: the caller vouches for it.
    if !unsafe { has_own_place(cf) } {
        return ptr::null_mut();
    }
    // SAFETY: as above.
    unsafe { create::<MainLevel<L>>(cf) }
}

/// Two modules with one index would take each other's configuration for their own.
///
/// # Safety
/// nginx's own argument of `create_main_conf`.
unsafe fn has_own_place(cf: *mut ngx_conf_t) -> bool {
    entry(false, || {
        let Some(cf) = NonNull::new(cf) else { return false };
        // SAFETY: the configuration under way.
        let cycle = unsafe { cf.as_ref() }.cycle;
        // SAFETY: nginx loads no module once it has met the `http` block.
        let has = unsafe { module::has_own_index_in(cycle) };
        if !has {
            let name = module::name();
            let line =
                format!("{name}: another module has taken its place since it was let go: restart nginx");
            // SAFETY: the configuration under way.
            unsafe { report(cf, Severity::Emergency, &line) };
        }
        has
    })
}

/// Makes a server's level.
///
/// # Safety
/// nginx's own argument of `create_srv_conf`.
pub unsafe fn create_server<L: Levels>(cf: *mut ngx_conf_t) -> *mut c_void {
    // SAFETY: the caller vouches for it.
    unsafe { create::<L::Server>(cf) }
}

/// Makes a location's level.
///
/// # Safety
/// nginx's own argument of `create_loc_conf`.
pub unsafe fn create_location<L: Levels>(cf: *mut ngx_conf_t) -> *mut c_void {
    // SAFETY: the caller vouches for it.
    unsafe { create::<L::Location>(cf) }
}

unsafe fn create<T: Default>(cf: *mut ngx_conf_t) -> *mut c_void {
    entry(ptr::null_mut(), || {
        // SAFETY: null, or a configuration that somebody makes, with the pool that is to keep it.
        let pool = unsafe { cf.as_ref() }.and_then(|cf| NonNull::new(cf.pool));
        let Some(pool) = pool else {
            return ptr::null_mut();
        };
        // SAFETY: as above.
        let cleanup = unsafe { ngx_pool_cleanup_add(pool.as_ptr(), 0) };
        // SAFETY: null or a fresh entry of the pool.
        let Some(cleanup) = (unsafe { cleanup.as_mut() }) else {
            return ptr::null_mut();
        };
        let level: *mut T = Box::into_raw(Box::default());
        cleanup.data = level.cast();
        cleanup.handler = Some(drop_level::<T>);
        level.cast()
    })
}

unsafe extern "C" fn drop_level<T>(level: *mut c_void) {
    entry((), || {
        // SAFETY: the Box that create() leaked; nginx runs a clean-up once, when nothing uses the cycle any
        // more.
        drop(unsafe { Box::from_raw(level.cast::<T>()) });
    });
}

/// Reads a directive that belongs to the main level. An error is said, with the directive's position.
///
/// # Safety
/// nginx's own arguments of a directive's `set`.
pub unsafe fn read_main<L: Levels, E: Display>(
    cf: *mut ngx_conf_t,
    conf: *mut c_void,
    read: impl FnOnce(&mut L::Main, &Statement<'_>) -> Result<(), E>,
) -> *mut c_char {
    // SAFETY: the caller vouches for it.
    unsafe { self::read::<MainLevel<L>, E>(cf, conf, |level, statement| read(&mut level.own, statement)) }
}

/// The same for a server's level.
///
/// # Safety
/// nginx's own arguments of a directive's `set`.
pub unsafe fn read_server<L: Levels, E: Display>(
    cf: *mut ngx_conf_t,
    conf: *mut c_void,
    read: impl FnOnce(&mut L::Server, &Statement<'_>) -> Result<(), E>,
) -> *mut c_char {
    // SAFETY: the caller vouches for it.
    unsafe { self::read::<L::Server, E>(cf, conf, read) }
}

/// The same for a location's level.
///
/// # Safety
/// nginx's own arguments of a directive's `set`.
pub unsafe fn read_location<L: Levels, E: Display>(
    cf: *mut ngx_conf_t,
    conf: *mut c_void,
    read: impl FnOnce(&mut L::Location, &Statement<'_>) -> Result<(), E>,
) -> *mut c_char {
    // SAFETY: the caller vouches for it.
    unsafe { self::read::<L::Location, E>(cf, conf, read) }
}

unsafe fn read<T, E: Display>(
    cf: *mut ngx_conf_t,
    conf: *mut c_void,
    read: impl FnOnce(&mut T, &Statement<'_>) -> Result<(), E>,
) -> *mut c_char {
    entry(CONF_ERROR, || {
        let (Some(cf), Some(mut level)) = (NonNull::new(cf), NonNull::new(conf.cast::<T>())) else {
            return CONF_ERROR;
        };
        // SAFETY: nginx calls with the configuration under way, and its words stay until we return.
        let Some(statement) = (unsafe { Statement::new(cf) }) else {
            return CONF_ERROR;
        };
        // SAFETY: made by create() for this level; nginx reads one directive at a time.
        let level = unsafe { level.as_mut() };
        match read(level, &statement) {
            Ok(()) => CONF_OK,
            Err(error) => {
                statement.say(Severity::Emergency, &error);
                CONF_ERROR
            }
        }
    })
}

/// Merges a server's level with the one around it.
///
/// # Safety
/// nginx's own arguments of `merge_srv_conf`.
pub unsafe fn merge_server<L: Levels>(
    outer: *mut c_void,
    inner: *mut c_void,
    inherit: impl FnOnce(&mut L::Server, &L::Server),
) -> *mut c_char {
    // SAFETY: the caller vouches for it.
    entry(CONF_ERROR, || unsafe { merge(outer, inner, inherit) })
}

/// Merges a location's level with the one around it. Every location of every server comes by here, after the
/// server's own level: this is how they become known. So does what other modules make by hand, at any time
/// (Lua does in each worker): that belongs to no server, and `apart` is called for it.
///
/// # Safety
/// nginx's own arguments of `merge_loc_conf`.
pub unsafe fn merge_location<L: Levels>(
    cf: *mut ngx_conf_t,
    outer: *mut c_void,
    inner: *mut c_void,
    inherit: impl FnOnce(&mut L::Location, &L::Location),
    apart: impl FnOnce(&mut L::Location),
) -> *mut c_char {
    entry(CONF_ERROR, || {
        // SAFETY: the caller vouches for it.
        let merged = unsafe { merge(outer, inner, inherit) };
        let (Some(outer), Some(mut inner)) = (NonNull::new(outer), NonNull::<L::Location>::new(inner.cast()))
        else {
            return CONF_ERROR;
        };
        // SAFETY: as above.
        if unsafe { note::<L>(cf, outer.cast(), inner) }.is_none() {
            // SAFETY: made by create(), and nobody serves requests with it yet.
            apart(unsafe { inner.as_mut() });
        }
        merged
    })
}

unsafe fn merge<T>(outer: *mut c_void, inner: *mut c_void, inherit: impl FnOnce(&mut T, &T)) -> *mut c_char {
    // SAFETY: nginx hands over two levels that create() made, the outer one first.
    let outer = unsafe { outer.cast::<T>().as_ref() };
    // SAFETY: as above; they are never the same.
    let inner = unsafe { inner.cast::<T>().as_mut() };
    if let (Some(outer), Some(inner)) = (outer, inner) {
        inherit(inner, outer);
    }
    CONF_OK
}

/// Notes a location of the configuration that nginx is reading; `None` for one that is no part of it.
unsafe fn note<L: Levels>(
    cf: *mut ngx_conf_t,
    outer: NonNull<L::Location>,
    inner: NonNull<L::Location>,
) -> Option<()> {
    // SAFETY: null, or a configuration that somebody makes.
    let context: *const ngx_http_conf_ctx_t = unsafe { cf.as_ref() }?.ctx.cast();
    // SAFETY: null, or the arrays of all levels that it is merged with.
    let context = unsafe { context.as_ref() }?;
    let mut main = main_level::<L>(context)?;
    // SAFETY: made by create_main(); nginx is in this callback alone.
    let merged = &mut unsafe { main.as_mut() }.merged;
    // SAFETY: called in the middle of a merge.
    merged.push(unsafe { MergedLocation::new(context, outer, inner) }?)
}

fn main_level<L: Levels>(context: &ngx_http_conf_ctx_t) -> Option<NonNull<MainLevel<L>>> {
    // SAFETY: the array of main configurations; ours is made by create_main() before anything else of the
    // `http` block.
    unsafe { own_entry(context.main_conf) }
}

/// Everything is merged: has `completed` work out what each server and its locations come to, in their order,
/// and stores that by the other two. `None` without an `http` block.
///
/// # Safety
/// `cf` is what nginx calls `postconfiguration` with.
pub unsafe fn complete<L: Levels, S, C, E>(
    cf: NonNull<ngx_conf_t>,
    completed: impl FnOnce(&mut L::Main, &[MergedServer<'_, L>]) -> Result<Vec<(S, Vec<C>)>, E>,
    store_server: impl Fn(&mut L::Server, S),
    store_location: impl Fn(&mut L::Location, C),
) -> Option<Result<(), E>> {
    // SAFETY: in postconfiguration `ctx` is that of the http block.
    let context: *const ngx_http_conf_ctx_t = unsafe { cf.as_ref() }.ctx.cast();
    // SAFETY: as above.
    let context = unsafe { context.as_ref() }?;
    let mut main = main_level::<L>(context)?;
    // SAFETY: made by create_main(); nginx is in this callback alone, and nobody else has a reference.
    let main = unsafe { main.as_mut() };
    let merged = main.merged.end();
    // SAFETY: everything is merged, and nginx's structures stand until the cycle ends.
    let servers = unsafe { merged.read(cf, context) };
    let completed = completed(&mut main.own, &servers);
    drop(servers);
    Some(completed.map(|completed| {
        // SAFETY: the shared references into the levels ended above.
        unsafe { merged.store(completed, store_server, store_location) };
    }))
}
