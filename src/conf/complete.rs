//! Everything is read: defaults are filled in, and what does not fit together is refused.
//!
//! What enters: what is written, inherited already, and what nginx knows of each server and its locations. What leaves: the completed
//! configuration, with warnings, or one refusal with the place of the directive at fault.

use std::collections::HashSet;

use authgear_core::endpoint::Endpoint;

use super::locations::{meet, Facts, Met};
use super::policy::{check_revalidation, location, LEEWAY};
use super::written::{value, LocationWritten, MainWritten, Place, ServerWritten, Setting, Written};
use super::{Cache, JwksTimes, KeySource, Location, Main, Resolve, Server, Site, ZoneSpec};
use crate::digest::{Digest, Parts};
use crate::ffi::conf::ServerRef;
use crate::ffi::log::escape;

// What holds where nothing is written. Issuers and audiences are then the endpoint, credentials all that there are, the rest nothing.
const ZONE_NAME: &str = "authgear";
const ZONE_SIZE: usize = 8 * 1024 * 1024;
const RESOLVE_REQUEST: &str = "/_auth";
const JWKS_REQUEST: &str = "/_auth/jwks";
/// How keys age unless `authgear_jwks_valid` says so.
pub const JWKS_TIMES: JwksTimes = JwksTimes {
    valid: 600_000,
    stale: 86_400_000,
    refetch: 10_000,
};
const RESOLVER_LIMIT: u32 = 64;

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
    let mut warnings = Vec::new();
    let mut key_sets = HashSet::new();
    let mut resolvers = HashSet::new();
    let mut active = false;
    let mut completed = Vec::with_capacity(servers.len());
    for read in servers {
        let uses = Uses::of(read);
        let site = site(read, &uses)?;
        if let Some(site) = &site {
            check_requests(read, site, &uses)?;
            warnings.extend(fights(read, site));
            if site.uses_keys && matches!(site.keys, KeySource::Request { .. }) {
                key_sets.insert(site.key_set_id);
            }
            if uses.resolver().is_some() {
                resolvers.insert(site.resolver_id);
            }
        }
        active = active || uses.any().is_some();
        read.locations
            .iter()
            .try_for_each(|written| check_revalidation(written))?;
        let locations = read
            .locations
            .iter()
            .map(|written| location(written, site.as_ref()))
            .collect();
        let trust_request_headers = value(&read.written.trust_request_headers)
            .copied()
            .unwrap_or(false);
        completed.push((
            Server {
                site,
                trust_request_headers,
            },
            locations,
        ));
    }
    let projects = key_sets.len().max(resolvers.len());
    let zone = zone(&main.zone, projects, smallest)?;
    let main = Main {
        active,
        zone,
        projects,
    };
    Ok(Completed {
        main,
        servers: completed,
        warnings,
    })
}

/// What a location comes to that belongs to no server of nginx's: nothing, unless something resolves there.
pub fn without_site(written: &LocationWritten) -> Option<Location> {
    let resolves = value(&written.resolve).is_some_and(|resolve| *resolve != Resolve::Off);
    (!resolves).then(|| location(written, None))
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
}

fn site(read: &ServerRead<'_>, uses: &Uses<'_>) -> Result<Option<Site>, Fault> {
    let written = read.written;
    let Some(endpoint) = value(&written.endpoint).cloned() else {
        return match uses.any() {
            None => Ok(None),
            Some(place) => Err(format!(
                "\"authgear_resolve\" needs \"authgear_endpoint\", but the server at {} has none in {place}",
                read.place
            )),
        };
    };
    let text =
        |setting: &Setting<String>, default: &str| value(setting).map_or(default, String::as_str).to_owned();
    let keys = value(&written.jwks_file)
        .cloned()
        .unwrap_or_else(|| KeySource::Request {
            uri: text(&written.jwks_request, JWKS_REQUEST),
        });
    let server_digest = server_digest(read);
    let key_set_id = key_set_id(&endpoint, &keys, &server_digest);
    let resolve_request = text(&written.resolve_request, RESOLVE_REQUEST);
    let resolver_id = Parts::new("resolver")
        .part(endpoint.as_str().as_bytes())
        .part(resolve_request.as_bytes())
        .part(&server_digest)
        .finish();
    let stale = read
        .locations
        .iter()
        .filter_map(|location| value(&location.stale_if_error)?.value());
    let caches = read
        .locations
        .iter()
        .filter_map(|location| value(&location.cache)?.value());
    let leeways = read
        .locations
        .iter()
        .filter_map(|location| value(&location.leeway));
    Ok(Some(Site {
        issuers: value(&written.issuers)
            .cloned()
            .unwrap_or_else(|| vec![endpoint.as_str().to_owned()]),
        resolve_request,
        resolver_id,
        resolver_limit: value(&written.resolver_limit).copied().unwrap_or(RESOLVER_LIMIT),
        longest_cache: caches.reduce(longer),
        longest_stale: stale.max().unwrap_or(0),
        longest_leeway: leeways.copied().max().unwrap_or(LEEWAY),
        keys,
        uses_keys: uses.keys().is_some(),
        jwks_times: value(&written.jwks_times).copied().unwrap_or(JWKS_TIMES),
        cookie_prefix: text(&written.cookie_prefix, ""),
        server: read.server,
        server_digest,
        key_set_id,
        endpoint,
    }))
}

