//! Whose location a request of the worker's own goes to: the server's own, or that of another server of the same project.
//!
//! What enters: all servers. What leaves: for each server and URI, the server in which it is answered. What always holds: a server that
//! has a location under the URI, good or not, uses no other's; whose a server uses depends on endpoint and URI alone, so that all that
//! use one share one.

use std::collections::HashMap;

use super::complete::ServerRead;
use super::locations::{meet, Met};
use super::written::{value, Place, ServerWritten, Setting};
use super::KeySource;
use crate::ffi::log::escape;

pub const RESOLVE_REQUEST: &str = "/_auth";
pub const JWKS_REQUEST: &str = "/_auth/jwks";

/// What is asked for, with the URI where.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask<'u> {
    Keys(&'u str),
    Questions(&'u str),
}

impl<'u> Ask<'u> {
    /// Keys unless they come from a file, and questions.
    fn all(written: &'u ServerWritten) -> impl Iterator<Item = Self> {
        let keys = match value(&written.jwks_file) {
            Some(KeySource::File { .. }) => None,
            Some(KeySource::Request { .. }) | None => Some(Self::Keys(keys_uri(written))),
        };
        keys.into_iter().chain([Self::Questions(resolve_uri(written))])
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
    pub fn setting(self, written: &ServerWritten) -> Option<&Place> {
        let setting: &Setting<String> = match self {
            Self::Keys(_) => &written.jwks_request,
            Self::Questions(_) => &written.resolve_request,
        };
        setting.as_deref().map(|written| &written.place)
    }
}

pub fn keys_uri(written: &ServerWritten) -> &str {
    value(&written.jwks_request).map_or(JWKS_REQUEST, String::as_str)
}

pub fn resolve_uri(written: &ServerWritten) -> &str {
    value(&written.resolve_request).map_or(RESOLVE_REQUEST, String::as_str)
}

/// The first server in the file that has the location, for each endpoint and what it is asked for.
pub struct Hosts<'c>(HashMap<(&'c str, Ask<'c>), &'c ServerRead<'c>>);

impl<'c> Hosts<'c> {
    pub fn of(servers: &'c [ServerRead<'c>]) -> Self {
        let mut hosts = HashMap::new();
        for read in servers {
            let Some(endpoint) = value(&read.written.endpoint) else {
                continue;
            };
            for ask in Ask::all(read.written) {
                if let Met::Internal(_) = meet(&read.facts, ask.uri().as_bytes()) {
                    hosts.entry((endpoint.as_str(), ask)).or_insert(read);
                }
            }
        }
        Self(hosts)
    }

    /// The server in which what `read` asks for is answered; itself where nobody has the location.
    pub fn host<'r>(&self, read: &'r ServerRead<'r>, ask: &Ask<'_>) -> &'r ServerRead<'r>
    where
        'c: 'r,
    {
        let others = || {
            let endpoint = value(&read.written.endpoint)?;
            self.0.get(&(endpoint.as_str(), *ask)).copied()
        };
        match meet(&read.facts, ask.uri().as_bytes()) {
            Met::Internal(_) | Met::Public | Met::Inexact => read,
            Met::Nothing => others().unwrap_or(read),
        }
    }

    /// A line about a location that is another server's.
    pub fn note(&self, read: &ServerRead<'_>, ask: &Ask<'_>) -> Option<String> {
        let host = self.host(read, ask);
        (host.server != read.server).then(|| {
            format!(
                "authgear: the server at {} has no \"location = {}\": it uses that of the server at {}",
                read.place,
                escape(ask.uri().as_bytes()),
                host.place
            )
        })
    }
}
