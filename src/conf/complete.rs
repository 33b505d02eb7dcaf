//! Everything is read: defaults are filled in, and what does not fit together is refused.
//!
//! What enters: what is written, inherited already, and what nginx knows of each server and its locations. What leaves: the completed
//! configuration, with warnings, or one refusal with the place of the directive at fault.

use std::collections::HashSet;

use super::beside::fights;
use super::locations::{meet, Facts, Met};
use super::policy::{check_revalidation, location};
use super::shared::{Ask, Hosts};
use super::site::{site, Longest};
use super::written::{value, LocationWritten, MainWritten, Place, ServerWritten, Setting, Written};
use super::{JwksTimes, KeySource, Location, Main, Resolve, Server, Site, ZoneSpec};
use crate::digest::Digest;
use crate::ffi::conf::ServerRef;
use crate::ffi::log::escape;

// What holds where nothing is written. Issuers and audiences are then the endpoint, credentials all that there are, the rest nothing.
const ZONE_NAME: &str = "authgear";
const ZONE_SIZE: usize = 8 * 1024 * 1024;
/// How keys age unless `authgear_jwks_valid` says so.
pub const JWKS_TIMES: JwksTimes = JwksTimes {
    valid: 600_000,
    stale: 86_400_000,
    refetch: 10_000,
};

/// A server as nginx has read it.
pub struct ServerRead<'c> {
    pub server: ServerRef,
    pub place: Place,
    /// The addresses it listens on, as nginx prints them.
    pub addresses: Vec<Vec<u8>>,
    /// All its names; a regular expression with its `~`.
    pub names: Vec<Vec<u8>>,
    pub written: &'c ServerWritten,
    /// Its own level first, then every location in it.
    pub locations: Vec<&'c LocationWritten>,
    /// What nginx knows of those locations, in the same order.
    pub facts: Vec<Facts>,
}

/// The whole configuration.
pub struct Completed {
    pub main: Main,
    /// In the order of the servers, and each server's locations in theirs.
    pub servers: Vec<(Server, Vec<Location>)>,
    pub warnings: Vec<String>,
}

/// Why the configuration is refused, with the place.
pub type Fault = String;

/// Completes what is written. `smallest` gives the smallest zone for a number of key sets.
pub fn complete(
    main: &MainWritten,
    servers: &[ServerRead<'_>],
    smallest: impl Fn(usize) -> usize,
) -> Result<Completed, Fault> {
    let hosts = Hosts::of(servers);
    let longest = Longest::among(servers, &hosts);
    let mut so_far = SoFar::default();
    let completed = servers
        .iter()
        .map(|read| so_far.server(read, &hosts, &longest))
        .collect::<Result<_, _>>()?;
    let projects = so_far.key_sets.len().max(so_far.resolvers.len());
    let zone = zone(&main.zone, projects, smallest)?;
    let main = Main {
        active: so_far.active,
        zone,
        projects,
        notes: so_far.notes,
    };
    Ok(Completed {
        main,
        servers: completed,
        warnings: so_far.warnings,
    })
}

/// What a location comes to that belongs to no server of nginx's: nothing, unless something resolves there.
pub fn without_site(written: &LocationWritten) -> Option<Location> {
    let resolves = value(&written.resolve).is_some_and(|resolve| *resolve != Resolve::Off);
    (!resolves).then(|| location(written, None))
}

/// What the servers come to together.
#[derive(Default)]
struct SoFar {
    active: bool,
    key_sets: HashSet<Digest>,
    resolvers: HashSet<Digest>,
    warnings: Vec<String>,
    notes: Vec<String>,
}

impl SoFar {
    fn server(
        &mut self,
        read: &ServerRead<'_>,
        hosts: &Hosts<'_>,
        longest: &Longest,
    ) -> Result<(Server, Vec<Location>), Fault> {
        let uses = Uses::of(read);
        self.active = self.active || uses.any().is_some();
        let site = site(read, hosts, longest, uses.keys().is_some());
        match (&site, uses.any()) {
            (Some(site), _) => self.site(read, site, hosts, &uses)?,
            (None, Some(place)) => return Err(no_endpoint(read, place)),
            (None, None) => {}
        }
        read.locations
            .iter()
            .try_for_each(|written| check_revalidation(written))?;
        let locations = read.locations.iter();
        let locations = locations.map(|written| location(written, site.as_ref()));
        let locations = locations.collect();
        let trust_request_headers = value(&read.written.trust_request_headers)
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
        read: &ServerRead<'_>,
        site: &Site,
        hosts: &Hosts<'_>,
        uses: &Uses<'_>,
    ) -> Result<(), Fault> {
        for (ask, user) in uses.asks(site) {
            check_request(read, &ask, hosts, user)?;
            self.notes.extend(hosts.note(read, &ask));
            match ask {
                Ask::Keys(_) => self.key_sets.insert(site.key_set_id),
                Ask::Questions(_) => self.resolvers.insert(site.resolver_id),
            };
        }
        check_differ(read, site, uses)?;
        self.warnings.extend(fights(read, site));
        Ok(())
    }
}

/// The first directive of a server that makes each way of resolving possible.
#[derive(Default)]
struct Uses<'c> {
    on: Option<&'c Place>,
    local: Option<&'c Place>,
    remote: Option<&'c Place>,
}

