//! Everything is read: defaults are filled in, and what does not fit together is refused.
//!
//! What enters: what is written, inherited already, and what nginx knows of each server and its locations.
//! What leaves: the completed configuration, with warnings, or one refusal with the position of the directive
//! at fault.

use std::collections::HashSet;

use nginx::conf::locations::{target, Target};
use nginx::conf::Position;

use super::defaults::{ZONE_NAME, ZONE_SIZE};
use super::entry_rules;
use super::error::{Fault, Unreached};
use super::in_vain::{self, DryRun};
use super::levels::{LocationLevel, MainLevel, MergedServer, ServerLevel};
use super::other_modules::warnings;
use super::policy::{check_revalidation, location};
use super::settings::{position, value, Inherited, MainSettings};
use super::shared_locations::{OwnRequest, Providers};
use super::site::{site, Longest};
use super::warning::{Note, Warning};
use super::{KeySource, Location, Main, Resolve, Server, Site, ZoneSpec};
use crate::digest::Digest;

/// What the servers come to, and each server's locations, both in the order in which nginx has read them.
pub type Completed = Vec<(Server, Vec<Location>)>;

/// Completes what is written; the main level then has what the `http` block comes to. `smallest` gives the
/// smallest zone for a number of key sets.
pub fn complete(
    main: &mut MainLevel,
    servers: &[MergedServer<'_>],
    smallest: impl Fn(usize) -> usize,
) -> Result<(Completed, Vec<Warning>), Fault> {
    let providers = Providers::among(servers);
    let longest = Longest::among(servers, &providers);
    check_tokens(servers, &main.settings)?;
    let mut so_far = SoFar::default();
    let completed = servers
        .iter()
        .map(|server| so_far.server(server, &providers, &longest))
        .collect::<Result<_, _>>()?;
    let projects = so_far.key_sets.len().max(so_far.resolvers.len());
    main.complete = Main {
        active: so_far.active,
        zone: zone(&main.settings.zone, projects, smallest)?,
        projects,
        notes: so_far.notes,
        dry_runs: so_far.dry_runs,
        tells_metrics: in_vain::tells_metrics(servers),
    };
    Ok((completed, so_far.warnings))
}

/// Stores what a server comes to.
pub fn store_server(level: &mut ServerLevel, server: Server) {
    level.complete = server;
}

/// Stores what a location comes to.
pub fn store_location(level: &mut LocationLevel, location: Location) {
    level.complete = Some(location);
}

/// A location that belongs to no server of nginx's comes to nothing, unless something resolves there: then
/// nobody has checked it.
pub fn complete_apart(level: &mut LocationLevel) {
    let settings = &level.settings;
    let resolves = value(&settings.resolve).is_some_and(|resolve| *resolve != Resolve::Off);
    let requires = value(&settings.require).is_some_and(Option::is_some);
    level.complete = (!resolves && !requires).then(|| location(settings, None));
}

/// What the servers come to together.
#[derive(Default)]
struct SoFar {
    active: bool,
    key_sets: HashSet<Digest>,
    resolvers: HashSet<Digest>,
    warnings: Vec<Warning>,
    dry_runs: Vec<DryRun>,
    notes: Vec<Note>,
}

impl SoFar {
    fn server(
        &mut self,
        server: &MergedServer<'_>,
        providers: &Providers<'_>,
        longest: &Longest,
    ) -> Result<(Server, Vec<Location>), Fault> {
        let uses = Uses::of(server);
        self.active = self.active || uses.any().is_some();
        let site = site(server, providers, longest, uses.keys().is_some());
        match (&site, uses.any()) {
            (Some(site), _) => self.site(server, site, providers, &uses)?,
            (None, Some(user)) => {
                return Err(Fault::NoEndpoint {
                    server: server.position.clone(),
                    user: user.clone(),
                });
            }
            (None, None) => {}
        }
        let settings = || server.locations.iter().map(|level| &level.settings);
        settings().try_for_each(check_revalidation)?;
        let mut named = settings().zip(&server.facts);
        named.try_for_each(|(settings, facts)| entry_rules::check(settings, &facts.name))?;
        self.warnings.extend(in_vain::machines(server));
        self.dry_runs.extend(in_vain::dry_runs(server));
        let locations = settings().map(|settings| location(settings, site.as_ref()));
        let locations = locations.collect();
        let trust_request_headers = value(&server.level.settings.trust_request_headers)
            .copied()
            .unwrap_or(false);
        let server = Server {
            site,
            trust_request_headers,
        };
        Ok((server, locations))
    }

    fn site(
        &mut self,
        server: &MergedServer<'_>,
        site: &Site,
        providers: &Providers<'_>,
        uses: &Uses<'_>,
    ) -> Result<(), Fault> {
        for (request, user) in uses.requests(site) {
            check_request(server, &request, providers, user)?;
            self.notes.extend(providers.note(server, &request));
            match request {
                OwnRequest::Keys(_) => self.key_sets.insert(site.key_set_id),
                OwnRequest::Questions(_) => self.resolvers.insert(site.resolver_id),
            };
        }
        check_differ(server, site, uses)?;
        self.warnings.extend(warnings(server, site));
        Ok(())
    }
}

/// The first directive of a server that makes each way of resolving possible.
#[derive(Default)]
struct Uses<'c> {
    on: Option<&'c Position>,
    local: Option<&'c Position>,
    remote: Option<&'c Position>,
}

