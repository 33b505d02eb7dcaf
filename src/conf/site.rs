//! A server's project: defaults are filled in, and identities given to what servers share.

use std::cell::OnceCell;
use std::collections::HashMap;

use authgear_core::endpoint::Endpoint;

use super::defaults::{JWKS_TIMES, LEEWAY, RESOLVER_LIMIT};
use super::levels::MergedServer;
use super::settings::{value, LocationSettings};
use super::shared_locations::{keys_uri, resolve_uri, OwnRequest, Providers};
use super::{Cache, CountedAs, KeySource, Millis, Site};
use crate::digest::{Digest, Parts};

/// The project of a server that has an endpoint.
pub fn site(
    server: &MergedServer<'_>,
    providers: &Providers<'_>,
    longest: &Longest,
    uses_keys: bool,
) -> Option<Site> {
    let settings = &server.level.settings;
    let endpoint = value(&settings.endpoint)?.clone();
    let keys = value(&settings.jwks_file)
        .cloned()
        .unwrap_or_else(|| KeySource::Request {
            uri: keys_uri(settings).to_owned(),
        });
    let keys_server = providers.provider(server, &OwnRequest::Keys(keys_uri(settings)));
    let resolver_server = providers.provider(server, &OwnRequest::Questions(resolve_uri(settings)));
    let knowledge_id = knowledge_id(server, providers)?;
    let Times { leeway, cache, stale } = longest.of(&knowledge_id);
    let cookie_prefix = value(&settings.cookie_prefix).cloned().unwrap_or_default();
    Some(Site {
        issuers: value(&settings.issuers)
            .cloned()
            .unwrap_or_else(|| vec![endpoint.as_str().to_owned()]),
        resolve_request: resolve_uri(settings).to_owned(),
        resolver_limit: value(&settings.resolver_limit).copied().unwrap_or(RESOLVER_LIMIT),
        longest_cache: cache,
        longest_stale: stale,
        longest_leeway: leeway,
        counted_as: counted_as(server),
        uses_keys,
        jwks_times: value(&settings.jwks_times).copied().unwrap_or(JWKS_TIMES),
        keys_server: keys_server.server,
        resolver_server: resolver_server.server,
        resolver_server_digest: providers.digest(resolver_server),
        key_set_id: key_set_id(&endpoint, &keys, &providers.digest(keys_server)),
        resolver_id: resolver_id(&knowledge_id, &cookie_prefix),
        knowledge_id,
        cookie_prefix,
        keys,
        endpoint,
    })
}

fn counted_as(server: &MergedServer<'_>) -> CountedAs {
    let name = server.names.first().map(Vec::as_slice).unwrap_or_default();
    CountedAs {
        name: String::from_utf8_lossy(name).into_owned(),
        id: Parts::new("counted as").part(name).finish(),
        at: OnceCell::new(),
    }
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
    pub fn among(servers: &[MergedServer<'_>], providers: &Providers<'_>) -> Self {
        let mut all = HashMap::new();
        for server in servers {
            let Some(id) = knowledge_id(server, providers) else {
                continue;
            };
            let times: &mut Times = all.entry(id).or_insert(Times::NONE);
            let locations = server.locations.iter();
            *times = locations.fold(*times, |times, location| times.or(&location.settings));
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
    fn or(self, location: &LocationSettings) -> Self {
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
fn knowledge_id(server: &MergedServer<'_>, providers: &Providers<'_>) -> Option<Digest> {
    let settings = &server.level.settings;
    let endpoint = value(&settings.endpoint)?;
    let uri = resolve_uri(settings);
    let provider = providers.provider(server, &OwnRequest::Questions(uri));
    let id = Parts::new("resolver")
        .part(endpoint.as_str().as_bytes())
        .part(uri.as_bytes())
        .part(&providers.digest(provider))
        .finish();
    Some(id)
}

/// With the prefix, by which a made-up cookie is named: whoever has a wrong one takes silence for a failure,
/// which says nothing to others.
fn resolver_id(knowledge: &Digest, cookie_prefix: &str) -> Digest {
    let parts = Parts::new("resolver and prefix").part(knowledge);
    parts.part(cookie_prefix.as_bytes()).finish()
}

/// A set belongs to an endpoint and its source: a test file in one server never vouches in another.
fn key_set_id(endpoint: &Endpoint, keys: &KeySource, server: &Digest) -> Digest {
    let parts = Parts::new("key set").part(endpoint.as_str().as_bytes());
    match keys {
        KeySource::File { id, .. } => parts.part(b"file").part(id).finish(),
        KeySource::Request { uri } => parts.part(b"request").part(uri.as_bytes()).part(server).finish(),
    }
}
