//! The table of directives. Three things follow from it: nginx's own table, the checks of `nginx -t`, and the
//! check of docs/directives.md (`scripts/examples`).
//!
//! A row is `LEVEL(NAME, ARGUMENTS, DEFAULT, READER)`. LEVEL is the innermost at which the directive may
//! stand. DEFAULT is what docs/directives.md says holds where nothing is written; where that is a value,
//! `defaults` has it.

use std::ffi::CStr;

use nginx::table::Arguments::{self, Flag, Nothing, One, OneOrMore, OneOrTwo, OneToThree, TwoOrMore};
use nginx::table::Level;

use super::error::Refusal;
use super::readers::{self as read, Read};
use super::settings::{LocationSettings, MainSettings, ServerSettings};

// A row a line: scripts/examples reads them.
#[rustfmt::skip]
pub const DIRECTIVES: [Directive; 28] = [
    server(c"authgear_endpoint", One, "none", read::endpoint),
    server(c"authgear_issuer", OneOrMore, "the endpoint", read::issuers),
    location(c"authgear_audience", OneOrMore, "the endpoint", read::audiences),
    location(c"authgear_resolve", One, "off", read::resolve),
    location(c"authgear_phase", One, "access", read::phase),
    location(c"authgear_credentials", OneOrMore, "bearer app_session app_access_token session", read::credentials),
    location(c"authgear_token", One, "none", read::token),
    server(c"authgear_resolve_request", One, "/_auth", read::resolve_request),
    server(c"authgear_jwks_request", One, "/_auth/jwks", read::jwks_request),
    server(c"authgear_jwks_file", One, "none", read::jwks_file),
    server(c"authgear_jwks_valid", OneToThree, "10m stale=1d refetch=10s", read::jwks_times),
    location(c"authgear_leeway", One, "0s", read::leeway),
    server(c"authgear_cookie_prefix", One, "empty", read::cookie_prefix),
    server(c"authgear_resolver_limit", One, "64", read::resolver_limit),
    location(c"authgear_revalidate", OneOrTwo, "60s max=5m", read::revalidate),
    location(c"authgear_cache_valid", OneOrTwo, "off", read::cache),
    location(c"authgear_stale_if_error", One, "off", read::stale_if_error),
    main(c"authgear_zone", One, "zone=authgear:8m", read::zone),
    location(c"authgear_unavailable", One, "503", read::unavailable),
    location(c"authgear_pass_set_cookie", Flag, "off", read::pass_set_cookie),
    server(c"authgear_trust_request_headers", Flag, "off", read::trust_request_headers),
    location(c"authgear_log_level", One, "notice", read::log_level),
    limit_except(c"authgear_require", OneOrMore, "off", read::require),
    location(c"authgear_resource_metadata", One, "none", read::resource_metadata),
    location(c"authgear_preflight", Flag, "off", read::preflight),
    location(c"authgear_dry_run", Flag, "off", read::dry_run),
    main(c"authgear_claim_set", TwoOrMore, "none", read::claim_set),
    metrics(c"authgear_metrics", Nothing, "none", read::metrics),
];

/// One row.
pub struct Directive {
    pub name: &'static CStr,
    pub arguments: Arguments,
    pub reader: Reader,
}

/// Who reads the directive's words, into what is written at its level.
pub enum Reader {
    Main(fn(&mut MainSettings, &Read<'_>) -> Result<(), Refusal>),
    Server(fn(&mut ServerSettings, &Read<'_>) -> Result<(), Refusal>),
    Location(fn(&mut LocationSettings, &Read<'_>) -> Result<(), Refusal>),
    /// Also inside `limit_except`.
    LimitExcept(fn(&mut LocationSettings, &Read<'_>) -> Result<(), Refusal>),
    /// In a location alone, which then answers with the metrics.
    Metrics(fn(&mut LocationSettings, &Read<'_>) -> Result<(), Refusal>),
}

impl Directive {
    pub const fn level(&self) -> Level {
        match self.reader {
            Reader::Main(_) => Level::Main,
            Reader::Server(_) => Level::Server,
            Reader::Location(_) => Level::Location,
            Reader::LimitExcept(_) => Level::LimitExcept,
            Reader::Metrics(_) => Level::LocationAlone,
        }
    }

    /// Its name, as a message has it.
    pub fn text(&self) -> &'static str {
        self.name.to_str().unwrap_or_default()
    }
}

const fn row(name: &'static CStr, arguments: Arguments, reader: Reader) -> Directive {
    Directive {
        name,
        arguments,
        reader,
    }
}

const fn main(
    name: &'static CStr,
    arguments: Arguments,
    _: &'static str,
    read: fn(&mut MainSettings, &Read<'_>) -> Result<(), Refusal>,
) -> Directive {
    row(name, arguments, Reader::Main(read))
}

const fn server(
    name: &'static CStr,
    arguments: Arguments,
    _: &'static str,
    read: fn(&mut ServerSettings, &Read<'_>) -> Result<(), Refusal>,
) -> Directive {
    row(name, arguments, Reader::Server(read))
}

const fn location(
    name: &'static CStr,
    arguments: Arguments,
    _: &'static str,
    read: fn(&mut LocationSettings, &Read<'_>) -> Result<(), Refusal>,
) -> Directive {
    row(name, arguments, Reader::Location(read))
}

const fn limit_except(
    name: &'static CStr,
    arguments: Arguments,
    _: &'static str,
    read: fn(&mut LocationSettings, &Read<'_>) -> Result<(), Refusal>,
) -> Directive {
    row(name, arguments, Reader::LimitExcept(read))
}

const fn metrics(
    name: &'static CStr,
    arguments: Arguments,
    _: &'static str,
    read: fn(&mut LocationSettings, &Read<'_>) -> Result<(), Refusal>,
) -> Directive {
    row(name, arguments, Reader::Metrics(read))
}