impl<'c> Uses<'c> {
    fn of(read: &ServerRead<'c>) -> Self {
        let mut uses = Self::default();
        for written in read
            .locations
            .iter()
            .filter_map(|location| location.resolve.as_deref())
        {
            let first = match written.value {
                Resolve::Off => continue,
                Resolve::On => &mut uses.on,
                Resolve::Local => &mut uses.local,
                Resolve::Remote => &mut uses.remote,
            };
            first.get_or_insert(&written.place);
        }
        uses
    }

    fn any(&self) -> Option<&'c Place> {
        self.on.or(self.local).or(self.remote)
    }

    fn keys(&self) -> Option<&'c Place> {
        self.on.or(self.local)
    }

    fn resolver(&self) -> Option<&'c Place> {
        self.on.or(self.remote)
    }

    /// What can be asked for, keys first, and because of which directive.
    fn asks<'s>(&self, site: &'s Site) -> impl Iterator<Item = (Ask<'s>, &'c Place)> {
        let keys = match &site.keys {
            KeySource::File { .. } => None,
            KeySource::Request { uri } => Some(Ask::Keys(uri)),
        };
        let questions = Ask::Questions(&site.resolve_request);
        let keys = keys.zip(self.keys());
        keys.into_iter()
            .chain(self.resolver().map(|place| (questions, place)))
    }
}

fn no_endpoint(read: &ServerRead<'_>, user: &Place) -> Fault {
    format!(
        "\"authgear_resolve\" needs \"authgear_endpoint\", but the server at {} has none: write one there, or \"authgear_resolve off\" in {user}",
        read.place
    )
}

/// A question or a fetch that can happen must reach a location that only this nginx can ask.
fn check_request(read: &ServerRead<'_>, ask: &Ask<'_>, hosts: &Hosts<'_>, user: &Place) -> Result<(), Fault> {
    let uri = ask.uri();
    let met = meet(&hosts.host(read, ask).facts, uri.as_bytes());
    let (uri, server) = (escape(uri.as_bytes()), &read.place);
    let wrong = match met {
        Met::Internal(_) => return Ok(()),
        Met::Public => format!("but that location of the server at {server} is not internal"),
        Met::Inexact => {
            format!("but that location of the server at {server} is not exact: write \"location = {uri}\"")
        }
        Met::Nothing => {
            format!(
                "but neither the server at {server} nor another one of this endpoint has an internal \"location = {uri}\": write it, or include authgear.conf"
            )
        }
    };
    let name = ask.directive();
    Err(match ask.setting(read.written) {
        Some(place) => format!("\"{name}\" leads to \"{uri}\", {wrong} in {place}"),
        None => format!("\"authgear_resolve\" needs \"{name}\", by default \"{uri}\", {wrong} in {user}"),
    })
}

/// No location answers both with keys and about credentials.
fn check_differ(read: &ServerRead<'_>, site: &Site, uses: &Uses<'_>) -> Result<(), Fault> {
    let asks: Vec<_> = uses.asks(site).collect();
    let [(keys, user), (questions, _)] = asks.as_slice() else {
        return Ok(());
    };
    if keys.uri() != questions.uri() {
        return Ok(());
    }
    let place = keys
        .setting(read.written)
        .or(questions.setting(read.written))
        .unwrap_or(user);
    Err(format!(
        "\"{}\" and \"{}\" both lead to \"{}\": keys and answers come from different places in {place}",
        keys.directive(),
        questions.directive(),
        escape(keys.uri().as_bytes())
    ))
}

/// The zone that is made unless `authgear_zone` says otherwise.
pub fn default_zone() -> ZoneSpec {
    ZoneSpec {
        name: ZONE_NAME.to_owned(),
        size: ZONE_SIZE,
    }
}

fn zone(
    setting: &Setting<ZoneSpec>,
    key_sets: usize,
    smallest: impl Fn(usize) -> usize,
) -> Result<ZoneSpec, Fault> {
    let zone = value(setting).cloned().unwrap_or_else(default_zone);
    let least = smallest(key_sets);
    if zone.size >= least {
        return Ok(zone);
    }
    let least = least.div_ceil(1024);
    match setting.as_deref() {
        Some(Written { place, .. }) => {
            Err(format!("\"authgear_zone\" is too small for {key_sets} key set(s): its smallest size is {least}k in {place}"))
        }
        None => Err(format!("the default \"authgear_zone\" is too small for {key_sets} key sets: write \"authgear_zone zone={ZONE_NAME}:{least}k\"")),
    }
}
