//! Which key set judges a token, and when it is fetched.
//!
//! A set belongs to an endpoint and its source. Those that are fetched lie in shared memory, parsed once per worker and version; one
//! worker fetches for all, in a request of its own. Whatever a fetch brings, only a good set replaces a good set.

mod lease;

use std::cell::RefCell;
use std::rc::Rc;

use authgear_core::jwks::{KeySet, MAX_DOCUMENT};

use crate::conf::{JwksTimes, KeySource, Site};
use crate::digest::{Digest, DigestMap};
use crate::ffi::errand::{self, End, Headers, Order, Outcome, Recipient};
use crate::ffi::headers::name::ACCEPT;
use crate::ffi::log::{self, Level};
use crate::ffi::zone::{self, KeySlot, Owned, SlotRef};
use crate::ffi::{clock, conf};
use crate::flight::{Flight, Pilot};

use lease::{lease, Hold, Lease};

/// Milliseconds that a fetch may take.
const TIME_LIMIT: u64 = 5_000;
/// The first pause after a fetch that failed; it doubles with each.
const FIRST_PAUSE: u64 = 1_000;

/// A set younger than this is never waited for.
const SHORTEST: u64 = 1_000;

type Id = Digest;

/// Why a set is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// There is none that may be used, or it is due.
    Set,
    /// A token names a key that is not in it.
    Key,
}

/// How a fetch goes on.
pub enum Fetch {
    /// This worker is at it.
    Here(Rc<Flight<()>>),
    /// Another worker is at it: look again in a few milliseconds.
    Elsewhere,
    /// Not now: it failed lately, or an unknown key was asked for lately.
    Paused,
}

/// A key set as one request sees it now.
pub struct View {
    /// The set that may be used.
    pub set: Option<Rc<KeySet>>,
    /// Another number with every set that is stored; 0 when there never was one.
    pub version: u64,
    /// It is so old that a request waits for another.
    pub overdue: bool,
    /// Fetches that failed since the last that did not.
    pub failures: u64,
}

/// What this worker knows of one set.
#[derive(Default)]
struct Local {
    slot: Option<SlotRef>,
    version: u64,
    set: Option<Rc<KeySet>>,
    flight: Option<Rc<Flight<()>>>,
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
            failures: 0,
        },
        KeySource::Request { .. } => SETS.with_borrow_mut(|sets| {
            let local = sets.entry(site.key_set_id).or_default();
            let Some(slot) = local.slot(&site.key_set_id) else {
                return View {
                    set: None,
                    version: 0,
                    overdue: false,
                    failures: 0,
                };
            };
            local.refresh(slot);
            let age = Age::of(slot, &site.jwks_times);
            View {
                set: local.set.clone().filter(|_| age.usable),
                version: local.version,
                overdue: age.overdue,
                failures: number(&slot.failures),
            }
        }),
    }
}

/// Whether the set of `site` does not change while nginx runs.
pub fn is_fixed(site: &Site) -> bool {
    matches!(site.keys, KeySource::File { .. })
}

/// Whether the set should be fetched, without anybody waiting for it.
pub fn is_due(site: &Site) -> bool {
    !is_fixed(site)
        && SETS.with_borrow_mut(|sets| {
            let local = sets.entry(site.key_set_id).or_default();
            local
                .slot(&site.key_set_id)
                .is_some_and(|slot| Age::of(slot, &site.jwks_times).due)
        })
}

/// Whether somebody is fetching the set right now.
pub fn is_under_way(site: &Site) -> bool {
    SETS.with_borrow_mut(|sets| {
        let local = sets.entry(site.key_set_id).or_default();
        local
            .slot(&site.key_set_id)
            .is_some_and(|slot| Hold::of(slot, clock::monotonic()) == Hold::Taken)
    })
}

