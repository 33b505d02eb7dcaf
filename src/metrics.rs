//! What is counted, and the answer that tells it.
//!
//! What enters: events, from wherever they happen. What leaves: numbers in the memory that all workers share;
//! and, for who asks, all of them as text. What always holds: counting takes no lock and looks for nothing by
//! its name, but for the first request that a worker counts for a server; it never changes what happens to a
//! request.
//!
//! - [`answer`]: the numbers as text

mod answer;

use authgear_core::counted::{Asked, Decided, Fetched, Refused};
use authgear_core::require::Denial;
use nginx::worker;

use crate::conf::{self, CountedAs, Millis, Site};
use crate::zone::{self, Event, Owned, ServerNumbers, ServerSlot, Totals, Zone};

pub use answer::answer;

/// A request's credentials have come to a verdict.
pub fn count_decided(site: &Site, decided: Decided) {
    count(site, |numbers| numbers.add_decided(decided));
}

/// The same, where this worker has counted something for the server before: `false` where it has not. Cannot
/// panic.
pub fn count_quickly(site: &Site, decided: Decided) -> bool {
    let CountedAs { id, at, .. } = &site.counted_as;
    let Some(at) = at.get().copied().flatten() else {
        return false;
    };
    zone::with(|zone| {
        let numbers = zone.and_then(|zone| zone.server_at(at, id));
        numbers.is_some_and(|numbers| {
            numbers.add_decided(decided);
            true
        })
    })
}

/// Something was refused.
pub fn count_refused(site: &Site, refused: Refused) {
    count(site, |numbers| numbers.add_refused(refused, false));
}

/// Who is calling may not enter, or may only since it is a dry run.
pub fn count_denied(site: &Site, denial: Denial, dry_run: bool) {
    count(site, |numbers| {
        numbers.add_refused(Refused::Access(denial), dry_run)
    });
}

/// A question has ended; `took`: how long that was, if it was asked at all.
pub fn count_asked(asked: Asked, took: Option<Millis>) {
    count_in_all(|totals| {
        totals.add_asked(asked);
        if let Some(took) = took {
            totals.add_time(took);
        }
    });
}

/// A fetch of keys has ended.
pub fn count_fetched(fetched: Fetched) {
    count_in_all(|totals| totals.add_fetched(fetched));
}

/// A verdict went from the memory that was not over.
pub fn count_evicted_verdict() {
    count_in_all(|totals| totals.add(Event::VerdictEvicted));
}

/// The resolver said no to a token that it had not said no to before.
pub fn count_revoked() {
    count_in_all(|totals| totals.add(Event::Revoked));
}

fn count_in_all(add: impl FnOnce(Totals<'_>)) {
    zone::with(|zone| {
        if let Some(zone) = zone {
            add(zone.totals());
        }
    });
}

/// Adds to a server's numbers; to those of all others where it has none of its own.
fn count(site: &Site, add: impl FnOnce(ServerNumbers<'_>)) {
    let CountedAs { id, at, .. } = &site.counted_as;
    zone::with(|zone| {
        let Some(zone) = zone else { return };
        let at = *at.get_or_init(|| claim(zone, id));
        let own = at.and_then(|at| zone.server_at(at, id));
        add(own.unwrap_or_else(|| zone.totals().rest()));
    });
}

fn claim(zone: Zone<'_>, id: &[u8; 32]) -> Option<usize> {
    zone.lock().claim_server(id, is_in_use)
}

/// Whether a server of the running configuration counts there. A worker that leaves does not know that
/// configuration.
fn is_in_use(slot: &ServerSlot<'_>) -> bool {
    worker::is_leaving() || conf::with_sites(|mut sites| sites.any(|site| slot.is(&site.counted_as.id)))
}
