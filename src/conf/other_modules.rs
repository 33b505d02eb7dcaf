//! Where another module undoes what ours does, or ours does nothing: what is worth a warning.
//!
//! What enters: a server's locations, and what other modules do there as far as it can be seen. What leaves:
//! lines that name a directive and its place. What always holds: nothing is refused or changed because of
//! another module.

use std::collections::HashSet;
use std::rc::Rc;

use authgear_core::ownership::is_ours;
use nginx::conf::locations::{location_of, target, Kind, LocationFacts, Target};
use nginx::conf::Position;
use nginx::log::escape;

use super::levels::MergedServer;
use super::settings::value;
use super::warning::Warning;
use super::{Resolve, Site};

/// A value of ours that is handed on under our own name.
const OURS: &[u8] = b"$http_x_authgear_";

/// A server's warnings, each once.
pub fn warnings(server: &MergedServer<'_>, site: &Site) -> Vec<Warning> {
    let mut said = HashSet::new();
    let all = resolving(server).flat_map(|(position, facts)| {
        asked_twice(position, facts, site)
            .into_iter()
            .chain(hidden(position, facts))
    });
    let all = all.chain(never_run(server)).chain(cached(server, site));
    all.filter(|warning| said.insert(warning.clone())).collect()
}

/// The locations where resolving is on, and by which directive.
fn resolving<'r>(server: &'r MergedServer<'_>) -> impl Iterator<Item = (&'r Position, &'r LocationFacts)> {
    let all = server.locations.iter().zip(&server.facts);
    all.filter_map(|(level, facts)| {
        let resolve = level.settings.resolve.as_deref()?;
        (resolve.value != Resolve::Off).then_some((&resolve.position, facts))
    })
}

fn asked_twice(position: &Position, facts: &LocationFacts, site: &Site) -> Option<Warning> {
    let asks = facts.auth_request.as_deref() == Some(site.resolve_request.as_bytes());
    asks.then(|| Warning::AskedTwice {
        position: position.clone(),
    })
}

/// Headers that take the place of ours on their way to the backend.
fn hidden(position: &Position, facts: &LocationFacts) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for set in &facts.set_headers {
        let headers = set.headers.iter();
        let hiding = headers.filter(|(name, value)| is_ours(name) && !value.starts_with(OURS));
        let names: Vec<_> = hiding.map(|(name, _)| format!("\"{}\"", escape(name))).collect();
        if !names.is_empty() {
            warnings.push(Warning::Hidden {
                directive: set.directive,
                names,
                location: escape(&facts.name),
                position: position.clone(),
            });
        }
    }
    warnings
}

/// Resolving that is written in a location for subrequests: its phase is none of theirs.
fn never_run(server: &MergedServer<'_>) -> Vec<Warning> {
    let subrequests = server.facts.iter().flat_map(|facts| {
        let questions = facts.auth_request.iter().map(|uri| ("auth_request", uri));
        questions.chain(facts.mirrors.iter().map(|uri| ("mirror", uri)))
    });
    let warning = |(asks, uri): (&'static str, &Vec<u8>)| {
        let index = location_of(&server.facts, uri)?;
        let facts = server
            .facts
            .get(index)
            .filter(|facts| is_for_subrequests(facts))?;
        // What is required there needs it beside it, and is held by the verdict of the client's request.
        if asks == "mirror" && requires(server, index) {
            return None;
        }
        Some(Warning::NeverRun {
            asks,
            location: escape(&facts.name),
            position: written_there(server, index)?.clone(),
        })
    };
    subrequests.filter_map(warning).collect()
}

/// A prefix that clients may ask for is there for them.
fn is_for_subrequests(facts: &LocationFacts) -> bool {
    facts.kind == Kind::Exact || (facts.kind == Kind::Prefix && facts.internal)
}

fn requires(server: &MergedServer<'_>, index: usize) -> bool {
    let level = server.locations.get(index);
    level.is_some_and(|level| value(&level.settings.require).is_some_and(Option::is_some))
}

/// Where resolving is switched on for this location alone.
fn written_there<'r>(server: &'r MergedServer<'_>, index: usize) -> Option<&'r Position> {
    let resolve = |index: usize| server.locations.get(index)?.settings.resolve.as_ref();
    let own = resolve(index).filter(|own| own.value != Resolve::Off)?;
    let outer = server.facts.get(index)?.outer.and_then(resolve);
    let is_inherited = outer.is_some_and(|outer| Rc::ptr_eq(outer, own));
    (!is_inherited).then_some(&own.position)
}

fn cached(server: &MergedServer<'_>, site: &Site) -> Option<Warning> {
    let Target::Internal(index) = target(&server.facts, site.resolve_request.as_bytes()) else {
        return None;
    };
    server.facts.get(index).filter(|facts| facts.proxy_cache)?;
    Some(Warning::Cached {
        location: site.resolve_request.clone(),
        server: server.position.clone(),
    })
}
