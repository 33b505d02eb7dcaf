//! nginx's configuration callbacks, and the configuration of a request.
//!
//! What enters: nginx's calls while it reads its configuration, later a request. What leaves: the directives' words to `crate::conf`, and
//! the completed configuration to whoever handles the request. What always holds: each level is one Rust value, owned by the cycle's pool
//! and dropped with it; it is changed only while nginx reads its configuration, so a request borrows it for its own life. ([`HeaderVariables`]
//! alone is found later, once.)

mod others;
pub mod parse;
mod statement;
mod survey;

use std::ffi::{c_char, c_void};
use std::ptr::{self, NonNull};

use nginx_sys::{
    ngx_command_t, ngx_conf_t, ngx_cycle, ngx_cycle_t, ngx_http_conf_ctx_t, ngx_http_module, ngx_int_t,
    ngx_pool_cleanup_add,
};
use ngx::core::{Status, NGX_CONF_ERROR, NGX_CONF_OK};

pub use statement::Statement;

use super::entry::{entry, report_panics};
use super::headers::HeaderVariables;
use super::log::{self, Level as LogLevel};
use super::module::{entry_at, own_entry};
use crate::conf::complete::{complete, without_site, Completed, Fault};
use crate::conf::written::{Inherit, LocationWritten, MainWritten, ServerWritten};
use crate::conf::{directives, Location, Main, Server, Site};
use crate::hooks::{filters, phases, variables};
use crate::zone;
pub use nginx::conf::ServerRef;
use nginx::filter;
use nginx::pool::OutOfMemory;
use nginx::request::Request;
use statement::{report, Severity};
use survey::{Seen, Survey};

/// What is written at one level of nginx's configuration, and what it comes to.
#[derive(Default)]
struct Level<W, C> {
    written: W,
    complete: C,
}

type MainLevel = Level<(MainWritten, Survey), (Main, HeaderVariables)>;
type ServerLevel = Level<ServerWritten, Server>;
/// `None` where nobody has completed it: a location that another module has made by hand, with something that would have to be checked first.
type LocationLevel = Level<LocationWritten, Option<Location>>;

/// The project of the server that handles the request; `None` without an endpoint.
pub fn site(request: Request<'_>) -> Option<&Site> {
    server(request)?.site.as_ref()
}

/// Whether a client's `x-authgear-*` headers stay where no verdict is made.
pub fn trust_request_headers(request: Request<'_>) -> bool {
    server(request).is_some_and(|server| server.trust_request_headers)
}

/// What holds for the request's location, as nginx has chosen it by now. `None` where that can't be said: then nobody may pass.
pub fn location(request: Request<'_>) -> Option<&Location> {
    // SAFETY: nginx's array for this kind of level; nothing changes it once requests are served.
    let level: &LocationLevel = unsafe { level(request.raw().loc_conf) }?;
    level.complete.as_ref()
}

/// Which of nginx's variables are headers of ours.
pub fn header_variables(request: Request<'_>) -> Option<&HeaderVariables> {
    // SAFETY: as in location().
    let level: &MainLevel = unsafe { level(request.raw().main_conf) }?;
    let (_, variables) = &level.complete;
    Some(variables)
}

fn server(request: Request<'_>) -> Option<&Server> {
    // SAFETY: as in location().
    let level: &ServerLevel = unsafe { level(request.raw().srv_conf) }?;
    Some(&level.complete)
}

/// Our entry of one of nginx's arrays of configurations, if it has one.
///
/// # Safety
/// The array is null or nginx's for the kind of level that `L` is, and nobody changes the level during `'l`.
unsafe fn level<'l, L>(array: *mut *mut c_void) -> Option<&'l L> {
    // SAFETY: the caller vouches for its type; create() made it, and the cycle's pool keeps it.
    unsafe { own_entry::<L>(array) }.map(|level| unsafe { level.as_ref() })
}

/// Whether resolving is on anywhere in a cycle's configuration.
pub fn is_active(cycle: *mut ngx_cycle_t) -> bool {
    http(cycle).is_some_and(|context| {
        // SAFETY: as in location().
        let level = unsafe { level::<MainLevel>(context.main_conf) };
        level.is_some_and(|level| level.complete.0.active)
    })
}

/// Says what a new configuration's own log has to hold about it.
pub fn tell(cycle: *mut ngx_cycle_t) {
    let Some(context) = http(cycle) else { return };
    // SAFETY: as in location().
    let Some(level) = (unsafe { level::<MainLevel>(context.main_conf) }) else {
        return;
    };
    let (main, _) = &level.complete;
    // SAFETY: a complete cycle, whose log is open.
    let log = unsafe { log::Log::from_ptr((*cycle).log) };
    for note in &main.notes {
        if let Some(log) = log {
            log.write(LogLevel::Info, note);
        }
    }
}

