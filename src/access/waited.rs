//! How long a request has waited for the resolver or for keys: `$authgear_time`.

use std::cell::Cell;

use nginx::clock;

use crate::conf::Millis;

/// One request's.
#[derive(Default)]
pub struct Waited {
    /// All waits that are over.
    before: Cell<Option<Millis>>,
    /// When the one that is not over began.
    since: Cell<Option<u64>>,
}

impl Waited {
    pub fn begin(&self) {
        self.end();
        self.since.set(Some(clock::monotonic()));
    }

    pub fn end(&self) {
        self.before.set(self.milliseconds());
        self.since.set(None);
    }

    /// Until now, where it waits still; `None` of a request that never has.
    pub fn milliseconds(&self) -> Option<Millis> {
        let now = self
            .since
            .get()
            .map(|since| clock::monotonic().saturating_sub(since));
        match (self.before.get(), now) {
            (Some(before), Some(now)) => Some(before.saturating_add(now)),
            (before, now) => before.or(now),
        }
    }
}
