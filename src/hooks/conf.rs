//! nginx's calls while it reads its configuration.
//!
//! What enters: our directives, level by level, then nginx's word that all is read. What leaves: the module
//! is part of nginx where it resolves anything, or the configuration is refused with one line.

use std::ffi::{c_char, c_void};
use std::ptr::NonNull;

use nginx::conf::{self, report, Severity, Statement};
use nginx::entry::{entry, report_panics};
use nginx::pool::OutOfMemory;
use nginx::status::{Status, CONF_ERROR};
use nginx::sys::{ngx_command_t, ngx_conf_t, ngx_int_t};
use nginx::table::index;
use nginx::{filter, zone};

use super::{content, filters, module, phases, variables};
use crate::conf::complete::{complete, complete_apart, store_location, store_server};
use crate::conf::directives::{Reader, DIRECTIVES};
use crate::conf::error::Fault;
use crate::conf::readers::Read;
use crate::conf::{position, Levels, LocationLevel, MainLevel, MergedServer, ServerLevel};
use crate::zone::{smallest, CONTENTS};

// SAFETY: the only type that implements it, and every callback here is called with it.
unsafe impl conf::Levels for Levels {
    type Main = MainLevel;
    type Server = ServerLevel;
    type Location = LocationLevel;
}

pub unsafe extern "C" fn create_main(cf: *mut ngx_conf_t) -> *mut c_void {
    // The first of all calls.
    module::register();
    // SAFETY: nginx's own argument.
    unsafe { conf::create_main::<Levels>(cf) }
}

pub unsafe extern "C" fn create_server(cf: *mut ngx_conf_t) -> *mut c_void {
    // SAFETY: nginx's own argument.
    unsafe { conf::create_server::<Levels>(cf) }
}

pub unsafe extern "C" fn create_location(cf: *mut ngx_conf_t) -> *mut c_void {
    // SAFETY: nginx's own argument.
    unsafe { conf::create_location::<Levels>(cf) }
}

/// nginx has read a directive, which stands in our table where its command says.
pub unsafe extern "C" fn read(
    cf: *mut ngx_conf_t,
    command: *mut ngx_command_t,
    level: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx's own argument.
    let row = unsafe { index(command) }.and_then(|index| DIRECTIVES.get(index));
    let Some(row) = row else {
        return CONF_ERROR;
    };
    let directive = row.text();
    match row.reader {
        Reader::Main(read) => {
            let read = |level: &mut MainLevel, statement: &Statement<'_>| {
                read(&mut level.settings, &Read { directive, statement })
            };
            // SAFETY: nginx's own arguments; the row asks for this kind of level.
            unsafe { conf::read_main::<Levels, _>(cf, level, read) }
        }
        Reader::Server(read) => {
            let read = |level: &mut ServerLevel, statement: &Statement<'_>| {
                read(&mut level.settings, &Read { directive, statement })
            };
            // SAFETY: as above.
            unsafe { conf::read_server::<Levels, _>(cf, level, read) }
        }
        Reader::Location(read) | Reader::LimitExcept(read) => {
            let read = |level: &mut LocationLevel, statement: &Statement<'_>| {
                read(&mut level.settings, &Read { directive, statement })
            };
            // SAFETY: as above.
            unsafe { conf::read_location::<Levels, _>(cf, level, read) }
        }
        Reader::Metrics(read) => {
            let read = |level: &mut LocationLevel, statement: &Statement<'_>| {
                read(&mut level.settings, &Read { directive, statement })
            };
            // SAFETY: as above.
            let done = unsafe { conf::read_location::<Levels, _>(cf, level, read) };
            // SAFETY: nginx's own argument; the row asks for a location.
            let installed =
                NonNull::new(cf).and_then(|cf| unsafe { nginx::content::install(cf, content::metrics) });
            installed.map_or(CONF_ERROR, |()| done)
        }
    }
}

pub unsafe extern "C" fn merge_server(
    _: *mut ngx_conf_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_char {
    let inherit = |inner: &mut ServerLevel, outer: &ServerLevel| inner.settings.inherit(&outer.settings);
    // SAFETY: nginx's own arguments.
    unsafe { conf::merge_server::<Levels>(outer, inner, inherit) }
}

pub unsafe extern "C" fn merge_location(
    cf: *mut ngx_conf_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_char {
    let inherit = |inner: &mut LocationLevel, outer: &LocationLevel| inner.settings.inherit(&outer.settings);
    // SAFETY: nginx's own arguments.
    unsafe { conf::merge_location::<Levels>(cf, outer, inner, inherit, complete_apart) }
}

pub unsafe extern "C" fn before(cf: *mut ngx_conf_t) -> ngx_int_t {
    entry(Status::ERROR.into(), || {
        report_panics();
        filter::remember();
        // SAFETY: nginx's own argument.
        let added = NonNull::new(cf).map(|cf| unsafe { variables::add(cf) });
        match added {
            Some(Ok(())) => Status::OK.into(),
            Some(Err(OutOfMemory)) | None => Status::ERROR.into(),
        }
    })
}

pub unsafe extern "C" fn after(cf: *mut ngx_conf_t) -> ngx_int_t {
    entry(Status::ERROR.into(), || {
        let Some(cf) = NonNull::new(cf) else {
            return Status::ERROR.into();
        };
        // SAFETY: nginx's own argument.
        match unsafe { finish(cf) } {
            Ok(()) => Status::OK.into(),
            Err(fault) => {
                filter::restore();
                // SAFETY: as above.
                unsafe { report(cf, Severity::Emergency, &fault) };
                Status::ERROR.into()
            }
        }
    })
}

/// Completes the configuration, and makes the module part of nginx where it resolves anything.
///
/// # Safety
/// `cf` is what nginx calls postconfiguration with.
unsafe fn finish(cf: NonNull<ngx_conf_t>) -> Result<(), Fault> {
    let complete = |main: &mut MainLevel, servers: &[MergedServer<'_>]| {
        let (completed, warnings) = complete(main, servers, smallest)?;
        for warning in &warnings {
            // SAFETY: the caller vouches for it.
            unsafe { report(cf, Severity::Warning, warning) };
        }
        // SAFETY: as above.
        unsafe { install(cf, main) }?;
        Ok(completed)
    };
    // SAFETY: as above.
    let done = unsafe { conf::complete::<Levels, _, _, _>(cf, complete, store_server, store_location) };
    done.unwrap_or(Err(Fault::NoHttpBlock))
}

/// # Safety
/// `cf` is what nginx calls postconfiguration with.
unsafe fn install(cf: NonNull<ngx_conf_t>, main: &MainLevel) -> Result<(), Fault> {
    // SAFETY: the caller vouches for it.
    unsafe { variables::add_claims(cf, &main.settings.claims) }?;
    let complete = &main.complete;
    if complete.active {
        let (name, size) = (&complete.zone.name, complete.zone.size);
        // SAFETY: as above.
        let declared = unsafe { zone::declare(cf, name, size, complete.projects, &CONTENTS) };
        declared.map_err(|error| Fault::Zone {
            error,
            position: position(&main.settings.zone).cloned(),
        })?;
        // SAFETY: as above.
        unsafe { phases::install(cf) }?;
    }
    filters::install();
    Ok(())
}
