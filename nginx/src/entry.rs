//! The one door by which nginx enters Rust code. A panic is caught here and never unwinds into C; the
//! caller's `fallback` refuses.

use std::panic::{catch_unwind, set_hook, AssertUnwindSafe};
use std::sync::Once;

use crate::{log, module};

/// Runs `body`; if it panics, gives `fallback`, which must be the value that refuses.
pub fn entry<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(fallback)
}

/// Sends the message of a panic to nginx's error log instead of standard error, once a process.
pub fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let name = module::name();
            let line = format!("{name}: a bug in the module, please report it: panic at {place}");
            log::process(log::Level::Alert, &line);
        }));
    });
}