/// The longer of each time.
fn longer(one: Cache, other: Cache) -> Cache {
    Cache {
        valid: one.valid.max(other.valid),
        invalid: one.invalid.max(other.invalid),
    }
}

fn server_digest(read: &ServerRead<'_>) -> Digest {
    let sorted = |list: &[Vec<u8>]| {
        let mut list = list.to_vec();
        list.sort();
        list.dedup();
        list
    };
    let (addresses, names) = (sorted(&read.addresses), sorted(&read.names));
    Parts::new("server")
        .list(addresses.iter().map(Vec::as_slice))
        .list(names.iter().map(Vec::as_slice))
        .finish()
}

/// A set belongs to an endpoint and its source: a test file in one server never vouches in another.
fn key_set_id(endpoint: &Endpoint, keys: &KeySource, server: &Digest) -> Digest {
    let parts = Parts::new("key set").part(endpoint.as_str().as_bytes());
    match keys {
        KeySource::File { id, .. } => parts.part(b"file").part(id).finish(),
        KeySource::Request { uri } => parts.part(b"request").part(uri.as_bytes()).part(server).finish(),
    }
}

/// A question or a fetch that can happen must reach a location that only this nginx can ask.
fn check_requests(read: &ServerRead<'_>, site: &Site, uses: &Uses<'_>) -> Result<(), Fault> {
    if let (KeySource::Request { uri }, Some(place)) = (&site.keys, uses.keys()) {
        check_request(
            read,
            "authgear_jwks_request",
            &read.written.jwks_request,
            uri,
            place,
        )?;
    }
    if let Some(place) = uses.resolver() {
        check_request(
            read,
            "authgear_resolve_request",
            &read.written.resolve_request,
            &site.resolve_request,
            place,
        )?;
    }
    Ok(())
}

fn check_request(
    read: &ServerRead<'_>,
    name: &str,
    setting: &Setting<String>,
    uri: &str,
    user: &Place,
) -> Result<(), Fault> {
    let met = meet(&read.facts, uri.as_bytes());
    let (uri, server) = (escape(uri.as_bytes()), &read.place);
    let wrong = match met {
        Met::Internal(_) => return Ok(()),
        Met::Public => format!("but that location of the server at {server} is not internal"),
        Met::Inexact => {
            format!("but that location of the server at {server} is not exact: write \"location = {uri}\"")
        }
        Met::Nothing => {
            format!(
                "but the server at {server} has no \"location = {uri}\": write it, or include authgear.conf"
            )
        }
    };
    Err(match setting.as_deref() {
        Some(Written { place, .. }) => format!("\"{name}\" leads to \"{uri}\", {wrong} in {place}"),
        None => format!("\"authgear_resolve\" needs \"{name}\", by default \"{uri}\", {wrong} in {user}"),
    })
}

/// Where another module undoes what ours does.
fn fights(read: &ServerRead<'_>, site: &Site) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut said = HashSet::new();
    for (written, facts) in read.locations.iter().zip(&read.facts) {
        let Some(resolve) = written
            .resolve
            .as_deref()
            .filter(|resolve| resolve.value != Resolve::Off && facts.auth_request)
        else {
            continue;
        };
        let place = resolve.place.to_string();
        if said.insert(place.clone()) {
            warnings.push(format!(
                "\"auth_request\" is on where \"authgear_resolve\" is: every request asks twice in {place}"
            ));
        }
    }
    if let Met::Internal(index) = meet(&read.facts, site.resolve_request.as_bytes()) {
        if read.facts.get(index).is_some_and(|facts| facts.proxy_cache) {
            warnings.push(format!(
                "\"proxy_cache\" is on in the location \"{}\" of the server at {}: an answer from a cache does not count as the resolver's",
                site.resolve_request, read.place
            ));
        }
    }
    warnings
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