/// Starts a fetch, or joins the one that is under way.
pub fn fetch(site: &Site, need: Need) -> Fetch {
    let KeySource::Request { uri } = &site.keys else {
        return Fetch::Paused;
    };
    let id = site.key_set_id;
    let (slot, flight) = SETS.with_borrow_mut(|sets| {
        let local = sets.entry(id).or_default();
        (local.slot(&id), local.flight.clone())
    });
    if let Some(flight) = flight {
        return Fetch::Here(flight);
    }
    let Some(slot) = slot else { return Fetch::Paused };
    match lease(slot, need, &site.jwks_times) {
        Lease::Taken => {}
        Lease::Elsewhere => return Fetch::Elsewhere,
        Lease::Paused => return Fetch::Paused,
    }
    let flight = Rc::new(Flight::new());
    SETS.with_borrow_mut(|sets| sets.entry(id).or_default().flight = Some(Rc::clone(&flight)));
    let arrival = Box::new(Arrival {
        id,
        times: site.jwks_times,
        endpoint: site.endpoint.as_str().to_owned(),
        pilot: Pilot::of(&flight),
    });
    let order = Order {
        server: site.server,
        uri,
        host: site.endpoint.host(),
        headers: &[(ACCEPT, Some(b"application/json"))],
        asker: None,
        body_limit: MAX_DOCUMENT,
        time_limit: TIME_LIMIT,
    };
    if errand::start(&order, arrival).is_err() {
        log::process(
            Level::Error,
            "authgear: no connection or memory is left to fetch keys with: raise worker_connections",
        );
        SETS.with_borrow_mut(|sets| sets.entry(id).or_default().flight = None);
        fail(slot, &site.jwks_times);
    }
    Fetch::Here(flight)
}

impl Local {
    fn slot(&mut self, id: &Id) -> Option<&'static KeySlot> {
        if let Some(slot) = self.slot.and_then(|slot| slot.get(id)) {
            return Some(slot);
        }
        self.version = 0;
        self.set = None;
        self.slot = zone::lock()?.claim(id, is_in_use);
        self.slot?.get(id)
    }

    /// Takes over what another worker has stored.
    fn refresh(&mut self, slot: &KeySlot) {
        if number(&slot.version) == self.version {
            return;
        }
        let Some((version, bytes)) = zone::lock().map(|locked| locked.load(slot)) else {
            return;
        };
        self.version = version;
        self.set = KeySet::from_bytes(&bytes).map(Rc::new);
    }
}

/// How old a set is, against what was configured.
struct Age {
    usable: bool,
    due: bool,
    overdue: bool,
}

impl Age {
    fn of(slot: &KeySlot, times: &JwksTimes) -> Self {
        if number(&slot.version) == 0 {
            return Self {
                usable: false,
                due: true,
                overdue: false,
            };
        }
        let age = clock::monotonic().saturating_sub(number(&slot.fetched_at));
        let usable = age <= times.valid.saturating_add(times.stale);
        let due = age > times.valid || number(&slot.due) != 0;
        // However short the keys' time is, a set that just came serves the requests that waited for it.
        let overdue = age > times.valid.saturating_mul(2).max(SHORTEST) && number(&slot.failures) == 0;
        Self { usable, due, overdue }
    }
}

/// Whether a server of the running configuration judges by the set in this slot.
fn is_in_use(slot: &KeySlot) -> bool {
    conf::sites().any(|site| slot.is(&site.key_set_id))
}

/// A fetch on its way back.
struct Arrival {
    id: Id,
    times: JwksTimes,
    endpoint: String,
    pilot: Pilot<()>,
}

impl Recipient for Arrival {
    fn is_awaited(&self) -> bool {
        self.pilot.is_awaited()
    }

