//! The module itself, as nginx knows it: its callbacks and its directives.

use std::ptr::NonNull;

use nginx::conf::{log_of, main_of, names_variable};
use nginx::entry::entry;
use nginx::log::{ErrorLog, Level};
use nginx::status::Status;
use nginx::sys::{ngx_command_t, ngx_cycle_t, ngx_http_module_t, ngx_int_t, ngx_module_t};
use nginx::table::{callbacks, command, end, module, Callbacks};
use nginx::zone;

use super::{conf, process};
use crate::conf::directives::DIRECTIVES;
use crate::conf::{Levels, MainLevel};

static CALLBACKS: ngx_http_module_t = callbacks(Callbacks {
    before: conf::before,
    create_main: conf::create_main,
    create_server: conf::create_server,
    create_location: conf::create_location,
    merge_server: conf::merge_server,
    merge_location: conf::merge_location,
    after: conf::after,
});

static mut COMMANDS: [ngx_command_t; DIRECTIVES.len() + 1] = commands();

const fn commands() -> [ngx_command_t; DIRECTIVES.len() + 1] {
    let mut commands = [end(); DIRECTIVES.len() + 1];
    let (mut rows, mut slots, mut index): (&[_], &mut [_], _) = (&DIRECTIVES, &mut commands, 0_usize);
    while let ([row, other_rows @ ..], [slot, other_slots @ ..]) = (rows, slots) {
        *slot = command(row.name, row.arguments, row.level(), conf::read, index);
        (rows, slots, index) = (other_rows, other_slots, index.saturating_add(1));
    }
    commands
}

/// An nginx that the module is linked into has its name among its own modules'.
#[cfg_attr(feature = "static", export_name = "ngx_http_authgear_module")]
pub(super) static mut MODULE: ngx_module_t = {
    let commands = &raw mut COMMANDS;
    // SAFETY: both tables are the module's own, and it is never unloaded.
    unsafe { module(&raw const CALLBACKS, commands.cast(), init_module, init_process) }
};

/// Says which module this is.
pub fn register() {
    if let Some(module) = NonNull::new(&raw mut MODULE) {
        // SAFETY: nginx calls us as this one, and it is never unloaded.
        unsafe { nginx::module::register(module, "authgear") };
    }
}

/// What the module has for the `http` block of a cycle.
///
/// # Safety
/// nginx calls with this cycle, which it has completed.
unsafe fn main<'l>(cycle: *mut ngx_cycle_t) -> Option<&'l MainLevel> {
    register();
    // SAFETY: the caller vouches for it.
    unsafe { main_of::<Levels>(cycle) }
}

/// A configuration takes the place of another, with an `http` block or without. Says what its own log has to
/// hold about it.
unsafe extern "C" fn init_module(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    entry(Status::ERROR.into(), || {
        zone::forget_cycle();
        // SAFETY: nginx's own argument, whose log is open.
        let log = NonNull::new(cycle).and_then(|cycle| unsafe { log_of(cycle) });
        // SAFETY: nginx's own argument.
        if let (Some(main), Some(log)) = (unsafe { main(cycle) }, log) {
            for note in &main.complete.notes {
                log.write(Level::Info, &note.to_string());
            }
            // SAFETY: a log of this cycle's.
            let log_has = |log: ErrorLog, level| unsafe { log.open() }.has(level);
            // SAFETY: nginx's own argument.
            let names = |name: &str| unsafe { names_variable(cycle, name) };
            for warning in main.complete.unseen(log_has, names) {
                log.warn(&warning.to_string());
            }
        }
        Status::OK.into()
    })
}

unsafe extern "C" fn init_process(cycle: *mut ngx_cycle_t) -> ngx_int_t {
    entry(Status::ERROR.into(), || {
        // SAFETY: nginx's own argument.
        if unsafe { main(cycle) }.is_some_and(|main| main.complete.active) {
            process::start();
        }
        Status::OK.into()
    })
}
