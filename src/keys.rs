//! Which key set judges a token, and when it is fetched.
//!
//! A set belongs to an endpoint and its source. Those that are fetched lie in shared memory, parsed once per
//! worker and version; one worker fetches for all, in a request of its own. Whatever a fetch brings, only a
//! good set replaces a good set.
//!
//! - [`lease`]: which worker fetches
//! - [`watch`]: what waits for another worker, or for its turn
//! - [`fetch`]: the fetch itself

mod fetch;
mod lease;
mod watch;

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use authgear_core::jwks::KeySet;
use nginx::{clock, worker};

use crate::conf;
use crate::conf::{JwksTimes, KeySource, Site};
use crate::digest::{Digest, DigestMap};
use crate::single_flight::{Leader, SingleFlight};
use crate::zone::{self, HeldKeySlot, KeySlot, KeyState, Owned, SlotRef};

/// A set younger than this is never waited for.
const SHORTEST: u64 = 1_000;

type Id = Digest;

/// Why a set is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It is due, and nobody waits for it.
    Due,
    /// A request waits: there is none that may be used.
    Set,
    /// A request waits: its token names a key that is not in it.
    Key,
}

/// A key set as one request sees it now.
pub struct View {
    /// The set that may be used.
    pub set: Option<Rc<KeySet>>,
    /// Another number with every set that is stored; 0 when there never was one.
    pub version: u64,
    /// It is so old that a request waits for another.
    pub overdue: bool,
}

/// What this worker knows of one set.
#[derive(Default)]
struct Local {
    slot: Option<SlotRef>,
    version: u64,
    set: Option<Rc<KeySet>>,
    /// The fetch that was begun or wanted last.
    flight: Option<Rc<SingleFlight<()>>>,
}

thread_local! {
    static SETS: RefCell<DigestMap<Local>> = RefCell::new(DigestMap::default());
}

/// The set of `site` as it is now.
pub fn view(site: &Site) -> View {
    match &site.keys {
        KeySource::File { set, .. } => View {
            set: Some(Rc::clone(set)),
            version: 1,
            overdue: false,
        },
        KeySource::Request { .. } => with_local(&site.key_set_id, |local| local.view(site)),
    }
}

/// Whether the set of `site` does not change while nginx runs.
pub fn is_fixed(site: &Site) -> bool {
    matches!(site.keys, KeySource::File { .. })
}

/// Has every set fetched that is due to some server, each once. Another worker may be at it; a fetch that
/// fails pauses for all.
pub fn refresh() {
    let mut begun = HashSet::new();
    conf::with_sites(|sites| {
        for site in sites.filter(|site| site.uses_keys && !is_fixed(site)) {
            // Servers that share a set may let it grow old differently: the shortest time counts.
            if is_due(site) && begun.insert(site.key_set_id) {
                fetch(site, Need::Due);
            }
        }
    });
}

fn is_due(site: &Site) -> bool {
    state(&site.key_set_id).is_some_and(|state| Age::of(&state, &site.jwks_times).due)
}

/// Has a set fetched, by this worker or another. What is given lands when that has come to an end, and may
/// have by now: then it may not be fetched for some time.
pub fn fetch(site: &Site, need: Need) -> Option<Rc<SingleFlight<()>>> {
    if is_fixed(site) {
        return None;
    }
    let id = site.key_set_id;
    if let Some(flight) = with_local(&id, |local| local.under_way()) {
        watch::join(&id, need);
        return Some(flight);
    }
    let flight = Rc::new(SingleFlight::new());
    with_local(&id, |local| local.flight = Some(Rc::clone(&flight)));
    watch::want(site, need, Leader::of(&flight));
    Some(flight)
}

/// What is known of a set; `None` where no slot is left for it.
fn state(id: &Id) -> Option<KeyState> {
    with_local(id, |local| local.state(id))
}

/// Does something to a set's slot under the lock: its own, else a free one. What was begun for a set whose
/// slot has gone takes no other's.
fn with_slot<T>(id: &Id, act: impl FnOnce(&HeldKeySlot<'_>) -> T) -> Option<T> {
    let known = with_local(id, |local| local.slot);
    zone::with(|zone| {
        let locked = zone?.lock();
        let own = known.and_then(|known| locked.key_slot(known, id));
        let slot = own.or_else(|| locked.claim_key_slot(id, |_| true))?;
        Some(act(&slot))
    })
}

fn with_local<T>(id: &Id, act: impl FnOnce(&mut Local) -> T) -> T {
    SETS.with_borrow_mut(|sets| act(sets.entry(*id).or_default()))
}

impl Local {
    fn view(&mut self, site: &Site) -> View {
        let Some(state) = self.state(&site.key_set_id) else {
            return View {
                set: None,
                version: 0,
                overdue: false,
            };
        };
        if state.version != self.version {
            self.refresh(&site.key_set_id);
        }
        let age = Age::of(&state, &site.jwks_times);
        View {
            set: self.set.clone().filter(|_| age.usable),
            version: self.version,
            overdue: age.overdue,
        }
    }

    fn state(&mut self, id: &Id) -> Option<KeyState> {
        if let Some(state) = self.slot.and_then(|slot| slot.state(id)) {
            return Some(state);
        }
        self.version = 0;
        self.set = None;
        zone::with(|zone| {
            let locked = zone?.lock();
            let slot = locked.claim_key_slot(id, is_in_use)?;
            self.slot = Some(slot.slot_ref());
            Some(slot.state())
        })
    }

    /// Takes over what another worker has stored.
    fn refresh(&mut self, id: &Id) {
        let loaded = zone::with(|zone| {
            let locked = zone?.lock();
            let own = self.slot.and_then(|known| locked.key_slot(known, id));
            Some(own.map(|slot| slot.load()).unwrap_or_default())
        });
        let Some((version, bytes)) = loaded else { return };
        self.version = version;
        self.set = KeySet::from_bytes(&bytes).map(Rc::new);
    }

    fn under_way(&self) -> Option<Rc<SingleFlight<()>>> {
        self.flight.clone().filter(|flight| flight.result().is_none())
    }
}

/// How old a set is, against what was configured.
struct Age {
    usable: bool,
    due: bool,
    overdue: bool,
}

impl Age {
    fn of(state: &KeyState, times: &JwksTimes) -> Self {
        if state.version == 0 {
            return Self {
                usable: false,
                due: true,
                overdue: false,
            };
        }
        let age = clock::monotonic().saturating_sub(state.fetched_at);
        let usable = age <= times.valid.saturating_add(times.stale);
        let due = age > times.valid || state.is_due;
        // However short the keys' time is, a set that just came serves the requests that waited for it.
        let overdue = age > times.valid.saturating_mul(2).max(SHORTEST) && state.failures == 0;
        Self { usable, due, overdue }
    }
}

/// Whether a server of the running configuration judges by the set in this slot. A worker that leaves does
/// not know that configuration.
fn is_in_use(slot: &KeySlot<'_>) -> bool {
    worker::is_leaving() || conf::with_sites(|mut sites| sites.any(|site| slot.is(&site.key_set_id)))
}
