//! The doors by which a request comes in. nginx calls in four places: before anything looks at the headers
//! ([`strip`]), in the preaccess phase where others shall see who is calling ([`preaccess`]), in the access
//! phase ([`access`]), and in the precontent phase ([`precontent`]) for the requests that the access phase
//! let pass without us. The first of the last three makes the verdict, and those behind it find it made. A
//! request that has to wait is parked, and goes on in its phase when what it waits for has come.

mod additions;
mod evaluation;
mod inspection;
mod outcome;
mod permission;
mod settlement;
mod state;
mod waited;

use std::cell::OnceCell;

use authgear_core::counted::Decided;
use nginx::headers::add_to_answer;
use nginx::headers::name::{RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use nginx::pool::OutOfMemory;
use nginx::request::Request;
use nginx::{background, context};

use crate::conf::{self, Location, Phase};
use crate::identity::{strip as strip_headers, HeaderScan};
use crate::metrics;
use crate::report;

pub use self::inspection::Inspection;
pub use self::state::State;

use self::evaluation::Evaluation;

/// Seconds after which a client may try again when no verdict could be had.
const SECONDS_LATER: &[u8] = b"5";
/// nginx's status for a request that fails for want of memory.
const INTERNAL_SERVER_ERROR: u16 = 500;

/// What nginx shall do with the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Continue,
    /// It may enter, also where one word is enough (`satisfy any`).
    Admit,
    Wait,
    Refuse(u16),
}

/// Who is asking for a verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
enum VerdictPhase {
    /// Refuses unless another rule may admit (`satisfy any`).
    Preaccess,
    Access,
    /// May wait, but never refuses.
    Precontent,
}

/// Takes every header that belongs to this module out of a client's request; not called where that is done.
pub fn strip(request: Request<'_>) -> Next {
    if !request.is_main() {
        return Next::Continue;
    }
    let state = context::find::<State>(request);
    // Only an internal redirect comes here once there is an outcome: nobody undoes that of another location.
    if let Some(state) = state {
        state.outcomes.settle();
    }
    if conf::trust_request_headers(request) || state.is_some_and(State::has_headers) {
        // No mark: that would say that nothing of a client's is left in it.
        context::note_way(request);
        return Next::Continue;
    }
    let stripped = strip_headers(request, &HeaderScan::of(request));
    context::mark(request);
    done(stripped)
}

/// Whether the verdict is made in the preaccess phase.
pub fn is_early(request: Request<'_>) -> bool {
    request.is_main() && conf::location(request).is_some_and(|location| location.phase == Phase::Preaccess)
}

/// The preaccess phase, where that is to make the verdict ([`is_early`]): what is required is the access
/// phase's to hold.
pub fn preaccess(request: Request<'_>) -> Next {
    let Some(location) = conf::location(request) else {
        return Next::Continue;
    };
    let next = verdict(request, location, VerdictPhase::Preaccess);
    match request.satisfies_all() {
        true => next,
        false => without_refusal(request, next),
    }
}

/// The access phase: a verdict, and its headers for the backend.
pub fn access(request: Request<'_>) -> Next {
    if !request.is_main() {
        return Next::Continue;
    }
    let Some(location) = conf::location(request) else {
        report::log_incomplete(request);
        return Next::Refuse(INTERNAL_SERVER_ERROR);
    };
    // Under `satisfy any` we are the last to be heard, and a verdict alone admits nobody: a client that is
    // turned away asks nothing.
    if location.require.is_none() && !request.satisfies_all() && request.is_refused() {
        return Next::Continue;
    }
    match (
        verdict(request, location, VerdictPhase::Access),
        &location.require,
    ) {
        (Next::Continue, Some(require)) => permission::permit(request, location, require),
        (next, _) => next,
    }
}