    fn header(&mut self, _: u16, _: &Headers<'_>) {}

    fn end(self: Box<Self>, outcome: Outcome) {
        SETS.with_borrow_mut(|sets| sets.entry(self.id).or_default().flight = None);
        self.settle(&outcome);
        self.pilot.land(());
    }
}

impl Arrival {
    fn settle(&self, outcome: &Outcome) {
        // The slot may have gone to another set while this one was fetched: nobody needs it any more.
        let slot = SETS.with_borrow_mut(|sets| sets.entry(self.id).or_default().slot(&self.id));
        let Some(slot) = slot else { return };
        match read(outcome) {
            Ok((set, notes)) => self.keep(slot, &set, &notes),
            Err(why) => {
                let pause = fail(slot, &self.times);
                let line = format!(
                    "authgear: keys of {} could not be fetched: {why}; next try in {pause} ms",
                    self.endpoint
                );
                log::process(Level::Error, &line);
            }
        }
    }

    fn keep(&self, slot: &KeySlot, set: &KeySet, notes: &str) {
        let bytes = set.to_bytes();
        let Some(locked) = zone::lock() else { return };
        let (_, before) = locked.load(slot);
        let stored = locked.store(slot, &bytes);
        let recovered = number(&slot.failures) > 0;
        start_anew(slot, clock::monotonic());
        drop(locked);
        if stored && (before != bytes || recovered) {
            log::process(
                Level::Notice,
                &format!(
                    "authgear: {} key(s) of {} fetched{notes}",
                    set.len(),
                    self.endpoint
                ),
            );
        }
    }
}

/// The numbers of a set that was stored at `now`.
fn start_anew(slot: &KeySlot, now: u64) {
    set(&slot.fetched_at, now);
    for number in [&slot.due, &slot.failures, &slot.not_before, &slot.lease] {
        set(number, 0);
    }
}

/// The set in an answer, and what is worth a word about it; or what is wrong with it.
fn read(outcome: &Outcome) -> Result<(KeySet, String), String> {
    match outcome.end {
        End::Answered | End::Stored if outcome.status == 200 => {}
        End::Answered | End::Stored => return Err(format!("status {}", outcome.status)),
        End::CutShort => return Err("the answer was cut short".to_owned()),
        End::TooLarge => return Err(format!("the answer is larger than {MAX_DOCUMENT} bytes")),
        End::HeaderTooLarge => return Err("the answer's header is larger than proxy_buffer_size".to_owned()),
        End::Unreachable => return Err("no server could be reached".to_owned()),
        End::TimedOut => return Err("it timed out".to_owned()),
        End::Redirected => {
            return Err(
                "the location of authgear_jwks_request did not hand on an answer of the server's".to_owned(),
            )
        }
        End::Abandoned => return Err("the worker is leaving".to_owned()),
    }
    let parsed = KeySet::parse(&outcome.body).map_err(|error| error.to_string())?;
    let mut notes = String::new();
    if parsed.beyond > 0 {
        notes = format!("; {} more are beyond the limit and not used", parsed.beyond);
    }
    if !parsed.ignored.is_empty() {
        notes = format!("{notes}; {} not usable", parsed.ignored.len());
    }
    Ok((parsed.set, notes))
}

/// Notes a fetch that failed, and gives the pause until the next in milliseconds.
fn fail(slot: &KeySlot, times: &JwksTimes) -> u64 {
    let Some(_locked) = zone::lock() else {
        return FIRST_PAUSE;
    };
    let failures = number(&slot.failures).saturating_add(1);
    set(&slot.failures, failures);
    set(&slot.lease, 0);
    let longest = if number(&slot.version) == 0 {
        times.refetch
    } else {
        times.valid
    };
    let doublings = u32::try_from(failures.saturating_sub(1))
        .unwrap_or(u32::MAX)
        .min(32);
    let longest = longest.max(FIRST_PAUSE);
    let pause = clock::jittered(FIRST_PAUSE.saturating_mul(1_u64 << doublings).min(longest));
    set(&slot.not_before, clock::monotonic().saturating_add(pause));
    pause
}

fn number(of: &std::sync::atomic::AtomicU64) -> u64 {
    of.load(std::sync::atomic::Ordering::Acquire)
}

fn set(to: &std::sync::atomic::AtomicU64, value: u64) {
    to.store(value, std::sync::atomic::Ordering::Release);
}
