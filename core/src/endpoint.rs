//! Where a project is: its public origin, as its tokens and its resolver spell it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use http::uri::{PathAndQuery, Uri};

/// A project's public origin (RFC 6454): scheme, host and port, normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    origin: String,
    scheme: Scheme,
    hostname: String,
}

/// The schemes that an endpoint can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

/// Why a URL is no endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointError {
    /// It holds a `$`: endpoints are fixed when the configuration is read.
    Variable,
    /// It is not a URL.
    NotAUrl,
    /// Its scheme is neither `http` nor `https`.
    Scheme,
    /// It has no host.
    NoHost,
    /// It has a user name or password.
    UserInfo,
    /// Its port is not a number from 1 to 65535.
    Port,
    /// It has a path.
    Path,
    /// It has a query or a fragment.
    Query,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Variable => "variables are not allowed in it",
            Self::NotAUrl => "it is not an absolute URL such as https://project.authgear.cloud",
            Self::Scheme => "its scheme must be https or http",
            Self::NoHost => "it has no host",
            Self::UserInfo => "a user name or password is not allowed in it",
            Self::Port => "its port must be a number from 1 to 65535",
            Self::Path => "it must be an origin, without a path",
            Self::Query => "a query or fragment is not allowed in it",
        })
    }
}

impl std::error::Error for EndpointError {}

impl Scheme {
    /// As it is written in a URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Endpoint {
    /// Parses an origin, with or without a trailing slash.
    ///
    /// # Errors
    /// When it is anything but a scheme, a host and maybe a port.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let (endpoint, path) = parse(url)?;
        if path.path() == "/" || path.path().is_empty() {
            Ok(endpoint)
        } else {
            Err(EndpointError::Path)
        }
    }

    /// The origin: no trailing slash, no default port.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host as a `Host` header has it: with the port when that is not the scheme's default.
    #[must_use]
    pub fn host(&self) -> &str {
        let before = self.scheme.as_str().len().saturating_add("://".len());
        self.origin.get(before..).unwrap_or_default()
    }

    /// The host without a port; an IPv6 address in brackets.
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Whether the host is this machine itself: a loopback address, `localhost`, or a name under it (RFC
    /// 6761, section 6.3).
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.hostname.trim_start_matches('[').trim_end_matches(']');
        let name = host.strip_suffix('.').unwrap_or(host);
        let is_local_name = name
            .strip_suffix("localhost")
            .is_some_and(|above| above.is_empty() || above.ends_with('.'));
        is_local_name || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// An accepted `iss`: a URL, whose host is lower-cased and whose lone trailing slash is dropped; a real path
/// stays as it is.
///
/// # Errors
/// When it is not an `http` or `https` URL, or has a query or a variable.
pub fn issuer(url: &str) -> Result<String, EndpointError> {
    let (endpoint, path) = parse(url)?;
    let path = if path.path() == "/" { "" } else { path.path() };
    Ok(format!("{}{path}", endpoint.as_str()))
}

fn parse(url: &str) -> Result<(Endpoint, PathAndQuery), EndpointError> {
    if url.contains('$') {
        return Err(EndpointError::Variable);
    }
    if url.contains(['?', '#']) {
        return Err(EndpointError::Query);
    }
    let uri: Uri = url.parse().map_err(|_| EndpointError::NotAUrl)?;
    let parts = uri.into_parts();
    let scheme = match parts.scheme.as_ref().map(http::uri::Scheme::as_str) {
        Some("https") => Scheme::Https,
        Some("http") => Scheme::Http,
        Some(_) => return Err(EndpointError::Scheme),
        None => return Err(EndpointError::NotAUrl),
    };
    let authority = parts.authority.ok_or(EndpointError::NoHost)?;
    if authority.as_str().contains('@') {
        return Err(EndpointError::UserInfo);
    }
    let hostname = authority.host().to_ascii_lowercase();
    if hostname.is_empty() || hostname == "[]" {
        return Err(EndpointError::NoHost);
    }
    if !is_host(&hostname) {
        return Err(EndpointError::NotAUrl);
    }
    let written = authority
        .as_str()
        .get(authority.host().len()..)
        .unwrap_or_default();
    let port = match (written, authority.port_u16()) {
        ("", _) => scheme.default_port(),
        (_, Some(port)) if port > 0 => port,
        (_, Some(_) | None) => return Err(EndpointError::Port),
    };
    let suffix = if port == scheme.default_port() {
        String::new()
    } else {
        format!(":{port}")
    };
    let origin = format!("{}://{hostname}{suffix}", scheme.as_str());
    let path = parts
        .path_and_query
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    Ok((
        Endpoint {
            origin,
            scheme,
            hostname,
        },
        path,
    ))
}

/// A name of letters, digits, `-`, `.` and `_` (containers are named with it), or an IPv6 address in
/// brackets. RFC 3986 allows more, which no server answers to.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')),
    }
}
