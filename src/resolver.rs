//! How many questions a worker has under way at each resolver, and whether it answers at all.
//!
//! A slow resolver takes neither the worker's connections nor other sites with it: beyond the limit, and
//! while the resolver is known to fail, nobody is asked. That it fails is known to all workers; one question
//! a second finds out whether it still does. Where tokens are due, that is one about a token, for which
//! nobody waits; a client's own only where none was due lately.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use authgear_core::resolver::Reading;
use authgear_core::verdict::{UnknownAnswer, Why};

use crate::conf;
use crate::conf::{Millis, Site};
use crate::digest::DigestMap;
use crate::zone::{self, HeldResolverSlot, Owned, ResolverSlot};
use nginx::log::{self, Level};
use nginx::{clock, worker};

/// So many failures in a row, and the resolver counts as failing.
const FAILURES: u64 = 5;
/// While it does, one question in this time.
const PROBE: Millis = 1_000;
/// So much later, a client's own may be that one.
const GRACE: Millis = 500;
/// So long after a token was due, the next is waited for instead: somewhat longer than a question may take.
const AT_HAND: Millis = 6_000;
/// The longest pause after a question in the background that brought nothing.
const LONGEST_PAUSE: Millis = 10_000;

/// Who waits for a question's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A request.
    Verdict,
    /// Nobody.
    Freshness,
}

/// Questions under way at one resolver.
#[derive(Default)]
struct Counts {
    verdict: Cell<u32>,
    freshness: Cell<u32>,
}

thread_local! {
    static COUNTS: RefCell<DigestMap<Rc<Counts>>> = RefCell::new(DigestMap::default());
}

/// A question may be asked; it counts as under way until this is dropped.
pub struct Permit {
    under_way: Rc<Counts>,
    purpose: Purpose,
}

impl Counts {
    fn of(&self, purpose: Purpose) -> &Cell<u32> {
        match purpose {
            Purpose::Verdict => &self.verdict,
            Purpose::Freshness => &self.freshness,
        }
    }

    /// A quarter of the limit is for freshness, the rest for verdicts; each may have one.
    fn has_room(&self, purpose: Purpose, limit: u32) -> bool {
        let quarter = limit / 4;
        let share = match purpose {
            Purpose::Verdict => limit.saturating_sub(quarter),
            Purpose::Freshness => quarter,
        };
        let all = self.verdict.get().saturating_add(self.freshness.get());
        self.of(purpose).get() < share.max(1) && all < limit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let count = self.under_way.of(self.purpose);
        count.set(count.get().saturating_sub(1));
    }
}

/// Whether the resolver of `site` may be asked one more question now.
pub fn permit(site: &Site, purpose: Purpose) -> Result<Permit, Why> {
    let under_way = COUNTS.with_borrow_mut(|all| Rc::clone(all.entry(site.resolver_id).or_default()));
    if !under_way.has_room(purpose, site.resolver_limit) {
        return Err(Why::Limit);
    }
    if with_slot(site, |slot| may_try(slot, purpose)) == Some(false) {
        return Err(Why::Failing);
    }
    let count = under_way.of(purpose);
    count.set(count.get().saturating_add(1));
    Ok(Permit { under_way, purpose })
}

/// Whether the resolver of `site` counts as failing.
pub fn is_failing(site: &Site) -> bool {
    with_slot(site, |slot| slot.failing.load(Ordering::Acquire) != 0) == Some(true)
}

/// A token is due. Whether asking about it would be in vain now: the resolver fails, and has been tried just
/// now.
pub fn is_left_alone(site: &Site) -> bool {
    let is_left_alone = with_slot(site, |slot| {
        let now = clock::monotonic();
        slot.at_hand_until
            .store(now.saturating_add(AT_HAND), Ordering::Release);
        slot.failing.load(Ordering::Acquire) != 0 && slot.try_at.load(Ordering::Acquire) > now
    });
    is_left_alone == Some(true)
}

/// How long a token is left alone when a question about it brought nothing. While the resolver fails it is
/// not that which spares it.
pub fn pause(site: &Site, interval: Millis) -> Millis {
    let longest = if is_failing(site) { PROBE } else { LONGEST_PAUSE };
    interval.min(longest)
}

