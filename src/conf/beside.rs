//! Where another module undoes what ours does: what is worth a warning.
//!
//! What enters: a server's locations, and what other modules do there as far as it can be seen. What leaves: lines that name a directive and
//! its place. What always holds: nothing is refused or changed because of another module.

use std::collections::HashSet;

use super::complete::ServerRead;
use super::locations::{meet, Facts, Met};
use super::written::Place;
use super::{Resolve, Site};

/// A server's warnings, each once.
pub fn fights(read: &ServerRead<'_>, site: &Site) -> Vec<String> {
    let mut said = HashSet::new();
    let all = resolving(read).filter_map(|(place, facts)| asked_twice(place, facts));
    let all = all.chain(cached(read, site));
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

fn asked_twice(place: &Place, facts: &Facts) -> Option<String> {
    facts.auth_request.then(|| {
        format!("\"auth_request\" is on where \"authgear_resolve\" is: every request asks twice in {place}")
    })
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
