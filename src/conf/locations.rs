//! Where a URI leads among the locations of one server, as nginx looks for it: the exact one of that name, else inside the longest prefix.

/// One location, as nginx has it.
#[derive(Clone, Debug)]
pub struct Facts {
    pub name: Vec<u8>,
    pub kind: Kind,
    pub internal: bool,
    /// `auth_request` is on in it, as far as can be seen.
    pub auth_request: bool,
    /// `proxy_cache` is on in it, as far as can be seen.
    pub proxy_cache: bool,
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

/// What a URI of ours meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// An exact, internal location, by its index.
    Internal(usize),
    /// An exact location that clients may ask for themselves.
    Public,
    /// A location by that prefix, not an exact one.
    Inexact,
    /// No location of that name.
    Nothing,
}

/// Looks for `uri`.
pub fn meet(locations: &[Facts], uri: &[u8]) -> Met {
    let mut level = locations
        .iter()
        .position(|location| location.kind == Kind::Server);
    // Each round goes one location deeper.
    while let Some(outer) = level {
        let inside = || {
            locations
                .iter()
                .enumerate()
                .filter(|(_, location)| location.outer == Some(outer))
        };
        let exact = inside().find(|(_, location)| location.kind == Kind::Exact && location.name == uri);
        if let Some((index, exact)) = exact {
            return if exact.internal {
                Met::Internal(index)
            } else {
                Met::Public
            };
        }
        let prefixes =
            inside().filter(|(_, location)| location.kind == Kind::Prefix && uri.starts_with(&location.name));
        level = prefixes
            .max_by_key(|(_, location)| location.name.len())
            .map(|(index, _)| index);
    }
    let inexact = locations
        .iter()
        .any(|location| location.kind == Kind::Prefix && location.name == uri);
    if inexact {
        Met::Inexact
    } else {
        Met::Nothing
    }
}