/// While it fails, one question a second, whichever worker comes first.
fn may_try(slot: &ResolverSlot, purpose: Purpose) -> bool {
    if slot.failing.load(Ordering::Acquire) == 0 {
        return true;
    }
    let now = clock::monotonic();
    let at = slot.try_at.load(Ordering::Acquire);
    let next = now.saturating_add(PROBE);
    let from = match purpose {
        Purpose::Freshness => at,
        Purpose::Verdict => {
            let at_hand_until = slot.at_hand_until.load(Ordering::Acquire);
            at.saturating_add(GRACE).max(at_hand_until)
        }
    };
    from <= now
        && slot
            .try_at
            .compare_exchange(at, next, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
}

/// Takes note of how a question ended: once for both askings about a token.
pub fn note(site: &Site, reading: &Result<Reading, Why>) {
    with_slot(site, |slot| match reading {
        Ok(Reading::Valid(_) | Reading::Invalid) => note_answer(site, slot),
        Ok(Reading::Silent) => note_failure(site, slot, Why::Silent),
        Ok(Reading::Unknown(answer @ UnknownAnswer::ServerError)) => {
            note_failure(site, slot, Why::Answer(*answer));
        }
        Err(why) if why.is_failure() => note_failure(site, slot, *why),
        // Whatever a client can bring about says nothing of the resolver: who tried it in vain leaves the try
        // to the next.
        Ok(Reading::Unknown(_)) | Err(_) => slot.try_at.store(0, Ordering::Release),
    });
}

fn note_answer(site: &Site, slot: &ResolverSlot) {
    if slot.failures.load(Ordering::Acquire) != 0 {
        slot.failures.store(0, Ordering::Release);
    }
    if slot.failing.load(Ordering::Acquire) != 0 && slot.failing.swap(0, Ordering::AcqRel) != 0 {
        let line = format!(
            "authgear: the resolver of {} answers again",
            site.endpoint.as_str()
        );
        log::process(Level::Notice, &line);
    }
}

fn note_failure(site: &Site, slot: &ResolverSlot, why: Why) {
    let failures = slot.failures.fetch_add(1, Ordering::AcqRel).saturating_add(1);
    if failures < FAILURES {
        return;
    }
    if slot.failing.load(Ordering::Acquire) == 0 {
        slot.try_at
            .store(clock::monotonic().saturating_add(PROBE), Ordering::Release);
        if slot.failing.swap(1, Ordering::AcqRel) == 0 {
            let line = format!(
                "authgear: the resolver of {} is failing ({}, {failures} times in a row): asked once a second from now on",
                site.endpoint.as_str(),
                why.as_str()
            );
            log::process(Level::Error, &line);
        }
    }
}

/// Whether the resolver, asked the way that `site` asks it, has said yes to some token under the
/// configuration of this number.
pub fn is_proven(site: &Site, configuration: u64) -> bool {
    with_slot(site, |slot| slot.has_proven(&site.resolver_id, configuration)) == Some(true)
}

/// It has, when asked under that configuration.
pub fn prove(site: &Site, configuration: u64) {
    if !is_proven(site, configuration) {
        with_held(site, |slot| slot.prove(configuration));
    }
}

/// Whether it has said yes to anything under that configuration.
pub fn has_said_yes(site: &Site, configuration: u64) -> bool {
    with_slot(site, |slot| slot.has_said_yes(&site.resolver_id, configuration)) == Some(true)
}

/// It has.
pub fn note_yes(site: &Site, configuration: u64) {
    if !has_said_yes(site, configuration) {
        with_held(site, |slot| slot.note_yes(configuration));
    }
}

fn with_held(site: &Site, note: impl FnOnce(&HeldResolverSlot<'_>)) {
    zone::with(|zone| {
        let Some(zone) = zone else { return };
        let locked = zone.lock();
        if let Some(slot) = locked.claim_resolver_slot(&site.resolver_id, is_in_use) {
            note(&slot);
        }
    });
}

/// Does something with the slot of the site's resolver, its own, else a free one.
fn with_slot<R>(site: &Site, act: impl FnOnce(&ResolverSlot<'_>) -> R) -> Option<R> {
    zone::with(|zone| {
        let (zone, id) = (zone?, &site.resolver_id);
        let known = || zone.resolver_slots().find(|slot| slot.is(id));
        let claimed = || {
            zone.lock().claim_resolver_slot(id, is_in_use)?;
            known()
        };
        Some(act(&known().or_else(claimed)?))
    })
}

/// Whether a server of the running configuration asks the resolver of this slot. A worker that leaves does
/// not know that configuration.
fn is_in_use(slot: &ResolverSlot<'_>) -> bool {
    worker::is_leaving() || conf::with_sites(|mut sites| sites.any(|site| slot.is(&site.resolver_id)))
}
