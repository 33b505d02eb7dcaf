//! Where a URI leads among the locations of one server, as nginx looks for it: the exact one of that name,
//! else inside the longest prefix.

use super::other_modules::SetHeaders;
use crate::log::ErrorLog;

/// One location, as nginx has it.
#[derive(Clone, Debug)]
pub struct LocationFacts {
    /// Its URI, pattern or name.
    pub name: Vec<u8>,
    /// How it is chosen.
    pub kind: Kind,
    /// Clients can't ask for it.
    pub internal: bool,
    /// What `auth_request` asks in it, as far as can be seen.
    pub auth_request: Option<Vec<u8>>,
    /// Where `mirror` sends requests of it, likewise.
    pub mirrors: Vec<Vec<u8>>,
    /// What its backend is sent by directives like `proxy_set_header`; likewise, and nothing where it has no
    /// backend.
    pub set_headers: Vec<SetHeaders>,
    /// `proxy_cache` is on in it, as far as can be seen.
    pub proxy_cache: bool,
    /// Where lines about its requests go.
    pub error_log: Option<ErrorLog>,
    /// The index of the one around it; `None` for the server's own level.
    pub outer: Option<usize>,
}

/// How a location is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The server's own level.
    Server,
    /// `location = /...`
    Exact,
    /// `location /...` and `location ^~ /...`
    Prefix,
    /// By a regular expression, by its name, or by no URI at all (`if`, `limit_except`).
    Other,
}

/// What a URI leads to, for a request of the worker's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An exact, internal location, by its index.
    Internal(usize),
    /// An exact location that clients may ask for themselves.
    Public,
    /// A location by that prefix, not an exact one.
    Inexact,
    /// No location of that name.
    Nothing,
}

/// What `uri` leads to.
pub fn target(locations: &[LocationFacts], uri: &[u8]) -> Target {
    let led = location_of(locations, uri).and_then(|index| Some((index, locations.get(index)?)));
    match led {
        Some((index, exact)) if exact.kind == Kind::Exact && exact.internal => Target::Internal(index),
        Some((_, exact)) if exact.kind == Kind::Exact => Target::Public,
        Some(_) | None => without_exact(locations, uri),
    }
}

fn without_exact(locations: &[LocationFacts], uri: &[u8]) -> Target {
    let inexact = locations
        .iter()
        .any(|location| location.kind == Kind::Prefix && location.name == uri);
    if inexact {
        Target::Inexact
    } else {
        Target::Nothing
    }
}

/// The location that `uri` leads to, unless a regular expression takes it.
pub fn location_of(locations: &[LocationFacts], uri: &[u8]) -> Option<usize> {
    let mut level = locations
        .iter()
        .position(|location| location.kind == Kind::Server)?;
    // Each round goes one location deeper.
    loop {
        let inside = || {
            locations
                .iter()
                .enumerate()
                .filter(|(_, location)| location.outer == Some(level))
        };
        let exact = inside().find(|(_, location)| location.kind == Kind::Exact && location.name == uri);
        if let Some((index, _)) = exact {
            return Some(index);
        }
        let prefixes =
            inside().filter(|(_, location)| location.kind == Kind::Prefix && uri.starts_with(&location.name));
        match prefixes.max_by_key(|(_, location)| location.name.len()) {
            Some((index, _)) => level = index,
            None => return Some(level),
        }
    }
}