/// The sites of all servers of the running configuration. Not to be kept: a reload ends them.
pub fn sites<'l>() -> impl Iterator<Item = &'l Site> {
    // SAFETY: nginx's current cycle; this thread is the only one.
    let servers: &[_] = http(unsafe { ngx_cycle }).map_or(&[], |context| survey::servers(context));
    servers.iter().filter_map(|&own| {
        // SAFETY: as in location().
        let level: &ServerLevel = unsafe { level(survey::own_levels(own)?) }?;
        level.complete.site.as_ref()
    })
}

/// The `http` block of a cycle that nginx has completed.
fn http<'l>(cycle: *mut ngx_cycle_t) -> Option<&'l ngx_http_conf_ctx_t> {
    let http = &raw const ngx_http_module;
    // SAFETY: nginx's own module, numbered at its start.
    let index = unsafe { (*http).index };
    // SAFETY: null, or a complete cycle.
    let contexts: *mut *mut c_void = unsafe { cycle.as_ref() }?.conf_ctx.cast();
    // SAFETY: the array has an entry for every module, null without an `http` block, else its context.
    unsafe { entry_at(contexts, index) }.map(|context| unsafe { context.as_ref() })
}

pub unsafe extern "C" fn create_main(cf: *mut ngx_conf_t) -> *mut c_void {
    create::<MainLevel>(cf)
}

pub unsafe extern "C" fn create_server(cf: *mut ngx_conf_t) -> *mut c_void {
    create::<ServerLevel>(cf)
}

pub unsafe extern "C" fn create_location(cf: *mut ngx_conf_t) -> *mut c_void {
    create::<LocationLevel>(cf)
}

fn create<L: Default>(cf: *mut ngx_conf_t) -> *mut c_void {
    entry(ptr::null_mut(), || {
        super::module::register();
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
        let level: *mut L = Box::into_raw(Box::default());
        cleanup.data = level.cast();
        cleanup.handler = Some(drop_level::<L>);
        level.cast()
    })
}

unsafe extern "C" fn drop_level<L>(level: *mut c_void) {
    entry((), || {
        // SAFETY: the Box that create() leaked; nginx runs a clean-up once, when nothing uses the cycle any more.
        drop(unsafe { Box::from_raw(level.cast::<L>()) });
    });
}

pub unsafe extern "C" fn set_main(
    cf: *mut ngx_conf_t,
    _: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    set::<MainLevel>(cf, conf, |level, statement| {
        directives::main(&mut level.written.0, statement)
    })
}

pub unsafe extern "C" fn set_server(
    cf: *mut ngx_conf_t,
    _: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    set::<ServerLevel>(cf, conf, |level, statement| {
        directives::server(&mut level.written, statement)
    })
}

pub unsafe extern "C" fn set_location(
    cf: *mut ngx_conf_t,
    _: *mut ngx_command_t,
    conf: *mut c_void,
) -> *mut c_char {
    set::<LocationLevel>(cf, conf, |level, statement| {
        directives::location(&mut level.written, statement)
    })
}

