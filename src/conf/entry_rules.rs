//! What is required of who enters, held against what else is written for a location.
//!
//! What enters: a location's settings, inherited already. What leaves: nothing, or why nobody could say who
//! may enter there. What always holds: a location that requires something has somebody who finds out whether
//! it holds.

use std::fmt::{self, Display, Formatter};

use nginx::conf::Position;
use nginx::log::escape;

use super::defaults::RESOLVE;
use super::settings::{value, LocationSettings};
use super::{Resolve, Unavailable};

/// Why a location's requirements can't be held.
#[derive(Debug)]
pub struct EntryFault {
    require: Position,
    /// Of the location; empty for what a server says of all its own.
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
    let word = require.requirements.word_of_tokens_alone();
    match unresolved(settings, word).or_else(|| passes(settings)) {
        Some(why) => Err(EntryFault {
            require: written.position.clone(),
            place: escape(name),
            why,
        }),
        None => Ok(()),
    }
}

/// `word` is the first requirement that looks into a token.
fn unresolved(settings: &LocationSettings, word: Option<&'static str>) -> Option<Why> {
    if settings.metrics.is_some() {
        return Some(Why::Metrics);
    }
    match value(&settings.resolve).copied().unwrap_or(RESOLVE) {
        Resolve::Off => Some(Why::Unresolved),
        Resolve::Remote => Some(Why::Remote {
            word: word?,
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

impl Display for EntryFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Unresolved => {
                f.write_str("\"authgear_require\" holds in ")?;
                self.write_place(f)?;
                f.write_str(", where \"authgear_resolve\" is off: write \"authgear_require off\" there, or switch resolving on")
            }
            Why::Metrics => {
                f.write_str("\"authgear_require\" holds in ")?;
                self.write_place(f)?;
                f.write_str(", where \"authgear_metrics\" answers and nobody is resolved: write \"authgear_require off\" there")
            }
            Why::Remote { word, resolve } => {
                write!(f, "\"{word}\" of \"authgear_require\" holds for nobody in ")?;
                self.write_place(f)?;
                write!(f, ", where the resolver judges all tokens by \"authgear_resolve remote\" of {resolve}: write \"on\" or \"local\" there, or require something else")
            }
            Why::Passes { unavailable } => {
                write!(f, "\"authgear_unavailable pass\" of {unavailable} would let in who can't be judged, where \"authgear_require\" holds: write a status")
            }
        }?;
        write!(f, " in {}", self.require)
    }
}

impl EntryFault {
    fn write_place(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str("the server"),
            name => write!(f, "the location \"{name}\""),
        }
    }
}
