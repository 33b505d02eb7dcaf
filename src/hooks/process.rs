//! What a worker does besides answering requests: its start, and its timer.

use nginx::entry::report_panics;
use nginx::timer::Timer;
use nginx::worker;

use crate::keys;

const FIRST_MS: u64 = 1;
const PERIOD_MS: u64 = 1000;

thread_local! {
    static TIMER: Timer = Timer::new(tick);
}

/// A process of nginx's starts.
pub fn start() {
    report_panics();
    if worker::is_worker() {
        TIMER.with(|timer| timer.set(FIRST_MS));
    }
}

/// Once a second: the key sets that are due are fetched.
fn tick() {
    if worker::is_leaving() {
        return;
    }
    TIMER.with(|timer| timer.set(PERIOD_MS));
    keys::refresh();
}
