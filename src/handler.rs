//! The doors by which a request comes in. nginx calls in three places: before anything looks at the headers ([`strip`]), in the access phase ([`access`]), and in the precontent
//! phase ([`precontent`]) for the requests that the access phase let pass without us. A request that has to wait is parked, and its phases
//! run again when what it waits for has come.

use std::cell::OnceCell;

use crate::conf::Location;
use crate::ffi::conf as settings;
use crate::ffi::headers::Survey;
use crate::ffi::request::{OutOfMemory, Request};
use crate::ffi::{context, headers};
use crate::refusal;
use crate::turn::Turn;

pub use crate::turn::State;

/// nginx's status for a request that fails for want of memory.
pub const INTERNAL_SERVER_ERROR: u16 = 500;

/// What nginx shall do with the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Continue,
    Wait,
    Refuse(u16),
}

/// Who is asking for a verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Access,
    /// May wait, but never refuses.
    Precontent,
}

/// Takes every header that belongs to this module out of a client's request; not called where that is done.
pub fn strip(request: Request<'_>) -> Next {
    let ours = || context::find(request).is_some_and(State::has_headers);
    if !request.is_main() || settings::trust_request_headers(request) || ours() {
        return Next::Continue;
    }
    let stripped = headers::strip(request, &Survey::of(request));
    context::set_stripped(request);
    done(stripped)
}

/// The access phase: a verdict, and its headers for the backend.
pub fn access(request: Request<'_>) -> Next {
    // Under `satisfy any` we are the last to be heard, and a verdict alone admits nobody: a client that is turned away asks nothing.
    if !request.satisfies_all() && request.is_refused() {
        return Next::Continue;
    }
    verdict(request, Door::Access)
}

/// The precontent phase: the same for a request that `satisfy any` let pass before us; not called where all must be satisfied.
pub fn precontent(request: Request<'_>) -> Next {
    match verdict(request, Door::Precontent) {
        Next::Refuse(_) => done(headers::strip(request, &Survey::of(request))),
        next @ (Next::Continue | Next::Wait) => next,
    }
}

pub fn done(result: Result<(), OutOfMemory>) -> Next {
    match result {
        Ok(()) => Next::Continue,
        Err(OutOfMemory) => Next::Refuse(INTERNAL_SERVER_ERROR),
    }
}

fn verdict(request: Request<'_>, door: Door) -> Next {
    if !request.is_main() {
        return Next::Continue;
    }
    let Some(location) = settings::location(request) else {
        refusal::log_incomplete(request);
        return Next::Refuse(INTERNAL_SERVER_ERROR);
    };
    let (Some(policy), Some(site)) = (&location.policy, settings::site(request)) else {
        return leave(request, location);
    };
    Turn {
        request,
        location,
        policy,
        site,
        door,
        survey: Survey::of(request),
        credentials: OnceCell::new(),
    }
    .take()
}

/// A location without a verdict: it keeps that of an earlier one, unless somebody wrote that it has none.
fn leave(request: Request<'_>, location: &Location) -> Next {
    let Some(state) = context::find(request).filter(|state| location.written && state.has_headers()) else {
        return Next::Continue;
    };
    state.forget();
    done(headers::strip(request, &Survey::of(request)))
}