impl<'c> Uses<'c> {
    fn of(server: &MergedServer<'c>) -> Self {
        let mut uses = Self::default();
        let locations = server.locations.iter();
        for setting in locations.filter_map(|level| level.settings.resolve.as_deref()) {
            let first = match setting.value {
                Resolve::Off => continue,
                Resolve::On => &mut uses.on,
                Resolve::Local => &mut uses.local,
                Resolve::Remote => &mut uses.remote,
            };
            first.get_or_insert(&setting.position);
        }
        uses
    }

    fn any(&self) -> Option<&'c Position> {
        self.on.or(self.local).or(self.remote)
    }

    fn keys(&self) -> Option<&'c Position> {
        self.on.or(self.local)
    }

    fn resolver(&self) -> Option<&'c Position> {
        self.on.or(self.remote)
    }

    /// What can be asked for, keys first, and because of which directive.
    fn requests<'s>(&self, site: &'s Site) -> impl Iterator<Item = (OwnRequest<'s>, &'c Position)> {
        let keys = match &site.keys {
            KeySource::File { .. } => None,
            KeySource::Request { uri } => Some(OwnRequest::Keys(uri)),
        };
        let questions = OwnRequest::Questions(&site.resolve_request);
        let keys = keys.zip(self.keys());
        keys.into_iter()
            .chain(self.resolver().map(|user| (questions, user)))
    }
}

/// No token is looked for in what a verdict brings.
fn check_tokens(servers: &[MergedServer<'_>], main: &MainSettings) -> Result<(), Fault> {
    let is_claim = |name: &str| main.claims.iter().any(|claim| claim.value.name == name);
    let locations = servers.iter().flat_map(|server| &server.locations);
    let tokens = locations.filter_map(|level| level.settings.token.as_deref());
    match tokens.into_iter().find(|token| is_claim(&token.value.name)) {
        None => Ok(()),
        Some(token) => Err(Fault::TokenOfClaim {
            name: token.value.name.clone(),
            position: token.position.clone(),
        }),
    }
}

/// A question or a fetch that can happen must reach a location that only this nginx can ask.
fn check_request(
    server: &MergedServer<'_>,
    request: &OwnRequest<'_>,
    providers: &Providers<'_>,
    user: &Position,
) -> Result<(), Fault> {
    let provider = providers.provider(server, request);
    let how = match target(&provider.facts, request.uri().as_bytes()) {
        Target::Internal(_) => return Ok(()),
        Target::Public => Unreached::Public,
        Target::Inexact => Unreached::Inexact,
        Target::Nothing => Unreached::Missing,
    };
    Err(Fault::Unreached {
        directive: request.directive(),
        written: request.written_at(&server.level.settings).cloned(),
        uri: request.uri().to_owned(),
        server: server.position.clone(),
        user: user.clone(),
        how,
    })
}

/// No location answers both with keys and about credentials.
fn check_differ(server: &MergedServer<'_>, site: &Site, uses: &Uses<'_>) -> Result<(), Fault> {
    let requests: Vec<_> = uses.requests(site).collect();
    let [(keys, user), (questions, _)] = requests.as_slice() else {
        return Ok(());
    };
    if keys.uri() != questions.uri() {
        return Ok(());
    }
    let settings = &server.level.settings;
    let position = keys.written_at(settings).or(questions.written_at(settings));
    Err(Fault::SameLocation {
        directives: [keys.directive(), questions.directive()],
        uri: keys.uri().to_owned(),
        position: position.unwrap_or(user).clone(),
    })
}

/// The zone that is made unless `authgear_zone` says otherwise.
pub fn default_zone() -> ZoneSpec {
    ZoneSpec {
        name: ZONE_NAME.to_owned(),
        size: ZONE_SIZE,
    }
}

fn zone(
    setting: &Inherited<ZoneSpec>,
    key_sets: usize,
    smallest: impl Fn(usize) -> usize,
) -> Result<ZoneSpec, Fault> {
    let zone = value(setting).cloned().unwrap_or_else(default_zone);
    let least = smallest(key_sets);
    if zone.size >= least {
        return Ok(zone);
    }
    Err(Fault::ZoneTooSmall {
        key_sets,
        least,
        position: position(setting).cloned(),
        default_name: ZONE_NAME,
    })
}
