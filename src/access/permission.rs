//! Whether who is calling may enter: the verdict is made, and the location requires something.
//!
//! What always holds: nobody is let in without a verdict that satisfies the requirements, but who only asks
//! whether it may (a CORS preflight), and what a dry run lets in and says so.

use authgear_core::counted::Decided;
use authgear_core::preflight;
use authgear_core::require::{check, variable_holds, Caller, Denial, Facts, Refusal};
use nginx::request::Request;
use nginx::{clock, context};

use super::outcome::{Outcome, Refused};
use super::state::State;
use super::{Next, INTERNAL_SERVER_ERROR};
use crate::conf::{self, Location, Require};
use crate::metrics;
use crate::report;

/// The access phase, once the verdict is made. Under `satisfy any` who may enter has to be admitted in so
/// many words, but not by a dry run, which changes no status.
pub fn permit(request: Request<'_>, location: &Location, require: &Require) -> Next {
    let state = context::find::<State>(request);
    match decide(request, state, location, require) {
        Ok(()) => {
            note_passed(request, state);
            match request.satisfies_all() || location.dry_run {
                true => Next::Continue,
                false => Next::Admit,
            }
        }
        Err(denial) if location.dry_run => {
            would_refuse(request, location, denial);
            Next::Continue
        }
        Err(denial) => refuse(request, location, &require.requirements.refusal(denial)),
    }
}

fn note_passed(request: Request<'_>, state: Option<&State>) {
    match state {
        Some(state) => state.outcomes.note(Outcome::Passed),
        None => context::mark_passed(request),
    }
}

/// A dry run. That no verdict could be had is said already.
fn would_refuse(request: Request<'_>, location: &Location, denial: Denial) {
    count_early(request);
    let state = State::of(request, location).ok();
    if state.is_some_and(State::is_unknown) {
        return;
    }
    note(request, location, denial);
    if let Some(state) = state {
        state.outcomes.note(rejected(denial, location));
    }
}

fn rejected(denial: Denial, location: &Location) -> Outcome {
    Outcome::Refused {
        what: Refused::Rejected,
        reason: denial.as_str(),
        dry_run: location.dry_run,
    }
}

/// A subrequest of a client's, which no access rule of nginx's ever sees: into a location that requires
/// something it gets where the client itself would.
pub fn permit_part(request: Request<'_>, location: &Location, require: &Require) -> Next {
    let Some(main) = request.main() else {
        return Next::Refuse(INTERNAL_SERVER_ERROR);
    };
    match decide(request, context::find(main), location, require) {
        Ok(()) => Next::Continue,
        Err(denial) => {
            note(request, location, denial);
            match location.dry_run {
                true => Next::Continue,
                false => Next::Refuse(require.requirements.refusal(denial).status.code()),
            }
        }
    }
}

/// `request` is what enters, by what is remembered of the client's own.
fn decide(
    request: Request<'_>,
    client: Option<&State>,
    location: &Location,
    require: &Require,
) -> Result<(), Denial> {
    let holds = |index: usize| {
        let variable = require.variables.get(index);
        variable.is_some_and(|variable| variable.passes(request, variable_holds))
    };
    let check = |caller: Caller<'_>| {
        let facts = Facts {
            caller,
            variables: &holds,
            leeway: location.rules.leeway,
        };
        check(&require.requirements, &facts, clock::unix())
    };
    let result = match client {
        Some(state) => state.with_caller(check),
        // Nothing was remembered of it: it has no credential.
        None => check(Caller::Nobody),
    };
    match result {
        Err(Denial::NoCredential) if location.preflight && is_preflight(request) => Ok(()),
        result => result,
    }
}

/// A browser asks whether a page of another origin may send its request.
fn is_preflight(request: Request<'_>) -> bool {
    let has = |name: &'static str| request.header(name).next().is_some();
    let asked = preflight::Request {
        is_options: request.is_main() && request.is_options(),
        has_origin: has("origin"),
        has_request_method: has("access-control-request-method"),
        has_authorization: has("authorization"),
        has_cookie: has("cookie"),
        has_body: request.has_body(),
    };
    asked.is_preflight()
}

/// Under `satisfy any` a later phase counts a request without a credential, but not one of which something is
/// remembered, as of one that is refused.
fn count_early(request: Request<'_>) {
    if request.satisfies_all() || context::find::<State>(request).is_some() || context::is_redirected(request)
    {
        return;
    }
    if let Some(site) = conf::site(request) {
        metrics::count_decided(site, Decided::Nobody);
    }
}

/// Says and counts it.
fn note(request: Request<'_>, location: &Location, denial: Denial) {
    report::log_denied(request, location, denial);
    if let Some(site) = conf::site(request) {
        metrics::count_denied(site, denial, location.dry_run);
    }
}

fn refuse(request: Request<'_>, location: &Location, refusal: &Refusal) -> Next {
    // A credential that is worth nothing has had its line, and was counted with it.
    if !matches!(refusal.reason, Denial::Invalid(_)) {
        note(request, location, refusal.reason);
    }
    let status = refusal.status.code();
    count_early(request);
    let Ok(state) = State::of(request, location) else {
        return Next::Refuse(status);
    };
    let outcome = rejected(refusal.reason, location);
    match request.satisfies_all() {
        true => state.outcomes.note(outcome),
        false => state.outcomes.note_pending(outcome),
    }
    if let Some(challenge) = &refusal.challenge {
        let value = challenge.value(location.resource_metadata.as_ref());
        state.additions().set_challenge(status, value);
    }
    Next::Refuse(status)
}
