//! One fetch of a key set, in a request of the worker's own.

use authgear_core::counted::Fetched;
use authgear_core::jwks::{KeySet, MAX_DOCUMENT};

use super::{lease, watch, with_slot, Id};
use crate::conf::{JwksTimes, KeySource, Millis, Site};
use crate::metrics;
use crate::single_flight::Leader;
use crate::zone::HeldKeySlot;
use nginx::background::{self, End, Headers, Outcome, Outgoing, Recipient};
use nginx::headers::name::ACCEPT;
use nginx::log::{self, Level};
use nginx::{clock, worker};

/// How long a fetch may take.
const TIME_LIMIT: Millis = 5_000;
/// The first pause after a fetch that failed; it doubles with each.
const FIRST_PAUSE: Millis = 1_000;

/// Fetches the set of `site`, which this worker has taken on.
pub fn start(site: &Site, leader: Leader<()>, permit: watch::FetchPermit) {
    let KeySource::Request { uri } = &site.keys else {
        return;
    };
    let pending = Box::new(PendingFetch {
        id: site.key_set_id,
        times: site.jwks_times,
        endpoint: site.endpoint.as_str().to_owned(),
        leader,
        permit,
    });
    let outgoing = Outgoing {
        server: site.keys_server,
        uri,
        host: site.endpoint.host(),
        headers: &[(ACCEPT, Some(b"application/json"))],
        client: None,
        body_limit: MAX_DOCUMENT,
        time_limit: TIME_LIMIT,
    };
    if background::start(&outgoing, pending).is_err() {
        log::process(
            Level::Error,
            "authgear: no connection or memory is left to fetch keys with: raise worker_connections",
        );
        metrics::count_fetched(Fetched::NoConnection);
        with_slot(&site.key_set_id, |slot| fail(slot, &site.jwks_times));
    }
}

/// A fetch under way.
struct PendingFetch {
    id: Id,
    times: JwksTimes,
    endpoint: String,
    leader: Leader<()>,
    permit: watch::FetchPermit,
}

impl Recipient for PendingFetch {
    fn is_awaited(&self) -> bool {
        self.leader.is_awaited()
    }

    fn header(&mut self, _: u16, _: &Headers<'_>) {}

    fn end(self: Box<Self>, outcome: Outcome) {
        self.settle(&outcome);
        drop(self.permit);
        self.leader.finish(());
    }
}

impl PendingFetch {
    fn settle(&self, outcome: &Outcome) {
        if outcome.end == End::Abandoned && worker::is_leaving() {
            // That says nothing of the server's keys: another worker goes on.
            with_slot(&self.id, lease::abandon);
            metrics::count_fetched(Fetched::Abandoned);
            return;
        }
        let read = read(outcome);
        metrics::count_fetched(fetched(outcome, read.is_ok()));
        match read {
            Ok((set, notes)) => self.keep(&set, &notes),
            Err(why) => self.give_up(&why),
        }
    }

    fn keep(&self, set: &KeySet, notes: &str) {
        let bytes = set.to_bytes();
        let is_news = with_slot(&self.id, |slot| {
            let is_news = slot.load().1 != bytes || slot.state().failures > 0;
            slot.store(&bytes, clock::monotonic()) && is_news
        });
        if is_news == Some(true) {
            let line = format!(
                "authgear: {} key(s) of {} fetched{notes}",
                set.len(),
                self.endpoint
            );
            log::process(Level::Notice, &line);
        }
    }

    fn give_up(&self, why: &str) {
        let pause = with_slot(&self.id, |slot| fail(slot, &self.times)).unwrap_or(FIRST_PAUSE);
        let line = format!(
            "authgear: keys of {} could not be fetched: {why}; next try in {pause} ms",
            self.endpoint
        );
        log::process(Level::Error, &line);
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

/// What a fetch counts as; `is_good`: it brought a set.
fn fetched(outcome: &Outcome, is_good: bool) -> Fetched {
    match outcome.end {
        _ if is_good => Fetched::KeySet,
        End::Answered | End::Stored if outcome.status != 200 => Fetched::Status,
        End::Answered | End::Stored => Fetched::Malformed,
        End::CutShort => Fetched::CutShort,
        End::TooLarge | End::HeaderTooLarge => Fetched::TooLarge,
        End::Unreachable => Fetched::Unreachable,
        End::TimedOut => Fetched::TimedOut,
        End::Redirected => Fetched::NotTheServers,
        End::Abandoned => Fetched::Abandoned,
    }
}

/// Notes a fetch that failed, and gives the pause until the next.
fn fail(slot: &HeldKeySlot<'_>, times: &JwksTimes) -> Millis {
    let state = slot.state();
    let failures = state.failures.saturating_add(1);
    let longest = if state.version == 0 {
        times.refetch
    } else {
        times.valid
    };
    let doublings = u32::try_from(failures.saturating_sub(1))
        .unwrap_or(u32::MAX)
        .min(32);
    let longest = longest.max(FIRST_PAUSE);
    let pause = clock::jittered(FIRST_PAUSE.saturating_mul(1_u64 << doublings).min(longest));
    slot.note_failures(failures, clock::monotonic().saturating_add(pause));
    pause
}
