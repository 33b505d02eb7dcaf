//! Who fetches a key set: one process at a time, until it is done, its time is over, or it is gone.

use super::{number, set, Age, Need};
use crate::conf::JwksTimes;
use crate::ffi::zone::{self, KeySlot};
use crate::ffi::{clock, worker};

/// How long others leave a fetch alone while its worker is there: its time limit, and room for the worker to notice.
const LEASE: u64 = 6_000;

/// Whether somebody is at a set.
#[derive(PartialEq, Eq)]
pub enum Hold {
    Free,
    Taken,
    /// Who was at it is gone without a word.
    Abandoned,
}

impl Hold {
    pub fn of(slot: &KeySlot, now: u64) -> Self {
        match number(&slot.lease) > now {
            false => Self::Free,
            true if worker::is_alive(number(&slot.holder)) => Self::Taken,
            true => Self::Abandoned,
        }
    }
}

/// Whether a set may be fetched by who asks.
pub enum Lease {
    Taken,
    Elsewhere,
    Paused,
}

/// Takes a set on, if nobody else is at it and it is not to be left alone for now.
pub fn lease(slot: &KeySlot, need: Need, times: &JwksTimes) -> Lease {
    let Some(_locked) = zone::lock() else {
        return Lease::Paused;
    };
    let now = clock::monotonic();
    match Hold::of(slot, now) {
        Hold::Taken => return Lease::Elsewhere,
        Hold::Free if is_paused(slot, need, now) || is_done(slot, need, times) => return Lease::Paused,
        // What was begun goes on, whatever pause its beginning was.
        Hold::Free | Hold::Abandoned => {}
    }
    set(&slot.holder, worker::own());
    set(&slot.lease, now.saturating_add(LEASE));
    if need == Need::Key {
        set(&slot.no_refetch_before, now.saturating_add(times.refetch));
    }
    Lease::Taken
}

/// Whether somebody else has just brought what was wanted: that the set was due may have been seen while it was being stored.
fn is_done(slot: &KeySlot, need: Need, times: &JwksTimes) -> bool {
    need == Need::Set && !Age::of(slot, times).due
}

fn is_paused(slot: &KeySlot, need: Need, now: u64) -> bool {
    match need {
        Need::Set => number(&slot.not_before) > now,
        // Fetches that failed pause those that are due, up to the keys' whole time; an unknown key has waited for its own pause.
        Need::Key => number(&slot.no_refetch_before) > now,
    }
}
