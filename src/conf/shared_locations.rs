//! Whose location a request of the worker's own goes to: the server's own, or that of another server of the
//! same project.
//!
//! What enters: all servers. What leaves: for each server and URI, the server in which it is answered. What
//! always holds: a server that has a location under the URI, good or not, uses no other's; whose a server
//! uses depends on endpoint and URI alone, so that all that use one share one.

use std::collections::HashMap;

use nginx::conf::locations::{target, Target};
use nginx::conf::{Position, ServerRef};

use super::defaults::{JWKS_REQUEST, RESOLVE_REQUEST};
use super::levels::MergedServer;
use super::settings::{position, value, ServerSettings};
use super::warning::Note;
use super::KeySource;
use crate::digest::{Digest, Parts};

/// What is asked for, with the URI where.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnRequest<'u> {
    Keys(&'u str),
    Questions(&'u str),
}

impl<'u> OwnRequest<'u> {
    /// Keys unless they come from a file, and questions.
    fn all(settings: &'u ServerSettings) -> impl Iterator<Item = Self> {
        let keys = match value(&settings.jwks_file) {
            Some(KeySource::File { .. }) => None,
            Some(KeySource::Request { .. }) | None => Some(Self::Keys(keys_uri(settings))),
        };
        keys.into_iter().chain([Self::Questions(resolve_uri(settings))])
    }

    pub fn uri(self) -> &'u str {
        match self {
            Self::Keys(uri) | Self::Questions(uri) => uri,
        }
    }

    pub fn directive(self) -> &'static str {
        match self {
            Self::Keys(_) => "authgear_jwks_request",
            Self::Questions(_) => "authgear_resolve_request",
        }
    }

    /// Where its URI is written, if it is.
    pub fn written_at(self, settings: &ServerSettings) -> Option<&Position> {
        position(match self {
            Self::Keys(_) => &settings.jwks_request,
            Self::Questions(_) => &settings.resolve_request,
        })
    }
}

pub fn keys_uri(settings: &ServerSettings) -> &str {
    value(&settings.jwks_request).map_or(JWKS_REQUEST, String::as_str)
}

pub fn resolve_uri(settings: &ServerSettings) -> &str {
    value(&settings.resolve_request).map_or(RESOLVE_REQUEST, String::as_str)
}

/// Which server answers what is asked for: the first in the file that has the location, for each endpoint and
/// request.
pub struct Providers<'c> {
    first: HashMap<(&'c str, OwnRequest<'c>), &'c MergedServer<'c>>,
    digests: HashMap<ServerRef, Digest>,
}

impl<'c> Providers<'c> {
    pub fn among(servers: &'c [MergedServer<'c>]) -> Self {
        let mut first = HashMap::new();
        for server in servers {
            let settings = &server.level.settings;
            let Some(endpoint) = value(&settings.endpoint) else {
                continue;
            };
            for request in OwnRequest::all(settings) {
                if let Target::Internal(_) = target(&server.facts, request.uri().as_bytes()) {
                    first.entry((endpoint.as_str(), request)).or_insert(server);
                }
            }
        }
        let digests = servers.iter().map(|server| (server.server, digest(server)));
        Self {
            first,
            digests: digests.collect(),
        }
    }

    /// The server in which what `server` asks for is answered; itself where nobody has the location.
    pub fn provider<'r>(&self, server: &'r MergedServer<'r>, request: &OwnRequest<'_>) -> &'r MergedServer<'r>
    where
        'c: 'r,
    {
        let others = || {
            let endpoint = value(&server.level.settings.endpoint)?;
            self.first.get(&(endpoint.as_str(), *request)).copied()
        };
        match target(&server.facts, request.uri().as_bytes()) {
            Target::Internal(_) | Target::Public | Target::Inexact => server,
            Target::Nothing => others().unwrap_or(server),
        }
    }

    /// SHA-256 over a server's sorted listen addresses and sorted names: the same after any reload that
    /// changes neither.
    pub fn digest(&self, server: &MergedServer<'_>) -> Digest {
        self.digests.get(&server.server).copied().unwrap_or_default()
    }

    /// What is worth a word about a location that is another server's.
    pub fn note(&self, server: &MergedServer<'_>, request: &OwnRequest<'_>) -> Option<Note> {
        let provider = self.provider(server, request);
        (provider.server != server.server).then(|| Note::SharedLocation {
            server: server.position.clone(),
            uri: request.uri().to_owned(),
            other: provider.position.clone(),
        })
    }
}

fn digest(server: &MergedServer<'_>) -> Digest {
    let sorted = |list: &[Vec<u8>]| {
        let mut list = list.to_vec();
        list.sort();
        list.dedup();
        list
    };
    let (addresses, names) = (sorted(&server.addresses), sorted(&server.names));
    Parts::new("server")
        .list(addresses.iter().map(Vec::as_slice))
        .list(names.iter().map(Vec::as_slice))
        .finish()
}
