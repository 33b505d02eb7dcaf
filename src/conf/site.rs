//! A server's project: defaults are filled in, and identities given to what servers share.

use std::collections::HashMap;

use authgear_core::endpoint::Endpoint;

use super::complete::{ServerRead, JWKS_TIMES};
use super::policy::LEEWAY;
use super::shared::{keys_uri, resolve_uri, Ask, Hosts};
use super::written::{value, LocationWritten};
use super::{Cache, KeySource, Millis, Site};
use crate::digest::{Digest, Parts};

const RESOLVER_LIMIT: u32 = 64;

/// The project of a server that has an endpoint.
pub fn site(read: &ServerRead<'_>, hosts: &Hosts<'_>, longest: &Longest, uses_keys: bool) -> Option<Site> {
    let written = read.written;
    let endpoint = value(&written.endpoint)?.clone();
    let keys = value(&written.jwks_file)
        .cloned()
        .unwrap_or_else(|| KeySource::Request {
            uri: keys_uri(written).to_owned(),
        });
    let keys_host = hosts.host(read, &Ask::Keys(keys_uri(written)));
    let resolver_host = hosts.host(read, &Ask::Questions(resolve_uri(written)));
    let knowledge_id = knowledge_id(read, hosts)?;
    let Times { leeway, cache, stale } = longest.of(&knowledge_id);
    let cookie_prefix = value(&written.cookie_prefix).cloned().unwrap_or_default();
    Some(Site {
        issuers: value(&written.issuers)
            .cloned()
            .unwrap_or_else(|| vec![endpoint.as_str().to_owned()]),
        resolve_request: resolve_uri(written).to_owned(),
        resolver_limit: value(&written.resolver_limit).copied().unwrap_or(RESOLVER_LIMIT),
        longest_cache: cache,
        longest_stale: stale,
        longest_leeway: leeway,
        uses_keys,
        jwks_times: value(&written.jwks_times).copied().unwrap_or(JWKS_TIMES),
        keys_server: keys_host.server,
        resolver_server: resolver_host.server,
        resolver_server_digest: server_digest(resolver_host),
        key_set_id: key_set_id(&endpoint, &keys, &server_digest(keys_host)),
        resolver_id: resolver_id(&knowledge_id, &cookie_prefix),
        knowledge_id,
        cookie_prefix,
        keys,
        endpoint,
    })
}

/// The longest times of all locations that share what a resolver said.
pub struct Longest(HashMap<Digest, Times>);

#[derive(Clone, Copy)]
struct Times {
    leeway: u64,
    cache: Option<Cache>,
    stale: Millis,
}

impl Longest {
    pub fn among(servers: &[ServerRead<'_>], hosts: &Hosts<'_>) -> Self {
        let mut all = HashMap::new();
        for read in servers {
            let Some(id) = knowledge_id(read, hosts) else {
                continue;
            };
            let times: &mut Times = all.entry(id).or_insert(Times::NONE);
            *times = read
                .locations
                .iter()
                .fold(*times, |times, location| times.or(location));
        }
        Self(all)
    }

    fn of(&self, id: &Digest) -> Times {
        self.0.get(id).copied().unwrap_or(Times::NONE)
    }
}

impl Times {
    const NONE: Self = Self {
        leeway: LEEWAY,
        cache: None,
        stale: 0,
    };

    /// The longer of each.
    fn or(self, location: &LocationWritten) -> Self {
        let cache = value(&location.cache).and_then(|cache| cache.value());
        let stale = value(&location.stale_if_error).and_then(|stale| stale.value());
        Self {
            leeway: self
                .leeway
                .max(value(&location.leeway).copied().unwrap_or(LEEWAY)),
            cache: self.cache.into_iter().chain(cache).reduce(longer),
            stale: self.stale.max(stale.unwrap_or(0)),
        }
    }
}

fn longer(one: Cache, other: Cache) -> Cache {
    Cache {
        valid: one.valid.max(other.valid),
        invalid: one.invalid.max(other.invalid),
    }
}

/// Who is asked, and where: what is said of a token is said to all who ask there.
fn knowledge_id(read: &ServerRead<'_>, hosts: &Hosts<'_>) -> Option<Digest> {
    let endpoint = value(&read.written.endpoint)?;
    let uri = resolve_uri(read.written);
    let id = Parts::new("resolver")
        .part(endpoint.as_str().as_bytes())
        .part(uri.as_bytes())
        .part(&server_digest(hosts.host(read, &Ask::Questions(uri))))
        .finish();
    Some(id)
}

/// With the prefix, by which a made-up cookie is named: whoever has a wrong one takes silence for a failure, which says nothing to others.
fn resolver_id(knowledge: &Digest, cookie_prefix: &str) -> Digest {
    let parts = Parts::new("resolver and prefix").part(knowledge);
    parts.part(cookie_prefix.as_bytes()).finish()
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
