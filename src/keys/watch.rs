//! The key sets that this worker wants and does not fetch right now: another worker is at them, or it is not
//! their turn yet.
//!
//! At most [`AT_ONCE`] fetches are under way in a worker, so that no number of sets takes its connections. A
//! set that a request waits for comes before those that are only due, and one that failed lately after those
//! that did not. Workers can't wake each other: while requests wait for another worker's fetch, one timer
//! looks for all of them, and takes over when that worker is gone.

use std::cell::{Cell, RefCell};

use super::lease::{self, Lease};
use super::{fetch, state, with_slot, Need};
use crate::conf;
use crate::conf::{JwksTimes, Millis, Site};
use crate::digest::Digest;
use crate::single_flight::Leader;
use crate::zone::KeyState;
use nginx::timer::Timer;
use nginx::{clock, worker};

/// Fetches under way in a worker; one is kept for sets that a request waits for.
const AT_ONCE: u32 = 4;
const IN_BACKGROUND: u32 = AT_ONCE - 1;
/// The time between two looks at what another worker does.
const LOOK: Millis = 5;
/// The time until the next turns are given, once a fetch is over and its connections are given back.
const NEXT: Millis = 1;
/// A request waits no longer.
const PATIENCE: Millis = 6_000;

thread_local! {
    static WANTED: RefCell<Vec<Wanted>> = const { RefCell::new(Vec::new()) };
    static FETCHES: Cell<u32> = const { Cell::new(0) };
    static TIMER: Timer = Timer::new(look);
}

/// When a set is fetched here.
enum When {
    Now,
    Later,
    Never,
}

/// A set that is wanted. Whoever waits for it hears when this is dropped.
struct Wanted {
    id: Digest,
    /// Those of the server that wanted it first: others that share it may have their own.
    times: JwksTimes,
    /// Requests wait for it, until then at most; `None`: it is only due.
    awaited: Option<Millis>,
    /// It is due, or there is none that may be used.
    lacks_set: bool,
    /// A token names a key that is not in it.
    lacks_key: bool,
    /// What was known of it when it was first wanted, or awaited.
    seen: Option<KeyState>,
    leader: Leader<()>,
}

/// A fetch may be under way; it counts until this is dropped.
pub struct FetchPermit(());

impl FetchPermit {
    fn new() -> Self {
        FETCHES.set(FETCHES.get().saturating_add(1));
        Self(())
    }
}

impl Drop for FetchPermit {
    fn drop(&mut self) {
        FETCHES.set(FETCHES.get().saturating_sub(1));
        TIMER.with(|timer| timer.set(NEXT));
    }
}

/// Begins to want a set: it is fetched at once where that may be.
pub fn want(site: &Site, need: Need, leader: Leader<()>) {
    let mut wanted = Wanted {
        id: site.key_set_id,
        times: site.jwks_times,
        awaited: None,
        lacks_set: false,
        lacks_key: false,
        seen: state(&site.key_set_id),
        leader,
    };
    wanted.add(need);
    if let Some(wanted) = wanted.step(site) {
        WANTED.with_borrow_mut(|all| all.push(wanted));
    }
    watch();
}

/// One more wants a set that is wanted already, if it is not being fetched.
pub fn join(id: &Digest, need: Need) {
    WANTED.with_borrow_mut(|all| {
        if let Some(wanted) = all.iter_mut().find(|wanted| wanted.id == *id) {
            wanted.add(need);
        }
    });
    watch();
}

/// Looks at every set that is wanted.
fn look() {
    let mut wanted = WANTED.take();
    wanted.sort_by_key(Wanted::rank);
    let mut left: Vec<Wanted> = wanted.into_iter().filter_map(Wanted::again).collect();
    WANTED.with_borrow_mut(|all| {
        left.append(all);
        *all = left;
    });
    watch();
}

/// Looks again soon while a request waits. What is only due has its turn when a fetch is over.
fn watch() {
    if WANTED.with_borrow(|all| all.iter().any(|wanted| wanted.awaited.is_some())) {
        TIMER.with(|timer| timer.set(LOOK));
    }
}

impl Wanted {
    fn add(&mut self, need: Need) {
        self.lacks_key |= need == Need::Key;
        self.lacks_set |= need != Need::Key;
        if need == Need::Due {
            return;
        }
        if self.awaited.is_none() {
            self.seen = state(&self.id);
        }
        self.awaited = Some(clock::monotonic().saturating_add(PATIENCE));
    }

    /// The lowest first.
    fn rank(&self) -> (bool, u64) {
        let failures = self.seen.map_or(0, |seen| seen.failures);
        (self.awaited.is_none(), failures)
    }

    fn has_room(&self) -> bool {
        let most = if self.awaited.is_some() {
            AT_ONCE
        } else {
            IN_BACKGROUND
        };
        FETCHES.get() < most
    }

    /// The same as [`Self::step`], for a set whose server may be gone.
    fn again(self) -> Option<Self> {
        if self.awaited.is_none() && !self.has_room() && !worker::is_leaving() {
            return Some(self);
        }
        let id = self.id;
        let is_wanted = |site: &Site| site.uses_keys && site.key_set_id == id;
        conf::with_site(is_wanted, |site| self.step(site?))
    }

    /// What is left to be wanted when it has been fetched elsewhere, or its turn has come.
    fn step(self, site: &Site) -> Option<Self> {
        if self.is_over() {
            return None;
        }
        match self.when() {
            When::Now => {
                fetch::start(site, self.leader, FetchPermit::new());
                None
            }
            When::Later => Some(self),
            When::Never => None,
        }
    }

    fn is_over(&self) -> bool {
        let Some(until) = self.awaited else {
            return worker::is_leaving();
        };
        let known = |state: KeyState| (state.version, state.failures);
        clock::monotonic() > until || state(&self.id).map(known) != self.seen.map(known)
    }

    /// When it is fetched here. Once it is [`When::Now`], nobody else does.
    fn when(&self) -> When {
        let times = &self.times;
        let needs = [(self.lacks_set, Need::Set), (self.lacks_key, Need::Key)];
        let needs = needs.into_iter().filter(|(lacks, _)| *lacks);
        let now = clock::monotonic();
        let found = with_slot(&self.id, |slot| {
            let mut leases = needs.map(|(_, need)| (need, Lease::of(slot, need, times, now)));
            match leases.find(|(_, lease)| *lease != Lease::Paused) {
                Some((need, Lease::Free)) if self.has_room() => {
                    lease::take(slot, need, times, now);
                    When::Now
                }
                Some((_, Lease::Free)) => When::Later,
                Some((_, Lease::Elsewhere)) if self.awaited.is_some() => When::Later,
                Some((_, Lease::Elsewhere | Lease::Paused)) | None => When::Never,
            }
        });
        found.unwrap_or(When::Never)
    }
}
