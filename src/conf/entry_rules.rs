//! What is required of who enters, held against what else is written for a location.
//!
//! What enters: a location's settings, inherited already. What leaves: nothing, or why nobody could say who
//! may enter there. What always holds: a location that requires something has somebody who finds out whether
//! it holds.

use std::fmt::{self, Display, Formatter};

use authgear_core::credential::{Allowed, Kind};
use authgear_core::require::Requirement;
use nginx::conf::Position;
use nginx::log::escape;

use super::defaults::RESOLVE;
use super::settings::{value, LocationSettings};
use super::{Require, Resolve, Unavailable};

/// Why a location's requirements can't be held.
#[derive(Debug)]
pub struct EntryFault {
    require: Position,
    place: String,
    why: Why,
}

#[derive(Debug)]
enum Why {
    /// Nobody finds out who is calling.
    Unresolved,
    /// Nor does anybody where metrics are told.
    Metrics,
    /// `word` looks into a token, where the resolver judges, which says nothing of it.
    Remote { word: &'static str, resolve: Position },
    /// Who can't be judged would pass.
    Passes { unavailable: Position },
}

/// What is required is required of somebody whom somebody has looked at. `name` is the location's.
pub fn check(settings: &LocationSettings, name: &[u8]) -> Result<(), EntryFault> {
    let Some(written) = settings.require.as_deref() else {
        return Ok(());
    };
    let Some(require) = &written.value else {
        return Ok(());
    };
    match unresolved(settings, require).or_else(|| passes(settings)) {
        Some(why) => Err(EntryFault {
            require: written.position.clone(),
            place: place(name),
            why,
        }),
        None => Ok(()),
    }
}

/// The first requirement that looks into a token, and holds for nobody else whose credential counts here.
fn word_of_tokens_alone(settings: &LocationSettings, require: &Require) -> Option<&'static str> {
    let allowed = value(&settings.credentials).copied().unwrap_or(Allowed::ALL);
    let has_cookies = allowed.contains(Kind::AppSession) || allowed.contains(Kind::Session);
    let requirements = &require.requirements;
    let first_party = requirements.list().contains(&Requirement::FirstParty) && !has_cookies;
    requirements
        .word_of_tokens_alone()
        .or(first_party.then_some("first_party"))
}

fn unresolved(settings: &LocationSettings, require: &Require) -> Option<Why> {
    if settings.metrics.is_some() {
        return Some(Why::Metrics);
    }
    match value(&settings.resolve).copied().unwrap_or(RESOLVE) {
        Resolve::Off => Some(Why::Unresolved),
        Resolve::Remote => Some(Why::Remote {
            word: word_of_tokens_alone(settings, require)?,
            resolve: settings.resolve.as_deref()?.position.clone(),
        }),
        Resolve::On | Resolve::Local => None,
    }
}

fn passes(settings: &LocationSettings) -> Option<Why> {
    let written = settings.unavailable.as_deref()?;
    (written.value == Unavailable::Pass).then(|| Why::Passes {
        unavailable: written.position.clone(),
    })
}

/// A location, by its name; without one it is what a server says of all its own.
pub fn place(name: &[u8]) -> String {
    match name {
        [] => "the server".to_owned(),
        name => format!("the location \"{}\"", escape(name)),
    }
}

impl Display for EntryFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let place = &self.place;
        match &self.why {
            Why::Unresolved => write!(
                f,
                "\"authgear_require\" holds in {place}, where \"authgear_resolve\" is off: write \"authgear_require off\" there, or switch resolving on"
            ),
            Why::Metrics => write!(
                f,
                "\"authgear_require\" holds in {place}, where \"authgear_metrics\" answers and nobody is resolved: write \"authgear_require off\" there"
            ),
            Why::Remote { word, resolve } => write!(
                f,
                "\"{word}\" of \"authgear_require\" holds for nobody in {place}, where the resolver judges all tokens by \"authgear_resolve remote\" of {resolve}: write \"on\" or \"local\" there, or require something else"
            ),
            Why::Passes { unavailable } => write!(
                f,
                "\"authgear_unavailable pass\" of {unavailable} would let in who can't be judged, where \"authgear_require\" holds: write a status"
            ),
        }?;
        write!(f, " in {}", self.require)
    }
}
