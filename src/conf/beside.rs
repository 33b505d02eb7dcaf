//! Where another module undoes what ours does, or ours does nothing: what is worth a warning.
//!
//! What enters: a server's locations, and what other modules do there as far as it can be seen. What leaves: lines that name a directive and
//! its place. What always holds: nothing is refused or changed because of another module.

use std::collections::HashSet;
use std::rc::Rc;

use super::complete::ServerRead;
use super::locations::{lead, meet, Facts, Kind, Met};
use super::written::{LocationWritten, Place};
use super::{Resolve, Site};
use crate::ffi::log::escape;

/// A server's warnings, each once.
pub fn fights(read: &ServerRead<'_>, site: &Site) -> Vec<String> {
    let mut said = HashSet::new();
    let all = resolving(read).flat_map(|(place, facts)| {
        asked_twice(place, facts, site)
            .into_iter()
            .chain(hidden(place, facts))
    });
    let all = all.chain(never_run(read)).chain(cached(read, site));
    all.filter(|warning| said.insert(warning.clone())).collect()
}

/// The locations where resolving is on, and by which directive.
fn resolving<'r>(read: &'r ServerRead<'_>) -> impl Iterator<Item = (&'r Place, &'r Facts)> {
    let all = read.locations.iter().zip(&read.facts);
    all.filter_map(|(written, facts)| {
        let resolve = written.resolve.as_deref()?;
        (resolve.value != Resolve::Off).then_some((&resolve.place, facts))
    })
}

fn asked_twice(place: &Place, facts: &Facts, site: &Site) -> Option<String> {
    (facts.auth_request.as_deref() == Some(site.resolve_request.as_bytes())).then(|| {
        format!(
            "\"auth_request\" asks the resolver once more where \"authgear_resolve\" does, on every request, in {place}"
        )
    })
}

/// Headers that take the place of ours on their way to the backend.
fn hidden(place: &Place, facts: &Facts) -> Vec<String> {
    let line = |(directive, names): &(&str, Vec<Vec<u8>>)| {
        let names: Vec<String> = names.iter().map(|name| format!("\"{}\"", escape(name))).collect();
        format!(
            "\"{directive}\" of {} in the location \"{}\" hides what \"authgear_resolve\" sets: leave it out; resolving is on in {place}",
            names.join(", "),
            escape(&facts.name)
        )
    };
    facts.set_headers.iter().map(line).collect()
}

/// Resolving that is written in a location for subrequests: its phase is none of theirs.
fn never_run(read: &ServerRead<'_>) -> Vec<String> {
    let subrequests = read.facts.iter().flat_map(|facts| {
        let questions = facts.auth_request.iter().map(|uri| ("auth_request", uri));
        questions.chain(facts.mirrors.iter().map(|uri| ("mirror", uri)))
    });
    let line = |(directive, uri): (&str, &Vec<u8>)| {
        let index = lead(&read.facts, uri)?;
        let facts = read.facts.get(index).filter(|facts| is_for_subrequests(facts))?;
        let place = written_there(read, index)?;
        Some(format!(
            "\"authgear_resolve\" never runs for a subrequest, and \"{directive}\" of this server asks its location \"{}\" by one: write it where \"{directive}\" stands in {place}",
            escape(&facts.name)
        ))
    };
    subrequests.filter_map(line).collect()
}

/// A prefix that clients may ask for is there for them.
fn is_for_subrequests(facts: &Facts) -> bool {
    facts.kind == Kind::Exact || (facts.kind == Kind::Prefix && facts.internal)
}

/// Where resolving is switched on for this location alone.
fn written_there<'r>(read: &'r ServerRead<'_>, index: usize) -> Option<&'r Place> {
    let resolve = |index: usize| -> Option<&Rc<_>> {
        let location: &LocationWritten = read.locations.get(index)?;
        location.resolve.as_ref()
    };
    let own = resolve(index).filter(|own| own.value != Resolve::Off)?;
    let outer = read.facts.get(index)?.outer.and_then(resolve);
    let is_inherited = outer.is_some_and(|outer| Rc::ptr_eq(outer, own));
    (!is_inherited).then_some(&own.place)
}

fn cached(read: &ServerRead<'_>, site: &Site) -> Option<String> {
    let Met::Internal(index) = meet(&read.facts, site.resolve_request.as_bytes()) else {
        return None;
    };
    read.facts.get(index).filter(|facts| facts.proxy_cache)?;
    Some(format!(
        "\"proxy_cache\" is on in the location \"{}\" of the server at {}: an answer from a cache does not count as the resolver's",
        site.resolve_request, read.place
    ))
}