/// Whether the access phase has nothing more to do for a request that has no credential and nothing that a
/// client must not send; it is counted then. Cannot panic.
pub fn passes_nobody(request: Request<'_>) -> bool {
    let Some(location) = conf::location(request).filter(|location| location.is_all_in_headers()) else {
        return false;
    };
    // Under `satisfy any` it is counted where it has been let in.
    if location.policy.is_none() || context::is_redirected(request) || !request.satisfies_all() {
        return true;
    }
    conf::site(request).is_none_or(|site| metrics::count_quickly(site, Decided::Nobody))
}

/// Whether there may be something to do for a request that has no credential and nothing that a client must
/// not send in its headers.
pub fn looks_beyond_headers(request: Request<'_>) -> bool {
    conf::location(request).is_none_or(|location| !location.is_all_in_headers())
}

/// The precontent phase: the same for a request that `satisfy any` let pass before us, and what is required
/// of a subrequest; not called for a client's own request where all must be satisfied.
pub fn precontent(request: Request<'_>) -> Next {
    let Some(location) = conf::location(request) else {
        return Next::Refuse(INTERNAL_SERVER_ERROR);
    };
    if !request.is_main() {
        return part(request, location);
    }
    // Somebody else has admitted it.
    if let Some(state) = context::find::<State>(request) {
        let was_refused = state.outcomes.note_admitted();
        if let Some(additions) = state.additions.get().filter(|_| was_refused) {
            additions.clear_challenge();
        }
    }
    without_refusal(request, verdict(request, location, VerdictPhase::Precontent))
}

/// Whom we would refuse goes on as nobody.
fn without_refusal(request: Request<'_>, next: Next) -> Next {
    match next {
        Next::Refuse(_) => done(strip_headers(request, &HeaderScan::of(request))),
        Next::Continue | Next::Admit | Next::Wait => next,
    }
}

fn part(request: Request<'_>, location: &Location) -> Next {
    match &location.require {
        Some(require) if !background::is_own(request) => permission::permit_part(request, location, require),
        Some(_) | None => Next::Continue,
    }
}

fn done(result: Result<(), OutOfMemory>) -> Next {
    match result {
        Ok(()) => Next::Continue,
        Err(OutOfMemory) => Next::Refuse(INTERNAL_SERVER_ERROR),
    }
}

fn verdict(request: Request<'_>, location: &Location, phase: VerdictPhase) -> Next {
    let (Some(policy), Some(site)) = (&location.policy, conf::site(request)) else {
        return leave(request, location);
    };
    Evaluation {
        request,
        location,
        policy,
        site,
        phase,
        scan: HeaderScan::of(request),
        credentials: OnceCell::new(),
    }
    .run()
}

/// A location without a verdict: it keeps that of an earlier one, unless somebody wrote that it has none.
fn leave(request: Request<'_>, location: &Location) -> Next {
    let Some(state) = context::find::<State>(request).filter(|state| location.written && state.has_headers())
    else {
        return Next::Continue;
    };
    state.forget();
    done(strip_headers(request, &HeaderScan::of(request)))
}

/// Whether [`before_answer`] has a look at the answer.
pub fn concerns(request: Request<'_>) -> bool {
    additions::any() && request.is_main()
}

/// The header of an answer is about to be sent: it gets the resolver's cookies; one that says that no verdict
/// could be had also says when to try again, if its status is still a server's failure; and a refusal says
/// what the client has to come with, if nginx itself answers with that status: a backend's own is none of
/// ours.
pub fn before_answer(request: Request<'_>) -> Result<(), OutOfMemory> {
    let Some(additions) = context::find::<State>(request).and_then(|state| state.additions.get()) else {
        return Ok(());
    };
    if matches!(request.answer_status(), 500..=599) && additions.take_unavailable() {
        add_to_answer(request, &RETRY_AFTER, SECONDS_LATER)?;
    }
    if let Some(challenge) = additions.take_challenge(request.own_status()) {
        add_to_answer(request, &WWW_AUTHENTICATE, challenge.as_bytes())?;
    }
    for cookie in additions.take_cookies() {
        add_to_answer(request, &SET_COOKIE, &cookie)?;
    }
    Ok(())
}
