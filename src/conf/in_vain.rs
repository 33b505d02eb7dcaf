//! What is written in vain: machines that nobody lets in, and dry runs that nobody sees.
//!
//! What enters: a server's locations. What leaves: what is worth a warning. What always holds: of a directive
//! that several locations inherit there is one warning at most, and none because of a location where no
//! client's request is served.

use std::collections::HashSet;

use nginx::conf::locations::{Kind, LocationFacts};
use nginx::conf::Position;
use nginx::log::{ErrorLog, Level};

use super::defaults::{LOG_LEVEL, RESOLVE};
use super::entry_rules::place;
use super::levels::MergedServer;
use super::settings::{value, LocationSettings};
use super::warning::Warning;
use super::Resolve;

/// A dry run that does not go unseen where its log has lines of this level.
#[derive(Debug)]
pub struct DryRun {
    pub log: ErrorLog,
    pub level: Level,
    pub warning: Warning,
}

/// Machines that are let in where no token of theirs counts: each is for a resource, which is not the
/// endpoint.
pub fn machines(server: &MergedServer<'_>) -> Vec<Warning> {
    once(server, |settings, facts| {
        let written = settings.require.as_deref()?;
        let admits = written.value.as_ref()?.requirements.admit_machines();
        let warning = || Warning::NoMachine {
            place: place(&facts.name),
            position: written.position.clone(),
        };
        (admits && settings.audiences.is_none()).then(|| (&written.position, warning()))
    })
}

/// Dry runs, each with the log of the first location that has it.
pub fn dry_runs(server: &MergedServer<'_>) -> Vec<DryRun> {
    once(server, |settings, facts| {
        let written = settings.dry_run.as_deref().filter(|written| written.value)?;
        let requires = value(&settings.require).is_some_and(Option::is_some);
        let resolves = *value(&settings.resolve).unwrap_or(&RESOLVE) != Resolve::Off;
        let level = Level::from(value(&settings.log_level).copied().unwrap_or(LOG_LEVEL));
        let run = |log| DryRun {
            log,
            level,
            warning: Warning::Unseen {
                place: place(&facts.name),
                level,
                position: written.position.clone(),
            },
        };
        let log = facts.error_log.filter(|_| requires && resolves)?;
        Some((&written.position, run(log)))
    })
}

/// Whether some location tells what is counted.
pub fn tells_metrics(servers: &[MergedServer<'_>]) -> bool {
    let mut locations = servers.iter().flat_map(|server| &server.locations);
    locations.any(|level| level.settings.metrics.is_some())
}

/// What is found in a server's locations, the first of each directive.
fn once<'c, T>(
    server: &'c MergedServer<'_>,
    find: impl Fn(&'c LocationSettings, &'c LocationFacts) -> Option<(&'c Position, T)>,
) -> Vec<T> {
    let mut said = HashSet::new();
    let all = server.locations.iter().zip(&server.facts);
    let served = all.filter(|(_, facts)| serves_clients(server, facts));
    let found = served.filter_map(|(level, facts)| find(&level.settings, facts));
    found
        .filter_map(|(position, found)| said.insert(position).then_some(found))
        .collect()
}

/// Whether clients' requests may end there, for sure: a server's own level serves what no location takes.
fn serves_clients(server: &MergedServer<'_>, facts: &LocationFacts) -> bool {
    let has_prefixes = || server.facts.iter().any(|facts| facts.kind == Kind::Prefix);
    match facts.kind {
        Kind::Server => !has_prefixes(),
        Kind::Exact | Kind::Prefix | Kind::Other => !facts.internal,
    }
}