fn set<L>(
    cf: *mut ngx_conf_t,
    conf: *mut c_void,
    read: impl FnOnce(&mut L, &Statement<'_>) -> Result<(), directives::Refusal>,
) -> *mut c_char {
    entry(NGX_CONF_ERROR, || {
        let (Some(cf), Some(level)) = (NonNull::new(cf), NonNull::new(conf.cast::<L>())) else {
            return NGX_CONF_ERROR;
        };
        // SAFETY: nginx calls with the configuration under way, and its words stay until we return.
        let Some(statement) = (unsafe { Statement::new(cf) }) else {
            return NGX_CONF_ERROR;
        };
        let mut level = level;
        // SAFETY: made by create() for this level; nginx reads one directive at a time.
        let level = unsafe { level.as_mut() };
        match read(level, &statement) {
            Ok(()) => NGX_CONF_OK,
            Err(refusal) => {
                statement.refuse(&refusal);
                NGX_CONF_ERROR
            }
        }
    })
}

pub unsafe extern "C" fn merge_server(
    _: *mut ngx_conf_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_char {
    entry(NGX_CONF_ERROR, || {
        inherit::<ServerWritten, Server>(outer, inner);
        NGX_CONF_OK
    })
}

/// Every location of every server comes by here, after the server's own level: this is how they become known. So does what other modules make
/// by hand, at any time: Lua does in each worker.
pub unsafe extern "C" fn merge_location(
    cf: *mut ngx_conf_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_char {
    entry(NGX_CONF_ERROR, || {
        inherit::<LocationWritten, Location>(outer, inner);
        let (Some(outer), Some(mut inner)) =
            (NonNull::new(outer), NonNull::<LocationLevel>::new(inner.cast()))
        else {
            return NGX_CONF_ERROR;
        };
        if note(cf, outer.cast(), inner).is_none() {
            // SAFETY: made by create_location(), and nobody serves requests with it yet.
            let level = unsafe { inner.as_mut() };
            level.complete = without_site(&level.written);
        }
        NGX_CONF_OK
    })
}

/// Notes a location of the configuration that nginx is reading; `None` for one that is no part of it.
fn note(cf: *mut ngx_conf_t, outer: NonNull<LocationLevel>, inner: NonNull<LocationLevel>) -> Option<()> {
    // SAFETY: null, or a configuration that somebody makes.
    let context: *const ngx_http_conf_ctx_t = unsafe { cf.as_ref() }?.ctx.cast();
    // SAFETY: null, or the arrays of all levels that it is merged with.
    let context = unsafe { context.as_ref() }?;
    let mut main = main_level(context)?;
    // SAFETY: made by create_main(); nginx is in this callback alone.
    let survey = &mut unsafe { main.as_mut() }.written.1;
    // SAFETY: called in the middle of a merge.
    survey.push(unsafe { Seen::new(context, outer, inner) }?)
}

fn inherit<W: Inherit, C>(outer: *mut c_void, inner: *mut c_void) {
    // SAFETY: nginx hands over two levels that create() made, the outer one first.
    let outer = unsafe { outer.cast::<Level<W, C>>().as_ref() };
    // SAFETY: as above; they are never the same.
    let inner = unsafe { inner.cast::<Level<W, C>>().as_mut() };
    if let (Some(outer), Some(inner)) = (outer, inner) {
        inner.written.inherit(&outer.written);
    }
}

fn main_level(context: &ngx_http_conf_ctx_t) -> Option<NonNull<MainLevel>> {
    // SAFETY: the array of main configurations; ours is made by create_main() before anything else of the `http` block.
    unsafe { own_entry(context.main_conf) }
}

pub unsafe extern "C" fn before(cf: *mut ngx_conf_t) -> ngx_int_t {
    entry(Status::NGX_ERROR.into(), || {
        report_panics();
        filter::remember();
        let Some(cf) = NonNull::new(cf) else {
            return Status::NGX_ERROR.into();
        };
        match unsafe { variables::add(cf) } {
            Ok(()) => Status::NGX_OK.into(),
            Err(OutOfMemory) => Status::NGX_ERROR.into(),
        }
    })
}

pub unsafe extern "C" fn after(cf: *mut ngx_conf_t) -> ngx_int_t {
    entry(Status::NGX_ERROR.into(), || {
        let Some(cf) = NonNull::new(cf) else {
            return Status::NGX_ERROR.into();
        };
        match finish(cf) {
            Ok(()) => Status::NGX_OK.into(),
            Err(fault) => {
                filter::restore();
                report(cf, Severity::Emergency, &fault);
                Status::NGX_ERROR.into()
            }
        }
    })
}

/// Completes the configuration, and makes the module part of nginx where it resolves anything.
fn finish(cf: NonNull<ngx_conf_t>) -> Result<(), Fault> {
    // SAFETY: the configuration under way.
    let context: *const ngx_http_conf_ctx_t = unsafe { (*cf.as_ptr()).ctx }.cast();
    // SAFETY: in postconfiguration `ctx` is that of the http block.
    let context = unsafe { context.as_ref() }.ok_or("authgear: no http block")?;
    let mut level = main_level(context).ok_or("authgear: no http block")?;
    // SAFETY: made by create_main(); nginx is in this callback alone, and nobody else has a reference.
    let level = unsafe { level.as_mut() };
    let survey = level.written.1.end();
    // SAFETY: everything is merged, and nginx's structures stand until the cycle ends.
    let servers = unsafe { survey.read(cf, context) };
    let completed = complete(&level.written.0, &servers, zone::smallest)?;
    drop(servers);
    for warning in &completed.warnings {
        report(cf, Severity::Warning, warning);
    }
    let Completed { main, servers, .. } = completed;
    // SAFETY: the shared references into the levels ended above.
    unsafe { survey.store(servers) };
    if main.active {
        unsafe {
            nginx::zone::declare(
                cf,
                &main.zone.name,
                main.zone.size,
                main.projects,
                &zone::CONTENTS,
            )
        }
        .map_err(|error| refused_zone(&level.written.0, &error))?;
        unsafe { phases::install(cf) }.map_err(|OutOfMemory| "authgear: out of memory")?;
    }
    filters::install();
    nginx::zone::forget_cycle();
    level.complete = (main, HeaderVariables::default());
    Ok(())
}

fn refused_zone(written: &MainWritten, error: &dyn std::fmt::Display) -> Fault {
    let place = written
        .zone
        .as_deref()
        .map(|zone| format!(" in {}", zone.place))
        .unwrap_or_default();
    format!("\"authgear_zone\": {error}{place}")
}
