//! Who fetches a key set: one process at a time, until it is done, its time is over, or it is gone.

use super::{Age, Need};
use crate::conf::JwksTimes;
use crate::zone::HeldKeySlot;
use nginx::worker;

/// How long others leave a fetch alone while its worker is there: its time limit, and room for the worker to
/// notice.
const LEASE: u64 = 6_000;

/// Whether somebody is at a set.
enum Hold {
    Free,
    Taken,
    /// Who was at it is gone without a word.
    Abandoned,
}

impl Hold {
    fn of(slot: &HeldKeySlot<'_>, now: u64) -> Self {
        let (holder, until) = slot.lent();
        match until > now {
            false => Self::Free,
            true if worker::is_alive(holder) => Self::Taken,
            true => Self::Abandoned,
        }
    }
}

/// Whether a set may be fetched by who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    Free,
    /// Another process is at it.
    Elsewhere,
    /// Not now: a fetch failed lately, an unknown key was asked for lately, or what was wanted has just come.
    Paused,
}

impl Lease {
    pub fn of(slot: &HeldKeySlot<'_>, need: Need, times: &JwksTimes, now: u64) -> Self {
        match Hold::of(slot, now) {
            Hold::Taken => Self::Elsewhere,
            Hold::Free if is_paused(slot, need, now) || is_done(slot, need, times) => Self::Paused,
            // What was begun goes on, whatever pause its beginning was.
            Hold::Free | Hold::Abandoned => Self::Free,
        }
    }
}

/// Takes a set on that is free.
pub fn take(slot: &HeldKeySlot<'_>, need: Need, times: &JwksTimes, now: u64) {
    slot.lend(worker::own(), now.saturating_add(LEASE));
    if need == Need::Key {
        slot.pause_refetch(now.saturating_add(times.refetch));
    }
}

/// Gives a set back unfetched: whoever wants it next goes on.
pub fn abandon(slot: &HeldKeySlot<'_>) {
    const NOBODY: u64 = 0;
    let (_, until) = slot.lent();
    slot.lend(NOBODY, until);
}

/// Whether somebody else has just brought what was wanted: that the set was due may have been seen while it
/// was being stored.
fn is_done(slot: &HeldKeySlot<'_>, need: Need, times: &JwksTimes) -> bool {
    match need {
        Need::Due | Need::Set => !Age::of(&slot.state(), times).due,
        Need::Key => false,
    }
}

fn is_paused(slot: &HeldKeySlot<'_>, need: Need, now: u64) -> bool {
    match need {
        Need::Due | Need::Set => slot.not_before() > now,
        // Fetches that failed pause those that are due, up to the keys' whole time; an unknown key has waited
        // for its own pause.
        Need::Key => slot.no_refetch_before() > now,
    }
}
